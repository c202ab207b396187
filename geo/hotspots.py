"""Where values cluster in space: Getis-Ord Gi and Gi*, local and global Moran, emerging hot spots, interval hot spots.

Areas are on the **first** axis, periods (or any other maps) on the second: `values` is (n,) or (n, k), weights are
sparse n x n without self links, NaN is missing and leaves its area out of that map. No function draws random numbers
unless permutations are asked for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from geo import conditional, pearson_far
from geo.completions import IntervalHotspots, getis_ord_interval
from geo.emerging import CATEGORIES, EMERGING_TEXT, emerging
from geo.neighbours import checked_weights, equal_in_rows

__all__ = [
    "CATEGORIES",
    "EMERGING_TEXT",
    "GetisOrd",
    "GlobalMoran",
    "IntervalHotspots",
    "LocalMoran",
    "emerging",
    "getis_ord",
    "getis_ord_interval",
    "global_moran",
    "local_moran",
    "standardised_rates",
]

Floats = NDArray[np.float64]

MIN_AREAS = 30
"""Fewest reporting areas on a map that is assessed."""
MIN_REPORTING = 0.8
"""Smallest share of a neighbourhood that must report for its area to be assessed."""
MIN_EXPECTED = 1.0
"""Smallest expected count of a neighbourhood that is assessed."""

REASONS = (
    "",
    "value missing",
    "fewer areas report than needed",
    "no neighbours",
    "too little of the neighbourhood reports",
    "expected count of the neighbourhood too small",
    "no variation between the areas",
)
"""Texts behind the codes of why an area is not assessed."""


@dataclass(frozen=True)
class GetisOrd:
    """Result of `getis_ord`; all arrays have the shape of `values`.

    `z` textbook score, `p` two-sided from three conditional moments, `p_normal` two-sided normal tail of `z`,
    `p_upper_bound` two-sided with the half-count correction, `direction` +1 where the neighbours hold more and -1 where
    they hold less than chance gives, `assessed` with `reason_code` and `reason`.
    """

    z: Floats
    p: Floats
    p_normal: Floats
    p_upper_bound: Floats
    direction: NDArray[np.int8]
    assessed: NDArray[np.bool_]
    reason_code: NDArray[np.int8]

    @property
    def reason(self) -> NDArray[np.str_]:
        """Why an area is not assessed; empty where it is."""
        return np.array(REASONS)[self.reason_code]

    @property
    def p_upper(self) -> Floats:
        """One-sided p for more than chance gives, of the same tail as `p`."""
        return np.where(self.direction > 0, self.p / 2, 1 - self.p / 2)


def getis_ord(  # noqa: PLR0913 - the choices of the method, by name, each with its default
    values: ArrayLike,
    weights,
    expected: ArrayLike | None = None,
    star: bool = True,
    transform: str = "B",
    window: str = "period",
    min_areas: int = MIN_AREAS,
    min_reporting: float = MIN_REPORTING,
    min_expected: float = MIN_EXPECTED,
) -> GetisOrd:
    """Getis-Ord Gi* (`star`) or Gi of every area on every map.

    `z` is Ord and Getis (1995): the weighted sum over the neighbourhood against all areas of the map (Gi*: the area
    itself included in sum, mean and variance; Gi: left out of all three), variance with divisor n. `transform` "B"
    gives every link weight 1; "R" takes the weights as proportions of their row (z and p do not change when a row is
    scaled, so for equal weights both agree). The self link of Gi* carries the largest weight of its row.

    `p` answers: were the area's own value kept and all others shuffled, how often would its neighbours hold as much, or
    as little? The exact conditional mean, variance and skewness of their sum (k of the other N values drawn without
    replacement) give a Pearson III tail; the area's own value plays no part, so Gi and Gi* share it. Two-sided is twice
    the smaller tail. Integer values with equal weights get the mid tail, the mean of the tails at S - 1/2 and S + 1/2;
    `p_upper_bound` is the larger one of S - 1/2 (above) and S + 1/2 (below). Other values get the plain tail for both.

    With `expected` (expected counts or the population, same shape or (n,)) the values are counts and
    Assuncao and Reis (1999) standardised rates are tested. `window` "all" judges each period against all periods
    together (the standardisation too), "period" against its own.

    Not assessed: missing values, maps with fewer than `min_areas` areas, areas without neighbours, with less than
    `min_reporting` of the neighbourhood reporting, or, for counts (integers not below 0, or `expected` given), whose
    neighbourhood would hold fewer than `min_expected` counts were they spread evenly. z and p are still given.
    """
    cells, shape = _maps(values, "values")
    n = cells.shape[0]
    _check_transform(transform)
    if window not in ("period", "all"):
        raise ValueError(f"window must be 'period' or 'all', not {window!r}")
    links = checked_weights(weights, n, "binary" if transform == "B" else "given")
    equal_weights = transform == "B" or equal_in_rows(links)
    if equal_weights:
        # nothing depends on the scale of a row
        links.data[:] = 1.0
    if expected is None:
        cells, even = np.ascontiguousarray(cells.T), np.zeros((1, 1))
        whole, least = conditional.whole_numbers(cells)
        counts = conditional.EVEN_COUNTS if whole and least >= 0 else conditional.NO_COUNTS
    else:
        rates, spread = standardised_rates(cells, _like(expected, cells, shape), None if window == "all" else 0)
        cells, even = np.ascontiguousarray(rates.T), np.ascontiguousarray(spread.T)
        whole, counts = False, conditional.GIVEN_COUNTS
    half = 0.5 if whole and equal_weights else 0.0
    pooled = conditional.totals(cells) if window == "all" else (0.0, 0.0, 0.0, 0.0)
    z, p, p_normal = np.empty(cells.shape), np.empty(cells.shape), np.empty(cells.shape)
    bound = np.empty(cells.shape) if half else p
    direction, code = np.empty(cells.shape, np.int8), np.empty(cells.shape, np.int8)
    places, at, beyond, skewness = conditional.getis_ord_maps(
        cells,
        (links.indptr, links.indices, links.data, equal_weights),
        pooled,
        star,
        half,
        (counts, even),
        (float(min_areas), float(min_reporting), float(min_expected)),
        (z, p, p_normal, bound, direction, code),
    )
    if places.size:
        flat_p = p.reshape(-1)
        flat_bound = bound.reshape(-1) if half else flat_p
        _far_tails(places, at, beyond, skewness, flat_p, flat_bound, direction.reshape(-1))
    return GetisOrd(
        z=z.T.reshape(shape),
        p=p.T.reshape(shape),
        p_normal=p_normal.T.reshape(shape),
        p_upper_bound=bound.T.reshape(shape),
        direction=direction.T.reshape(shape),
        assessed=(code == conditional.ASSESSED).T.reshape(shape),
        reason_code=code.T.reshape(shape),
    )


def _far_tails(places, at, beyond, skewness, p, bound, direction) -> None:
    """Sets the results where the fast tail does not reach."""
    upper_at, lower_at = pearson_far.tails(at, skewness)
    if bound is p:
        upper_beyond, lower_beyond = upper_at, lower_at
    else:
        upper_beyond, lower_beyond = pearson_far.tails(beyond, skewness)
    upper, lower = upper_at + upper_beyond, lower_at + lower_beyond
    bound[places] = np.minimum(2 * np.minimum(upper_at, lower_beyond), 1.0)
    p[places] = np.minimum(np.minimum(upper, lower), 1.0)
    direction[places] = np.where(upper <= lower, 1, -1)


def standardised_rates(counts: Floats, exposure: Floats, axis: int | None = 0) -> tuple[Floats, Floats]:
    """Assuncao-Reis (1999) empirical-Bayes standardised rates and the counts an even spread would give.

    (r - b) / sqrt(a + b / exposure), b the overall rate, a = s2 - b / (mean exposure) the variance between areas (may
    be negative; where that makes the variance negative it is b / exposure, as in esda).
    """
    if np.any(counts < 0):
        raise ValueError("values are negative; with expected they must be counts")
    reporting = ~(np.isnan(counts) | np.isnan(exposure))
    if np.any(exposure[reporting] <= 0):
        raise ValueError("expected is zero or negative where a count is given; leave such areas out or pass NaN")
    cases, people = np.where(reporting, counts, 0.0), np.where(reporting, exposure, 0.0)
    number = reporting.sum(axis=axis, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = people.sum(axis=axis, keepdims=True)
        overall = cases.sum(axis=axis, keepdims=True) / total
        gap = np.where(reporting, cases / people - overall, 0.0)
        spread = (people * gap**2).sum(axis=axis, keepdims=True) / total
        between = spread - overall / (total / number)
        variance = between + overall / people
        variance = np.where(variance < 0, overall / people, variance)
        rates = np.where(variance > 0, gap / np.sqrt(variance), 0.0)
    return np.where(reporting, rates, np.nan), np.where(reporting, people * overall, 0.0)


@dataclass(frozen=True)
class LocalMoran:
    """Result of `local_moran`; arrays have the shape of `values`, `quadrant` 1 HH, 2 LH, 3 LL, 4 HL, 0 undefined."""

    i: Floats
    expected: Floats
    variance: Floats
    z: Floats
    p: Floats
    quadrant: NDArray[np.int8]
    p_sim: Floats | None = None


def local_moran(values: ArrayLike, weights, transform: str = "R", permutations: int = 0, seed: int = 0) -> LocalMoran:
    """Local Moran's I of every area on every map, with its conditional moments.

    I = d_i * sum_j(w_ij d_j) / m2 with d the deviation from the mean and m2 = sum(d^2) / (n - 1): the divisor of esda
    and GeoDa (R's spdep divides by n; z and p are the same). `transform` "R": weights of a row sum to 1 over its
    reporting neighbours; "B": 1 a link. Mean and variance are those of Sokal, Oden and Thomson (1998): d_i kept, the
    others shuffled. `p` is the two-sided normal tail. An area without reporting neighbours gives NaN.

    `permutations` > 0 adds `p_sim`, from conditional permutations: twice the smaller of (as large or larger + 1) and
    (as small or smaller + 1) over permutations + 1, at most 1.
    """
    cells, shape = _maps(values, "values")
    n = cells.shape[0]
    _check_transform(transform)
    links = checked_weights(weights, n, "binary" if transform == "B" else "given")
    cells = np.ascontiguousarray(cells.T)
    unweighted = bool(np.all(links.data == 1.0))
    i, expected, variance, z, p = (np.empty(cells.shape) for _ in range(5))
    quadrant = np.empty(cells.shape, np.int8)
    conditional.local_moran_maps(
        cells,
        (links.indptr, links.indices, links.data, unweighted),
        transform == "R",
        (i, expected, variance, z, p, quadrant),
    )
    p_sim = None
    if permutations:
        p_sim = _moran_permutations(cells.T, i.T, links, transform, permutations, seed).reshape(shape)
    return LocalMoran(
        i=i.T.reshape(shape),
        expected=expected.T.reshape(shape),
        variance=variance.T.reshape(shape),
        z=z.T.reshape(shape),
        p=p.T.reshape(shape),
        quadrant=quadrant.T.reshape(shape),
        p_sim=p_sim,
    )


def _moran_permutations(cells, local, links, transform, permutations, seed) -> Floats:
    p_sim = np.full(cells.shape, np.nan)
    for column in range(cells.shape[1]):
        # the same stream for each map, so that a map's result does not depend on its company
        random = np.random.default_rng(seed)
        reporting = ~np.isnan(cells[:, column])
        present = np.flatnonzero(reporting)
        d = np.where(reporting, cells[:, column], 0.0)
        d = np.where(reporting, d - d.sum() / max(present.size, 1), 0.0)
        m2 = (d**2).sum() / (present.size - 1)
        for area in np.flatnonzero(~np.isnan(local[:, column])):
            row = slice(links.indptr[area], links.indptr[area + 1])
            near = reporting[links.indices[row]]
            weight = links.data[row][near]
            if transform == "R":
                weight = weight / weight.sum()
            others = d[present[present != area]]
            drawn = random.permuted(np.tile(others, (permutations, 1)), axis=1)[:, : weight.size] @ weight
            simulated = d[area] / m2 * drawn
            slack = 1e-12 * abs(local[area, column])
            above = np.sum(simulated >= local[area, column] - slack)
            below = np.sum(simulated <= local[area, column] + slack)
            p_sim[area, column] = min(1.0, 2 * (min(above, below) + 1) / (permutations + 1))
    return p_sim


@dataclass(frozen=True)
class GlobalMoran:
    """Result of `global_moran`: scalars (0-d) for one map, shape (k,) for k maps."""

    i: Floats
    expected: Floats
    variance: Floats
    z: Floats
    p: Floats


def global_moran(values: ArrayLike, weights, transform: str = "R") -> GlobalMoran:
    """Moran's I of each map; variance under randomisation (Cliff and Ord 1981), two-sided normal p.

    `transform` "R": rows sum to 1 over reporting neighbours (areas without any add nothing to the sum of weights but
    stay in n, as in esda and in spdep's zero policy); "B": 1 a link.
    """
    cells, shape = _maps(values, "values")
    n, maps = cells.shape
    _check_transform(transform)
    links = checked_weights(weights, n, "binary" if transform == "B" else "given")
    result = np.full((5, maps), np.nan)
    patterns, which = np.unique(~np.isnan(cells), axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        columns = np.flatnonzero(which.ravel() == number)
        if pattern.sum() >= 4:
            kept = sparse.csr_array(links[pattern][:, pattern])
            result[:, columns] = _moran_moments(cells[pattern][:, columns], kept, transform)
    return GlobalMoran(*result.reshape((5, *shape[1:])))


def _moran_moments(values: Floats, links: sparse.csr_array, transform: str) -> Floats:
    n = values.shape[0]
    if transform == "R":
        total = np.asarray(links.sum(axis=1)).ravel()
        links = sparse.csr_array(sparse.diags_array(np.divide(1, total, out=np.zeros(n), where=total > 0)) @ links)
    s0 = links.sum()
    s1 = float(((links + links.T).power(2)).sum()) / 2
    s2 = float(((links.sum(axis=0) + links.sum(axis=1)) ** 2).sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        d = values - values.mean(axis=0)
        second = (d**2).sum(axis=0)
        i = n / s0 * (d * (links @ d)).sum(axis=0) / second
        kurtosis = n * (d**4).sum(axis=0) / second**2
        expected = np.full(i.shape, -1 / (n - 1))
        first = n * ((n**2 - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
        other = kurtosis * ((n**2 - n) * s1 - 2 * n * s2 + 6 * s0**2)
        variance = (first - other) / ((n - 1) * (n - 2) * (n - 3) * s0**2) - expected**2
        z = (i - expected) / np.sqrt(variance)
    return np.stack([i, expected, variance, z, 2 * special.ndtr(-np.abs(z))])


def _maps(values: ArrayLike, name: str) -> tuple[Floats, tuple[int, ...]]:
    array = np.asarray(values, dtype=float)
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} must be (areas,) or (areas, maps), not of shape {array.shape}")
    if np.any(np.isinf(array)):
        raise ValueError(f"{name} holds infinite values; missing is NaN")
    return array.reshape(array.shape[0], -1), array.shape


def _like(expected: ArrayLike, cells: Floats, shape: tuple[int, ...]) -> Floats:
    array = np.asarray(expected, dtype=float)
    if array.shape not in (shape, (shape[0],)):
        raise ValueError(f"expected has shape {array.shape}; it must be that of the values {shape} or ({shape[0]},)")
    return np.broadcast_to(array.reshape(shape[0], -1), cells.shape)


def _check_transform(transform: str) -> None:
    if transform not in ("B", "R"):
        raise ValueError(f"transform must be 'B' (1 a link) or 'R' (rows sum to 1), not {transform!r}")
