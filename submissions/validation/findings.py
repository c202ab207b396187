"""What to say about the rows of a file: problems with their lines, exclusions, labels without a code, totals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from submissions.contracts.model import OF_FEW_MEMBERS, STATUSES, Contract, Dataset
from submissions.contracts.offences import undefined_of_batch
from submissions.contracts.places import located
from submissions.readers.layout import partner_columns
from submissions.validation import confusables, plausibility
from submissions.validation.control_totals import total_problems
from submissions.validation.problems import Problem
from submissions.vocabulary.label_words import begins_with_total, is_total
from submissions.vocabulary.observations import KEY
from submissions.vocabulary.personal_texts import shown

if TYPE_CHECKING:
    import duckdb

AFTER_END = -1
CONTROL = -2
_OF_ISSUE = "($issue::DATE IS NULL OR issue = $issue)"
FOOTER_ROWS = 20
LISTED_SUFFIXES = 10
DECIMALS_LOOKED_AT = 3


@dataclass(frozen=True)
class Findings:
    """Problems with rows and lines, exclusions as (reason, rows), unmapped as (our column, label, rows)."""

    problems: tuple[Problem, ...]
    exclusions: tuple[tuple[str, int], ...]
    unmapped: tuple[tuple[str, str, int], ...]


def find(
    connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset, issue: date | None = None
) -> Findings:
    """What to say about the rows in `fates`, `parsed` and `candidates`: all of them, or those of one date of issue."""
    exclusions, after_end = _exclusions(connection, dataset, issue)
    unmapped = _unmapped(connection, contract, dataset, issue)
    problems = [*_row_problems(connection, dataset, issue), *total_problems(connection, dataset, issue, KEY)]
    if after_end > FOOTER_ROWS:
        problems.append(Problem("W-unread-parts", "", after_end))
    problems += _unmapped_problems(unmapped, dataset)
    problems += confusables.problems(connection, contract, dataset, issue)
    problems += plausibility.problems(connection, contract, dataset, issue)
    undefined, codes = undefined_of_batch(connection, contract, dataset, _OF_ISSUE, {"issue": issue})
    if undefined:
        columns = partner_columns(dataset, "offence")
        problems.append(Problem("W-offence-undefined", codes, undefined, (), columns, "offence"))
    problems += _decimals(connection, dataset)
    if dataset.duplicates == "sum" and dataset.kind == "observations":
        problems += _sums_with_gaps(connection, issue)
    told = tuple(located(problem, contract, dataset) for problem in problems)
    return Findings(told, tuple(exclusions), tuple(unmapped))


def _row_problems(connection: duckdb.DuckDBPyConnection, dataset: Dataset, issue: date | None) -> list[Problem]:
    rows = connection.execute(
        f"""
        WITH wrong AS (SELECT line, unnest(codes) AS code FROM fates WHERE len(codes) > 0 AND {_OF_ISSUE})
        SELECT code, count(*), list(line ORDER BY line)[:20] FROM wrong GROUP BY code ORDER BY code
        """,
        {"issue": issue},
    ).fetchall()
    problems = []
    for code, number, lines in rows:
        name, _, column = code.partition(":")
        detail = _suffixes(connection) if name == "R-suffix" else ""
        problems.append(Problem(name, detail, number, tuple(lines), partner_columns(dataset, column), column))
    return problems


def _suffixes(connection: duckdb.DuckDBPyConnection) -> str:
    """The undeclared suffixes by name: a letter or three, or signs, which tell of the figure and of nobody."""
    rows = connection.execute("SELECT suffix FROM undeclared_suffixes ORDER BY suffix").fetchall()
    named = ", ".join(f"'{suffix}'" for (suffix,) in rows[:LISTED_SUFFIXES])
    return f"not declared: {named}" + (" …" if len(rows) > LISTED_SUFFIXES else "")


def _exclusions(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, issue: date | None
) -> tuple[list[tuple[str, int]], int]:
    """Rows by reason, and rows after the declared end of the table, which are among them."""
    rows = dict(
        connection.execute(
            f"SELECT exclusion, count(*) FROM fates WHERE exclusion IS NOT NULL AND {_OF_ISSUE} GROUP BY exclusion",
            {"issue": issue},
        ).fetchall()
    )
    counts = [(exclusion.reason, rows[index]) for index, exclusion in enumerate(dataset.exclusions) if index in rows]
    replaced = connection.execute(
        f"SELECT count(*) FROM fates WHERE is_replaced AND {_OF_ISSUE}", {"issue": issue}
    ).fetchone()
    if replaced and replaced[0]:
        counts.append(("replaced by a later row of the same key in this file", replaced[0]))
    if CONTROL in rows:
        counts.append(("control totals", rows[CONTROL]))
    after_end = rows.get(AFTER_END, 0)
    return counts + ([("after the declared end of the table", after_end)] if after_end else []), after_end


def _unmapped(
    connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset, issue: date | None
) -> list[tuple[str, str, int]]:
    """(our column, label, rows) of labels that no map, value list or library knows, most frequent first.

    A label that is not clearly a code, a place or a category is masked: receipts, messages and logs are made of these.
    """
    unmapped: list[tuple[str, str, int]] = []
    for column, rules in dataset.columns.items():
        if column in STATUSES or not any(rule.is_mapped for rule in rules):
            continue
        if any(rule.source and not rule.where and rule.otherwise for rule in rules):
            continue
        known = {row.source for rule in rules for _, row in contract.map_rows(rule)}
        known |= {code for rule in rules for code in (rule.constant, rule.otherwise) if code is not None}
        rows = connection.execute(
            f"""
            SELECT {column}, count(*) FROM candidates WHERE NOT list_contains($known, {column}) AND {_OF_ISSUE}
            GROUP BY 1 ORDER BY 2 DESC, 1
            """,
            {"known": sorted(known), "issue": issue},
        ).fetchall()
        if any(rule.library == "country_names" for rule in rules):
            from submissions.vocabulary.country_names import resolve

            rows = [row for row in rows if resolve(row[0]) is None]
        in_places = column not in OF_FEW_MEMBERS
        unmapped += [(column, shown(label, in_places), number) for label, number in rows]
    return unmapped


def _unmapped_problems(unmapped: Sequence[tuple[str, str, int]], dataset: Dataset) -> list[Problem]:
    problems = []
    for column in dict.fromkeys(column for column, _, _ in unmapped):
        labels = [(label, number) for name, label, number in unmapped if name == column]
        detail = f"{len(labels):,} label{'s' if len(labels) != 1 else ''} of {column}"
        problems.append(
            Problem(
                "W-unmapped", detail, sum(number for _, number in labels), (), partner_columns(dataset, column), column
            )
        )
        totals = [number for label, number in labels if is_total(label) or begins_with_total(label)]
        if totals:
            columns = partner_columns(dataset, column)
            problems.append(Problem("W-total-undeclared", f"of {column}", sum(totals), (), columns, column))
    return problems


def _decimals(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> list[Problem]:
    """A decimal mark that has three digits behind it wherever it stands is probably the mark of thousands."""
    if dataset.value is None or dataset.value.multiplier is not None:
        return []
    point = re.escape(dataset.value.decimal)
    row = connection.execute(
        """
        SELECT count(*), count(*) FILTER (regexp_matches(value_text, $thousands))
        FROM value_texts WHERE contains(value_text, $point) AND value_codes = ''
        """,
        {"thousands": rf"^[+-]?[1-9]\d{{0,2}}{point}\d{{3}}$", "point": dataset.value.decimal},
    ).fetchone()
    if row is None or row[0] < DECIMALS_LOOKED_AT or row[0] != row[1]:
        return []
    return [Problem("W-decimal", "", row[0], (), partner_columns(dataset, "value"), "value")]


def _sums_with_gaps(connection: duckdb.DuckDBPyConnection, issue: date | None) -> list[Problem]:
    key = ", ".join(("issue", *KEY))
    row = connection.execute(
        f"""
        WITH sums AS (
            SELECT {key} FROM candidates WHERE {_OF_ISSUE} GROUP BY {key}
            HAVING count(*) > 1 AND count(upper) BETWEEN 1 AND count(*) - 1
        )
        SELECT count(*) FROM sums
        """,
        {"issue": issue},
    ).fetchone()
    return [Problem("W-sum-with-missing", "", row[0])] if row and row[0] else []
