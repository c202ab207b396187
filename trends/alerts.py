"""Alerts: is the newest count more than the past of the same series would lead one to expect?

`farrington` for counts with three or more years behind them, `ears` for short series, `cusum` for small lasting shifts.
Conventions are those of the R package surveillance (farringtonFlexible, farrington, earsC, cusum), so that its
published examples give the same numbers. An alert is a reason to look, not a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from trends.poisson_regression import PoissonFit, fit_poisson


@dataclass(frozen=True)
class Alerts:
    """Shape of counts. NaN and no alarm where a period cannot be judged (too little past, value missing).

    expected  what the past leads to; upper  the limit that a count must exceed (`cusum`: reach) for an alarm;
    score  `farrington`: (count - expected) / (upper - expected), above 1 is an alarm; `ears`: the C statistic;
    `cusum`: the cumulative sum.
    """

    expected: NDArray[np.float64]
    upper: NDArray[np.float64]
    alarm: NDArray[np.bool_]
    score: NDArray[np.float64]


def farrington(  # noqa: PLR0913 - the choices of the method, by name, each with its default
    counts: ArrayLike,
    period: int,
    years_back: int = 4,
    half_width: int = 3,
    method: Literal["flexible", "original"] = "flexible",
    alpha: float = 0.05,
    n_periods: int = 10,
    past_excluded: int = 26,
    weights_threshold: float = 2.58,
    threshold: Literal["delta", "negative_binomial"] = "delta",
    limit54: tuple[float, int] = (5, 4),
) -> Alerts:
    """Farrington's outbreak detection for every period of every series that has enough past.

    counts             (..., t), not negative; NaN is missing.
    period             periods a year, a whole number (52, 12, 4).
    years_back         years of past used (b); half_width periods on either side of the same time of year (w).
    method             "flexible" Noufaily et al. (2013): all of the past years with `n_periods` seasonal levels, the
                       newest `past_excluded` periods left out, past outliers (standardised Anscombe residual above
                       `weights_threshold`) weighted down. "original" Farrington et al. (1996): only the windows,
                       weights below residual 1, n_periods, past_excluded and weights_threshold not used.
    alpha              level of the limit: one-sided for "flexible"; "original" has the upper end of a two-sided
                       interval, as in surveillance.
    threshold          "delta": 2/3-power transformation with the error of the fit; "negative_binomial": the plug-in
                       quantile with mean as fitted and variance dispersion * mean ("flexible" only).
    limit54            (cases, periods): no verdict unless that many cases fell in that many newest periods.

    The defaults of half_width, n_periods and past_excluded are for weeks; for months 1, 4 and 6 are usual, for quarters
    0, 4 and 2. Seasonal levels that would be empty are merged (n_periods is capped by the periods between windows).

    Model: log-linear quasi-Poisson, trend kept when years_back >= 3, p < .05 and the extrapolation does not exceed the
    largest past count; dispersion at least 1. As in surveillance 1.20, the flexible method's error of the fit (trend
    test, delta limit) takes its dispersion from prior weights instead of working weights; see docs/methods/alerts.md.
    A past without any case gives expected 0 and limit 0.
    Raises ValueError for negative counts, windows that overlap or arguments out of range.
    """
    series, shape = _counts(counts)
    if method not in ("flexible", "original"):
        raise ValueError(f'method must be "flexible" or "original", not {method!r}')
    if threshold not in ("delta", "negative_binomial"):
        raise ValueError(f'threshold must be "delta" or "negative_binomial", not {threshold!r}')
    if threshold == "negative_binomial" and method == "original":
        raise ValueError('threshold "negative_binomial" belongs to method "flexible"')
    if period != int(period) or period < 2:
        raise ValueError(f"period must be a whole number of periods a year above 1, not {period}")
    if half_width < 0 or 2 * half_width + 1 > period:
        raise ValueError(f"half_width {half_width} does not fit into a year of {period} periods")
    if years_back < 1 or n_periods < 1 or past_excluded < 0 or not 0 < alpha < 1 or limit54[0] < 0 or limit54[1] < 1:
        raise ValueError("years_back, n_periods and limit54 periods must be at least 1, alpha in (0, 1), the rest >= 0")
    period = int(period)
    flexible = method == "flexible"
    n_periods = min(n_periods, period - 2 * half_width) if flexible else 1

    expected, upper = np.full(series.shape, np.nan), np.full(series.shape, np.nan)
    z = -special.ndtri(alpha if flexible else alpha / 2)
    recent = np.nancumsum(series, axis=1)
    first = period * years_back + half_width if flexible else max(period * years_back - half_width - 1, 0)
    for now in range(first, series.shape[1]):
        levels = _seasonal_levels(now, period, years_back, half_width, n_periods)
        if flexible:
            levels[max(now - past_excluded, 0) :] = 0
        else:
            levels[now] = 0
        rows = np.flatnonzero(levels)
        since = recent[:, now] - (recent[:, now - limit54[1]] if now >= limit54[1] else 0.0)
        judged = np.flatnonzero((since >= limit54[0]) & (~np.isnan(series[:, rows])).any(axis=1))
        if not judged.size or not rows.size:
            continue
        past = series[np.ix_(judged, rows)]
        # time runs backwards from now and the season of now is the base level: the forecast is the intercept
        base = np.ones((len(rows), 1))
        trend = ((rows - now) / period)[:, None]
        season = (levels[rows][:, None] == np.arange(1, n_periods)).astype(float)
        without = np.hstack([base, season])
        model = _reweighted(past, np.hstack([base, trend, season]), flexible, weights_threshold)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.sqrt(model.error_dispersion * model.fit.covariance[:, 1, 1])
            p = 2 * special.stdtr(model.fit.degrees, -np.abs(model.fit.coefficients[:, 1] / error))
            keep = (p < 0.05) & (np.exp(model.fit.coefficients[:, 0]) <= np.nanmax(past, axis=1))
        keep &= model.fit.converged & ~model.fit.aliased[:, 1] & (years_back >= 3)
        log_mean, variance, phi = model.fit.coefficients[:, 0], model.error_variance, model.phi
        if not keep.all():
            flat = _reweighted(past[~keep], without, flexible, weights_threshold)
            log_mean, variance, phi = log_mean.copy(), variance.copy(), phi.copy()
            log_mean[~keep], variance[~keep], phi[~keep] = flat.fit.coefficients[:, 0], flat.error_variance, flat.phi
        mean = np.exp(log_mean)
        limit = _delta_limit(mean, variance, phi, z) if threshold == "delta" else _quantile(mean, phi, alpha)
        nothing = ~(past > 0).any(axis=1)
        expected[judged, now] = np.where(nothing, 0.0, mean)
        upper[judged, now] = np.where(nothing, 0.0, limit)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = (series - expected) / (upper - expected)
    return _alerts(shape, expected, upper, series > upper, score)


@dataclass(frozen=True)
class _Reweighted:
    fit: PoissonFit
    phi: NDArray[np.float64]  # dispersion of counts, at least 1
    error_dispersion: NDArray[np.float64]  # dispersion that scales the errors of the coefficients
    error_variance: NDArray[np.float64]  # of the forecast on the log scale


def _reweighted(past, design, flexible, weights_threshold) -> _Reweighted:
    """Fit, weight past outliers down by their standardised Anscombe residuals, fit again."""
    first = fit_poisson(past, design)
    phi = np.maximum(first.dispersion, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        residual = 1.5 * (past ** (2 / 3) * first.fitted ** (-1 / 6) - first.fitted**0.5)
        residual = residual / np.sqrt(phi[:, None] * (1 - first.leverage))
        outlying = residual > (weights_threshold if flexible else 1.0)
        weight = np.where(outlying, residual**-2.0, 1.0)
    present = ~np.isnan(past)
    weight = np.where(present, weight, 0.0)
    weight *= (present.sum(axis=1) / np.maximum(weight.sum(axis=1), np.finfo(float).tiny))[:, None]
    fit = fit_poisson(past, design, weights=weight)
    phi = np.maximum(fit.dispersion, 1.0)
    if flexible:
        with np.errstate(invalid="ignore", divide="ignore"):
            working = np.where(weight > 0, weight * ((past - fit.fitted) / fit.fitted) ** 2, 0.0)
            trend_dispersion = forecast_dispersion = np.where(
                fit.degrees > 0, working.sum(axis=1) / np.maximum(fit.degrees, 1), np.nan
            )
    else:
        trend_dispersion, forecast_dispersion = fit.dispersion, phi
    return _Reweighted(fit, phi, trend_dispersion, forecast_dispersion * fit.covariance[:, 0, 0])


def _seasonal_levels(now, period, years_back, half_width, n_periods):
    """Level of each period up to now: n_periods in the windows around the same time of year, 1.. between, 0 outside."""
    levels = np.zeros(now + 1, dtype=int)
    between = period - 2 * half_width - 1
    lengths = np.zeros(0, dtype=int)
    if n_periods > 1:
        lengths = np.full(n_periods - 1, between // (n_periods - 1))
        lengths[: between % (n_periods - 1)] += 1
    gap = np.repeat(np.arange(1, n_periods), lengths)
    for year in range(years_back, 0, -1):
        anchor = now - year * period
        window = np.arange(anchor - half_width, anchor + half_width + 1)
        levels[window[window >= 0]] = n_periods
        after = np.arange(anchor + half_width + 1, anchor + half_width + 1 + len(gap))
        levels[after[after >= 0]] = gap[after >= 0]
    levels[max(now - half_width, 0) :] = n_periods
    if n_periods == 1:
        levels[max(now - half_width, 0) :] = 0
    return levels


def _delta_limit(mean, log_variance, phi, z):
    """Upper limit on the 2/3-power scale; log_variance is the forecast's variance on the log scale."""
    with np.errstate(invalid="ignore", over="ignore"):
        tau = phi + log_variance * mean
        return (mean ** (2 / 3) + z * np.sqrt(4 / 9 * mean ** (1 / 3) * tau)) ** 1.5


