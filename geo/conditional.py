"""Conditional moments of local sums, map by map: the inner loops of Getis-Ord and local Moran.

Everything is laid out map first, (maps, areas), so that the values of one map lie side by side. `indptr`, `indices` and
`data` are the sparse weights. What is drawn when the others are shuffled: with M other values of mean m, central second
and third moment s2 and m3, a sum of weights w has mean m sum(w), variance s2 M/(M-1) (sum(w^2) - sum(w)^2/M) and third
central moment m3 M^2/((M-1)(M-2)) (sum(w^3) - 3 sum(w) sum(w^2)/M + 2 sum(w)^3/M^2): exact, and for equal weights the
moments of k values drawn without replacement.
"""

import numpy as np
from numba import njit
from scipy import special

from geo.pearson_tail import inside, normal_deviate, normal_tail

ASSESSED, MISSING, FEW_AREAS, NO_NEIGHBOURS, FEW_REPORT, FEW_EXPECTED, NO_VARIATION = range(7)
NO_COUNTS, EVEN_COUNTS, GIVEN_COUNTS = range(3)
"""How a neighbourhood's expected count is known: not at all, the map's mean an area, or given area by area."""


def pearson_upper_tail(z, skewness):
    """P(Z >= z) of a standardised Pearson III (shifted gamma) variable, by scipy; normal where skewness vanishes."""
    shape = 4 / np.maximum(np.square(skewness), 1e-12)
    at = np.maximum(shape * (1 + np.asarray(z) * skewness / 2), 0.0)
    tail = np.where(np.asarray(skewness) > 0, special.gammaincc(shape, at), special.gammainc(shape, at))
    return np.where(np.abs(skewness) < 1e-6, special.ndtr(-np.asarray(z)), tail)


@njit(cache=True, error_model="numpy")
def totals(cells):
    """Number of values, their mean, and the sums of squared and cubed deviations from it, of one or more maps."""
    number, mean = 0, 0.0
    for one in cells:
        for value in one:
            known = value == value
            number += known
            mean += value if known else 0.0
    mean /= number
    second, third = 0.0, 0.0
    for one in cells:
        for value in one:
            gap = value - mean if value == value else 0.0
            second += gap * gap
            third += gap * gap * gap
    return float(number), mean, second, third


@njit(cache=True, error_model="numpy")
def whole_numbers(cells):
    """Whether all known values are whole, and the least of them."""
    least = np.inf
    for one in cells:
        for value in one:
            if value != np.floor(value) and value == value:
                return False, least
            least = min(least, value) if value == value else least
    return True, least


@njit(cache=True, error_model="numpy")
def sums_of_weights(indptr, data, w1, w2, w3, largest):
    """Sum of weights, of their squares and cubes, and the largest one, of each row."""
    for i in range(len(indptr) - 1):
        a, b, c, most = 0.0, 0.0, 0.0, 0.0
        for at in range(indptr[i], indptr[i + 1]):
            w = data[at]
            a += w
            b += w * w
            c += w * w * w
            most = max(most, w)
        w1[i], w2[i], w3[i], largest[i] = a, b, c, most


@njit(cache=True, error_model="numpy")
def _reporting_weights(indptr, indices, data, cells, w1, w2, w3, near):
    """Like `sums_of_weights`, over neighbours that report on this map; `near` their number."""
    for i in range(len(indptr) - 1):
        a, b, c, count = 0.0, 0.0, 0.0, 0.0
        for at in range(indptr[i], indptr[i + 1]):
            known = 1.0 if cells[indices[at]] == cells[indices[at]] else 0.0
            w = data[at] * known
            a += w
            b += w * w
            c += w * w * w
            count += known
        w1[i], w2[i], w3[i], near[i] = a, b, c, count


@njit(cache=True, error_model="numpy")
def _lag(indptr, indices, data, values, unweighted, out):
    if unweighted:
        for i in range(len(out)):
            total = 0.0
            for at in range(indptr[i], indptr[i + 1]):
                total += values[indices[at]]
            out[i] = total
    else:
        for i in range(len(out)):
            total = 0.0
            for at in range(indptr[i], indptr[i + 1]):
                total += data[at] * values[indices[at]]
            out[i] = total


