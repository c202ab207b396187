"""Figures that are possible and hardly true: more than a measure can count in one cell, or far out of their own series.

A warning only: the figure stands, and someone looks at it before a page does. Compared are cells of one file with each
other (all its periods and issues), so that the partner's own check says the same as a run.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from submissions.contracts.model import DIMENSIONS, Contract, Dataset
from submissions.readers.layout import partner_columns
from submissions.validation.problems import Problem

if TYPE_CHECKING:
    import duckdb

# In one cell of one period. The largest counts that any publisher here shows are under a hundredth of these.
MOST_OF_UNIT = {"persons": 1_000_000, "cases": 5_000_000, "offences": 5_000_000, "decisions": 5_000_000}
MOST_OF_MEASURE = {"population": 10_000_000_000, "training_participants": 10_000_000, "str_received": 100_000_000}
PERIODS_OF_A_SERIES = 5
TIMES_THE_MEDIAN = 100
LEAST_DIFFERENCE = 20_000


def problems(
    connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset, issue: date | None
) -> list[Problem]:
    """W-implausible with the lines of such cells, from the table `candidates`."""
    if dataset.value is None or dataset.counting_unit not in MOST_OF_UNIT:
        return []
    highest = connection.execute("SELECT max(lower) FROM candidates").fetchone()
    if not highest or highest[0] is None or highest[0] <= LEAST_DIFFERENCE:
        return []
    known = {row.source: row.code for rule in dataset.columns.get("measure", ()) for _, row in contract.map_rows(rule)}
    labels = connection.execute("SELECT DISTINCT measure FROM candidates").fetchall()
    limits = {
        label: MOST_OF_MEASURE.get(known.get(label, label), MOST_OF_UNIT[dataset.counting_unit]) for (label,) in labels
    }
    if not limits:
        return []
    # rows of one table may stand in several units: a sum of money is no count
    units = {row.source: row.code for rule in dataset.columns.get("unit", ()) for _, row in contract.map_rows(rule)}
    counted = [*(MOST_OF_UNIT.keys() - units.keys()), *(label for label, code in units.items() if code in MOST_OF_UNIT)]
    series = ", ".join(("frequency", *DIMENSIONS))
    row = connection.execute(
        f"""
        WITH cells AS (
            SELECT row_id, issue, measure, lower, count(*) OVER series AS periods, median(lower) OVER series AS middle
            FROM candidates
            WHERE lower IS NOT NULL AND list_contains($counted, unit) AND ($issue::DATE IS NULL OR issue = $issue)
            WINDOW series AS (PARTITION BY issue, {series})
        ),
        limits AS (SELECT unnest($labels) AS measure, unnest($limits) AS most),
        found AS (
            SELECT DISTINCT row_id FROM cells JOIN limits USING (measure)
            WHERE lower > most
               OR (most < 10000000000 AND periods >= {PERIODS_OF_A_SERIES} AND lower > {TIMES_THE_MEDIAN} * middle
                   AND lower - middle > {LEAST_DIFFERENCE})
        )
        SELECT count(*), list(texts.line ORDER BY texts.line)[:20] FROM found JOIN texts USING (row_id)
        """,
        {"issue": issue, "labels": list(limits), "limits": list(limits.values()), "counted": counted},
    ).fetchone()
    if not row or not row[0]:
        return []
    return [Problem("W-implausible", "", row[0], tuple(row[1]), partner_columns(dataset, "value"))]
