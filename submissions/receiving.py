"""Receiving: every file of the inbox lands, is read under its contract, and ends in the lake or in quarantine.

Order matters for a crash at any moment: bytes land first, then rows and receipts are written aside and renamed, and one
append to the ledger makes them count. What a crash leaves without a ledger entry is written again by the next run.
The caller holds the home's lock.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from submissions import contract as contracts_module
from submissions.contract import Contract, Dataset, FileRule
from submissions.decisions import confirm, erase, finish_erasures, listing, withdraw
from submissions.errors import WaymarkError
from submissions.examination import (
    Examined,
    RefusedRows,
    connect,
    displayed_name,
    earlier_entries,
    examine,
    held_receipt,
    one_receipt,
    problem_content,
    receipt_of,
    refusal_id_of,
    sha256_of,
    submission_id,
)
from submissions.home import Home, sync_folder, write_whole
from submissions.ledger import Entry, Ledger, State, state
from submissions.marked_yaml import DocumentError
from submissions.problems import Problem, Refusal
from submissions.receipt import Receipt
from submissions.screening import displayed
from submissions.vintages import lake_file

if TYPE_CHECKING:
    import duckdb

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

Progress = Callable[[str], None]
MAXIMUM_FILE_BYTES = 4_000_000_000


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
    record_contracts(books, [contract for partner, contract in found.items() if partner in partners])
    receipts: list[Receipt] = []
    left_alone: list[LeftAlone] = []
    for partner, path in files:
        name = displayed_name(path)
        contract = found.get(partner)
        reason = _reason_to_leave(path, partner, contract)
        if reason is not None:
            left_alone.append(LeftAlone(f"{partner}/{name}", reason))
        elif isinstance(contract, Contract):
            receipts.append(_receive_file(books, contract, path, say))
        elif isinstance(contract, DocumentError):
            problems = "; ".join(str(problem) for problem in contract.problems[:5])
            problem = Problem("F-contract", problems, len(contract.problems))
            receipts.append(Receipt("refused", name, partner, problems=(problem,)))
    return Received(tuple(receipts), tuple(left_alone), ledger.position, ledger.position > before)


@dataclass
class Books:
    """The ledger and what it amounts to, kept in step so that an old entry is read once a run and not once a file."""

    home: Home
    ledger: Ledger
    known: State

    def append(self, entries: Sequence[Entry]) -> None:
        self.ledger.append(entries)
        self.known = state(self.ledger.entries())


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
            if (path.is_file() or path.is_symlink()) and not any(
                part.startswith(".") for part in path.relative_to(folder).parts
            ):
                yield folder.name, path


# --- one file --------------------------------------------------------------------------------------------------------


def _receive_file(books: Books, contract: Contract, path: Path, say: Progress) -> Receipt:
    name = displayed_name(path)
    try:
        if path.stat().st_size > MAXIMUM_FILE_BYTES:
            problem = Problem("F-too-large", f"{path.stat().st_size:,} bytes")
            return Receipt("refused", name, contract.partner, problems=(problem,))
        digest = sha256_of(path)
    except OSError as error:
        return Receipt("refused", name, contract.partner, problems=(Problem("F-not-readable", error.strerror or ""),))
    if books.home.keyed(digest) in books.known.erased_digests:
        return Receipt("refused", name, contract.partner, problems=(Problem("F-erased"),))
    parts: list[Receipt] = []
    for dataset in contract.datasets.values():
        rule = dataset.file_rule(path.name)
        if rule is None:
            continue
        held = held_receipt(books.known, contract, dataset, digest, name)
        if held is not None:
            parts.append(held)
            continue
        say(f"{contract.partner}/{name}: reading as {dataset.name}")
        try:
            digest, landed = land(books.home, path)
        except OSError as error:
            parts.append(
                Receipt("refused", name, contract.partner, problems=(Problem("F-not-readable", error.strerror or ""),))
            )
            continue
        parts.append(_take(books, Sent(contract, dataset, rule, landed, path.name, digest), say))
    return one_receipt(parts, name, contract.partner, digest)


@dataclass(frozen=True)
class Sent:
    """A landed file, as one dataset of its partner. `raw_name` is only looked at for a date of issue."""

    contract: Contract
    dataset: Dataset
    rule: FileRule
    path: Path
    raw_name: str
    digest: str

    @property
    def name(self) -> str:
        return displayed_name(Path(self.raw_name))


def _take(books: Books, sent: Sent, say: Progress) -> Receipt:
    contract, dataset, home = sent.contract, sent.dataset, books.home
    earlier = earlier_entries(books.known, contract, dataset, sent.digest)
    withdrawn = {entry["issued_on"] for entry in earlier if books.known.standing(entry["submission_id"]) == "withdrawn"}
    superseded = [entry["submission_id"] for entry in earlier if entry["reading_digest"] != dataset.reading_digest]
    connection = connect(home)
    try:
        examined = examine(
            connection,
            contract,
            dataset,
            sent.rule,
            sent.path,
            sent.raw_name,
            lambda rows: say(f"{sent.name}: {rows:,} rows"),
        )
        receipt = receipt_of(
            connection, examined, contract, dataset, sent.name, sent.digest, home, books.known, superseded
        )
        receipt = _with_expectations(connection, contract, dataset, receipt)
        taken = [part for part in receipt.parts if part.issued_on not in withdrawn]
        for part in taken:
            _write_part(connection, home, examined, part)
        books.append([_entry(sent, part, len(taken), superseded) for part in taken])
        return receipt
    except Refusal as refusal:
        return _refuse(books, sent, [refusal.problem])
    except RefusedRows as refused:
        return _refuse(books, sent, refused.problems, refused.rows)
    finally:
        connection.close()


# --- writing ---------------------------------------------------------------------------------------------------------


def _with_expectations(
    connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset, receipt: Receipt
) -> Receipt:
    """Runs the batch's expectation suite; a failed expectation refuses the file."""
    from submissions.expectations import run

    results = run(connection, contract, dataset)
    failed = [name for name, success in results if not success]
    if failed:
        raise Refusal("F-expectations", "; ".join(failed), count=len(failed))
    return replace(
        receipt, expectations=results, parts=tuple(replace(part, expectations=results) for part in receipt.parts)
    )


