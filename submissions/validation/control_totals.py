"""Published totals against the sum of their parts, as intervals: over one of our columns, over several, over periods.

A cell's `total_mask` says of which totals it is one. Over a set of totals S, a cell that is a total of all of S is
compared with the cells that are alike in every other column and are totals of none of S: so a grand total over two columns
is compared with the margins of each, and with the cells inside. What the bounds allow is no problem, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from submissions.contracts.model import Dataset, TotalRule
from submissions.validation.problems import Problem

if TYPE_CHECKING:
    import duckdb

PERIOD = ("period", "period_start", "frequency")
MONTHS = "CASE {}.frequency WHEN 'A' THEN 12 WHEN 'S' THEN 6 WHEN 'Q' THEN 3 ELSE 1 END"


def control_bits(dataset: Dataset) -> int:
    """The bits of total_mask that are control totals: compared, and no figures."""
    return sum(1 << index for index, rule in enumerate(dataset.totals) if rule.is_control)


def total_problems(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, issue: date | None, key: Sequence[str]
) -> Iterator[Problem]:
    """W-total for totals that differ from their parts, W-total-alone for control totals without any part to compare.

    `key` are the columns of an observation. Looks at `parsed` and `texts`; all rows, or those of one date of issue.
    """
    if not dataset.totals:
        return
    masks = connection.execute("SELECT DISTINCT total_mask FROM parsed WHERE total_mask > 0").fetchall()
    sets = sorted({subset for (mask,) in masks for subset in _subsets(mask)}, key=lambda each: (each.bit_count(), each))
    compared: dict[int, set[int]] = {}
    for chosen in sets:
        rules = [rule for index, rule in enumerate(dataset.totals) if chosen >> index & 1]
        rows = connection.execute(
            _query(chosen, [name for rule in rules for name in rule.over], key),
            {"tolerance": max(rule.tolerance for rule in rules), "issue": issue},
        ).fetchall()
        for index in range(len(dataset.totals)):
            if chosen >> index & 1:
                compared.setdefault(index, set()).update(row_id for row_id, _, _ in rows)
        lines = sorted(line for _, line, differs in rows if differs)
        if lines:
            columns = tuple(dict.fromkeys(rule.column for rule in rules))
            yield Problem("W-total", "", len(lines), tuple(lines[:20]), columns)
    for index, rule in enumerate(dataset.totals):
        if rule.is_control:
            yield from _alone(connection, rule, 1 << index, issue, compared.get(index, set()))


def _subsets(mask: int) -> Iterator[int]:
    subset = mask
    while subset:
        yield subset
        subset = (subset - 1) & mask


def _query(chosen: int, over: Sequence[str], key: Sequence[str]) -> str:
    """SQL for (row_id, line, whether it differs) of every total of the set that has parts."""
    is_of_periods = "period" in over
    left_out = {*over, *(PERIOD if is_of_periods else ())}
    alike = ["issue", *(name for name in key if name not in left_out), "rest"]
    same = " AND ".join(f"totals.{name} IS NOT DISTINCT FROM parts.{name}" for name in alike)
    months_of_total, months_of_part = MONTHS.format("totals"), MONTHS.format("parts")
    within = parts_in_span = ""
    if is_of_periods:
        within = f"""AND parts.period_start >= totals.period_start AND {months_of_part} < {months_of_total}
                     AND parts.period_start < totals.period_start + to_months({months_of_total})"""
        # a total of a span is compared where all its months, or all its quarters, are there
        parts_in_span = f"""HAVING count(DISTINCT parts.period) * any_value({months_of_part})
                                   = any_value({months_of_total})"""
    group = "totals.cell, totals.row_id" + (", parts.frequency" if is_of_periods else "")
    return f"""
        WITH cells AS (
            SELECT *, total_mask & {chosen} AS chosen, total_mask - (total_mask & {chosen}) AS rest
            FROM parsed WHERE codes = '' AND ($issue::DATE IS NULL OR issue = $issue)
        ),
        totals AS (SELECT *, row_number() OVER () AS cell FROM cells WHERE chosen = {chosen}),
        parts AS (SELECT * FROM cells WHERE chosen = 0 AND exclusion IS NULL),
        compared AS (
            SELECT totals.row_id, any_value(totals.lower) AS total_lower, any_value(totals.upper) AS total_upper,
                   sum(parts.lower) AS lower, sum(parts.upper) AS upper, count(*) FILTER (parts.upper IS NULL) AS gaps
            FROM totals JOIN parts ON {same} {within}
            GROUP BY {group} {parts_in_span}
        )
        SELECT row_id, any_value(line), bool_or(coalesce(
                   total_upper < lower - $tolerance OR (gaps = 0 AND total_lower > upper + $tolerance), false))
        FROM compared JOIN texts USING (row_id) GROUP BY row_id
        """


def _alone(
    connection: duckdb.DuckDBPyConnection, rule: TotalRule, bit: int, issue: date | None, compared: set[int]
) -> Iterator[Problem]:
    """Rows of a control total that were compared with nothing on its behalf."""
    rows = connection.execute(
        f"""
        SELECT DISTINCT row_id, line FROM parsed JOIN texts USING (row_id)
        WHERE total_mask & {bit} <> 0 AND parsed.exclusion IS NULL AND codes = '' AND lower IS NOT NULL
              AND ($issue::DATE IS NULL OR issue = $issue) ORDER BY line
        """,
        {"issue": issue},
    ).fetchall()
    lines = [line for row_id, line in rows if row_id not in compared]
    if lines:
        yield Problem("W-total-alone", "", len(lines), tuple(lines[:20]), (rule.column,))
