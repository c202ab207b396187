"""Which counts of a table must be hidden before it leaves the house."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from disclosure.attack import TOLERANCE, Need, Ranges, explore, outer_bounds
from disclosure.complements import cheapest_move, close_lines
from disclosure.published import Published, join_published
from disclosure.trees import Hierarchies
from disclosure.versions import Released

PRIMARY, SECONDARY, SHOWN = "primary", "secondary", ""
RECORD = "disclosure"
SECONDARY_WIDTH = 2.5  # a complement that is known to within one is hardly hidden
FALLBACKS = (SECONDARY_WIDTH, -SECONDARY_WIDTH, 1.0, -1.0)  # moves of figures that have no room for what they need


def protect(  # noqa: PLR0913 - the choices of the method, by name, each with its default
    table: pd.DataFrame,
    dims: Sequence[str],
    value: str = "value",
    threshold: float | str = 11,
    hierarchies: Hierarchies | None = None,
    lines: pd.DataFrame | None = None,
    weight: str | None = None,
    released: Released = None,
    *,
    hide: str | None = None,
) -> pd.DataFrame:
    """Decide which cells of a table of counts to hide.

    table: one row a cell, unique in `dims`. `value` holds counts >= 0; NaN means not reported, which is no cell to
    protect and counts nowhere as zero. Zeros are shown.
    dims: the columns that name a cell.
    threshold: counts in 1..threshold - 1 are primary; a number, or the name of a column with a number a row.
    hierarchies: {dim: {child: parent}}, any number of levels, or {dim: [{child: parent}, ...]} for several trees over the
    same codes (`disclosure.trees.member_parents` says how they go together). A member without a parent is a part of `_T`
    where the dimension has `_T`; a dimension with neither `_T` nor a tree (measure, unit, source) links nothing, so
    independent tables can be stacked along it.
    lines: further additive rows, one row a cell of a line: the columns of `dims`, `line` (any name of the line) and
    `sign` (+1 or -1): the signed sum over a line is 0, or nearly, as for a total and its parts. For equal figures of two
    sources, reported beside derived totals, overlapping tables. Where a line's cells of one sign are partly absent it is
    read as a total with unlisted parts; otherwise a line with absent cells is passed over (number in `attrs`).
    weight: column with the loss of hiding a cell, default its value.
    released: what went out earlier: protected tables, oldest first, or one frame of distinct versions: `dims`, `value`,
    `suppressed` and the whole numbers `first_release`, `last_release` (inclusive, oldest release 1; the table about to go
    out follows the largest). Hidden values are given, or blank where nobody holds them; `suppressed` = "erased" is a
    figure that readers saw and whose value is held no more. A cell with an unchanged value keeps its state; a shown cell
    that changed by less than the threshold is hidden, because the change is itself a small count: `hold_back` then
    gives the older figure to show instead.
    hide: column of booleans, True for a cell that this table may not tell whatever its value (withdrawn): it is hidden,
    also where an earlier release showed it, with the complements it needs within this table.

    Returns a copy, same rows and order, with the column `suppressed`: "primary", "secondary" (hidden so that primaries
    cannot be worked out) or "" (shown). Values stay in place: blanking them, under one code for both kinds, is up to
    the publisher. The parameters are noted in `attrs` for `audit`.

    What is promised: an outsider who holds this table and all released ones, knows the lines, believes that they add
    up as far as they do, and knows that hidden cells are not zero, is left with a range of at least `threshold` - 1
    for every primary cell, up to `threshold` or more. Parts that fall short of their total bound each other from above,
    parts that exceed it from below; where they miss it by less than `threshold`, single gaps are closed all the same.
    Where earlier releases leave no way to keep the promise, as much as possible is hidden and `audit` reports it.

    The result does not depend on the order of rows, nor on member names except to choose between cells that are alike
    in all else. Raises ValueError for missing columns, repeated cells, negative or infinite values, bad weights,
    hierarchies that run in a circle, lines and releases that cannot be read.
    """
    dims = list(dims)
    flagged = withheld = _flagged(table, hide)
    blank = flagged & pd.to_numeric(table[value]).isna().to_numpy() if flagged.any() else None
    if flagged.any() and released is not None:
        # what this table alone must not tell is hidden whatever earlier releases showed
        alone = join_published(table, dims, value, threshold, (hierarchies, lines), weight, None, blank)
        withheld = _by_row(alone, _complements(alone, _by_figure(alone, flagged)))
    published = join_published(table, dims, value, threshold, (hierarchies, lines), weight, released, blank)
    forced = _by_figure(published, withheld)
    hidden = choose_hidden(published, forced) | forced
    codes = np.full(len(table), SHOWN, dtype=object)
    reported = published.row_figure >= 0
    figure = published.row_figure[reported]
    codes[reported] = np.where(published.small[figure], PRIMARY, np.where(hidden[figure], SECONDARY, SHOWN))
    codes[flagged & reported] = PRIMARY
    result = table.copy()
    result["suppressed"] = codes
    result.attrs[RECORD] = {"value": value, "threshold": threshold, "lines_passed_over": published.unread}
    return result


def recorded_parameters(table: pd.DataFrame) -> tuple[str, float | str]:
    """(value column, threshold) that `protect` noted on a table, or the defaults."""
    record = table.attrs.get(RECORD, {})
    return record.get("value", "value"), record.get("threshold", 11)


def _flagged(table: pd.DataFrame, hide: str | None) -> np.ndarray:
    """(rows,) the cells that the caller wants hidden."""
    if hide is None:
        return np.zeros(len(table), dtype=bool)
    if hide not in table or table[hide].dtype != bool:
        raise ValueError(f"hide: the table needs a column {hide!r} of True and False")
    return table[hide].to_numpy()


def _by_figure(published: Published, rows: np.ndarray) -> np.ndarray:
    mask = np.zeros(len(published.value), dtype=bool)
    mask[published.row_figure[rows & (published.row_figure >= 0)]] = True
    return mask


def _by_row(published: Published, figures: np.ndarray) -> np.ndarray:
    return (published.row_figure >= 0) & figures[published.row_figure]


def choose_hidden(published: Published, forced: np.ndarray) -> np.ndarray:
    """(v,) mask of the figures to hide: what must be hidden, then the cheapest complements found.

    forced: (v,) figures that are hidden whatever they hold.
    """
    small = published.small
    must = ((small | forced) & published.current) | published.revised | published.hidden_before
    unknown = must & ~published.shown_before
    candidate = published.current & ~published.shown_before & ~unknown & (published.value > 0)
    target = unknown & (small | published.revised | published.small_before | (forced & (published.value > 0)))
    return _closed(published, unknown, candidate, published.weight + 1.0, must, target)


def _complements(published: Published, forced: np.ndarray) -> np.ndarray:
    """(v,) mask of the forced figures and what this table needs to hide for them; small counts are hidden anyway."""
    candidate = ~forced & (published.value > 0)
    price = np.where(published.small, 0.01, published.weight + 1.0)
    return _closed(published, forced, candidate, price, forced, forced & (published.value > 0))


def _closed(
    published: Published,
    unknown: np.ndarray,
    candidate: np.ndarray,
    price: np.ndarray,
    must: np.ndarray,
    target: np.ndarray,
) -> np.ndarray:
    """Both steps. The 1 in a price keeps cells without weight from being hidden for nothing."""
    need = Need(
        reach=np.where(published.small, published.threshold, -np.inf),
        depth=np.full(len(must), np.inf),
        width=np.where(target, published.threshold - 1, SECONDARY_WIDTH),
    )
    unknown = close_lines(published, unknown, candidate, price)
    return _close_systems(published, unknown, candidate & ~unknown, price, must, target, need)


def _close_systems(
    published: Published,
    unknown: np.ndarray,
    candidate: np.ndarray,
    price: np.ndarray,
    must: np.ndarray,
    target: np.ndarray,
    need: Need,
) -> np.ndarray:
    """Add complements until the whole system of lines leaves every target the range it needs.

    Outer bounds are cheap and show nearly all that is too narrow, so they go first; the exact ranges then prove the
    rest or find what the bounds missed. Figures for which no move exists are left to the audit to report. A complement
    that can be worked out protects nothing and is shown again; one that can be guessed to within one gets company.
    All arguments are (v,); `unknown` and `candidate` are worked on.
    """
    by_figure = published.relations.T.tocsr()
    floor = np.minimum(published.value, 1.0)
    ranges = Ranges.of(published)
    hopeless = np.zeros(len(unknown), dtype=bool)

    def repair(short: np.ndarray) -> None:
        """Widen some of the figures that fall short, far enough apart that one repair does not make another idle."""
        nearby = np.zeros(len(unknown), dtype=bool)
        for figure in short:
            if nearby[figure]:
                continue
            found = None
            for change in (need.change(figure, published.value[figure], ranges), *FALLBACKS):
                found = cheapest_move(published, by_figure, unknown, candidate, price, floor, figure, change)
                if found is not None or ranges.high[figure] - ranges.low[figure] >= abs(FALLBACKS[-1]) - TOLERANCE:
                    break
                hopeless[figure] = True  # it cannot have what it needs, but it need not be told exactly
            if found is None:
                hopeless[figure] = True
                continue
            moved, steps = found
            ranges.include(moved, published.value[moved] + steps)
            unknown[moved] = True
            candidate[moved] = False
            for _ in range(2):
                moved = np.unique(published.relations[np.unique(by_figure[moved].indices)].indices)
                moved = moved[unknown[moved]]
            nearby[moved] = True

    while True:
        outer = outer_bounds(published, unknown, floor)
        short = np.flatnonzero(target & ~hopeless & need.unmet(outer))
        if not len(short):
            short = explore(published, unknown, floor, target & ~hopeless, need, ranges)
        if not len(short):
            short = explore(published, unknown, floor, unknown & ~target & ~hopeless, need, ranges)
            idle = short[((ranges.high - ranges.low)[short] < TOLERANCE) & ~must[short]]
            covers = short[must[short]]
            if len(covers):  # of earlier releases: first, for they may need cells that are idle as yet
                short = covers
            else:
                unknown[idle] = False
                hopeless[idle] = True
                short = short[~hopeless[short]]
        if not len(short):
            return unknown
        repair(short)
