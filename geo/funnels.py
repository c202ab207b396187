"""Funnels whose limits are ratios: how far a count may lie from its expected one when areas also differ by themselves.

Areas detect and record in different ways, so their true ratios to the expected rate scatter. On an additive scale that
scatter soon pushes the lower limit below zero and low counts can never be seen. Here the ratios scatter on the log scale
(Spiegelhalter 2012, J R Stat Soc A 175:1, the multiplicative random effect; Spiegelhalter 2005, Stat Med 24:1185, the
winsorised estimate about the target): a count is Poisson around expected x ratio, and log ratio is normal with variance
tau2 around 0. Tails are exact for the count, also for 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

# log of a gamma variable on a fixed grid of standard deviations around its mean; left tail heavier than the right one
NODES = np.linspace(-10.0, 5.0, 91)
SMALL_SCATTER = 0.2  # of the count's own standard deviation: so little log-normal scatter is as good as a gamma one


@dataclass(frozen=True)
class Funnel:
    """`ratio_low`, `ratio_high` (levels, n) limits of observed / expected; `p` (n,) two-sided; `tau2` (n,) of the log ratios."""

    ratio_low: NDArray[np.float64]
    ratio_high: NDArray[np.float64]
    p: NDArray[np.float64]
    tau2: NDArray[np.float64]
    levels: tuple[float, ...]


def multiplicative_funnel(
    observed: ArrayLike,
    expected: ArrayLike,
    levels: Sequence[float] = (0.95, 0.998),
    groups: ArrayLike | None = None,
    winsorise: float = 0.1,
) -> Funnel:
    """Limits and p-values of n areas; observed, expected (n,), expected above 0; groups (n,) the funnel of each, one if None.

    A ratio lies outside the limits of a level exactly where its tail, P(X <= observed) or P(X >= observed), is at most
    half of what the level leaves out. A lower limit is 0 where even a count of 0 would be no surprise. p is twice the
    smaller tail, at most 1, and at least as large as its nominal level (counts are discrete). Raises ValueError for
    a funnel of fewer than two areas, negative counts, or expected counts that are not positive.
    """
    observed, expected = np.asarray(observed, dtype=float), np.asarray(expected, dtype=float)
    if observed.ndim != 1 or observed.shape != expected.shape:
        raise ValueError("a funnel needs observed and expected counts of the same areas")
    if (observed < 0).any() or not (expected > 0).all():
        raise ValueError("observed counts start at 0 and expected counts lie above 0")
    place = np.zeros(len(observed), int) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    order = np.argsort(place, kind="stable")
    tau2 = np.empty(len(observed))
    for rows in np.split(order, np.flatnonzero(np.diff(place[order])) + 1):
        tau2[rows] = log_scatter(observed[rows], expected[rows], winsorise)
    tau = np.sqrt(tau2)
    at_most = cumulative(observed, expected, tau)
    at_least = np.where(observed > 0, 1 - cumulative(observed - 1, expected, tau), 1.0)
    halves = np.array([(1 - level) / 2 for level in levels])[:, None]
    low = _quantile(halves, expected, tau)
    high = _quantile(1 - halves, expected, tau) + 1
    return Funnel(
        ratio_low=np.maximum(low, 0.0) / expected,
        ratio_high=high / expected,
        p=np.minimum(2 * np.minimum(at_most, at_least), 1.0),
        tau2=tau2,
        levels=tuple(levels),
    )


def log_scatter(observed: NDArray[np.float64], expected: NDArray[np.float64], winsorise: float = 0.1) -> float:
    """Variance tau2 of the log ratios about 0 beyond Poisson chance.

    Paule and Mandel's (1982) equation: the mean square of the standardised log ratios is what it would be were they
    normal, after the `winsorise` share in each tail was pulled to that quantile and with the expectation of a square so
    pulled. 0 where chance alone explains the ratios.
    """
    number = len(observed)
    if number < 2:
        raise ValueError("a funnel needs two areas or more")
    gap = np.log((observed + 0.5) / (expected + 0.5))
    chance = 1 / (expected + 0.5)
    edge = special.ndtri(1 - winsorise)
    density = np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi)
    wanted = (1 - 2 * winsorise) - 2 * edge * density + 2 * winsorise * edge**2
    # the quantile of a sample by linear interpolation, R's type 7
    below = (number - 1) * winsorise
    first, part = int(below), below - int(below)

    def excess(tau2: float) -> float:
        z = np.sort(gap / np.sqrt(chance + tau2))
        low = z[first] + part * (z[first + 1] - z[first])
        high = z[-1 - first] - part * (z[-1 - first] - z[-2 - first])
        return float(np.mean(np.clip(z, low, high) ** 2) - wanted)

    if excess(0.0) <= 0:
        return 0.0
    most = 1.0
    while excess(most) > 0:
        most *= 2
    found = float(optimize.brentq(excess, 0.0, most, xtol=1e-10, rtol=1e-10))  # pyright: ignore[reportArgumentType]
    # the estimate is from few areas, of which the one in question is one
    return found * (number + 1) / (number - 1)


def cumulative(count: ArrayLike, expected: ArrayLike, tau: ArrayLike) -> NDArray[np.float64]:
    """P(X <= count) of a Poisson count around expected x exp(tau U), U standard normal; count (…) from -1, may be broken.

    P(X <= x | rate) = P(G > rate) with G gamma of shape x + 1, so that the chance is the mean of
    normal_cdf((log G - log expected) / tau) over G: a smooth sum over the grid of log G.
    """
    count, expected, tau = np.broadcast_arrays(*(np.asarray(each, dtype=float) for each in (count, expected, tau)))
    shape = np.maximum(count + 1, 1e-9)
    spread = np.sqrt(special.zeta(2, shape))  # the trigamma function
    # small scatter: the negative binomial of the same median and variance, or the Poisson distribution without any
    some = np.where(tau > 1e-3, tau, 1e-3)
    mean = expected * np.exp(some**2 / 2)
    out = np.where(
        tau > 1e-3,
        special.betainc(some**-2, shape, some**-2 / (some**-2 + mean)),
        special.gammaincc(shape, expected),
    )
    wide = tau > SMALL_SCATTER * spread
    if np.any(wide):
        a, centre, s = shape[wide][:, None], special.psi(shape[wide])[:, None], spread[wide][:, None]
        w = centre + s * NODES
        density = np.exp(a * w - np.exp(w) - special.gammaln(a))
        reached = special.ndtr((w - np.log(expected[wide])[:, None]) / tau[wide][:, None])
        out[wide] = (density * reached).sum(axis=1) / density.sum(axis=1)
    return np.where(count < 0, 0.0, out)


def _quantile(p: NDArray[np.float64], expected: NDArray[np.float64], tau: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (broken) count x with P(X <= x) = p, at least 0: the smooth continuation of the Poisson distribution in x.

    Bisection with a normal log gamma gives a start; a bracketed secant on the normal scale, where the distribution
    is nearly straight, ends it.
    """
    p, expected, tau = np.broadcast_arrays(p, expected, tau)
    z, log_expected = special.ndtri(p), np.log(expected)
    low, high = np.zeros(p.shape), np.maximum(log_expected, 0) + 12 * (tau + 1)
    for _ in range(30):
        middle = (low + high) / 2
        shape = np.exp(middle)
        reached = (special.psi(shape) - log_expected) / np.sqrt(tau**2 + special.zeta(2, shape))
        low, high = np.where(reached < z, middle, low), np.where(reached < z, high, middle)
    here = np.maximum((low + high) / 2, 0.0)

    def score(log_shape: NDArray[np.float64]) -> NDArray[np.float64]:
        reached = cumulative(np.exp(log_shape) - 1, expected, tau)
        return special.ndtri(np.clip(reached, 1e-300, 1 - 1e-15)) - z

    # Illinois: a false position keeps the bracket, and an end that stands twice counts half
    low, high = np.maximum(here - 1.0, 0.0), here + np.where(here > 2.0, 1.0, 2.0)
    at_low, at_high = score(low), score(high)
    # nothing lies below a count of 0
    is_zero = (low == 0) & (at_low >= 0)
    was_below = np.zeros(p.shape, dtype=int)
    for _ in range(9):
        with np.errstate(divide="ignore", invalid="ignore"):
            here = (low * at_high - high * at_low) / (at_high - at_low)
        here = np.where(np.isfinite(here), np.clip(here, low, high), (low + high) / 2)
        at_here = score(here)
        is_below = np.where(at_here < 0, 1, -1)
        again = is_below == was_below
        low, high = np.where(is_below > 0, here, low), np.where(is_below > 0, high, here)
        at_low, at_high = (
            np.where(is_below > 0, at_here, np.where(again, at_low / 2, at_low)),
            np.where(is_below > 0, np.where(again, at_high / 2, at_high), at_here),
        )
        was_below = is_below
    return np.where(is_zero, 0.0, np.exp(here) - 1)
