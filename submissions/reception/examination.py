"""One file under its contract: read, screened, checked, put into words. Shared by receiving and the partner's check."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from submissions.contracts.loading import Contract, Dataset, FileRule
from submissions.contracts.places import located, naming_the_declaration
from submissions.receipts.receipt import Receipt, joined
from submissions.reception.faults import INTERNAL, code_digest
from submissions.store.home import Home
from submissions.store.ledger import Entry, State
from submissions.store.vintages import Vanished, vanished
from submissions.validation.problems import Problem, Refusal
from submissions.vocabulary.fields import codes

if TYPE_CHECKING:
    import duckdb

    from submissions.readers.layout import Layout
    from submissions.readers.table import Reading
    from submissions.validation import screening
    from submissions.validation.row_rules import Checked


class RefusedRows(Exception):
    """Every row of the file is in quarantine; the file is refused with the rows' problems."""

    def __init__(self, problems: list[Problem], rows: int):
        super().__init__("no row accepted")
        self.problems, self.rows = problems, rows


@dataclass(frozen=True)
class Examined:
    """A file read and checked; its rows stand in the connection's tables."""

    reading: Reading
    found: Layout
    checked: Checked


@naming_the_declaration
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
    from submissions.readers.layout import layout, undeclared_columns
    from submissions.readers.table import read
    from submissions.validation.row_rules import check_rows
    from submissions.validation.screening import screen, shown_header

    reading = read(path, rule.format, connection, progress)
    found = layout(dataset, rule, reading)
    if reading.rows == 0:
        raise Refusal("F-empty")
    undeclared = [
        position
        for position in undeclared_columns(contract, dataset, rule, file_name, reading)
        if _holds_text(connection, position)
    ]
    cleared = {name for each in contract.datasets.values() if each.file_rule(file_name) for name in each.not_personal}
    screened = screen(connection, reading, roles_of(contract, dataset, rule, found, undeclared), cleared)
    findings = screened.findings
    if findings:
        detail = "; ".join(f"{finding.column}: {finding.reason}" for finding in findings)
        raise Refusal(
            "F-person-data", detail, columns=tuple(finding.column for finding in findings), count=len(findings)
        )
    if undeclared:
        names = tuple(shown_header(reading.header[position]) or f"column {position + 1}" for position in undeclared)
        raise Refusal("F-undeclared-columns", "", columns=names, count=len(names))
    checked = check_rows(connection, contract, dataset, rule, reading, found, file_name, screened.suspects)
    accepted = sum(count["rows_accepted"] for count in checked.counts.values())
    quarantined = sum(count["rows_quarantined"] for count in checked.counts.values())
    if accepted == 0 and quarantined:
        none = located(Problem("F-no-row-accepted", "", quarantined), contract, dataset, rule)
        raise RefusedRows([none, *checked.problems], reading.rows)
    if accepted == 0:
        raise Refusal("F-empty", f"{reading.rows:,} rows, all of them excluded by the contract")
    return Examined(reading, found, checked)


def _holds_text(connection: duckdb.DuckDBPyConnection, position: int) -> bool:
    """Whether a column says anything: an empty one carries nothing."""
    return connection.execute(f"SELECT 1 FROM source WHERE c{position} <> '' LIMIT 1").fetchone() is not None


def roles_of(
    contract: Contract, dataset: Dataset, rule: FileRule, found: Layout, undeclared: Iterable[int]
) -> screening.Roles:
    """Which columns the contract reads as what, for the person-data screen."""
    from submissions.contracts.model import OF_FEW_MEMBERS, STATUSES
    from submissions.readers.layout import Parameters, exclusion_condition
    from submissions.validation.screening import Roles

    def positions(names: Iterable[str | None]) -> frozenset[int]:
        return frozenset(found.positions[name] for name in names if name in found.positions)

    sources = {column: [rule.source for rule in rules] for column, rules in dataset.columns.items()}
    few = positions(
        name for column in sources if column in OF_FEW_MEMBERS or column in STATUSES for name in sources[column]
    )
    # one column may be read as a code in some rows and as a place in others
    places = positions(
        name for column in sources if column not in {*OF_FEW_MEMBERS, *STATUSES} for name in sources[column]
    )
    values = positions([dataset.value.source] if dataset.value else [])
    parameters = Parameters()
    conditions = [exclusion_condition(exclusion, found, parameters) for exclusion in dataset.exclusions]
    return Roles(
        codes=few - places,
        places=places,
        values=values | {index for index, _ in found.unpivoted},
        periods=positions(name for period in dataset.period_rules for name in period.sources),
        issues=positions([rule.issued_on.column]),
        undeclared=frozenset(undeclared),
        known=known_texts(contract, dataset),
        is_cases=dataset.kind == "cases",
        left_out=" OR ".join(f"coalesce({condition}, false)" for condition in conditions) or "false",
        parameters=parameters,
    )


