"""Rank tests of trend (Mann-Kendall, Theil-Sen) and the false-discovery rate.

Both rank methods compare pairs of periods. With `strata` only pairs inside one stratum are compared: seasons make the
seasonal Kendall test of Hirsch, Slack and Smith (1982); regimes of a legal definition keep a change of the law from
being read as a trend.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

# Compiled kernels give the same bits as the plain path. Loading numba costs about a second, so it pays from here on.
PAIRS_WORTH_LOADING_NUMBA = 30_000_000
PAIRS_WORTH_CALLING_NUMBA = 50_000
PAIRS_IN_MEMORY = 4_000_000


@dataclass(frozen=True)
class MannKendall:
    """Result of `mann_kendall`; every field has the shape of the leading axes of y."""

    s: NDArray[np.float64]
    variance: NDArray[np.float64]
    z: NDArray[np.float64]
    p: NDArray[np.float64]
    tau: NDArray[np.float64]


@dataclass(frozen=True)
class TheilSen:
    """Result of `theil_sen`; every field has the shape of the leading axes of y."""

    slope: NDArray[np.float64]
    intercept: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def mann_kendall(
    y: ArrayLike, strata: ArrayLike | None = None, correction: Literal["hamed_rao"] | None = None
) -> MannKendall:
    """Mann-Kendall test of a monotonic trend, for every series at once.

    y           (..., t) values in time order; NaN is missing and is left out.
    strata      (t,) or the shape of y: labels of seasons or of definition regimes. S and its variance are summed over
                strata (Hirsch, Slack and Smith 1982); periods whose label is NaN are left out.
    correction  "hamed_rao" multiplies the variance for autocorrelation of the ranks of the detrended series at the lags
                significant at 5 % (Hamed and Rao 1998), within each stratum; gaps are closed when lags are counted.
                Where the estimated factor is not positive (strong negative autocorrelation) the variance stays
                uncorrected.

    `.s` sum of signs over pairs, `.variance` with ties [n(n-1)(2n+5) - sum t(t-1)(2t+5)] / 18, `.z` with the continuity
    correction of one, `.p` two-sided normal, `.tau` Kendall's tau-b (S over the sum of the strata's denominators). A
    constant series has S 0, p 1 and no tau; a series without a single pair is NaN throughout.
    Raises ValueError for infinite values, strata of a wrong shape or an unknown correction.
    """
    if correction not in (None, "hamed_rao"):
        raise ValueError(f'correction must be None or "hamed_rao", not {correction!r}')
    values, shape = _series(y)
    codes, n_strata = _strata_codes(strata, values.shape, shape)
    if _use_kernels(values.shape):
        from trends import rank_kernels

        s, variance_parts, denominator, pairs = rank_kernels.kendall_scores(values, codes, n_strata)
    else:
        s, variance_parts, denominator, pairs = _kendall_scores(values, codes, n_strata)
    if correction == "hamed_rao":
        slope = theil_sen(values, strata=None if strata is None else np.where(codes < 0, np.nan, codes)).slope
        variance_parts = variance_parts * _hamed_rao_factors(values, codes, n_strata, np.asarray(slope))
    variance = variance_parts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(s == 0, 0.0, (s - np.sign(s)) / np.sqrt(variance))
        tau = np.where(denominator > 0, s / denominator, np.nan)
    p = np.minimum(2.0 * special.ndtr(-np.abs(z)), 1.0)
    compared = pairs > 0
    return MannKendall(*(_shaped(np.where(compared, column, np.nan), shape) for column in (s, variance, z, p, tau)))


def theil_sen(
    y: ArrayLike, t: ArrayLike | None = None, strata: ArrayLike | None = None, level: float = 0.95
) -> TheilSen:
    """Theil-Sen slope with rank limits, for every series at once.

    y       (..., t) values; NaN is missing and is left out.
    t       (t,) times, ascending or not; 0, 1, 2, ... when left out. The slope is per unit of t.
    strata  (t,) or the shape of y: only pairs inside one stratum give slopes; they are pooled (Gilbert 1987, 17.4).
    level   confidence of the limits.

    `.slope` median of the pairwise slopes, `.intercept` median(y) - slope * median(t) (Conover 1980), `.low` and
    `.high` the slopes ranked round((N - C) / 2) and round((N + C) / 2) + 1 of N, with C = z * sqrt(Var S) and Var S
    with ties (Sen 1968); outside 1..N the extreme slopes stand. This is the convention of scipy.stats.theilslopes and
    of R's trend::sens.slope; Gilbert interpolates between ranks instead.
    Raises ValueError for infinite values, a level outside (0, 1) or shapes that do not fit.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    values, shape = _series(y)
    codes, n_strata = _strata_codes(strata, values.shape, shape)
    times = np.arange(values.shape[1], dtype=float) if t is None else np.asarray(t, dtype=float)
    if times.shape != (values.shape[1],):
        raise ValueError(f"t has shape {times.shape}; y has {values.shape[1]} periods")
    if not np.isfinite(times).all():
        raise ValueError("t holds missing or infinite times")
    if (np.diff(times) < 0).any():
        order = np.argsort(times, kind="stable")
        values, times, codes = values[:, order], times[order], codes[:, order]
    z = -float(special.ndtri((1 - level) / 2))
    if _use_kernels(values.shape):
        from trends import rank_kernels

        slope, intercept, low, high = rank_kernels.pairwise_slopes(values, times, codes, n_strata, z)
    else:
        slope, intercept, low, high = _pairwise_slopes(values, times, codes, n_strata, z)
    return TheilSen(*(_shaped(column, shape) for column in (slope, intercept, low, high)))


