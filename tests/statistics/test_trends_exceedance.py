"""p-values beside limits: their size under the null far out, the formulas they are made of, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trends.alerts import farrington
from trends.exceedance import limit_tail, pooled_tail


def quarters(rng, mean, n=20_000, seasons=(1.0,) * 4, spread=0.0):
    """Five years of a quarter less three: `n` series of 17 counts."""
    rate = mean * np.resize(seasons, 17) * np.exp(rng.normal(-(spread**2) / 2, spread, (n, 17)))
    return rng.poisson(rate).astype(float)


def both(counts):
    found = farrington(counts, 4, half_width=0, n_periods=4, past_excluded=2, limit54=(0, 4))
    p = limit_tail(counts[:, -1], found.expected[:, -1], found.upper[:, -1])
    return p, np.fmax(p, pooled_tail(counts[:, -1], counts[:, :14]))


@pytest.mark.parametrize("mean", [0.3, 1, 3, 10, 40, 200])
@pytest.mark.parametrize("seasons", [(1.0,) * 4, (0.9, 1.0, 1.15, 0.95)])
def test_the_larger_of_both_keeps_its_level_far_out(mean, seasons):
    rng = np.random.default_rng(int(mean * 10))
    _, p = both(quarters(rng, mean, seasons=seasons))
    for level in (0.05, 0.01, 0.001):
        # 99.9 % of 20,000 draws at this level
        assert (p <= level).sum() <= stats.binom.ppf(0.999, len(p), level), (mean, level)
    assert not np.isnan(p).any()


def test_one_view_alone_would_not():
    """A season in which the past has no case makes the forecast nearly 0, and any case a wonder."""
    alone, p = both(quarters(np.random.default_rng(1), 1.0))
    assert (alone <= 0.001).mean() > 0.005
    assert (p <= 0.001).mean() <= 0.001


def test_counts_that_scatter_beyond_chance():
    rng = np.random.default_rng(5)
    _, p = both(quarters(rng, 40, spread=0.3))
    shares = {level: (p <= level).mean() / level for level in (0.05, 0.01, 0.001)}
    print("overdispersed by 30 %:", shares)
    assert shares[0.05] < 1.2
    # the dispersion of 14 periods is itself uncertain: far out a heavy scatter is not held fully
    assert shares[0.001] < 6


def test_a_jump_to_four_times_is_rare_even_for_small_counts():
    rng = np.random.default_rng(2)
    for mean, least in ((3, 0.4), (10, 0.95)):
        counts = quarters(rng, mean, n=2000)
        counts[:, -1] = rng.poisson(4 * mean, 2000)
        assert (both(counts)[1] < 0.001).mean() > least


def test_the_limit_itself_has_its_level():
    """For a large mean the normal and the negative binomial tail agree at the limit."""
    mean, tau = 10_000.0, 2.5
    upper = (mean ** (2 / 3) + stats.norm.isf(0.05) * np.sqrt(4 / 9 * mean ** (1 / 3) * tau)) ** 1.5
    assert limit_tail(upper, mean, upper) == pytest.approx(0.05, rel=0.01)
    # without overdispersion and error: the Poisson tail
    poisson = (4 ** (2 / 3) + stats.norm.isf(0.05) * np.sqrt(4 / 9 * 4 ** (1 / 3))) ** 1.5
    assert limit_tail(9, 4, poisson) == pytest.approx(stats.poisson.sf(8, 4), rel=1e-6)


def test_pooled_tail_of_poisson_counts_is_the_predictive_distribution():
    past = np.array([[2.0, 3, 1, 2, 3, 1, 2, 3], [0, 0, 0, 0, 0, 0, 0, 0]])
    found = pooled_tail([6, 1], past)
    expected = [stats.nbinom.sf(5, 17.5, 8 / 9), stats.nbinom.sf(0, 0.5, 8 / 9)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=3, max_size=16), st.integers(0, 80))
def test_pooled_tail_falls_with_the_count(past, count):
    row = np.array([past, past], dtype=float)
    less, more = pooled_tail([count, count + 1], row)
    assert 0 <= more <= less <= 1


def test_missing_and_wrong_input():
    past = np.full((1, 6), np.nan)
    past[0, 2] = 4
    assert np.isnan(pooled_tail([3], past)).all()
    assert np.isnan(limit_tail([np.nan, 3], [2, np.nan], [5, 5])).all()
    assert limit_tail([0, 3], [0, 0], [0, 0]).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="one count a series"):
        pooled_tail([1, 2], past)
    with pytest.raises(ValueError, match="negative"):
        pooled_tail([-1], past)
    with pytest.raises(ValueError, match="alpha"):
        limit_tail(1, 1, 2, alpha=0)
