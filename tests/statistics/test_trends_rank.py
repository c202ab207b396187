"""Mann-Kendall, Theil-Sen and false discovery against pymannkendall, scipy and formulas by hand."""

import subprocess
import sys
from itertools import combinations

import numpy as np
import pymannkendall
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from trends import tests
from trends.tests import false_discovery, mann_kendall, theil_sen

SERIES = hnp.arrays(
    float,
    st.integers(2, 14),
    elements=st.one_of(
        st.integers(-4, 4).map(float), st.integers(-400, 400).map(lambda eighths: eighths / 8), st.just(np.nan)
    ),
)


@pytest.fixture(scope="module")
def many():
    """Sixty series of 48 periods: half counts with many ties, half continuous, a few gaps in each."""
    rng = np.random.default_rng(11)
    y = rng.poisson(5, (60, 48)).astype(float)
    y[::2] += rng.normal(size=y[::2].shape)
    y[rng.random(y.shape) < 0.05] = np.nan
    return y


def test_mann_kendall_agrees_with_pymannkendall(many):
    ours = mann_kendall(many)
    for row, y in enumerate(many):
        theirs = pymannkendall.original_test(y)
        assert ours.s[row] == theirs.s
        assert ours.variance[row] == pytest.approx(theirs.var_s, rel=1e-12)
        assert ours.z[row] == pytest.approx(theirs.z, rel=1e-12)
        assert ours.p[row] == pytest.approx(theirs.p, abs=1e-12)


def test_tau_is_tau_b(many):
    ours = mann_kendall(many)
    for row, y in enumerate(many):
        present = ~np.isnan(y)
        assert ours.tau[row] == pytest.approx(stats.kendalltau(np.flatnonzero(present), y[present]).statistic)


def test_seasonal_strata_agree_with_pymannkendall(many):
    season = np.arange(48) % 12
    ours, slope = mann_kendall(many, strata=season), theil_sen(many, strata=season)
    for row, y in enumerate(many):
        theirs = pymannkendall.seasonal_test(y, 12)
        assert ours.s[row] == theirs.s
        assert ours.variance[row] == pytest.approx(theirs.var_s, rel=1e-12)
        assert slope.slope[row] * 12 == pytest.approx(theirs.slope, rel=1e-12, abs=1e-12)
        assert slope.intercept[row] == pytest.approx(theirs.intercept, rel=1e-12)


def test_hamed_rao_agrees_with_pymannkendall():
    rng = np.random.default_rng(5)
    y = 0.4 * np.cumsum(rng.normal(size=(40, 60)), axis=1) + rng.poisson(5, (40, 60))
    ours = mann_kendall(y, correction="hamed_rao")
    compared = 0
    for row, values in enumerate(y):
        theirs = pymannkendall.hamed_rao_modification_test(values)
        if theirs.var_s > 0:  # a negative variance has no z there; here it stays uncorrected
            compared += 1
            assert ours.variance[row] == pytest.approx(theirs.var_s, rel=1e-9)
            assert ours.p[row] == pytest.approx(theirs.p, abs=1e-9)
        else:
            assert ours.variance[row] == mann_kendall(values).variance
    assert compared >= 30


def test_hamed_rao_raises_the_variance_of_a_random_walk():
    y = np.cumsum(np.random.default_rng(2).normal(size=(30, 100)), axis=1)
    plain, corrected = mann_kendall(y), mann_kendall(y, correction="hamed_rao")
    assert np.median(corrected.variance / plain.variance) > 3
    assert (corrected.s == plain.s).all()


def test_theil_sen_agrees_with_scipy(many):
    for level in (0.5, 0.95, 0.999):
        ours = theil_sen(many, level=level)
        for row, y in enumerate(many):
            present = ~np.isnan(y)
            theirs = stats.theilslopes(y[present], np.flatnonzero(present), alpha=level)
            assert (ours.slope[row], ours.low[row], ours.high[row]) == (
                theirs.slope,
                theirs.low_slope,
                theirs.high_slope,
            )
            assert ours.intercept[row] == pytest.approx(theirs.intercept, rel=1e-12)


def test_theil_sen_takes_uneven_and_unsorted_times():
    rng = np.random.default_rng(3)
    t, y = rng.random(20), rng.normal(size=20)
    theirs = stats.theilslopes(y, t)
    ours = theil_sen(y, t=t)
    assert (ours.slope, ours.low, ours.high) == (theirs.slope, theirs.low_slope, theirs.high_slope)


