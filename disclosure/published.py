"""Everything an outsider holds at once: the table about to go out joined with the tables that went out before.

The outsider's unknowns are *figures*: a cell together with its value. A cell that was not revised is the same figure
in every release, so whatever one release shows of it is known in all; a revised cell is a new figure, tied to the old
one only by the belief that late reports add.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.optimize import linprog

from disclosure.lines import Spans, group_ids, lines_of_figures
from disclosure.trees import Hierarchies
from disclosure.versions import Released, Versions, all_versions


@dataclass(frozen=True)
class Published:
    """v figures and the m relations between them.

    value: (v,) true values (for hidden figures nobody holds the value of: one that fits what is shown).
    weight: (v,) loss when hidden. threshold: (v,) smallest count that may be shown. current: (v,) figure is in the table
    about to go out.
    shown_before, hidden_before: (v,) what earlier releases did with it. small_before: (v,) was a primary there.
    revised: (v,) replaces a figure that was shown and differs from it by less than the threshold.
    relations: (m, v) csr array R; the outsider knows R z = R value where slack is 0, else R z <= R value + slack.
    A line whose parts add up is an equation. Parts that fall short of their total may be incomplete, so they only bound
    each other from above; parts that exceed it may overlap, so they only bound each other from below.
    shortfall: (m,) total less parts; a line's relation has its signs turned where it is negative. is_line: (m,) False for
    relations between releases.
    row_figure: (rows of the table,) figure of each row, -1 where the row reports nothing.
    unread: given lines whose cells were never there together.
    """

    value: np.ndarray
    weight: np.ndarray
    threshold: np.ndarray
    current: np.ndarray
    shown_before: np.ndarray
    hidden_before: np.ndarray
    small_before: np.ndarray
    revised: np.ndarray
    relations: sp.csr_array
    slack: np.ndarray
    shortfall: np.ndarray
    is_line: np.ndarray
    row_figure: np.ndarray
    unread: int = 0

    @property
    def small(self) -> np.ndarray:
        """(v,) counts of 1 to the threshold less one."""
        return (self.value > 0) & (self.value < self.threshold)


def join_published(
    table: pd.DataFrame,
    dims: Sequence[str],
    value: str,
    threshold: float | str,
    additive: tuple[Hierarchies | None, pd.DataFrame | None],
    weight: str | None,
    released: Released,
    hidden_now: np.ndarray | None,
) -> Published:
    """Join a table with its earlier releases.

    additive: member trees and further additive rows, as `protect` takes them.
    hidden_now: rows of `table` that are known to be hidden and whose value may be missing; None: nothing is decided yet.
    Raises ValueError for missing columns, negative values and repeated cells.
    """
    dims = list(dims)
    hierarchies, lines = additive
    versions = all_versions(table, dims, value, threshold, released, hidden_now)
    cell, first, last = versions.cell, versions.first, versions.last
    x, is_hidden, now = versions.value, versions.hidden, versions.row >= 0
    distinct, _ = pd.factorize(x, use_na_sentinel=False)
    figure = group_ids([cell, distinct], len(cell))
    count = int(figure.max(initial=-1)) + 1

    def any_row(mask: np.ndarray) -> np.ndarray:
        return np.bincount(figure[mask], minlength=count).astype(bool)

    figure_value = np.full(count, np.nan)
    figure_value[figure] = x
    limit = np.zeros(count)
    np.maximum.at(limit, figure, versions.threshold)
    loss = np.zeros(count)
    if weight is None:
        loss[figure[now]] = np.nan_to_num(x[now])
    else:
        loss[figure[now]] = pd.to_numeric(table[weight]).to_numpy(dtype=float)[versions.row[now]]
    if weight is not None and not (loss >= 0).all():
        raise ValueError(f"weights in {weight!r} must be numbers >= 0 for every reported cell")

    figure_cell = np.zeros(count, dtype=np.int64)
    figure_cell[figure] = cell
    presence, standing = _merged(cell, first, last), _merged(figure, first, last)
    built = lines_of_figures(versions.cells, dims, hierarchies, lines, presence, standing, figure_cell)
    known = _with_unknown_filled(figure_value, built.matrix)
    shortfall = np.round(-(built.matrix @ known), 6) + 0.0
    signed = sp.diags_array(np.where(shortfall < 0, -1.0, 1.0)) @ built.matrix

    older, newer, close = _revisions(versions, figure, known, limit)
    close = close[~np.isnan(figure_value[close])]
    growing = known[newer] >= known[older]
    older, newer = older[growing], newer[growing]
    growth = sp.csr_array((np.ones(len(older)), (np.arange(len(older)), older)), shape=(len(older), count))
    growth = growth - sp.csr_array((np.ones(len(newer)), (np.arange(len(newer)), newer)), shape=growth.shape)
    revised = np.zeros(count, dtype=bool)
    revised[close] = True

    row_figure = np.full(len(table), -1, dtype=np.int64)
    row_figure[versions.row[now]] = figure[now]
    small = is_hidden & ~now & (x > 0) & (x < versions.threshold)
    joined = Published(
        value=known,
        weight=loss,
        threshold=limit,
        current=any_row(now),
        shown_before=any_row(~now & ~is_hidden),
        hidden_before=any_row(~now & is_hidden),
        small_before=any_row(small),
        revised=revised,
        relations=sp.vstack([signed, growth]).tocsr(),
        slack=np.concatenate([np.abs(shortfall), known[newer] - known[older]]),
        shortfall=np.concatenate([shortfall, np.zeros(len(older))]),
        is_line=np.arange(len(shortfall) + len(older)) < len(shortfall),
        row_figure=row_figure,
        unread=built.unread,
    )
    return _in_canonical_order(joined, _name_ranks(versions.cells.iloc[figure_cell], dims))


def _merged(item: np.ndarray, first: np.ndarray, last: np.ndarray) -> Spans:
    """The spans of each item, those that follow each other without a gap as one."""
    order = np.lexsort((first, item))
    item, first, last = item[order], first[order], last[order]
    begins = np.ones(len(item), dtype=bool)
    begins[1:] = (item[1:] != item[:-1]) | (first[1:] > last[:-1] + 1)
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(item))[: len(starts)] - 1
    return Spans(item[starts], first[starts], last[ends])


def _with_unknown_filled(value: np.ndarray, signed: sp.csr_array) -> np.ndarray:
    """Fill figures nobody here holds with numbers >= 0 that fit the lines as closely as possible (least sum of gaps).

    value: (v,) with NaN where unknown; signed: (m, v) lines.
    """
    unknown = np.flatnonzero(np.isnan(value))
    if not len(unknown):
        return value
    system = signed[:, unknown].tocsr()
    rows = np.flatnonzero(np.diff(system.indptr))
    fixed = -(signed[rows] @ np.where(np.isnan(value), 0.0, value))
    misfit = sp.eye_array(len(rows))
    filled = value.copy()
    if not len(rows):
        filled[unknown] = 0.0
        return filled
    answer = linprog(
        np.concatenate([np.zeros(len(unknown)), np.ones(2 * len(rows))]),
        A_eq=sp.hstack([system[rows], misfit, -misfit]).tocsc(),
        b_eq=fixed,
        bounds=(0, None),
        method="highs",
    )
    if answer.x is None:
        raise RuntimeError(f"no values fit the published lines: {answer.message}")
    filled[unknown] = np.round(answer.x[: len(unknown)], 9)
    return filled


def _revisions(
    versions: Versions, figure: np.ndarray, known: np.ndarray, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (older, newer) of a cell's figures one after the other, and the newest figures that stand less than the
    threshold away from one that was shown."""
    cell = versions.cell
    before, after = np.arange(len(cell) - 1), np.arange(1, len(cell))  # versions stand by cell and release
    pair = (cell[before] == cell[after]) & (figure[before] != figure[after])
    now = versions.row >= 0
    shown = pd.DataFrame({"cell": cell, "value": known[figure], "figure": figure})
    both = shown[now].merge(shown[~now & ~versions.hidden], on="cell", suffixes=("", "_before"))
    step = (both["value"] - both["value_before"]).abs()
    close = both.loc[(step > 0) & (step < limit[both["figure"]]), "figure"].to_numpy()
    return figure[before[pair]], figure[after[pair]], close


