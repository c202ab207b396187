"""Change points against ruptures and the Nile, joinpoints against exhaustive search, steps against statsmodels."""

from itertools import combinations, pairwise

import numpy as np
import pytest
import ruptures
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from trends.breaks import change_points, joinpoint, step_model


def stepped(rng, n_series=60, n=80):
    y = rng.normal(size=(n_series, n))
    for row in range(n_series):
        for cut in rng.choice(np.arange(8, n - 8), rng.integers(0, 4), replace=False):
            y[row, cut:] += rng.choice([-3.0, 3.0])
    return y


def positions_of(row):
    return [int(place) for place in row[~np.isnan(row)]]


def test_nile_changes_in_1899():
    nile = sm.datasets.nile.load_pandas().data
    result = change_points(nile["volume"].to_numpy())
    assert [nile["year"].iloc[place] for place in positions_of(result.positions)] == [1899]
    np.testing.assert_allclose(result.levels[:2], [1097.75, 849.9722], rtol=1e-6)
    # 50 log(RSS without / RSS with one change), from the two levels
    volume = nile["volume"].to_numpy()
    without = ((volume - volume.mean()) ** 2).sum()
    with_one = ((volume[:28] - volume[:28].mean()) ** 2).sum() + ((volume[28:] - volume[28:].mean()) ** 2).sum()
    assert result.llr == pytest.approx(50 * np.log(without / with_one))


def test_penalised_partitions_agree_with_ruptures():
    y = stepped(np.random.default_rng(1))
    ours = change_points(y, penalty=10.0, max_changes=20)
    for row, series in enumerate(y):
        theirs = ruptures.KernelCPD(kernel="linear", min_size=2).fit(series[:, None]).predict(pen=10.0)
        assert positions_of(ours.positions[row]) == theirs[:-1]


@pytest.mark.parametrize("n_changes", [1, 2, 4])
def test_best_partition_of_each_number_agrees_with_ruptures(n_changes):
    y = stepped(np.random.default_rng(2), n_series=15, n=40)
    from trends import break_kernels

    # a negligible penalty with a cap takes the best partition with exactly that many changes
    ours = break_kernels.partitions(y, n_changes, 3, False, 2, 1e-9)[0]
    for row, series in enumerate(y):
        theirs = ruptures.Dynp(model="l2", min_size=3, jump=1).fit(series).predict(n_bkps=n_changes)
        assert positions_of(ours[row]) == theirs[:-1]


def poisson_deviance_of(counts, cuts):
    total = 0.0
    for part in np.split(counts, cuts):
        if part.sum() > 0:
            total -= 2 * part.sum() * np.log(part.mean())
    return total


def test_poisson_partition_is_the_best_of_all():
    rng = np.random.default_rng(3)
    for _ in range(8):
        counts = rng.poisson(np.repeat([4, 15, 6], 7)).astype(float)
        least = min(
            poisson_deviance_of(counts, cuts) for cuts in combinations(range(2, 20), 2) if cuts[1] - cuts[0] >= 2
        )
        from trends import break_kernels

        found = break_kernels.partitions(counts[None], 2, 2, True, 2, 1e-9)[0][0]
        assert poisson_deviance_of(counts, positions_of(found)) == pytest.approx(least)


def test_poisson_likelihood_ratio_by_hand():
    counts = np.array([2.0] * 20 + [30.0] * 20)
    result = change_points(counts, family="poisson")
    assert positions_of(result.positions) == [20]
    expected = 40 * np.log(2 / 16) + 600 * np.log(30 / 16)
    assert result.llr == pytest.approx(expected)


def test_planted_changes_are_found():
    rng = np.random.default_rng(4)
    counts = rng.poisson(np.repeat([10, 30, 12], 24), (200, 72))
    result = change_points(counts, family="poisson")
    right = [
        len(found) == 2 and abs(found[0] - 24) <= 2 and abs(found[1] - 48) <= 2
        for found in map(positions_of, result.positions)
    ]
    assert np.mean(right) > 0.9
    np.testing.assert_allclose(np.median(result.levels[:, :3], axis=0), [10, 30, 12], rtol=0.1)


@pytest.mark.parametrize("n", [8, 12, 20, 60])
def test_false_breaks_without_a_change(n):
    rng = np.random.default_rng(5)
    assert (~np.isnan(change_points(rng.normal(size=(2000, n))).positions[:, 0])).mean() < 0.08
    counts = rng.poisson(8, (2000, n))
    assert (~np.isnan(change_points(counts, family="poisson").positions[:, 0])).mean() < 0.1


