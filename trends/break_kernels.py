"""Compiled kernels of `trends.breaks.change_points`: exact optimal partition by dynamic programming."""

from __future__ import annotations

import numba
import numpy as np

# Reassociation is not allowed, so a minimum is the same on every machine; without NaN and signed zero it vectorises.
NO_NAN = {"nnan", "nsz"}
BLOCK = 8  # loops run over whole vectors, so that no slow remainder is left
SMALLEST_SHARE = 1e-13  # residual squares below this share of the total are rounding


@numba.njit(cache=True, error_model="numpy")
def _segment_cost(first, second, shares, start, end, poisson):
    """Residual squares of the values start..end-1, or -2 log-likelihood up to constants. The same bits as below."""
    total = first[end] - first[start]
    if poisson:
        return -2.0 * total * np.log(total / (end - start)) if total > 0 else 0.0
    return (second[end] - second[start]) - total * total * shares[end - start]


@numba.njit(cache=True, error_model="numpy", fastmath=NO_NAN)
def _square_costs(first, second, shares, start, end, count, costs):
    """Residual squares of the segments from start to end, end + 1, ...; meaningless but finite past the series."""
    ahead, squares_ahead, share = first[end:], second[end:], shares[end - start :]
    so_far, squares = first[start], second[start]
    for i in range(count):
        total = ahead[i] - so_far
        costs[i] = (squares_ahead[i] - squares) - total * total * share[i]


@numba.njit(cache=True, error_model="numpy")
def _poisson_costs(first, second, shares, start, end, count, costs):
    """The same for -2 log-likelihood."""
    for i in range(count):
        costs[i] = _segment_cost(first, second, shares, start, end + i, True)


@numba.njit(cache=True, error_model="numpy", fastmath=NO_NAN)
def _lower(best, start, end, costs, n_layers, one_layer, step, count):
    """Let a segment that begins at start lower the cost of every end; elementwise, so that the loop vectorises."""
    for layer in range(n_layers):
        base = best[layer, start] + step
        row = best[layer if one_layer else layer + 1, end : end + count]
        for i in range(count):
            value = base + costs[i]
            row[i] = value if value < row[i] else row[i]


