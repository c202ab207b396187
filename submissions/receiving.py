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
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submissions import contract as contracts_module
from submissions.contract import Contract, Dataset, FileRule
from submissions.errors import WaymarkError
from submissions.home import Home, sync_folder, write_whole
from submissions.ledger import Entry, Ledger, State, state
from submissions.marked_yaml import DocumentError
from submissions.problems import Problem, Refusal
from submissions.receipt import Receipt, joined
from submissions.vintages import Vanished, lake_file, vanished

if TYPE_CHECKING:
    import duckdb

    from submissions.checking import Checked
    from submissions.reading import Reading

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
    messages: tuple[str, ...] = ()

    @property
    def balance(self) -> dict[str, int]:
        """Rows of all files with a contract, whether new or held already."""
        names = ("rows_in", "rows_accepted", "rows_quarantined", "rows_excluded")
        return {"files": len(self.receipts)} | {
            name: sum(getattr(receipt, name) for receipt in self.receipts) for name in names
        }


def receive(
    home: Home,
    inbox: Path | None,
    contracts: Iterable[Path] | Path | None = None,
    area_files: Iterable[Path] = (),
    progress: Progress | None = None,
) -> Received:
    """Takes in every file of `inbox`/<partner>/ that a contract describes. Files held already cost one reading.

    `contracts` are folders searched before the home's and the repository's; `area_files` are boundary files or folders.
    Changed contracts, area sets and definitions are recorded first, so that the ledger's position decides them too.
    """
    from submissions import areas, definitions

    say = progress or (lambda message: None)
    ledger = Ledger.of(home)
    before = ledger.position
    finish_erasures(home, state(ledger.entries()))
    _clear_unfinished(home)
    roots = contracts_module.roots(contracts, home.path)
    # an invented region never shares its home with the real world, so the shipped area sets stay out of it
    own_roots = [root for root in roots if root != contracts_module.REPOSITORY_CONTRACTS or home.kind == "real"]
    messages = areas.record(home, own_roots, area_files, say)
    definitions.record(home, own_roots)
    found = contracts_module.find(roots)
    files = list(_inbox_files(inbox)) if inbox is not None else []
    partners = {partner for partner, _ in files} | state(ledger.entries()).contracts.keys()
    record_contracts(home, [contract for partner, contract in found.items() if partner in partners and isinstance(contract, Contract)])
    receipts: list[Receipt] = []
    left_alone: list[LeftAlone] = []
    for partner, path in files:
        name = displayed_name(path)
        contract = found.get(partner)
        if path.is_symlink():
            left_alone.append(LeftAlone(f"{partner}/{name}", "it is a link; only files are taken"))
        elif contract is None:
            left_alone.append(LeftAlone(f"{partner}/{name}", f"no contract for the partner {partner}"))
        elif isinstance(contract, DocumentError):
            say(f"{partner}/{name}: the contract cannot be used")
            problem = Problem("F-contract", "; ".join(str(problem) for problem in contract.problems[:5]), len(contract.problems))
            receipts.append(Receipt("refused", name, partner, problems=(problem,)))
        elif not any(dataset.file_rule(path.name) for dataset in contract.datasets.values()):
            left_alone.append(LeftAlone(f"{partner}/{name}", "no file pattern of the contract fits the name"))
        else:
            receipts.append(_receive_file(home, ledger, contract, path, say))
    return Received(tuple(receipts), tuple(left_alone), ledger.position, ledger.position > before, tuple(messages))


