"""Revisions that cannot be shown yet: which cells keep their older figure, and what is kept of them for later releases.

For a reader a revision that is held back is a hidden figure, whatever stands in its place: an older figure that was out
before tells nothing new. So `protect` decides: it hides a figure that replaced a shown one by less than the threshold,
and as much beside it as is needed that no line of any release tells the difference. Where all that moved in a line
changed little, all of it waits; where much moved, the small changes and the cheapest large ones beside them wait, and the
rest moves. Only what a reader gets in place of the gap is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from disclosure.lines import build_lines
from disclosure.protection import PRIMARY, SHOWN, recorded_parameters
from disclosure.trees import Hierarchies
from disclosure.versions import Released, all_versions


def hold_back(
    protected: pd.DataFrame,
    dims: Sequence[str],
    released: Released,
    hierarchies: Hierarchies | None = None,
    lines: pd.DataFrame | None = None,
    *,
    hide: str | None = None,
) -> pd.DataFrame:
    """Show the older figure where `protect` hid a revision.

    protected: the result of `protect`, with its values in place; released, hierarchies, lines, hide: as given there.

    Returns a copy, same rows and order, in which
    - `value` (the value column) and `suppressed` are what is to be published: a cell that is hidden only because its
      change, or one beside it, would tell a small number of persons shows its latest shown figure, with `suppressed`
      "". Small counts and the cells of `hide` (withdrawn) are never held back: they stay hidden;
    - `held`: True where the older figure stands. Say so to readers: lines through such a cell may not add up;
    - `held_release`: the release (ordinal, oldest 1) in which that figure was first shown; 0 where not held;
    - `record_value`, `record_suppressed`: what later releases must be given as this one in `released`. That is the true
      figure and its state, not the older one in its place: totals that moved were published beside it, so it is one of the
      reader's unknowns. Only where everything that moved in all lines of a group of held cells is held itself has nothing
      of it been out; there the older figure, shown, is recorded, and the group comes anew with the next release.

    Audit the protected table, before this, with the same `released`; what is shown in place of gaps is out already.
    """
    dims = list(dims)
    value, threshold = recorded_parameters(protected)
    hidden = (protected["suppressed"] != SHOWN).to_numpy()
    versions = all_versions(protected, dims, value, threshold, released, hidden)
    rows = np.flatnonzero(versions.row >= 0)
    before = versions.row < 0
    count = len(versions.cells)
    limit = np.zeros(count)
    limit[versions.cell[rows]] = versions.threshold[rows]
    # versions stand by cell and release, so the last one written is the latest
    shown = np.flatnonzero(before & ~versions.hidden & ~np.isnan(versions.value))
    old_value, old_release = np.full(count, np.nan), np.zeros(count, dtype=np.int64)
    old_value[versions.cell[shown]] = versions.value[shown]
    old_release[versions.cell[shown]] = versions.first[shown]
    seen = pd.MultiIndex.from_arrays([versions.cell[shown], versions.value[shown]])
    latest = np.flatnonzero(before & (versions.last == versions.last[before].max(initial=0)))
    last_value = np.full(count, np.nan)
    last_value[versions.cell[latest]] = versions.value[latest]

    cell = np.full(len(protected), -1, dtype=np.int64)
    cell[versions.row[rows]] = versions.cell[rows]
    reported = cell >= 0
    values = pd.to_numeric(protected[value]).to_numpy(dtype=float, na_value=np.nan)
    older = np.where(reported, old_value[cell], np.nan)
    may_stand = (older == 0) | (older >= np.where(reported, limit[cell], np.inf))
    unchanged = pd.MultiIndex.from_arrays([cell, values]).isin(seen)
    held = hidden & may_stand & ~unchanged & (protected["suppressed"] != PRIMARY).to_numpy()
    if hide is not None:
        held &= ~protected[hide].to_numpy(dtype=bool)
    moved = reported & (np.where(reported, last_value[cell], np.nan) != values)

    whole = np.zeros(len(protected), dtype=bool)
    if held.any():
        own = np.flatnonzero(reported)
        cells = protected.iloc[own][dims].reset_index(drop=True)
        members = abs(build_lines(cells, dims, hierarchies, lines).matrix)
        whole[own] = _moving_as_a_whole(members, held[own], moved[own])
    result = protected.copy()
    result[value] = np.where(held, older, values)
    result["suppressed"] = np.where(held, SHOWN, protected["suppressed"])
    result["held"] = held
    result["held_release"] = np.where(held, old_release[cell], 0)
    result["record_value"] = np.where(whole, older, values)
    result["record_suppressed"] = np.where(whole, SHOWN, protected["suppressed"])
    return result


def _moving_as_a_whole(members: sp.csr_array, held: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """(n,) held cells in whose groups (held cells joined by lines) no line has a cell that moved and is not held.

    members: (m, n) cells of each line.
    """
    open_line = (members @ (moved & ~held).astype(float)) > 0
    waiting = np.flatnonzero(held)
    joined = members[:, waiting]
    _, group = connected_components(sp.block_array([[None, joined], [joined.T, None]]), directed=False)
    of_line, of_cell = group[: joined.shape[0]], group[joined.shape[0] :]
    touching = np.diff(joined.indptr) > 0
    is_open = np.isin(of_cell, of_line[open_line & touching])
    whole = np.zeros(len(held), dtype=bool)
    whole[waiting[~is_open]] = True
    return whole