def known_texts(contract: Contract, dataset: Dataset) -> frozenset[str]:
    """Every text that the contract gives a meaning to, and every code of a list: none of them is a person's."""
    known = {code for column in dataset.columns for code in codes(column)}
    for rules in dataset.columns.values():
        for rule in rules:
            known |= {text for _, row in contract.map_rows(rule) for text in (row.source, row.code)}
            known |= {text for _, labels in rule.where for text in labels}
    known |= {mark.text for mark in dataset.value.marks} if dataset.value else set()
    known |= {label for total in dataset.totals for label in total.labels}
    if dataset.value and dataset.value.multiplier:
        known |= set(dataset.value.multiplier.values)
    return frozenset(known)


def receipt_of(
    connection: duckdb.DuckDBPyConnection,
    examined: Examined,
    contract: Contract,
    dataset: Dataset,
    file: tuple[str, str],
    home: Home | None,
    known: State | None,
    superseded: Sequence[str] = (),
) -> Receipt:
    """The file's receipt, with one part an issue: each has its own problems, and the file those of all.

    file  its name and the sha256 of its bytes.
    """
    name, digest = file
    checked = examined.checked
    parts = []
    for issue in checked.issues:
        gone = vanished(connection, home, known, contract.partner, dataset, issue, superseded)
        found = checked.by_issue[issue]
        problems, outcome = _outcome(found.problems, gone, dataset, checked.counts[issue]["rows_quarantined"])
        parts.append(
            Receipt(
                outcome,
                name,
                contract.partner,
                problems=tuple(problems),
                dataset=dataset.name,
                submission_id=submission_id(contract.partner, dataset, issue, digest),
                issued_on=issue.isoformat(),
                file_sha256=digest,
                exclusions=found.exclusions,
                unmapped=found.unmapped,
                vanished_count=gone.count,
                vanished=gone.keys,
                **checked.counts[issue],
            )
        )
    of_vintages = [problem for part in parts for problem in part.problems if problem.code.endswith("-vanished")]
    notes = (f"read again under a changed contract; replaces {', '.join(superseded)}",) if superseded else ()
    return joined(
        tuple(parts),
        file_name=name,
        partner=contract.partner,
        file_sha256=digest,
        notes=notes,
        problems=(*checked.problems, *of_vintages),
        exclusions=checked.exclusions,
        unmapped=checked.unmapped,
    )


def _outcome(
    found: Sequence[Problem], gone: Vanished, dataset: Dataset, rows_quarantined: int
) -> tuple[list[Problem], str]:
    detail = f"{gone.share:.1%} of what it replaces"
    if gone.share > dataset.hold_above_vanished_share:
        return [*found, Problem("H-vanished", detail, gone.count)], "held_for_confirmation"
    problems = [*found, *([Problem("W-vanished", detail, gone.count)] if gone.count else [])]
    if rows_quarantined:
        return problems, "rows_quarantined"
    return problems, "accepted_with_warnings" if problems else "accepted"


