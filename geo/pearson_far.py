"""The Pearson III tail where the fast expression of geo/pearson_tail.py does not reach: strong skewness, far values.

A Pearson III distribution ends at z = -2 / skewness, the sum it stands for does not: with strongly skewed values a
tenth of all sums lies beyond, and the plain tail would call each of them impossible. So the short tail is followed only
to `SHORTEST` of the way from its end to the mean; beyond, p stays there until the normal tail is smaller, and is never
below the plain tail. What is left errs to one side: no area is called cold because the approximation ran out.
"""

import functools

import numpy as np
from numba import njit
from numpy.polynomial import chebyshev
from scipy import special

SHORTEST = 0.1
"""Share of the way from the end of the distribution to its mean up to which the short tail is followed."""
REACH = (-0.82, 0.85)
PIECES = ((0.25, 1.0), (1.0, 2.0), (2.0, 4.0))
"""Ranges of |skewness| / 2 with a polynomial each."""
DEGREES = (28, 8)
BLOCK = 256


def tails(z, skewness):
    """P(Z >= z) and P(Z <= z) of a standardised Pearson III variable, the short tail kept as said above."""
    z, skewness = np.asarray(z, dtype=float), np.asarray(skewness, dtype=float)
    beyond = 1 + z * skewness / 2 < SHORTEST
    with np.errstate(divide="ignore", invalid="ignore"):
        followed = np.where(beyond, 2 * (SHORTEST - 1) / skewness, z)
        u = followed * skewness / (4 + followed * skewness)
    size = np.abs(skewness) / 2
    upper, lower = np.empty(z.shape), np.empty(z.shape)
    rest = np.ones(z.shape, bool)
    for piece, (low, high) in enumerate(PIECES):
        here = rest & (u >= REACH[0]) & (u <= REACH[1]) & (size >= low) & (size <= high)
        w = np.sign(skewness[here]) * _deviates(u[here], size[here], piece)
        upper[here], lower[here] = special.ndtr(-w), special.ndtr(w)
        rest &= ~here
    upper[rest], lower[rest] = incomplete_gamma_tails(followed[rest], skewness[rest])
    right = skewness > 0
    short = np.where(beyond, np.minimum(np.where(right, lower, upper), special.ndtr(-np.abs(z))), 0.0)
    # extreme skewness leaves so much at the end that its own tail there exceeds the normal one
    end = beyond & (1 + z * skewness / 2 > 0)
    short[end] = np.maximum(short[end], incomplete_gamma_tails(-np.abs(z[end]), np.abs(skewness[end]))[1])
    upper = np.where(beyond, np.where(right, 1 - short, short), upper)
    return upper, np.where(beyond, np.where(right, short, 1 - short), lower)


def incomplete_gamma_tails(z, skewness):
    """P(Z >= z) and P(Z <= z) of a standardised Pearson III (shifted gamma) variable, by scipy.

    Both are computed, because 1 minus the one loses the other where it is small. Where skewness all but vanishes, and
    the gamma functions lose their digits, the normal tail at z - skewness (z^2 - 1) / 6.
    """
    z, skewness = np.asarray(z, dtype=float), np.asarray(skewness, dtype=float)
    shape = 4 / np.maximum(np.square(skewness), 1e-8)
    at = np.maximum(shape * (1 + z * skewness / 2), 0.0)
    beyond, until = special.gammaincc(shape, at), special.gammainc(shape, at)
    right = skewness > 0
    normal = np.abs(skewness) < 1e-4
    w = z - skewness * (z**2 - 1) / 6
    upper = np.where(normal, special.ndtr(-w), np.where(right, beyond, until))
    return upper, np.where(normal, special.ndtr(w), np.where(right, until, beyond))


def temme_h(u):
    """H(u) = sqrt(2 (t - log(1 + t))) / |t| with t = 2 u / (1 - u); 1 at 0."""
    t = 2 * u / (1 - u)
    near = np.abs(t) < 0.2
    series = sum(2 * (-1) ** k * np.where(near, t, 0.0) ** k / (k + 2) for k in range(26))
    far = np.where(near, 1.0, t)
    return np.sqrt(np.where(near, series, 2 * (far - np.log1p(far)) / far**2))


def exact_deviate(u, q):
    """Normal deviate w with the tail of the gamma distribution of shape 1 / q at (1 + u) / (1 - u) of its mean."""
    shape = 1 / q
    at = shape * (1 + u) / (1 - u)
    upper, lower = special.gammaincc(shape, at), special.gammainc(shape, at)
    return np.where(upper < lower, -special.ndtri(upper), special.ndtri(lower))


def nodes(number, low, high):
    """Chebyshev nodes between `low` and `high`."""
    return (np.cos(np.pi * (np.arange(number) + 0.5) / number) + 1) / 2 * (high - low) + low


@functools.cache
def _coefficients(piece: int):
    """Coefficients of F (see geo/pearson_tail.py) in powers of u and |skewness| / 2, both mapped to [-1, 1]."""
    degree_u, degree_size = DEGREES
    u, size = nodes(degree_u + 1, *REACH), nodes(degree_size + 1, *PIECES[piece])
    grid_u, grid_size = np.meshgrid(u, size, indexing="ij")
    t = 2 * grid_u / (1 - grid_u)
    f = (exact_deviate(grid_u, grid_size**2) - t / grid_size * temme_h(grid_u)) / grid_size
    by_u = chebyshev.chebfit(nodes(degree_u + 1, -1, 1), f, degree_u)
    by_both = chebyshev.chebfit(nodes(degree_size + 1, -1, 1), by_u.T, degree_size).T
    in_size = np.array([np.pad(chebyshev.cheb2poly(row), (0, degree_size + 1))[: degree_size + 1] for row in by_both])
    columns = [np.pad(chebyshev.cheb2poly(column), (0, degree_u + 1))[: degree_u + 1] for column in in_size.T]
    return np.ascontiguousarray(np.array(columns).T)


def _deviates(u, size, piece: int):
    """w for positive skewness 2 `size`; within 1e-8."""
    low, high = PIECES[piece]
    x = (u - REACH[0]) / (REACH[1] - REACH[0]) * 2 - 1
    y = (size - low) / (high - low) * 2 - 1
    f = np.empty_like(x)
    _polynomial(_coefficients(piece), x, y, f)
    return 2 * u / (1 - u) / size * temme_h(u) + size * f


@njit(cache=True)
def _times_plus(values, x, constant):
    for e in range(len(values)):
        values[e] = values[e] * x[e] + constant


@njit(cache=True)
def _times_plus_each(values, x, others):
    for e in range(len(values)):
        values[e] = values[e] * x[e] + others[e]


@njit(cache=True)
def _polynomial(coefficients, x, y, out):
    """Horner in both variables, a block of values at a time so that the steps run on several at once."""
    row = np.empty(BLOCK)
    for start in range(0, len(x), BLOCK):
        stop = min(start + BLOCK, len(x))
        one, two, total, inner = x[start:stop], y[start:stop], out[start:stop], row[: stop - start]
        total[:] = 0.0
        for i in range(coefficients.shape[0] - 1, -1, -1):
            inner[:] = coefficients[i, -1]
            for j in range(coefficients.shape[1] - 2, -1, -1):
                _times_plus(inner, two, coefficients[i, j])
            _times_plus_each(total, one, inner)