def test_gaps_keep_their_place():
    y = np.array([0.0, 0, np.nan, 0, 0, 0, np.nan, 9, 9, 9, 9, np.nan])
    result = change_points(y)
    assert positions_of(result.positions) == [7]
    np.testing.assert_allclose(result.levels[:2], [0, 9], atol=1e-12)


def test_series_without_a_change():
    result = change_points([[3.0] * 10, [np.nan] * 10])
    assert np.isnan(result.positions).all()
    np.testing.assert_allclose(result.levels[0, 0], 3)
    assert result.llr[0] == 0
    assert result.positions.shape == (2, 5)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(float, st.integers(6, 30), elements=st.one_of(st.integers(-9, 9).map(float), st.just(np.nan))),
    st.integers(1, 3),
)
def test_change_points_do_not_depend_on_scale_place_or_direction(y, min_size):
    base = change_points(y, min_size=min_size)
    for moved in (change_points(4 * y, min_size=min_size), change_points(y + 32, min_size=min_size)):
        np.testing.assert_array_equal(moved.positions, base.positions)
    negative = change_points(-y, min_size=min_size)
    np.testing.assert_array_equal(negative.positions, base.positions)
    found = positions_of(base.positions)
    present = np.flatnonzero(~np.isnan(y))
    if len(present):
        edges = np.concatenate([[0], np.searchsorted(present, found), [len(present)]])
        assert len(found) == 0 or (np.diff(edges) >= min_size).all()
        means = [y[present[a:b]].mean() for a, b in pairwise(edges)]
        if len(present) >= min_size:
            np.testing.assert_allclose(base.levels[~np.isnan(base.levels)], means, atol=1e-9)
    assert np.isnan(base.llr) or base.llr >= 0


# ---------------------------------------------------------------------------------------------------------- joinpoints


def exhaustive(counts, exposure, t, k):
    """Best weighted least squares over all sets of k joinpoints, by statsmodels."""
    n = len(counts)
    y = np.log(counts / exposure)
    best = None
    for places in combinations(range(2, n - 2), k):
        if any(b - a < 3 for a, b in pairwise(places)):
            continue
        design = np.column_stack([np.ones(n), t - t[0], *[np.maximum(t - t[i], 0) for i in places]])
        fit = sm.WLS(y, design, weights=counts).fit()
        if best is None or fit.ssr < best[0].ssr:
            best = (fit, places)
    return best


@pytest.fixture(scope="module")
def bent():
    t = np.arange(2000, 2022)
    rate = np.exp(np.log(300) + 0.06 * (t - 2000) - 0.14 * np.maximum(t - 2011, 0))
    return t, np.random.default_rng(6).poisson(rate).astype(float), np.full(22, 2e5)


def test_joinpoint_is_the_exhaustive_optimum(bent):
    t, counts, exposure = bent
    result = joinpoint(counts, exposure, max_joinpoints=3, years=t, criterion="bic")
    n = len(t)
    fits = [exhaustive(counts, exposure, t, k) for k in range(4)]
    expected = [np.log(fit.ssr / n) + 2 * (k + 1) * np.log(n) / n for k, (fit, _) in enumerate(fits)]
    np.testing.assert_allclose(result.criteria, expected, rtol=1e-9)
    k = int(np.argmin(expected))
    fit, places = fits[k]
    np.testing.assert_array_equal(result.years[:k], t[list(places)])
    assert np.isnan(result.years[k:]).all()
    slopes = np.cumsum(fit.params[1:])
    np.testing.assert_allclose(result.apc[: k + 1], 100 * np.expm1(slopes), rtol=1e-9)
    # each joinpoint's place costs a degree of freedom that statsmodels does not know of
    degrees = n - 2 * (k + 1)
    for segment in (0, k):
        along = np.r_[0, 1, np.ones(segment), np.zeros(k - segment)]
        spread = np.sqrt(along @ fit.cov_params() @ along * fit.df_resid / degrees)
        half = stats.t.ppf(0.975, degrees) * spread
        np.testing.assert_allclose(
            [result.apc_low[segment], result.apc_high[segment]],
            100 * np.expm1([slopes[segment] - half, slopes[segment] + half]),
            rtol=1e-8,
        )


