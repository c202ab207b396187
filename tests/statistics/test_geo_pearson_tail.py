"""The fast Pearson III tail against scipy's incomplete gamma functions, to the tolerance it states."""

import numpy as np
from numba import njit
from scipy import special, stats

from geo.pearson_far import SHORTEST, incomplete_gamma_tails, tails
from geo.pearson_tail import LARGE_UP_TO, REACH, inside, normal_deviate, normal_tail


@njit
def _two_sided(z, skewness, p, covered):
    for i in range(len(z)):
        p[i] = 2 * normal_tail(abs(normal_deviate(z[i], skewness[i])))
        covered[i] = inside(z[i], skewness[i])


@njit
def _tails(w, out):
    for i in range(len(w)):
        out[i] = normal_tail(w[i])


def two_sided(z, skewness):
    p, covered = np.empty_like(z), np.empty(z.shape, bool)
    _two_sided(z, skewness, p, covered)
    return p, covered


def test_normal_tail():
    w = np.concatenate([np.linspace(0, 37, 50_001), [38.0, 45.0, 1e6, np.inf]])
    out = np.empty_like(w)
    _tails(w, out)
    near = w <= 5
    np.testing.assert_allclose(out[near], special.ndtr(-w[near]), rtol=1e-12)
    np.testing.assert_allclose(out[:50_001], special.ndtr(-w[:50_001]), rtol=1e-10)
    assert np.all(out[-3:] == 0)
    assert np.all(np.diff(out) <= 0)


def test_tail_keeps_its_stated_tolerance():
    rng = np.random.default_rng(4)
    z = rng.uniform(-10, 14, 400_000)
    # scipy itself loses digits at shapes above 1e5, skewness below 0.01: those are checked against the limit below
    skewness = rng.uniform(0.01, 2, z.size) * rng.choice([-1.0, 1.0], z.size)
    p, covered = two_sided(z, skewness)
    upper, lower = incomplete_gamma_tails(z, skewness)
    truth = 2 * np.minimum(upper, lower)
    for least, tolerance in ((1e-20, 3e-8), (1e-290, 2e-7)):
        usable = covered & (truth > least)
        np.testing.assert_allclose(p[usable], truth[usable], rtol=tolerance)
    u = z * skewness / (4 + z * skewness)
    assert np.array_equal(covered, (np.abs(u) <= REACH) & (skewness**2 / 4 <= LARGE_UP_TO))
    assert covered.mean() > 0.4


def test_vanishing_skewness_is_the_normal_tail():
    z = np.linspace(-8, 8, 2001)
    for skewness in (0.0, 1e-9, -1e-9):
        p, covered = two_sided(z, np.full_like(z, skewness))
        np.testing.assert_allclose(p, 2 * special.ndtr(-np.abs(z)), rtol=1e-7)
        assert covered.all()
    # to first order the deviate moves by skewness (z^2 - 1) / 6
    p, _ = two_sided(z, np.full_like(z, 1e-5))
    np.testing.assert_allclose(p, 2 * special.ndtr(-np.abs(z - 1e-5 * (z**2 - 1) / 6)), rtol=1e-7)


def test_mirrored_skewness_mirrors_the_tail():
    rng = np.random.default_rng(1)
    z, skewness = rng.uniform(-6, 6, 10_000), rng.uniform(0, 2, 10_000)
    p, covered = two_sided(z, skewness)
    again, _ = two_sided(-z, -skewness)
    np.testing.assert_array_equal(p[covered], again[covered])


def test_scipy_tails_are_those_of_its_pearson3():
    z = np.linspace(-3, 6, 91)
    for skewness in (-1.7, -0.3, 0.4, 1.2, 2.5):
        upper, lower = incomplete_gamma_tails(z, np.full_like(z, skewness))
        np.testing.assert_allclose(upper, stats.pearson3.sf(z, skewness), rtol=1e-8, atol=1e-14)
        np.testing.assert_allclose(upper + lower, 1, rtol=1e-12)
    # beyond the end of the distribution nothing is left
    assert incomplete_gamma_tails(-2.1, 1.0)[0] == 1
    assert incomplete_gamma_tails(2.1, -1.0)[0] == 0


def test_far_tails_are_those_of_scipy_until_the_short_end():
    rng = np.random.default_rng(9)
    skewness = rng.uniform(0.02, 9, 100_000) * rng.choice([-1.0, 1.0], 100_000)
    z = rng.uniform(-3, 8, 100_000) * np.sign(skewness)
    way = 1 + z * skewness / 2
    for ours, theirs in zip(tails(z, skewness), incomplete_gamma_tails(z, skewness), strict=True):
        usable = (way > SHORTEST) & (theirs > 1e-250)
        np.testing.assert_allclose(ours[usable], theirs[usable], rtol=1e-7)


def test_the_short_tail_neither_vanishes_nor_jumps():
    for skewness in (0.4, 1.4, 3.0, 6.0, -2.0):
        z = np.linspace(-6, 2, 4001) if skewness > 0 else np.linspace(6, -2, 4001)
        upper, lower = tails(z, np.full_like(z, skewness))
        short = lower if skewness > 0 else upper
        plain = incomplete_gamma_tails(z, np.full_like(z, skewness))[1 if skewness > 0 else 0]
        np.testing.assert_allclose(upper + lower, 1, rtol=1e-12)
        assert np.all(np.diff(short) >= -1e-12)
        assert np.all(short >= plain * (1 - 1e-7))
        assert np.all(short > 0)
        # above 2 the distribution itself rises without bound at its end
        assert abs(skewness) > 2 or np.abs(np.diff(short)).max() < 0.02


def test_strongly_skewed_sums_are_not_all_called_cold():
    """A tenth of these sums lies beyond the end of the fitted distribution, where its plain tail is 0."""
    rng = np.random.default_rng(2)
    values = np.exp(rng.normal(0, 1.5, 400))
    sums = np.array([rng.choice(values, 8, replace=False).sum() for _ in range(4000)])
    z, skewness = (sums - sums.mean()) / sums.std(), np.full(4000, stats.skew(sums))
    assert (incomplete_gamma_tails(z, skewness)[1] < 1e-6).mean() > 0.05
    upper, lower = tails(z, skewness)
    assert (2 * np.minimum(upper, lower) < 0.05).mean() < 0.06
    assert (lower < 0.025).mean() < 0.025
