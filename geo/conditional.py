"""Conditional moments of local sums, map by map: the inner loops of Getis-Ord and local Moran.

Everything is laid out map first, (maps, areas), so that the values of one map lie side by side. `indptr`, `indices` and
`data` are the sparse weights. What is drawn when the others are shuffled: with M other values of mean m, central second
and third moment s2 and m3, a sum of weights w has mean m sum(w), variance s2 M/(M-1) (sum(w^2) - sum(w)^2/M) and third
central moment m3 M^2/((M-1)(M-2)) (sum(w^3) - 3 sum(w) sum(w^2)/M + 2 sum(w)^3/M^2): exact, and for equal weights the
moments of k values drawn without replacement.

Longer than 400 lines: the compiled passes of one loop over maps; a kernel in another file is compiled and cached apart.
"""

import numpy as np
from numba import njit

from geo.pearson_tail import inside, normal_deviate, normal_tail

ASSESSED, MISSING, FEW_AREAS, NO_NEIGHBOURS, FEW_REPORT, FEW_EXPECTED, NO_VARIATION = range(7)
RESOLVED = 1e-12
"""Share of the whole variation below which a variance is taken for rounding."""
NO_COUNTS, EVEN_COUNTS, GIVEN_COUNTS = range(3)
"""How a neighbourhood's expected count is known: not at all, the map's mean an area, or given area by area."""


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


# The loops below write one array each: with more, the compiler can no longer prove them apart and stops computing
# several values at once, which costs a factor of five.


@njit(cache=True, error_model="numpy")
def _per_spread(d, w1, w2, number, second, out):
    """One over the conditional standard deviation of each local sum."""
    others = number - 1.0
    to_mean, to_variance = 1.0 / others, others / (others - 1.0)
    least = RESOLVED * second * to_mean
    for i in range(len(d)):
        m = d[i] * to_mean
        s2 = (second - d[i] * d[i]) * to_mean - m * m
        # what rounding leaves of others without variation, or of a sum over all of them, is not a variance
        spread_of_weights = w2[i] - w1[i] * w1[i] * to_mean
        defined = (s2 > least) & (spread_of_weights > RESOLVED * w2[i])
        out[i] = 1.0 / np.sqrt(s2 * to_variance * spread_of_weights if defined else 0.0)


@njit(cache=True, error_model="numpy")
def _skewness(d, weights, per_spread, number, second, third, out):
    w1, w2, w3 = weights
    others = number - 1.0
    to_mean = 1.0 / others
    # one of two values is as often the larger as the smaller
    to_third = others * others / ((others - 1.0) * (others - 2.0)) if others > 2.0 else 0.0
    for i in range(len(d)):
        m = -d[i] * to_mean
        s2 = (second - d[i] * d[i]) * to_mean - m * m
        m3 = (third - d[i] * d[i] * d[i]) * to_mean - 3.0 * m * s2 - m * m * m
        w = w3[i] - 3.0 * w1[i] * w2[i] * to_mean + 2.0 * w1[i] * w1[i] * w1[i] * to_mean * to_mean
        out[i] = m3 * to_third * w * per_spread[i] * per_spread[i] * per_spread[i]


@njit(cache=True, error_model="numpy")
def _lone_outlier(d, number, second):
    """The place whose value makes up nearly all variation, or -1: without it, differences would lose their digits."""
    most, place = 0.0, -1
    for i in range(len(d)):
        square = d[i] * d[i]
        if square > most:
            most, place = square, i
    return place if second - most - most / (number - 1.0) < 1e-3 * second else -1


@njit(cache=True, error_model="numpy")
def _moments_without(cells, row, place, w1, w2, w3):
    """What `_per_spread` and `_skewness` give for one area, from the other values themselves."""
    others, mean, most = 0.0, 0.0, 0.0
    for k in range(len(cells)):
        for i in range(cells.shape[1]):
            if cells[k, i] == cells[k, i] and not (k == row and i == place):
                others += 1.0
                mean += cells[k, i]
                most = max(most, abs(cells[k, i]))
    mean /= others
    s2, m3 = 0.0, 0.0
    for k in range(len(cells)):
        for i in range(cells.shape[1]):
            if cells[k, i] == cells[k, i] and not (k == row and i == place):
                s2 += (cells[k, i] - mean) ** 2
                m3 += (cells[k, i] - mean) ** 3
    s2, m3 = s2 / others, m3 / others
    spread_of_weights = w2 - w1 * w1 / others
    if not (s2 > (1e-15 * most) ** 2 and spread_of_weights > RESOLVED * w2):
        return np.inf, np.nan
    per_spread = 1.0 / np.sqrt(s2 * others / (others - 1.0) * spread_of_weights)
    w = w3 - 3.0 * w1 * w2 / others + 2.0 * w1 * w1 * w1 / (others * others)
    to_third = others * others / ((others - 1.0) * (others - 2.0)) if others > 2.0 else 0.0
    return per_spread, m3 * to_third * w * per_spread**3


