"""Breaks in a series: known steps (a law, a counting rule), unknown change points, and joinpoints of a rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from trends.poisson_regression import fit_poisson

# log-scale standard errors (before dispersion) beyond this mean that a regime holds no count above zero
ENDLESS_STANDARD_ERROR = 50.0


@dataclass(frozen=True)
class StepModel:
    """Result of `step_model`. Ratios; steps on the last axis when `steps` is a sequence, else without that axis."""

    effect: NDArray[np.float64]
    effect_low: NDArray[np.float64]
    effect_high: NDArray[np.float64]
    effect_p: NDArray[np.float64]
    trend: NDArray[np.float64]
    trend_low: NDArray[np.float64]
    trend_high: NDArray[np.float64]
    trend_p: NDArray[np.float64]
    dispersion: NDArray[np.float64]


def step_model(
    counts: ArrayLike,
    steps: ArrayLike,
    period: float,
    exposure: ArrayLike | None = None,
    seasonal: bool = False,
    level: float = 0.95,
) -> StepModel:
    """Trend of counts with known steps: log-linear quasi-Poisson, every series at once.

    log E[count] = log exposure + a + b * (years since the start) + sum of c_k * [index >= step_k]  (+ seasons)

    counts    (..., t), not negative; NaN is left out.
    steps     first index of each new regime: one index, (k,) for all series, or (..., k) by series, NaN for none.
    period    periods a year (12 for months, 1 for years).
    exposure  (..., t) or (t,) denominators, positive; without it, counts themselves are modelled.
    seasonal  adds a level for each period of the year (period must then be a whole number above 1).
    level     confidence of the limits.

    `.effect` exp(c_k), the ratio of the level after a step to the level before it; `.trend` exp(b), the ratio a year
    with the steps held out; limits from Student's t with the Pearson dispersion, as R's summary of a quasi-Poisson glm
    (McCullagh and Nelder 1989, 6.2); `_p` two-sided. A step that the observed periods cannot tell from the rest (none
    on one side of it, or none between two steps) is NaN and left out of the model; a step from or to a regime without
    any count is infinite or 0 with limits 0 and infinity, and no p; fewer observed periods than
    coefficients plus one make everything NaN.
    Raises ValueError for negative counts, shapes that do not fit, or an impossible period.
    """
    counts = np.asarray(counts, dtype=float)
    if counts.ndim == 0:
        raise ValueError("counts needs a time axis")
    if (counts < 0).any() or np.isinf(counts).any():
        raise ValueError("counts must be finite and not negative; give NaN for what is missing")
    if not period > 0:
        raise ValueError(f"period is the number of periods a year and must be positive, not {period}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    shape, periods = counts.shape[:-1], counts.shape[-1]
    series = counts.reshape(-1, periods)
    steps = np.asarray(steps, dtype=float)
    one_step = steps.ndim == 0
    starts = np.broadcast_to(np.atleast_1d(steps), (*shape, np.atleast_1d(steps).shape[-1])).reshape(len(series), -1)
    n_steps = starts.shape[1]

    index = np.arange(periods)
    after = (index[None, :, None] >= starts[:, None, :]).astype(float)  # NaN compares false: an empty column
    years = np.broadcast_to((index / period)[None, :, None], (len(series), periods, 1))
    columns = [np.ones_like(years), years, after]
    if seasonal:
        if period != int(period) or period < 2:
            raise ValueError(f"a seasonal model needs a whole number of periods a year above 1, not {period}")
        season = (index[:, None] % int(period) == np.arange(1, int(period))).astype(float)
        columns.append(np.broadcast_to(season, (len(series), *season.shape)))
    offset = None
    if exposure is not None:
        exposure = np.broadcast_to(np.asarray(exposure, dtype=float), counts.shape).reshape(series.shape)
        if (exposure <= 0).any():
            raise ValueError("exposure must be positive; give NaN where it is not known")
        offset = np.log(exposure)

    fit = fit_poisson(series, np.concatenate(columns, axis=2), offset=offset)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        estimate = np.where(fit.aliased | ~(fit.degrees > 0)[:, None], np.nan, fit.coefficients)[:, 1 : 2 + n_steps]
        error = np.sqrt(np.diagonal(fit.covariance, axis1=1, axis2=2)[:, 1 : 2 + n_steps])
        endless = error > ENDLESS_STANDARD_ERROR
        estimate = np.where(endless, np.copysign(np.inf, estimate), estimate)
        spread = np.where(endless, np.inf, error * np.sqrt(fit.dispersion)[:, None])
        degrees = np.where(fit.degrees > 0, fit.degrees, np.nan)[:, None]
        half = special.stdtrit(degrees, (1 + level) / 2) * spread
        p = np.where(endless, np.nan, 2 * special.stdtr(degrees, -np.abs(estimate / spread)))
        ratio = np.exp(estimate)
        low = np.where(endless, 0.0, np.exp(estimate - half))
        high = np.where(endless, np.inf, np.exp(estimate + half))

    def trend_of(values):
        return values[:, 0].reshape(shape)[()]

    def effect_of(values):
        return (values[:, 1].reshape(shape) if one_step else values[:, 1:].reshape(*shape, n_steps))[()]

    return StepModel(
        effect=effect_of(ratio),
        effect_low=effect_of(low),
        effect_high=effect_of(high),
        effect_p=effect_of(p),
        trend=trend_of(ratio),
        trend_low=trend_of(low),
        trend_high=trend_of(high),
        trend_p=trend_of(p),
        dispersion=fit.dispersion.reshape(shape)[()],
    )
