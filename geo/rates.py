"""Rates, their intervals, and the limits within which rates of different size can be compared.

Events and exposure are float arrays that broadcast against each other; NaN is missing and gives NaN. Functions that
pool areas (`empirical_bayes`, `overdispersion`) take the areas on the **last** axis, `direct` the age groups; leading
axes are independent. Negative counts and an exposure that is not above zero are errors, because both mean that the
wrong column was passed: leave such areas out, or pass NaN.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from geo.neighbours import checked_weights

Floats = NDArray[np.float64]

BYAR_FROM = 10
"""Count from which the Dobson limits use Byar's approximation; exact limits are used below it."""


@dataclass(frozen=True)
class Interval:
    """Lower and upper limit; unpacks as `low, high`."""

    low: Floats
    high: Floats

    def __iter__(self) -> Iterator[Floats]:
        return iter((self.low, self.high))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Floats:
        return (self.low, self.high)[index]


@dataclass(frozen=True)
class DirectRate:
    """Directly standardised rate per unit of exposure, with Dobson limits and Fay-Feuer gamma limits."""

    rate: Floats
    low: Floats
    high: Floats
    gamma_low: Floats
    gamma_high: Floats
    variance: Floats


@dataclass(frozen=True)
class FunnelLimits:
    """Limits of a Poisson count (`low`, `high`) and of its ratio to the expected count; shape (levels, ...)."""

    low: Floats
    high: Floats
    ratio_low: Floats
    ratio_high: Floats
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Overdispersion:
    """Multiplicative (`phi`) and additive (`tau2`, variance of the ratio observed / expected) overdispersion."""

    phi: Floats
    tau2: Floats
    z: Floats
    z_winsorised: Floats


@dataclass(frozen=True)
class RateRatio:
    """Ratio of two Poisson rates with exact limits; `p` as R's poisson.test, `p_central` twice the smaller tail."""

    ratio: Floats
    low: Floats
    high: Floats
    p: Floats
    p_mid: Floats
    p_central: Floats


def crude(events: ArrayLike, exposure: ArrayLike, per: float = 100_000) -> Floats:
    """Events per `per` units of exposure."""
    events, exposure = _aligned(events=_counts(events, "events"), exposure=_positive(exposure, "exposure"))
    return events / exposure * per


def empirical_bayes(events: ArrayLike, exposure: ArrayLike, weights=None) -> Floats:
    """Rates per unit of exposure shrunk towards the overall or the neighbourhood's rate (Marshall 1991).

    Areas are on the last axis. The shrunk rate is m + C (r - m) with C = A / (A + m / exposure) and A the method-of-
    moments variance of the underlying rates, s2 - m / (mean exposure), taken as 0 when negative (the rates then
    collapse to m). With `weights` (sparse n x n; only which links exist matters) m and A are those of the area and its
    neighbours, all around the mean of that area: the convention of GeoDa and esda, which differs from R's spdep.
    """
    events, exposure = _aligned(events=_counts(events, "events"), exposure=_positive(exposure, "exposure"))
    if events.ndim == 0:
        raise ValueError("empirical_bayes needs areas on the last axis, not a single number")
    reporting = ~(np.isnan(events) | np.isnan(exposure))
    cases = np.where(reporting, events, 0.0)
    people = np.where(reporting, exposure, 0.0)
    rate = np.divide(cases, people, out=np.zeros_like(cases), where=reporting)
    if weights is None:

        def pooled(values: Floats) -> Floats:
            return values.sum(axis=-1, keepdims=True)
    else:
        links = checked_weights(weights, events.shape[-1], "binary")

        def pooled(values: Floats) -> Floats:
            flat = values.reshape(-1, values.shape[-1])
            return (links @ flat.T).T.reshape(values.shape) + values

    number, exposed = pooled(reporting.astype(float)), pooled(people)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = pooled(cases) / exposed
        spread = pooled(people * rate**2) / exposed - mean**2
        between = np.maximum(spread - mean / (exposed / number), 0.0)
        share = np.where(mean > 0, between / (between + mean / people), 0.0)
        shrunk = mean + share * (rate - mean)
    return np.where(reporting, shrunk, np.nan)


