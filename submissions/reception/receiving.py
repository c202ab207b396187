"""Receiving: every file of the inbox lands, is read under its contract, and ends in the lake or in quarantine.

Order matters for a crash at any moment: bytes land first, then rows and receipts are written aside and renamed, and one
append to the ledger makes them count. What a crash leaves without a ledger entry is written again by the next run.
The caller holds the home's lock.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from submissions.contracts import loading as contracts_module
from submissions.contracts.loading import Contract
from submissions.contracts.located_yaml import DocumentError, DocumentProblem
from submissions.errors import WaymarkError
from submissions.receipts.receipt import Receipt
from submissions.reception.decisions import confirm, erase, finish_erasures, listing, withdraw
from submissions.reception.examination import displayed_name, held_receipt, one_receipt, sha256_of, submission_id
from submissions.reception.landing import VALIDATION_FOLDER, Books, Progress, Queue, read_file
from submissions.store.home import Home, write_whole
from submissions.store.ledger import Ledger, state
from submissions.validation.problems import Problem, Refusal
from submissions.validation.screening import displayed

__all__ = [
    "LeftAlone",
    "Received",
    "confirm",
    "erase",
    "listing",
    "receive",
    "record_contracts",
    "submission_id",
    "withdraw",
]


@dataclass(frozen=True)
class LeftAlone:
    """A file of the inbox that nothing was done with, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Received:
    """What a run took in: a receipt a file, the files it left alone, and the ledger's position afterwards."""

    receipts: tuple[Receipt, ...]
    left_alone: tuple[LeftAlone, ...]
    position: int
    has_new: bool

    @property
    def balance(self) -> dict[str, int]:
        """Rows of all files with a contract, whether new or held already."""
        names = ("rows_in", "rows_accepted", "rows_quarantined", "rows_excluded")
        return {"files": len(self.receipts)} | {
            name: sum(getattr(receipt, name) for receipt in self.receipts) for name in names
        }


def receive(
    home: Home, inbox: Path | None, contracts: Iterable[Path] | Path | None = None, progress: Progress | None = None
) -> Received:
    """Takes in every file of `inbox`/<partner>/ that a contract describes. Files held already cost one reading.

    `contracts` are folders searched before the home's and the repository's. Changed contracts are recorded first, so
    that the ledger's position decides them too; areas and definitions are recorded by `areas.record` and
    `definitions.record`, which the caller runs before.
    """
    say = progress or (lambda message: None)
    ledger = Ledger.of(home)
    finish_erasures(home)
    _clear_unfinished(home)
    before = ledger.position
    # an invented region takes no real partner's file: its home never looks at the repository's contracts
    found = contracts_module.find(contracts_module.own_roots(contracts_module.roots(contracts, home.path), home))
    files = list(_inbox_files(inbox)) if inbox is not None else []
    books = Books(home, ledger, state(ledger.entries()))
    partners = {partner for partner, _ in files} | books.known.contracts.keys()
    unusable = record_contracts(books, [contract for partner, contract in found.items() if partner in partners])
    queue = Queue(books)
    left_alone: list[LeftAlone] = []
    for partner, path in files:
        name = displayed_name(path)
        contract = unusable.get(partner) or found.get(partner)
        reason = _reason_to_leave(path, partner, contract)
        if reason is not None:
            left_alone.append(LeftAlone(f"{partner}/{name}", reason))
        elif isinstance(contract, Contract):
            read_file(queue, contract, path, say)
        elif isinstance(contract, DocumentError):
            problems = "; ".join(str(problem) for problem in contract.problems[:5])
            problem = Problem("F-contract", problems, len(contract.problems))
            queue.add(Receipt("refused", name, partner, problems=(problem,)))
    queue.finish()
    return Received(tuple(queue.receipts), tuple(left_alone), ledger.position, ledger.position > before)


