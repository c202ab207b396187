"""Releases on record: what left the house for an audience, in which order, and what of it was discarded.

A release of a protected audience is an input of every later one, so it stands in the ledger: an entry of kind `release`
says what it was built from, an entry of kind `discard` that it never left. Such entries say nothing of figures. What a
build sees is decided by the other entries alone (`data_position`), so a release does not make the home's figures new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from submissions.errors import WaymarkError
from submissions.store.home import Home
from submissions.store.ledger import RECORDS, Entry, Ledger

RELEASE, DISCARD, CELLS = "release", "discard", "published_cells"
# from the closest circle to everybody
AUDIENCES = ("restricted", "public")
# whom protection hides something from: what they read once cannot be taken back
PROTECTED_AUDIENCES = ("public",)


@dataclass(frozen=True)
class Publication:
    """One release on record. `ordinal` counts those of its audience from 1; `earlier` are the ids that it took as inputs."""

    ordinal: int
    release_id: str
    audience: str
    as_of: str
    built_at: int
    code: str
    position: int
    earlier: tuple[str, ...] = field(default=(), repr=False)

    def is_of(self, as_of: str, built_at: int, code: str) -> bool:
        return (self.as_of, self.built_at, self.code) == (as_of, built_at, code)


@dataclass(frozen=True)
class Record:
    """The releases of one audience on record, oldest first, and the ordinals of those that were discarded."""

    publications: tuple[Publication, ...] = ()
    discarded: frozenset[int] = frozenset()

    def out(self) -> tuple[Publication, ...]:
        """Those that count as read, oldest first."""
        return tuple(each for each in self.publications if each.ordinal not in self.discarded)

    def find(self, release_id: str) -> Publication | None:
        """The newest of this id that counts as read."""
        return next((each for each in reversed(self.out()) if each.release_id == release_id), None)

    def before(self, as_of: str, built_at: int, code: str) -> tuple[Publication, ...]:
        """What a build takes as inputs: for a release on record those that stood before it, else all that are out.

        as_of, built_at, code  date, data position, and digest of code and parameters of the build.
        """
        again = next((each for each in reversed(self.out()) if each.is_of(as_of, built_at, code)), None)
        if again is None:
            return self.out()
        taken = set(again.earlier)
        return tuple(each for each in self.publications[: again.ordinal - 1] if each.release_id in taken)


def record(entries: Iterable[Entry], audience: str) -> Record:
    """Folds a ledger's entries, oldest first, into the releases of one audience."""
    found: list[Publication] = []
    discarded: set[int] = set()
    for entry in entries:
        if entry["kind"] not in (RELEASE, DISCARD) or entry["audience"] != audience:
            continue
        if entry["kind"] == RELEASE:
            out = tuple(each.release_id for each in found if each.ordinal not in discarded)
            found.append(
                Publication(
                    len(found) + 1, entry["release_id"], audience, entry["as_of"], entry["built_at"], entry["code"],
                    entry["position"], out,
                )
            )  # fmt: skip
        else:
            discarded |= {each.ordinal for each in found if each.release_id == entry["release_id"]}
    return Record(tuple(found), frozenset(discarded))


def record_of(home: Home, audience: str) -> Record:
    return record(Ledger.of(home).entries(), audience)


def data_position(entries: Sequence[Entry], limit: int | None = None) -> int:
    """The position of the last entry that decides figures, at or before `limit`; 0 where there is none."""
    last = len(entries) if limit is None else min(limit, len(entries))
    return next((number for number in range(last, 0, -1) if entries[number - 1]["kind"] not in RECORDS), 0)


def cells_digest(entries: Sequence[Entry], audience: str) -> str | None:
    """The SHA-256 of the file of published cells of an audience, as the newest entry that wrote it says."""
    written = (
        entry["cells_sha256"]
        for entry in reversed(entries)
        if entry["kind"] in (RELEASE, CELLS) and entry["audience"] == audience
    )
    return next(written, None)


def earlier_digest(earlier: Sequence[str]) -> str:
    """16 hexadecimal digits over the ids of earlier releases, in their order."""
    return hashlib.sha256("\n".join(earlier).encode()).hexdigest()[:16]


def entry_of(
    release_id: str, audience: str, as_of: str, built_at: int, code: str, earlier: Sequence[str], cells_sha256: str
) -> Entry:
    """The ledger entry of a release. It names its earlier releases by number and digest: which they are follows from the
    entries before it, and a list in each entry would grow with the square of their number."""
    return {
        "kind": RELEASE,
        "audience": audience,
        "release_id": release_id,
        "as_of": as_of,
        "built_at": built_at,
        "code": code,
        "earlier_count": len(earlier),
        "earlier_digest": earlier_digest(earlier),
        "cells_sha256": cells_sha256,
    }


def discard(home: Home, audience: str, release_id: str, reason: str) -> Entry:
    """Says that a release on record never left the house: it is no input of later ones any more.

    Raises WaymarkError where it is not on record, is discarded already, or no reason is given.
    """
    if not reason.strip():
        raise WaymarkError("a reason is needed", hint="Give it with --reason; it stays in the ledger.")
    known = record_of(home, audience)
    if known.find(release_id) is None:
        ids = {each.release_id for each in known.publications}
        what = "is discarded already" if release_id in ids else f"is no {audience} release on record in this home"
        raise WaymarkError(f"{release_id} {what}", hint="`waymark release list` lists the releases.")
    entry = {"kind": DISCARD, "audience": audience, "release_id": release_id, "reason": reason.strip()}
    return Ledger.of(home).append([entry])[0]


def lost(home: Home) -> list[Publication]:
    """Releases on record whose folder is not there: they were read all the same and stay inputs of protection."""
    entries = Ledger.of(home).entries()
    return [
        each
        for audience in PROTECTED_AUDIENCES
        for each in record(entries, audience).out()
        if not (home.releases / audience / each.release_id / "manifest.json").is_file()
    ]
