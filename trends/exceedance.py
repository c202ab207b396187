"""How rare a count above its past is: p-values beside the limits of `trends.alerts`, made for control over many series.

A limit at 5 % decides about one series. Over hundreds of series a p-value is needed that holds far out in the tail, for
small counts and for pasts that scatter; each of the two functions here is one view, and the larger p is the careful one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

Floats = NDArray[np.float64]
OVERDISPERSED = 0.05
"""Level at which the past is taken to scatter more than Poisson counts do."""


def limit_tail(count: ArrayLike, expected: ArrayLike, upper: ArrayLike, alpha: float = 0.05) -> Floats:
    """P(at least `count`) under the forecast that a "delta" limit of `trends.alerts.farrington` stands for.

    count, expected, upper  same shape; `upper` the one-sided limit at level `alpha`.

    The limit (mean^(2/3) + z sqrt(4/9 mean^(1/3) tau))^(3/2) gives back tau, dispersion and error of the fit together;
    the tail is that of a negative binomial with this mean and variance mean * tau, which unlike the power transformation
    keeps its size far out and for small means. 0 where the expected count is 0 and the count is not; NaN where either is.
    """
    count, expected, upper = (np.asarray(each, dtype=float) for each in (count, expected, upper))
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    with np.errstate(divide="ignore", invalid="ignore"):
        root = (upper ** (2 / 3) - expected ** (2 / 3)) / -special.ndtri(alpha)
        tau = np.maximum(root**2 / (4 / 9 * expected ** (1 / 3)), 1 + 1e-9)
        p = stats.nbinom.sf(np.ceil(count) - 1, expected / (tau - 1), 1 / tau)
    p = np.where(count <= 0, 1.0, np.where(expected > 0, p, 0.0))
    return np.where(np.isnan(count) | np.isnan(expected) | np.isnan(upper), np.nan, p)


def pooled_tail(count: ArrayLike, past: ArrayLike) -> Floats:
    """P(at least `count`) if the period were one more of the past, all its periods alike.

    count (n,), past (n, t) with NaN for what is missing; NaN where fewer than two periods are known.

    Negative binomial with mean m = (sum + 1/2) / t and variance m D + m^2 / (sum + 1/2): the predictive distribution of a
    Poisson count under Jeffreys' prior, D the variance of the past over its mean, at least 1. Where D is beyond the chi-square
    limit of Poisson counts (`OVERDISPERSED`), it is itself uncertain, and the tail of Student's t with t - 1 degrees on the
    2/3-power scale counts when it is larger. A past without any case still has m > 0, so that one case is no wonder.
    """
    count, past = np.asarray(count, dtype=float), np.asarray(past, dtype=float)
    if past.ndim != 2 or count.shape != past.shape[:1]:
        raise ValueError(
            f"past must be (series, periods) beside one count a series, not {past.shape} and {count.shape}"
        )
    if (past < 0).any() or (count < 0).any():
        raise ValueError("counts must not be negative")
    known = (~np.isnan(past)).sum(axis=1)
    total = np.nansum(past, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / known
        spread = np.where(np.isnan(past), 0.0, (past - mean[:, None]) ** 2).sum(axis=1) / (known - 1)
        dispersion = np.maximum(np.where(mean > 0, spread / mean, 1.0), 1.0)
        mean = (total + 0.5) / known
        extra = mean**2 / (total + 0.5)
        variance = mean * dispersion + extra
        p = stats.nbinom.sf(np.ceil(count) - 1, mean**2 / (variance - mean), mean / variance)
        scatters = dispersion > stats.chi2.ppf(1 - OVERDISPERSED, known - 1) / (known - 1)
        distance = (np.maximum(count - 0.5, 0) ** (2 / 3) - mean ** (2 / 3)) / (
            2 / 3 * mean ** (-1 / 3) * np.sqrt(variance)
        )
        p = np.where(scatters, np.fmax(p, stats.t.sf(distance, known - 1)), p)
    p = np.where(count <= 0, 1.0, p)
    return np.where((known < 2) | np.isnan(count), np.nan, p)