def direct(events: ArrayLike, population: ArrayLike, standard: ArrayLike, level: float = 0.95) -> DirectRate:
    """Directly standardised rate per person over the groups on the last axis.

    `standard` holds the standard population of the groups, shape (groups,). Limits: Dobson et al. (1991), which moves
    the limits of the total count (exact below 10 events, Byar's from 10 on) onto the standardised rate, and Fay and
    Feuer (1997) gamma limits with the largest weight. Without any event Dobson's upper limit does not exist (NaN).
    """
    events, population = _aligned(events=_counts(events, "events"), population=_positive(population, "population"))
    standard = _positive(standard, "standard")
    if events.ndim == 0 or standard.shape != events.shape[-1:]:
        raise ValueError(
            f"standard has shape {standard.shape}; it must be (groups,) with the groups of events {events.shape} last"
        )
    alpha = _tail(level)
    weight = standard / standard.sum() / population
    total = events.sum(axis=-1)
    rate = (weight * events).sum(axis=-1)
    variance = (weight**2 * events).sum(axis=-1)
    exact, byar = poisson_interval(total, level), poisson_interval(total, level, method="byar")
    count_low = np.where(total >= BYAR_FROM, byar.low, exact.low)
    count_high = np.where(total >= BYAR_FROM, byar.high, exact.high)
    largest = weight.max(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt(variance / total)
        low = np.where(total == 0, 0.0, rate + scale * (count_low - total))
        high = rate + scale * (count_high - total)
        gamma_low = np.where(total == 0, 0.0, variance / rate * special.gammaincinv(rate**2 / variance, alpha))
        upper_mean, upper_variance = rate + largest, variance + largest**2
        gamma_high = upper_variance / upper_mean * special.gammainccinv(upper_mean**2 / upper_variance, alpha)
    return DirectRate(rate, low, high, gamma_low, gamma_high, variance)


def poisson_interval(count: ArrayLike, level: float = 0.95, method: str = "garwood") -> Interval:
    """Two-sided interval of a Poisson mean from one count.

    `garwood`: exact, from the chi-square distribution (Garwood 1936). `byar`: Byar's cube-root approximation (Breslow
    and Day 1987, p. 69), accurate from about 10 events.
    """
    count, alpha = _counts(count, "count"), _tail(level)
    if method == "garwood":
        # np.maximum keeps gammaincinv away from shape 0, whose limit is 0 and is set below.
        low = np.where(count == 0, 0.0, special.gammaincinv(np.maximum(count, 1e-300), alpha))
        return Interval(low, special.gammainccinv(count + 1, alpha))
    if method == "byar":
        z = special.ndtri(1 - alpha)
        with np.errstate(divide="ignore", invalid="ignore"):
            low = np.where(count == 0, 0.0, count * (1 - 1 / (9 * count) - z / (3 * np.sqrt(count))) ** 3)
        more = count + 1
        # far below one event the cube goes negative; a mean cannot
        return Interval(np.maximum(low, 0.0), more * (1 - 1 / (9 * more) + z / (3 * np.sqrt(more))) ** 3)
    raise ValueError(f"method must be 'garwood' or 'byar', not {method!r}")


def proportion_interval(count: ArrayLike, n: ArrayLike, level: float = 0.95, method: str = "wilson") -> Interval:
    """Two-sided interval of a share: `wilson` (1927, no continuity correction) or exact `clopper-pearson` (1934)."""
    alpha = _tail(level)
    count, n = _aligned(count=_counts(count, "count"), n=_positive(n, "n"))
    if np.any(count > n):
        raise ValueError("count is above n in at least one cell: a share cannot exceed 1")
    if method == "wilson":
        z = special.ndtri(1 - alpha)
        share = count / n
        middle = share + z**2 / (2 * n)
        half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        low, high = (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)
        # at 0 and n the limits are 0 and 1 exactly; rounding would leave 1e-17
        return Interval(np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high))
    if method == "clopper-pearson":
        return Interval(*_clopper_pearson(count, n - count, alpha))
    raise ValueError(f"method must be 'wilson' or 'clopper-pearson', not {method!r}")


