"""Compiled kernels of the rank methods in `trends.tests`; they give the same bits as the plain paths there.

The slopes of a series are made lag by lag (contiguous, so the compiler vectorises them). The median and the two limits
lie close together in rank, so a small sample brackets them, one pass keeps what is inside the bracket, a histogram of
that part leads to the bucket of each wanted rank, and only that bucket is searched. When a bracket misses a wanted
rank, all slopes are sorted.
"""

from __future__ import annotations

import numba
import numpy as np

SAMPLE = 128
BUCKETS = 256


@numba.njit(cache=True, error_model="numpy")
def _gather(row, times, labels, stratum, values_out, times_out):
    """Present values of one stratum, in time order; how many there are."""
    n = 0
    for i in range(row.size):
        if labels[i] == stratum and not np.isnan(row[i]):
            values_out[n] = row[i]
            times_out[n] = times[i]
            n += 1
    return n


@numba.njit(cache=True, error_model="numpy")
def _tie_sums(in_order, n):
    """Sum over tie groups of k(k-1)(2k+5) and of k(k-1)/2, for sorted values."""
    variance_ties = 0.0
    pair_ties = 0.0
    k = 1.0
    for i in range(1, n + 1):
        if i < n and in_order[i] == in_order[i - 1]:
            k += 1.0
        else:
            variance_ties += k * (k - 1) * (2 * k + 5)
            pair_ties += k * (k - 1) / 2
            k = 1.0
    return variance_ties, pair_ties


@numba.njit(cache=True, error_model="numpy")
def kendall_scores(values, codes, n_strata):
    """S, variance by stratum, tau-b denominator and number of pairs of each series."""
    n_series, periods = values.shape
    s = np.zeros(n_series)
    variance = np.zeros((n_series, n_strata))
    denominator = np.zeros(n_series)
    pairs = np.zeros(n_series)
    times = np.zeros(periods)
    block = np.empty(periods)
    block_times = np.empty(periods)
    for series in range(n_series):
        labels = codes[series if codes.shape[0] > 1 else 0]
        for stratum in range(n_strata):
            n = _gather(values[series], times, labels, stratum, block, block_times)
            if n < 2:
                continue
            score = 0
            for i in range(n - 1):
                here = block[i]
                for j in range(i + 1, n):
                    score += np.int32(block[j] > here) - np.int32(block[j] < here)
            s[series] += score
            block[:n].sort()
            variance_ties, pair_ties = _tie_sums(block, n)
            all_pairs = n * (n - 1) / 2
            variance[series, stratum] = (n * (n - 1.0) * (2 * n + 5) - variance_ties) / 18
            denominator[series] += np.sqrt(all_pairs * (all_pairs - pair_ties))
            pairs[series] += all_pairs
    return s, variance, denominator, pairs


@numba.njit(cache=True, error_model="numpy")
def _select(slopes, n, ranks, kept, bucket_of, part, counts):
    """Values at the four ascending 0-based ranks among the first n slopes; slopes may be reordered."""
    found = np.empty(4)
    if n > 8 * SAMPLE:
        step = n // SAMPLE
        sample = part[:SAMPLE]
        for i in range(SAMPLE):
            sample[i] = slopes[i * step + (i * 7919) % step]
        # three standard errors of a sampled quantile on either side
        margin = int(1.5 * np.sqrt(SAMPLE)) + 1
        first = int(ranks[0] / n * SAMPLE) - margin
        last = int(ranks[3] / n * SAMPLE) + margin
        if first >= 0 and last < SAMPLE:
            low = _quickselect(sample, 0, SAMPLE - 1, first)
            high = _quickselect(sample, first, SAMPLE - 1, last)
        else:
            low = np.min(slopes[:n])
            high = np.max(slopes[:n])
        below = 0
        inside = 0
        for i in range(n):
            value = slopes[i]
            kept[inside] = value
            below += np.int64(value < low)
            inside += np.int64((value >= low) & (value <= high))
        bracketed = below <= ranks[0] and ranks[3] < below + inside
        if bracketed and low == high:
            found[:] = low
            return found
        scale = BUCKETS / (high - low)
        if bracketed and scale < np.inf:
            counts[:] = 0
            for i in range(inside):
                # rounding keeps the order of values, so the buckets are in order too
                bucket = np.int32(min((kept[i] - low) * scale, BUCKETS - 1.0))
                bucket_of[i] = bucket
                counts[bucket] += 1
            wanted_bucket = -1
            size = 0
            bucket = 0
            before = 0
            for k in range(4):
                rank = ranks[k] - below
                while before + counts[bucket] <= rank:
                    before += counts[bucket]
                    bucket += 1
                if bucket != wanted_bucket:
                    wanted_bucket = bucket
                    size = 0
                    for i in range(inside):
                        part[size] = kept[i]
                        size += np.int64(bucket_of[i] == bucket)
                found[k] = _quickselect(part, 0, size - 1, rank - before)
            return found
    slopes[:n].sort()
    for k in range(4):
        found[k] = slopes[ranks[k]]
    return found