@numba.njit(cache=True, error_model="numpy")
def _solve(sums, n, n_layers, one_layer, penalty, min_size, poisson, work):
    """best[k, end]: least cost of the first `end` values with k changes; with one_layer, of any number of changes, each
    costing `penalty`.

    `sums` are the running sums of values and squares, and one over each length; `work` the costs and `best`.
    """
    first, second, shares = sums
    costs, best = work
    best[: n_layers + 1] = np.inf
    if poisson:
        _poisson_costs(first, second, shares, 0, min_size, n - min_size + 1, best[0, min_size:])
        for start in range(min_size, n - min_size + 1):
            end = start + min_size
            _poisson_costs(first, second, shares, start, end, n - end + 1, costs)
            _lower(best, start, end, costs, n_layers, one_layer, penalty, n - end + 1)
    else:
        _square_costs(first, second, shares, 0, min_size, n - min_size + 1, best[0, min_size:])
        for start in range(min_size, n - min_size + 1):
            end = start + min_size
            count = ((n - end) // BLOCK + 1) * BLOCK
            _square_costs(first, second, shares, start, end, count, costs)
            _lower(best, start, end, costs, n_layers, one_layer, penalty, count)


@numba.njit(cache=True, error_model="numpy")
def _trace_back(best, sums, n, n_changes, min_size, poisson, cuts):
    """First positions of the regimes of the best partition with n_changes changes; the earliest one of equals."""
    first, second, shares = sums
    end = n
    for change in range(n_changes, 0, -1):
        at = change * min_size
        while (
            at < end - min_size
            and best[change - 1, at] + _segment_cost(first, second, shares, at, end, poisson) > best[change, end]
        ):
            at += 1
        cuts[change - 1] = at
        end = at


@numba.njit(cache=True, error_model="numpy")
def _trace_back_penalised(best, sums, n, penalty, min_size, most, poisson, cuts):
    """How many changes the least penalised cost has, their positions in cuts; -1 when there are more than `most`."""
    first, second, shares = sums
    end = n
    found = 0
    while best[0, end] < _segment_cost(first, second, shares, 0, end, poisson):
        at = min_size
        while (
            at < end - min_size
            and (best[0, at] + penalty) + _segment_cost(first, second, shares, at, end, poisson) > best[0, end]
        ):
            at += 1
        if found == most:
            return -1
        cuts[found] = at
        found += 1
        end = at
    cuts[:found] = cuts[:found][::-1].copy()
    return found


@numba.njit(cache=True, error_model="numpy")
def _gain(best_value, none_value, n, n_changes, poisson):
    """Twice the log-likelihood ratio against no change."""
    if poisson:
        return none_value - best_value
    floor = none_value * SMALLEST_SHARE
    return n * np.log(none_value / max(best_value, floor))


@numba.njit(cache=True, error_model="numpy")
def partitions(values, max_changes, min_size, poisson, penalty_kind, penalty):
    """Positions, levels, log-likelihood ratio and dispersion of each series' chosen partition.

    penalty_kind 0: modified BIC; 1: BIC; 2: `penalty` per change on the cost scale.
    """
    n_series, periods = values.shape
    positions = np.full((n_series, max_changes), np.nan)
    levels = np.full((n_series, max_changes + 1), np.nan)
    ratio = np.full(n_series, np.nan)
    dispersion = np.full(n_series, np.nan)
    index = np.empty(periods, dtype=np.int64)
    padded = periods + 2 * BLOCK
    first = np.zeros(padded)
    second = np.zeros(padded)
    costs = np.zeros(padded)
    shares = np.zeros(padded)  # 1 / length
    for i in range(1, padded):
        shares[i] = 1.0 / i
    best = np.empty((max_changes + 1, padded))
    sums, work = (first, second, shares), (costs, best)
    cuts = np.zeros((max_changes + 1, max(max_changes, 1)), dtype=np.int64)
    for series in range(n_series):
        n = 0
        mean = 0.0
        for i in range(periods):
            if not np.isnan(values[series, i]):
                index[n] = i
                mean += values[series, i]
                n += 1
        if n < min_size:
            continue
        mean /= n
        centre = 0.0 if poisson else mean
        for i in range(n):
            value = values[series, index[i]] - centre
            first[i + 1] = first[i] + value
            second[i + 1] = second[i] + value * value
        most = min(max_changes, n // min_size - 1)
        none_value = _segment_cost(first, second, shares, 0, n, poisson)
        if not poisson and none_value <= SMALLEST_SHARE * n * mean * mean:
            most = 0
        chosen = 0
        chosen_value = none_value
        settled = most == 0
        if penalty_kind == 2 and not settled:
            _solve(sums, n, 1, True, penalty, min_size, poisson, work)
            found = _trace_back_penalised(best, sums, n, penalty, min_size, most, poisson, cuts[most])
            if found >= 0:
                settled = True
                cuts[found, :found] = cuts[most, :found].copy()
                chosen = found
                chosen_value = best[0, n] - penalty * found
        if not settled:
            _solve(sums, n, most, False, 0.0, min_size, poisson, work)
            for change in range(1, most + 1):
                _trace_back(best, sums, n, change, min_size, poisson, cuts[change])
        phi = 1.0
        if poisson and n > 1 and first[n] > 0:
            squared = 0.0
            total = 0.0
            for i in range(1, n):
                after, before = values[series, index[i]], values[series, index[i - 1]]
                squared += (after - before) ** 2
                total += after + before
            phi = max(1.0, squared / total)
        lowest = 0.0
        for change in range(1, 0 if settled else most + 1):
            gain = _gain(best[change, n], none_value, n, change, poisson)
            if penalty_kind == 2:
                criterion = best[change, n] - none_value + penalty * change
            else:
                if poisson:
                    gain /= phi
                else:
                    left = n - 2 * change - 2
                    if left <= 0:
                        continue
                    gain *= left / n
                if penalty_kind == 1:
                    criterion = 2 * change * np.log(n) - gain
                else:
                    lengths = 0.0
                    start = 0
                    for cut in range(change + 1):
                        stop = cuts[change, cut] if cut < change else n
                        lengths += np.log((stop - start) / n)
                        start = stop
                    criterion = 3 * change * np.log(n) + lengths - gain
            if criterion < lowest:
                lowest = criterion
                chosen = change
                chosen_value = best[change, n]
        start = 0
        for cut in range(chosen + 1):
            stop = cuts[chosen, cut] if cut < chosen else n
            if cut < chosen:
                positions[series, cut] = index[stop]
            levels[series, cut] = centre + (first[stop] - first[start]) / (stop - start)
            start = stop
        ratio[series] = _gain(chosen_value, none_value, n, chosen, poisson) / 2 if chosen > 0 else 0.0
        dispersion[series] = phi
    return positions, levels, ratio, dispersion
