"""Nowcasts against Mack's published reserve errors, Lawless' formulas by hand, and planted delays."""

import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trends.nowcast import nowcast, triangle, vintage_triangle

# Taylor and Ashe (1983), the triangle of Mack (1993), cumulative
TAYLOR_ASHE = """
357848 1124788 1735330 2218270 2745596 3319994 3466336 3606286 3833515 3901463
352118 1236139 2170033 3353322 3799067 4120063 4647867 4914039 5339085
290507 1292306 2218525 3235179 3985995 4132918 4628910 4909315
310608 1418858 2195047 3757447 4029929 4381982 4588268
443160 1136350 2128333 2897821 3402672 3873311
396132 1333217 2180715 2985752 3691712
440832 1288463 2419861 3483130
359480 1421128 2864498
376686 1363294
344014
"""
# Mack (1993), table of the paper: reserves, and standard errors in thousands as printed
RESERVES = [0, 94634, 469511, 709638, 984889, 1419459, 2177641, 3920301, 4278972, 4625811]
ERRORS_IN_THOUSANDS = [0, 76, 122, 134, 261, 411, 558, 875, 971, 1363]


def taylor_ashe():
    cells = np.full((10, 10), np.nan)
    for row, line in enumerate(TAYLOR_ASHE.split("\n")[1:-1]):
        totals = np.array(line.split(), dtype=float)
        cells[row, : len(totals)] = np.diff(totals, prepend=0)
    return cells


def reported(counts, shares, rng):
    """Triangles as of the last period: multinomial delays, the future unknown."""
    periods = counts.shape[-1]
    cells = rng.multinomial(counts, shares).astype(float)
    cells[..., np.arange(periods)[:, None] + np.arange(len(shares)) > periods - 1] = np.nan
    return cells


def test_chain_ladder_gives_macks_published_figures():
    result = nowcast(taylor_ashe())
    np.testing.assert_allclose(result.expected - result.observed, RESERVES, atol=0.5)
    np.testing.assert_allclose(result.standard_error / 1000, ERRORS_IN_THOUSANDS, atol=0.5)


def test_the_two_methods_expect_the_same():
    ladder, lawless = nowcast(taylor_ashe()), nowcast(taylor_ashe(), method="lawless")
    np.testing.assert_allclose(ladder.expected, lawless.expected, rtol=1e-12)
    np.testing.assert_allclose(ladder.completeness, lawless.completeness, rtol=1e-12)


def test_lawless_by_hand():
    #  8 2 | 12 4 | 10 ?   hazard of delay 1: 6 of 26, so 20/26 is reported at delay 0
    result = nowcast([[8.0, 2], [12, 4], [10, np.nan]], method="lawless")
    share = 20 / 26
    assert result.completeness[2] == pytest.approx(share)
    assert result.expected[2] == pytest.approx(13)
    greenwood = (6 / 26) / (26 * (1 - 6 / 26))
    variance = 10 * 11 / share**2 * greenwood + 10 * (1 - share) / share**2
    assert result.standard_error[2] == pytest.approx(np.sqrt(variance))
    assert result.completeness[:2].tolist() == [1, 1]
    assert result.low[2] >= 10


@pytest.mark.parametrize("method", ["chain_ladder", "lawless"])
@pytest.mark.parametrize("mean", [4, 40, 400])
def test_limits_cover_the_final_count(method, mean):
    rng = np.random.default_rng(mean)
    final = rng.poisson(mean, (800, 24))
    cells = reported(final, [0.3, 0.25, 0.2, 0.15, 0.1], rng)
    result = nowcast(cells, method=method)
    covered = ((result.low <= final) & (final <= result.high))[:, -4:].mean(axis=0)
    assert (covered > 0.92).all()
    np.testing.assert_allclose(result.completeness[:, -4:].mean(axis=0), [0.9, 0.75, 0.55, 0.3], atol=0.02)
    np.testing.assert_allclose(result.expected[:, -4:].mean(axis=0) / mean, 1, atol=0.08)


def test_a_period_without_reports_still_has_an_upper_limit():
    cells = reported(np.full(20, 12), [0.2, 0.4, 0.4], np.random.default_rng(1))
    cells[-1, 0] = 0
    for method in ("chain_ladder", "lawless"):
        result = nowcast(cells, method=method)
        assert result.expected[-1] == 0
        assert result.high[-1] > 3


def test_complete_periods_are_left_as_they_are():
    cells = reported(np.full(20, 12), [0.5, 0.5], np.random.default_rng(2))
    result = nowcast(cells)
    for part in (result.expected, result.median, result.low, result.high):
        np.testing.assert_array_equal(part[:-1], 12)
    assert (result.standard_error[:-1] == 0).all()


def test_many_triangles_in_one_call():
    cells = reported(np.random.default_rng(3).poisson(20, (2, 3, 15)), [0.5, 0.3, 0.2], np.random.default_rng(4))
    together = nowcast(cells)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(together.high[i, j], nowcast(cells[i, j]).high)


def test_window_learns_from_the_newest_periods():
    rng = np.random.default_rng(5)
    old, new = np.array([0.2, 0.8]), np.array([0.8, 0.2])
    cells = np.concatenate([rng.multinomial(200, old, 20), rng.multinomial(200, new, 20)]).astype(float)
    cells[-1, 1] = np.nan
    assert nowcast(cells, window=12).completeness[-1] == pytest.approx(0.8, abs=0.03)
    assert nowcast(cells).completeness[-1] < 0.6


