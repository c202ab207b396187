"""Compiled exact grid search over joinpoints for `trends.breaks.joinpoint`."""

from __future__ import annotations

import numba
import numpy as np

SMALLEST_SHARE = 1e-13  # weighted residual squares below this share of the total are rounding


@numba.njit(cache=True, error_model="numpy")
def _off_line(values, t, w, n, out):
    """Weighted residual of values after a straight line in t, times the root of the weight."""
    sw = st = sv = 0.0
    for i in range(n):
        sw += w[i]
        st += w[i] * t[i]
        sv += w[i] * values[i]
    stt = stv = 0.0
    for i in range(n):
        stt += w[i] * (t[i] - st / sw) ** 2
        stv += w[i] * (t[i] - st / sw) * values[i]
    slope = stv / stt if stt > 0 else 0.0
    for i in range(n):
        out[i] = (values[i] - sv / sw - slope * (t[i] - st / sw)) * np.sqrt(w[i])


@numba.njit(cache=True, error_model="numpy")
def _search(gram, moment, base, candidates, n_joinpoints, between, best):
    """Least residual squares over all sets of n_joinpoints candidates at least `between` + 1 apart.

    Depth first over ascending candidates; each joinpoint adds one row to a Cholesky factor, so sets share their prefix.
    """
    k = n_joinpoints
    chosen = np.zeros(k, dtype=np.int64)
    factor = np.zeros((k, k))
    part = np.zeros(k)
    left = np.empty(k + 1)
    left[0] = base
    least = np.inf
    depth = 0
    nxt = np.zeros(k + 1, dtype=np.int64)
    while depth >= 0:
        candidate = nxt[depth]
        if candidate > candidates - 1 - (k - 1 - depth) * (between + 1):
            depth -= 1
            continue
        nxt[depth] = candidate + 1
        diagonal = gram[candidate, candidate]
        value = moment[candidate]
        for row in range(depth):
            entry = gram[candidate, chosen[row]]
            for column in range(row):
                entry -= factor[depth, column] * factor[row, column]
            entry /= factor[row, row]
            factor[depth, row] = entry
            diagonal -= entry * entry
            value -= entry * part[row]
        if diagonal <= 1e-12 * gram[candidate, candidate]:
            continue
        factor[depth, depth] = np.sqrt(diagonal)
        part[depth] = value / factor[depth, depth]
        chosen[depth] = candidate
        left[depth + 1] = left[depth] - part[depth] ** 2
        if depth == k - 1:
            if left[k] < least:
                least = left[k]
                best[:k] = chosen
        else:
            depth += 1
            nxt[depth] = candidate + between + 1
    return least


@numba.njit(cache=True, error_model="numpy")
def _partial_r2(points, first, at, last, off_y, off_z, z):
    """Share of the variation off a straight line that a joinpoint at t[at] explains among the points first..last.

    `points` are their values, times and weights.
    """
    y, t, w = points
    n = last - first + 1
    for i in range(n):
        z[i] = max(t[first + i] - t[at], 0.0)
    _off_line(y[first:], t[first:], w[first:], n, off_y)
    _off_line(z, t[first:], w[first:], n, off_z)
    yy = zz = yz = 0.0
    for i in range(n):
        yy += off_y[i] * off_y[i]
        zz += off_z[i] * off_z[i]
        yz += off_y[i] * off_z[i]
    return yz * yz / (yy * zz) if yy > 0 and zz > 0 else 0.0


@numba.njit(cache=True, error_model="numpy")
def grid_search(log_rate, weight, times, max_joinpoints, ends, between, criterion_kind):
    """Criterion of 0..max_joinpoints joinpoints and the best joinpoints (indices into times) of each number.

    NaN in log_rate is left out. criterion_kind 0: weighted BIC, 1: BIC, 2: BIC3.
    """
    n_series, periods = log_rate.shape
    criteria = np.full((n_series, max_joinpoints + 1), np.nan)
    places = np.full((n_series, max_joinpoints + 1, max(max_joinpoints, 1)), -1, dtype=np.int64)
    index = np.empty(periods, dtype=np.int64)
    y, t, w = np.empty(periods), np.empty(periods), np.empty(periods)
    z, off_z = np.empty(periods), np.empty(periods)
    off_y = np.empty(periods)
    local_y = np.empty(periods)
    basis = np.empty((periods, periods))
    gram = np.empty((periods, periods))
    moment = np.empty(periods)
    best = np.zeros(max(max_joinpoints, 1), dtype=np.int64)
    for series in range(n_series):
        n = 0
        for i in range(periods):
            if not np.isnan(log_rate[series, i]):
                index[n] = i
                y[n] = log_rate[series, i]
                w[n] = weight[series, i]
                t[n] = times[i]
                n += 1
        if n < 3:
            continue
        _off_line(y, t, w, n, off_y)
        base = 0.0
        total = 0.0
        for i in range(n):
            base += off_y[i] * off_y[i]
            total += w[i] * y[i] * y[i]
        floor = max(SMALLEST_SHARE * total, 1e-300)
        criteria[series, 0] = np.log(max(base, floor) / n) + 2 * np.log(n) / n
        candidates = n - 2 * ends
        most = min(max_joinpoints, (n - 2) // 5)
        if candidates < 1 or base <= floor:
            continue
        for c in range(candidates):
            for i in range(n):
                z[i] = max(t[i] - t[ends + c], 0.0)
            _off_line(z, t, w, n, basis[c])
        for c in range(candidates):
            value = 0.0
            for i in range(n):
                value += basis[c, i] * off_y[i]
            moment[c] = value
            for d in range(c + 1):
                value = 0.0
                for i in range(n):
                    value += basis[c, i] * basis[d, i]
                gram[c, d] = value
                gram[d, c] = value
        for k in range(1, most + 1):
            if candidates < (k - 1) * (between + 1) + 1:
                break
            left = _search(gram, moment, base, candidates, k, between, best)
            if not left < np.inf:
                break
            strongest = 0.0
            if criterion_kind == 0:
                for j in range(k):
                    first = ends + best[j - 1] + 1 if j > 0 else 0
                    last = ends + best[j + 1] if j < k - 1 else n - 1
                    share = _partial_r2((y, t, w), first, ends + best[j], last, local_y, off_z, z)
                    strongest = max(strongest, share)
            elif criterion_kind == 2:
                strongest = 1.0
            criteria[series, k] = np.log(max(left, floor) / n) + ((2 + strongest) * k + 2) * np.log(n) / n
            for j in range(k):
                places[series, k, j] = index[ends + best[j]]
    return criteria, places
