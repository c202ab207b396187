"""Interval hot spots against walking through every completion."""

import itertools

import numpy as np
import pytest
from geo_maps import queen_grid
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from geo.hotspots import getis_ord, getis_ord_interval

LINKS = queen_grid(4, 4)


def completions(lower, upper):
    ranges = [[np.nan] if np.isnan(a) else range(int(a), int(b) + 1) for a, b in zip(lower, upper, strict=True)]
    return np.array(list(itertools.product(*ranges)), dtype=float).T


@st.composite
def suppressed_maps(draw):
    low = np.array(draw(st.lists(st.integers(0, 12), min_size=16, max_size=16)), float)
    high = low.copy()
    hidden = draw(st.lists(st.integers(0, 15), min_size=0, max_size=5, unique=True))
    kinds = draw(st.sampled_from([[(1, 4)], [(0, 2)], [(1, 3), (0, 2)], [(0, 1), (2, 5), (1, 2)]]))
    for place in hidden:
        low[place], high[place] = draw(st.sampled_from(kinds))
    if draw(st.booleans()):
        gap = draw(st.integers(0, 15))
        low[gap] = high[gap] = np.nan
    return low, high


@settings(max_examples=60, deadline=None)
@given(suppressed_maps(), st.booleans())
def test_range_is_exactly_that_of_all_completions(bounds, star):
    low, high = bounds
    result = getis_ord_interval(low, high, LINKS, star=star)
    z = getis_ord(completions(low, high), LINKS, star=star).z
    known = ~np.isnan(result.z_low)
    # completions without any variation have no score and do not count
    defined = ~np.isnan(z).all(axis=1)
    assert np.array_equal(known, defined)
    np.testing.assert_allclose(result.z_low[known], np.nanmin(z[known], axis=1), atol=1e-9)
    np.testing.assert_allclose(result.z_high[known], np.nanmax(z[known], axis=1), atol=1e-9)
    certain, possible = (z >= 1.959963985).all(axis=1), (z >= 1.959963985).any(axis=1)
    names = np.where(certain, "certain", np.where(possible, "possible", "not"))
    assert np.array_equal(result.certainty[known], names[known])
    cold = np.where(
        (z <= -1.959963985).all(axis=1), "certain", np.where((z <= -1.959963985).any(axis=1), "possible", "not")
    )
    assert np.array_equal(result.certainty_cold[known], cold[known])
    assert set(result.certainty[~known]) <= {"not_assessed"}


def test_known_counts_give_the_score_itself():
    counts = np.random.default_rng(0).poisson(4, (16, 3)).astype(float)
    result = getis_ord_interval(counts, counts, LINKS)
    np.testing.assert_allclose(result.z_low, getis_ord(counts, LINKS).z, atol=1e-9)
    np.testing.assert_allclose(result.z_high, result.z_low)
    assert result.certainty.shape == (16, 3)


def test_random_completions_stay_inside_on_a_large_map_of_mixed_intervals():
    """Above the exact limit the range is an outer one: it still holds every completion, and closely."""
    rng = np.random.default_rng(5)
    links = queen_grid(25, 25)
    truth = rng.poisson(5, 625).astype(float)
    low, high = truth.copy(), truth.copy()
    small, odd = (truth > 0) & (truth < 5), (truth == 6) | (truth == 7)
    low[small], high[small] = 1, 4
    low[odd], high[odd] = 6, 8
    result = getis_ord_interval(low, high, links)
    drawn = rng.integers(low, high + 1, (400, 625)).T.astype(float)
    z = getis_ord(drawn, links).z
    assert np.all(z.min(axis=1) >= result.z_low - 1e-9)
    assert np.all(z.max(axis=1) <= result.z_high + 1e-9)
    true = getis_ord(truth, links).z
    assert np.all((result.z_low <= true) & (true <= result.z_high))
    extreme = np.stack([high, low], axis=1)
    assert np.all(getis_ord(extreme, links).z.max(axis=1) <= result.z_high + 1e-9)


def test_wider_intervals_never_make_anything_more_certain():
    rng = np.random.default_rng(7)
    truth = rng.poisson(3, 400).astype(float)
    truth[[105, 106, 125, 126]] += 8
    links = queen_grid(20, 20)
    hidden = truth < 5
    narrow = getis_ord_interval(
        np.where(hidden, np.maximum(truth - 1, 0), truth), np.where(hidden, truth + 1, truth), links
    )
    wide = getis_ord_interval(np.where(hidden, 0, truth), np.where(hidden, 6, truth), links)
    assert np.all(wide.z_low <= narrow.z_low + 1e-9)
    assert np.all(narrow.z_high <= wide.z_high + 1e-9)
    assert narrow.certainty[105] == "certain"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (np.full(16, 3.0), np.full(16, 2.0), "above upper"),
        (np.full(16, -1.0), np.full(16, 2.0), "negative"),
        (np.full(16, 0.5), np.full(16, 2.0), "whole"),
        (np.full(16, 0.0), np.full(16, np.inf), "infinite"),
        (np.full(16, 0.0), np.full(15, 1.0), "same shape"),
    ],
)
def test_wrong_input_is_named(low, high, words):
    with pytest.raises(ValueError, match=words):
        getis_ord_interval(low, high, LINKS)


def test_unequal_weights_are_refused():
    links = LINKS.copy()
    links.data[0] = 3
    with pytest.raises(ValueError, match="equal weights"):
        getis_ord_interval(np.ones(16), np.ones(16), links, transform="R")
    row = sparse.csr_array(sparse.diags_array(1 / LINKS.sum(axis=1)) @ LINKS)
    counts = np.arange(16.0)
    np.testing.assert_allclose(
        getis_ord_interval(counts, counts, row, transform="R").z_low, getis_ord(counts, LINKS).z, atol=1e-9
    )