def _quantile(mean, phi, alpha):
    """Upper quantile of a negative binomial with this mean and variance phi * mean; Poisson where phi is 1."""
    from scipy import stats

    with np.errstate(invalid="ignore", divide="ignore"):
        spread = phi > 1
        size = np.where(spread, mean / np.where(spread, phi - 1, 1.0), 1.0)
        negative_binomial = stats.nbinom.ppf(1 - alpha, size, 1 / np.where(spread, phi, 2.0))
        return np.where(spread, negative_binomial, stats.poisson.ppf(1 - alpha, mean))


def ears(
    counts: ArrayLike,
    method: Literal["C1", "C2", "C3"] = "C1",
    baseline: int = 7,
    alpha: float | None = None,
    minimum_sigma: float = 0.0,
) -> Alerts:
    """EARS C1, C2 and C3 of Hutwagner et al. (2003), for series too short for `farrington`.

    counts         (..., t); a missing value in the baseline leaves a period without a verdict.
    method         C1: the `baseline` periods before; C2: the same, two periods further back; C3: C2 with what the two
                   periods before exceeded.
    alpha          one-sided level; 0.001 for C1 and C2, 0.025 for C3 when left out (surveillance::earsC).
    minimum_sigma  least standard deviation; with 0, any case after a flat baseline is an alarm of C1 and C2, and C3
                   gives no verdict within reach of a flat baseline.

    `.expected` baseline mean, `.upper` mean + z * sd (C3: the count at which C3 reaches z), `.score` the statistic.
    """
    series, shape = _counts(counts)
    if method not in ("C1", "C2", "C3"):
        raise ValueError(f'method must be "C1", "C2" or "C3", not {method!r}')
    if baseline < 3:
        raise ValueError(f"baseline must have at least 3 periods, not {baseline}")
    if minimum_sigma < 0:
        raise ValueError("minimum_sigma must not be negative")
    alpha = (0.025 if method == "C3" else 0.001) if alpha is None else alpha
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    z = -special.ndtri(alpha)
    mean, sd = np.full(series.shape, np.nan), np.full(series.shape, np.nan)
    lag = 1 if method == "C1" else 3
    n_judged = series.shape[1] - baseline - lag + 1
    if n_judged > 0:
        windows = np.lib.stride_tricks.sliding_window_view(series, baseline, axis=1)[:, :n_judged]
        mean[:, baseline + lag - 1 :] = windows.mean(axis=2)
        sd[:, baseline + lag - 1 :] = np.maximum(windows.std(axis=2, ddof=1), minimum_sigma)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = (series - mean) / sd
        if method == "C3":
            exceeded = np.maximum(score - 1, 0.0)
            carried = np.full(series.shape, np.nan)
            carried[:, 2:] = exceeded[:, :-2] + exceeded[:, 1:-1]
            upper = np.maximum(series + sd * (z - carried), 0.0)
            score = score + carried
        else:
            upper = mean + z * sd
    mean = np.where(np.isnan(upper), np.nan, mean)
    return _alerts(shape, mean, upper, series > upper, score)


