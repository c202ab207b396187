"""Receiving as a run sees it: what came in, for the summary and the checks, and a cheap fingerprint of what could come in."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration import progress
from orchestration.building import Request
from orchestration.code_identity import ROOT
from submissions.receipt import Receipt

HELD = ("already_held", "withdrawn")


@dataclass
class Report:
    """What this process has received: receipts by file, and the files that no contract describes."""

    files: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    left_alone: dict[str, str] = field(default_factory=dict)
    boundaries_missing: list[str] = field(default_factory=list)

    @property
    def receipts(self) -> list[Receipt]:
        """Receipts of the files that were new, in the order in which they came."""
        return [receipt for receipt in self.files.values() if receipt.outcome not in HELD]

    @property
    def already_held(self) -> int:
        return len(self.files) - len(self.receipts)

    @property
    def without_contract(self) -> list[str]:
        return [f"{path}: {reason}" for path, reason in sorted(self.left_alone.items())]

    @property
    def expectations(self) -> dict[str, bool]:
        """Great Expectations' result of every expectation of every new batch, named by partner, dataset and expectation."""
        return {
            f"{receipt.partner}/{receipt.dataset}/{name}": holds
            for receipt in self.receipts
            for name, holds in receipt.expectations
        }


_report = Report()


def clear() -> None:
    """Begin a new run's report."""
    global _report
    _report = Report()


def last_report() -> Report:
    return _report


def receive_waiting(request: Request) -> Report:
    """Take in areas, definitions and every waiting file; add to this run's report. The caller holds the home's lock."""
    from submissions import areas, contract, definitions, receiving, validation_process

    say = progress.current().tick
    roots = contract.roots(request.contracts, request.home.path)
    _report.boundaries_missing = areas.record(request.home, roots, request.areas, progress=say)
    definitions.record(request.home, roots)
    try:
        received = receiving.receive(
            request.home,
            request.inbox if request.inbox and request.inbox.is_dir() else None,
            request.contracts,
            progress=say,
        )
    finally:
        # what a build needs next is memory
        validation_process.stop()
    for receipt in received.receipts:
        key = (receipt.partner, receipt.file_name)
        # what this run received a moment ago is held by now; its receipt says more
        if receipt.outcome not in HELD or key not in _report.files:
            _report.files[key] = receipt
    _report.left_alone = {each.path: each.reason for each in received.left_alone}
    return _report


def row(receipt: Receipt) -> dict[str, Any]:
    """One line of the summary's table of files."""
    return {
        "partner": receipt.partner,
        "file": receipt.file_name,
        "outcome": receipt.outcome.replace("_", " "),
        "rows_in": receipt.rows_in,
        "accepted": receipt.rows_accepted,
        "quarantined": receipt.rows_quarantined,
        "excluded": receipt.rows_excluded,
    }


def warnings(receipts: Iterable[Receipt]) -> dict[str, int]:
    """Rows by problem code over the files of a run."""
    counts: Counter[str] = Counter()
    for receipt in receipts:
        for problem in receipt.problems:
            counts[problem.code] += max(problem.count, 1)
    return dict(sorted(counts.items()))


def unmapped(receipts: Iterable[Receipt]) -> list[dict[str, Any]]:
    """Labels without a code, the most frequent first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for receipt in receipts:
        for column, label, count in receipt.unmapped:
            counts[receipt.partner, column, label] += count
    rows = [{"partner": key[0], "column": key[1], "label": key[2], "rows": count} for key, count in counts.items()]
    return sorted(rows, key=lambda each: (-each["rows"], each["partner"], each["column"], each["label"]))


def fingerprint(request: Request) -> list[tuple[str, str]]:
    """(name, SHA-256) of every file that a run with this request would look at: inbox, contracts and boundaries.

    Contents, never file times: the same folder copied elsewhere has the same fingerprint.
    """
    roots = [("contracts", path) for path in (*request.contracts, request.home.path / "contracts", ROOT / "contracts")]
    places = [("inbox", request.inbox), *roots, *(("areas", path) for path in request.areas)]
    return [
        (f"{kind}/{number}/{name}", digest)
        for number, (kind, place) in enumerate(places)
        if place is not None
        for name, digest in _digests(place)
    ]


def _digests(place: Path) -> Iterator[tuple[str, str]]:
    paths = [place] if place.is_file() else sorted(place.rglob("*")) if place.is_dir() else []
    for path in paths:
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                yield path.relative_to(place).as_posix(), hashlib.file_digest(stream, "sha256").hexdigest()