def test_weighted_bic_by_its_formula(bent):
    t, counts, exposure = bent
    result = joinpoint(counts, exposure, max_joinpoints=1, years=t)
    fit, (place,) = exhaustive(counts, exposure, t, 1)
    y = np.log(counts / exposure)
    line = sm.add_constant((t - t[0]).astype(float))
    off_y = sm.WLS(y, line, weights=counts).fit().wresid
    off_z = sm.WLS(np.maximum(t - t[place], 0.0), line, weights=counts).fit().wresid
    partial = (off_y @ off_z) ** 2 / ((off_y @ off_y) * (off_z @ off_z))
    n = len(t)
    expected = np.log(fit.ssr / n) + ((2 + partial) + 2) * np.log(n) / n
    assert result.criteria[1] == pytest.approx(expected)
    assert result.bic == result.criteria[1]


def test_average_change_weights_segments_by_length(bent):
    t, counts, exposure = bent
    result = joinpoint(counts, exposure, max_joinpoints=1, years=t)
    bend = result.years[0]
    slopes = np.log1p(result.apc[:2] / 100)
    mean = (slopes[0] * (bend - t[0]) + slopes[1] * (t[-1] - bend)) / (t[-1] - t[0])
    assert result.aapc == pytest.approx(100 * np.expm1(mean))
    straight = joinpoint(counts, exposure, max_joinpoints=0, years=t)
    assert straight.aapc == pytest.approx(straight.apc[0])
    assert straight.aapc_low == pytest.approx(straight.apc_low[0])
    assert result.aapc_low < result.aapc < result.aapc_high


def test_exact_rates_give_the_exact_change():
    t = np.arange(12)
    result = joinpoint(1e6 * 1.05**t, 1e8)
    assert np.isnan(result.years).all()
    assert result.apc[0] == pytest.approx(5)
    assert result.aapc == pytest.approx(5)


def test_short_series_get_fewer_joinpoints():
    rng = np.random.default_rng(7)
    for n, most in ((6, 0), (7, 1), (11, 1), (12, 2), (17, 3)):
        criteria = joinpoint(rng.poisson(100, n), 1.0, max_joinpoints=3).criteria
        assert (~np.isnan(criteria)).sum() - 1 == most


def test_joinpoint_is_vectorised_and_skips_gaps():
    rng = np.random.default_rng(8)
    counts = rng.poisson(80, (2, 3, 18)).astype(float)
    counts[0, 1, [3, 9]] = np.nan
    counts[1, 0, 5] = 0
    together = joinpoint(counts, 1000.0)
    for i, j in np.ndindex(2, 3):
        alone = joinpoint(counts[i, j], 1000.0)
        np.testing.assert_array_equal(together.apc[i, j], alone.apc)
        np.testing.assert_array_equal(together.years[i, j], alone.years)
    kept = ~np.isnan(counts[0, 1])
    shorter = joinpoint(counts[0, 1][kept], 1000.0, years=np.arange(18)[kept])
    np.testing.assert_allclose(together.apc[0, 1], shorter.apc, rtol=1e-9)
    assert np.isnan(joinpoint([np.nan] * 5, 1.0).aapc)


def test_doubling_counts_and_population_changes_no_rate():
    rng = np.random.default_rng(9)
    counts, exposure = rng.poisson(60, 20), rng.uniform(900, 1100, 20)
    one, two = joinpoint(counts, exposure), joinpoint(2 * counts, 2 * exposure)
    np.testing.assert_allclose(one.apc, two.apc, rtol=1e-9)
    np.testing.assert_allclose(one.apc_low, two.apc_low, rtol=1e-9)


# --------------------------------------------------------------------------------------------------------------- steps


def simulated_steps(rng, n_series=300, n=96):
    years = np.arange(n) / 12
    mean = np.exp(2.5 + np.log(1.048) * years + np.log(1.5) * (np.arange(n) >= 48))
    return rng.negative_binomial(20, 20 / (20 + mean), (n_series, n)).astype(float)


def test_step_model_agrees_with_statsmodels():
    counts = simulated_steps(np.random.default_rng(10), n_series=6)
    counts[0, [4, 50]] = np.nan
    result = step_model(counts, [48, 60], 12)
    index = np.arange(96)
    design = np.column_stack([np.ones(96), index / 12, index >= 48, index >= 60]).astype(float)
    for row, series in enumerate(counts):
        present = ~np.isnan(series)
        fit = sm.GLM(series[present], design[present], family=sm.families.Poisson()).fit(scale="X2", use_t=True)
        np.testing.assert_allclose(result.effect[row], np.exp(fit.params[2:]), rtol=1e-6)
        np.testing.assert_allclose(result.trend[row], np.exp(fit.params[1]), rtol=1e-6)
        assert result.dispersion[row] == pytest.approx(fit.scale)
        limits = np.exp(fit.conf_int())
        np.testing.assert_allclose(result.effect_low[row], limits[2:, 0], rtol=1e-5)
        np.testing.assert_allclose(result.effect_high[row], limits[2:, 1], rtol=1e-5)
        np.testing.assert_allclose([result.trend_low[row], result.trend_high[row]], limits[1], rtol=1e-5)
        np.testing.assert_allclose(result.effect_p[row], fit.pvalues[2:], rtol=1e-5, atol=1e-12)