def _name_ranks(cells: pd.DataFrame, dims: list[str]) -> np.ndarray:
    """Rank of each figure by the names of its cell, the last tie-break."""
    ranks = []
    for dim in dims:
        codes, members = pd.factorize(cells[dim], use_na_sentinel=False)
        rank = np.empty(len(members), dtype=np.int64)
        rank[np.argsort(pd.Index(members).astype(str), kind="stable")] = np.arange(len(members))
        ranks.append(rank[codes])
    return np.lexsort(ranks[::-1]).argsort() if ranks else np.zeros(len(cells), dtype=np.int64)


def _in_canonical_order(published: Published, name_rank: np.ndarray) -> Published:
    """Order figures and relations by what they are, not by row order or member names.

    Labels in the manner of Weisfeiler and Leman: each figure is named by its value, then by the lines it stands in,
    then by the figures in those lines, and so on. Only figures that are alike in every such respect are told apart
    by the names of their members.
    """
    entries = published.relations.tocoo()
    label = _mix(published.value.view(np.uint64) ^ _mix(published.weight.view(np.uint64)))
    if len(label) and np.ptp(published.threshold) > 0:
        label = _mix(label ^ _mix(published.threshold.view(np.uint64)))
    for flag in (published.current, published.shown_before, published.hidden_before, published.revised):
        label = _mix(label ^ flag.astype(np.uint64))
    role = np.where(entries.data > 0, np.uint64(3), np.uint64(5))
    row_label = np.zeros(len(published.slack), dtype=np.uint64)
    for _ in range(5):
        row_label = published.slack.view(np.uint64).copy()
        np.add.at(row_label, entries.row, _mix(label[entries.col] * role))
        row_label = _mix(row_label)
        around = label.copy()
        np.add.at(around, entries.col, _mix(row_label[entries.row] * role))
        label = _mix(around)
    order = np.lexsort((name_rank, label))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    first_place = np.full(len(row_label), len(order), dtype=np.int64)
    np.minimum.at(first_place, entries.row, place[entries.col])
    rows = np.lexsort((first_place, row_label))
    relations = published.relations[rows][:, order].tocsr()
    relations.sort_indices()

    def moved(index: np.ndarray) -> np.ndarray:
        return np.where(index >= 0, place[np.maximum(index, 0)], -1) if len(place) else index

    return Published(
        value=published.value[order],
        weight=published.weight[order],
        threshold=published.threshold[order],
        current=published.current[order],
        shown_before=published.shown_before[order],
        hidden_before=published.hidden_before[order],
        small_before=published.small_before[order],
        revised=published.revised[order],
        relations=relations,
        slack=published.slack[rows],
        shortfall=published.shortfall[rows],
        is_line=published.is_line[rows],
        row_figure=moved(published.row_figure),
        unread=published.unread,
    )


def _mix(bits: np.ndarray) -> np.ndarray:
    """splitmix64: every input bit moves every output bit (Steele, Lea and Flood, 2014)."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
