"""Scan statistics: the circles (and periods) that hold more cases than an equal rate, or no interaction, would give.

Distances between centres are great-circle kilometres, coordinates then being (longitude, latitude) in degrees, or plane
distances in the unit of the coordinates. Which one is used changes the clusters, so the result records it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from geo.neighbours import EARTH_RADIUS_KM, great_circle_vectors
from geo.scan_search import best_circles, best_cylinders, largest_cylinder, largest_ratios

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MAX_CLUSTERS = 50
"""Most clusters returned: the most likely one and those that follow without sharing an area."""
SINGLE_UP_TO = 2**20
"""Total of cases up to which the space-time search may count in single precision."""
SAME_DISTANCE = 1e-9
"""Relative difference under which two distances are equal; such areas enter a circle together."""


@dataclass(frozen=True)
class Cluster:
    """One cluster: its areas in the order of their distance from the centre, the centre first, and its figures."""

    areas: Integers
    centre: int
    radius: float
    cases: float
    expected: float
    relative_risk: float
    llr: float
    p: float
    periods: tuple[int, int] | None = None


@dataclass(frozen=True)
class Clusters:
    """Clusters by falling log-likelihood ratio, none sharing an area with one before it; iterates over `Cluster`.

    `areas` is a tuple of index arrays; `relative_risk` the rate inside over the rate outside; `p` the Monte Carlo p
    against the largest ratio of each replication; `periods` (clusters, 2) the first and last period, None without time;
    `radius` in kilometres (`distance` "great_circle") or units of the coordinates ("planar").
    """

    areas: tuple[Integers, ...]
    centre: Integers
    radius: Floats
    cases: Floats
    expected: Floats
    relative_risk: Floats
    llr: Floats
    p: Floats
    periods: Integers | None
    distance: str
    permutations: int
    seed: int

    def __len__(self) -> int:
        return len(self.areas)

    def __getitem__(self, index: int) -> Cluster:
        return Cluster(
            areas=self.areas[index],
            centre=int(self.centre[index]),
            radius=float(self.radius[index]),
            cases=float(self.cases[index]),
            expected=float(self.expected[index]),
            relative_risk=float(self.relative_risk[index]),
            llr=float(self.llr[index]),
            p=float(self.p[index]),
            periods=None if self.periods is None else (int(self.periods[index, 0]), int(self.periods[index, 1])),
        )

    def __iter__(self) -> Iterator[Cluster]:
        return (self[index] for index in range(len(self)))


def circular(
    cases: ArrayLike,
    population: ArrayLike,
    coords: ArrayLike,
    max_share: float = 0.5,
    permutations: int = 999,
    seed: int = 0,
    distance: str = "great_circle",
) -> Clusters:
    """Kulldorff's (1997) circular scan for more cases than the overall rate gives, Poisson model.

    `cases`, `population` (n,), `coords` (n, 2) as (longitude, latitude) or plane x, y. Circles around each centre grow
    area by area, areas at equal distance entering together, up to `max_share` of the population. The log-likelihood
    ratio is c ln(c/E) + (C-c) ln((C-c)/(C-E)) where c > E. `p` is (1 + replications with a largest ratio at least as
    high) / (permutations + 1); replications share the total of cases out by population. Areas with a missing value are
    left out. The same `seed` gives the same result.
    """
    cases, population = _vector(cases, "cases"), _vector(population, "population")
    if cases.shape != population.shape:
        raise ValueError(f"cases {cases.shape} and population {population.shape} must have the same shape")
    places = _places(coords, cases.size, distance)
    _check_scan(max_share, permutations)
    kept = ~(np.isnan(cases) | np.isnan(population) | np.isnan(places[:, 0]))
    if np.any(cases[kept & (population <= 0)] > 0) or np.any(population[kept] < 0):
        raise ValueError("population is zero where there are cases, or negative; a rate needs a positive population")
    kept = np.flatnonzero(kept & (population > 0))
    total = cases[kept].sum()
    if kept.size < 2 or total <= 0:
        return _no_clusters(distance, permutations, seed, with_periods=False)
    share = population[kept] / population[kept].sum()
    expected = share * total
    order, sizes = _growing_circles(places[kept], share, max_share)
    centre, size, llr = best_circles(order, sizes, cases[kept], expected, total, MAX_CLUSTERS)
    random = np.random.default_rng(seed)
    whole = round(total)
    drawn = np.ascontiguousarray(random.multinomial(whole, share, size=permutations).T, dtype=np.int32)
    replicated = largest_ratios(order, sizes, drawn, share, float(whole))
    found = [order[c, :s] for c, s in zip(centre, size, strict=True)]
    inside = np.array([cases[kept][areas].sum() for areas in found])
    even = np.array([expected[areas].sum() for areas in found])
    likelihoods = (inside, even, llr, replicated)
    return _clusters(kept, places, found, total, likelihoods, None, (distance, permutations, seed))


def space_time(
    counts: ArrayLike,
    coords: ArrayLike,
    max_share: float = 0.5,
    max_periods: int | None = None,
    prospective: bool = True,
    permutations: int = 999,
    seed: int = 0,
    distance: str = "great_circle",
) -> Clusters:
    """Space-time permutation scan (Kulldorff and others 2005): more cases here and now than area and period explain.

    `counts` (n, t) whole numbers, oldest period first; no population is needed. A cylinder is a circle of areas holding
    at most `max_share` of all cases times a run of at most `max_periods` periods (default half of them);
    `prospective` keeps only runs that reach the last period. Expected in a cylinder: cases of its areas times cases of
    its periods over all cases; the ratio is that of `circular`. Replications shuffle the cases' periods, which keeps
    the total of each area and each period. Areas with a missing period are left out.
    """
    table = np.asarray(counts, dtype=float)
    if table.ndim != 2:
        raise ValueError(f"counts must be (areas, periods), not of shape {table.shape}")
    if np.any(table < 0):
        raise ValueError("counts holds negative values; counts start at 0")
    known = np.where(np.isnan(table), 0, table)
    if np.any(np.isinf(known)) or np.any(known != np.floor(known)):
        raise ValueError("the permutation scan shuffles single cases: counts must be whole numbers")
    places = _places(coords, table.shape[0], distance)
    _check_scan(max_share, permutations)
    periods = table.shape[1]
    if periods < 2:
        raise ValueError(f"space_time needs at least 2 periods, not {periods}")
    longest = max(1, periods // 2) if max_periods is None else int(max_periods)
    if not 1 <= longest < periods:
        raise ValueError(f"max_periods must be from 1 to {periods - 1}, not {max_periods}")
    kept = np.flatnonzero(~(np.isnan(table).any(axis=1) | np.isnan(places[:, 0])))
    table = table[kept]
    total = table.sum()
    if kept.size < 2 or total <= 0:
        return _no_clusters(distance, permutations, seed, with_periods=True)
    runs = np.array(
        [
            (start, end)
            for end in ([periods - 1] if prospective else range(periods))
            for start in range(end, max(end - longest, -1), -1)
        ]
    )
    of_area, of_period = table.sum(axis=1), table.sum(axis=0)
    order, sizes = _growing_circles(places[kept], of_area / total, max_share)
    in_run = _run_sums(of_period[None, :], runs)[0]
    centre, size, run, llr = best_cylinders(order, sizes, _run_sums(table, runs), of_area, in_run, total, MAX_CLUSTERS)
    shuffled = stats.random_table(of_area.astype(np.int64), of_period.astype(np.int64))
    random = np.random.default_rng(seed)
    replicated = np.empty(permutations)
    precision = np.float32 if total < SINGLE_UP_TO else np.float64
    for replication in range(permutations):
        drawn = _run_sums(shuffled.rvs(random_state=random).astype(float), runs).astype(precision)
        replicated[replication] = largest_cylinder(order, sizes, drawn, of_area, in_run, total)
    found = [order[c, :s] for c, s in zip(centre, size, strict=True)]
    inside = np.array([table[areas, runs[r, 0] : runs[r, 1] + 1].sum() for areas, r in zip(found, run, strict=True)])
    even = np.array([of_area[areas].sum() * in_run[r] / total for areas, r in zip(found, run, strict=True)])
    periods_of = runs[run].reshape(-1, 2)
    likelihoods = (inside, even, llr, replicated)
    return _clusters(kept, places, found, total, likelihoods, periods_of, (distance, permutations, seed))


def _vector(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one value an area (n,), not of shape {array.shape}")
    if np.any(array < 0) or np.any(np.isinf(array)):
        raise ValueError(f"{name} holds negative or infinite values")
    return array


def _check_scan(max_share: float, permutations: int) -> None:
    if not 0 < max_share <= 1:
        raise ValueError(f"max_share must be above 0 and at most 1, not {max_share}")
    if permutations < 0:
        raise ValueError(f"permutations must not be negative, not {permutations}")


def _places(coords: ArrayLike, n: int, distance: str) -> Floats:
    """Centres as plane (n, 2) or, for great-circle distance, unit vectors (n, 3)."""
    array = np.asarray(coords, dtype=float)
    if array.shape != (n, 2):
        raise ValueError(f"coords have shape {array.shape}; they must be ({n}, 2)")
    if distance == "planar":
        return array
    if distance != "great_circle":
        raise ValueError(f"distance must be 'great_circle' or 'planar', not {distance!r}")
    if np.nanmax(np.abs(array[:, 1]), initial=0) > 90 or np.nanmax(np.abs(array[:, 0]), initial=0) > 360:
        raise ValueError(
            "great_circle needs coords as (longitude, latitude) in degrees, but a latitude is beyond 90: "
            "swap the columns, or use distance='planar' for projected coordinates"
        )
    return great_circle_vectors(array[:, 0], array[:, 1])


def _growing_circles(places: Floats, share: Floats, max_share: float) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Areas by distance from each centre (n, longest circle), and the sizes at which a circle is complete.

    `sizes` marks with 1 the members after which a circle ends: all but those followed by one at the same distance.
    """
    n = len(places)
    rows, ends = [], []
    for centre in range(n):
        squared = ((places - places[centre]) ** 2).sum(axis=1)
        squared[centre] = -1.0
        near = np.argsort(squared, kind="stable")
        reached = np.searchsorted(np.cumsum(share[near]), max_share * (1 + 1e-12), side="right")
        # one further on tells whether the last member is tied with an area that no longer fits
        further = np.append(squared[near[1 : reached + 1]], np.inf)[:reached]
        here = np.maximum(squared[near[:reached]], 0.0)
        rows.append(near[:reached].astype(np.int32))
        ends.append(further > here * (1 + 2 * SAME_DISTANCE))
    longest = max(1, max(len(row) for row in rows))
    order = np.full((n, longest), -1, np.int32)
    complete = np.zeros((n, longest), np.int8)
    for centre, (row, end) in enumerate(zip(rows, ends, strict=True)):
        order[centre, : len(row)] = row
        complete[centre, : len(row)] = end
    return order, complete