def connect(home: Home | None) -> duckdb.DuckDBPyConnection:
    """A database in memory for one file. What does not fit is spilled below the sealed landing folder."""
    import duckdb

    spill = str(home.landing / ".spill") if home else ""
    connection = duckdb.connect(
        ":memory:",
        config={"temp_directory": spill, "autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
    )
    connection.execute("ATTACH ':memory:' AS work (COMPRESS)")
    connection.execute("USE work")
    return connection


def open_regular(path: Path) -> BinaryIO:
    """Opens a plain file to read. A link, a pipe or a device that took its place meanwhile is never followed or waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refusal("F-not-readable", "it is no plain file")
    return os.fdopen(descriptor, "rb")


def sha256_of(path: Path) -> str:
    with open_regular(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def submission_id(partner: str, dataset: Dataset, issue: date, digest: str) -> str:
    """A digest of who, what, which scope, which issue, which bytes, and how they are read; e… for evidence."""
    parts = (partner, dataset.name, dataset.replaces, issue.isoformat(), digest, dataset.reading_digest)
    return ("e" if dataset.kind == "evidence" else "s") + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def refusal_id_of(contract: Contract, dataset: Dataset, digest: str) -> str:
    return (
        "r"
        + hashlib.sha256("\0".join((contract.partner, dataset.name, digest, contract.digest)).encode()).hexdigest()[:16]
    )


def displayed_name(path: Path) -> str:
    """A file's name fit to be shown and recorded; it never becomes part of a path."""
    from submissions.validation.screening import displayed

    return displayed(path.name.encode("utf-8", "replace").decode("utf-8"), 120)


def earlier_entries(known: State, contract: Contract, dataset: Dataset, digest: str) -> list[Entry]:
    """Submissions made from the same bytes for the same dataset that a later reading has not replaced."""
    return [
        entry
        for entry in known.submissions.values()
        if entry["file_sha256"] == digest
        and entry["partner_id"] == contract.partner
        and entry["dataset"] == dataset.name
        and known.standing(entry["submission_id"]) not in ("superseded", "erased")
    ]


def held_receipt(known: State, contract: Contract, dataset: Dataset, digest: str, name: str) -> Receipt | None:
    """The receipt of a file whose bytes were dealt with under the same way of reading; None when there is work."""
    refusal = known.refusals.get(refusal_id_of(contract, dataset, digest))
    if refusal is not None and not _is_to_try_again(refusal):
        return Receipt(
            "refused",
            name,
            contract.partner,
            refusal["rows_in"],
            0,
            refusal["rows_in"],
            problems=tuple(problem_of(content) for content in refusal["problems"]),
            dataset=dataset.name,
            submission_id=refusal["refusal_id"],
            file_sha256=digest,
            notes=("refused before; the same bytes under the same contract",),
        )
    entries = earlier_entries(known, contract, dataset, digest)
    same = [entry for entry in entries if entry["reading_digest"] == dataset.reading_digest]
    is_whole = bool(same) and len(same) >= same[0]["issues_in_file"]
    is_withdrawn = bool(entries) and all(known.standing(entry["submission_id"]) == "withdrawn" for entry in entries)
    if not is_whole and not is_withdrawn:
        return None
    parts = []
    for entry in same if is_whole else entries:
        standing = known.standing(entry["submission_id"])
        outcome = standing if standing in ("withdrawn", "held_for_confirmation") else "already_held"
        counts = {
            key: entry[key]
            for key in ("rows_in", "rows_accepted", "rows_quarantined", "rows_excluded", "vanished_count")
        }
        parts.append(
            Receipt(
                outcome,
                name,
                contract.partner,
                dataset=dataset.name,
                submission_id=entry["submission_id"],
                issued_on=entry["issued_on"],
                file_sha256=digest,
                notes=_held_note(entry, name),
                **counts,
            )
        )
    return joined(tuple(parts), file_name=name, partner=contract.partner, file_sha256=digest)


def _held_note(entry: Entry, name: str) -> tuple[str, ...]:
    """Where the same bytes are held, if they came under another name."""
    if not name or entry["file_name"] == name:
        return ()
    return (f"the same bytes are held as {entry['submission_id']}, which came as {entry['file_name']}",)


def _is_to_try_again(refusal: Entry) -> bool:
    """Whether the program stumbled over the file, and has changed since."""
    return any(problem["code"] == INTERNAL for problem in refusal["problems"]) and (
        refusal.get("code_digest") != code_digest()
    )


def one_receipt(parts: Sequence[Receipt], name: str, partner: str, digest: str) -> Receipt:
    """The receipt of a file that one or several datasets read; rows then count once for each of them."""
    if len(parts) == 1:
        return parts[0]
    return joined(
        tuple(parts),
        file_name=name,
        partner=partner,
        file_sha256=digest,
        problems=tuple(problem for part in parts for problem in part.problems),
        exclusions=tuple((f"{part.dataset}: {reason}", rows) for part in parts for reason, rows in part.exclusions),
        unmapped=tuple(dict.fromkeys(row for part in parts for row in part.unmapped)),
        notes=(
            f"read as {len(parts)} datasets; every row counts once for each",
            *(note for part in parts for note in part.notes),
        ),
        parts=tuple(submission for part in parts for submission in part.parts or (part,)),
    )


def problem_content(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.code,
        "detail": problem.detail,
        "count": problem.count,
        "lines": list(problem.lines),
        "columns": list(problem.columns),
    } | ({"declared": problem.declared} if problem.declared else {})


def problem_of(content: dict[str, Any]) -> Problem:
    return Problem(
        content["code"],
        content["detail"],
        content["count"],
        tuple(content["lines"]),
        tuple(content["columns"]),
        declared=content.get("declared", ""),
    )
