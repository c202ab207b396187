"""Which counts of a table must be hidden before it leaves the house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from disclosure.attack import TOLERANCE, Need, Ranges, explore, outer_bounds
from disclosure.complements import cheapest_move, close_lines
from disclosure.published import Published, join_published

PRIMARY, SECONDARY, SHOWN = "primary", "secondary", ""
SECONDARY_WIDTH = 2.5


def protect(
    table: pd.DataFrame,
    dims: Sequence[str],
    value: str = "value",
    threshold: float = 11,
    hierarchies: Mapping[str, Mapping[object, object]] | None = None,
    weight: str | None = None,
    released: Sequence[pd.DataFrame] | None = None,
) -> pd.DataFrame:
    published = join_published(table, dims, value, threshold, hierarchies, weight, list(released or []), None)
    small = (published.value > 0) & (published.value < threshold)
    hidden = choose_hidden(published, small, threshold)
    result = table.copy()
    codes = np.full(len(table), SHOWN, dtype=object)
    reported = published.row_figure >= 0
    figure = published.row_figure[reported]
    codes[reported] = np.where(small[figure], PRIMARY, np.where(hidden[figure], SECONDARY, SHOWN))
    result["suppressed"] = codes
    return result


def choose_hidden(published: Published, small: np.ndarray, threshold: float) -> np.ndarray:
    """(v,) mask of the figures to hide: what must be hidden, then the cheapest complements found."""
    x = published.value
    fixed = (small & published.current) | published.revised | published.hidden_before
    unknown = fixed & ~published.shown_before
    candidate = published.current & ~published.shown_before & ~unknown & (x > 0)
    target = unknown & (small | published.revised | published.small_before)
    need = Need(np.where(small, threshold, -np.inf), np.where(target, threshold - 1, SECONDARY_WIDTH))
    price = published.weight + 1.0
    unknown = close_lines(published, unknown, candidate, price, threshold - 1)
    return _close_systems(published, unknown, candidate & ~unknown, price, fixed, target, need)


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
            idle = known[~must[known]]
            unknown[idle] = False
            hopeless[known] = True
            short = short[~hopeless[short]]
        if not len(short):
            return unknown
        repair(short)
