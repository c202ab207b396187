"""Which further cells to hide so that the hidden ones cannot be worked out.

Two steps. The line rule looks at one line at a time: it is fast and closes almost everything. What is left needs
several lines at once; there the cheapest move that would confuse the outsider is a linear programme over the
neighbourhood of the figure, and the cells that move must be hidden (Kelly, Golden and Assad, 1992, Networks 22;
Fischetti and Salazar, 2001, Management Science 47).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from disclosure.attack import TOLERANCE, neighbourhood
from disclosure.published import Published
from disclosure.simplex import DUAL, OPTIMAL, Programme

NEIGHBOURHOODS = (3000, 2**40)


def close_lines(published: Published, unknown: np.ndarray, candidate: np.ndarray, price: np.ndarray) -> np.ndarray:
    """Hide the cheapest candidates until every line with a hidden figure has a second one and enough room.

    The room of a line whose hidden figures stand on one side (all are parts, or all are totals) is what the shown ones
    leave to them above 1 each: none of them can be believed larger than itself by more. Nearly additive lines are closed
    as if they added up, because somebody will believe they do; only where parts miss their total by the threshold or more
    is that out of the question. unknown, candidate, price: (v,). Returns the new (v,) mask.
    """
    lines = np.flatnonzero(published.is_line)
    if not len(lines):
        return unknown
    shortfall = published.shortfall[lines]
    signed = (sp.diags_array(np.where(shortfall < 0, -1.0, 1.0)) @ published.relations[lines]).tocsr()
    sides = abs(signed).multiply(signed > 0).tocsr(), abs(signed).multiply(signed < 0).tocsr()  # parts, totals
    members = abs(signed).sign().tocsr()
    by_figure, by_side = members.T.tocsr(), [side.T.tocsr() for side in sides]
    unknown = unknown.copy()
    spare = np.maximum(published.value - 1, 0)
    hidden = unknown.astype(float)
    count = members @ hidden
    counts = [side.sign() @ hidden for side in sides]
    rooms = [side @ (hidden * spare) for side in sides]
    factor = abs(signed).max(axis=1).toarray().ravel()
    threshold = members.multiply(published.threshold[None, :]).max(axis=1).toarray().ravel()
    needed = (threshold - 1) * factor
    several_totals = sides[1].sign().sum(axis=1) > 1
    credible = np.abs(shortfall) < threshold

    def deficient(line: np.ndarray) -> np.ndarray:
        alone = (count[line] == 1) & credible[line]
        parts = (counts[0][line] > 0) & (counts[1][line] == 0) & (shortfall[line] > -threshold[line])
        totals = (counts[1][line] > 0) & (counts[0][line] == 0) & (shortfall[line] < threshold[line])
        return (
            alone
            | (parts & (rooms[0][line] + shortfall[line] < needed[line]))
            | (totals & several_totals[line] & (rooms[1][line] - shortfall[line] < needed[line]))
        )

    everything = np.arange(len(lines))
    waiting = everything[deficient(everything)][::-1].tolist()
    while waiting:
        line = waiting.pop()
        while deficient(np.array([line]))[0]:
            figures = members.indices[members.indptr[line] : members.indptr[line + 1]]
            figures = figures[candidate[figures] & ~unknown[figures]]
            if not len(figures):
                break
            touched = by_figure[figures]
            untouched_lines = touched @ (count == 0).astype(float)
            chosen = figures[np.argmin(price[figures] * (1 + untouched_lines))]
            unknown[chosen] = True
            around = by_figure.indices[by_figure.indptr[chosen] : by_figure.indptr[chosen + 1]]
            count[around] += 1
            for side, number, room in zip(by_side, counts, rooms, strict=True):
                on = slice(side.indptr[chosen], side.indptr[chosen + 1])
                number[side.indices[on]] += 1
                room[side.indices[on]] += side.data[on] * spare[chosen]
            waiting.extend(around[deficient(around)].tolist())
    return unknown


def cheapest_move(
    published: Published,
    by_figure: sp.csr_array,
    unknown: np.ndarray,
    candidate: np.ndarray,
    price: np.ndarray,
    floor: np.ndarray,
    figure: int,
    change: float,
) -> tuple[np.ndarray, np.ndarray] | None:
    """The cheapest possible move that changes one hidden figure by `change` (> 0 up, < 0 down).

    Hidden figures move for nothing, candidates at their price a unit. by_figure: the transposed relations. Returns
    (figures that move, their moves), or None where no move exists. Searched in growing neighbourhoods of the figure,
    with everything outside held still, so that the answer is a move of the whole whatever its size.
    """
    movable = unknown | candidate
    tried = 0
    for size in NEIGHBOURHOODS:
        figures, _ = neighbourhood(published.relations, by_figure, movable, figure, size)
        if len(figures) == tried:
            return None
        tried = len(figures)
        relations = np.unique(by_figure[figures].indices)
        matrix = published.relations[relations][:, figures].tocsc()
        slack = published.slack[relations]
        cost = np.where(unknown[figures], 0.0, price[figures])
        low = np.zeros(2 * tried)
        high = np.concatenate([np.full(tried, np.inf), published.value[figures] - floor[figures]])
        itself = int(np.searchsorted(figures, figure))
        up, down = (itself, itself + tried) if change > 0 else (itself + tried, itself)
        low[up] = high[up] = abs(change)
        high[down] = 0.0
        status, halves = Programme(
            sp.hstack([matrix, -matrix]).tocsc(),
            np.where(slack > 0, -np.inf, 0.0),
            slack,
            low,
            high,
            np.concatenate([cost, cost]),
            DUAL,
        ).solve()
        if status == OPTIMAL:
            move = halves[:tried] - halves[tried:]
            moved = np.flatnonzero(np.abs(move) > TOLERANCE)
            return figures[moved], move[moved]
    return None
