"""What somebody who only has the published tables can work out about the hidden cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from disclosure.attack import TOLERANCE, exact_ranges
from disclosure.published import hidden_rows, join_published


@dataclass(frozen=True)
class Audit:
    """intervals: one row a suppressed cell (the dimensions, low, high); safe: no primary cell can be pinned down."""

    intervals: pd.DataFrame
    safe: bool


def audit(
    table: pd.DataFrame,
    dims: Sequence[str],
    hierarchies: Mapping[str, Mapping[object, object]] | None = None,
    released: Sequence[pd.DataFrame] | None = None,
    *,
    value: str = "value",
    threshold: float = 11,
) -> Audit:
    dims = list(dims)
    hidden = hidden_rows(table)
    published = join_published(table, dims, value, threshold, hierarchies, None, list(released or []), hidden)
    figure = published.row_figure[hidden]
    wanted = np.zeros(len(published.value), dtype=bool)
    wanted[figure] = True
    shown = published.shown_before.copy()
    shown[published.row_figure[~hidden & (published.row_figure >= 0)]] = True
    unknown = ~shown
    ranges = exact_ranges(published, unknown, np.zeros(len(wanted)), wanted)
    intervals = table.loc[hidden, dims].assign(low=ranges.low[figure], high=ranges.high[figure]).reset_index(drop=True)
    low, high = ranges.low, ranges.high
    wide = (high - low >= threshold - 1 - TOLERANCE) & ((high >= threshold - TOLERANCE) | (low <= TOLERANCE))
    primary = (table["suppressed"] == "primary").to_numpy()[hidden]
    return Audit(intervals, bool(wide[figure[primary]].all()))