def funnel_limits(expected: ArrayLike, levels: Sequence[float] = (0.95, 0.998)) -> FunnelLimits:
    """Limits of the observed count around its expected count, one row a level (Spiegelhalter 2005, appendix A.1).

    The Poisson quantile r with P(X <= r) >= p is interpolated: r - (P(X <= r) - p) / P(X = r), so the limits run
    smoothly with the expected count. At small expected counts the interpolation falls below 0 and is clipped there.
    """
    expected = _positive(expected, "expected")
    levels = tuple(float(level) for level in np.atleast_1d(levels))
    tails = np.array([_tail(level) for level in levels]).reshape(-1, *([1] * expected.ndim))

    def quantile(p: Floats) -> Floats:
        r = stats.poisson.ppf(p, expected)
        return np.maximum(r - (stats.poisson.cdf(r, expected) - p) / stats.poisson.pmf(r, expected), 0.0)

    low, high = quantile(tails), quantile(1 - tails)
    return FunnelLimits(low, high, low / expected, high / expected, levels)


def overdispersion(observed: ArrayLike, expected: ArrayLike, winsorise: float = 0.1) -> Overdispersion:
    """How much more the areas (last axis) differ than Poisson chance allows (Spiegelhalter 2005, 2012).

    z = (observed - expected) / sqrt(expected); the `winsorise` share in each tail is pulled to that quantile (linear
    interpolation, R's type 7); phi is the mean of the squared winsorised z. tau2 is the variance between areas of the
    ratio observed / expected (DerSimonian-Laird on the winsorised z, weights = expected), 0 when phi shows none.
    """
    observed, expected = _aligned(observed=_counts(observed, "observed"), expected=_positive(expected, "expected"))
    if observed.ndim == 0 or observed.shape[-1] < 2:
        raise ValueError("overdispersion needs at least two areas on the last axis")
    if not 0 <= winsorise < 0.5:
        raise ValueError(f"winsorise must be in [0, 0.5), not {winsorise}")
    z = (observed - expected) / np.sqrt(expected)
    low, high = np.nanquantile(z, [winsorise, 1 - winsorise], axis=-1, keepdims=True)
    winsorised = np.clip(z, low, high)
    reporting = ~np.isnan(z)
    number = reporting.sum(axis=-1)
    phi = np.nanmean(winsorised**2, axis=-1)
    weight = np.where(reporting, expected, 0.0)
    total = weight.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        excess = (number * phi - (number - 1)) / (total - (weight**2).sum(axis=-1) / total)
    return Overdispersion(phi, np.maximum(excess, 0.0), z, winsorised)


