"""Which counts of a table must be hidden before it leaves the house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from disclosure.attack import TOLERANCE, Need, Ranges, explore, outer_bounds
from disclosure.complements import cheapest_move, close_lines
from disclosure.published import Published, join_published

PRIMARY, SECONDARY, SHOWN = "primary", "secondary", ""
RECORD = "disclosure"
SECONDARY_WIDTH = 2.5  # a complement that is known to within one is hardly hidden


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

    table: one row a cell, unique in `dims`. `value` holds counts >= 0; NaN means not reported, which is no cell to
    protect and counts nowhere as zero. Zeros are shown.
    dims: the columns that name a cell. hierarchies: {dim: {child: parent}}, any number of levels; a member without a
    parent is a part of `_T` where the dimension has `_T`. A dimension with neither `_T` nor a hierarchy (measure,
    unit) links nothing, so independent tables can be stacked along it.
    threshold: counts in 1..threshold - 1 are primary. weight: column with the loss of hiding a cell, default its value.
    released: protected tables that went out earlier, oldest first, with their hidden values or with blanks for them. A
    cell with an unchanged value keeps its state; a shown cell that changed by less than the threshold is hidden,
    because the change is itself a small count.

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
    hierarchies that run in a circle.
    """
    dims = list(dims)
    if not threshold > 0:
        raise ValueError(f"threshold must be above 0, not {threshold!r}")
    published = join_published(table, dims, value, threshold, hierarchies, weight, list(released or []), None)
    small = (published.value > 0) & (published.value < threshold)
    hidden = choose_hidden(published, small, threshold)
    codes = np.full(len(table), SHOWN, dtype=object)
    reported = published.row_figure >= 0
    figure = published.row_figure[reported]
    codes[reported] = np.where(small[figure], PRIMARY, np.where(hidden[figure], SECONDARY, SHOWN))
    result = table.copy()
    result["suppressed"] = codes
    result.attrs[RECORD] = {"value": value, "threshold": threshold}
    return result


def recorded_parameters(table: pd.DataFrame) -> tuple[str, float]:
    """(value column, threshold) that `protect` noted on a table, or the defaults."""
    record = table.attrs.get(RECORD, {})
    return record.get("value", "value"), record.get("threshold", 11)


def choose_hidden(published: Published, small: np.ndarray, threshold: float) -> np.ndarray:
    """(v,) mask of the figures to hide: what must be hidden, then the cheapest complements found.

    small: (v,) figures that are primary.
    """
    must = (small & published.current) | published.revised | published.hidden_before
    unknown = must & ~published.shown_before
    candidate = published.current & ~published.shown_before & ~unknown & (published.value > 0)
    target = unknown & (small | published.revised | published.small_before)
    need = Need(
        reach=np.where(small, threshold, -np.inf),
        depth=np.full(len(small), np.inf),
        width=np.where(target, threshold - 1, SECONDARY_WIDTH),
    )
    price = published.weight + 1.0  # the 1 keeps cells without weight from being hidden for nothing
    unknown = close_lines(published, unknown, candidate, price, threshold)
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
            change = need.change(figure, published.value[figure], ranges)
            found = cheapest_move(published, by_figure, unknown, candidate, price, floor, figure, change)
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
            known = short[(ranges.high - ranges.low)[short] < TOLERANCE]
            unknown[known[~must[known]]] = False
            hopeless[known] = True
            short = short[~hopeless[short]]
        if not len(short):
            return unknown
        repair(short)
