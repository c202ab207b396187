"""Decomposition against statsmodels' STL, forecasts against its ThetaModel, coverage on simulated futures."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from statsmodels.tsa.forecasting.theta import ThetaModel
from statsmodels.tsa.seasonal import STL

from trends.season import decompose, forecast


@pytest.fixture(scope="module")
def monthly():
    rng = np.random.default_rng(21)
    t = np.arange(72)
    strength = np.array([0, 1, 1, 0, 0.8, 0.5])[:, None]
    mean = 30 * np.exp(0.01 * t * rng.normal(size=(6, 1))) * (1 + 0.4 * strength * np.sin(2 * np.pi * t / 12))
    return rng.poisson(mean) + 1.0


def test_decomposition_is_statsmodels_stl(monthly):
    result = decompose(monthly, 12)
    robust = decompose(monthly[0], 12, seasonal_window=13, robust=True)
    for row, y in enumerate(monthly):
        fit = STL(y, period=12).fit()
        np.testing.assert_allclose(result.trend[row], fit.trend)
        np.testing.assert_allclose(result.seasonal[row], fit.seasonal)
        np.testing.assert_allclose(result.trend[row] + result.seasonal[row] + result.remainder[row], y)
    np.testing.assert_allclose(robust.trend, STL(monthly[0], period=12, seasonal=13, robust=True).fit().trend)
    expected = 1 - np.var(result.remainder[1]) / np.var(result.seasonal[1] + result.remainder[1])
    assert result.seasonal_strength[1] == pytest.approx(expected)


def test_gaps_are_bridged(monthly):
    t = np.arange(60)
    smooth = 20 + 0.1 * t + 5 * np.sin(2 * np.pi * t / 12)
    holes = smooth.copy()
    holes[[7, 20, 21, 40]] = np.nan
    result = decompose(holes, 12)
    assert np.isnan(result.remainder[[7, 20, 21, 40]]).all()
    np.testing.assert_allclose((result.trend + result.seasonal)[[7, 20, 21, 40]], smooth[[7, 20, 21, 40]], atol=0.6)
    assert np.isnan(decompose(np.ones(20), 12).trend).all()


def test_forecast_is_statsmodels_theta(monthly):
    result = forecast(monthly, 12, 12)
    for row, y in enumerate(monthly):
        model = ThetaModel(y, period=12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = model.fit().forecast(12).to_numpy()
        np.testing.assert_allclose(result.expected[row], theirs, rtol=3e-4)
        assert result.seasonal[row] == model._has_seasonality
    assert result.seasonal[1]
    assert not result.seasonal[0]


def test_additive_season_when_a_value_is_zero(monthly):
    y = monthly[1].copy()
    y[5] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = ThetaModel(y, period=12).fit().forecast(6).to_numpy()
    np.testing.assert_allclose(forecast(y, 6, 12).expected, theirs, rtol=1e-3)


def test_limits_cover_the_future():
    rng = np.random.default_rng(22)
    n, ahead = 60, 6
    shock = rng.normal(size=(1500, n + ahead))
    level = np.concatenate([np.zeros((1500, 1)), 0.4 * np.cumsum(shock, axis=1)[:, :-1]], axis=1)
    walk = 50 + 0.2 * np.arange(n + ahead) + level + shock
    season = rng.poisson(20 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(n + ahead) / 12)), (1500, n + ahead))
    for y, period in ((walk, 1), (season, 12)):
        result = forecast(y[:, :n], ahead, period)
        covered = (result.low <= y[:, n:]) & (y[:, n:] <= result.high)
        assert 0.9 < covered.mean() < 0.985


def test_trailing_gaps_lengthen_the_way():
    y = np.random.default_rng(23).normal(50, 4, 40)
    later = forecast(np.r_[y, np.nan, np.nan], 3, 1)
    straight = forecast(y, 5, 1)
    np.testing.assert_allclose(later.expected, straight.expected[2:])
    np.testing.assert_allclose(later.high, straight.high[2:])


def test_short_constant_and_empty_series():
    assert np.isnan(forecast([1.0, 2, 3], 2, 1).expected).all()
    result = forecast(np.full(12, 7.0), 2, 4)
    assert result.low.tolist() == result.high.tolist() == [7, 7]
    assert np.isnan(forecast([np.nan] * 8, 2, 4).low).all()
    assert forecast(np.ones((2, 3, 10)), 4, 1).high.shape == (2, 3, 4)


def test_clear_errors():
    with pytest.raises(ValueError, match="horizon"):
        forecast([1.0, 2, 3, 4], 0, 1)
    with pytest.raises(ValueError, match="period"):
        decompose([1.0, 2, 3, 4], 1)
    with pytest.raises(ValueError, match="odd"):
        decompose(np.ones(40), 12, seasonal_window=8)
    with pytest.raises(ValueError, match="level"):
        forecast([1.0, 2, 3, 4], 1, 1, level=1)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(float, st.integers(5, 40), elements=st.one_of(st.integers(0, 50).map(float), st.just(np.nan))),
    st.sampled_from([1, 4]),
)
def test_limits_are_ordered_and_never_negative_for_counts(y, period):
    result = forecast(y, 5, period)
    known = ~np.isnan(result.low)
    assert (result.low[known] <= result.expected[known] + 1e-9).all()
    assert (result.expected[known] <= result.high[known] + 1e-9).all()
    assert (result.low[known] >= 0).all()
    width = (result.high - result.low)[known]
    if period == 1 and (result.low[known] > 0).all():
        assert (np.diff(width) >= -1e-9).all()
