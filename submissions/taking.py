"""One file of the inbox: landed, read under its contract, and written and entered when its suite's results are there.

Reading runs ahead of the books: Great Expectations looks at one batch while DuckDB reads the next. Files are finished in
the order in which they came, and only then do lake, receipts and ledger learn of them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from submissions.contract import Contract, Dataset, FileRule
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
)
from submissions.home import Home, sync_folder, write_whole
from submissions.ledger import Entry, Ledger, State, state
from submissions.problems import Problem, Refusal
from submissions.receipt import Receipt
from submissions.vintages import lake_file

if TYPE_CHECKING:
    import duckdb

Progress = Callable[[str], None]
MAXIMUM_FILE_BYTES = 4_000_000_000
VALIDATION_FOLDER = ".validation"
# what is read and not yet finished stands in memory: many small files, or one large one
MAXIMUM_FILES_WAITING = 16
MAXIMUM_ROWS_WAITING = 200_000


@dataclass
class Books:
    """The ledger and what it amounts to, kept in step so that an old entry is read once a run and not once a file."""

    home: Home
    ledger: Ledger
    known: State

    def append(self, entries: Sequence[Entry]) -> None:
        self.ledger.append(entries)
        self.known = state(self.ledger.entries())


@dataclass
class Queue:
    """Files that are read and wait for their expectation suite, which another process looks at while the next is read.

    They are finished in the order in which they came: only then do books, lake and receipts learn of them.
    """

    books: Books
    receipts: list[Receipt] = field(default_factory=list)
    waiting: deque[Receipt | ReadFile] = field(default_factory=deque)

    def add(self, file: Receipt | ReadFile) -> None:
        self.waiting.append(file)
        if sum(each.rows for each in self._read()) > MAXIMUM_ROWS_WAITING:
            self.finish()
        self.finish(MAXIMUM_FILES_WAITING)

    def finish(self, left: int = 0) -> None:
        """Finishes the oldest until `left` wait."""
        while len(self.waiting) > left:
            file = self.waiting.popleft()
            self.receipts.append(file if isinstance(file, Receipt) else _finish_file(self.books, file))

    def holds(self, digest: str) -> bool:
        return any(each.digest == digest for each in self._read())

    def _read(self) -> Iterator[ReadFile]:
        return (each for each in self.waiting if isinstance(each, ReadFile))


def read_file(queue: Queue, contract: Contract, path: Path, say: Progress) -> None:
    """Lands and reads one file of the inbox, unless it is held already, and puts it into the queue."""
    books, name = queue.books, displayed_name(path)
    try:
        too_large = path.stat().st_size > MAXIMUM_FILE_BYTES
        digest = "" if too_large else sha256_of(path)
        problem = Problem("F-too-large", f"{path.stat().st_size:,} bytes") if too_large else None
    except OSError as error:
        digest, problem = "", Problem("F-not-readable", error.strerror or "")
    if problem is None and books.home.keyed(digest) in books.known.erased_digests:
        problem = Problem("F-erased")
    if problem is not None:
        queue.add(Receipt("refused", name, contract.partner, problems=(problem,)))
        return
    if queue.holds(digest):
        queue.finish()
    parts: list[Receipt | Read] = []
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
            problem = Problem("F-not-readable", error.strerror or "")
            parts.append(Receipt("refused", name, contract.partner, problems=(problem,)))
            continue
        try:
            parts.append(_read(books.home, Sent(contract, dataset, rule, landed, path.name, digest), say))
        except Exception:
            # what came before this file stands, whatever is wrong with the program here
            queue.finish()
            raise
    queue.add(ReadFile(name, contract.partner, digest, parts))


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


@dataclass(frozen=True)
class Read:
    """A sent file that is read and checked, or refused; its expectation suite is being looked at."""

    sent: Sent
    connection: duckdb.DuckDBPyConnection
    examined: Examined | None = None
    results: Callable[[], tuple[tuple[str, bool], ...]] | None = None
    problems: Sequence[Problem] = ()
    rows_refused: int = 0


@dataclass(frozen=True)
class ReadFile:
    """A file of the inbox as its datasets read it."""

    name: str
    partner: str
    digest: str
    parts: list[Receipt | Read]

    @property
    def rows(self) -> int:
        return sum(part.examined.reading.rows for part in self.parts if isinstance(part, Read) and part.examined)


def _read(home: Home, sent: Sent, say: Progress) -> Read:
    """Everything that needs no book: reading, screening, checking, and the start of the expectation suite."""
    from submissions import expectations

    connection = connect(home)
    try:
        examined = examine(
            connection,
            sent.contract,
            sent.dataset,
            sent.rule,
            sent.path,
            sent.raw_name,
            lambda rows: say(f"{sent.name}: {rows:,} rows"),
        )
        results = expectations.begin(connection, sent.contract, sent.dataset, home.landing / VALIDATION_FOLDER)
        return Read(sent, connection, examined, results)
    except Refusal as refusal:
        return Read(sent, connection, problems=[refusal.problem])
    except RefusedRows as refused:
        return Read(sent, connection, problems=refused.problems, rows_refused=refused.rows)
    except BaseException:
        connection.close()
        raise


def _finish_file(books: Books, file: ReadFile) -> Receipt:
    parts = [part if isinstance(part, Receipt) else _take(books, part) for part in file.parts]
    return one_receipt(parts, file.name, file.partner, file.digest)


def _take(books: Books, read: Read) -> Receipt:
    sent, connection = read.sent, read.connection
    contract, dataset, home = sent.contract, sent.dataset, books.home
    try:
        if read.examined is None or read.results is None:
            return _refuse(books, sent, read.problems, read.rows_refused)
        earlier = earlier_entries(books.known, contract, dataset, sent.digest)
        withdrawn = {
            entry["issued_on"] for entry in earlier if books.known.standing(entry["submission_id"]) == "withdrawn"
        }
        superseded = [entry["submission_id"] for entry in earlier if entry["reading_digest"] != dataset.reading_digest]
        receipt = receipt_of(
            connection, read.examined, contract, dataset, sent.name, sent.digest, home, books.known, superseded
        )
        receipt = _with_expectations(receipt, read.results())
        taken = [part for part in receipt.parts if part.issued_on not in withdrawn]
        for part in taken:
            _write_part(connection, home, read.examined, part)
        books.append([_entry(sent, part, len(taken), superseded) for part in taken])
        return receipt
    except Refusal as refusal:
        return _refuse(books, sent, [refusal.problem])
    finally:
        connection.close()


# --- writing ---------------------------------------------------------------------------------------------------------


def _with_expectations(receipt: Receipt, results: tuple[tuple[str, bool], ...]) -> Receipt:
    """The receipt with the results of the batch's expectation suite; a failed expectation refuses the file."""
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
    temporary.chmod(0o400)
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
    _write_receipt(home, folder, part)


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


def _write_receipt(home: Home, folder: Path, receipt: Receipt) -> None:
    from submissions import receipt_page

    page = receipt_page.page(receipt, is_invented=home.kind == "demonstration")
    write_whole(folder / "receipt.html", page.encode())
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
    _write_receipt(books.home, books.home.quarantine / refusal_id, receipt)
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
