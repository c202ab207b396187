"""Figures that a publisher gave as an interval (`<5`): the numbers that stand for them while cells are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from orchestration.defs.protection.lines import DIMENSIONS, coded
from submissions.store.published_cells import CELL


def figures(cells: pd.DataFrame) -> pd.DataFrame:
    """Reported cells as protection takes them: `DIMENSIONS`, value, lowest, highest, is_interval, k; index from 0."""
    exact, lower, upper = (cells[name].astype(float) for name in ("value", "lower", "upper"))
    interval = exact.isna()
    # an interval is never an exact zero, so its stand-in is a small count even where its middle is none
    least = lower.fillna(1).clip(lower=1, upper=cells["k"] - 1)
    most = upper.fillna(np.inf).clip(lower=1, upper=cells["k"] - 1)
    found = coded(cells).assign(
        value=exact.where(~interval, (least + most) / 2), lowest=least, highest=most, is_interval=interval, k=cells["k"],
        own_lower=lower, own_upper=upper, issued_on=pd.to_datetime(cells["issued_on"]),
    )  # fmt: skip
    return found.reset_index(drop=True)


def stand_ins(known: pd.DataFrame) -> pd.DataFrame:
    """Stand-ins that earlier releases used for intervals: `DIMENSIONS`, own_lower, own_upper, stand_in."""
    given = known[(known["is_interval"] == True) & known["value"].notna()]  # noqa: E712 - the column may be of objects
    given = given.sort_values("first_release").drop_duplicates([*CELL, "lower", "upper"], keep="last")
    return coded(given).assign(
        own_lower=given["lower"].astype(float),
        own_upper=given["upper"].astype(float),
        stand_in=given["value"].astype(float),
    )


def with_earlier_stand_ins(table: pd.DataFrame, given: pd.DataFrame) -> pd.DataFrame:
    """An interval that stands as it did keeps its stand-in: another would be read as another figure."""
    if not len(given) or not table["is_interval"].any():
        return table
    merged = table[[*DIMENSIONS, "own_lower", "own_upper"]].merge(
        given.drop_duplicates([*DIMENSIONS, "own_lower", "own_upper"]),
        on=[*DIMENSIONS, "own_lower", "own_upper"],
        how="left",
    )
    kept = table["is_interval"] & merged["stand_in"].notna()
    return table.assign(
        value=table["value"].where(~kept, merged["stand_in"]),
        lowest=table["lowest"].where(~kept, merged["stand_in"]),
        highest=table["highest"].where(~kept, merged["stand_in"]),
    )


def with_fitting_stand_ins(
    table: pd.DataFrame,
    dims: Sequence[str],
    hierarchies: Mapping[str, Sequence[Mapping[str, str]]],
    lines: pd.DataFrame,
) -> pd.DataFrame:
    """The table with stand-ins for intervals that make the lines they stand in add up as far as whole numbers can.

    table  unique in `dims`; value, is_interval, lowest, highest.

    The true counts add up, and an outsider knows it. With stand-ins that do not, a line would seem to miss its total,
    and protection would treat as a bound what is an equation. Least sum of gaps, by linear programming. A stand-in is 0
    only where nothing else fits; the cell is hidden all the same.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    from disclosure.lines import build_lines

    reported = table[table["value"].notna()]
    open_cells = np.flatnonzero(reported["is_interval"])
    if not len(open_cells):
        return table
    value = reported["value"].to_numpy(float, copy=True)
    signed = build_lines(reported[list(dims)].reset_index(drop=True), dims, hierarchies, lines).signed()
    system = signed[:, open_cells].tocsr()
    rows = np.flatnonzero(np.diff(system.indptr))
    if not len(rows):
        return table
    gap = sparse.eye_array(len(rows))
    known = np.where(reported["is_interval"], 0.0, value)
    lowest, highest = (reported[name].to_numpy(float)[open_cells] for name in ("lowest", "highest"))

    def fitted(least: np.ndarray) -> np.ndarray | None:
        answer = linprog(
            np.concatenate([np.zeros(len(open_cells)), np.ones(2 * len(rows))]),
            A_eq=sparse.hstack([system[rows], gap, -gap]).tocsc(),
            b_eq=-(signed[rows] @ known),
            bounds=[*zip(least, highest, strict=True), *[(0, None)] * (2 * len(rows))],
            method="highs",
        )
        return None if answer.x is None else np.round(answer.x[: len(open_cells)])

    found = fitted(lowest)
    if found is None:
        return table
    value[open_cells] = found
    # parts that exceed their total for a stand-in of 1 where the publisher's interval begins at 0: it was a zero
    over = rows[(signed[rows] @ value) > 1e-6]
    crowded = np.diff(system[over].tocsc().indptr) > 0
    may_be_zero = crowded & (lowest < highest) & (reported["own_lower"].to_numpy(float)[open_cells] == 0)
    if may_be_zero.any():
        again = fitted(np.where(may_be_zero, 0.0, lowest))
        value[open_cells] = found if again is None else again
    return table.assign(value=pd.Series(value, index=reported.index).reindex(table.index))