def test_known_step_model_covers_the_trend_and_ignoring_the_step_does_not():
    counts = simulated_steps(np.random.default_rng(11))
    with_step, without = step_model(counts, 48, 12), step_model(counts, [], 12)
    assert 0.9 < ((with_step.trend_low < 1.048) & (with_step.trend_high > 1.048)).mean() < 0.985
    assert 0.9 < ((with_step.effect_low < 1.5) & (with_step.effect_high > 1.5)).mean() < 0.985
    assert ((without.trend_low < 1.048) & (without.trend_high > 1.048)).mean() < 0.05


def test_steps_by_series_match_single_calls():
    counts = simulated_steps(np.random.default_rng(12), n_series=3)
    steps = np.array([[48, np.nan], [30, 60], [np.nan, np.nan]])
    together = step_model(counts, steps, 12)
    first, second, third = (step_model(counts[0], [48], 12), step_model(counts[1], [30, 60], 12), None)
    np.testing.assert_allclose(together.effect[0, 0], first.effect[0], rtol=1e-9)
    assert np.isnan(together.effect[0, 1])
    np.testing.assert_allclose(together.effect[1], second.effect, rtol=1e-9)
    third = step_model(counts[2], [], 12)
    assert np.isnan(together.effect[2]).all()
    np.testing.assert_allclose(together.trend[2], third.trend, rtol=1e-9)


def test_exposure_and_season():
    rng = np.random.default_rng(13)
    n = 120
    season = np.exp(0.4 * np.sin(2 * np.pi * np.arange(n) / 12))
    people = np.linspace(1e4, 3e4, n)
    counts = rng.poisson(people * 2e-3 * season * np.where(np.arange(n) >= 60, 1.4, 1.0))
    result = step_model(counts, 60, 12, exposure=people, seasonal=True)
    assert result.effect_low < 1.4 < result.effect_high
    assert result.trend_low < 1 < result.trend_high
    assert result.dispersion < step_model(counts, 60, 12, exposure=people).dispersion


def test_steps_that_cannot_be_told():
    counts = np.r_[np.full(6, np.nan), np.arange(1.0, 11.0)]
    result = step_model(counts, [3, 10], 1)
    assert np.isnan(result.effect[0])
    assert not np.isnan(result.effect[1])
    none_before = step_model(np.r_[np.zeros(8), np.arange(3.0, 11.0)], 8, 1)
    assert (none_before.effect, none_before.effect_low, none_before.effect_high) == (np.inf, 0, np.inf)
    assert np.isnan(step_model(np.zeros(10), 5, 1).trend)
    assert np.isnan(step_model([1.0, 2, 4], 1, 1).effect)


def test_clear_errors():
    with pytest.raises(ValueError, match="not negative"):
        step_model([-1.0, 2, 3], 1, 1)
    with pytest.raises(ValueError, match="period"):
        step_model([1.0, 2, 3], 1, 0)
    with pytest.raises(ValueError, match="exposure"):
        step_model([1.0, 2, 3], 1, 1, exposure=0.0)
    with pytest.raises(ValueError, match="family"):
        change_points([1.0, 2], family="gamma")
    with pytest.raises(ValueError, match="not be negative"):
        change_points([-1.0, 2], family="poisson")
    with pytest.raises(ValueError, match="penalty"):
        change_points([1.0, 2], penalty="aic")
    with pytest.raises(ValueError, match="ascending"):
        joinpoint([1.0, 2], 1.0, years=[2001, 2000])
    with pytest.raises(ValueError, match="exposure"):
        joinpoint([1.0, 2], -1.0)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(float, st.integers(6, 30), elements=st.integers(0, 60).map(float)), st.integers(1, 5))
def test_limits_are_ordered(counts, step):
    result = step_model(counts, step, 1)
    if not np.isnan(result.trend):
        assert result.trend_low <= result.trend <= result.trend_high
    if not np.isnan(result.effect):
        assert result.effect_low <= result.effect <= result.effect_high
    bends = joinpoint(counts, 1.0)
    known = ~np.isnan(bends.apc_low)
    assert (bends.apc_low[known] <= bends.apc[known]).all()
    assert (bends.apc[known] <= bends.apc_high[known]).all()