def false_discovery(p: ArrayLike, method: Literal["bh", "by"] = "bh", axis: int | None = None) -> NDArray[np.float64]:
    """Adjusted p-values (q) of one family: the whole array, whatever its shape, or each line along `axis`.

    "bh" Benjamini and Hochberg (1995), "by" Benjamini and Yekutieli (2001, any dependence). NaN is a test that was not
    made: it stays NaN and does not count, which scipy.stats.false_discovery_control, called here, does not know.
    Raises ValueError for p outside [0, 1].
    """
    from scipy import stats

    if method not in ("bh", "by"):
        raise ValueError(f'method must be "bh" or "by", not {method!r}')
    p = np.asarray(p, dtype=float)
    if ((p < 0) | (p > 1)).any():
        raise ValueError("p-values must lie between 0 and 1")
    if p.size == 0:
        return p.copy()
    families = p.reshape(1, -1) if axis is None else np.moveaxis(p, axis, -1).reshape(-1, p.shape[axis])
    q, made = np.full_like(families, np.nan), ~np.isnan(families)
    whole = made.all(axis=1)
    if whole.any():
        q[whole] = stats.false_discovery_control(families[whole], axis=1, method=method)
    for line in np.flatnonzero(~whole & made.any(axis=1)):
        tests = made[line]
        q[line, tests] = stats.false_discovery_control(families[line, tests], method=method)
    if axis is None:
        return q.reshape(p.shape)
    return np.moveaxis(q.reshape(np.moveaxis(p, axis, -1).shape), -1, axis)


def _series(y: ArrayLike) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """y as (series, t) and the shape of its leading axes."""
    values = np.asarray(y, dtype=float)
    if values.ndim == 0 or values.shape[-1] == 0:
        raise ValueError(f"y needs a time axis with at least one period; its shape is {values.shape}")
    if np.isinf(values).any():
        raise ValueError("y holds infinite values; give NaN for what is missing")
    return np.ascontiguousarray(values.reshape(-1, values.shape[-1])), values.shape[:-1]


def _shaped(column: NDArray[np.float64], shape: tuple[int, ...]):
    return column.reshape(shape)[()]


