"""What has been done already: the decision "nothing new", shared by the command line and by Dagster's sensors.

A state of a home is one digest over its ledger, what a run would read, the code and the parameters. The file
`builds/last-run.json` says what was released for the last of them. It may be deleted: a run then does its work once
more and changes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestration.runs import builds, intake
from orchestration.runs.builds import Request
from orchestration.runs.code_identity import ROOT, digest
from submissions.errors import WaymarkError
from submissions.store.home import Home, write_whole
from submissions.store.ledger import Ledger
from submissions.store.ledger import state as state_of_ledger
from submissions.store.publications import AUDIENCES

FILE = "last-run.json"
KEPT_STATES = 20


def audiences_of(home: Home, wanted: Sequence[str] | None = None) -> list[str]:
    """The audiences to release for: the wanted ones, else both for a demonstration and `restricted` for a real home.

    Raises WaymarkError where a real home is asked for a public release.
    """
    if wanted is None:
        return list(AUDIENCES) if home.kind == "demonstration" else ["restricted"]
    if home.kind == "real" and "public" in wanted:
        raise WaymarkError(
            "a public release of real partners' figures is not made yet",
            hint="the disclosure audit of whole releases has to pass first; run with --audience restricted",
        )
    return list(wanted)


def state_of(request: Request, audiences: Sequence[str], sources: Sequence[tuple[str, str]] | None = None) -> str:
    """16 hexadecimal digits over the home's state for this request.

    sources  what a run reads, as `intake.fingerprint` gives it. A run takes it before it receives: a file that comes in
             meanwhile must not count as received.
    """
    return builds.state_digest(request, audiences, intake.fingerprint(request) if sources is None else sources)[:16]


def released(home: Home, state: str, audiences: Sequence[str]) -> dict[str, Any] | None:
    """`as_of`, `releases` and `files_without_contract` of a state; None unless all still stand as latest."""
    last = _read(home).get(state)
    if last is None or {each["audience"] for each in last["releases"]} != set(audiences):
        return None
    found = []
    for each in last["releases"]:
        # of this home, wherever it stands now: a copied or moved home must not point into the other one
        shelf = home.releases / each["audience"]
        index, latest = shelf / each["release_id"] / "index.html", shelf / "latest"
        if not index.is_file() or not latest.is_symlink() or os.readlink(latest) != each["release_id"]:
            return None
        found.append({**each, "index": str(index)})
    return {**last, "releases": found}


def without_inbox(sources: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a run reads but for the inbox."""
    return [source for source in sources if not source[0].startswith("inbox/")]


def remember_received(home: Home, state: str, as_of: str, files_without_contract: Sequence[str]) -> None:
    """Record that everything of a state has been received; nothing of it is released yet. The caller holds the home."""
    _remember(home, state, {"as_of": as_of, "releases": [], "files_without_contract": list(files_without_contract)})


def remember_release(home: Home, state: str, release: dict[str, Any]) -> None:
    """Record the release of one audience of a received state. The caller holds the home.

    release  audience, release_id, index (a path as text), is_new.
    """
    known = _read(home).get(state)
    if known is not None:
        others = [each for each in known["releases"] if each["audience"] != release["audience"]]
        _remember(home, state, {**known, "releases": sorted([*others, release], key=lambda each: each["audience"])})


def remember(home: Home, state: str, what: dict[str, Any]) -> None:
    """Record what a whole run released for a state: `as_of`, `releases`, `files_without_contract`."""
    _remember(home, state, what)


def listing(request: Request) -> Iterator[tuple[str, int, int]]:
    """(path, bytes, modification time) of everything that could make a state new, without reading a file.

    Cheap enough for a sensor: where it is as it was, the state is as it was. The code counts as one line.
    """
    places = [request.inbox, *request.contracts, request.home.path / "contracts", ROOT / "contracts", *request.areas]
    yield digest(), 0, 0
    ledger = request.home.ledger / "ledger.jsonl"
    if ledger.exists():
        yield str(ledger), ledger.stat().st_size, ledger.stat().st_mtime_ns
    for place in places:
        if place is not None and place.exists():
            yield from _files(place)
    for latest in sorted(request.home.releases.glob("*/latest")):
        yield f"{latest} -> {os.readlink(latest)}", 0, 0


def is_empty(request: Request) -> bool:
    """Whether there is nothing to release: no file in the inbox, and no submission in force."""
    if request.inbox is not None and request.inbox.is_dir() and any(_files(request.inbox)):
        return False
    return not state_of_ledger(Ledger.of(request.home).entries()).in_force()


def _files(place: Path) -> Iterator[tuple[str, int, int]]:
    if place.is_file():
        yield str(place), place.stat().st_size, place.stat().st_mtime_ns
        return
    with os.scandir(place) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):  # taken away between two looks: the next look sees it
                    stat = entry.stat()
                    yield entry.path, stat.st_size, stat.st_mtime_ns


def _remember(home: Home, state: str, what: dict[str, Any]) -> None:
    stored = {key: value for key, value in _read(home).items() if key != state} | {state: what}
    write_whole(home.builds / FILE, json.dumps(dict(list(stored.items())[-KEPT_STATES:]), indent=1).encode())


def _read(home: Home) -> dict[str, Any]:
    try:
        return json.loads((home.builds / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
