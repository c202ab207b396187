"""Emerging hot spots against the published definitions, written out once more area by area."""

import numpy as np
import pymannkendall
import pytest
from geo_maps import queen_grid
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geo.emerging import _trend_sign
from geo.hotspots import CATEGORIES, EMERGING_TEXT, emerging, getis_ord

H, C, N = 3.0, -3.0, 0.5


# one series for each of the eight hot patterns, from the words of the published definitions
EXAMPLES = {
    "New": [0, 1, 0, 1, 0, 1, 0, 1, 0, H],
    "Consecutive": [0, 1, 0, 1, 0, 1, 0, H, H, H],
    "Intensifying": [2.1, 2.4, 2.8, 3.1, 3.3, 3.9, 4.2, 4.6, 4.9, 5.5],
    "Persistent": [3, 4, 3.5, 3, 4, 3.2, 3.9, 3.1, 3.6, 3.4],
    "Diminishing": [5.5, 4.9, 4.6, 4.2, 3.9, 3.3, 3.1, 2.8, 2.4, 2.1],
    "Sporadic": [0, H, 0, H, H, 0, 0, H, 0, H],
    "Oscillating": [0, C, 0, H, H, 0, C, H, 0, H],
    "Historical": [3, 4, 3.5, 3, 4, 3.2, 3.9, 3.1, 3.6, 0.4],
}


@pytest.mark.parametrize("pattern", EXAMPLES)
def test_each_published_pattern_and_its_mirror(pattern):
    series = np.array(EXAMPLES[pattern])
    assert emerging([series, -series]).tolist() == [f"{pattern} Hot Spot", f"{pattern} Cold Spot"]


def test_there_are_seventeen_categories_and_a_text_is_named():
    assert len(set(CATEGORIES)) == 17
    assert CATEGORIES[-1] == "No Pattern Detected"
    assert "ArcGIS Pro" in EMERGING_TEXT


def test_nine_tenths_is_the_border():
    series = np.full(20, 3.0)
    series[[3, 8]] = 0
    assert emerging([series])[0] == "Persistent Hot Spot"
    series[12] = 0
    assert emerging([series])[0] == "Sporadic Hot Spot"
    run = np.r_[np.zeros(3), np.full(17, 3.0)]
    assert emerging([run])[0] == "Consecutive Hot Spot"
    assert emerging([np.r_[0, 0, np.full(18, 3.0)]])[0] in {"Intensifying Hot Spot", "Persistent Hot Spot"}


def test_no_pattern():
    assert emerging([np.zeros(12), np.r_[H, H, H, np.zeros(9)]]).tolist() == ["No Pattern Detected"] * 2


def test_short_and_unassessed_series():
    z = np.full((3, 12), 3.0)
    z[0, :3] = np.nan
    z[1, -1] = np.nan
    assert emerging(z).tolist() == ["too_short", "not_assessed", "Persistent Hot Spot"]
    assert emerging(np.zeros((2, 9))).tolist() == ["too_short"] * 2
    assert emerging(np.zeros((2, 0))).tolist() == ["too_short"] * 2
    assert emerging(np.full((1, 5), H), min_periods=5)[0] == "Persistent Hot Spot"


def test_the_level_decides_what_is_hot():
    series = np.r_[np.zeros(11), 2.2]
    assert emerging([series])[0] == "New Hot Spot"
    assert emerging([series], alpha=0.01)[0] == "No Pattern Detected"


def by_the_words(row, alpha=0.05):
    """The definitions, read once more from the text."""
    from scipy.stats import norm

    limit = norm.isf(alpha / 2)
    known = row[~np.isnan(row)]
    if len(known) < 10:
        return "too_short"
    if np.isnan(row[-1]):
        return "not_assessed"
    trend = 0
    if len(set(known)) > 1:
        test = pymannkendall.original_test(known, alpha)
        trend = {"increasing": 1, "decreasing": -1, "no trend": 0}[test.trend]
    for kind, sign in (("Hot", 1), ("Cold", -1)):
        hot = [sign * z >= limit for z in known]
        cold = [sign * z <= -limit for z in known]
        often = sum(hot) / len(hot) >= 0.9 - 1e-12
        if not hot[-1]:
            if often:
                return f"Historical {kind} Spot"
            continue
        run = 0
        while run < len(hot) and hot[-1 - run]:
            run += 1
        if sum(hot) == 1:
            return f"New {kind} Spot"
        if run == sum(hot) and run >= 2 and not often:
            return f"Consecutive {kind} Spot"
        if often:
            return f"{ {1: 'Intensifying', 0: 'Persistent', -1: 'Diminishing'}[sign * trend] } {kind} Spot"
        return f"{'Oscillating' if any(cold) else 'Sporadic'} {kind} Spot"
    return "No Pattern Detected"


SCORES = st.one_of(st.sampled_from([H, C, N, 0.0, 2.5, 4.0, -4.0, 1.95, 1.97]), st.floats(-6, 6), st.just(np.nan))


@settings(max_examples=300, deadline=None)
@given(st.integers(9, 16).flatmap(lambda t: hnp.arrays(float, (3, t), elements=SCORES)))
def test_every_series_as_the_words_say(z):
    assert emerging(z).tolist() == [by_the_words(row) for row in z]
    np.testing.assert_array_equal(emerging(z[::-1]), emerging(z)[::-1])


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(float, (2, 14), elements=st.floats(2.0, 6.0)))
def test_mostly_hot_series_as_the_words_say(z):
    assert emerging(z).tolist() == [by_the_words(row) for row in z]


def test_trend_sign_is_that_of_pymannkendall():
    rng = np.random.default_rng(3)
    z = np.round(rng.normal(size=(200, 15)) + np.linspace(0, 1, 200)[:, None] * np.arange(15) / 5, 1)
    expected = [{"increasing": 1, "decreasing": -1, "no trend": 0}[pymannkendall.original_test(row).trend] for row in z]
    assert _trend_sign(z, 0.05).tolist() == expected


def test_planted_patterns_come_out_of_a_map():
    rng = np.random.default_rng(15)
    links = queen_grid(12, 12)
    counts = rng.poisson(10, (144, 12)).astype(float)
    block = np.array([r * 12 + c for r in range(4, 8) for c in range(4, 8)])
    emerging_counts, persistent, fading = counts.copy(), counts.copy(), counts.copy()
    emerging_counts[block, 9:] += 15
    persistent[block] += 15
    fading[block, :11] += 15
    inner = block[[5, 6, 9, 10]]
    for planted, names in (
        (emerging_counts, {"Consecutive Hot Spot", "Sporadic Hot Spot"}),
        (persistent, {"Persistent Hot Spot", "Intensifying Hot Spot", "Diminishing Hot Spot"}),
        (fading, {"Historical Hot Spot"}),
    ):
        assert set(emerging(getis_ord(planted, links).z)[inner]) <= names


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="\\(areas, periods\\)"):
        emerging(np.zeros(12))
    with pytest.raises(ValueError, match="alpha"):
        emerging(np.zeros((2, 12)), alpha=5)
