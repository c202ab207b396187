"""Hot spots when some counts are known only as intervals: the lowest and highest Gi* over all possible completions."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import special

from geo.neighbours import checked_weights, equal_in_rows

Floats = NDArray[np.float64]

EXACT_UNITS = 600
"""Up to this many open units (sum of upper - lower) outside a neighbourhood, mixed intervals are solved exactly."""


@dataclass(frozen=True)
class IntervalHotspots:
    """Lowest and highest score over all completions, and what is certain; arrays have the shape of the bounds.

    `certainty` (hot) and `certainty_cold`: "certain" significant whatever the hidden counts are, "possible" under some
    of them, "not" under none, "not_assessed" where the area's value or the score is missing.
    """

    z_low: Floats
    z_high: Floats
    certainty: NDArray[np.str_]
    certainty_cold: NDArray[np.str_]


def getis_ord_interval(
    lower: ArrayLike, upper: ArrayLike, weights, star: bool = True, transform: str = "B", alpha: float = 0.05
) -> IntervalHotspots:
    """Range of Getis-Ord Gi* (`star`) or Gi over every completion of counts known as `lower` to `upper` (inclusive).

    Bounds are whole numbers, (n,) or (n, k) with the areas first; equal bounds mean a known count, NaN a missing one.
    The score is that of `getis_ord` with equal weights. For given sums inside and outside the neighbourhood it depends
    only on the sum of squares, so its extremes are found over all pairs of sums with the least and the largest sum of
    squares each allows: exact, without walking through the completions. Only where intervals of different bounds leave
    more than `EXACT_UNITS` units open outside a neighbourhood is the largest sum of squares replaced by its concave
    envelope, and the range may then be slightly too wide, never too narrow. "Significant" is |z| at or above the
    two-sided normal quantile of `alpha`.
    """
    low, high = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
    if low.shape != high.shape or low.ndim not in (1, 2):
        raise ValueError(
            f"lower {low.shape} and upper {high.shape} must have the same shape, (areas,) or (areas, maps)"
        )
    missing = np.isnan(low) | np.isnan(high)
    known_low, known_high = np.where(missing, 0, low), np.where(missing, 0, high)
    if np.any(known_low < 0):
        raise ValueError("lower holds negative values; counts start at 0")
    if np.any(known_low > known_high):
        raise ValueError("lower is above upper in at least one cell")
    if np.any(np.isinf(known_high)):
        raise ValueError("upper holds infinite values; give a finite bound or NaN")
    if np.any(known_low != np.floor(known_low)) or np.any(known_high != np.floor(known_high)):
        raise ValueError("bounds must be whole counts")
    if transform not in ("B", "R"):
        raise ValueError(f"transform must be 'B' or 'R', not {transform!r}")
    shape = low.shape
    n = shape[0]
    links = checked_weights(weights, n, "given")
    if transform == "R" and not equal_in_rows(links):
        raise ValueError("interval hot spots need equal weights in a row; use transform='B'")
    maps = int(np.prod(shape[1:], dtype=int))
    z_low, z_high = np.full((n, maps), np.nan), np.full((n, maps), np.nan)
    for column in range(maps):
        lo = known_low.reshape(n, maps)[:, column]
        hi = known_high.reshape(n, maps)[:, column]
        present = ~missing.reshape(n, maps)[:, column]
        open_ = present & (hi > lo)
        kinds, kind = np.unique(np.stack([lo, hi], axis=1)[open_], axis=0, return_inverse=True)
        kind_of = np.full(n, -1)
        kind_of[open_] = kind.ravel()
        z_low[:, column], z_high[:, column] = _ranges(
            links.indptr, links.indices, lo, present, kind_of, kinds.astype(np.int64).reshape(-1, 2), star, EXACT_UNITS
        )
    z_low, z_high = z_low.reshape(shape), z_high.reshape(shape)
    limit = -special.ndtri(alpha / 2)
    return IntervalHotspots(z_low, z_high, _certainty(z_low, z_high, limit), _certainty(-z_high, -z_low, limit))


def _certainty(least: Floats, most: Floats, limit: float) -> NDArray[np.str_]:
    names = np.where(least >= limit, "certain", np.where(most >= limit, "possible", "not"))
    return np.where(np.isnan(least), "not_assessed", names)


@njit(cache=True)
def _least_squares_sums(kinds, number, units, base):
    """Least sum of squares for each sum above the lower bounds: raise the lowest values first."""
    sums = np.empty(units + 1)
    sums[0] = base
    at, level = 0, 0
    while at < units:
        free = 0
        for k in range(len(kinds)):
            if kinds[k, 0] <= level < kinds[k, 1]:
                free += number[k]
        for _ in range(free):
            at += 1
            sums[at] = sums[at - 1] + 2 * level + 1
        level += 1
    return sums


@njit(cache=True)
def _most_of_one_kind(low, high, number):
    width = high - low
    sums = np.empty(number * width + 1)
    for above in range(len(sums)):
        full, rest = above // width, above % width
        sums[above] = full * (high * high - low * low) + (low + rest) ** 2 - low * low
    return sums


@njit(cache=True)
def _most_squares_sums(kinds, number, units, base, exact_units):
    """Largest sum of squares for each sum above the lower bounds, exactly or (mixed and large) its envelope."""
    used = 0
    for k in range(len(kinds)):
        used += number[k] > 0
    sums = np.zeros(units + 1)
    if used > 1 and units > exact_units:
        order = np.argsort(-(kinds[:, 0] + kinds[:, 1]))
        at = 0
        for k in order:
            for _ in range(number[k] * (kinds[k, 1] - kinds[k, 0])):
                at += 1
                sums[at] = sums[at - 1] + kinds[k, 0] + kinds[k, 1]
    else:
        reach = 0
        for k in range(len(kinds)):
            if number[k] == 0:
                continue
            one = _most_of_one_kind(kinds[k, 0], kinds[k, 1], number[k])
            joined = np.full(reach + len(one), -1.0)
            for a in range(reach + 1):
                for b in range(len(one)):
                    joined[a + b] = max(joined[a + b], sums[a] + one[b])
            reach += len(one) - 1
            sums[: reach + 1] = joined
    return sums + base


@njit(cache=True)
def _ranges(indptr, indices, low, present, kind_of, kinds, star, exact_units):
    n = len(low)
    z_low, z_high = np.full(n, np.nan), np.full(n, np.nan)
    all_number = np.zeros(len(kinds), np.int64)
    total, squares, areas = 0.0, 0.0, 0
    for j in range(n):
        if present[j]:
            areas += 1
            total += low[j]
            squares += low[j] ** 2
            if kind_of[j] >= 0:
                all_number[kind_of[j]] += 1
    for i in range(n):
        if not present[i]:
            continue
        inside_number = np.zeros(len(kinds), np.int64)
        outside_number = all_number.copy()
        inside_sum, inside_squares, members = 0.0, 0.0, 0
        for at in range(indptr[i], indptr[i + 1] + 1):
            # the area itself comes after its neighbours: part of the sum for Gi*, left out altogether for Gi
            j = indices[at] if at < indptr[i + 1] else i
            if not present[j]:
                continue
            if kind_of[j] >= 0:
                outside_number[kind_of[j]] -= 1
            if j == i and not star:
                continue
            members += 1
            inside_sum += low[j]
            inside_squares += low[j] ** 2
            if kind_of[j] >= 0:
                inside_number[kind_of[j]] += 1
        number = areas if star else areas - 1
        outside_sum = total - inside_sum - (0.0 if star else low[i])
        outside_squares = squares - inside_squares - (0.0 if star else low[i] ** 2)
        if members == 0 or members >= number:
            continue
        units_in, units_out = 0, 0
        for k in range(len(kinds)):
            units_in += inside_number[k] * (kinds[k, 1] - kinds[k, 0])
            units_out += outside_number[k] * (kinds[k, 1] - kinds[k, 0])
        least_in = _least_squares_sums(kinds, inside_number, units_in, inside_squares)
        most_in = _most_squares_sums(kinds, inside_number, units_in, inside_squares, exact_units)
        least_out = _least_squares_sums(kinds, outside_number, units_out, outside_squares)
        most_out = _most_squares_sums(kinds, outside_number, units_out, outside_squares, exact_units)
        # signed squares of z, up to the constant factor: no root in the inner loop
        lowest, highest = np.inf, -np.inf
        for a in range(units_in + 1):
            for c in range(units_out + 1):
                inside = inside_sum + a
                whole = inside + outside_sum + c
                excess = number * inside - members * whole
                tight = number * (least_in[a] + least_out[c]) - whole**2
                wide = number * (most_in[a] + most_out[c]) - whole**2
                if wide <= 0:
                    continue
                signed = excess * abs(excess)
                if tight > 0:
                    lowest = min(lowest, signed / tight)
                    highest = max(highest, signed / tight)
                lowest = min(lowest, signed / wide)
                highest = max(highest, signed / wide)
        if highest == -np.inf:
            continue
        factor = (number - 1) / (members * (number - members))
        z_low[i] = np.sign(lowest) * np.sqrt(abs(lowest) * factor)
        z_high[i] = np.sign(highest) * np.sqrt(abs(highest) * factor)
    return z_low, z_high