@njit(cache=True, error_model="numpy")
def _scores(d, near, w1, w2, w3, own, number, second, third, star, half, z, at, beyond, skewness):
    """Textbook score, and the conditional ones of the sum less and plus `half` with their skewness."""
    others = number - 1.0
    to_mean, to_variance = 1.0 / others, others / (others - 1.0)
    to_third = others * others / ((others - 1.0) * (others - 2.0))
    per_number = 1.0 / number
    for i in range(len(d)):
        m = -d[i] * to_mean
        s2 = (second - d[i] * d[i]) * to_mean - m * m
        m3 = (third - d[i] * d[i] * d[i]) * to_mean - 3.0 * m * s2 - m * m * m
        variance = s2 * to_variance * (w2[i] - w1[i] * w1[i] * to_mean)
        # what rounding leaves of a neighbourhood without variation is not a variance
        variance = variance if variance > 1e-24 * second else 0.0
        spread = np.sqrt(variance)
        per_spread = 1.0 / spread
        w = w3[i] - 3.0 * w1[i] * w2[i] * to_mean + 2.0 * w1[i] * w1[i] * w1[i] * to_mean * to_mean
        skewness[i] = m3 * to_third * w * per_spread * per_spread * per_spread
        excess = near[i] - w1[i] * m
        at[i] = (excess - half) * per_spread
        beyond[i] = (excess + half) * per_spread
        total, total2 = w1[i] + own[i], w2[i] + own[i] * own[i]
        scale = np.sqrt(second * per_number * (number * total2 - total * total) / (number - 1.0))
        z[i] = (near[i] + own[i] * d[i]) / scale if star else excess * per_spread


@njit(cache=True, error_model="numpy")
def _plain_tails(z, at, skewness, p, p_normal, direction, outside):
    for i in range(len(z)):
        w = normal_deviate(at[i], skewness[i])
        p[i] = 2.0 * normal_tail(abs(w))
        direction[i] = 1 if w >= 0 else -1
        outside[i] = not inside(at[i], skewness[i])
        p_normal[i] = 2.0 * normal_tail(abs(z[i]))


@njit(cache=True, error_model="numpy")
def _mid_tails(z, at, beyond, skewness, p, p_normal, bound, direction, outside):
    for i in range(len(z)):
        w_at, w_beyond = normal_deviate(at[i], skewness[i]), normal_deviate(beyond[i], skewness[i])
        tail_at, tail_beyond = normal_tail(abs(w_at)), normal_tail(abs(w_beyond))
        upper_at = tail_at if w_at >= 0 else 1.0 - tail_at
        lower_at = 1.0 - tail_at if w_at >= 0 else tail_at
        upper_beyond = tail_beyond if w_beyond >= 0 else 1.0 - tail_beyond
        lower_beyond = 1.0 - tail_beyond if w_beyond >= 0 else tail_beyond
        upper, lower = upper_at + upper_beyond, lower_at + lower_beyond
        p[i] = min(min(upper, lower), 1.0)
        bound[i] = min(2.0 * min(upper_at, lower_beyond), 1.0)
        direction[i] = 1 if upper <= lower else -1
        outside[i] = not (inside(at[i], skewness[i]) & inside(beyond[i], skewness[i]))
        p_normal[i] = 2.0 * normal_tail(abs(z[i]))