def held(
    home: Home, inbox: Path, contracts: Mapping[str, Contract | DocumentError]
) -> tuple[list[Receipt], list[LeftAlone]] | None:
    """Receipts of the inbox's files, where the bytes of each were dealt with under the contract of today, and the files that
    are left alone; None where one is new, or cannot be looked at, or has no usable contract."""
    known = state(Ledger.of(home).entries())
    receipts, left_alone = [], []
    for partner, path in _inbox_files(inbox):
        contract = contracts.get(partner)
        reason = _reason_to_leave(path, partner, contract)
        if reason is not None:
            left_alone.append(LeftAlone(f"{partner}/{displayed_name(path)}", reason))
            continue
        if not isinstance(contract, Contract):
            return None
        try:
            digest = sha256_of(path)
        except (OSError, Refusal):
            return None
        if home.keyed(digest) in known.erased_digests:
            return None
        name = displayed_name(path)
        parts = [
            held_receipt(known, contract, dataset, digest, name)
            for dataset in contract.datasets.values()
            if dataset.file_rule(path.name)
        ]
        whole = [part for part in parts if part is not None]
        if len(whole) < len(parts):
            return None
        receipts.append(one_receipt(whole, name, partner, digest))
    return receipts, left_alone


def _reason_to_leave(path: Path, partner: str, contract: Contract | DocumentError | None) -> str | None:
    if path.is_symlink():
        return "it is a link; only files are taken"
    if contract is None:
        return f"no contract for the partner {displayed(partner)}"
    if isinstance(contract, Contract) and not any(
        dataset.file_rule(path.name) for dataset in contract.datasets.values()
    ):
        return "no file pattern of the contract fits the name"
    return None


def _inbox_files(inbox: Path) -> Iterator[tuple[str, Path]]:
    """(partner, file) of <inbox>/<partner>/…, in the order of names; hidden files are not ours."""
    if not inbox.is_dir():
        raise WaymarkError(
            f"the inbox {inbox} does not exist", hint="Give a folder with one folder a partner to --inbox."
        )
    for folder in sorted(entry for entry in inbox.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        for path in sorted(folder.rglob("*")):
            if _is_file(path) and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                yield folder.name, path


def _is_file(path: Path) -> bool:
    """Whether something is a file or a link. What may not be looked at is taken for one, so that it is named."""
    try:
        return path.is_symlink() or path.is_file()
    except OSError:
        return True


def record_contracts(books: Books, contracts: Iterable[Contract | DocumentError]) -> dict[str, DocumentError]:
    """Takes a snapshot of every contract that changed since the ledger last saw it; broken ones are passed over.

    Gives those, by partner, whose files could not be read any more: their partner waits, and no other one.
    """
    entries = []
    unusable: dict[str, DocumentError] = {}
    for contract in contracts:
        if isinstance(contract, DocumentError) or books.known.contracts.get(contract.partner) == contract.digest:
            continue
        folder = books.home.lake / "reference" / "contracts" / contract.partner / contract.digest
        try:
            contents = {
                name: (contract.file.parent / name).read_bytes() for name in ("contract.yml", *contract.snapshot_files)
            }
        except OSError as error:
            problem = DocumentProblem(contract.file, 1, "", f"cannot be read: {error.strerror}")
            unusable[contract.partner] = DocumentError(contract.file, [problem])
            continue
        for name, content in contents.items():
            write_whole(folder / name, content)
        entries.append({"kind": "contract", "partner_id": contract.partner, "digest": contract.digest})
    books.append(sorted(entries, key=lambda entry: entry["partner_id"]))
    return unusable


def _clear_unfinished(home: Home) -> None:
    """Removes what a killed run left half-written; nothing refers to it."""
    for name in (".spill", VALIDATION_FOLDER):
        shutil.rmtree(home.landing / name, ignore_errors=True)
    for folder in (home.landing, home.lake, home.quarantine, home.ledger):
        for path in folder.rglob(".*.part"):
            path.unlink(missing_ok=True)
    for path in home.path.glob(".*.part"):
        path.unlink(missing_ok=True)
