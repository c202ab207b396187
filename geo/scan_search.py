"""The inner loops of the scan: the best circle or cylinder of the map, and the best ratio of each replication.

`order` (centres, longest circle) lists the areas by distance from each centre, -1 where the circle is full; `ends`
marks the members after which a circle is complete.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _ratio(inside, expected, total):
    """Log-likelihood ratio of `inside` cases where `expected` are even; 0 where there are no more than that."""
    if inside <= expected or expected <= 0:
        return 0.0
    value = inside * np.log(inside / expected)
    outside = total - inside
    if outside > 0:
        value += outside * np.log(outside / (total - expected))
    return value


@njit(cache=True)
def _best_of_centre(members, ends, cases, expected, total, taken):
    """Best circle of one centre among those that touch no taken area: size and ratio."""
    best, best_size = 0.0, 0
    inside, even = 0.0, 0.0
    for at in range(len(members)):
        area = members[at]
        if area < 0 or taken[area]:
            break
        inside += cases[area]
        even += expected[area]
        if ends[at]:
            value = _ratio(inside, even, total)
            if value > best * (1 + 1e-12):
                best, best_size = value, at + 1
    return best_size, best


@njit(cache=True)
def best_circles(order, ends, cases, expected, total, most):
    n = len(order)
    taken = np.zeros(n, np.bool_)
    size, value = np.zeros(n, np.int64), np.zeros(n)
    for centre in range(n):
        size[centre], value[centre] = _best_of_centre(order[centre], ends[centre], cases, expected, total, taken)
    centres, sizes, values = np.zeros(most, np.int64), np.zeros(most, np.int64), np.zeros(most)
    found = 0
    while found < most:
        top = 0
        for centre in range(1, n):
            # of equal ratios the smaller circle, then the earlier centre
            near = abs(value[centre] - value[top]) <= 1e-12 * value[top]
            if (value[centre] > value[top] and not near) or (near and size[centre] < size[top]):
                top = centre
        if value[top] <= 0:
            break
        centres[found], sizes[found], values[found] = top, size[top], value[top]
        found += 1
        taken[order[top, : size[top]]] = True
        for centre in range(n):
            touched = False
            for at in range(size[centre]):
                if taken[order[centre, at]]:
                    touched = True
                    break
            if touched:
                size[centre], value[centre] = _best_of_centre(
                    order[centre], ends[centre], cases, expected, total, taken
                )
    return centres[:found], sizes[:found], values[:found]


@njit(cache=True, error_model="numpy")
def _add(row, sums):
    for r in range(len(sums)):
        sums[r] += row[r]


@njit(cache=True, error_model="numpy")
def _reaching(sums, base, rest, scale, bar):
    """How many of the sums lie so far above their expectation, base + rest, that their ratio may beat the bar."""
    count = np.int32(0)
    for r in range(len(sums)):
        count += np.int32((np.float32(np.int32(sums[r] - base)) - rest) * scale > bar[r])
    return count


@njit(cache=True, error_model="numpy")
def _raise_largest(sums, base, rest, scale, bar, expected, total, largest):
    for r in range(len(sums)):
        if (np.float32(np.int32(sums[r] - base)) - rest) * scale > bar[r]:
            value = _ratio(float(sums[r]), expected, total)
            if value > largest[r]:
                largest[r] = value
                bar[r] = np.float32(np.sqrt(value))


@njit(cache=True, error_model="numpy")
def largest_ratios(order, ends, drawn, share, total):
    """Largest ratio of each replication; `drawn` (n, replications) int32.

    The ratio is never above the chi-square distance (c-E)^2 C / (E (C-E)), so the logarithms are only taken where that
    reaches the largest ratio so far. The check compares square roots in single precision, with room for its rounding.
    """
    replications = drawn.shape[1]
    largest = np.zeros(replications)
    bar = np.zeros(replications, np.float32)
    inside = np.zeros(replications, np.int32)
    for centre in range(len(order)):
        inside[:] = 0
        part = 0.0
        for at in range(order.shape[1]):
            area = order[centre, at]
            if area < 0:
                break
            part += share[area]
            _add(drawn[area], inside)
            if ends[centre, at] == 0 or part >= 1:
                continue
            expected = part * total
            # whole part apart: the difference to a large count stays exact in single precision
            base = np.int32(expected)
            rest = np.float32(expected - base)
            scale = np.float32(1.0001 / np.sqrt(part * (total - expected)))
            if _reaching(inside, base, rest, scale, bar) > 0:
                _raise_largest(inside, base, rest, scale, bar, expected, total, largest)
    return largest


@njit(cache=True)
def _best_cylinder_of_centre(members, ends, in_runs, of_area, of_run, total, taken):
    best, best_size, best_run = 0.0, 0, 0
    inside = np.zeros(in_runs.shape[1])
    cases = 0.0
    for at in range(len(members)):
        area = members[at]
        if area < 0 or taken[area]:
            break
        inside += in_runs[area]
        cases += of_area[area]
        if ends[at]:
            for run in range(len(inside)):
                value = _ratio(inside[run], cases * of_run[run] / total, total)
                if value > best * (1 + 1e-12):
                    best, best_size, best_run = value, at + 1, run
    return best_size, best_run, best


@njit(cache=True)
def best_cylinders(order, ends, in_runs, of_area, of_run, total, most):
    n = len(order)
    taken = np.zeros(n, np.bool_)
    size, run, value = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n)
    for centre in range(n):
        size[centre], run[centre], value[centre] = _best_cylinder_of_centre(
            order[centre], ends[centre], in_runs, of_area, of_run, total, taken
        )
    centres, sizes, best_runs, values = (
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(most, np.int64),
        np.zeros(most),
    )
    found = 0
    while found < most:
        top = 0
        for centre in range(1, n):
            near = abs(value[centre] - value[top]) <= 1e-12 * value[top]
            if (value[centre] > value[top] and not near) or (near and size[centre] < size[top]):
                top = centre
        if value[top] <= 0:
            break
        centres[found], sizes[found], best_runs[found], values[found] = top, size[top], run[top], value[top]
        found += 1
        taken[order[top, : size[top]]] = True
        for centre in range(n):
            touched = False
            for at in range(size[centre]):
                if taken[order[centre, at]]:
                    touched = True
                    break
            if touched:
                size[centre], run[centre], value[centre] = _best_cylinder_of_centre(
                    order[centre], ends[centre], in_runs, of_area, of_run, total, taken
                )
    return centres[:found], sizes[:found], best_runs[:found], values[:found]


@njit(cache=True, error_model="numpy")
def _runs_reaching(inside, share_of_run, scale_of_run, among, per_root, bar):
    count = np.int32(0)
    for run in range(len(inside)):
        count += np.int32((inside[run] - among * share_of_run[run]) * scale_of_run[run] * per_root > bar)
    return count


@njit(cache=True, error_model="numpy")
def largest_cylinder(order, ends, in_runs, of_area, of_run, total):
    """Largest ratio of one replication; checked against the chi-square distance first, as in `largest_ratios`.

    There the distance is (c-E)^2 / (E (1 - E/C)) with E = cases of the areas times share of the run; as E/C is at most
    the share of the run, 1 - that share in its place keeps it an upper bound and leaves one factor for the run.
    """
    runs = in_runs.shape[1]
    inside = np.zeros(runs, in_runs.dtype)
    share_of_run = (of_run / total).astype(in_runs.dtype)
    scale_of_run = np.zeros(runs, in_runs.dtype)
    for run in range(runs):
        part = of_run[run] / total
        if 0 < part < 1:
            scale_of_run[run] = 1.0001 / np.sqrt(part * (1 - part))
    largest = 0.0
    bar = np.float32(0.0)
    for centre in range(len(order)):
        inside[:] = 0
        cases = 0.0
        for at in range(order.shape[1]):
            area = order[centre, at]
            if area < 0:
                break
            cases += of_area[area]
            _add(in_runs[area], inside)
            if ends[centre, at] == 0 or cases == 0:
                continue
            among, per_root = np.float32(cases), np.float32(1 / np.sqrt(cases))
            if _runs_reaching(inside, share_of_run, scale_of_run, among, per_root, bar) > 0:
                for run in range(runs):
                    expected = cases * of_run[run] / total
                    excess = inside[run] - expected
                    if excess > 0 and excess * excess * total > largest * expected * (total - expected):
                        value = _ratio(float(inside[run]), expected, total)
                        if value > largest:
                            largest = value
                            bar = np.float32(np.sqrt(value))
    return largest
