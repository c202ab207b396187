"""Which counts of a table must be hidden before it leaves the house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp

from disclosure.lines import build_lines

PRIMARY, SECONDARY, SHOWN = "primary", "secondary", ""


def protect(
    table: pd.DataFrame,
    dims: Sequence[str],
    value: str = "value",
    threshold: float = 11,
    hierarchies: Mapping[str, Mapping[object, object]] | None = None,
    weight: str | None = None,
    released: Sequence[pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Decide which cells of a table of counts to hide.

    table: one row a cell, unique in `dims`; `value` holds counts >= 0, NaN = not reported (nothing to protect).
    Returns a copy, same rows and order, with the column `suppressed`: "primary" (0 < value < threshold), "secondary"
    (hidden so that primaries cannot be worked out) or "" (shown).
    """
    dims = list(dims)
    values = pd.to_numeric(table[value]).to_numpy(dtype=float, na_value=np.nan)
    if (values < 0).any():
        raise ValueError(f"{int((values < 0).sum())} negative values in {value!r}: only counts >= 0 can be protected")
    if table.duplicated(dims).any():
        raise ValueError(f"{int(table.duplicated(dims).sum())} rows repeat a cell of {dims}: sum or choose first")
    reported = np.flatnonzero(~np.isnan(values))
    cells = table.iloc[reported].reset_index(drop=True)
    x = values[reported]
    cost = x if weight is None else cells[weight].to_numpy(dtype=float)
    primary = (x > 0) & (x < threshold)
    hidden = primary.copy()
    locked = np.zeros(len(x), dtype=bool)
    for earlier in released or []:
        before = cells[dims].merge(earlier[[*dims, value, "suppressed"]], on=dims, how="left")
        old = before[value].to_numpy(dtype=float)
        was_hidden = before["suppressed"].fillna("").to_numpy() != ""
        hidden |= was_hidden & (np.isnan(old) | (old == x))
        locked |= ~was_hidden & (old == x)
    members = build_lines(cells, dims, hierarchies).members()
    hidden = close_single_gaps(members, hidden, cost, (x > 0) & ~locked)
    result = table.copy()
    codes = np.full(len(table), SHOWN, dtype=object)
    codes[reported] = np.where(primary, PRIMARY, np.where(hidden, SECONDARY, SHOWN))
    result["suppressed"] = codes
    return result


def close_single_gaps(
    members: sp.csr_matrix, hidden: np.ndarray, cost: np.ndarray, candidate: np.ndarray
) -> np.ndarray:
    """The plain rule: hide the cheapest candidate of every line with exactly one hidden cell, until there is none."""
    hidden = hidden.copy()
    by_cell = members.T.tocsr()
    gaps = members @ hidden.astype(float)
    queue = list(np.flatnonzero(gaps == 1))
    while queue:
        line = queue.pop()
        if gaps[line] != 1:
            continue
        cells = members.indices[members.indptr[line] : members.indptr[line + 1]]
        cells = cells[~hidden[cells] & candidate[cells]]
        if not len(cells):
            continue
        chosen = cells[np.lexsort((cells, cost[cells]))[0]]
        hidden[chosen] = True
        touched = by_cell.indices[by_cell.indptr[chosen] : by_cell.indptr[chosen + 1]]
        gaps[touched] += 1
        queue.extend(touched[gaps[touched] == 1])
    return hidden
