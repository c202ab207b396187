"""The outsider: what range of values every hidden figure can have, given all that is shown.

The truth itself is a possible answer, so the ranges are explored as moves away from it: a move is a change of hidden
figures that no published relation contradicts. Every corner found for one figure widens the known range of all the
others, which settles most figures without a solve of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from disclosure.published import Published
from disclosure.simplex import Polytope

TOLERANCE = 1e-6
LARGE_GROUP, NEIGHBOURHOOD = 1000, 400


@dataclass
class Ranges:
    """low, high: (v,) bounds that some possible table reaches; both the value where nothing is known to move."""

    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(published: Published) -> Ranges:
        return Ranges(published.value.copy(), published.value.copy())

    def include(self, figures: np.ndarray, values: np.ndarray) -> None:
        self.low[figures] = np.minimum(self.low[figures], values)
        self.high[figures] = np.maximum(self.high[figures], values)


@dataclass(frozen=True)
class Need:
    """How far an outsider must be kept from each figure, (v,): the range must go up to `reach`, down to `depth` and be
    `width` wide."""

    reach: np.ndarray
    depth: np.ndarray
    width: np.ndarray

    def met(self, figure: int, ranges: Ranges) -> bool:
        low, high = ranges.low[figure], ranges.high[figure]
        return bool(
            high >= self.reach[figure] - TOLERANCE
            and low <= self.depth[figure] + TOLERANCE
            and high - low >= self.width[figure] - TOLERANCE
        )

    def unmet(self, ranges: Ranges) -> np.ndarray:
        low, high = ranges.low, ranges.high
        far = (high >= self.reach - TOLERANCE) & (low <= self.depth + TOLERANCE)
        return ~(far & (high - low >= self.width - TOLERANCE))

    def change(self, figure: int, value: float, ranges: Ranges) -> float:
        """The smallest rise from its value that gives a figure its reach and width."""
        return float(max(self.reach[figure], ranges.low[figure] + self.width[figure]) - value)


def hidden_components(published: Published, unknown: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Groups of hidden figures that depend on each other: (relations, figures), smallest figure first."""
    figures = np.flatnonzero(unknown)
    system = published.relations[:, figures].tocsr()
    relations = np.flatnonzero(np.diff(system.indptr))
    system = system[relations]
    links = sp.block_array([[None, system.T], [system, None]]) if len(relations) else sp.csr_array((len(figures),) * 2)
    count, group = connected_components(links, directed=False)
    of_figure, of_relation = group[: len(figures)], group[len(figures) :]
    by_figure, by_relation = np.argsort(of_figure, kind="stable"), np.argsort(of_relation, kind="stable")
    figure_ends = np.searchsorted(of_figure[by_figure], np.arange(count + 1))
    relation_ends = np.searchsorted(of_relation[by_relation], np.arange(count + 1))
    for k in range(count):
        yield (
            relations[by_relation[relation_ends[k] : relation_ends[k + 1]]],
            figures[by_figure[figure_ends[k] : figure_ends[k + 1]]],
        )


def moves(published: Published, relations: np.ndarray, figures: np.ndarray, floor: np.ndarray) -> Polytope:
    """The possible moves of a group of hidden figures, floor: (v,) least value each may take."""
    matrix = published.relations[relations][:, figures].tocsc()
    slack = published.slack[relations]
    return Polytope(matrix, np.where(slack > 0, -np.inf, 0.0), slack, floor[figures] - published.value[figures])


def explore(
    published: Published,
    unknown: np.ndarray,
    floor: np.ndarray,
    wanted: np.ndarray,
    need: Need,
    ranges: Ranges,
) -> np.ndarray:
    """Widen `ranges` until every wanted figure has what it needs; returns those whose whole range falls short.

    unknown, floor, wanted: (v,). For figures returned, `ranges` is exact.
    """
    by_figure = published.relations.T.tocsr()
    short = []
    for relations, figures in hidden_components(published, unknown):
        targets = [j for j in figures[wanted[figures]].tolist() if not need.met(j, ranges)]
        if targets and len(figures) > LARGE_GROUP:
            _explore_locally(published, by_figure, unknown, floor, targets, need, ranges)
            targets = [j for j in targets if not need.met(j, ranges)]
        if targets:
            polytope = moves(published, relations, figures, floor)
            short += _stretch(published, polytope, figures, targets, need, ranges)
    return np.array(short, dtype=np.int64)


