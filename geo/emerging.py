"""Emerging hot spots: how the hot and cold periods of each area, and the trend of its scores, fit together."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

EMERGING_TEXT = "ArcGIS Pro 3.x, How Emerging Hot Spot Analysis works: pattern definitions"
"""The text whose definitions are followed. Older ones called an area Sporadic without a hot final step."""
MIN_PERIODS = 10
"""Fewest assessed periods of an area that is classified."""

PATTERNS = (
    "New",
    "Consecutive",
    "Intensifying",
    "Persistent",
    "Diminishing",
    "Sporadic",
    "Oscillating",
    "Historical",
)
CATEGORIES = (
    *(f"{pattern} Hot Spot" for pattern in PATTERNS),
    *(f"{pattern} Cold Spot" for pattern in PATTERNS),
    "No Pattern Detected",
)
TOO_SHORT, NOT_ASSESSED = "too_short", "not_assessed"


def emerging(z: ArrayLike, alpha: float = 0.05, min_periods: int = MIN_PERIODS) -> NDArray[np.str_]:
    """The category, one of 17, of every area from its Getis-Ord scores `z` (n, t), oldest period first.

    A period is hot when z is at or above, cold when at or below minus, the two-sided normal quantile of `alpha`. The
    trend is Mann-Kendall on z (ties corrected, no continuity correction beyond the usual one of S), two-sided at
    `alpha`. The definitions of `EMERGING_TEXT`, first that fits in its order, hot before cold:

    - New: hot in the final period and never before. Consecutive: one final run of two or more hot periods, never hot
      before it, under 90 % of periods hot.
    - Intensifying, Persistent, Diminishing: at least 90 % hot including the final period, and z rising, without trend,
      falling.
    - Sporadic: hot in the final period and on and off before, under 90 % hot, never cold. Oscillating: hot in the final
      period, cold in an earlier one, under 90 % hot.
    - Historical: at least 90 % hot, but not the final period.

    The text does not settle whether an area with a cold past and one final hot period (or one final hot run) is New
    (Consecutive) or Oscillating; as its definitions of New and Consecutive ask only for no earlier hot period, these
    go first here. Periods with NaN do not count; an area with fewer than `min_periods` assessed ones is `too_short`,
    one without a score in the final period `not_assessed`.
    """
    scores = np.asarray(z, dtype=float)
    if scores.ndim != 2:
        raise ValueError(f"z must be (areas, periods), not of shape {scores.shape}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")
    names = np.full(scores.shape[0], CATEGORIES[-1], dtype="<U32")
    periods = np.sum(~np.isnan(scores), axis=1)
    if scores.shape[1] == 0:
        return np.full(scores.shape[0], TOO_SHORT, dtype="<U32")
    limit = -special.ndtri(alpha / 2)
    trend = _trend_sign(scores, alpha)
    for kind, sign in (("Cold", -1.0), ("Hot", 1.0)):
        hot, cold = sign * scores >= limit, sign * scores <= -limit
        for pattern, fits in _patterns(hot, cold, _hot_runs(hot, scores), periods, sign * trend):
            names[fits] = f"{pattern} {kind} Spot"
    names[np.isnan(scores[:, -1])] = NOT_ASSESSED
    names[periods < min_periods] = TOO_SHORT
    return names


def _hot_runs(hot: NDArray[np.bool_], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of runs of hot periods in each row; a period without a score neither ends nor begins one."""
    steps = np.arange(scores.shape[1])
    last_known = np.maximum.accumulate(np.where(np.isnan(scores), -1, steps), axis=1)
    state = np.take_along_axis(hot, np.maximum(last_known, 0), axis=1) & (last_known >= 0)
    return np.sum(state[:, 1:] & ~state[:, :-1], axis=1) + state[:, 0]


def _patterns(hot, cold, runs, periods, trend):
    """Masks of the areas that fit each pattern; exclusive of each other by construction."""
    times = hot.sum(axis=1)
    now = hot[:, -1]
    often = 10 * times >= 9 * periods
    first = now & (times == 1)
    # hot now and only one run: there was no hot period before it
    consecutive = now & (times >= 2) & (runs == 1) & ~often
    on_and_off = now & (times >= 2) & (runs > 1) & ~often
    ever_cold = cold.any(axis=1)
    yield "New", first
    yield "Consecutive", consecutive
    yield "Intensifying", now & often & (times > 1) & (trend > 0)
    yield "Persistent", now & often & (times > 1) & (trend == 0)
    yield "Diminishing", now & often & (times > 1) & (trend < 0)
    yield "Sporadic", on_and_off & ~ever_cold
    yield "Oscillating", on_and_off & ever_cold
    yield "Historical", ~now & often & (times > 0)


def _trend_sign(scores: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Sign of a significant Mann-Kendall trend of each row, 0 without one; NaN steps are left out."""
    n, t = scores.shape
    s = np.zeros(n)
    for lag in range(1, t):
        s += np.nansum(np.sign(scores[:, lag:] - scores[:, :-lag]), axis=1)
    number = np.sum(~np.isnan(scores), axis=1)
    ordered = np.sort(scores, axis=1)
    # sum of g(g-1)(2g+5) over groups of g equal values: the r-th member of its group adds the growth from r-1 to r
    rank = np.ones(n)
    ties = np.zeros(n)
    for step in range(1, t):
        rank = np.where(ordered[:, step] == ordered[:, step - 1], rank + 1, 1.0)
        ties += rank * (rank - 1) * (2 * rank + 5) - (rank - 1) * (rank - 2) * (2 * rank + 3)
    variance = (number * (number - 1) * (2 * number + 5) - ties) / 18
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(variance > 0, (s - np.sign(s)) / np.sqrt(variance), 0.0)
    return np.sign(s) * (2 * special.ndtr(-np.abs(z)) < alpha)