def land(home: Home, path: Path) -> tuple[str, Path]:
    """Copies a file's bytes below `landing/` under their digest, read-only, whole or not at all."""
    temporary = home.landing / f".{os.getpid()}.part"
    digest = hashlib.sha256()
    with path.open("rb") as source, temporary.open("wb") as target:
        while block := source.read(1 << 20):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    landed = home.landing / digest.hexdigest()
    temporary.chmod(0o444)
    temporary.replace(landed)
    sync_folder(home.landing)
    return digest.hexdigest(), landed


def _write_part(connection: duckdb.DuckDBPyConnection, home: Home, examined: Examined, part: Receipt) -> None:
    from submissions.checking import KEY, VALUES

    assert part.submission_id is not None
    columns = ", ".join(("submission_id", "partner_id", "dataset", *KEY, *VALUES, "source_row_count"))
    order = ", ".join((*KEY, *VALUES))
    write_parquet(
        connection,
        f"""
        SELECT {columns} FROM (
            SELECT '{part.submission_id}' AS submission_id, '{part.partner}' AS partner_id,
                   '{part.dataset}' AS dataset, *
            FROM observations WHERE issue = DATE '{part.issued_on}'
        ) ORDER BY {order}
        """,
        lake_file(home, part.partner, part.submission_id),
    )
    folder = home.quarantine / part.submission_id
    if part.rows_quarantined:
        # only the columns that the contract reads: what else the partner wrote stays in the sealed landing folder
        positions = sorted({*examined.found.positions.values(), *(index for index, _ in examined.found.unpivoted)})
        cells = ", ".join(f"c{position}" for position in positions)
        write_parquet(
            connection,
            f"""
            SELECT line, codes, [{cells}] AS cells FROM source JOIN fates USING (row_id, line)
            WHERE len(codes) > 0 AND issue = DATE '{part.issued_on}' ORDER BY line
            """,
            folder / "rows.parquet",
        )
        header = [examined.reading.header[position] for position in positions]
        write_whole(folder / "header.json", json.dumps(header, ensure_ascii=False).encode())
    _write_receipt(folder, part)


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> None:
    """Writes the rows of a query, whole or not at all; equal rows in an order give equal bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.part")
    target = str(temporary).replace("'", "''")
    connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.replace(file)
    sync_folder(file.parent)


def _write_receipt(folder: Path, receipt: Receipt) -> None:
    write_whole(folder / "receipt.json", receipt.as_json().encode())
    write_whole(folder / "receipt.txt", receipt.as_text().encode())


def _entry(sent: Sent, part: Receipt, issues: int, superseded: Sequence[str]) -> Entry:
    return {
        "kind": "submission",
        "submission_id": part.submission_id,
        "partner_id": sent.contract.partner,
        "dataset": sent.dataset.name,
        "replaces": sent.dataset.replaces,
        "issued_on": part.issued_on,
        "issued_on_is_approximate": sent.rule.issued_on.is_approximate,
        "file_sha256": sent.digest,
        "file_name": part.file_name,
        "contract_digest": sent.contract.digest,
        "reading_digest": sent.dataset.reading_digest,
        "issues_in_file": issues,
        "outcome": part.outcome,
        "rows_in": part.rows_in,
        "rows_accepted": part.rows_accepted,
        "rows_quarantined": part.rows_quarantined,
        "rows_excluded": part.rows_excluded,
        "warnings": part.warnings,
        "vanished_count": part.vanished_count,
        "supersedes": list(superseded),
    }


def _refuse(books: Books, sent: Sent, problems: Sequence[Problem], rows: int = 0) -> Receipt:
    contract, dataset = sent.contract, sent.dataset
    refusal_id = refusal_id_of(contract, dataset, sent.digest)
    receipt = Receipt(
        "refused",
        sent.name,
        contract.partner,
        rows,
        0,
        rows,
        problems=tuple(problems),
        dataset=dataset.name,
        submission_id=refusal_id,
        file_sha256=sent.digest,
    )
    _write_receipt(books.home.quarantine / refusal_id, receipt)
    books.append(
        [
            {
                "kind": "refusal",
                "refusal_id": refusal_id,
                "file_sha256": sent.digest,
                "file_name": sent.name,
                "rows_in": rows,
                "partner_id": contract.partner,
                "dataset": dataset.name,
                "contract_digest": contract.digest,
                "problems": [problem_content(problem) for problem in problems],
            }
        ]
    )
    return receipt


def record_contracts(books: Books, contracts: Iterable[Contract | DocumentError]) -> None:
    """Takes a snapshot of every contract that changed since the ledger last saw it; broken ones are passed over."""
    entries = []
    for contract in contracts:
        if isinstance(contract, DocumentError) or books.known.contracts.get(contract.partner) == contract.digest:
            continue
        folder = books.home.lake / "reference" / "contracts" / contract.partner / contract.digest
        for name in ("contract.yml", *contract.snapshot_files):
            write_whole(folder / name, (contract.file.parent / name).read_bytes())
        entries.append({"kind": "contract", "partner_id": contract.partner, "digest": contract.digest})
    books.append(sorted(entries, key=lambda entry: entry["partner_id"]))


def _clear_unfinished(home: Home) -> None:
    """Removes what a killed run left half-written; nothing refers to it."""
    shutil.rmtree(home.landing / ".spill", ignore_errors=True)
    for folder in (home.landing, home.lake, home.quarantine, home.ledger):
        for path in folder.rglob(".*.part"):
            path.unlink(missing_ok=True)
    for path in home.path.glob(".*.part"):
        path.unlink(missing_ok=True)
