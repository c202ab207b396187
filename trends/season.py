"""Seasons and forecasts: STL decomposition, and the Theta method for many series at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

SEASONALITY_CRITICAL_VALUE = special.ndtri(0.95) ** 2  # 10 % of a chi-square with one degree of freedom


@dataclass(frozen=True)
class Decomposition:
    """y = trend + seasonal + remainder, each (..., t); strengths (...) between 0 and 1.

    trend_strength = max(0, 1 - var(remainder) / var(trend + remainder)), seasonal_strength likewise with the seasonal
    part (Wang, Smith and Hyndman 2006). remainder is NaN where y is.
    """

    trend: NDArray[np.float64]
    seasonal: NDArray[np.float64]
    remainder: NDArray[np.float64]
    trend_strength: NDArray[np.float64]
    seasonal_strength: NDArray[np.float64]


@dataclass(frozen=True)
class Forecast:
    """expected, low, high (..., horizon), step 1 is the period after the last of y; seasonal (...) whether a season was
    found and used."""

    expected: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    seasonal: NDArray[np.bool_]


def decompose(y: ArrayLike, period: int, seasonal_window: int = 7, robust: bool = False) -> Decomposition:
    """Seasonal-trend decomposition by loess (Cleveland, Cleveland, McRae and Terpenning 1990), computed by statsmodels.

    y                (..., t); gaps are filled before the fit, first by the season's mean about a straight-line
                     interpolation, then three times by trend plus season; their remainder stays NaN.
    period           periods in a season cycle, a whole number above 1.
    seasonal_window  length of the seasonal smoother, odd, at least 7.
    robust           weights outliers down.

    Defaults are those of statsmodels' STL; R's stl jumps between points and uses other windows, so its parts differ a
    little. Series with fewer than two full cycles of observed values are NaN.
    """
    values, shape = _series(y)
    period = _whole_period(period, least=2)
    if seasonal_window < 7 or seasonal_window % 2 == 0:
        raise ValueError(f"seasonal_window must be odd and at least 7, not {seasonal_window}")
    from statsmodels.tsa.seasonal import STL

    trend, seasonal = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    enough = (~np.isnan(values)).sum(axis=1) >= 2 * period
    for row in np.flatnonzero(enough):
        missing = np.isnan(values[row])
        filled = _first_filling(values[row], period)
        for _ in range(4 if missing.any() else 1):
            fit = STL(filled, period=period, seasonal=seasonal_window, robust=robust).fit()
            trend[row], seasonal[row] = np.asarray(fit.trend), np.asarray(fit.seasonal)
            filled[missing] = (trend[row] + seasonal[row])[missing]
    remainder = values - trend - seasonal
    present = ~np.isnan(remainder)

    def strength(part):
        with np.errstate(invalid="ignore", divide="ignore"):
            share = 1 - _variance(remainder, present) / _variance(part + remainder, present)
        return np.where(np.isnan(share), np.nan, np.maximum(share, 0.0)).reshape(shape)[()]

    whole = (*shape, values.shape[1])
    return Decomposition(
        trend=trend.reshape(whole),
        seasonal=seasonal.reshape(whole),
        remainder=remainder.reshape(whole),
        trend_strength=strength(trend),
        seasonal_strength=strength(seasonal),
    )


def forecast(y: ArrayLike, horizon: int, period: int, level: float = 0.95) -> Forecast:
    """Forecasts by the Theta method: exponential smoothing with half the slope of the straight line as drift.

    y        (..., t); NaN is passed over. Trailing gaps lengthen the way to the first forecast.
    horizon  number of periods ahead; period periods in a season cycle, 1 for none.
    level    probability between low and high.

    Assimakopoulos and Nikolopoulos (2000) in the form of Hyndman and Billah (2003): the season is taken out first when
    the autocorrelation at lag `period` is significant at 10 % and two cycles are observed (classical decomposition,
    multiplicative for positive series), the smoothing weight minimises the squared one-step errors. Expected values are
    those of statsmodels' ThetaModel. Limits are normal with the variance of exponential smoothing with drift, s2
    (1 + (h - 1) a^2); neither they nor the expected values fall below 0 when no observed value does. Fewer than 4
    observed values: NaN. No step, law or campaign that is still to come is in a forecast.
    """
    values, shape = _series(y)
    period = _whole_period(period, least=1)
    if horizon != int(horizon) or horizon < 1:
        raise ValueError(f"horizon must be a whole number of periods, at least 1, not {horizon}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    periods = values.shape[1]
    present = ~np.isnan(values)
    enough = present.sum(axis=1) >= 4
    season, multiplicative, has_season = _classical_season(values, period)
    factor = season[:, np.arange(periods) % period]
    with np.errstate(invalid="ignore", divide="ignore"):
        adjusted = np.where(multiplicative[:, None], values / factor, values - factor)

    slope = _line_slope(adjusted)
    weight = _smoothing_weight(adjusted)
    level_now, error_square, n_errors = _smooth(adjusted, weight, slope)
    degrees = n_errors - 2
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(degrees > 0, error_square / np.maximum(degrees, 1), np.nan)
    last = np.where(present.any(axis=1), periods - 1 - np.argmax(present[:, ::-1], axis=1), 0)
    ahead = np.arange(1, horizon + 1)[None, :] + (periods - 1 - last)[:, None]
    n = present.sum(axis=1)
    reach = ahead - 1 + ((1 - (1 - weight) ** n) / weight)[:, None]
    flat = level_now[:, None] + 0.5 * slope[:, None] * reach
    half = -special.ndtri((1 - level) / 2) * np.sqrt(variance[:, None] * (1 + (ahead - 1) * weight[:, None] ** 2))
    coming = season[:, (periods + np.arange(horizon)) % period]

    def seasoned(part):
        return np.where(multiplicative[:, None], part * coming, part + coming)

    expected, low, high = seasoned(flat), seasoned(flat - half), seasoned(flat + half)
    never_negative = ~(values < 0).any(axis=1)
    bound = np.where(never_negative, 0.0, -np.inf)[:, None]
    whole = (*shape, int(horizon))

    def shown(part):
        return np.where(enough[:, None], np.maximum(part, bound), np.nan).reshape(whole)

    return Forecast(shown(expected), shown(low), shown(high), (has_season & enough).reshape(shape)[()])


def _classical_season(values, period):
    """Seasonal part of one cycle from the start of the series (1 or 0 when there is none), and how it acts."""
    n_series, periods = values.shape
    present = ~np.isnan(values)
    positive = np.where(present, values, np.inf).min(axis=1) > 0
    none = np.where(positive, 1.0, 0.0)[:, None] * np.ones((n_series, period))
    if period == 1 or periods < 2 * period:
        return none, positive, np.zeros(n_series, dtype=bool)
    found = (present.sum(axis=1) >= 2 * period) & _is_seasonal(values, period)
    width = np.ones(period) if period % 2 else np.r_[0.5, np.ones(period - 1), 0.5]
    windows = np.lib.stride_tricks.sliding_window_view(values, len(width), axis=1)
    trend = np.full(values.shape, np.nan)
    edge = len(width) // 2
    trend[:, edge : edge + windows.shape[1]] = windows @ (width / period)
    multiplicative = positive.copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = _cycle_means(values / trend, period)
        ratio /= ratio.mean(axis=1, keepdims=True)
        difference = _cycle_means(values - trend, period)
        difference -= difference.mean(axis=1, keepdims=True)
    multiplicative &= ~found | (ratio.min(axis=1) > 0)
    season = np.where(multiplicative[:, None], ratio, difference)
    found &= ~np.isnan(season).any(axis=1)
    none = np.where(multiplicative, 1.0, 0.0)[:, None] * np.ones((n_series, period))
    return np.where(found[:, None], season, none), multiplicative, found


def _is_seasonal(values, period):
    """Autocorrelation test of ThetaModel: n r_m^2 / (1 + sum of r_i^2 before lag m) against 10 %."""
    present = ~np.isnan(values)
    n = present.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(present, values, 0.0).sum(axis=1) / n
        centred = np.where(present, values - mean[:, None], 0.0)
        square = (centred**2).sum(axis=1)
        r = np.stack([(centred[:, lag:] * centred[:, :-lag]).sum(axis=1) / square for lag in range(1, period + 1)])
        statistic = n * r[-1] ** 2 / (1 + (r[:-1] ** 2).sum(axis=0))
    return statistic > SEASONALITY_CRITICAL_VALUE


def _cycle_means(values, period):
    """Mean of each place in the cycle, NaN left out."""
    padded = np.full((len(values), -(-values.shape[1] // period) * period), np.nan)
    padded[:, : values.shape[1]] = values
    cycles = padded.reshape(len(values), -1, period)
    present = ~np.isnan(cycles)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(present, cycles, 0.0).sum(axis=1) / present.sum(axis=1)


def _line_slope(values):
    present = ~np.isnan(values)
    t = np.where(present, np.arange(values.shape[1], dtype=float), 0.0)
    y = np.where(present, values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        n = present.sum(axis=1)
        from_mean = np.where(present, t - (t.sum(axis=1) / n)[:, None], 0.0)
        return (from_mean * y).sum(axis=1) / (from_mean**2).sum(axis=1)


def _smoothing_weight(values):
    """Weight of exponential smoothing with least squared one-step errors: a grid, refined four times about its best."""
    low, high = np.full(len(values), 1e-4), np.full(len(values), 0.9999)
    best = low
    for _ in range(5):
        grid = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, 33)
        errors = _one_step_squares(values, grid)
        at = errors.argmin(axis=1)
        rows = np.arange(len(values))
        best = grid[rows, at]
        low, high = grid[rows, np.maximum(at - 1, 0)], grid[rows, np.minimum(at + 1, 32)]
    return best


def _one_step_squares(values, weights):
    """Sum of squared errors of exponential smoothing started at the first value, for (s, k) weights."""
    level = np.full(weights.shape, np.nan)
    total = np.zeros(weights.shape)
    for now in range(values.shape[1]):
        value = values[:, now : now + 1]
        error = value - level
        total += np.nan_to_num(error) ** 2
        level = np.where(np.isnan(level), value, np.where(np.isnan(error), level, level + weights * error))
    return total


def _smooth(values, weight, slope):
    """Last level, sum of squares and number of one-step errors of the forecast with drift."""
    level = np.full(len(values), np.nan)
    total, n = np.zeros(len(values)), np.zeros(len(values))
    seen = np.zeros(len(values))
    for now in range(values.shape[1]):
        value = values[:, now]
        drift = 0.5 * slope * (1 - (1 - weight) ** seen) / weight
        error = value - level
        made = ~np.isnan(error)
        total += np.where(made, np.nan_to_num(error - drift) ** 2, 0.0)
        n += made
        level = np.where(np.isnan(level), value, np.where(made, level + weight * error, level))
        seen += ~np.isnan(value)
    return level, total, n


def _first_filling(values, period):
    """Straight lines across gaps plus the mean of the season about them."""
    filled = values.copy()
    missing = np.isnan(values)
    if not missing.any():
        return filled
    index = np.arange(len(values))
    line = np.interp(index, index[~missing], values[~missing])
    width = np.ones(period) if period % 2 else np.r_[0.5, np.ones(period - 1), 0.5]
    edge = len(width) // 2
    smooth = np.convolve(np.pad(line, edge, mode="edge"), width / period, mode="valid")
    season = np.nan_to_num(_cycle_means((values - smooth)[None], period)[0])
    filled[missing] = (smooth + season[index % period])[missing]
    return filled


def _variance(values, present):
    n = present.sum(axis=1)
    values = np.where(present, values, 0.0)
    mean = values.sum(axis=1) / n
    return (np.where(present, values - mean[:, None], 0.0) ** 2).sum(axis=1) / n


def _series(y: ArrayLike) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    values = np.asarray(y, dtype=float)
    if values.ndim == 0 or values.shape[-1] == 0:
        raise ValueError(f"y needs a time axis with at least one period; its shape is {values.shape}")
    if np.isinf(values).any():
        raise ValueError("y holds infinite values; give NaN for what is missing")
    return values.reshape(-1, values.shape[-1]), values.shape[:-1]


def _whole_period(period, least: int) -> int:
    if period != int(period) or period < least:
        raise ValueError(f"period must be a whole number of periods in a cycle, at least {least}, not {period}")
    return int(period)