@njit(cache=True, error_model="numpy")
def _conditional_score(d, near, w1, per_spread, number, shift, out):
    """Standardised local sum, moved by `shift`."""
    to_mean = 1.0 / (number - 1.0)
    for i in range(len(d)):
        out[i] = (near[i] + w1[i] * d[i] * to_mean + shift) * per_spread[i]


@njit(cache=True, error_model="numpy")
def _star_score(d, near, w1, w2, own, number, second, out):
    """Ord and Getis (1995) Gi*."""
    scale = second / number / (number - 1.0)
    for i in range(len(d)):
        total, total2 = w1[i] + own[i], w2[i] + own[i] * own[i]
        out[i] = (near[i] + own[i] * d[i]) / np.sqrt(scale * (number * total2 - total * total))


@njit(cache=True, error_model="numpy")
def _deviates(score, skewness, out):
    for i in range(len(score)):
        out[i] = normal_deviate(score[i], skewness[i])


@njit(cache=True, error_model="numpy")
def _beyond_reach(score, skewness, out):
    for i in range(len(score)):
        out[i] = not inside(score[i], skewness[i])


@njit(cache=True, error_model="numpy")
def _two_sided(w, out):
    for i in range(len(w)):
        # at w = 0 the tail may round to just above a half
        out[i] = min(2.0 * normal_tail(abs(w[i])), 1.0)


@njit(cache=True, error_model="numpy")
def _mid_two_sided(w_at, w_beyond, out):
    """Two-sided p of the mean of both tails, negative where it is the lower tail that is small."""
    for i in range(len(out)):
        tail_at, tail_beyond = normal_tail(abs(w_at[i])), normal_tail(abs(w_beyond[i]))
        upper = (tail_at if w_at[i] >= 0 else 1.0 - tail_at) + (tail_beyond if w_beyond[i] >= 0 else 1.0 - tail_beyond)
        lower = (1.0 - tail_at if w_at[i] >= 0 else tail_at) + (1.0 - tail_beyond if w_beyond[i] >= 0 else tail_beyond)
        out[i] = min(upper, 1.0) if upper <= lower else -min(lower, 1.0)


@njit(cache=True, error_model="numpy")
def _half_count_bound(w_at, w_beyond, out):
    for i in range(len(out)):
        tail_at, tail_beyond = normal_tail(abs(w_at[i])), normal_tail(abs(w_beyond[i]))
        upper = tail_at if w_at[i] >= 0 else 1.0 - tail_at
        lower = 1.0 - tail_beyond if w_beyond[i] >= 0 else tail_beyond
        out[i] = min(2.0 * min(upper, lower), 1.0)


@njit(cache=True, error_model="numpy")
def _sign_of_p(signed, score, out):
    for i in range(len(out)):
        out[i] = -1 if (signed[i] < 0) | ((signed[i] == 0) & (score[i] < 0)) else 1


@njit(cache=True, error_model="numpy")
def _absolute(values):
    for i in range(len(values)):
        values[i] = abs(values[i])


@njit(cache=True, error_model="numpy")
def _sign_of_deviate(w, out):
    for i in range(len(out)):
        out[i] = -1 if w[i] < 0 else 1


# Reasons, the weaker ones first: a later one overwrites an earlier one, so that the first thing to mend is named.


@njit(cache=True, error_model="numpy")
def _few_expected(near, itself, mean, least, code):
    for i in range(len(code)):
        few = (mean * (near[i] + itself) < least) & (code[i] == ASSESSED)
        code[i] = FEW_EXPECTED if few else code[i]


