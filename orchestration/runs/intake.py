"""Receiving as a run sees it: what came in, for the summary and the checks, and a cheap fingerprint of what could come in."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestration.runs import progress, releases
from orchestration.runs.builds import Request
from orchestration.runs.code_identity import ROOT
from submissions.receipts.receipt import Receipt
from submissions.store import integrity
from submissions.store.home import Home
from submissions.store.ledger import Entry, Ledger, State, state

HELD = ("already_held", "withdrawn")


@dataclass
class Report:
    """What a run has received: receipts by file, and the files that no contract describes.

    `refused_before` lie in the inbox as they were refused in an earlier run: nothing was done with them in this one, and
    its balance leaves them out. `notices` are sentences on what a person may not expect.
    """

    files: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    refused_before: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
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


def receive_waiting(request: Request, report: Report | None = None) -> Report:
    """Take in areas, definitions and every waiting file, and say what came. The caller holds the home's lock.

    report  of a run that receives in several steps: what comes is added to it.
    """
    from submissions.contracts import area_sets, definitions, loading
    from submissions.reception import receiving
    from submissions.validation import process

    say = progress.current().tick
    report = Report() if report is None else report
    begin(request.home)
    # an erasure whose command was killed in between, or that was done by hand
    releases.mark_not_rebuildable(request.home)
    roots = loading.roots(request.contracts, request.home.path)
    known = state(Ledger.of(request.home).entries())
    report.boundaries_missing = area_sets.record(request.home, roots, request.areas, progress=say)
    missing = _without_contract_now(known, loading.own_roots(roots, request.home))
    if missing:
        report.notices = [_contracts_missing(missing, request.home)]
    if not missing or known.definitions is None:
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
        process.stop()
    for receipt in received.receipts:
        key = (receipt.partner, receipt.file_name)
        is_old = _is_refused_before(receipt, known)
        # what this run received a moment ago is held by now; its receipt says more
        if key in report.files and (is_old or receipt.outcome in HELD):
            continue
        (report.refused_before if is_old else report.files)[key] = receipt
    report.left_alone = {each.path: each.reason for each in received.left_alone}
    return report


def begin(home: Home) -> None:
    """Before anything else of a run: an old ledger is sealed as it stands, and what figures are made from is as it was.

    Raises WaymarkError naming file and cure. The caller holds the home.
    """
    if tightened := home.tighten():
        progress.current().line(
            f"{tightened} files and folders could be read by others; from now on by their owner alone"
        )
    ledger = Ledger.of(home)
    if ledger.seal():
        progress.current().line(
            f"the ledger is sealed as it stood ({ledger.position - 1} entries); from here on every line proves the others"
        )
    integrity.refuse_damaged(home)


def _is_refused_before(receipt: Receipt, known: State) -> bool:
    """Whether a file, or each of its datasets, was refused or taken in an earlier run as it stands."""
    parts = receipt.parts or (receipt,)
    return receipt.outcome == "refused" and all(
        part.outcome in HELD or (part.outcome == "refused" and part.submission_id in known.refusals) for part in parts
    )


def _without_contract_now(known: State, roots: Iterable[Path]) -> list[str]:
    """Partners whose figures are in force, while no folder of this run holds their contract."""
    partners = {entry["partner_id"] for entry in known.in_force()}
    folders = [folder for root in roots for folder in (root / "partners", root)]
    return sorted(
        partner for partner in partners if not any((folder / partner / "contract.yml").is_file() for folder in folders)
    )


def _contracts_missing(partners: Sequence[str], home: Home) -> str:
    named = ", ".join(partners[:5]) + (f" and {len(partners) - 5} more" if len(partners) > 5 else "")
    return (
        f"no contracts folder of this run holds {named}: their figures, maps and all legal definitions stand as they "
        f"were last recorded, nothing new of theirs is taken, and changed definitions are not looked at. Give the folder "
        f"with --contracts as before, or copy it to {home.path / 'contracts'}"
    )


def refused_row(receipt: Receipt) -> dict[str, Any]:
    """One line of the list of files that were refused before and lie in the inbox unchanged."""
    identifiers = [part.submission_id for part in receipt.parts or (receipt,) if part.outcome == "refused"]
    return {
        "partner": receipt.partner,
        "file": receipt.file_name,
        "refusal": ", ".join(identifier for identifier in identifiers if identifier),
        "problems": ", ".join(dict.fromkeys(problem.code for problem in receipt.problems)),
    }


def refusals(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Every refused file of a ledger: when, why, and the submission of the same dataset that came after it.

    What came later is the same file where its name is the same (`same_file`), else the dataset's next submission.
    """
    known = state(entries)
    found = []
    for identifier, entry in known.refusals.items():
        later = [
            each
            for each in known.submissions.values()
            if (each["partner_id"], each["dataset"]) == (entry["partner_id"], entry["dataset"])
            and each["position"] > entry["position"]
        ]
        same = [each for each in later if each["file_name"] == entry["file_name"] != "erased"]
        after = next(iter(same or later), None)
        found.append(
            {
                "position": entry["position"],
                "submission": identifier,
                "partner": entry["partner_id"],
                "dataset": entry["dataset"],
                "issued_on": None,
                "refused_on": entry["recorded_at"][:10],
                "standing": "erased" if identifier in known.erased else "refused",
                "problems": ", ".join(dict.fromkeys(problem["code"] for problem in entry["problems"])),
                "rows_in": entry["rows_in"],
                "accepted": 0,
                "quarantined": entry["rows_in"],
                "excluded": 0,
                "later": after["submission_id"] if after else None,
                "later_is_same_file": bool(same),
                "file": entry["file_name"],
            }
        )
    return found


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


def nothing_to_receive(request: Request) -> Report | None:
    """What the inbox holds, where every file was dealt with before, whatever its name; None where one was not.

    Costs one reading of the files and the contracts, and loads nothing heavy.
    """
    from submissions.contracts import loading
    from submissions.reception import receiving

    if request.inbox is None or not request.inbox.is_dir():
        return Report()
    roots = loading.own_roots(loading.roots(request.contracts, request.home.path), request.home)
    found = receiving.held(request.home, request.inbox, loading.find(roots))
    if found is None:
        return None
    receipts, left_alone = found
    return Report(
        {(receipt.partner, receipt.file_name): receipt for receipt in receipts},
        left_alone={each.path: each.reason for each in left_alone},
    )


def _digests(place: Path) -> Iterator[tuple[str, str]]:
    paths = [place] if place.is_file() else sorted(place.rglob("*")) if place.is_dir() else []
    for path in paths:
        name = path.relative_to(place).as_posix()
        try:
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as stream:
                    yield name, hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            # one file that may not be read keeps no other from being received; receiving names it
            yield name, f"not readable: {error.errno}"