def _explore_locally(
    published: Published,
    by_figure: sp.csr_array,
    unknown: np.ndarray,
    floor: np.ndarray,
    targets: list[int],
    need: Need,
    ranges: Ranges,
) -> None:
    """Try each target with everything outside its neighbourhood held at the truth: a pivot costs a tenth there, and a
    move that is possible there is possible in the whole."""
    waiting = np.zeros(len(unknown), dtype=bool)
    waiting[targets] = True
    for seed in targets:
        if not waiting[seed] or need.met(seed, ranges):
            continue
        figures, inner = neighbourhood(published.relations, by_figure, unknown, seed, NEIGHBOURHOOD)
        here = inner[waiting[inner]]
        waiting[here] = False
        polytope = moves(published, np.unique(by_figure[figures].indices), figures, floor)
        _stretch(published, polytope, figures, here.tolist(), need, ranges)


def neighbourhood(
    relations: sp.csr_array, by_figure: sp.csr_array, movable: np.ndarray, figure: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Movable figures around one figure, line by line outwards: `size` of them where there are as many, twice as many
    at most. Returns (figures, those reached before the last step), both sorted."""
    reached = np.zeros(len(movable), dtype=bool)
    reached[figure] = True
    front = inner = np.array([figure])
    count = 1
    while len(front) and count < size:
        inner = np.flatnonzero(reached)
        rows = np.unique(by_figure[front].indices)
        found = np.unique(relations[rows].indices)
        front = found[movable[found] & ~reached[found]][: 2 * size - count]
        reached[front] = True
        count += len(front)
    return np.flatnonzero(reached), inner


def _stretch(
    published: Published, polytope: Polytope, figures: np.ndarray, targets: list[int], need: Need, ranges: Ranges
) -> list[int]:
    """Put each target to its upper, then its lower bound while it lacks something; returns those that fall short."""
    short = []
    for j in targets:
        position = int(np.searchsorted(figures, j))
        for sign in (1, -1):
            if not need.met(j, ranges):
                reach(published, polytope, figures, position, sign, ranges)
        if not need.met(j, ranges):
            short.append(j)
    return short


def reach(
    published: Published, polytope: Polytope, figures: np.ndarray, position: int, sign: int, ranges: Ranges
) -> None:
    """Put the exact upper (sign=1) or lower bound of one hidden figure, and what its corner shows, into `ranges`."""
    extreme, corner = polytope.extreme(position, sign)
    if corner is not None:
        ranges.include(figures, published.value[figures] + corner)
    else:
        ranges.high[figures[position]] = extreme


def outer_bounds(published: Published, unknown: np.ndarray, floor: np.ndarray, rounds: int = 12) -> Ranges:
    """Bounds no possible table can exceed, by passing each line's room on to its figures a few times."""
    n = len(published.value)
    low = np.where(unknown, floor, published.value)
    high = np.where(unknown, np.inf, published.value)
    entries = published.relations.tocoo()
    right = published.relations @ published.value + published.slack
    equal = published.slack[entries.row] == 0
    factor = np.abs(entries.data)
    for _ in range(rounds):
        before = high.copy(), low.copy()
        for direction in (1, -1):
            coefficient = entries.data * direction
            least = np.where(coefficient > 0, coefficient * low[entries.col], coefficient * high[entries.col])
            finite = np.isfinite(least)
            sums = np.bincount(entries.row[finite], least[finite], minlength=len(right))
            infinite = np.bincount(entries.row[~finite], minlength=len(right))
            others = sums[entries.row] - np.where(finite, least, 0.0)
            usable = (infinite[entries.row] - ~finite == 0) & unknown[entries.col] & (equal | (direction == 1))
            bound = (direction * right[entries.row] - others) / factor
            up = usable & (coefficient > 0)
            np.minimum.at(high, entries.col[up], bound[up])
            down = usable & (coefficient < 0)
            np.maximum.at(low, entries.col[down], -bound[down])
        if np.array_equal(before[0], high) and np.array_equal(before[1], low):
            break
    assert low.shape == (n,)
    return Ranges(low, high)


def exact_ranges(published: Published, unknown: np.ndarray, floor: np.ndarray, wanted: np.ndarray) -> Ranges:
    """Exact lower and upper bound of every wanted figure: a range that fills its outer bounds is exact without a
    solve of its own, the others are solved."""
    outer = outer_bounds(published, unknown, floor)
    ranges = Ranges.of(published)
    explore(published, unknown, floor, wanted & unknown, Need(outer.high, outer.low, np.zeros(len(unknown))), ranges)
    return ranges
