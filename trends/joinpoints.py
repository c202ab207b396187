"""Joinpoint regression: connected straight lines through the log of a rate (public as `trends.breaks.joinpoint`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


@dataclass(frozen=True)
class Joinpoints:
    """Result of `joinpoint`, leading axes as counts. Percent a year; NaN beyond the last joinpoint or segment.

    years (..., max_joinpoints); apc, apc_low, apc_high (..., max_joinpoints + 1) annual percent change of each segment;
    aapc, aapc_low, aapc_high (...) the average over the whole series; bic (...) criterion of the chosen model; criteria
    (..., max_joinpoints + 1) criterion of each number of joinpoints, NaN where the series is too short; fitted
    (..., t).
    """

    years: NDArray[np.float64]
    apc: NDArray[np.float64]
    apc_low: NDArray[np.float64]
    apc_high: NDArray[np.float64]
    aapc: NDArray[np.float64]
    aapc_low: NDArray[np.float64]
    aapc_high: NDArray[np.float64]
    bic: NDArray[np.float64]
    criteria: NDArray[np.float64]
    fitted: NDArray[np.float64]


def joinpoint(
    counts: ArrayLike,
    exposure: ArrayLike,
    max_joinpoints: int = 3,
    years: ArrayLike | None = None,
    criterion: Literal["wbic", "bic", "bic3"] = "wbic",
    level: float = 0.95,
) -> Joinpoints:
    """Joinpoint regression of a rate: connected straight lines on the log scale, bends found by exact grid search.

    counts          (..., t) events, not negative; NaN is left out. A zero count enters as half an event.
    exposure        (..., t) or (t,) or a number: population or person-years; zero or NaN leaves a period out.
    max_joinpoints  most bends looked for; a series of n periods gets at most (n - 2) // 5 (7 for one, 12 for two, ...).
    years           (t,) ascending; the index 0, 1, 2, ... when left out. Changes are per unit of years.
    criterion       "wbic" weighted BIC of Kim, Chen et al. (2022), the default of Joinpoint 5; "bic"; "bic3".
    level           confidence of the limits.

    Weighted least squares on log(count / exposure) with the counts as weights (Poisson variance), joinpoints at
    observed years, two observed years kept at either end and between joinpoints (Kim, Fay and Feuer 2000; Lerman 1980).
    APC = 100 (exp(slope) - 1) with Student limits on n - 2(k + 1) degrees; AAPC weights slopes by segment length, with
    normal limits, Student when there is no joinpoint (Clegg et al. 2009). Limits are conditional on the joinpoints.
    Raises ValueError for negative counts or exposure, shapes that do not fit, or years not ascending.
    """
    counts = np.asarray(counts, dtype=float)
    if counts.ndim == 0:
        raise ValueError("counts needs a time axis")
    if (counts < 0).any() or np.isinf(counts).any():
        raise ValueError("counts must be finite and not negative; give NaN for what is missing")
    exposure = np.broadcast_to(np.asarray(exposure, dtype=float), counts.shape)
    if (exposure < 0).any() or np.isinf(exposure).any():
        raise ValueError("exposure must be finite and not negative")
    kinds = {"wbic": 0, "bic": 1, "bic3": 2}
    if criterion not in kinds:
        raise ValueError(f'criterion must be "wbic", "bic" or "bic3", not {criterion!r}')
    if max_joinpoints < 0 or not 0 < level < 1:
        raise ValueError("max_joinpoints must be at least 0 and level between 0 and 1")
    shape, periods = counts.shape[:-1], counts.shape[-1]
    times = np.arange(periods, dtype=float) if years is None else np.asarray(years, dtype=float)
    if times.shape != (periods,) or not (np.diff(times) > 0).all():
        raise ValueError(f"years must be {periods} ascending numbers")
    from trends import joinpoint_kernels

    known = (~np.isnan(counts) & (exposure > 0)).reshape(-1, periods)
    events = np.where(counts == 0, 0.5, counts).reshape(-1, periods)
    weight = np.where(known, events, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_rate = np.where(known, np.log(events / exposure.reshape(-1, periods)), np.nan)
    criteria, places = joinpoint_kernels.grid_search(log_rate, weight, times, max_joinpoints, 2, 2, kinds[criterion])
    number = np.argmin(np.where(np.isnan(criteria), np.inf, criteria), axis=1)
    rows = np.arange(len(weight))
    chosen = places[rows, number][:, :max_joinpoints]
    bends = np.where(chosen >= 0, times[np.maximum(chosen, 0)], np.nan)

    n = known.sum(axis=1)
    enough = n >= 3
    start, stop = _extremes(np.where(known, times, np.nan))
    beta, inverse, predicted = _connected_lines(
        log_rate, weight, times - start[:, None], bends - start[:, None], enough
    )
    degrees = n - 2.0 * (number + 1)
    residual = np.where(known, log_rate - predicted, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(degrees > 0, (weight * residual**2).sum(axis=1) / degrees, np.nan)
        student = special.stdtrit(np.where(degrees > 0, degrees, np.nan), (1 + level) / 2)
    covariance = inverse * variance[:, None, None]

    # slope of each segment = first slope + the changes before it
    segments = np.arange(max_joinpoints + 1)
    to_slopes = np.zeros((max_joinpoints + 1, max_joinpoints + 2))
    to_slopes[:, 1] = 1
    to_slopes[:, 2:] = segments[:, None] > np.arange(max_joinpoints)
    slopes = beta @ to_slopes.T
    half = student[:, None] * np.sqrt(np.einsum("kp,spq,kq->sk", to_slopes, covariance, to_slopes))
    exists = (segments <= number[:, None]) & enough[:, None]

    edges = np.concatenate([start[:, None], np.where(np.isnan(bends), stop[:, None], bends), stop[:, None]], axis=1)
    share = np.diff(edges, axis=1) / (stop - start)[:, None]
    average = (share * slopes).sum(axis=1)
    along = share @ to_slopes
    reach = np.where(number == 0, student, special.ndtri((1 + level) / 2))
    average_half = reach * np.sqrt(np.einsum("sp,spq,sq->s", along, covariance, along))

    def percent(log_ratio, where):
        return np.where(where, 100 * np.expm1(log_ratio), np.nan)

    def by_segment(values):
        return values.reshape(*shape, max_joinpoints + 1)

    def whole(values):
        return values.reshape(shape)[()]

    return Joinpoints(
        years=bends.reshape(*shape, max_joinpoints),
        apc=by_segment(percent(slopes, exists)),
        apc_low=by_segment(percent(slopes - half, exists)),
        apc_high=by_segment(percent(slopes + half, exists)),
        aapc=whole(percent(average, enough)),
        aapc_low=whole(percent(average - average_half, enough)),
        aapc_high=whole(percent(average + average_half, enough)),
        bic=whole(criteria[rows, number]),
        criteria=by_segment(criteria),
        fitted=np.where(known & enough[:, None], np.exp(predicted), np.nan).reshape(counts.shape),
    )


def _connected_lines(log_rate, weight, times, bends, enough):
    """Weighted least squares of level, slope and one change of slope per bend, all series at once.

    Returns coefficients (s, 2 + bends), inverse Gram matrix and the fitted log rate; unused columns are 0.
    """
    n_series, periods = log_rate.shape
    change = np.nan_to_num(np.maximum(times[:, :, None] - bends[:, None, :], 0.0))
    design = np.concatenate([np.ones((n_series, periods, 1)), times[:, :, None], change], axis=2)
    unused = np.concatenate([np.zeros((n_series, 2), dtype=bool), np.isnan(bends)], axis=1) | ~enough[:, None]
    design = np.where(unused[:, None, :], 0.0, design)
    weighted = np.swapaxes(design * weight[:, :, None], 1, 2)
    inverse = np.linalg.inv(weighted @ design + np.where(unused[:, :, None], np.eye(design.shape[2]), 0.0))
    inverse = np.where(unused[:, :, None] | unused[:, None, :], 0.0, inverse)
    beta = (inverse @ (weighted @ np.nan_to_num(log_rate)[:, :, None]))[:, :, 0]
    return beta, inverse, np.einsum("stp,sp->st", design, beta)


def _extremes(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and largest of each row without NaN; 0 and 1 for an empty row, which no result shows."""
    empty = np.isnan(values).all(axis=1)
    low = np.where(np.isnan(values), np.inf, values).min(axis=1)
    high = np.where(np.isnan(values), -np.inf, values).max(axis=1)
    return np.where(empty, 0.0, low), np.where(empty | (high <= low), np.where(empty, 0.0, low) + 1.0, high)
