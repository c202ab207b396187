"""The ledger of a home: one line for each thing that happened, only ever added to.

What a build sees is decided by the entries at positions up to a limit. A line that a crash left unfinished does not
count and is cut off by the next writer. Lines chain their digests (`submissions.store.chain`), and an entry holds the digests
of the files that it speaks of (`submissions.store.proof`). Erasure alone rewrites lines, because a law may ask for it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from submissions.errors import WaymarkError
from submissions.store import chain, proof
from submissions.store.chain import Entry, Proved
from submissions.store.home import Home, raise_layout, sync_folder, write_whole

ACCEPTED = ("accepted", "accepted_with_warnings", "rows_quarantined")
# what was done with the inputs, or to the ledger itself: no build sees these, and none makes a new one
RECORDS = frozenset({"seal", "manifest", "release", "discard", "published_cells"})

FileState = tuple[int, ...]

# What each ledger was when it was read last: it only grows, so that reading it once more costs its new lines. With it the
# state of its files as this process left them: adding to a ledger that nobody touched since reads nothing of it.
_read_last: dict[Path, tuple[Proved, FileState]] = {}


@dataclass(frozen=True)
class Ledger:
    file: Path

    @classmethod
    def of(cls, home: Home) -> Ledger:
        return cls(home.ledger / "ledger.jsonl")

    def entries(self, limit: int | None = None) -> list[Entry]:
        """All whole entries, or those at positions up to `limit`, oldest first.

        Raises chain.DamagedLedger where the ledger is not what was written, wherever in it.
        """
        return [dict(entry) for entry in self._proved().entries[:limit]]

    @property
    def position(self) -> int:
        return len(self._proved().entries)

    @property
    def input_position(self) -> int:
        """Position of the newest entry that a build sees; records of releases come after it."""
        return max((entry["position"] for entry in inputs(self._proved().entries)), default=0)

    @property
    def sealed_at(self) -> int | None:
        """Position of the first entry that is proved by itself; what came before it is proved as it stood then."""
        return self._proved().sealed_at

    def append(self, entries: Iterable[Entry]) -> list[Entry]:
        """Adds entries in one write, then waits for the disk. Gives them back as they were written.

        An entry of files gets their digests: the files must stand before it is added.
        """
        wanted = list(entries)
        if not wanted:
            return []
        proved = self._as_left()
        if proved is None:
            self.seal()
            proved = self._proved()
        written = [
            {**entry, **self._evidence(entry)} if entry["kind"] in proof.KINDS else dict(entry) for entry in wanted
        ]
        return self._write(proved, written)

    def seal(self) -> bool:
        """Takes an old ledger into the chain as it stands, with the digests of its files, and mends a head left behind.

        Every writer does so first; a run does it even if it writes nothing else. True where an entry was added.
        """
        proved, head = self._read()
        if not head:
            # a head before the first chained line: a chain without a head is always damage
            self._write_head(proved, None)
        elif head["position"] < len(proved.digests):
            self._write_head(proved, head.get("home_sha256"))
        is_old = bool(proved.entries) and proved.sealed_at is None
        if is_old:
            self._write(proved, [self._seal_of(proved)])
        proved, head = self._read()
        if head.get("home_sha256") is None and (self._home / "home.json").is_file():
            # last, as in every upgrade: until then the home is an old one, and taking it on starts over
            raise_layout(self._home)
            self._write_head(proved, proof.sha256_of(self._home / "home.json"))
        return is_old

    def _seal_of(self, proved: Proved) -> Entry:
        erased = state(proved.entries).erased
        standing = [entry for entry in proved.entries if proof.identity(entry) not in erased]
        files = {name: digest for entry in standing for name, digest in proof.digests(self._home, entry).items()}
        return {
            "kind": "seal",
            "lines_sha256": chain.digest_of_lines(proved.digests),
            "files": dict(sorted(files.items())),
            "releases": proof.releases(self._home),
            "blind": secrets.token_hex(16),
        }

    def replace(self, lines: Mapping[int, Entry]) -> None:
        """Puts rewritten entries in their places, which an erasure further down must vouch for. For erasure only."""
        proved = self._proved()
        entries = [lines.get(entry["position"], entry) for entry in proved.entries]
        write_whole(self.file, b"".join(chain.line_of(entry) + b"\n" for entry in entries))
        _read_last.pop(self.file, None)
        self._proved()

    def original_sha256(self, position: int) -> str:
        """The digest that the chain has of a line, rewritten or not."""
        return self._proved().digests[position - 1]

    def home_sha256(self) -> str | None:
        """The digest of home.json as this home was made, or sealed; None where neither is on record."""
        return self._read()[1].get("home_sha256")

    # --- reading and writing ------------------------------------------------------------------------------------

    @property
    def _home(self) -> Path:
        return self.file.parent.parent

    @property
    def _key(self) -> bytes | None:
        key = self.file.parent / "key"
        return key.read_bytes() if key.is_file() else None

    def _proved(self) -> Proved:
        return self._read()[0]

    def _read(self) -> tuple[Proved, dict[str, Any]]:
        """The lines and the head, proved. The head is read first: a writer that comes between has added lines only."""
        head_file = self.file.parent / "head.json"
        head = chain.read_head(head_file.read_bytes() if head_file.exists() else None, head_file)
        raw = self.file.read_bytes() if self.file.exists() else b""
        known, left = _read_last.get(self.file, (Proved(), ()))
        proved = chain.extend(known, raw, self.file, head)
        chain.prove_head(head, head_file, proved, self.file, self._key)
        self._keep(proved, left)
        return proved, head

    def _keep(self, proved: Proved, left: FileState) -> None:
        _read_last.clear()  # a process works in one home
        _read_last[self.file] = proved, left

    def _as_left(self) -> Proved | None:
        """The lines, where this process wrote the last of them and nobody has touched a file of the ledger since."""
        proved, left = _read_last.get(self.file, (Proved(), ()))
        return proved if left and left == self._file_state() else None

    def _file_state(self) -> FileState:
        """What changes whenever somebody writes the ledger, its head, its key or home.json; nothing where one is missing."""
        folder = self.file.parent
        try:
            about = [
                file.stat() for file in (self.file, folder / "head.json", folder / "key", self._home / "home.json")
            ]
        except FileNotFoundError:
            return ()
        return tuple(part for each in about for part in (each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns))

    def _write_head(self, proved: Proved, home_sha256: str | None) -> None:
        write_whole(self.file.parent / "head.json", chain.head_of(proved, self._key, home_sha256))

    def _evidence(self, entry: Entry) -> Entry:
        """Digests of an entry's files, and what blinds the digest that an erasure leaves of it."""
        return {"files": proof.digests(self._home, entry), "blind": secrets.token_hex(16)}

    def _write(self, proved: Proved, entries: list[Entry]) -> list[Entry]:
        if self._key is None:
            raise WaymarkError(f"{self.file.parent / 'key'} is missing: nothing can be recorded", hint=chain.CURE)
        now, previous = datetime.now(UTC).isoformat(timespec="seconds"), proved.end
        numbered, lines = [], []
        for position, entry in enumerate(entries, start=len(proved.entries) + 1):
            numbered.append({"position": position, "recorded_at": now, **entry, "previous": previous})
            lines.append(chain.line_of(numbered[-1]))
            previous = chain.digest_of(lines[-1])
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("r+b" if self.file.exists() else "w+b") as stream:
            stream.seek(len(proved.raw))
            stream.truncate()
            tail = b"".join(line + b"\n" for line in lines)
            stream.write(tail)
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(self.file.parent)
        head_file = self.file.parent / "head.json"
        head = chain.read_head(head_file.read_bytes() if head_file.exists() else None, head_file)
        now_proved = chain.extend(proved, proved.raw + tail, self.file, head)
        self._write_head(now_proved, head.get("home_sha256"))
        self._keep(now_proved, self._file_state() if head.get("home_sha256") else ())
        return numbered


def inputs(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that a build sees."""
    return [entry for entry in entries if entry["kind"] not in RECORDS]


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


def state(entries: Iterable[Entry], before: State | None = None) -> State:
    """Folds entries, oldest first, into what they amount to; onto `before`, the state that they follow, if there is one."""
    known = before or State()
    submissions, refusals = dict(known.submissions), dict(known.refusals)
    marked = {
        "confirmation": set(known.confirmed),
        "withdrawal": set(known.withdrawn),
        "erasure": set(known.erased),
    }
    erased_digests, superseded = set(known.erased_digests), set(known.superseded)
    contracts, areas, definitions = dict(known.contracts), dict(known.areas), known.definitions
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