@njit(cache=True, error_model="numpy")
def _few_given(near, own, itself, least, code):
    for i in range(len(code)):
        few = (near[i] + itself * own[i] < least) & (code[i] == ASSESSED)
        code[i] = FEW_EXPECTED if few else code[i]


@njit(cache=True, error_model="numpy")
def _few_report(near, degree, itself, share, code):
    for i in range(len(code)):
        few = (near[i] + itself < share * (degree[i] + itself) - 1e-9) & (code[i] != NO_NEIGHBOURS)
        code[i] = FEW_REPORT if few else code[i]


@njit(cache=True)
def _any(flags):
    count = 0
    for flag in flags:
        count += flag
    return count > 0


@njit(cache=True, error_model="numpy")
def _any_not_finite(values):
    count = 0
    for value in values:
        count += value - value != 0.0
    return count > 0


@njit(cache=True, error_model="numpy")
def getis_ord_maps(cells, links, pooled, star, half, expected, rules, results):
    """Fills the results map by map; returns the places whose tail lies outside the fast expression.

    `links` are indptr, indices and data of the weights, and whether all are one; `results` are the arrays (maps, areas)
    z, p, p_normal, bound, direction, code. `pooled` are the `totals` of all maps together, or number 0 when each map is
    judged by itself. `expected` says how expected counts are known, and holds them where given. `rules` are the least
    number of areas, share of a neighbourhood that reports, and expected count.
    """
    maps, n = cells.shape
    indptr, indices, data, unweighted = links
    counts, even = expected
    z, p, p_normal, bound, direction, code = results
    min_areas, min_reporting, min_expected = rules
    full1, full2, full3, largest = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    sums_of_weights(indptr, data, full1, full2, full3, largest)
    own = np.zeros(n)
    degree = np.empty(n)
    for i in range(n):
        degree[i] = indptr[i + 1] - indptr[i]
        if star:
            own[i] = largest[i] if degree[i] > 0 else 1.0
    itself = 1.0 if star else 0.0
    without_neighbours = np.zeros(n, np.int8)
    for i in range(n):
        without_neighbours[i] = NO_NEIGHBOURS if degree[i] == 0 else ASSESSED
    part1, part2, part3, part_near = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    d, near, even_near = np.empty(n), np.empty(n), np.empty(n)
    per_spread, skewness = np.empty(n), np.empty(n)
    at, beyond, w_at, w_beyond = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    outside, outside_beyond = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
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
        _per_spread(d, w1, w2, number, second, per_spread)
        _skewness(d, (w1, w2, w3), per_spread, number, second, third, skewness)
        lone = _lone_outlier(d, number, second)
        if lone >= 0:
            others = cells if pooled[0] > 0 else cells[k : k + 1]
            row = k if pooled[0] > 0 else 0
            per_spread[lone], skewness[lone] = _moments_without(others, row, lone, w1[lone], w2[lone], w3[lone])
        _conditional_score(d, near, w1, per_spread, number, -half, at)
        _beyond_reach(at, skewness, outside)
        _deviates(at, skewness, w_at)
        if star:
            _star_score(d, near, w1, w2, own, number, second, z[k])
        else:
            _conditional_score(d, near, w1, per_spread, number, 0.0, z[k])
        _two_sided(z[k], p_normal[k])
        if half > 0:
            _conditional_score(d, near, w1, per_spread, number, half, beyond)
            _beyond_reach(beyond, skewness, outside_beyond)
            _deviates(beyond, skewness, w_beyond)
            _mid_two_sided(w_at, w_beyond, p[k])
            _half_count_bound(w_at, w_beyond, bound[k])
        else:
            _two_sided(w_at, p[k])
        if half > 0:
            _sign_of_p(p[k], at, direction[k])
            _absolute(p[k])
        else:
            _sign_of_deviate(w_at, direction[k])
        code[k] = without_neighbours
        if counts == EVEN_COUNTS:
            _few_expected(count_near, itself, mean, min_expected * (1 - 1e-12), code[k])
        elif counts == GIVEN_COUNTS:
            _lag(indptr, indices, data, even[k], True, even_near)
            _few_given(even_near, even[k], itself, min_expected * (1 - 1e-12), code[k])
        if not complete:
            _few_report(count_near, degree, itself, min_reporting, code[k])
        if reporting < min_areas:
            code[k, :] = FEW_AREAS
        if not complete or _any_not_finite(per_spread):
            for i in range(n):
                missing = values[i] != values[i]
                if missing or not np.isfinite(per_spread[i]):
                    p[k, i], bound[k, i] = np.nan, np.nan
                    direction[k, i], outside[i], outside_beyond[i] = 0, False, False
                    if missing or not star or not second > 0 or not np.isfinite(z[k, i]):
                        z[k, i], p_normal[k, i] = np.nan, np.nan
                    if missing:
                        code[k, i] = MISSING
                    elif code[k, i] == ASSESSED:
                        code[k, i] = NO_VARIATION
        if _any(outside) or _any(outside_beyond):
            for i in range(n):
                if outside[i] or outside_beyond[i]:
                    if found == room:
                        room *= 2
                        places, far_at = _grown(places, room), _grown(far_at, room)
                        far_beyond, far_skewness = _grown(far_beyond, room), _grown(far_skewness, room)
                    places[found], far_at[found], far_skewness[found] = k * n + i, at[i], skewness[i]
                    far_beyond[found] = beyond[i] if half > 0 else at[i]
                    found += 1
    return places[:found], far_at[:found], far_beyond[:found], far_skewness[:found]