def rate_ratio(a: ArrayLike, n_a: ArrayLike, b: ArrayLike, n_b: ArrayLike, level: float = 0.95) -> RateRatio:
    """(a / n_a) / (b / n_b) for Poisson counts `a`, `b` with exposures `n_a`, `n_b`.

    Given a + b, a is binomial with share n_a / (n_a + n_b) under equal rates. Limits: Clopper-Pearson of that share,
    turned into a ratio. `p` adds all outcomes no more likely than the one seen (as R's poisson.test and
    scipy.stats.binomtest), `p_central` is twice the smaller tail (agrees with the limits), `p_mid` the same with half
    of the outcome's own probability. Without any event the ratio is NaN, its limits 0 and infinity, p = 1.
    """
    a, n_a, b, n_b = _aligned(
        a=_counts(a, "a"), n_a=_positive(n_a, "n_a"), b=_counts(b, "b"), n_b=_positive(n_b, "n_b")
    )
    if np.any(a != np.floor(a), where=~np.isnan(a)) or np.any(b != np.floor(b), where=~np.isnan(b)):
        raise ValueError("rate_ratio is exact for whole counts; a or b holds fractions")
    alpha, total, share = _tail(level), a + b, n_a / (n_a + n_b)
    share_low, share_high = _clopper_pearson(a, b, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (a / n_a) / (b / n_b)
        low = share_low / (1 - share_low) * n_b / n_a
        high = np.where(share_high >= 1, np.inf, share_high / (1 - share_high) * n_b / n_a)
    below = np.where(a > 0, special.betainc(b + 1, np.maximum(a, 0.5), 1 - share), 0.0)
    own = stats.binom.pmf(a, total, share)
    above = np.where(a < total, special.betainc(a + 1, np.maximum(b, 0.5), share), 0.0)
    missing = np.isnan(total + share)
    p_central = np.minimum(1.0, 2 * np.minimum(below + own, above + own))
    p_mid = np.minimum(1.0, 2 * np.minimum(below + own / 2, above + own / 2))
    p = _binomial_p(a, total, share, below + own, above + own)
    missing_or = [np.where(missing, np.nan, values) for values in (p, p_mid, p_central)]
    return RateRatio(ratio, np.where(missing, np.nan, low), np.where(missing, np.nan, high), *missing_or)


def _binomial_p(a: Floats, total: Floats, share: Floats, lower: Floats, upper: Floats) -> Floats:
    """Probability of all outcomes no more likely than `a`: its own tail, and the far tail found by bisection."""
    likely = stats.binom.pmf(a, total, share) * (1 + 1e-7)
    mode = np.floor((total + 1) * share)
    is_low = a < mode
    # Far side: smallest k above the mode, or largest k below it, whose probability is no larger than that of a.
    inside = np.where(is_low, mode, 0.0)
    outside = np.where(is_low, total + 1, mode)
    low, high = inside.copy(), outside.copy()
    steps = int(np.ceil(np.log2(np.nan_to_num(total).max(initial=1.0) + 2))) + 1
    for _ in range(steps):
        middle = np.floor((low + high) / 2)
        rare = stats.binom.pmf(middle, total, share) <= likely
        open_ = high - low > 1
        go_down = np.where(is_low, rare, ~rare)
        high = np.where(open_ & go_down, middle, high)
        low = np.where(open_ & ~go_down, middle, low)
    far_above = stats.binom.sf(high - 1, total, share)
    rare_at_low = stats.binom.pmf(low, total, share) <= likely
    far_below = np.where(rare_at_low, stats.binom.cdf(low, total, share), 0.0)
    p = np.where(is_low, lower + far_above, upper + far_below)
    as_likely_as_mode = stats.binom.pmf(mode, total, share) <= likely
    return np.where(as_likely_as_mode, 1.0, np.minimum(p, 1.0))


def _clopper_pearson(successes: Floats, failures: Floats, alpha: float) -> tuple[Floats, Floats]:
    successes, failures = np.broadcast_arrays(successes, failures)
    # the beta quantile needs positive shapes; the cells with 0 successes or failures are set outright
    low = special.betaincinv(np.maximum(successes, 0.5), failures + 1, alpha)
    high = special.betaincinv(successes + 1, np.maximum(failures, 0.5), 1 - alpha)
    return np.where(successes == 0, 0.0, low), np.where(failures == 0, 1.0, high)


def _tail(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95, not {level}")
    return (1 - level) / 2


def _counts(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values, dtype=float)
    if np.any(array < 0):
        raise ValueError(f"{name} holds {int(np.sum(array < 0))} negative values; counts start at 0")
    if np.any(np.isinf(array)):
        raise ValueError(f"{name} holds infinite values; missing is NaN")
    return array


def _positive(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values, dtype=float)
    if np.any(array <= 0):
        raise ValueError(
            f"{name} holds {int(np.sum(array <= 0))} values that are zero or negative; a rate needs a positive "
            "exposure: leave these cells out or pass NaN"
        )
    if np.any(np.isinf(array)):
        raise ValueError(f"{name} holds infinite values; missing is NaN")
    return array


def _aligned(**arrays: Floats) -> list[Floats]:
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"shapes do not fit together: {shapes}") from None