def cusum(
    counts: ArrayLike,
    expected: ArrayLike | None = None,
    baseline: int = 12,
    k: float = 1.04,
    h: float = 2.26,
    transform: Literal["standard", "rossi", "anscombe"] = "standard",
) -> Alerts:
    """One-sided Poisson CUSUM of counts against what is expected (Rossi, Lampugnani and Marchi 1999).

    counts     (..., t); a missing value is not judged and leaves the sum as it was.
    expected   (..., t) or (...) in-control means; when left out, the mean of the first `baseline` periods, which are
               then not judged.
    k, h       reference value and decision limit on the transformed scale, as in surveillance::cusum.
    transform  "standard" (x - m) / sqrt(m); "rossi" (x - 3 m + 2 sqrt(x m)) / (2 sqrt(m)); "anscombe"
               1.5 (x^(2/3) - m^(2/3)) / m^(1/6).

    C_t = max(0, C_(t-1) + transformed - k), alarm when C_t >= h; the sum runs on after an alarm. `.upper` is the least
    count that would have reached h (a whole number for "standard"), `.score` C_t.
    """
    series, shape = _counts(counts)
    if transform not in ("standard", "rossi", "anscombe"):
        raise ValueError(f'transform must be "standard", "rossi" or "anscombe", not {transform!r}')
    start = 0
    if expected is None:
        if baseline < 1:
            raise ValueError("baseline must have at least one period")
        start = min(baseline, series.shape[1])
        present = ~np.isnan(series[:, :start])
        with np.errstate(invalid="ignore"):
            known = np.where(present.any(axis=1), present.sum(axis=1), np.nan)
            mean = np.where(present, series[:, :start], 0.0).sum(axis=1) / known
        m = np.repeat(mean[:, None], series.shape[1], axis=1)
    else:
        given = np.asarray(expected, dtype=float)
        m = np.broadcast_to(given[..., None] if given.shape == shape else given, (*shape, series.shape[1]))
        m = m.reshape(series.shape).copy()
        if (m < 0).any():
            raise ValueError("expected must not be negative")
    m[~(m > 0)] = np.nan
    m[:, :start] = np.nan
    root = np.sqrt(m)
    if transform == "standard":
        moved = (series - m) / root
    elif transform == "rossi":
        moved = (series - 3 * m + 2 * np.sqrt(series * m)) / (2 * root)
    else:
        moved = 1.5 * (series ** (2 / 3) - m ** (2 / 3)) / m ** (1 / 6)
    before, score = np.zeros(series.shape), np.full(series.shape, np.nan)
    total = np.zeros(len(series))
    for now in range(start, series.shape[1]):
        before[:, now] = total
        judged = ~np.isnan(moved[:, now])
        total = np.where(judged, np.maximum(total + moved[:, now] - k, 0.0), total)
        score[judged, now] = total[judged]
    room = h + k - before
    with np.errstate(invalid="ignore"):
        if transform == "standard":
            upper = np.ceil(root * room + m)
        elif transform == "rossi":
            upper = 2 * root * room + 5 * m - 2 * np.sqrt(4 * m**2 + 2 * m * root * room)
        else:
            upper = np.maximum(2 / 3 * m ** (1 / 6) * room + m ** (2 / 3), 0.0) ** 1.5
    upper = np.where(np.isnan(m), np.nan, np.nan_to_num(np.maximum(upper, 0.0)))
    return _alerts(shape, m, upper, score >= h, score)


def _counts(counts: ArrayLike) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    values = np.asarray(counts, dtype=float)
    if values.ndim == 0 or values.shape[-1] == 0:
        raise ValueError(f"counts needs a time axis with at least one period; its shape is {values.shape}")
    if (values < 0).any() or np.isinf(values).any():
        raise ValueError("counts must be finite and not negative; give NaN for what is missing")
    return values.reshape(-1, values.shape[-1]), values.shape[:-1]


def _alerts(shape, expected, upper, alarm, score) -> Alerts:
    whole = (*shape, expected.shape[1])
    return Alerts(expected.reshape(whole), upper.reshape(whole), alarm.reshape(whole), score.reshape(whole))