def _strata_codes(strata, values_shape: tuple[int, int], shape: tuple[int, ...]) -> tuple[NDArray[np.int64], int]:
    """Labels as codes 0..k-1, one row per distinct labelling (1 row when all series share it); -1 is left out."""
    periods = values_shape[1]
    if strata is None:
        return np.zeros((1, periods), dtype=np.int64), 1
    labels = np.asarray(strata)
    if labels.shape not in ((periods,), (*shape, periods)):
        raise ValueError(f"strata has shape {labels.shape}; expected ({periods},) or {(*shape, periods)}")
    known, codes = np.unique(labels, return_inverse=True)
    codes = codes.reshape(-1, periods).astype(np.int64)
    if known.dtype.kind == "f" and np.isnan(known).any():
        n_known = int((~np.isnan(known)).sum())
        codes[codes >= n_known] = -1
        return codes, max(n_known, 1)
    return codes, max(len(known), 1)


def _use_kernels(values_shape: tuple[int, int]) -> bool:
    pairs = values_shape[0] * values_shape[1] * (values_shape[1] - 1) // 2
    return pairs > (PAIRS_WORTH_CALLING_NUMBA if "numba" in sys.modules else PAIRS_WORTH_LOADING_NUMBA)


def _strata_blocks(values: NDArray[np.float64], codes: NDArray[np.int64], n_strata: int):
    """Yield (columns, block) per stratum: the periods that can belong to it and the values, NaN where they do not."""
    for code in range(n_strata):
        inside = codes == code
        columns = np.flatnonzero(inside.any(axis=0))
        yield columns, np.where(inside[:, columns], values[:, columns], np.nan)


