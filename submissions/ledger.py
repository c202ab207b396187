"""The ledger of a home: one line for each thing that happened, only ever added to.

What a build sees is decided by the entries at positions up to a limit. A line that a crash left unfinished does not
count and is cut off by the next writer. Erasure alone rewrites lines, because a law may ask for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from submissions.errors import WaymarkError
from submissions.home import Home, sync_folder, write_whole

Entry = dict[str, Any]
ACCEPTED = ("accepted", "accepted_with_warnings", "rows_quarantined")


@dataclass(frozen=True)
class Ledger:
    file: Path

    @classmethod
    def of(cls, home: Home) -> Ledger:
        return cls(home.ledger / "ledger.jsonl")

    def entries(self, limit: int | None = None) -> list[Entry]:
        """All whole entries, or those at positions up to `limit`, oldest first."""
        if not self.file.exists():
            return []
        raw = self.file.read_bytes()
        lines = raw.split(b"\n")[:-1]
        found = []
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
                if entry["position"] != number:
                    raise ValueError
            except (ValueError, KeyError, TypeError) as error:
                raise WaymarkError(
                    f"the ledger {self.file} is damaged in line {number}", hint="Restore it from a backup of the home."
                ) from error
            found.append(entry)
            if limit is not None and number >= limit:
                break
        return found[:limit] if limit is not None else found

    @property
    def position(self) -> int:
        return len(self.entries())

    def append(self, entries: Iterable[Entry]) -> list[Entry]:
        """Adds entries in one write, then waits for the disk. Gives them back with position and time."""
        written = self.entries()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        numbered = [
            {"position": len(written) + offset, "recorded_at": now, **entry}
            for offset, entry in enumerate(entries, start=1)
        ]
        if not numbered:
            return []
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("r+b" if self.file.exists() else "w+b") as stream:
            whole = stream.read().rfind(b"\n") + 1
            stream.seek(whole)
            stream.truncate()
            stream.write(b"".join(_line(entry) for entry in numbered))
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(self.file.parent)
        return numbered

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Replaces the whole ledger: for erasure only."""
        write_whole(self.file, b"".join(_line(entry) for entry in entries))


def _line(entry: Entry) -> bytes:
    return json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True)
class State:
    """What the entries up to a position amount to."""

    submissions: dict[str, Entry] = field(default_factory=dict)
    refusals: dict[str, Entry] = field(default_factory=dict)
    confirmed: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()
    erased: frozenset[str] = frozenset()
    erased_digests: frozenset[str] = frozenset()
    superseded: frozenset[str] = frozenset()
    contracts: dict[str, str] = field(default_factory=dict)
    areas: dict[str, str] = field(default_factory=dict)
    definitions: str | None = None

    def standing(self, submission_id: str) -> str:
        """The outcome of a submission as of now: its own, or what became of it."""
        if submission_id in self.erased:
            return "erased"
        if submission_id in self.withdrawn:
            return "withdrawn"
        if submission_id in self.superseded:
            return "superseded"
        outcome = self.submissions[submission_id]["outcome"]
        if outcome == "held_for_confirmation" and submission_id in self.confirmed:
            return "accepted_with_warnings"
        return outcome

    def in_force(self, partner: str | None = None, dataset: str | None = None) -> list[Entry]:
        """Submissions that count, in the order of the ledger. Evidence is no figure and is left out."""
        return [
            entry
            for entry in self.submissions.values()
            if self.standing(entry["submission_id"]) in ACCEPTED
            and not is_evidence(entry["submission_id"])
            and partner in (None, entry["partner_id"])
            and dataset in (None, entry["dataset"])
        ]


def is_evidence(submission_id: str) -> bool:
    """Whether a submission is evidence, such as a panel of laws: its id begins with e."""
    return submission_id.startswith("e")


def state(entries: Iterable[Entry]) -> State:
    """Folds entries, oldest first, into what they amount to."""
    submissions: dict[str, Entry] = {}
    refusals: dict[str, Entry] = {}
    marked: dict[str, set[str]] = {"confirmation": set(), "withdrawal": set(), "erasure": set()}
    erased_digests: set[str] = set()
    superseded: set[str] = set()
    contracts: dict[str, str] = {}
    areas: dict[str, str] = {}
    definitions = None
    for entry in entries:
        kind = entry["kind"]
        if kind == "submission":
            submissions[entry["submission_id"]] = entry
            superseded |= set(entry.get("supersedes", ()))
            superseded.discard(entry["submission_id"])
        elif kind == "refusal":
            refusals[entry["refusal_id"]] = entry
        elif kind in marked:
            marked[kind].add(entry["submission_id"])
            erased_digests |= {entry["keyed_digest"]} if kind == "erasure" else set()
        elif kind == "contract":
            contracts[entry["partner_id"]] = entry["digest"]
        elif kind == "areas":
            areas[entry["area_set"]] = entry["digest"]
        elif kind == "definitions":
            definitions = entry["digest"]
    return State(
        submissions, refusals, frozenset(marked["confirmation"]), frozenset(marked["withdrawal"]),
        frozenset(marked["erasure"]), frozenset(erased_digests), frozenset(superseded), contracts, areas, definitions,
    )  # fmt: skip
