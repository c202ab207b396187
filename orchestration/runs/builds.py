"""Which build a run makes: the date and the ledger position that select its rows, and the files it works in.

A build is known by a key over everything that decides its figures. Its database is `builds/<key>/warehouse.duckdb`: the
file's stem is the name of the database inside SQL, so it is the same for every build and dbt's parse serves them all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from analytics.parameters import PATH as PARAMETERS_PATH
from orchestration.runs import code_identity
from submissions.errors import WaymarkError
from submissions.store import publications
from submissions.store.home import Home
from submissions.store.ledger import Ledger, inputs, state
from submissions.store.publications import AUDIENCES, Publication

KEPT_BUILDS = 4


@dataclass(frozen=True)
class Request:
    """What a run was asked for; None means the default of the ledger."""

    home: Home
    as_of: date | None = None
    ledger: int | None = None
    inbox: Path | None = None
    contracts: tuple[Path, ...] = ()
    areas: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Build:
    """One (as_of, ledger position) of one home; `for_audience` narrows it to what one audience may see.

    ledger_position  of the last entry that decides figures: entries about releases change none.
    earlier          releases of this audience that are inputs of protection, oldest first.
    """

    home: Home
    as_of: date
    ledger_position: int
    audience: str | None = None
    earlier: tuple[Publication, ...] = ()

    @property
    def key(self) -> str:
        """16 hexadecimal digits over what decides the figures of this build."""
        decided = [
            self.as_of.isoformat(),
            self.ledger_position,
            self.audience or "marts",
            rules_digest(),
            *(each.release_id for each in self.earlier),
        ]
        return hashlib.sha256(json.dumps(decided).encode()).hexdigest()[:16]

    @property
    def folder(self) -> Path:
        return self.home.builds / self.key

    @property
    def database(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """The folder of published tables and map layers, which is all that `reports` sees."""
        return self.folder / "published"

    def for_audience(self, audience: str) -> Build:
        if audience not in AUDIENCES:
            raise WaymarkError(f"no audience is called {audience!r}", hint=f"choose one of: {', '.join(AUDIENCES)}")
        if audience not in publications.PROTECTED_AUDIENCES:
            return Build(self.home, self.as_of, self.ledger_position, audience)
        known = publications.record_of(self.home, audience)
        earlier = known.before(self.as_of.isoformat(), self.ledger_position, rules_digest())
        return Build(self.home, self.as_of, self.ledger_position, audience, earlier)


# the libraries whose arithmetic decides which cells are hidden: another version may choose otherwise
DECIDING_LIBRARIES = ("duckdb", "highspy", "numpy", "pandas", "scipy")


def rules_digest() -> str:
    """16 hexadecimal digits over the code, the parameters and the libraries that decide: all but what was received."""
    decided = [
        code_identity.digest(),
        hashlib.sha256(PARAMETERS_PATH.read_bytes()).hexdigest(),
        *(f"{name} {_version(name)}" for name in DECIDING_LIBRARIES),
    ]
    return hashlib.sha256("\n".join(decided).encode()).hexdigest()[:16]


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def resolve(request: Request) -> Build:
    """The build that a request means: by default the newest issue and the end of the ledger.

    Raises WaymarkError when the ledger position does not exist, or when nothing is in force to build from.
    """
    entries = Ledger.of(request.home).entries()
    last = len(entries)
    asked = last if request.ledger is None else request.ledger
    if not 0 < asked <= last:
        raise WaymarkError(
            f"the ledger of {request.home.path} has no position {asked}",
            hint=f"it ends at {last}; `waymark submissions` lists the entries"
            if last
            else "receive a submission first",
        )
    # what was released is on record behind what it was made from, and makes no new build
    position = publications.data_position(entries, asked)
    held = state(entries[:position]).in_force()
    if not held:
        raise WaymarkError(
            f"no submission is in force at ledger position {position} of {request.home.path}",
            hint="put partner files under the inbox (one folder a partner) and run again",
        )
    as_of = request.as_of or max(date.fromisoformat(str(entry["issued_on"])) for entry in held)
    if not any(date.fromisoformat(str(entry["issued_on"])) <= as_of for entry in held):
        first = min(str(entry["issued_on"]) for entry in held)
        raise WaymarkError(f"nothing had been issued by {as_of}", hint=f"the earliest issue in this home is {first}")
    return Build(request.home, as_of, position)


def begin(build: Build) -> None:
    """An empty folder for this build; whatever an interrupted run left there goes."""
    if build.folder.exists():
        shutil.rmtree(build.folder)
    build.folder.mkdir(parents=True)


def fork(marts: Build, audience: str) -> Build:
    """The build of one audience, begun from a copy of the finished marts.

    dbt keeps its connection open in this process, so the last commits may still stand in the write-ahead log: they are
    brought into the file before it is copied.
    """
    import duckdb

    forked = marts.for_audience(audience)
    begin(forked)
    with duckdb.connect(str(marts.database)) as connection:
        connection.execute("force checkpoint")
        shutil.copyfile(marts.database, forked.database)
    return forked


def prune(home: Home, keep: Sequence[Build]) -> None:
    """Remove old builds but the newest few: every one can be made again from the ledger."""
    protected = {build.folder for build in keep}
    folders = [path for path in home.builds.iterdir() if path.is_dir() and path not in protected]
    folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in folders[KEPT_BUILDS:]:
        shutil.rmtree(path, ignore_errors=True)


def state_digest(request: Request, audiences: Sequence[str], sources: Sequence[tuple[str, str]]) -> str:
    """Everything that decides whether a run would change anything, in one digest; nothing heavy is loaded for it.

    sources  (name, digest) of the contracts, definitions and area files that this request would use.
    """
    # a release that went out makes nothing new; one that was discarded does, for it is no input any more
    entries = Ledger.of(request.home).entries()
    held = [*inputs(entries), *(entry for entry in entries if entry["kind"] == publications.DISCARD)]
    decided: list[Any] = [
        hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest() if held else "",
        code_identity.digest(),
        hashlib.sha256(PARAMETERS_PATH.read_bytes()).hexdigest(),
        request.as_of.isoformat() if request.as_of else None,
        request.ledger,
        sorted(audiences),
        sorted(sources),
    ]
    return hashlib.sha256(json.dumps(decided).encode()).hexdigest()
