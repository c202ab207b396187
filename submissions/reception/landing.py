"""One file of the inbox: landed, read under its contract, and written and entered when its suite's results are there.

Reading runs ahead of the books: Great Expectations looks at one batch while DuckDB reads the next. Files are finished in
the order in which they came, and only then do lake, receipts and ledger learn of them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from submissions.contracts.loading import Contract, Dataset, FileRule
from submissions.receipts.receipt import Receipt
from submissions.reception.examination import (
    Examined,
    RefusedRows,
    connect,
    displayed_name,
    earlier_entries,
    examine,
    held_receipt,
    one_receipt,
    open_regular,
    problem_content,
    receipt_of,
    refusal_id_of,
    sha256_of,
)
from submissions.reception.faults import FAULT_REPORT, INTERNAL, code_digest, home_failed, problem_of_fault, report_of
from submissions.reception.writing import write_part, write_receipt
from submissions.store.home import Home, sync_folder, write_whole
from submissions.store.ledger import Entry, Ledger, State, state
from submissions.store.vintages import lake_file
from submissions.validation.problems import Problem, Refusal

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
        self.known = state(self.ledger.append(entries), before=self.known)


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
    """Lands and reads one file of the inbox, unless it is held already, and puts it into the queue.

    Whatever goes wrong here is the file's: it is refused with a number, and the next one is read.
    """
    name = displayed_name(path)
    try:
        file: Receipt | ReadFile = _read_file(queue, contract, path, name, say)
    except Exception as error:
        file = Receipt("refused", name, contract.partner, problems=(problem_of_fault(error),))
    queue.add(file)


def _read_file(queue: Queue, contract: Contract, path: Path, name: str, say: Progress) -> Receipt | ReadFile:
    books = queue.books
    digest = digest_of(path)
    if queue.holds(digest):
        queue.finish()
    landed = None
    if _is_to_land(books, contract, path, digest):
        digest, landed = land(books.home, path)
    if books.home.keyed(digest) in books.known.erased_digests:
        # a file may change between two looks: what was erased is not kept a moment longer
        if landed is not None:
            landed.unlink(missing_ok=True)
        raise Refusal("F-erased")
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
        if landed is None:
            digest, landed = land(books.home, path)
        sent = Sent(contract, dataset, rule, landed, path.name, digest)
        parts.append(read_sent(sent, books.home, books.home.landing / VALIDATION_FOLDER, say))
    return ReadFile(name, contract.partner, digest, parts)


def digest_of(path: Path) -> str:
    """The digest of a file that is not too large to be looked at."""
    size = path.lstat().st_size
    if size > MAXIMUM_FILE_BYTES:
        raise Refusal("F-too-large", f"{size:,} bytes")
    return sha256_of(path)


def _is_to_land(books: Books, contract: Contract, path: Path, digest: str) -> bool:
    """Whether some dataset has work to do with these bytes, and the law lets them in."""
    return books.home.keyed(digest) not in books.known.erased_digests and any(
        dataset.file_rule(path.name) and held_receipt(books.known, contract, dataset, digest, "") is None
        for dataset in contract.datasets.values()
    )


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
    connection: duckdb.DuckDBPyConnection | None
    examined: Examined | None = None
    results: Callable[[], tuple[tuple[str, bool], ...]] | None = None
    problems: Sequence[Problem] = ()
    rows_refused: int = 0
    fault: str = ""


@dataclass(frozen=True)
class Judged:
    """The receipt of a file under one dataset; which of its parts are to be entered, and what they supersede.

    `fault` is the report of an exception that nobody foresaw, without values.
    """

    receipt: Receipt
    taken: tuple[Receipt, ...] = ()
    superseded: tuple[str, ...] = ()
    fault: str = ""


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


def read_sent(sent: Sent, home: Home | None, folder: Path, say: Progress = lambda message: None) -> Read:
    """Everything that needs no book: reading, screening, checking, and the start of the expectation suite in `folder`.

    The partner's own check and a run take this way alike. A fault of any kind is a problem of the file.
    """
    from submissions.validation import expectations

    connection = None
    try:
        connection = connect(home)
        examined = examine(
            connection,
            sent.contract,
            sent.dataset,
            sent.rule,
            sent.path,
            sent.raw_name,
            lambda rows: say(f"{sent.name}: {rows:,} rows"),
        )
        results = expectations.begin(connection, sent.contract, sent.dataset, folder)
        return Read(sent, connection, examined, results)
    except RefusedRows as refused:
        return Read(sent, connection, problems=refused.problems, rows_refused=refused.rows)
    except Exception as error:
        return Read(sent, connection, problems=[problem_of_fault(error)], fault=report_of(error))
    except BaseException:
        if connection is not None:
            connection.close()
        raise


def judged(read: Read, home: Home | None, known: State | None) -> Judged:
    """What becomes of a read file, with its expectation suite, as a run would decide it; nothing is written."""
    sent = read.sent
    contract, dataset = sent.contract, sent.dataset
    try:
        if read.examined is None or read.results is None or read.connection is None:
            return Judged(refused(sent, read.problems, read.rows_refused), fault=read.fault)
        earlier = earlier_entries(known, contract, dataset, sent.digest) if known else []
        superseded = [entry["submission_id"] for entry in earlier if entry["reading_digest"] != dataset.reading_digest]
        receipt = receipt_of(
            read.connection, read.examined, contract, dataset, (sent.name, sent.digest), home, known, superseded
        )
        receipt = _with_expectations(receipt, read.results())
        withdrawn = {
            entry["issued_on"] for entry in earlier if known and known.standing(entry["submission_id"]) == "withdrawn"
        }
        taken = [part for part in receipt.parts if part.issued_on not in withdrawn]
        return Judged(receipt, tuple(taken), tuple(superseded))
    except Exception as error:
        return Judged(refused(sent, [problem_of_fault(error)]), fault=report_of(error))


def _finish_file(books: Books, file: ReadFile) -> Receipt:
    parts = [part if isinstance(part, Receipt) else _take(books, part) for part in file.parts]
    return one_receipt(parts, file.name, file.partner, file.digest)


def _take(books: Books, read: Read) -> Receipt:
    """Writes and enters what was judged: whole, or not at all and refused."""
    try:
        found = judged(read, books.home, books.known)
        if found.receipt.outcome == "refused":
            return _enter_refusal(books, read.sent, found.receipt, found.fault)
        try:
            assert read.connection is not None
            assert read.examined is not None
            for part in found.taken:
                write_part(read.connection, books.home, read.examined, part)
        except Exception as error:
            for part in found.taken:
                _remove_unentered(books, part)
            if isinstance(error, OSError) or type(error).__name__ == "IOException":
                raise home_failed(error) from error
            refusal = refused(read.sent, [problem_of_fault(error)])
            return _enter_refusal(books, read.sent, refusal, report_of(error))
        books.append([_entry(read.sent, part, len(found.taken), found.superseded) for part in found.taken])
        return found.receipt
    finally:
        if read.connection is not None:
            read.connection.close()


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
    with open_regular(path) as source, temporary.open("wb") as target:
        while block := source.read(1 << 20):
            digest.update(block)
            target.write(block)
            if target.tell() > MAXIMUM_FILE_BYTES:
                raise Refusal("F-too-large", f"over {MAXIMUM_FILE_BYTES:,} bytes")
        target.flush()
        os.fsync(target.fileno())
    landed = home.landing / digest.hexdigest()
    temporary.chmod(0o400)
    temporary.replace(landed)
    sync_folder(home.landing)
    return digest.hexdigest(), landed


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


def _remove_unentered(books: Books, part: Receipt) -> None:
    """Takes away what was written of a submission that the ledger does not know."""
    assert part.submission_id is not None
    if part.submission_id not in books.known.submissions:
        lake_file(books.home, part.partner, part.submission_id).unlink(missing_ok=True)
        shutil.rmtree(books.home.quarantine / part.submission_id, ignore_errors=True)


def refused(sent: Sent, problems: Sequence[Problem], rows: int = 0) -> Receipt:
    return Receipt(
        "refused",
        sent.name,
        sent.contract.partner,
        rows,
        0,
        rows,
        problems=tuple(problems),
        dataset=sent.dataset.name,
        submission_id=refusal_id_of(sent.contract, sent.dataset, sent.digest),
        file_sha256=sent.digest,
    )


def _enter_refusal(books: Books, sent: Sent, receipt: Receipt, fault: str) -> Receipt:
    assert receipt.submission_id is not None
    folder = books.home.quarantine / receipt.submission_id
    write_receipt(books.home, folder, receipt)
    if fault:
        write_whole(folder / FAULT_REPORT, fault.encode())
    entry: Entry = {
        "kind": "refusal",
        "refusal_id": receipt.submission_id,
        "file_sha256": sent.digest,
        "file_name": sent.name,
        "rows_in": receipt.rows_in,
        "partner_id": sent.contract.partner,
        "dataset": sent.dataset.name,
        "contract_digest": sent.contract.digest,
        "problems": [problem_content(problem) for problem in receipt.problems],
    }
    if any(problem.code == INTERNAL for problem in receipt.problems):
        # tried again only by another version of the program
        entry["code_digest"] = code_digest()
    books.append([entry])
    return receipt