def _run_sums(table: Floats, runs: Integers) -> Floats:
    """Cases of each area (row) in each run of periods."""
    until = np.concatenate([np.zeros((len(table), 1)), np.cumsum(table, axis=1)], axis=1)
    return until[:, runs[:, 1] + 1] - until[:, runs[:, 0]]


def _clusters(kept, places, found, total, likelihoods, periods, settings) -> Clusters:
    """`likelihoods`: cases inside, expected ones, ratio of each cluster, and the best ratio of each replication; `settings`:
    distance, permutations and seed of the scan."""
    inside, even, llr, replicated = likelihoods
    distance, permutations, seed = settings
    areas = tuple(kept[members].astype(np.int64) for members in found)
    with np.errstate(divide="ignore"):
        risk = (inside / even) / ((total - inside) / (total - even))
    if permutations:
        # a ratio that differs only by rounding counts as reached
        reached = np.sum(replicated[None, :] >= llr[:, None] * (1 - 1e-9), axis=1)
        p = (1 + reached) / (permutations + 1)
    else:
        p = np.full(len(areas), np.nan)
    far = np.array([np.sqrt(((places[members] - places[members[0]]) ** 2).sum(axis=1).max()) for members in areas])
    radius = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(far / 2, 1.0)) if distance == "great_circle" else far
    centre = np.array([members[0] for members in areas], dtype=np.int64)
    return Clusters(areas, centre, radius, inside, even, risk, llr, p, periods, distance, permutations, seed)


def _no_clusters(distance: str, permutations: int, seed: int, with_periods: bool) -> Clusters:
    none, nobody = np.zeros(0), np.zeros(0, np.int64)
    periods = np.zeros((0, 2), np.int64) if with_periods else None
    return Clusters((), nobody, none, none, none, none, none, none, periods, distance, permutations, seed)
