"""The additive structure of published tables: which cells are totals of which other cells.

A *cell* is a combination of members. A *line* is a total with its parts along one dimension, everything else held
fixed, or a row that the caller gives. Protection and audit both work on these lines; nothing here knows which cells are
hidden. A cell may be there in some releases only and may change its value between releases: a line holds from a first
to a last release, and a cell's value at a time is a *figure*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

from disclosure.trees import Hierarchies, member_parents

LINE, SIGN = "line", "sign"


@dataclass(frozen=True)
class Spans:
    """Rows with an item each and the releases, first to last, in which they hold: three integer arrays of one length."""

    item: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @staticmethod
    def once(count: int) -> Spans:
        """Items 0..count - 1, all in one release."""
        return Spans(np.arange(count), np.ones(count, dtype=np.int64), np.ones(count, dtype=np.int64))

    def take(self, rows: np.ndarray) -> Spans:
        return Spans(self.item[rows], self.first[rows], self.last[rows])


@dataclass(frozen=True)
class Lines:
    """m lines over n cells (or figures).

    matrix: (m, n) csr array: +1 for a part, -1 for the total; given lines as they are given.
    dimension: (m,) position of the dimension the line runs along, -1 for a given line.
    unread: how many given lines name cells that are never there together.
    """

    matrix: sp.csr_array
    dimension: np.ndarray
    unread: int = 0

    def signed(self) -> sp.csr_array:
        return self.matrix


@dataclass(frozen=True)
class Entries:
    """The lines' cells one by one: (line, cell, coefficient); line_*: (m,) a line."""

    line: np.ndarray
    cell: np.ndarray
    coefficient: np.ndarray
    dimension: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @staticmethod
    def together(parts: Sequence[Entries]) -> Entries:
        shift = np.cumsum([0, *(len(part.dimension) for part in parts)])
        return Entries(
            np.concatenate([part.line + by for part, by in zip(parts, shift[:-1], strict=True)]),
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("cell", "coefficient", "dimension", "first", "last")
            ),
        )


def build_lines(
    cells: pd.DataFrame, dims: Sequence[str], hierarchies: Hierarchies | None, lines: pd.DataFrame | None = None
) -> Lines:
    """All lines of one table: cells has one row a reported cell, unique in `dims`; the matrix has its rows as columns."""
    once = Spans.once(len(cells))
    return lines_of_figures(cells, dims, hierarchies, lines, once, once)


def lines_of_figures(
    cells: pd.DataFrame,
    dims: Sequence[str],
    hierarchies: Hierarchies | None,
    lines: pd.DataFrame | None,
    presence: Spans,
    figures: Spans,
    figure_cell: np.ndarray | None = None,
) -> Lines:
    """All lines of tables that went out one after the other, over their figures.

    cells: one row a cell, unique in `dims`. presence: when each cell (row of `cells`) was there, spans of one cell
    apart from each other. figures: when each figure stood; figure_cell: (v,) the cell of each figure, None where
    figures are cells. lines: see `given_lines`. Work and result grow with the distinct combinations of figures, not
    with the number of releases.

    A table need not be complete: a cell is a part of its nearest ancestor that is in the table, so a missing middle
    level does not cut the link between parts and grand total.
    """
    n = len(cells)
    hierarchies = hierarchies or {}
    unknown = sorted(set(hierarchies) - set(dims))
    if unknown:
        raise ValueError(f"hierarchies for {unknown}, which are not among the dimensions {list(dims)}")
    coded = [pd.factorize(cells[dim], use_na_sentinel=False) for dim in dims]
    found = []
    for position, dim in enumerate(dims):
        own, uniques = coded[position]
        codes, trees = member_parents(list(uniques), hierarchies.get(dim), dim)
        rest = None
        for parents in trees:
            if (parents < 0).all() or n == 0:
                continue
            if rest is None:
                rest = group_ids([c for i, (c, _) in enumerate(coded) if i != position], n)
            found.append(_tree_lines(position, own, rest, parents, presence))
    given, unread = given_lines(lines, cells, dims, presence)
    found.append(given)
    entries = Entries.together(found)
    if figure_cell is not None:
        entries = _by_figure(entries, figures, figure_cell)
    width = n if figure_cell is None else len(figure_cell)
    shape = (len(entries.dimension), width)
    matrix = sp.csr_array((entries.coefficient, (entries.line, entries.cell)), shape=shape)
    codes = np.random.default_rng(0).integers(1, 2**31, size=(width, 2)).astype(float)
    keep = np.flatnonzero(~pd.DataFrame(matrix @ codes).duplicated().to_numpy())
    return Lines(matrix[keep], entries.dimension[keep], unread)