@numba.njit(cache=True, error_model="numpy")
def _quickselect(values, low, high, wanted):
    """The element of rank `wanted` (Hoare's partition); afterwards smaller ones stand left of it, larger ones right."""
    while low < high:
        middle = (low + high) >> 1
        a, b, c = values[low], values[middle], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i = low
        j = high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            return values[wanted]
    return values[wanted]


@numba.njit(cache=True, error_model="numpy")
def _middle(in_order, n):
    return (in_order[(n - 1) // 2] + in_order[n // 2]) / 2


@numba.njit(cache=True, error_model="numpy")
def pairwise_slopes(values, times, codes, n_strata, z):
    """Median slope, its intercept and its rank limits for each series; `times` ascending."""
    n_series, periods = values.shape
    most = periods * (periods - 1) // 2
    slopes = np.empty(most + 1)
    kept = np.empty(most + 2)
    part = np.empty(max(most + 2, SAMPLE))
    bucket_of = np.empty(most + 2, dtype=np.int32)
    counts = np.empty(BUCKETS, dtype=np.int32)
    block = np.empty(periods)
    block_times = np.empty(periods)
    ranks = np.empty(4, dtype=np.int64)
    slope = np.full(n_series, np.nan)
    intercept = np.full(n_series, np.nan)
    low = np.full(n_series, np.nan)
    high = np.full(n_series, np.nan)
    tied_times = False
    for i in range(1, periods):
        if times[i] == times[i - 1]:
            tied_times = True
    for series in range(n_series):
        labels = codes[series if codes.shape[0] > 1 else 0]
        n_slopes = 0
        n = 0
        variance = 0.0
        for stratum in range(n_strata):
            n = _gather(values[series], times, labels, stratum, block, block_times)
            if n < 2:
                continue
            if tied_times:
                for i in range(n - 1):
                    for j in range(i + 1, n):
                        apart = block_times[j] - block_times[i]
                        if apart > 0:
                            slopes[n_slopes] = (block[j] - block[i]) / apart
                            n_slopes += 1
            else:
                for lag in range(1, n):
                    for i in range(n - lag):
                        slopes[n_slopes + i] = (block[i + lag] - block[i]) / (block_times[i + lag] - block_times[i])
                    n_slopes += n - lag
            block[:n].sort()
            value_ties, _ = _tie_sums(block, n)
            time_ties, _ = _tie_sums(block_times, n)
            variance += (n * (n - 1.0) * (2 * n + 5) - value_ties - time_ties) / 18
        if n_slopes == 0:
            continue
        half = z * np.sqrt(max(variance, 0.0))
        rank_low = min(max(int(np.round((n_slopes - half) / 2)) - 1, 0), n_slopes - 1)
        rank_high = min(max(int(np.round((n_slopes + half) / 2)), 0), n_slopes - 1)
        ranks[0] = min(rank_low, (n_slopes - 1) // 2)
        ranks[1] = (n_slopes - 1) // 2
        ranks[2] = n_slopes // 2
        ranks[3] = max(rank_high, n_slopes // 2)
        found = _select(slopes, n_slopes, ranks, kept, bucket_of, part, counts)
        slope[series] = (found[1] + found[2]) / 2
        if n_strata == 1:
            n_used = n
        else:
            n_used = 0
            for i in range(periods):
                if labels[i] >= 0 and not np.isnan(values[series, i]):
                    block[n_used] = values[series, i]
                    block_times[n_used] = times[i]
                    n_used += 1
            block[:n_used].sort()
        intercept[series] = _middle(block, n_used) - slope[series] * _middle(block_times, n_used)
        low[series] = found[0]
        high[series] = found[3]
    return slope, intercept, low, high
