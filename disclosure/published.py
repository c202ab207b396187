"""Everything an outsider holds at once: the table about to go out joined with the tables that went out before.

The outsider's unknowns are *figures*: a cell together with its value. A cell that was not revised is the same figure
in every release, so whatever one release shows of it is known in all; a revised cell is a new figure, tied to the old
one only by the belief that late reports add.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.optimize import linprog

from disclosure.lines import build_lines, group_ids


@dataclass(frozen=True)
class Published:
    """v figures and the m relations between them.

    value: (v,) true values (for hidden figures nobody holds the value of: one that fits what is shown).
    weight: (v,) loss when hidden. current: (v,) figure is in the table about to go out.
    shown_before, hidden_before: (v,) what earlier releases did with it. small_before: (v,) was a primary there.
    revised: (v,) replaces a figure that was shown and differs from it by less than the threshold.
    relations: (m, v) csr array R; the outsider knows R z = R value where slack is 0, else R z <= R value + slack.
    A line whose parts add up is an equation. Parts that fall short of their total may be incomplete, so they only bound
    each other from above; parts that exceed it may overlap, so they only bound each other from below.
    shortfall: (m,) total less parts. total: (m,) figure that is the line's total, -1 for relations between releases.
    row_figure: (rows of the table,) figure of each row, -1 where the row reports nothing.
    """

    value: np.ndarray
    weight: np.ndarray
    current: np.ndarray
    shown_before: np.ndarray
    hidden_before: np.ndarray
    small_before: np.ndarray
    revised: np.ndarray
    relations: sp.csr_array
    slack: np.ndarray
    shortfall: np.ndarray
    total: np.ndarray
    row_figure: np.ndarray


def hidden_rows(table: pd.DataFrame) -> np.ndarray:
    """Which rows a protected table hides: any non-empty code (or True) in `suppressed`; no such column: none."""
    if "suppressed" not in table:
        return np.zeros(len(table), dtype=bool)
    marks = table["suppressed"]
    if marks.dtype == bool:
        return marks.to_numpy()
    return (marks.notna() & (marks.astype(str) != "")).to_numpy()


def join_published(
    table: pd.DataFrame,
    dims: Sequence[str],
    value: str,
    threshold: float,
    hierarchies: Mapping[str, Mapping[object, object]] | None,
    weight: str | None,
    released: Sequence[pd.DataFrame],
    hidden_now: np.ndarray | None,
) -> Published:
    """Join a table with its earlier releases (oldest first).

    hidden_now: rows of `table` whose value an outsider does not see and which may be missing; None while nothing is
    decided yet. Raises ValueError for missing columns, negative values and repeated cells.
    """
    dims = list(dims)
    frames = [*released, table]
    names = [*(f"released[{i}]" for i in range(len(released))), "table"]
    hidden = [hidden_rows(frame) for frame in released]
    hidden.append(np.zeros(len(table), dtype=bool) if hidden_now is None else hidden_now)
    values = [_checked_values(frame, dims, value, name) for frame, name in zip(frames, names, strict=True)]
    rows = [np.flatnonzero(~np.isnan(x) | h) for x, h in zip(values, hidden, strict=True)]
    cells = pd.concat([f[dims].iloc[r] for f, r in zip(frames, rows, strict=True)], ignore_index=True)
    release = np.repeat(np.arange(len(frames)), [len(r) for r in rows])
    x = np.concatenate([v[r] for v, r in zip(values, rows, strict=True)])
    is_hidden = np.concatenate([h[r] for h, r in zip(hidden, rows, strict=True)])
    cell = group_ids([pd.factorize(cells[dim], use_na_sentinel=False)[0] for dim in dims], len(cells))
    x = pd.Series(x).groupby(cell).bfill().to_numpy()
    hidden_earlier = pd.Series(np.where(is_hidden, x, np.nan)).groupby(cell).ffill().to_numpy()
    x = np.where(np.isnan(x), hidden_earlier, x)

    distinct, _ = pd.factorize(x, use_na_sentinel=False)
    figure = group_ids([cell, distinct], len(cells))
    count = int(figure.max(initial=-1)) + 1
    now = release == len(released)

    def any_row(mask: np.ndarray) -> np.ndarray:
        return np.bincount(figure[mask], minlength=count).astype(bool)

    figure_value = np.full(count, np.nan)
    figure_value[figure] = x
    loss = np.zeros(count)
    if weight is None:
        loss[figure[now]] = x[now]
    else:
        loss[figure[now]] = pd.to_numeric(table[weight]).to_numpy(dtype=float)[rows[-1]]
    if hidden_now is None and not (loss >= 0).all():
        raise ValueError(f"weights in {weight!r} must be numbers >= 0 for every reported cell")

    totals, parts = [], []
    for step in range(len(frames)):
        own = figure[release == step]
        lines = build_lines(cells[release == step].reset_index(drop=True), dims, hierarchies)
        totals.append(own[lines.parent])
        entries = lines.parts.tocoo()
        parts.append(sp.csr_array((entries.data, (entries.row, own[entries.col])), shape=(lines.count, count)))
    total = np.concatenate(totals).astype(np.int64)
    part = sp.vstack(parts).tocsr()

    known = _with_unknown_filled(figure_value, part, total)
    total, part, shortfall = _distinct_lines(known, part, total)
    signed = part - sp.csr_array((np.ones(len(total)), (np.arange(len(total)), total)), shape=part.shape)
    signed = sp.diags_array(np.where(shortfall < 0, -1.0, 1.0)) @ signed

    older, newer, close = _revisions(cell, figure, release, known, is_hidden, threshold)
    close = close[~np.isnan(figure_value[close])]
    growing = known[newer] >= known[older]
    older, newer = older[growing], newer[growing]
    growth = sp.csr_array((np.ones(len(older)), (np.arange(len(older)), older)), shape=(len(older), count))
    growth = growth - sp.csr_array((np.ones(len(newer)), (np.arange(len(newer)), newer)), shape=growth.shape)
    revised = np.zeros(count, dtype=bool)
    revised[close] = True

    row_figure = np.full(len(table), -1, dtype=np.int64)
    row_figure[rows[-1]] = figure[now]
    small = is_hidden & ~now & (x > 0) & (x < threshold)
    first = np.full(count, -1, dtype=np.int64)
    first[figure[::-1]] = np.arange(len(cells))[::-1]
    joined = Published(
        value=known,
        weight=loss,
        current=any_row(now),
        shown_before=any_row(~now & ~is_hidden),
        hidden_before=any_row(~now & is_hidden),
        small_before=any_row(small),
        revised=revised,
        relations=sp.vstack([signed, growth]).tocsr(),
        slack=np.concatenate([np.abs(shortfall), known[newer] - known[older]]),
        shortfall=np.concatenate([shortfall, np.zeros(len(older))]),
        total=np.concatenate([total, np.full(len(older), -1, dtype=np.int64)]),
        row_figure=row_figure,
    )
    return _in_canonical_order(joined, _name_ranks(cells.iloc[first], dims))


def _checked_values(frame: pd.DataFrame, dims: list[str], value: str, name: str) -> np.ndarray:
    missing = [column for column in [*dims, value] if column not in frame]
    if missing:
        raise ValueError(f"{name} has no column {', '.join(map(repr, missing))}; it has {list(frame.columns)}")
    values = pd.to_numeric(frame[value]).to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(values[~np.isnan(values)]).all() or (values < 0).any():
        raise ValueError(f"{name}: {value!r} must hold counts >= 0 or nothing; it has negative or infinite values")
    repeated = frame.duplicated(dims)
    if repeated.any():
        example = frame.loc[repeated, dims].iloc[0].to_dict()
        raise ValueError(
            f"{name}: {int(repeated.sum())} rows repeat a cell, for example {example}; sum or choose first"
        )
    return values


def _with_unknown_filled(value: np.ndarray, part: sp.csr_array, total: np.ndarray) -> np.ndarray:
    """Fill figures nobody here holds with numbers >= 0 that fit the lines as closely as possible (least sum of gaps).

    value: (v,) with NaN where unknown; part: (m, v); total: (m,).
    """
    unknown = np.flatnonzero(np.isnan(value))
    if not len(unknown):
        return value
    signed = part - sp.csr_array((np.ones(len(total)), (np.arange(len(total)), total)), shape=part.shape)
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


def _distinct_lines(
    value: np.ndarray, part: sp.csr_array, total: np.ndarray
) -> tuple[np.ndarray, sp.csr_array, np.ndarray]:
    """(total, part, shortfall) of the lines, without those that repeat another release's line."""
    codes = np.random.default_rng(0).integers(1, 2**31, size=(part.shape[1], 2)).astype(float)
    fingerprint = pd.DataFrame(np.column_stack([total, np.asarray(part @ codes)]))
    keep = np.flatnonzero(~fingerprint.duplicated().to_numpy())
    total, part = total[keep], part[keep]
    return total, part, np.round(value[total] - part @ value, 6) + 0.0