@njit(cache=True)
def _grown(array, room):
    longer = np.empty(room, array.dtype)
    longer[: len(array)] = array
    return longer


@njit(cache=True, error_model="numpy")
def _moran_i(d, lag, per_m2, out):
    for i in range(len(d)):
        out[i] = d[i] * per_m2 * lag[i]


@njit(cache=True, error_model="numpy")
def _moran_expected(d, w1, standardise, number, second, out):
    for i in range(len(d)):
        # (number - 1) of the moment and of the mean of the others cancel
        out[i] = -d[i] * d[i] / second * (1.0 if standardise else w1[i])


@njit(cache=True, error_model="numpy")
def _moran_variance(d, w1, w2, standardise, number, second, out):
    others = number - 1.0
    to_mean, to_variance, per_m2 = 1.0 / others, others / (others - 1.0), others / second
    least = RESOLVED * second * to_mean
    for i in range(len(d)):
        scale = 1.0 / w1[i] if standardise else 1.0
        sum1, sum2 = w1[i] * scale, w2[i] * scale * scale
        around = (second - d[i] * d[i]) * to_mean - d[i] * d[i] * to_mean * to_mean
        spread_of_weights = sum2 - sum1 * sum1 * to_mean
        defined = (around > least) & (spread_of_weights > RESOLVED * sum2)
        share = d[i] * per_m2
        out[i] = share * share * to_variance * around * spread_of_weights if defined else 0.0


@njit(cache=True, error_model="numpy")
def _moran_score(i_, expected, variance, out):
    for i in range(len(i_)):
        out[i] = (i_[i] - expected[i]) / np.sqrt(variance[i])


@njit(cache=True, error_model="numpy")
def _quadrant(d, lag, out):
    for i in range(len(d)):
        high, high_near = d[i] > 0, lag[i] > 0
        out[i] = (1 if high_near else 4) if high else (2 if high_near else 3)


@njit(cache=True, error_model="numpy")
def local_moran_maps(cells, links, standardise, results):
    """Fills the results map by map; `standardise` divides each row of weights by its sum over reporting neighbours.

    `links` as in getis_ord_maps; `results` are the arrays (maps, areas) i, expected, variance, z, p, quadrant.
    """
    maps, n = cells.shape
    indptr, indices, data, unweighted = links
    i_, expected, variance, z, p, quadrant = results
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
        if standardise:
            for i in range(n):
                lag[i] /= w1[i]
        _moran_i(d, lag, (number - 1.0) / second, i_[k])
        _moran_expected(d, w1, standardise, number, second, expected[k])
        _moran_variance(d, w1, w2, standardise, number, second, variance[k])
        _moran_score(i_[k], expected[k], variance[k], z[k])
        _two_sided(z[k], p[k])
        _quadrant(d, lag, quadrant[k])
        for i in range(n):
            if not (values[i] == values[i] and w1[i] > 0 and second > 0):
                i_[k, i], expected[k, i], variance[k, i] = np.nan, np.nan, np.nan
                z[k, i], p[k, i], quadrant[k, i] = np.nan, np.nan, 0
            elif not variance[k, i] > 0:
                z[k, i], p[k, i] = np.nan, np.nan
