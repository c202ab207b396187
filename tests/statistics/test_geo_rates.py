"""Rates and their intervals against published figures, scipy, statsmodels, esda and formulas by hand."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from esda import smoothing
from geo_maps import pysal_weights, shipped
from hypothesis import given
from hypothesis import strategies as st
from libpysal.weights import W
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from geo import neighbours, rates

COUNTS = st.integers(0, 400)
EXPOSURES = st.floats(0.5, 1e6)


def test_crude_rate_is_per_hundred_thousand_unless_told():
    assert rates.crude([5, 0, np.nan], [1000, 10, 10]).tolist()[:2] == [500.0, 0.0]
    assert np.isnan(rates.crude(np.nan, 10))
    assert np.isnan(rates.crude(1, np.nan))
    assert rates.crude(3, 4, per=1) == 0.75
    assert rates.crude(np.ones((3, 4)), np.arange(1, 5)).shape == (3, 4)


# Garwood (1936) limits as printed in every table of them (95 %)
GARWOOD = [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.6235, 11.668), (10, 4.7954, 18.390), (100, 81.364, 121.627)]


@pytest.mark.parametrize(("count", "low", "high"), GARWOOD)
def test_garwood_table(count, low, high):
    interval = rates.poisson_interval(count)
    assert (float(interval.low), float(interval.high)) == (pytest.approx(low, abs=5e-4), pytest.approx(high, abs=5e-4))


@given(COUNTS, st.sampled_from([0.8, 0.95, 0.998]))
def test_garwood_limits_leave_half_of_alpha_on_each_side(count, level):
    low, high = rates.poisson_interval(count, level)
    assert stats.poisson.cdf(count, high) == pytest.approx((1 - level) / 2, rel=1e-8)
    if count:
        assert stats.poisson.sf(count - 1, low) == pytest.approx((1 - level) / 2, rel=1e-8)
    assert low <= count < high


def test_byar_is_the_cube_root_formula_and_close_to_exact_from_ten():
    count = np.arange(10, 500)
    byar, exact = rates.poisson_interval(count, method="byar"), rates.poisson_interval(count)
    z = stats.norm.ppf(0.975)
    by_hand = [c * (1 - 1 / (9 * c) - z / (3 * c**0.5)) ** 3 for c in count]
    np.testing.assert_allclose(byar.low, by_hand, rtol=1e-12)
    np.testing.assert_allclose(byar.low, exact.low, rtol=2e-3)
    np.testing.assert_allclose(byar.high, exact.high, rtol=2e-3)
    assert rates.poisson_interval(0, method="byar").low == 0


# Newcombe (1998), table I: Wilson without continuity correction, and Clopper-Pearson
NEWCOMBE = [
    (81, 263, "wilson", 0.2553, 0.3662),
    (81, 263, "clopper-pearson", 0.2527, 0.3676),
    (15, 148, "wilson", 0.0624, 0.1605),
    (15, 148, "clopper-pearson", 0.0578, 0.1617),
    (0, 20, "wilson", 0.0, 0.1611),
    (0, 20, "clopper-pearson", 0.0, 0.1684),
    (1, 29, "wilson", 0.0061, 0.1718),
    (1, 29, "clopper-pearson", 0.0009, 0.1776),
]


@pytest.mark.parametrize(("count", "n", "method", "low", "high"), NEWCOMBE)
def test_newcombe_table(count, n, method, low, high):
    interval = rates.proportion_interval(count, n, method=method)
    assert (round(float(interval.low), 4), round(float(interval.high), 4)) == (low, high)


@given(COUNTS, st.integers(1, 400), st.sampled_from([("wilson", "wilson"), ("clopper-pearson", "beta")]))
def test_proportions_agree_with_statsmodels(count, more, methods):
    ours, theirs = methods
    n = count + more
    low, high = rates.proportion_interval(count, n, 0.9, ours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = proportion_confint(count, n, 0.1, theirs)
    assert (float(low), float(high)) == (pytest.approx(expected[0], abs=1e-10), pytest.approx(expected[1], abs=1e-10))
    assert 0 <= low <= count / n <= high <= 1


@pytest.fixture(scope="module")
def sids():
    areas = shipped("sids2")
    return areas.SID74.to_numpy(float), areas.BIR74.to_numpy(float), areas


def test_global_empirical_bayes_agrees_with_esda(sids):
    events, births, _ = sids
    theirs = smoothing.Empirical_Bayes(events, births).r.ravel()
    np.testing.assert_allclose(rates.empirical_bayes(events, births), theirs, rtol=1e-12)


def test_local_empirical_bayes_agrees_with_esda(sids):
    events, births, areas = sids
    ordered = W(pysal_weights(areas).neighbors, id_order=list(range(len(areas))))
    theirs = smoothing.Spatial_Empirical_Bayes(events, births, ordered).r.ravel()
    ours = rates.empirical_bayes(events, births, neighbours.contiguity(areas))
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_empirical_bayes_shrinks_towards_the_mean_and_keeps_gaps(sids):
    events, births, areas = sids
    crude, mean = events / births, events.sum() / births.sum()
    smooth = rates.empirical_bayes(events, births)
    assert np.all(np.abs(smooth - mean) <= np.abs(crude - mean) + 1e-15)
    events = events.copy()
    events[4] = np.nan
    holed = rates.empirical_bayes(events, births)
    rest = np.delete(np.arange(100), 4)
    assert np.isnan(holed[4])
    np.testing.assert_allclose(holed[rest], rates.empirical_bayes(events[rest], births[rest]), rtol=1e-12)
    both = rates.empirical_bayes(np.stack([events, events * 2]), births)
    np.testing.assert_allclose(both[0], holed, rtol=1e-12)
    weights = neighbours.contiguity(areas)
    kept = weights[rest][:, rest]
    np.testing.assert_allclose(
        rates.empirical_bayes(events, births, weights)[rest],
        rates.empirical_bayes(events[rest], births[rest], kept),
        rtol=1e-10,
    )


def test_equal_rates_collapse_to_the_mean():
    births = np.array([100.0, 400, 900, 250])
    np.testing.assert_allclose(rates.empirical_bayes(births / 100, births), 0.01, rtol=1e-12)
    assert np.all(rates.empirical_bayes(np.zeros(4), births) == 0)


def test_direct_standardisation_by_hand():
    events, population, standard = [8, 15, 40], [12000, 9000, 5000], [50, 30, 20]
    result = rates.direct(events, population, standard)
    weight = np.array(standard) / 100
    rate = sum(w * e / p for w, e, p in zip(weight, events, population, strict=True))
    variance = sum(w * w * e / p**2 for w, e, p in zip(weight, events, population, strict=True))
    z, total = stats.norm.ppf(0.975), 63
    byar_low = total * (1 - 1 / (9 * total) - z / (3 * total**0.5)) ** 3
    byar_high = (total + 1) * (1 - 1 / (9 * (total + 1)) + z / (3 * (total + 1) ** 0.5)) ** 3
    scale = (variance / total) ** 0.5
    largest = max(w / p for w, p in zip(weight, population, strict=True))
    assert float(result.rate) == pytest.approx(rate, rel=1e-12)
    assert float(result.low) == pytest.approx(rate + scale * (byar_low - total), rel=1e-12)
    assert float(result.high) == pytest.approx(rate + scale * (byar_high - total), rel=1e-12)
    gamma_low = stats.gamma.ppf(0.025, rate**2 / variance, scale=variance / rate)
    mean, var = rate + largest, variance + largest**2
    assert float(result.gamma_low) == pytest.approx(gamma_low, rel=1e-9)
    assert float(result.gamma_high) == pytest.approx(stats.gamma.ppf(0.975, mean**2 / var, scale=var / mean), rel=1e-9)


def test_direct_with_one_group_is_the_poisson_interval():
    few, many = rates.direct([[4.0]], [[1000.0]], [1.0]), rates.direct([[40.0]], [[1000.0]], [7.0])
    exact, byar = rates.poisson_interval(4), rates.poisson_interval(40, method="byar")
    np.testing.assert_allclose([few.low[0], few.high[0]], [exact.low / 1000, exact.high / 1000], rtol=1e-12)
    np.testing.assert_allclose([many.low[0], many.high[0]], [byar.low / 1000, byar.high / 1000], rtol=1e-12)
    np.testing.assert_allclose([few.gamma_low[0], few.gamma_high[0]], [exact.low / 1000, exact.high / 1000], rtol=1e-9)


def test_direct_without_events():
    none = rates.direct(np.zeros(3), [10.0, 20, 30], [1.0, 1, 1])
    assert none.rate == 0
    assert none.low == 0
    assert none.gamma_low == 0
    assert np.isnan(none.high)
    assert none.gamma_high > 0


@pytest.mark.parametrize("expected", [0.3, 1.0, 4.2, 30.0, 700.0])
def test_funnel_limits_interpolate_the_poisson_distribution(expected):
    limits = rates.funnel_limits(expected)
    for row, tail in enumerate((0.025, 0.001)):
        for limit, p in ((limits.low[row], tail), (limits.high[row], 1 - tail)):
            r = stats.poisson.ppf(p, expected)
            share = (stats.poisson.cdf(r, expected) - p) / stats.poisson.pmf(r, expected)
            assert 0 <= share < 1
            assert float(limit) == pytest.approx(max(r - share, 0), rel=1e-9)
    assert limits.low[1] <= limits.low[0] <= expected <= limits.high[0] < limits.high[1]
    np.testing.assert_allclose(limits.ratio_high * expected, limits.high)


def test_funnel_limits_do_not_fall_below_zero():
    limits = rates.funnel_limits(np.linspace(0.01, 3, 200))
    assert np.all(limits.low >= 0)
    assert limits.low.shape == (2, 200)
    assert np.all(np.diff(limits.high, axis=1) > -1e-9)


def test_funnel_limits_at_large_expectation_are_normal():
    limits = rates.funnel_limits(1e6)
    np.testing.assert_allclose((limits.high - 1e6) / 1e3, stats.norm.ppf([0.975, 0.999]), atol=5e-3)


def test_overdispersion_by_hand():
    rng = np.random.default_rng(3)
    expected = rng.uniform(5, 80, 40)
    observed = rng.poisson(expected * rng.gamma(20, 1 / 20, 40)).astype(float)
    z = [(o - e) / e**0.5 for o, e in zip(observed, expected, strict=True)]
    low, high = np.quantile(z, 0.1), np.quantile(z, 0.9)
    squares = [min(max(v, low), high) ** 2 for v in z]
    phi = sum(squares) / 40
    tau2 = (40 * phi - 39) / (sum(expected) - sum(e * e for e in expected) / sum(expected))
    result = rates.overdispersion(observed, expected)
    assert float(result.phi) == pytest.approx(phi, rel=1e-12)
    assert float(result.tau2) == pytest.approx(max(tau2, 0), rel=1e-12)
    observed[3] = np.nan
    kept = np.delete(np.arange(40), 3)
    again, without = rates.overdispersion(observed, expected), rates.overdispersion(observed[kept], expected[kept])
    assert float(again.phi) == pytest.approx(float(without.phi), rel=1e-12)
    assert float(again.tau2) == pytest.approx(float(without.tau2), rel=1e-12)


def test_overdispersion_recovers_planted_spread():
    rng = np.random.default_rng(8)
    expected = np.full((200, 400), 50.0)
    plain = rates.overdispersion(rng.poisson(expected), expected, winsorise=0)
    assert plain.phi.mean() == pytest.approx(1, abs=0.02)
    true = rng.normal(1, 0.2, expected.shape)
    spread = rates.overdispersion(rng.poisson(expected * np.maximum(true, 0.05)), expected, winsorise=0)
    assert spread.tau2.mean() == pytest.approx(0.04, rel=0.1)


def test_rate_ratio_is_the_published_one():
    """Montana malformed-births example of R's poisson.test."""
    result = rates.rate_ratio(11, 800, 21, 1083 + 1050 + 878)
    assert round(float(result.p), 5) == 0.07967
    assert (round(float(result.low), 6), round(float(result.high), 6)) == (0.858426, 4.277266)