def test_revisions_downwards():
    totals = np.array([[100.0, 90], [200, 180], [150, np.nan]])
    cells = np.diff(totals, axis=1, prepend=0)
    result = nowcast(cells)
    assert result.expected[2] == pytest.approx(135)
    assert result.completeness[2] == pytest.approx(300 / 270)
    assert result.low[2] <= 135 <= result.high[2]
    with pytest.raises(ValueError, match="chain_ladder"):
        nowcast(cells, method="lawless")


def test_nothing_known_is_nan():
    result = nowcast([[np.nan, np.nan], [3.0, np.nan]])
    assert np.isnan(result.expected).all()
    assert result.observed[1] == 3


# ---------------------------------------------------------------------------------------------------------- triangles


def test_triangle_of_whole_numbers():
    cells = triangle([0, 0, 2, 2, 2], [0, 1, 2, 3, 9], as_of=4)
    np.testing.assert_array_equal(cells, [[1, 1], [0, 0], [1, 1], [0, 0], [0, np.nan]])


def test_triangle_of_dates():
    months = triangle(
        ["2023-01-05", "2023-01-20", "2023-02-01"], ["2023-01-25", "2023-03-01", "2023-04-01"], "2023-03-31", "M"
    )
    np.testing.assert_array_equal(months, [[1, 0, 1], [0, 0, np.nan], [0, np.nan, np.nan]])
    as_text = triangle(["2023-01", "2023-02"], ["2023-02", "2023-02"], "2023-03")
    np.testing.assert_array_equal(as_text, [[0, 1], [1, 0], [0, np.nan]])
    day = datetime.date
    days = triangle([day(2023, 1, 1)], [day(2023, 1, 3)], day(2023, 1, 3))
    np.testing.assert_array_equal(days, [[0, 0, 1], [0, 0, np.nan], [0, np.nan, np.nan]])
    # 2023-01-01 is a Sunday, the 2nd a Monday
    weeks = triangle(["2023-01-01", "2023-01-02"], ["2023-01-02", "2023-01-08"], "2023-01-08", unit="W")
    np.testing.assert_array_equal(weeks, [[0, 1], [1, np.nan]])


def test_long_delays_go_to_the_last_column_and_groups_to_their_own_triangle():
    cells = triangle([0, 0, 1], [0, 5, 1], as_of=5, max_delay=2, groups=["b", "a", "a"])
    assert cells.shape == (2, 6, 3)
    np.testing.assert_array_equal(cells[0, 0], [0, 0, 1])
    np.testing.assert_array_equal(cells[1, 0], [1, 0, 0])
    assert np.nansum(cells) == 3


def test_triangle_errors():
    with pytest.raises(ValueError, match=r"report_dates\[1\]"):
        triangle([0, 3], [1, 2], as_of=5)
    with pytest.raises(ValueError, match="no event"):
        triangle([4], [9], as_of=5)
    with pytest.raises(ValueError, match="unit"):
        triangle(["2023-01-01"], ["2023-01-02"], "2023-01-03", unit="Q")
    with pytest.raises(ValueError, match="missing date"):
        triangle(np.array(["2023-01-01", "NaT"], dtype="datetime64[D]"), ["2023-01-02"] * 2, "2023-01-03")
    with pytest.raises(ValueError, match="event periods"):
        nowcast([1.0, 2])
    with pytest.raises(ValueError, match="method"):
        nowcast([[1.0, 2]], method="bayes")


def test_vintages_make_the_same_triangle_as_dates():
    rng = np.random.default_rng(6)
    events = rng.integers(0, 12, 400)
    delays = rng.choice(4, 400, p=[0.4, 0.3, 0.2, 0.1])
    from_dates = triangle(events, events + delays, as_of=11, first=0, max_delay=3)
    vintages = np.array(
        [
            [((events == period) & (events + delays <= now)).sum() if period <= now else np.nan for period in range(12)]
            for now in range(12)
        ],
        dtype=float,
    )
    from_vintages = vintage_triangle(vintages, np.arange(12), np.arange(12), max_delay=3)
    np.testing.assert_array_equal(from_vintages, from_dates)


def test_vintages_with_gaps_and_history():
    # period 0 is first seen at delay 2; no vintage in period 3: nothing new is known then
    cells = vintage_triangle([[10, 8, 5], [12, 9, 7]], [0, 1, 2], [2, 4], max_delay=4)
    np.testing.assert_array_equal(
        cells,
        [[np.nan, np.nan, 10, 0, 2], [np.nan, 8, 0, 1, np.nan], [5, 0, 2, np.nan, np.nan]],
    )


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(float, st.tuples(st.integers(2, 8), st.integers(2, 4)), elements=st.integers(0, 9).map(float)))
def test_properties_of_any_triangle(cells):
    periods, delays = cells.shape
    cells = cells.copy()
    cells[np.arange(periods)[:, None] + np.arange(delays) > max(periods, delays) - 1] = np.nan
    for method in ("chain_ladder", "lawless"):
        result = nowcast(cells, method=method)
        shown = ~np.isnan(result.high)
        assert (result.low[shown] <= result.high[shown]).all()
        assert (result.low[shown] >= result.observed[shown]).all()
        made = shown & ~np.isnan(result.expected)
        assert (result.expected[made] >= result.observed[made] - 1e-9).all()
        share = result.completeness[~np.isnan(result.completeness)]
        assert ((share >= 0) & (share <= 1 + 1e-12)).all()
        doubled = nowcast(2 * cells, method=method)
        np.testing.assert_allclose(doubled.completeness, result.completeness)