@njit(cache=True, error_model="numpy")
def getis_ord_maps(
    cells, indptr, indices, data, unweighted, pooled, star, half, counts, even, rules, z, p, p_normal, bound, direction, code
):
    """Fills the results map by map; returns the places whose tail lies outside the fast expression.

    `pooled` are the `totals` of all maps together, or number 0 when each map is judged by itself. `counts` says how
    expected counts are known, `even` holds them where given. `rules` are the least number of areas, share of a
    neighbourhood that reports, and expected count.
    """
    maps, n = cells.shape
    min_areas, min_reporting, min_expected = rules
    full1, full2, full3, largest = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    sums_of_weights(indptr, data, full1, full2, full3, largest)
    own = np.zeros(n)
    degree = np.empty(n)
    for i in range(n):
        degree[i] = indptr[i + 1] - indptr[i]
        if star:
            own[i] = largest[i] if degree[i] > 0 else 1.0
    part1, part2, part3, part_near = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    d, near, even_near = np.empty(n), np.empty(n), np.empty(n)
    at, beyond, skewness = np.empty(n), np.empty(n), np.empty(n)
    outside = np.empty(n, np.bool_)
    room, found = 1024, 0
    places, far_at, far_beyond, far_skewness = np.empty(room, np.int64), np.empty(room), np.empty(room), np.empty(room)
    for k in range(maps):
        values = cells[k]
        number, mean, second, third = totals(cells[k : k + 1])
        reporting = number
        if pooled[0] > 0:
            number, mean, second, third = pooled
        for i in range(n):
            d[i] = values[i] - mean if values[i] == values[i] else 0.0
        _lag(indptr, indices, data, d, unweighted, near)
        complete = reporting == n
        if complete:
            w1, w2, w3, count_near = full1, full2, full3, degree
        else:
            w1, w2, w3, count_near = part1, part2, part3, part_near
            _reporting_weights(indptr, indices, data, values, w1, w2, w3, count_near)
        _scores(d, near, w1, w2, w3, own, number, second, third, star, half, z[k], at, beyond, skewness)
        if half > 0:
            _mid_tails(z[k], at, beyond, skewness, p[k], p_normal[k], bound[k], direction[k], outside)
        else:
            _plain_tails(z[k], at, skewness, p[k], p_normal[k], direction[k], outside)
        if counts == GIVEN_COUNTS:
            _lag(indptr, indices, data, even[k], True, even_near)
        few = reporting < min_areas
        flat = not second > 0
        itself = 1.0 if star else 0.0
        for i in range(n):
            reason = ASSESSED
            missing = not values[i] == values[i]
            undefined = missing or flat or not skewness[i] - skewness[i] == 0.0
            if undefined:
                reason = NO_VARIATION
                p[k, i] = np.nan
                direction[k, i] = 0
                if half > 0:
                    bound[k, i] = np.nan
                if missing or flat or (not star) or not (z[k, i] - z[k, i] == 0.0):
                    z[k, i], p_normal[k, i] = np.nan, np.nan
            if counts == EVEN_COUNTS:
                if mean * (count_near[i] + itself) < min_expected * (1 - 1e-12):
                    reason = FEW_EXPECTED
            elif counts == GIVEN_COUNTS:
                if even_near[i] + itself * even[k, i] < min_expected * (1 - 1e-12):
                    reason = FEW_EXPECTED
            if count_near[i] + itself < min_reporting * (degree[i] + itself) - 1e-9:
                reason = FEW_REPORT
            if degree[i] == 0:
                reason = NO_NEIGHBOURS
            if few:
                reason = FEW_AREAS
            if missing:
                reason = MISSING
            code[k, i] = reason
            if outside[i] and not undefined:
                if found == room:
                    room *= 2
                    places, far_at = _grown(places, room), _grown(far_at, room)
                    far_beyond, far_skewness = _grown(far_beyond, room), _grown(far_skewness, room)
                places[found], far_at[found] = k * n + i, at[i]
                far_beyond[found], far_skewness[found] = beyond[i], skewness[i]
                found += 1
    return places[:found], far_at[:found], far_beyond[:found], far_skewness[:found]


@njit(cache=True)
def _grown(array, room):
    longer = np.empty(room, array.dtype)
    longer[: len(array)] = array
    return longer


@njit(cache=True, error_model="numpy")
def local_moran_maps(cells, indptr, indices, data, unweighted, standardise, i_, expected, variance, z, p, quadrant):
    """Fills the results map by map; `standardise` divides each row of weights by its sum over reporting neighbours."""
    maps, n = cells.shape
    full1, full2, full3, largest = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    sums_of_weights(indptr, data, full1, full2, full3, largest)
    part1, part2, part3, part_near = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    d, lag = np.empty(n), np.empty(n)
    for k in range(maps):
        values = cells[k]
        number, mean, second, _ = totals(cells[k : k + 1])
        for i in range(n):
            d[i] = values[i] - mean if values[i] == values[i] else 0.0
        _lag(indptr, indices, data, d, unweighted, lag)
        w1, w2 = full1, full2
        if number < n:
            w1, w2 = part1, part2
            _reporting_weights(indptr, indices, data, values, w1, w2, part3, part_near)
        _local_moran(
            d, lag, w1, w2, number, second, standardise, i_[k], expected[k], variance[k], z[k], p[k], quadrant[k]
        )
        for i in range(n):
            if not (values[i] == values[i] and w1[i] > 0 and second > 0):
                i_[k, i], expected[k, i], variance[k, i] = np.nan, np.nan, np.nan
                z[k, i], p[k, i], quadrant[k, i] = np.nan, np.nan, 0


@njit(cache=True, error_model="numpy")
def _local_moran(d, lag, w1, w2, number, second, standardise, i_, expected, variance, z, p, quadrant):
    others = number - 1.0
    per_m2 = others / second
    to_mean, to_variance = 1.0 / others, others / (others - 1.0)
    for i in range(len(d)):
        scale = 1.0 / w1[i] if standardise else 1.0
        sum1, sum2, near = w1[i] * scale, w2[i] * scale * scale, lag[i] * scale
        share = d[i] * per_m2
        i_[i] = share * near
        expected[i] = -d[i] * share * sum1 * to_mean
        around = (second - d[i] * d[i]) * to_mean - d[i] * d[i] * to_mean * to_mean
        spread2 = share * share * to_variance * around * (sum2 - sum1 * sum1 * to_mean)
        variance[i] = spread2
        score = (i_[i] - expected[i]) / np.sqrt(spread2)
        z[i] = score
        p[i] = 2.0 * normal_tail(abs(score))
        high, high_near = d[i] > 0, near > 0
        quadrant[i] = (1 if high_near else 4) if high else (2 if high_near else 3)
