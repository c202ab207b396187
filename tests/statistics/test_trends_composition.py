"""Composition change against scipy and statsmodels, by hand, and under its metamorphic rules."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.spatial.distance import jensenshannon

from trends.composition import composition_change

TABLE = np.array([[10.0, 20, 30], [40, 10, 5], [7, 7, 9]])
COUNTS = hnp.arrays(float, st.tuples(st.integers(2, 5), st.integers(2, 5)), elements=st.integers(0, 40).map(float))


def test_against_scipy_and_statsmodels():
    result = composition_change(TABLE)
    theirs = stats.chi2_contingency(TABLE, correction=False)
    assert result.chi_square == pytest.approx(theirs.statistic)
    assert result.p == pytest.approx(theirs.pvalue)
    assert result.degrees == theirs.dof
    assert result.cramers_v == pytest.approx(stats.contingency.association(TABLE.astype(int), method="cramer"))
    np.testing.assert_allclose(result.residuals, sm.stats.Table(TABLE).standardized_resids)
    np.testing.assert_allclose(result.expected, theirs.expected_freq)
    cells = 2 * stats.norm.sf(np.abs(result.residuals)).ravel()
    np.testing.assert_allclose(result.q.ravel(), stats.false_discovery_control(cells))
    for step in range(2):
        distance = jensenshannon(TABLE[:, step], TABLE[:, step + 1], base=2)
        assert result.jensen_shannon_step[step] == pytest.approx(distance**2)


def test_divergence_by_hand():
    # two periods without a common category lie one bit apart, three log2(3)
    assert composition_change(np.diag([4.0, 9])).jensen_shannon == pytest.approx(1)
    assert composition_change(np.diag([4.0, 9, 2])).jensen_shannon == pytest.approx(np.log2(3))
    assert composition_change([[1.0, 10], [3, 30]]).jensen_shannon == pytest.approx(0, abs=1e-12)
    pair = TABLE[:, :2]
    assert composition_change(pair).jensen_shannon == pytest.approx(jensenshannon(pair[:, 0], pair[:, 1], base=2) ** 2)


def test_a_period_with_a_missing_cell_is_left_out():
    table = np.insert(TABLE, 1, [5, np.nan, 2], axis=1)
    result, without = composition_change(table), composition_change(TABLE)
    assert result.chi_square == pytest.approx(without.chi_square)
    assert result.jensen_shannon == pytest.approx(without.jensen_shannon)
    np.testing.assert_allclose(result.residuals[:, [0, 2, 3]], without.residuals)
    assert np.isnan(result.q[:, 1]).all()
    assert np.isnan(result.jensen_shannon_step[:2]).all()


def test_a_period_or_category_without_counts_does_not_count():
    wide = np.zeros((4, 4))
    wide[:3, :3] = TABLE
    result, plain = composition_change(wide), composition_change(TABLE)
    assert result.degrees == plain.degrees
    assert result.p == pytest.approx(plain.p)
    assert result.cramers_v == pytest.approx(plain.cramers_v)


def test_many_tables_have_families_of_their_own():
    rng = np.random.default_rng(1)
    tables = rng.poisson(8, (2, 3, 4, 5)).astype(float)
    together = composition_change(tables)
    for i, j in np.ndindex(2, 3):
        alone = composition_change(tables[i, j])
        np.testing.assert_allclose(together.q[i, j], alone.q)
        assert together.chi_square[i, j] == pytest.approx(alone.chi_square)


def test_no_change_is_rarely_called_one():
    tables = np.random.default_rng(2).multinomial(200, [0.5, 0.3, 0.15, 0.05], (2000, 4)).swapaxes(1, 2)
    result = composition_change(tables)
    assert 0.03 < (result.p < 0.05).mean() < 0.07
    assert (result.q < 0.05).any(axis=(1, 2)).mean() < 0.07


def test_clear_errors():
    with pytest.raises(ValueError, match="categories and periods"):
        composition_change([1.0, 2])
    with pytest.raises(ValueError, match="not negative"):
        composition_change([[1.0, -2], [3, 4]])
    alone = composition_change([[3.0], [4]])
    assert np.isnan(alone.jensen_shannon)
    assert alone.jensen_shannon_step.shape == (0,)


@settings(max_examples=80, deadline=None)
@given(COUNTS)
def test_rules_for_any_table(table):
    result = composition_change(table)
    order = np.random.default_rng(0).permutation(table.shape[0])
    shuffled, doubled = composition_change(table[order]), composition_change(2 * table)
    np.testing.assert_allclose(shuffled.chi_square, result.chi_square, atol=1e-9)
    np.testing.assert_allclose(shuffled.jensen_shannon, result.jensen_shannon, atol=1e-12)
    np.testing.assert_allclose(shuffled.residuals, result.residuals[order], atol=1e-9)
    np.testing.assert_allclose(doubled.chi_square, 2 * result.chi_square, atol=1e-9)
    np.testing.assert_allclose(doubled.cramers_v, result.cramers_v, atol=1e-9)
    np.testing.assert_allclose(doubled.jensen_shannon, result.jensen_shannon, atol=1e-12)
    if not np.isnan(result.p):
        assert 0 <= result.p <= 1
        assert 0 <= result.cramers_v <= 1 + 1e-12
    steps = result.jensen_shannon_step[~np.isnan(result.jensen_shannon_step)]
    assert ((steps >= 0) & (steps <= 1 + 1e-12)).all()