def _inbox_files(inbox: Path) -> Iterator[tuple[str, Path]]:
    """(partner, file) of <inbox>/<partner>/…, in the order of names; hidden files are not ours."""
    if not inbox.is_dir():
        raise WaymarkError(f"the inbox {inbox} does not exist", hint="Give a folder with one folder a partner to --inbox.")
    for folder in sorted(entry for entry in inbox.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        for path in sorted(folder.rglob("*")):
            if (path.is_file() or path.is_symlink()) and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                yield folder.name, path


def displayed_name(path: Path) -> str:
    """A file's name fit to be shown and recorded; it never becomes part of a path."""
    from submissions.screening import displayed

    return displayed(path.name.encode("utf-8", "replace").decode("utf-8"), 120)


# --- one file --------------------------------------------------------------------------------------------------------


def _receive_file(home: Home, ledger: Ledger, contract: Contract, path: Path, say: Progress) -> Receipt:
    name = displayed_name(path)
    try:
        if path.stat().st_size > MAXIMUM_FILE_BYTES:
            raise Refusal("F-too-large", f"{path.stat().st_size:,} bytes")
        digest = _sha256(path)
    except OSError as error:
        return Receipt("refused", name, contract.partner, problems=(Problem("F-not-readable", error.strerror or ""),))
    except Refusal as refusal:
        return Receipt("refused", name, contract.partner, problems=(refusal.problem,))
    known = state(ledger.entries())
    if home.keyed(digest) in {entry.get("keyed_digest") for entry in ledger.entries() if entry["kind"] == "erasure"}:
        return Receipt("refused", name, contract.partner, problems=(Problem("F-erased"),))
    parts: list[Receipt] = []
    for dataset in contract.datasets.values():
        rule = dataset.file_rule(path.name)
        if rule is None:
            continue
        held = _held(known, contract, dataset, digest, name)
        if held is not None:
            parts.append(held)
            continue
        say(f"{contract.partner}/{name}: reading as {dataset.name}")
        digest, landed = land(home, path)
        parts.append(_take(home, ledger, contract, dataset, rule, landed, name, digest, say))
    return parts[0] if len(parts) == 1 else joined(tuple(parts), file_name=name, partner=contract.partner, file_sha256=digest, problems=tuple(problem for part in parts for problem in part.problems))


def _held(known: State, contract: Contract, dataset: Dataset, digest: str, name: str) -> Receipt | None:
    """The receipt of a file whose bytes were dealt with under the same way of reading; None when there is work."""
    refusal = known.refusals.get(_refusal_id(contract, dataset, digest))
    if refusal is not None:
        problems = tuple(problem_of(content) for content in refusal["problems"])
        return Receipt("refused", name, contract.partner, problems=problems, dataset=dataset.name, file_sha256=digest, rows_in=refusal.get("rows_in", 0), rows_quarantined=refusal.get("rows_in", 0), notes=("refused before; the same bytes under the same contract",))
    entries = [
        entry
        for entry in known.submissions.values()
        if entry["file_sha256"] == digest and entry["partner_id"] == contract.partner and entry["dataset"] == dataset.name
        and entry["reading_digest"] == dataset.reading_digest and entry["submission_id"] not in known.superseded
    ]  # fmt: skip
    if not entries or len(entries) < entries[0]["issues_in_file"]:
        return None
    parts = []
    for entry in entries:
        standing = known.standing(entry["submission_id"])
        outcome = standing if standing in ("withdrawn", "held_for_confirmation") else "already_held"
        counts = {key: entry[key] for key in ("rows_in", "rows_accepted", "rows_quarantined", "rows_excluded")}
        parts.append(Receipt(outcome, name, contract.partner, dataset=dataset.name, submission_id=entry["submission_id"], issued_on=entry["issued_on"], file_sha256=digest, vanished_count=entry["vanished_count"], **counts))
    return joined(tuple(parts), file_name=name, partner=contract.partner, file_sha256=digest)


def _take(
    home: Home, ledger: Ledger, contract: Contract, dataset: Dataset, rule: FileRule, landed: Path, name: str, digest: str, say: Progress
) -> Receipt:
    known = state(ledger.entries())
    connection = connect(home)
    try:
        examined = examine(connection, contract, dataset, rule, landed, name, lambda rows: say(f"{name}: {rows:,} rows"))
        superseded = [
            entry["submission_id"]
            for entry in known.submissions.values()
            if entry["file_sha256"] == digest and entry["partner_id"] == contract.partner
            and entry["dataset"] == dataset.name and entry["reading_digest"] != dataset.reading_digest
            and known.standing(entry["submission_id"]) != "erased"
        ]  # fmt: skip
        receipt = _receipt(connection, examined, contract, dataset, name, digest, home, known, superseded)
        receipt = _with_expectations(connection, contract, dataset, receipt)
        entries = []
        for part in receipt.parts:
            _write_part(connection, home, examined, part)
            entries.append(_entry(contract, dataset, rule, part, digest, len(receipt.parts), superseded))
        ledger.append(entries)
        return receipt
    except Refusal as refusal:
        return _refuse(home, ledger, contract, dataset, name, digest, [refusal.problem])
    except RefusedRows as refused:
        return _refuse(home, ledger, contract, dataset, name, digest, refused.problems, refused.rows)
    finally:
        connection.close()


class RefusedRows(Exception):
    """Every row of the file is in quarantine; the file is refused with the rows' problems."""

    def __init__(self, problems: list[Problem], rows: int):
        super().__init__("no row accepted")
        self.problems, self.rows = problems, rows


@dataclass(frozen=True)
class Examined:
    reading: Reading
    checked: Checked


def examine(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    dataset: Dataset,
    rule: FileRule,
    path: Path,
    file_name: str,
    progress: Callable[[int], None] | None = None,
) -> Examined:
    """Reads, screens and checks one file. Leaves `source`, `fates` and `observations` in the connection.

    Raises Refusal, or RefusedRows when no row can be accepted.
    """
    from submissions.checking import check_rows, layout
    from submissions.reading import read
    from submissions.screening import screen

    reading = read(path, rule.format, connection, progress)
    found = layout(dataset, rule, reading)
    if reading.rows == 0:
        raise Refusal("F-empty")
    value = {found.positions[dataset.value.source]} if dataset.value and dataset.value.source in found.positions else set()
    periods = {found.positions[name] for period in dataset.periods for name in period.sources if name in found.positions}
    if rule.issued_on.column in found.positions:
        periods.add(found.positions[rule.issued_on.column or ""])
    dimensions = {
        found.positions[column.source]
        for rules in dataset.columns.values()
        for column in rules
        if column.source in found.positions
    }
    findings = screen(
        connection, reading, dimensions=dimensions, values=value | {index for index, _ in found.unpivoted}, periods=periods,
        cleared=dataset.not_personal, is_cases=dataset.kind == "cases",
    )  # fmt: skip
    if findings:
        detail = "; ".join(f"{finding.column}: {finding.reason}" for finding in findings)
        raise Refusal("F-person-data", detail, columns=tuple(finding.column for finding in findings), count=len(findings))
    checked = check_rows(connection, contract, dataset, rule, reading, found, file_name)
    accepted = sum(count["rows_accepted"] for count in checked.counts.values())
    quarantined = sum(count["rows_quarantined"] for count in checked.counts.values())
    if accepted == 0 and quarantined:
        raise RefusedRows([Problem("F-no-row-accepted", "", quarantined), *checked.problems], reading.rows)
    if accepted == 0:
        raise Refusal("F-empty", f"{reading.rows:,} rows, all of them excluded by the contract")
    return Examined(reading, checked)


def _receipt(
    connection: duckdb.DuckDBPyConnection,
    examined: Examined,
    contract: Contract,
    dataset: Dataset,
    name: str,
    digest: str,
    home: Home | None,
    known: State | None,
    superseded: Sequence[str] = (),
) -> Receipt:
    """The file's receipt with one part an issue. Problems stand at the file: they are found over all its rows."""
    checked = examined.checked
    parts = []
    for issue in checked.issues:
        gone = vanished(connection, home, known, contract.partner, dataset, issue, superseded)
        problems, outcome = _outcome(checked, issue, gone, dataset)
        parts.append(
            Receipt(
                outcome, name, contract.partner, problems=tuple(problems), dataset=dataset.name,
                submission_id=submission_id(contract.partner, dataset, issue, digest), issued_on=issue.isoformat(),
                file_sha256=digest, vanished_count=gone.count, vanished=gone.keys, **checked.counts[issue],
            )  # fmt: skip
        )
    shared = [problem for part in parts for problem in part.problems if problem.code.endswith("-vanished")]
    notes = (f"read again under a changed contract; replaces {', '.join(superseded)}",) if superseded else ()
    return joined(
        tuple(parts), file_name=name, partner=contract.partner, file_sha256=digest, notes=notes,
        problems=(*checked.problems, *shared), exclusions=checked.exclusions, unmapped=checked.unmapped,
    )  # fmt: skip


def _outcome(checked: Checked, issue: date, gone: Vanished, dataset: Dataset) -> tuple[list[Problem], str]:
    problems = list(checked.problems) if len(checked.issues) == 1 else []
    detail = f"{gone.share:.1%} of what it replaces"
    if gone.share > dataset.hold_above_vanished_share:
        return [*problems, Problem("H-vanished", detail, gone.count)], "held_for_confirmation"
    if gone.count:
        problems.append(Problem("W-vanished", detail, gone.count))
    if checked.counts[issue]["rows_quarantined"]:
        return problems, "rows_quarantined"
    has_warnings = problems or any(problem.code.startswith("W-") for problem in checked.problems)
    return problems, "accepted_with_warnings" if has_warnings else "accepted"


def _with_expectations(connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset, receipt: Receipt) -> Receipt:
    """Runs the batch's expectation suite; a failed expectation refuses the file."""
    from submissions.expectations import run

    results = run(connection, contract, dataset)
    failed = [name for name, success in results if not success]
    if failed:
        raise Refusal("F-expectations", "; ".join(failed), count=len(failed))
    return replace(receipt, expectations=results, parts=tuple(replace(part, expectations=results) for part in receipt.parts))


# --- check -----------------------------------------------------------------------------------------------------------


def check_file(path: Path, partner: str, contracts: Iterable[Path] | Path | None, home_path: Path | None) -> Receipt:
    """`submissions.check`: the same reading and rules as on receipt, nothing written."""
    home = Home.open(home_path) if home_path is not None else None
    contract = contracts_module.find(contracts_module.roots(contracts, home.path if home else None)).get(partner)
    if contract is None:
        raise WaymarkError(f"there is no contract for the partner {partner}", hint="Give its folder with --contracts.")
    if isinstance(contract, DocumentError):
        raise contract
    name = displayed_name(path)
    rules = [(dataset, rule) for dataset in contract.datasets.values() if (rule := dataset.file_rule(path.name))]
    if not path.is_file():
        raise WaymarkError(f"there is no file {path}")
    if not rules:
        patterns = sorted({rule.pattern for dataset in contract.datasets.values() for rule in dataset.files})
        raise WaymarkError(f"no file pattern of {partner} fits the name {name}", hint=f"Known patterns: {', '.join(patterns)}")
    try:
        digest = _sha256(path)
    except OSError as error:
        return Receipt("refused", name, partner, problems=(Problem("F-not-readable", error.strerror or ""),))
    known = state(Ledger.of(home).entries()) if home else None
    parts = []
    for dataset, rule in rules:
        held = _held(known, contract, dataset, digest, name) if known else None
        parts.append(held or _checked_only(contract, dataset, rule, path, name, digest, home, known))
    return parts[0] if len(parts) == 1 else joined(tuple(parts), file_name=name, partner=partner, file_sha256=digest, problems=tuple(problem for part in parts for problem in part.problems))


def _checked_only(
    contract: Contract, dataset: Dataset, rule: FileRule, path: Path, name: str, digest: str, home: Home | None, known: State | None
) -> Receipt:
    connection = connect(None)
    try:
        examined = examine(connection, contract, dataset, rule, path, path.name)
        return _receipt(connection, examined, contract, dataset, name, digest, home, known)
    except Refusal as refusal:
        return Receipt("refused", name, contract.partner, problems=(refusal.problem,), dataset=dataset.name, file_sha256=digest)
    except RefusedRows as refused:
        return Receipt("refused", name, contract.partner, refused.rows, 0, refused.rows, problems=tuple(refused.problems), dataset=dataset.name, file_sha256=digest)
    finally:
        connection.close()


def connect(home: Home | None) -> duckdb.DuckDBPyConnection:
    """A database in memory for one file. What does not fit is spilled below the sealed landing folder."""
    import duckdb

    spill = str(home.landing / ".spill") if home else ""
    return duckdb.connect(
        ":memory:",
        config={"temp_directory": spill, "autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
    )


# --- writing ---------------------------------------------------------------------------------------------------------


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def submission_id(partner: str, dataset: Dataset, issue: date, digest: str) -> str:
    """A digest of who, what, which scope, which issue, which bytes, and how they are read."""
    parts = (partner, dataset.name, dataset.replaces, issue.isoformat(), digest, dataset.reading_digest)
    return "s" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _refusal_id(contract: Contract, dataset: Dataset, digest: str) -> str:
    return "r" + hashlib.sha256("\0".join((contract.partner, dataset.name, digest, contract.digest)).encode()).hexdigest()[:16]


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

    assert part.submission_id and part.issued_on and part.dataset
    columns = ", ".join(("submission_id", "partner_id", "dataset", *KEY, *VALUES, "source_row_count"))
    order = ", ".join((*KEY, *VALUES))
    write_parquet(
        connection,
        f"""
        SELECT {columns} FROM (
            SELECT '{part.submission_id}' AS submission_id, '{part.partner}' AS partner_id, '{part.dataset}' AS dataset, *
            FROM observations WHERE issue = DATE '{part.issued_on}'
        ) ORDER BY {order}
        """,
        lake_file(home, part.partner, part.submission_id),
    )
    folder = home.quarantine / part.submission_id
    if part.rows_quarantined:
        cells = ", ".join(f"c{index}" for index in range(len(examined.reading.header)))
        write_parquet(
            connection,
            f"""
            SELECT line, codes, [{cells}] AS cells, more FROM source JOIN fates USING (row_id, line)
            WHERE len(codes) > 0 AND issue = DATE '{part.issued_on}' ORDER BY line
            """,
            folder / "rows.parquet",
        )
        write_whole(folder / "header.json", json.dumps(examined.reading.header, ensure_ascii=False).encode())
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


def _entry(
    contract: Contract, dataset: Dataset, rule: FileRule, part: Receipt, digest: str, issues: int, superseded: Sequence[str]
) -> Entry:
    return {
        "kind": "submission",
        "submission_id": part.submission_id,
        "partner_id": contract.partner,
        "dataset": dataset.name,
        "replaces": dataset.replaces,
        "issued_on": part.issued_on,
        "issued_on_is_approximate": rule.issued_on.is_approximate,
        "file_sha256": digest,
        "file_name": part.file_name,
        "contract_digest": contract.digest,
        "reading_digest": dataset.reading_digest,
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


def _refuse(
    home: Home, ledger: Ledger, contract: Contract, dataset: Dataset, name: str, digest: str, problems: Sequence[Problem], rows: int = 0
) -> Receipt:
    refusal_id = _refusal_id(contract, dataset, digest)
    receipt = Receipt("refused", name, contract.partner, rows, 0, rows, problems=tuple(problems), dataset=dataset.name, file_sha256=digest)
    _write_receipt(home.quarantine / refusal_id, receipt)
    ledger.append([
        {
            "kind": "refusal", "refusal_id": refusal_id, "file_sha256": digest, "file_name": name, "rows_in": rows,
            "partner_id": contract.partner, "dataset": dataset.name, "contract_digest": contract.digest,
            "problems": [problem_content(problem) for problem in problems],
        }
    ])  # fmt: skip
    return receipt


def problem_content(problem: Problem) -> dict[str, Any]:
    return {"code": problem.code, "detail": problem.detail, "count": problem.count, "lines": list(problem.lines), "columns": list(problem.columns)}


def problem_of(content: dict[str, Any]) -> Problem:
    return Problem(content["code"], content["detail"], content["count"], tuple(content["lines"]), tuple(content["columns"]))


def record_contracts(home: Home, contracts: Iterable[Contract]) -> None:
    """Takes a snapshot of every contract that changed since the ledger last saw it."""
    ledger = Ledger.of(home)
    recorded = state(ledger.entries()).contracts
    entries = []
    for contract in sorted(contracts, key=lambda contract: contract.partner):
        if recorded.get(contract.partner) == contract.digest:
            continue
        folder = home.lake / "reference" / "contracts" / contract.partner / contract.digest
        for name in ("contract.yml", *contract.snapshot_files):
            write_whole(folder / name, (contract.file.parent / name).read_bytes())
        entries.append({"kind": "contract", "partner_id": contract.partner, "digest": contract.digest})
    ledger.append(entries)


def _clear_unfinished(home: Home) -> None:
    """Removes what a killed run left half-written; nothing refers to it."""
    shutil.rmtree(home.landing / ".spill", ignore_errors=True)
    for folder in (home.landing, home.lake, home.quarantine):
        for path in folder.rglob(".*.part"):
            path.unlink(missing_ok=True)


# --- confirm, withdraw, erase ----------------------------------------------------------------------------------------


def confirm(home: Home, submission_id: str, reason: str) -> Entry:
    """Lets a held submission count from now on."""
    known, submission_id = _known(home, submission_id)
    standing = known.standing(submission_id)
    if standing != "held_for_confirmation":
        raise WaymarkError(f"{submission_id} is not held: it is {standing.replace('_', ' ')}")
    return _append(home, "confirmation", submission_id, reason)


def withdraw(home: Home, submission_id: str, reason: str) -> Entry:
    """Takes a submission out of every later build; earlier releases keep their figures."""
    known, submission_id = _known(home, submission_id)
    standing = known.standing(submission_id)
    if standing in ("withdrawn", "erased"):
        raise WaymarkError(f"{submission_id} is {standing} already")
    return _append(home, "withdrawal", submission_id, reason)


def erase(home: Home, submission_id: str, reason: str) -> list[Entry]:
    """Removes the bytes of a submission's file for legal reasons, with every submission and refusal made from it.

    What stays are the ids, a keyed digest and the reason. Releases built from it cannot be built again.
    """
    _reason(reason)
    ledger = Ledger.of(home)
    entries = ledger.entries()
    known = state(entries)
    if submission_id in known.refusals:
        digest = known.refusals[submission_id]["file_sha256"]
    else:
        known, submission_id = _known(home, submission_id)
        digest = known.submissions[submission_id]["file_sha256"]
    if submission_id in known.erased:
        raise WaymarkError(f"{submission_id} is erased already")
    keyed = home.keyed(digest)
    touched = [
        entry.get("submission_id") or entry["refusal_id"]
        for entry in entries
        if entry["kind"] in ("submission", "refusal") and entry["file_sha256"] == digest
    ]
    for entry in entries:
        if entry.get("file_sha256") == digest:
            entry |= {"file_sha256": f"keyed:{keyed}", "file_name": "erased"}
    # The erasure is on record, and the digest gone, before a byte is removed: a crash in between is finished later.
    start = len(entries)
    erasures = [
        {"kind": "erasure", "submission_id": identity, "reason": reason, "keyed_digest": keyed} for identity in dict.fromkeys(touched)
    ]
    write_whole(home.ledger / "erasing", digest.encode())
    appended = ledger.append(erasures)
    ledger.rewrite([*entries, *appended])
    finish_erasures(home, state(ledger.entries()))
    assert len(appended) == len(erasures) and start >= 0
    return appended


def finish_erasures(home: Home, known: State) -> None:
    """Removes what erased submissions left in landing, lake and quarantine. Safe to repeat."""
    pending = home.ledger / "erasing"
    if pending.exists():
        digest = pending.read_text()
        ledger = Ledger.of(home)
        entries = ledger.entries()
        keyed = home.keyed(digest)
        if any(entry["kind"] == "erasure" and entry["keyed_digest"] == keyed for entry in entries):
            for entry in entries:
                if entry.get("file_sha256") == digest:
                    entry |= {"file_sha256": f"keyed:{keyed}", "file_name": "erased"}
            ledger.rewrite(entries)
            (home.landing / digest).unlink(missing_ok=True)
        pending.unlink()
    for identity in known.erased:
        shutil.rmtree(home.quarantine / identity, ignore_errors=True)
        entry = known.submissions.get(identity)
        if entry is not None:
            lake_file(home, entry["partner_id"], identity).unlink(missing_ok=True)


def listing(home: Home) -> list[dict[str, Any]]:
    """All submissions and refusals, oldest first, with what became of them."""
    known = state(Ledger.of(home).entries())
    rows = [entry | {"standing": known.standing(entry["submission_id"])} for entry in known.submissions.values()]
    rows += [
        entry | {"submission_id": entry["refusal_id"], "standing": "erased" if entry["refusal_id"] in known.erased else "refused"}
        for entry in known.refusals.values()
    ]
    return sorted(rows, key=lambda row: row["position"])


def _known(home: Home, submission_id: str) -> tuple[State, str]:
    known = state(Ledger.of(home).entries())
    matches = [identity for identity in known.submissions if identity.startswith(submission_id)] if submission_id else []
    if len(matches) != 1:
        what = "is no submission of this home" if not matches else f"fits {len(matches)} submissions"
        raise WaymarkError(f"'{submission_id}' {what}", hint="`waymark submissions` lists them.")
    return known, matches[0]


def _append(home: Home, kind: str, submission_id: str, reason: str) -> Entry:
    return Ledger.of(home).append([{"kind": kind, "submission_id": submission_id, "reason": _reason(reason)}])[0]


def _reason(reason: str) -> str:
    if not reason.strip():
        raise WaymarkError("a reason is needed", hint="Give it with --reason; it stays in the ledger.")
    return reason.strip()