def test_formula_by_hand():
    # 1 3 2 4 4: signs + + + +, - + +, + +, 0 = 4 + 1 + 2 + 0 = 7; one tie of two
    result = mann_kendall([1, 3, 2, 4, 4])
    assert result.s == 7
    assert result.variance == pytest.approx((5 * 4 * 15 - 2 * 1 * 9) / 18)
    assert result.z == pytest.approx(6 / np.sqrt(282 / 18))
    assert result.tau == pytest.approx(7 / np.sqrt(10 * 9))


def test_strata_add_up():
    rng = np.random.default_rng(8)
    y = rng.normal(size=(5, 30))
    regime = np.repeat([0, 1, 2], [12, 10, 8])
    whole = mann_kendall(y, strata=regime)
    parts = [mann_kendall(y[:, regime == code]) for code in range(3)]
    np.testing.assert_array_equal(whole.s, sum(part.s for part in parts))
    np.testing.assert_allclose(whole.variance, sum(part.variance for part in parts))


def test_a_step_between_regimes_is_no_trend_with_strata():
    rng = np.random.default_rng(4)
    y = rng.normal(size=(400, 40))
    y[:, 20:] += 3  # a change of the law
    regime = np.arange(40) >= 20
    assert (mann_kendall(y).p < 0.05).mean() > 0.99
    assert 0.02 < (mann_kendall(y, strata=regime).p < 0.05).mean() < 0.08
    assert np.abs(np.median(theil_sen(y, strata=regime).slope)) < 0.01


def test_strata_may_differ_by_series_and_leave_periods_out():
    rng = np.random.default_rng(9)
    y = rng.normal(size=(3, 20))
    strata = rng.integers(0, 2, y.shape).astype(float)
    strata[:, :3] = np.nan
    together = mann_kendall(y, strata=strata)
    slopes = theil_sen(y, strata=strata)
    for row in range(3):
        alone = mann_kendall(y[row], strata=strata[row])
        assert together.s[row] == alone.s
        left = mann_kendall(y[row, 3:], strata=strata[row, 3:])
        assert alone.s == left.s
        assert alone.variance == pytest.approx(left.variance)
        assert slopes.slope[row] == theil_sen(y[row, 3:], strata=strata[row, 3:]).slope


def test_nothing_to_compare():
    empty = mann_kendall([[np.nan, np.nan, 1.0], [np.nan] * 3])
    assert np.isnan(empty.p).all()
    assert np.isnan(theil_sen([np.nan, 2.0]).slope)
    constant = mann_kendall([2.0, 2.0, 2.0])
    assert (constant.s, constant.p) == (0, 1)
    assert np.isnan(constant.tau)


def test_clear_errors():
    with pytest.raises(ValueError, match="infinite"):
        mann_kendall([1, np.inf])
    with pytest.raises(ValueError, match="strata has shape"):
        mann_kendall([1, 2, 3], strata=[0, 1])
    with pytest.raises(ValueError, match="correction"):
        mann_kendall([1, 2, 3], correction="yue_wang")
    with pytest.raises(ValueError, match="t has shape"):
        theil_sen([1, 2, 3], t=[0, 1])
    with pytest.raises(ValueError, match="level"):
        theil_sen([1, 2, 3], level=95)
    with pytest.raises(ValueError, match="between 0 and 1"):
        false_discovery([0.5, 1.2])


@settings(max_examples=150, deadline=None)
@given(SERIES)
def test_definition_holds_for_any_series(y):
    result = mann_kendall(y)
    present = y[~np.isnan(y)]
    if len(present) < 2:
        assert np.isnan(result.p)
        return
    assert result.s == sum(np.sign(b - a) for a, b in combinations(present, 2))
    ties = sum(k * (k - 1) * (2 * k + 5) for k in np.unique(present, return_counts=True)[1])
    n = len(present)
    assert result.variance == pytest.approx((n * (n - 1) * (2 * n + 5) - ties) / 18)
    assert 0 <= result.p <= 1
    assert np.isnan(result.tau) or abs(result.tau) <= 1 + 1e-12


