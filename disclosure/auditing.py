"""What somebody who only has the published table can work out about the hidden cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from disclosure.lines import build_lines


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
    """Bounds an outsider can put on every suppressed cell of a protected table.

    table: as returned by `protect`. Only shown values are used as known; the values of suppressed cells serve to tell
    which totals add up.
    """
    dims = list(dims)
    values = table[value].to_numpy(dtype=float, na_value=np.nan)
    reported = np.flatnonzero(~np.isnan(values))
    cells, x = table.iloc[reported].reset_index(drop=True), values[reported]
    hidden = np.flatnonzero((cells["suppressed"] != "").to_numpy())
    lines = build_lines(cells, dims, hierarchies)
    signed = lines.signed()
    gap = -(signed @ x)
    system = signed[:, hidden]
    known = -gap - (signed @ np.where(np.isin(np.arange(len(x)), hidden), 0.0, x))
    kept = np.diff(system.indptr) > 0
    equation = kept & (np.abs(gap) < threshold)
    below = kept & (gap >= threshold)
    low, high = np.empty(len(hidden)), np.empty(len(hidden))
    for cell in range(len(hidden)):
        objective = np.zeros(len(hidden))
        objective[cell] = 1
        for sign, out in ((1, low), (-1, high)):
            answer = linprog(
                sign * objective,
                A_eq=system[equation],
                b_eq=known[equation],
                A_ub=system[below],
                b_ub=known[below] + gap[below],
                bounds=(1, None),
            )
            out[cell] = sign * answer.fun if answer.status == 0 else sign * -np.inf
    intervals = cells.loc[hidden, dims].assign(low=low, high=high).reset_index(drop=True)
    primary = (cells["suppressed"] == "primary").to_numpy()[hidden]
    wide = (high - low >= threshold - 1 - 1e-6) & ((high >= threshold - 1e-6) | (low <= 1e-6))
    return Audit(intervals, bool(wide[primary].all()))
