"""What somebody who only has the published tables can work out about the hidden cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from disclosure.attack import TOLERANCE, exact_ranges
from disclosure.protection import PRIMARY, SECONDARY, recorded_parameters
from disclosure.published import join_published
from disclosure.trees import Hierarchies
from disclosure.versions import Released, hidden_rows, row_thresholds


@dataclass(frozen=True)
class Audit:
    """The outsider's result.

    intervals: one row a suppressed cell, in the table's order: the dimensions, low, high (inf: no limit).
    safe: no small count is shown, and every hidden one could as well be large.
    """

    intervals: pd.DataFrame
    safe: bool


def audit(
    table: pd.DataFrame,
    dims: Sequence[str],
    hierarchies: Hierarchies | None = None,
    lines: pd.DataFrame | None = None,
    released: Released = None,
    *,
    value: str | None = None,
    threshold: float | str | None = None,
) -> Audit:
    """Bounds an outsider can put on every suppressed cell, and whether the table is safe to publish.

    table: as returned by `protect`, or the same with hidden values left blank: any non-empty code in `suppressed` is
    a hidden cell. Of hidden values no use is made but to see which lines add up; where they are blank, lines are
    believed to add up as far as they can together. released: earlier protected tables, oldest first; a cell whose
    value did not change is one unknown for all of them.

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
    published = join_published(table, dims, value, threshold, hierarchies, lines, None, released, hidden)

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
    return Audit(intervals, bool(safe))


def _primary_rows(table: pd.DataFrame, value: str, threshold: float | str, hidden: np.ndarray) -> np.ndarray:
    """(rows,) mask of the hidden cells that must not be worked out."""
    if not hidden.any():
        return hidden
    marks = table["suppressed"].astype(str).to_numpy()
    values = pd.to_numeric(table[value]).to_numpy(dtype=float, na_value=np.nan)
    told_apart = np.isin(marks[hidden], [PRIMARY, SECONDARY]).all()
    unknown = np.isnan(values) & (not told_apart)
    return hidden & ((marks == PRIMARY) | ((values > 0) & (values < row_thresholds(table, threshold))) | unknown)
