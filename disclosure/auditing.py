"""What somebody who only has the published tables can work out about the hidden cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from disclosure.attack import TOLERANCE, exact_ranges
from disclosure.found import Relation, described, found_lines, lines_where
from disclosure.lines import Lines, build_lines
from disclosure.protection import PRIMARY, SECONDARY, recorded_parameters
from disclosure.published import join_published
from disclosure.trees import Hierarchies
from disclosure.versions import Released, hidden_rows, row_thresholds


@dataclass(frozen=True)
class Audit:
    """The outsider's result.

    intervals: one row a suppressed cell, in the table's order: the dimensions, low, high (inf: no limit).
    safe: no small count is shown, and every hidden one could as well be large.
    lines: what the outsider was given to know, one row a relation among members: origin ("declared" in a tree, "found" in
    the figures, "given" as `lines`, these in one row), dimension, total, parts, slices (how many lines of the table it
    makes). Relations that were found and are missing among the declared ones are to be declared, or understood.
    """

    intervals: pd.DataFrame
    safe: bool
    lines: pd.DataFrame


def audit(
    table: pd.DataFrame,
    dims: Sequence[str],
    hierarchies: Hierarchies | None = None,
    lines: pd.DataFrame | None = None,
    released: Released = None,
    *,
    value: str | None = None,
    threshold: float | str | None = None,
    find: bool = True,
) -> Audit:
    """Bounds an outsider can put on every suppressed cell, and whether the table is safe to publish.

    table: as returned by `protect`, or the same with hidden values left blank: any non-empty code in `suppressed` is
    a hidden cell. Of hidden values no use is made but to see which lines add up; where they are blank, lines are
    believed to add up as far as they can together. hierarchies, lines, released: as for `protect`; a cell whose value did
    not change is one unknown for all releases. find: the outsider also knows the relations that nobody declared and that
    hold in the figures (`disclosure.found.found_lines`).

    value, threshold: column and rule; by default those that `protect` recorded in the table's `attrs`, else "value"
    and 11.

    The intervals are the exact feasibility intervals of the linear relaxation with values >= 0 (as Tau-Argus and
    sdcTable report them). `safe` asks of every primary cell, of this table and of earlier ones, an interval at least
    `threshold` - 1 wide that holds a value >= `threshold` or 0, and of the table that it shows no count in
    1..`threshold` - 1, neither as a value nor as the change of a value that was shown before. Where codes do not tell
    primary from secondary cells, hidden cells with a small or blank value count as primary.
    """
    dims = list(dims)
    recorded_value, recorded_threshold = recorded_parameters(table)
    value = recorded_value if value is None else value
    threshold = recorded_threshold if threshold is None else threshold
    hidden = hidden_rows(table)
    reported = hidden | table[value].notna().to_numpy()
    built = build_lines(table.loc[reported, dims].reset_index(drop=True), dims, hierarchies, lines)
    whole = built if lines is None and table.loc[reported, value].notna().all() else None
    relations = found_lines(table, dims, hierarchies, value, whole) if find else []
    known = pd.concat([lines, lines_where(relations, table, dims)]) if relations else lines
    published = join_published(table, dims, value, threshold, (hierarchies, known), None, released, hidden)

    row_figure = published.row_figure
    figure = row_figure[hidden]
    shown_figure = row_figure[~hidden & (row_figure >= 0)]
    shown = published.shown_before.copy()
    shown[shown_figure] = True
    small_before = published.small_before & ~shown
    wanted = small_before.copy()
    wanted[figure] = True
    ranges = exact_ranges(published, ~shown, np.zeros(len(shown)), wanted)
    low, high = np.round(ranges.low, 6) + 0.0, np.round(ranges.high, 6) + 0.0

    limit = published.threshold
    wide = high - low >= limit - 1 - TOLERANCE
    open_ended = wide & ((high >= limit - TOLERANCE) | (low <= TOLERANCE))
    primary = np.zeros(len(shown), dtype=bool)
    primary[figure[_primary_rows(table, value, threshold, hidden)[hidden]]] = True
    safe = (
        open_ended[primary | small_before].all()
        and not published.small[shown_figure].any()
        and not published.revised[shown_figure].any()
    )
    intervals = table.loc[hidden, dims].assign(low=low[figure], high=high[figure]).reset_index(drop=True)
    return Audit(intervals, bool(safe), _report(built, table.loc[reported, dims], dims, relations))


def _report(built: Lines, cells: pd.DataFrame, dims: list[str], relations: list[Relation]) -> pd.DataFrame:
    """`Audit.lines`. built: the declared and given lines of the cells."""
    given = int((built.dimension < 0).sum())
    found = [(r.dim, r.total, r.parts, r.slices) for r in relations]
    frames = [
        described(built, cells, dims).assign(origin="declared"),
        pd.DataFrame(found, columns=["dimension", "total", "parts", "slices"]).assign(origin="found"),
        pd.DataFrame([("", "", (), given)] * (given > 0), columns=["dimension", "total", "parts", "slices"]).assign(
            origin="given"
        ),
    ]
    report = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
    return report[["origin", "dimension", "total", "parts", "slices"]]


def _primary_rows(table: pd.DataFrame, value: str, threshold: float | str, hidden: np.ndarray) -> np.ndarray:
    """(rows,) mask of the hidden cells that must not be worked out."""
    if not hidden.any():
        return hidden
    marks = table["suppressed"].astype(str).to_numpy()
    values = pd.to_numeric(table[value]).to_numpy(dtype=float, na_value=np.nan)
    told_apart = np.isin(marks[hidden], [PRIMARY, SECONDARY]).all()
    unknown = np.isnan(values) & (not told_apart)
    return hidden & ((marks == PRIMARY) | ((values > 0) & (values < row_thresholds(table, threshold))) | unknown)