@given(COUNTS, EXPOSURES, COUNTS, EXPOSURES)
def test_rate_ratio_agrees_with_the_exact_binomial_test(a, n_a, b, n_b):
    result = rates.rate_ratio(a, n_a, b, n_b)
    if a + b == 0:
        assert np.isnan(result.ratio)
        assert result.p == 1
        assert (result.low, result.high) == (0, np.inf)
        return
    share = n_a / (n_a + n_b)
    theirs = stats.binomtest(a, a + b, share)
    assert float(result.p) == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-300)
    limits = theirs.proportion_ci()
    assert float(result.low) == pytest.approx(limits.low / (1 - limits.low) * n_b / n_a, rel=1e-7, abs=1e-300)
    if b:
        assert float(result.high) == pytest.approx(limits.high / (1 - limits.high) * n_b / n_a, rel=1e-7)
    else:
        assert np.isinf(result.high)
    below, own = stats.binom.cdf(a - 1, a + b, share), stats.binom.pmf(a, a + b, share)
    mid = min(1.0, 2 * min(below + own / 2, 1 - below - own / 2))
    assert float(result.p_mid) == pytest.approx(mid, rel=1e-6, abs=1e-12)
    assert result.p_mid <= result.p_central <= 1
    assert 0 <= result.p <= 1
    assert result.low <= result.ratio <= result.high


