"""Farrington, EARS and CUSUM against R's surveillance (figures kept as a fixture), planted jumps and their rules."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trends.alerts import cusum, ears, farrington

FIXTURE = json.loads((Path(__file__).parent / "fixtures" / "r_surveillance.json").read_text())
WEEKLY = np.array(FIXTURE["series"]["weekly"], dtype=float)
MONTHLY = np.array(FIXTURE["series"]["monthly"], dtype=float)


def compare(ours, name, upper_rel):
    theirs = FIXTURE["results"][name]
    at = np.array(theirs["at"])
    judged = ~np.isnan(ours.upper[at])
    assert judged.mean() > 0.9
    np.testing.assert_allclose(ours.upper[at][judged], np.array(theirs["upper"])[judged], rtol=upper_rel)
    np.testing.assert_array_equal(ours.alarm[at], np.array(theirs["alarm"], dtype=bool))
    if "expected" in theirs:
        np.testing.assert_allclose(ours.expected[at], theirs["expected"], rtol=1e-4)
    assert not ours.alarm[: at[0]].any()


# R's glm stops at a relative change of the deviance of 1e-8, which leaves the fifth figure open
def test_farrington_flexible_agrees_with_surveillance():
    compare(farrington(WEEKLY, 52), "flexible_delta", 1e-4)


def test_farrington_negative_binomial_agrees_with_surveillance():
    compare(farrington(WEEKLY, 52, threshold="negative_binomial"), "flexible_nb", 1e-12)


def test_farrington_on_months_agrees_with_surveillance():
    compare(farrington(MONTHLY, 12, half_width=1, n_periods=4, past_excluded=6), "monthly_delta", 1e-4)


def test_farrington_original_agrees_with_surveillance():
    compare(farrington(WEEKLY, 52, method="original"), "original", 2e-4)


@pytest.mark.parametrize("method", ["C1", "C2", "C3"])
def test_ears_agrees_with_surveillance(method):
    ours, theirs = ears(WEEKLY, method), FIXTURE["results"][method]
    at = np.array(theirs["at"])
    np.testing.assert_allclose(ours.upper[at], theirs["upper"], rtol=1e-8)
    np.testing.assert_array_equal(ours.alarm[at], np.array(theirs["alarm"], dtype=bool))
    assert np.isnan(ours.upper[: at[0]]).all()


@pytest.mark.parametrize("transform", ["standard", "rossi", "anscombe"])
def test_cusum_agrees_with_surveillance(transform):
    ours, theirs = cusum(WEEKLY, baseline=52, transform=transform), FIXTURE["results"][f"cusum_{transform}"]
    at = np.array(theirs["at"])
    np.testing.assert_allclose(ours.score[at], theirs["score"], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.upper[at], theirs["upper"], rtol=1e-8, atol=1e-8)
    np.testing.assert_array_equal(ours.alarm[at], np.array(theirs["alarm"], dtype=bool))


def test_cusum_alarm_is_reaching_upper():
    result = cusum(WEEKLY, baseline=52)
    judged = ~np.isnan(result.score)
    np.testing.assert_array_equal(result.alarm[judged], (result.upper <= WEEKLY)[judged])


def test_planted_jump_is_found_within_two_periods():
    rng = np.random.default_rng(1)
    counts = rng.poisson(12, (200, 84)).astype(float)
    counts[:, 80:] = rng.poisson(40, (200, 4))
    alarm = farrington(counts, 12, half_width=1, n_periods=4, past_excluded=6).alarm
    assert alarm[:, 80:82].any(axis=1).mean() == 1
    assert ears(counts, "C1").alarm[:, 80:82].any(axis=1).mean() > 0.95
    assert cusum(counts, baseline=48).alarm[:, 80:82].any(axis=1).mean() == 1


def test_false_alarms_are_near_the_level():
    counts = np.random.default_rng(2).poisson(15, (150, 84))
    result = farrington(counts, 12, half_width=1, n_periods=4, past_excluded=6, alpha=0.05)
    judged = ~np.isnan(result.upper)
    share = result.alarm[judged].mean()
    assert 0.02 < share < 0.09


def test_series_are_independent_and_axes_are_kept():
    rng = np.random.default_rng(3)
    counts = rng.poisson(8, (2, 3, 70)).astype(float)
    counts[1, 2, [4, 20, 60]] = np.nan
    together = farrington(counts, 12, half_width=1, n_periods=4, past_excluded=6)
    assert together.upper.shape == counts.shape
    for i, j in np.ndindex(2, 3):
        alone = farrington(counts[i, j], 12, half_width=1, n_periods=4, past_excluded=6)
        np.testing.assert_allclose(together.upper[i, j], alone.upper, rtol=1e-9)
        np.testing.assert_array_equal(together.alarm[i, j], alone.alarm)


def test_a_past_without_cases_expects_none():
    counts = np.zeros(64)
    counts[63] = 7
    result = farrington(counts, 12, half_width=1, n_periods=4, past_excluded=6)
    assert (result.expected[63], result.upper[63], result.alarm[63]) == (0, 0, True)
    assert np.isnan(result.upper[62])  # fewer than five cases in four periods: no verdict


def test_too_little_past_gives_no_verdict():
    assert np.isnan(farrington(np.ones(40) * 9, 12, half_width=1, n_periods=4).upper).all()
    assert np.isnan(ears(np.ones(7)).upper).all()
    assert not cusum(np.ones(5)).alarm.any()


def test_quarters_and_capped_levels():
    counts = np.random.default_rng(4).poisson(30, 40)
    result = farrington(counts, 4, half_width=0, n_periods=10, past_excluded=2)
    same = farrington(counts, 4, half_width=0, n_periods=4, past_excluded=2)
    np.testing.assert_array_equal(result.upper, same.upper)
    assert (~np.isnan(result.upper[16:])).all()


def test_clear_errors():
    with pytest.raises(ValueError, match="not negative"):
        farrington([-1.0] * 80, 12, half_width=1)
    with pytest.raises(ValueError, match="does not fit"):
        farrington(np.ones(80), 4)
    with pytest.raises(ValueError, match="period"):
        farrington(np.ones(80), 1)
    with pytest.raises(ValueError, match="method"):
        farrington(np.ones(80), 12, half_width=1, method="new")
    with pytest.raises(ValueError, match="flexible"):
        farrington(np.ones(80), 12, half_width=1, method="original", threshold="negative_binomial")
    with pytest.raises(ValueError, match="baseline"):
        ears(np.ones(10), baseline=2)
    with pytest.raises(ValueError, match="transform"):
        cusum(np.ones(10), transform="log")


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(float, st.integers(20, 70), elements=st.one_of(st.integers(0, 30).map(float), st.just(np.nan))))
def test_limits_lie_above_expected_and_alarms_above_limits(counts):
    results = [
        farrington(counts, 12, years_back=1, half_width=1, n_periods=3, past_excluded=2),
        farrington(counts, 12, years_back=2, half_width=1, method="original"),
        ears(counts, "C1"),
        ears(counts, "C2"),
    ]
    for result in results:
        judged = ~np.isnan(result.upper)
        assert (result.upper[judged] >= result.expected[judged] - 1e-9).all()
        assert (counts[result.alarm] > result.upper[result.alarm]).all()
        assert not result.alarm[~judged].any()
        assert not result.alarm[np.isnan(counts)].any()


def test_farrington_does_not_look_ahead():
    whole, cut = farrington(WEEKLY, 52), farrington(WEEKLY[:260], 52)
    np.testing.assert_array_equal(whole.upper[:260], cut.upper)
