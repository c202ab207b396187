"""Corridors against a Poisson log-linear model by statsmodels, and concentration by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from geo.corridors import concentration, poisson_upper_tail, quasi_independence, statistics

PLACES = list("ABCDEFG")


def all_flows(rng, mean=6.0):
    rows = [(o, d, rng.poisson(mean)) for o, d in itertools.permutations(PLACES, 2)]
    return pd.DataFrame(rows, columns=["origin", "destination", "count"])


@pytest.fixture
def flows():
    return all_flows(np.random.default_rng(4))


def test_expected_is_the_log_linear_fit(flows):
    model = smf.glm("count ~ C(origin) + C(destination)", flows, family=sm.families.Poisson()).fit()
    result = statistics(flows)
    np.testing.assert_allclose(result.expected, model.fittedvalues, rtol=1e-6)
    np.testing.assert_allclose(result.residual, model.resid_pearson, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(result.p, stats.poisson.sf(flows["count"] - 1, model.fittedvalues), rtol=1e-5)
    np.testing.assert_allclose(result.q, stats.false_discovery_control(result.p), rtol=1e-9)
    assert result["family"].unique().tolist() == [42]


def test_totals_are_kept_and_shares_add_up(flows):
    result = statistics(flows)
    for end in ("origin", "destination"):
        sums = result.groupby(end)[["count", "expected"]].sum()
        np.testing.assert_allclose(sums["count"], sums["expected"], rtol=1e-8)
    assert result.share.sum() == pytest.approx(1)
    first = result.iloc[0]
    of_origin = flows.loc[flows.origin == "A", "count"].sum()
    to_destination = flows.loc[flows.destination == first.destination, "count"].sum()
    quotient = (first["count"] / of_origin) / (to_destination / flows["count"].sum())
    assert first.location_quotient == pytest.approx(quotient)


def test_published_mobility_table():
    """Goodman's quasi-independence leaves a structurally zero diagonal out: a 3 x 3 case solved by hand.

    With the diagonal missing, six cells and five free parameters leave one degree of freedom; the odds product
    n12 n23 n31 / (n21 n32 n13) of the fit is 1.
    """
    counts = np.array([[0.0, 20, 10], [12, 0, 30], [25, 9, 0]])
    fit = quasi_independence(counts, ~np.eye(3, dtype=bool))
    assert fit[0, 1] * fit[1, 2] * fit[2, 0] == pytest.approx(fit[1, 0] * fit[2, 1] * fit[0, 2], rel=1e-8)
    np.testing.assert_allclose(fit.sum(axis=0), counts.sum(axis=0), rtol=1e-8)
    np.testing.assert_allclose(fit.sum(axis=1), counts.sum(axis=1), rtol=1e-8)


def test_a_planted_corridor_is_found_and_noise_is_not():
    rng = np.random.default_rng(1)
    false, found = 0, 0
    for _ in range(40):
        flows = all_flows(rng)
        false += (statistics(flows).q < 0.05).any()
        flows.loc[(flows.origin == "B") & (flows.destination == "F"), "count"] += 45
        result = statistics(flows)
        hit = result[result.q < 0.05]
        found += bool(((hit.origin == "B") & (hit.destination == "F")).any())
    assert found >= 38
    assert false <= 4


def test_order_names_and_zero_rows_do_not_matter(flows):
    flows.loc[[3, 10], "count"] = 0
    base = statistics(flows)
    shuffled = statistics(flows.sample(frac=1, random_state=3)).sort_index()
    pd.testing.assert_frame_equal(base, shuffled, rtol=1e-7)
    dropped = statistics(flows[flows["count"] > 0])
    pd.testing.assert_frame_equal(base.loc[dropped.index], dropped, rtol=1e-7)
    renamed = statistics(flows.assign(origin="x" + flows.origin, destination="x" + flows.destination))
    np.testing.assert_allclose(renamed.q, base.q, rtol=1e-7)


def test_movement_within_an_area_and_missing_counts_stay_out(flows):
    missing = flows.astype({"count": "float"})
    missing.loc[5, "count"] = np.nan
    home = pd.DataFrame({"origin": ["A"], "destination": ["A"], "count": [500.0]})
    result = statistics(pd.concat([missing, home], ignore_index=True))
    assert result.loc[[5, 42], ["share", "expected", "residual", "p", "q"]].isna().all(axis=None)
    model = smf.glm("count ~ C(origin) + C(destination)", missing.dropna(), family=sm.families.Poisson()).fit()
    np.testing.assert_allclose(result.expected.drop([5, 42]), model.fittedvalues, rtol=1e-6)
    assert result["family"].iloc[0] == 41


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="count"), "lacks the column"),
        (lambda f: pd.concat([f, f.iloc[[0]]]), "pairs twice, first A to B"),
        (lambda f: f.assign(count=-1), "negative"),
        (lambda f: f.assign(origin=None), "without origin"),
    ],
)
def test_wrong_input_is_named(flows, change, words):
    with pytest.raises(ValueError, match=words):
        statistics(change(flows))


def test_poisson_upper_tail():
    counts, means = np.arange(0, 60), np.linspace(0.01, 40, 60)
    np.testing.assert_allclose(poisson_upper_tail(counts, means), stats.poisson.sf(counts - 1, means), rtol=1e-10)


def test_concentration_by_hand():
    result = concentration([60, 30, 10])
    share = np.array([0.6, 0.3, 0.1])
    assert result.hhi == pytest.approx(0.46)
    assert result.effective_number == pytest.approx(1 / 0.46)
    assert result.entropy == pytest.approx(stats.entropy(share))
    assert result.top3 == pytest.approx(1)
    mean_difference = np.abs(share[:, None] - share[None, :]).mean()
    assert result.gini == pytest.approx(mean_difference / (2 * share.mean()))


@settings(deadline=None)
@given(hnp.arrays(float, (3, 8), elements=st.floats(0, 1e4)), st.floats(0.01, 100))
def test_concentration_properties(shares, scale):
    shares[:, 0] += 1
    result = concentration(shares)
    k = shares.shape[1]
    assert np.all((result.hhi >= 1 / k - 1e-12) & (result.hhi <= 1 + 1e-12))
    assert np.all((result.gini >= -1e-12) & (result.gini <= (k - 1) / k + 1e-12))
    assert np.all(result.entropy <= np.log(k) + 1e-12)
    assert np.all(result.top3 <= 1 + 1e-12)
    for name in ("hhi", "entropy", "gini", "top3"):
        np.testing.assert_allclose(
            getattr(concentration(shares * scale), name), getattr(result, name), rtol=1e-9, atol=1e-12
        )
        turned = getattr(concentration(shares[:, ::-1]), name)
        np.testing.assert_allclose(turned, getattr(result, name), rtol=1e-9, atol=1e-12)


def test_concentration_extremes_and_gaps():
    even, one = concentration(np.ones(5)), concentration([0, 0, 7.0, 0])
    assert (even.hhi, even.gini, even.effective_number) == pytest.approx((0.2, 0, 5))
    assert (one.hhi, one.gini, one.entropy, one.top3) == pytest.approx((1, 0.75, 0, 1))
    holed = concentration([3.0, np.nan, 1.0, 0.0, np.nan])
    without = concentration([3.0, 1.0, 0.0])
    assert holed.gini == pytest.approx(without.gini)
    assert holed.hhi == pytest.approx(without.hhi)
    assert np.isnan(concentration(np.zeros(3)).gini)
    with pytest.raises(ValueError, match="negative"):
        concentration([-1, 2])