def segments(group: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut the time of each group where one of its rows begins or ends, so that between cuts all stand still.

    Returns (row, piece) for each row and each piece of time it holds in, and (pieces, 3): group, first, last release.
    """
    span = int(last.max(initial=0)) + 2
    if len(first) and first.min() == last.max():  # one release: nothing to cut
        piece, groups = pd.factorize(group)
        release = np.full(len(groups), first[0])
        return np.arange(len(group)), piece, np.column_stack([groups, release, release])
    cuts = np.unique(np.concatenate([group * span + first, group * span + last + 1]))
    begin, end = np.searchsorted(cuts, group * span + first), np.searchsorted(cuts, group * span + last + 1)
    row = np.repeat(np.arange(len(group)), end - begin)
    piece = np.arange(len(row)) - np.repeat(np.cumsum(end - begin) - (end - begin), end - begin) + begin[row]
    used, piece = np.unique(piece, return_inverse=True)
    stop = cuts[np.minimum(used + 1, len(cuts) - 1)]
    return row, piece, np.column_stack([cuts[used] // span, cuts[used] % span, stop % span - 1])


def _tree_lines(position: int, own: np.ndarray, rest: np.ndarray, parents: np.ndarray, presence: Spans) -> Entries:
    """The lines along one tree. own, rest: (cells,) member code, and code of all other members."""
    width = len(parents)
    top = np.arange(width)
    while (parents[top] >= 0).any():  # lines never cross between tops, so each top's time is cut on its own
        top = np.where(parents[top] >= 0, parents[top], top)
    cell = presence.item
    row, piece, pieces = segments(rest[cell] * width + top[own[cell]], presence.first, presence.last)
    cell = cell[row]
    index = pd.Index(piece * width + own[cell])
    ancestor = parents[own[cell]]
    found = np.full(len(cell), -1, dtype=np.int64)
    pending = np.flatnonzero(ancestor >= 0)
    while len(pending):
        hit = index.get_indexer(piece[pending] * width + ancestor[pending])
        found[pending] = hit
        pending = pending[hit < 0]
        ancestor[pending] = parents[ancestor[pending]]
        pending = pending[ancestor[pending] >= 0]
    parts = np.flatnonzero(found >= 0)
    line, totals = pd.factorize(found[parts], sort=True)
    count = len(totals)
    return Entries(
        np.concatenate([line, np.arange(count)]),
        np.concatenate([cell[parts], cell[totals]]),
        np.concatenate([np.ones(len(parts)), -np.ones(count)]),
        np.full(count, position),
        pieces[piece[totals], 1],
        pieces[piece[totals], 2],
    )


def given_lines(
    lines: pd.DataFrame | None, cells: pd.DataFrame, dims: Sequence[str], presence: Spans
) -> tuple[Entries, int]:
    """The lines that the caller gives, as far as their cells are there, and how many are there in no release.

    lines: one row a cell of a line: the columns of `dims`, `line` (any name) and `sign` (+1 or -1, or the factor of a
    unit): the signed sum over a line is 0. Where cells of one sign only are absent, and not all of them, the line is
    read without them: like a total whose parts are not all listed it bounds what is left. Otherwise it says nothing and
    is passed over whole. Raises ValueError for missing columns, signs of 0 and lines that name a cell twice.
    """
    nothing = np.empty(0, dtype=np.int64)
    if lines is None or not len(lines):
        return Entries(nothing, nothing, np.empty(0), nothing, nothing, nothing), 0
    missing = [column for column in [*dims, LINE, SIGN] if column not in lines]
    if missing:
        raise ValueError(f"lines has no column {', '.join(map(repr, missing))}; it has {list(lines.columns)}")
    sign = pd.to_numeric(lines[SIGN]).to_numpy(dtype=float, na_value=np.nan)
    if not (np.isfinite(sign) & (sign != 0)).all():
        raise ValueError("lines: 'sign' must be +1 or -1 (or the factor of a unit) in every row")
    repeated = lines.duplicated([*dims, LINE])
    if repeated.any():
        example = lines.loc[repeated, [*dims, LINE]].iloc[0].to_dict()
        raise ValueError(f"lines: a line names a cell twice, for example {example}")
    line, names = pd.factorize(lines[LINE], use_na_sentinel=False)
    count = len(names)
    both = pd.concat([cells[list(dims)], lines[list(dims)]], ignore_index=True)
    key = group_ids([pd.factorize(both[dim], use_na_sentinel=False)[0] for dim in dims], len(both))
    place = pd.Index(key[: len(cells)]).get_indexer(key[len(cells) :])

    # each entry once for each span of its cell
    order = np.argsort(presence.item, kind="stable")
    starts = np.searchsorted(presence.item[order], np.arange(len(cells) + 1))
    there = np.flatnonzero(place >= 0)
    spans = starts[place[there] + 1] - starts[place[there]]
    entry = np.repeat(there, spans)
    offset = np.arange(len(entry)) - np.repeat(np.cumsum(spans) - spans, spans)
    span = order[starts[place[entry]] + offset]
    row, piece, pieces = segments(line[entry], presence.first[span], presence.last[span])
    entry = entry[row]

    def counted(mask: np.ndarray, index: np.ndarray, size: int) -> np.ndarray:
        return np.bincount(index[mask], minlength=size)

    size = len(pieces)
    here = [counted(s * sign[entry] > 0, piece, size) for s in (1, -1)]
    whole = [counted(s * sign > 0, line, count)[pieces[:, 0]] for s in (1, -1)]
    read = (here[0] > 0) & (here[1] > 0) & ((here[0] == whole[0]) | (here[1] == whole[1]))
    number = np.cumsum(read) - 1
    kept = read[piece]
    unread = count - len(np.unique(pieces[read, 0]))
    return Entries(
        number[piece[kept]],
        place[entry[kept]],
        sign[entry[kept]],
        np.full(int(read.sum()), -1),
        pieces[read, 1],
        pieces[read, 2],
    ), unread


def _by_figure(entries: Entries, figures: Spans, figure_cell: np.ndarray) -> Entries:
    """The same lines over figures: one for each combination of figures that its cells had at one time."""
    cell = figure_cell[figures.item]
    order = np.lexsort((figures.first, cell))
    cell, spans = cell[order], figures.take(order)
    starts = np.searchsorted(cell, np.arange(int(cell.max(initial=-1)) + 2))
    count = starts[entries.cell + 1] - starts[entries.cell]
    entry = np.repeat(np.arange(len(entries.line)), count)
    span = starts[entries.cell[entry]] + np.arange(len(entry)) - np.repeat(np.cumsum(count) - count, count)
    line = entries.line[entry]
    first = np.maximum(spans.first[span], entries.first[line])
    last = np.minimum(spans.last[span], entries.last[line])
    at = first <= last
    entry, span, line = entry[at], span[at], line[at]
    row, piece, pieces = segments(line, first[at], last[at])
    return Entries(
        piece,
        spans.item[span[row]],
        entries.coefficient[entry[row]],
        entries.dimension[pieces[:, 0]],
        pieces[:, 1],
        pieces[:, 2],
    )


def group_ids(codes: Sequence[np.ndarray], n: int) -> np.ndarray:
    """One dense integer a distinct combination of the given codes (renumbered at each step, so it cannot overflow)."""
    ids = np.zeros(n, dtype=np.int64)
    for code in codes:
        ids, _ = pd.factorize(ids * (int(code.max(initial=0)) + 1) + code)
    return ids
