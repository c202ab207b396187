"""Breaks in a series: known steps (a law, a counting rule), unknown change points, and joinpoints of a rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from trends.joinpoints import Joinpoints, joinpoint
from trends.poisson_regression import fit_poisson

__all__ = ["ChangePoints", "Joinpoints", "StepModel", "change_points", "joinpoint", "step_model"]

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


@dataclass(frozen=True)
class ChangePoints:
    """Result of `change_points`, leading axes as y.

    positions (..., max_changes) first index of each new regime, NaN beyond the last; levels (..., max_changes + 1) mean
    of each regime, NaN beyond the last; llr (...) log-likelihood ratio of the chosen partition against no change, 0
    when there is none; dispersion (...) the factor by which a "poisson" ratio was divided for the choice, 1 for
    "normal".
    """

    positions: NDArray[np.float64]
    levels: NDArray[np.float64]
    llr: NDArray[np.float64]
    dispersion: NDArray[np.float64]


def change_points(
    y: ArrayLike,
    family: Literal["normal", "poisson"] = "normal",
    max_changes: int = 5,
    min_size: int = 2,
    penalty: Literal["mbic", "bic"] | float = "mbic",
) -> ChangePoints:
    """Unknown changes of the level: the exact best partition of each series into regimes of constant level.

    y            (..., t); NaN is left out, a regime then begins at its first observed period.
    family       "normal": constant unknown variance (least squares); "poisson": counts, not negative.
    max_changes  most changes looked for; min_size least observed periods of a regime.
    penalty      "mbic": modified BIC of Zhang and Siegmund (2007), 3 k log n + sum log(n_i / n), against twice the
                 log-likelihood ratio; "bic": 2 k log n. Both with the ratio times (n - 2k - 2) / n for "normal"
                 (without it short series break far too often) and divided by the dispersion between neighbours, sum of
                 squared differences over sum of neighbouring sums, when above 1, for "poisson". A number is the penalty
                 of one change on the cost itself (residual squares, or -2 log-likelihood), as in PELT.

    Segment neighbourhood by dynamic programming (Auger and Lawrence 1989; Jackson et al. 2005): exact for every number
    of changes. A linear trend looks like steps to this method: look at the trend first.
    Raises ValueError for infinite values, negative counts, or arguments out of range.
    """
    values = np.asarray(y, dtype=float)
    if values.ndim == 0 or values.shape[-1] == 0:
        raise ValueError(f"y needs a time axis with at least one period; its shape is {values.shape}")
    if np.isinf(values).any():
        raise ValueError("y holds infinite values; give NaN for what is missing")
    if family not in ("normal", "poisson"):
        raise ValueError(f'family must be "normal" or "poisson", not {family!r}')
    if family == "poisson" and (values < 0).any():
        raise ValueError("counts of family poisson must not be negative")
    if max_changes < 0 or min_size < 1:
        raise ValueError("max_changes must be at least 0 and min_size at least 1")
    kinds = {"mbic": 0, "bic": 1}
    if isinstance(penalty, str):
        if penalty not in kinds:
            raise ValueError(f'penalty must be "mbic", "bic" or a number, not {penalty!r}')
        kind, amount = kinds[penalty], 0.0
    else:
        kind, amount = 2, float(penalty)
        if not amount > 0:
            raise ValueError("a penalty given as a number must be positive")
    from trends import break_kernels

    shape = values.shape[:-1]
    positions, levels, ratio, dispersion = break_kernels.partitions(
        np.ascontiguousarray(values.reshape(-1, values.shape[-1])),
        max_changes,
        min_size,
        family == "poisson",
        kind,
        amount,
    )
    return ChangePoints(
        positions=positions.reshape(*shape, max_changes),
        levels=levels.reshape(*shape, max_changes + 1),
        llr=ratio.reshape(shape)[()],
        dispersion=dispersion.reshape(shape)[()],
    )