def _revisions(
    cell: np.ndarray, figure: np.ndarray, release: np.ndarray, value: np.ndarray, hidden: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs (older, newer) of a cell's figures in consecutive releases, and the newest figures that stand less than
    the threshold away from one that was shown."""
    order = np.lexsort((release, cell))
    before, after = order[:-1], order[1:]
    pair = (cell[before] == cell[after]) & (figure[before] != figure[after])
    before, after = before[pair], after[pair]
    last = release.max(initial=0)
    shown = pd.DataFrame({"cell": cell, "value": value[figure], "figure": figure})
    earlier = shown[(release < last) & ~hidden]
    both = shown[release == last].merge(earlier, on="cell", suffixes=("", "_before"))
    step = (both["value"] - both["value_before"]).abs()
    close = both.loc[(step > 0) & (step < threshold), "figure"].to_numpy()
    return figure[before], figure[after], close


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
        current=published.current[order],
        shown_before=published.shown_before[order],
        hidden_before=published.hidden_before[order],
        small_before=published.small_before[order],
        revised=published.revised[order],
        relations=relations,
        slack=published.slack[rows],
        shortfall=published.shortfall[rows],
        total=moved(published.total[rows]),
        row_figure=moved(published.row_figure),
    )


def _mix(bits: np.ndarray) -> np.ndarray:
    """splitmix64: every input bit moves every output bit (Steele, Lea and Flood, 2014)."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
