"""Corridors: which pairs of origin and destination hold more people than the sizes of both ends explain, and how
concentrated flows are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

if TYPE_CHECKING:
    import pandas

Floats = NDArray[np.float64]

TOLERANCE = 1e-10
"""Largest relative gap between fitted and observed row and column totals at which the fit has converged."""
MAX_SWEEPS = 20_000


def statistics(flows: "pandas.DataFrame") -> "pandas.DataFrame":
    """Quasi-independence of the flows in columns `origin`, `destination`, `count`, one row a pair.

    The rows come back in their order with these columns added:

    - `share` of all people, `location_quotient`: share of the destination among those from the origin over its share
      among all.
    - `expected` under quasi-independence (Goodman 1968): count = a(origin) b(destination), fitted by iterative
      proportional fitting to the totals of both ends, with the diagonal left out because nobody moves across a border
      within one area.
    - `residual` (count - expected) / sqrt(expected), `p` Poisson upper tail P(X >= count), `q` Benjamini-Hochberg over
      all possible pairs, `family` their number.

    Every pair of an origin and a destination that occur is possible; a pair without a row counts as 0 in the fit and in
    the family. Rows within one area (origin = destination) and rows with a missing count are not fitted: they stay in
    the frame with NaN, and so do not add to any total.
    """
    import pandas

    missing = [name for name in ("origin", "destination", "count") if name not in flows.columns]
    if missing:
        raise ValueError(f"flows lacks the column(s) {', '.join(missing)}")
    if flows[["origin", "destination"]].isna().to_numpy().any():
        raise ValueError("flows has rows without origin or destination; give them a code such as _U or leave them out")
    twice = flows.duplicated(["origin", "destination"])
    if twice.any():
        first = flows.loc[twice, ["origin", "destination"]].iloc[0]
        raise ValueError(
            f"flows has {int(twice.sum())} pairs twice, first {first['origin']} to {first['destination']}: add them up"
        )
    count = flows["count"].to_numpy(dtype=float, na_value=np.nan)
    if np.any(count < 0) or np.any(np.isinf(count)):
        raise ValueError("count holds negative or infinite values; counts start at 0")
    origins, row = np.unique(flows["origin"].astype(str).to_numpy(), return_inverse=True)
    destinations, column = np.unique(flows["destination"].astype(str).to_numpy(), return_inverse=True)
    table = np.zeros((len(origins), len(destinations)))
    possible = origins[:, None] != destinations[None, :]
    possible[row[np.isnan(count)], column[np.isnan(count)]] = False
    table[row, column] = np.nan_to_num(count)
    table[~possible] = 0.0
    expected = quasi_independence(table, possible)
    total = table.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        share = table / total
        quotient = (table / table.sum(axis=1, keepdims=True)) / (table.sum(axis=0) / total)
        residual = (table - expected) / np.sqrt(expected)
    from scipy import stats

    p = poisson_upper_tail(table, expected)
    q = np.full(table.shape, np.nan)
    q[possible] = stats.false_discovery_control(p[possible])
    columns = {
        "share": share,
        "location_quotient": quotient,
        "expected": expected,
        "residual": residual,
        "p": p,
        "q": q,
    }
    result = flows.copy()
    for name, values in columns.items():
        result[name] = np.where(possible, values, np.nan)[row, column]
    result["family"] = pandas.array(np.full(len(result), int(possible.sum())), dtype="int64")
    return result


def quasi_independence(table: Floats, possible: NDArray[np.bool_]) -> Floats:
    """Expected counts a_i b_j on the possible cells, 0 elsewhere, with the row and column totals of `table`.

    Iterative proportional fitting; ArithmeticError if the totals are not reached (a pattern of impossible cells that
    no such table fits).
    """
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    left, right = (rows > 0).astype(float), (columns > 0).astype(float)
    open_ = possible.astype(float)
    scale = max(float(table.sum()), 1.0)
    for _ in range(MAX_SWEEPS):
        reach = open_ @ right
        left = np.divide(rows, reach, out=np.zeros_like(rows), where=reach > 0)
        reach = left @ open_
        right = np.divide(columns, reach, out=np.zeros_like(columns), where=reach > 0)
        if np.max(np.abs(left * (open_ @ right) - rows), initial=0.0) <= TOLERANCE * scale:
            return left[:, None] * right[None, :] * open_
    raise ArithmeticError(
        f"quasi-independence did not converge in {MAX_SWEEPS} sweeps: one origin or destination takes (nearly) all of "
        "another's flow; leave it out or merge it"
    )


def poisson_upper_tail(count: ArrayLike, expected: ArrayLike) -> Floats:
    """P(X >= count) of a Poisson variable with mean `expected`; 1 for a count of 0."""
    count, expected = np.broadcast_arrays(np.asarray(count, dtype=float), np.asarray(expected, dtype=float))
    tail = special.gammainc(np.maximum(np.ceil(count), 1.0), expected)
    return np.where(count <= 0, 1.0, tail)


@dataclass(frozen=True)
class Concentration:
    """Concentration of shares over the last axis; see `concentration`."""

    hhi: Floats
    effective_number: Floats
    entropy: Floats
    gini: Floats
    top3: Floats


def concentration(shares: ArrayLike) -> Concentration:
    """How concentrated the parts on the last axis are; counts are turned into shares, NaN parts are left out.

    `hhi` Herfindahl-Hirschman, the sum of squared shares (1/k to 1). `effective_number` 1 / hhi. `entropy` Shannon, in
    nats. `gini` of the shares over the k parts given, zeros included (0 even, (k - 1)/k all in one). `top3` share of
    the three largest. A whole of 0 gives NaN.
    """
    parts = np.asarray(shares, dtype=float)
    if parts.ndim == 0:
        raise ValueError("concentration needs the parts on the last axis, not a single number")
    if np.any(parts < 0) or np.any(np.isinf(parts)):
        raise ValueError("shares holds negative or infinite values")
    given = ~np.isnan(parts)
    number = given.sum(axis=-1)
    filled = np.where(given, parts, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = filled / filled.sum(axis=-1, keepdims=True)
        hhi = (share**2).sum(axis=-1)
        # left out parts sort first as zeros and are skipped by counting ranks from the end
        ordered = np.sort(np.where(given, share, -1.0), axis=-1)
        rank = np.arange(1, parts.shape[-1] + 1) - (parts.shape[-1] - number)[..., None]
        held = np.maximum(ordered, 0.0)
        gini = ((2 * rank - number[..., None] - 1) * held).sum(axis=-1) / number
        gini = np.where(np.isnan(hhi), np.nan, gini)
        top3 = np.where(np.isnan(hhi), np.nan, held[..., -3:].sum(axis=-1))
    entropy = special.entr(share).sum(axis=-1)
    return Concentration(hhi, 1 / hhi, entropy, gini, top3)