def _kendall_scores(values, codes, n_strata):
    """S, variance by stratum, tau-b denominator and number of pairs of each series."""
    n_series = values.shape[0]
    s, denominator, pairs = np.zeros(n_series), np.zeros(n_series), np.zeros(n_series)
    variance = np.zeros((n_series, n_strata))
    for stratum, (_, block) in enumerate(_strata_blocks(values, codes, n_strata)):
        periods = block.shape[1]
        rows_at_once = max(1, PAIRS_IN_MEMORY // max(1, periods * periods))
        for start in range(0, n_series, rows_at_once):
            rows = slice(start, start + rows_at_once)
            part = block[rows]
            n = (~np.isnan(part)).sum(axis=1).astype(float)
            difference = part[:, None, :] - part[:, :, None]
            equal = (difference == 0).sum(axis=2) - 1.0  # others tied with each value; -1 where missing
            tied = np.maximum(equal, 0.0)
            later = np.triu(np.ones((periods, periods)), 1)
            s[rows] += np.nansum(np.sign(difference) * later, axis=(1, 2))
            # a group of k ties adds k(k-1)(2k+5): each of its k members (k-1)(2k+5)
            ties = (tied * (2 * tied + 7)).sum(axis=1)
            variance[rows, stratum] = (n * (n - 1) * (2 * n + 5) - ties) / 18
            all_pairs = n * (n - 1) / 2
            denominator[rows] += np.sqrt(all_pairs * (all_pairs - tied.sum(axis=1) / 2))
            pairs[rows] += all_pairs
    return s, variance, denominator, pairs


def _pairwise_slopes(values, times, codes, n_strata, z):
    """Median slope, its intercept and its rank limits for each series."""
    n_series, periods = values.shape
    first, second = np.triu_indices(periods, 1)
    apart = times[second] - times[first]
    keep = apart > 0
    first, second, apart = first[keep], second[keep], apart[keep]
    variance = _slope_variance(values, times, codes, n_strata)
    slope, low, high = (np.full(n_series, np.nan) for _ in range(3))
    rows_at_once = max(1, PAIRS_IN_MEMORY // max(1, len(apart)))
    for start in range(0, n_series, rows_at_once):
        rows = slice(start, start + rows_at_once)
        slopes = (values[rows][:, second] - values[rows][:, first]) / apart
        labels = codes if codes.shape[0] == 1 else codes[rows]
        comparable = (labels[:, first] == labels[:, second]) & (labels[:, first] >= 0)
        slopes = np.sort(np.where(comparable, slopes, np.nan), axis=1)
        n = (~np.isnan(slopes)).sum(axis=1)
        index = np.arange(len(slopes))
        some = n > 0
        last = np.maximum(n - 1, 0)
        half = z * np.sqrt(variance[rows])
        rank_low = np.clip(np.round((n - half) / 2) - 1, 0, last).astype(int)
        rank_high = np.clip(np.round((n + half) / 2), 0, last).astype(int)
        if slopes.shape[1]:
            middle = (slopes[index, last // 2] + slopes[index, np.maximum(n, 1) // 2]) / 2
            slope[rows] = np.where(some, middle, np.nan)
            low[rows] = np.where(some, slopes[index, rank_low], np.nan)
            high[rows] = np.where(some, slopes[index, rank_high], np.nan)
    used = np.where(codes < 0, np.nan, values)
    intercept = _nan_median(used) - slope * _nan_median(np.where(np.isnan(used), np.nan, times))
    return slope, intercept, low, high


def _slope_variance(values, times, codes, n_strata):
    """Variance of S as scipy.stats.theilslopes has it: ties of values and of times are both taken off."""
    variance = np.zeros(values.shape[0])
    for columns, block in _strata_blocks(values, codes, n_strata):
        present = ~np.isnan(block)
        n = present.sum(axis=1).astype(float)
        ties = np.zeros(values.shape[0])
        in_order = np.sort(block, axis=1)
        # rank within a run of equal values, counted along the sorted row: the k-th of a run adds what k ties add over
        # k-1
        run = np.zeros(values.shape[0])
        for column in range(1, block.shape[1]):
            same = in_order[:, column] == in_order[:, column - 1]
            before = np.where(same, run + 1, 0)
            k = before + 1
            ties += np.where(same, k * (k - 1) * (2 * k + 5) - (k - 1) * (k - 2) * (2 * k + 3), 0)
            run = before
        moments, members = np.unique(times[columns], return_inverse=True)
        if len(moments) < len(columns):
            counts = np.zeros((values.shape[0], len(moments)))
            np.add.at(counts.T, members, present.T.astype(float))
            ties += (counts * (counts - 1) * (2 * counts + 5)).sum(axis=1)
        variance += (n * (n - 1) * (2 * n + 5) - ties) / 18
    return np.maximum(variance, 0.0)  # taking off ties of both can overshoot


def _hamed_rao_factors(values, codes, n_strata, slope):
    """Factor on the variance of each stratum from the autocorrelation of the detrended ranks."""
    from scipy.stats import rankdata

    factors = np.ones((values.shape[0], n_strata))
    threshold = special.ndtri(0.975)
    for stratum, (columns, block) in enumerate(_strata_blocks(values, codes, n_strata)):
        periods = len(columns)
        n = (~np.isnan(block)).sum(axis=1).astype(float)
        detrended = block - (columns + 1.0) * slope[:, None]
        in_time = np.argsort(np.isnan(detrended), axis=1, kind="stable")  # gaps to the end
        detrended = np.take_along_axis(detrended, in_time, axis=1)
        ranks = rankdata(detrended, axis=1, nan_policy="omit")
        centred = np.nan_to_num(ranks - (n[:, None] + 1) / 2)
        size = 1 << (2 * periods - 1).bit_length()
        covariance = np.fft.irfft(np.abs(np.fft.rfft(centred, size, axis=1)) ** 2, size, axis=1)[:, :periods]
        lags = np.arange(1, periods)
        with np.errstate(invalid="ignore", divide="ignore"):
            correlation = np.nan_to_num(covariance[:, 1:] / covariance[:, :1])
            significant = np.abs(correlation) > (threshold / np.sqrt(n))[:, None]
            left = np.maximum(n[:, None] - lags, 0)
            weight = left * np.maximum(left - 1, 0) * np.maximum(left - 2, 0)
            total = (weight * correlation * significant).sum(axis=1)
            factor = 1 + 2 / (n * (n - 1) * (n - 2)) * total
        factors[:, stratum] = np.where((n > 2) & (factor > 0), factor, 1.0)
    return factors


def _nan_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row without NaN; NaN for an empty row. (numpy's nanmedian warns and is slow on many rows.)"""
    in_order = np.sort(values, axis=1)
    n = (~np.isnan(values)).sum(axis=1)
    index = np.arange(len(values))
    return (in_order[index, np.maximum(n - 1, 0) // 2] + in_order[index, np.minimum(n // 2, values.shape[1] - 1)]) / 2