@given(COUNTS, EXPOSURES, COUNTS, EXPOSURES)
def test_swapping_the_rates_inverts_their_ratio(a, n_a, b, n_b):
    one, other = rates.rate_ratio(a, n_a, b, n_b), rates.rate_ratio(b, n_b, a, n_a)
    for name in ("p", "p_mid", "p_central"):
        assert float(getattr(one, name)) == pytest.approx(float(getattr(other, name)), rel=1e-6, abs=1e-12)
    if a and b:
        assert float(one.low) == pytest.approx(1 / float(other.high), rel=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rates.crude([-1, 2], [1, 1]), "negative"),
        (lambda: rates.crude([1, 2], [1, 0]), "zero or negative"),
        (lambda: rates.crude([1, 2], [1, 1, 1]), "shapes do not fit"),
        (lambda: rates.crude([np.inf], [1]), "infinite"),
        (lambda: rates.direct([1, 2], [3, 4], [1, 1, 1]), "standard has shape"),
        (lambda: rates.direct([1, 2], [3, 0], [1, 1]), "zero or negative"),
        (lambda: rates.poisson_interval(3, 95), "between 0 and 1"),
        (lambda: rates.poisson_interval(3, method="exact"), "garwood"),
        (lambda: rates.proportion_interval(5, 4), "above n"),
        (lambda: rates.proportion_interval(1, 4, method="wald"), "wilson"),
        (lambda: rates.rate_ratio(1.5, 1, 2, 1), "whole counts"),
        (lambda: rates.overdispersion([1], [1]), "two areas"),
        (lambda: rates.empirical_bayes(3, 4), "last axis"),
    ],
)
def test_wrong_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_nan_stays_nan_everywhere():
    assert np.isnan(rates.poisson_interval([np.nan]).high[0])
    assert np.isnan(rates.proportion_interval(np.nan, 4).low)
    result = rates.rate_ratio(np.nan, 1, 2, 3)
    assert np.isnan([result.ratio, result.low, result.high, result.p, result.p_mid, result.p_central]).all()
    assert np.isnan(rates.funnel_limits(np.nan).low).all()


def test_rates_load_nothing_heavy():
    code = "import sys, geo.rates; print([m for m in ('pandas', 'geopandas', 'numba', 'libpysal') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
