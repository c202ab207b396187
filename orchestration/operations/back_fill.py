"""Reading landed files again under the contract of today, whether or not they still stand in the inbox.

The bytes are those that landed. Where a contract reads them as before, nothing changes; where it reads them otherwise,
a new submission supersedes the old one, as if the partner had sent the same file on the day the contract changed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from orchestration.runs import intake
from orchestration.runs.builds import Request
from submissions.errors import WaymarkError
from submissions.store import proof
from submissions.store.home import Home
from submissions.store.ledger import Entry, Ledger, state

PREFIX = ".back-fill-"


def of_partners(home: Home, partners: Collection[str]) -> list[Entry]:
    """The submissions of these partners that a reading could replace, oldest first.

    Raises WaymarkError for a partner that has no such submission.
    """
    found = [entry for entry in _readable(home) if entry["partner_id"] in set(partners)]
    missing = sorted(set(partners) - {entry["partner_id"] for entry in found})
    if missing:
        raise WaymarkError(
            f"the home holds nothing of {missing[0]} that could be read again",
            hint="`waymark submissions` lists what it holds; withdrawn and erased submissions are not read again",
        )
    return found


def of_submissions(home: Home, identifiers: Collection[str]) -> list[Entry]:
    """These submissions, without those that were withdrawn, superseded or erased; oldest first."""
    return [entry for entry in _readable(home) if entry["submission_id"] in set(identifiers)]


def read_again(request: Request, entries: Collection[Entry], report: intake.Report | None = None) -> None:
    """Receive the landed bytes of these submissions once more; `report`, that of a run, gets a receipt each.

    The caller holds the home. Raises WaymarkError where the bytes are gone.
    """
    home = request.home
    for left in home.builds.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=home.builds) as folder:
        for entry in {entry["file_sha256"]: entry for entry in entries}.values():
            landed = home.landing / entry["file_sha256"]
            if not landed.is_file():
                raise WaymarkError(
                    f"{landed} is in the ledger but not in the home", hint="restore it from a backup of the home"
                )
            if proof.sha256_of(landed) != entry["file_sha256"]:
                raise WaymarkError(
                    f"{landed} was altered: it is not what was received",
                    hint=proof.cure_of(f"landing/{landed.name}").capitalize(),
                )
            # names sort by ledger position, so that files are taken in the order in which they came
            place = Path(folder) / entry["partner_id"] / f"{entry['position']:09d}" / entry["file_name"]
            place.parent.mkdir(parents=True)
            try:
                os.link(landed, place)
            except OSError:
                shutil.copyfile(landed, place)
        intake.receive_waiting(replace(request, inbox=Path(folder)), report)


def _readable(home: Home) -> list[Entry]:
    known = state(Ledger.of(home).entries())
    gone = ("withdrawn", "superseded", "erased")
    return [entry for entry in known.submissions.values() if known.standing(entry["submission_id"]) not in gone]