@settings(max_examples=100, deadline=None)
@given(SERIES)
def test_invariances(y):
    base, turned = mann_kendall(y), mann_kendall(-y)
    ranks = np.unique(y, return_inverse=True)[1].reshape(y.shape)
    monotone = mann_kendall(np.where(np.isnan(y), np.nan, 2.0**ranks))
    later = mann_kendall(np.concatenate([y, [np.nan]]))
    np.testing.assert_array_equal(turned.s, -base.s)
    np.testing.assert_allclose([turned.p, monotone.p, later.p], base.p, rtol=1e-12)
    slope, shifted = theil_sen(y), theil_sen(2 * y + 3)
    np.testing.assert_allclose(
        [shifted.slope, shifted.low, shifted.high], [2 * slope.slope, 2 * slope.low, 2 * slope.high], atol=1e-4
    )
    if not np.isnan(slope.slope):
        assert slope.low <= slope.slope <= slope.high


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        float,
        st.tuples(st.integers(1, 4), st.integers(2, 40)),
        elements=st.one_of(st.integers(0, 5).map(float), st.floats(-5, 5), st.just(np.nan)),
    ),
    st.sampled_from(["none", "seasons", "by series"]),
    st.sampled_from([0.1, 0.9, 0.99]),
)
def test_compiled_and_plain_paths_give_the_same_bits(y, kind, level):
    from trends import rank_kernels

    rng = np.random.default_rng(y.size)
    strata = {"none": None, "seasons": np.arange(y.shape[1]) % 3, "by series": rng.integers(0, 3, y.shape)}[kind]
    values, shape = tests._series(y)
    codes, n_strata = tests._strata_codes(strata, values.shape, shape)
    z = stats.norm.ppf((1 + level) / 2)
    for plain, compiled in zip(
        tests._kendall_scores(values, codes, n_strata),
        rank_kernels.kendall_scores(values, codes, n_strata),
        strict=True,
    ):
        np.testing.assert_array_equal(plain, compiled)
    for times in (
        np.arange(y.shape[1], dtype=float),
        np.sort(rng.random(y.shape[1])),
        np.arange(y.shape[1]) // 2 * 1.0,
    ):
        for plain, compiled in zip(
            tests._pairwise_slopes(values, times, codes, n_strata, z),
            rank_kernels.pairwise_slopes(values, times, codes, n_strata, z),
            strict=True,
        ):
            np.testing.assert_array_equal(plain, compiled)


def test_long_series_take_the_bracketed_selection():
    from trends import rank_kernels

    rng = np.random.default_rng(6)
    y = np.concatenate(
        [rng.normal(size=(20, 120)), rng.poisson(1, (20, 120)), np.zeros((1, 120)), rng.standard_cauchy((20, 120))]
    )
    codes = np.zeros((1, 120), dtype=np.int64)
    times = np.arange(120.0)
    for z in (0.1, 1.96, 6.0):
        for plain, compiled in zip(
            tests._pairwise_slopes(y, times, codes, 1, z),
            rank_kernels.pairwise_slopes(y, times, codes, 1, z),
            strict=True,
        ):
            np.testing.assert_array_equal(plain, compiled)


def test_size_of_the_test_under_no_trend():
    rng = np.random.default_rng(123)
    share = (mann_kendall(rng.poisson(3, (4000, 20))).p < 0.05).mean()
    assert 0.03 < share < 0.06


@pytest.mark.parametrize("method", ["bh", "by"])
def test_false_discovery_agrees_with_scipy(method):
    p = np.random.default_rng(1).random((6, 7)) ** 2
    ours = false_discovery(p, method)
    np.testing.assert_allclose(ours.ravel(), stats.false_discovery_control(p.ravel(), method=method), rtol=1e-12)
    np.testing.assert_allclose(
        false_discovery(p, method, axis=0), stats.false_discovery_control(p, axis=0, method=method), rtol=1e-12
    )


def test_false_discovery_passes_missing_through():
    p = np.array([0.01, np.nan, 0.04, 0.03])
    q = false_discovery(p)
    np.testing.assert_allclose(q[[0, 2, 3]], [0.03, 0.04, 0.04])
    assert np.isnan(q[1])
    assert false_discovery([]).shape == (0,)
    assert np.isnan(false_discovery([np.nan])).all()


@settings(max_examples=80, deadline=None)
@given(hnp.arrays(float, st.integers(1, 30), elements=st.one_of(st.floats(0, 1), st.just(np.nan))))
def test_false_discovery_properties(p):
    bh, by = false_discovery(p), false_discovery(p, "by")
    made = ~np.isnan(p)
    assert (bh[made] >= p[made] - 1e-15).all()
    assert (by[made] >= bh[made] - 1e-15).all()
    assert (bh[made] <= 1).all()
    order = np.argsort(p[made], kind="stable")
    assert (np.diff(bh[made][order]) >= -1e-15).all()
    shuffled = np.random.default_rng(0).permutation(len(p))
    np.testing.assert_array_equal(false_discovery(p[shuffled]), bh[shuffled])


def test_importing_the_module_loads_nothing_heavy():
    heavy = ("numba", "pandas", "statsmodels", "ruptures")
    script = f"import sys, trends.tests; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
