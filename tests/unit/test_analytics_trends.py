"""Trends over a whole frame of series: planted trends are found, changes of law are not, and families hold their level."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analytics import level_changes, trends
from analytics.parameters import parameters
from analytics.regimes import SPLITS
from analytics.series_grid import ancestors, grid, period_codes
from orchestration.runs.table_declarations import between

NO_BREAKS = pd.DataFrame(columns=["area_code", "measure", "dimension", "break_on", "kind", "source"])


def annual(area: str, values: list[float], first: int = 2010, **columns: str) -> pd.DataFrame:
    """One annual series as fct_series has it; NaN stays as a missing figure."""
    key = {
        "series_id": area + "".join(columns.values()),
        "frequency": "A",
        "area_code": area,
        "area_level": "admin1",
        "measure": "victims_detected",
        "source": "qma_police_example",
        "dataset": "victims",
        "derivation": "published",
        "reporter": "_T",
        "area_role": "detection",
        "unit": "persons",
        "is_leading": True,
        **dict.fromkeys(SPLITS, "_T"),
        **columns,
    }
    years = range(first, first + len(values))
    return pd.DataFrame(
        [
            {**key, "period": str(year), "period_start": pd.Timestamp(year, 1, 1), "value": value}
            for year, value in zip(years, values, strict=True)
        ]
    )


def law(area: str, on: str, kind: str = "law", dimension: str = "_T", source: str = "_T") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "area_code": area,
                "measure": "_T",
                "dimension": dimension,
                "break_on": pd.Timestamp(on),
                "kind": kind,
                "source": source,
            }
        ]
    )


def test_a_rising_series_rose_and_its_tau_is_kendalls() -> None:
    values = [10.0, 12, 11, 15, 18, 17, 21, 25, 24, 30]
    found = trends.compute(annual("QMA-01", values), NO_BREAKS, {}, parameters()).iloc[0]
    assert found["direction"] == "rose"
    assert found["tau"] == pytest.approx(stats.kendalltau(range(10), values).statistic, abs=1e-8)
    slope = stats.theilslopes(values, range(10))
    assert (found["slope_per_year"], found["slope_lower_per_year"], found["slope_upper_per_year"]) == pytest.approx(
        (slope.slope, slope.low_slope, slope.high_slope)
    )


def test_a_change_of_law_is_a_step_and_not_a_trend() -> None:
    rng = np.random.default_rng(3)
    values = [*rng.poisson(100, 6).astype(float), *rng.poisson(200, 6).astype(float)]
    series = annual("QMA-01", values)
    naive = trends.compute(series, NO_BREAKS, {}, parameters()).iloc[0]
    assert naive["direction"] == "rose"
    found = trends.compute(series, law("QMA", "2016-01-01"), {"QMA-01": "QMA"}, parameters()).iloc[0]
    assert found["direction"] == "no_clear_change"
    assert found["regimes_count"] == 2
    assert str(found["step_on"]) == "2016-01-01"
    assert found["step_ratio_lower"] < 2 < found["step_ratio_upper"]


def test_a_period_with_the_change_inside_belongs_to_neither_regime() -> None:
    values = [100.0] * 6 + [150.0] + [200.0] * 6
    found = trends.compute(annual("QMA-01", values), law("QMA-01", "2016-07-01"), {}, parameters()).iloc[0]
    assert found["periods_count"] == 12
    assert found["step_ratio"] == pytest.approx(2, rel=1e-6)


@pytest.mark.parametrize("kind", ["coverage", "source mix", "restatement"])
def test_other_breaks_are_drawn_and_do_not_split(kind: str) -> None:
    found = trends.compute(
        annual("QMA-01", [float(v) for v in range(20, 32)]), law("QMA-01", "2016-01-01", kind), {}, parameters()
    ).iloc[0]
    assert found["regimes_count"] == 1
    assert found["direction"] == "rose"


def test_a_changed_code_list_splits_the_parts_and_not_the_total() -> None:
    rising = [float(value) for value in range(20, 32)]
    series = pd.concat([annual("QMA-01", rising), annual("QMA-01", rising, exploitation="LAB")])
    breaks = law("QMA-01", "2016-01-01", "code list", dimension="exploitation")
    found = trends.compute(series, breaks, {}, parameters()).set_index("series_id")
    assert found["regimes_count"].to_dict() == {"QMA-01": 1, "QMA-01LAB": 2}


def test_short_series_say_so_with_the_numbers() -> None:
    found = trends.compute(annual("QMA-01", [1.0, 2, 3, np.nan, 5, 6, 7, 8]), NO_BREAKS, {}, parameters()).iloc[0]
    assert found["eligibility"] == "too_short"
    assert "7 years" in found["eligibility_reason"]
    assert "8" in found["eligibility_reason"]
    assert np.isnan(found["p"])
    assert found["direction"] is None


def test_a_short_regime_is_dropped() -> None:
    values = [float(value) for value in (500, 510, 490, *range(20, 30))]
    found = trends.compute(annual("QMA-01", values), law("QMA-01", "2013-01-01"), {}, parameters()).iloc[0]
    assert found["regimes_count"] == 1
    assert found["periods_count"] == 10
    assert found["direction"] == "rose"


def test_parts_are_tested_only_under_a_significant_total() -> None:
    rising = [float(value) for value in range(10, 22)]
    flat = [50.0, 49, 51, 50, 48, 52, 50, 49, 51, 50, 48, 52]
    frames = [
        annual("QMA-01", rising),
        annual("QMA-01", rising, exploitation="LAB"),
        annual("QMA-02", flat),
        annual("QMA-02", rising, exploitation="LAB"),
        annual("QMA-03", rising, exploitation="LAB"),
    ]
    found = trends.compute(pd.concat(frames), NO_BREAKS, {}, parameters()).set_index("series_id")
    assert found.loc["QMA-01LAB", "direction"] == "rose"
    assert found.loc["QMA-02LAB", "eligibility"] == "not_assessed"
    assert "no clear change" in found.loc["QMA-02LAB", "eligibility_reason"]
    assert found.loc["QMA-03LAB", "eligibility"] == "not_assessed"
    assert found.loc["QMA-01", "family_count"] == 2
    assert found.loc["QMA-01", "family_id"] != found.loc["QMA-01LAB", "family_id"]


def test_rows_in_any_order_give_the_same_table() -> None:
    rng = np.random.default_rng(5)
    frame = pd.concat([annual(f"QMA-{area:02}", list(rng.poisson(30, 12).astype(float))) for area in range(20)])
    one = trends.compute(frame, NO_BREAKS, {}, parameters())
    other = trends.compute(frame.sample(frac=1, random_state=1), NO_BREAKS, {}, parameters())
    pd.testing.assert_frame_equal(one, other)
    assert set(between()["analytics.trends"]) <= set(one.columns)


def test_null_families_claim_no_more_than_their_level() -> None:
    """60 families of 20 flat series: the share with any claim stays within Monte Carlo error of 5 %."""
    rng = np.random.default_rng(11)
    frames = []
    for family in range(60):
        block = pd.concat(
            [
                annual(f"QMA-{area:02}", list(rng.poisson(40, 12).astype(float)), measure=f"measure_{family:03}")
                for area in range(20)
            ]
        )
        frames.append(block.assign(series_id=block["measure"] + block["area_code"]))
    found = trends.compute(pd.concat(frames), NO_BREAKS, {}, parameters())
    claims = found["direction"].isin(["rose", "fell"]).groupby(found["family_id"]).any()
    assert len(claims) == 60
    assert claims.sum() <= stats.binom.ppf(0.999, 60, 0.05)


# ---- changes of the level


def steps(*levels: tuple[float, int], seed: int = 5) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(count) for level, length in levels for count in rng.poisson(level, length)]


def one(values: list[float], breaks: pd.DataFrame = NO_BREAKS, area: str = "QMA-01", **columns: object) -> pd.Series:
    frame = annual(area, values).assign(**columns)
    return trends.compute(frame, breaks, {"QMA-01": "QMA", "QMA": "QZE"}, parameters()).iloc[0]


def test_a_change_of_the_level_is_found_with_its_size() -> None:
    found = one(steps((40, 7), (120, 6)))
    assert found["change_points"] == "2017"
    assert found["change_points_explained"] is None
    assert found["change_point_ratio"] == pytest.approx(3, rel=0.15)
    assert found["change_points_q_bh"] <= 0.001
    assert found["change_points_llr"] > 50


def test_two_changes_are_told_apart() -> None:
    found = one(steps((40, 6), (140, 5), (60, 5)))
    assert found["change_points"] == "2016, 2021"
    assert found["change_point_ratio"] == pytest.approx(60 / 140, rel=0.15)


def test_a_known_break_explains_a_change_within_one_period_and_no_other() -> None:
    values = steps((40, 7), (120, 6))
    for on in ("2016-03-01", "2017-01-01", "2018-01-01"):
        assert one(values, law("QMA", on))["change_points_explained"] == "2017"
    for on in ("2015-12-31", "2018-06-01"):
        found = one(values, law("QMA", on))
        assert found["change_points"] == "2017"
        assert found["change_points_explained"] is None


@pytest.mark.parametrize(
    ("breaks", "is_explained"),
    [
        (law("QMA-01", "2017-01-01", kind="coverage"), True),
        (law("QMA", "2017-01-01", kind="coverage"), False),
        (law("QMA-01", "2017-01-01", kind="source mix", source="qma_ngo_other"), False),
        (law("QMA-01", "2017-01-01", dimension="exploitation"), False),
        (law("QMA-02", "2017-01-01"), False),
    ],
)
def test_what_does_not_concern_a_series_explains_nothing(breaks: pd.DataFrame, is_explained: bool) -> None:
    found = one(steps((40, 7), (120, 6)), breaks)
    assert found["change_points"] == "2017"
    assert (found["change_points_explained"] == "2017") == is_explained


def test_a_steady_rise_is_no_flight_of_stairs() -> None:
    found = one([float(round(20 * 1.2**year)) for year in range(14)])
    assert found["direction"] == "rose"
    assert found["change_points"] is None
    assert "steady rise" in found["change_points_reason"]


@pytest.mark.parametrize(
    ("values", "columns", "reason", "eligibility"),
    [
        ([40.0] * 9, {}, "9 years with a figure; changes of the level need 10", "too_short"),
        ([40.5] * 12, {}, "no whole numbers", "not_assessed"),
        ([40.0] * 12, {"unit": "EUR"}, "amount of money", "not_assessed"),
    ],
)
def test_series_without_a_test_of_their_level_say_why(
    values: list[float], columns: dict[str, object], reason: str, eligibility: str
) -> None:
    found = one(values, **columns)
    assert found["change_points_eligibility"] == eligibility
    assert reason in found["change_points_reason"]
    assert found[["change_points_p", "change_points_q_bh", "change_points_llr"]].isna().all()


def test_gaps_are_left_out_and_the_new_level_begins_at_its_first_figure() -> None:
    values = steps((40, 7), (160, 7))
    values[7] = np.nan
    assert one(values)["change_points"] == "2018"


def test_parts_are_asked_only_under_a_total_with_a_change() -> None:
    jump, flat = steps((40, 7), (120, 6)), steps((80, 13))
    frame = pd.concat(
        [
            annual("QMA-01", jump), annual("QMA-01", jump, exploitation="SEX"),
            annual("QMA-02", flat), annual("QMA-02", jump, exploitation="SEX"),
        ]
    )  # fmt: skip
    found = trends.compute(frame, NO_BREAKS, {}, parameters()).set_index("series_id")
    assert found["change_points"].notna().to_dict() == {
        "QMA-01": True, "QMA-01SEX": True, "QMA-02": False, "QMA-02SEX": False,
    }  # fmt: skip
    assert "total of this area shows no change" in found.loc["QMA-02SEX", "change_points_reason"]
    assert found.loc["QMA-01", "change_points_family_count"] == 2
    assert found.loc["QMA-01SEX", "change_points_family_count"] == 1


@pytest.mark.parametrize("families", [40, pytest.param(200, marks=pytest.mark.campaign)])
@pytest.mark.parametrize("mean", [0.5, 3, 40])
def test_flat_families_claim_no_change_of_level_and_no_bend(mean: float, families: int) -> None:
    """Families of 10 flat series of each size: at most 5 % hold a claim, where single tests would in nearly all."""
    rng = np.random.default_rng(17)
    counts = rng.poisson(mean, (families * 10, 12)).astype(float)
    rows = [
        {
            **annual("QMA-01", [0.0]).iloc[0].to_dict(), "series_id": f"s{place:05}", "area_code": f"QMA-{place % 10:02}",
            "source": f"qma_police_{place // 10:03}", "period": str(2010 + year),
            "period_start": pd.Timestamp(2010 + year, 1, 1), "value": counts[place, year],
        }
        for place in range(len(counts))
        for year in range(12)
    ]  # fmt: skip
    found = trends.compute(pd.DataFrame(rows), NO_BREAKS, {}, parameters())
    for claim in ("change_points", "joinpoints"):
        share = found[claim].notna().groupby(found["family_id"]).any().mean()
        print(f"{claim}, mean {mean}: {share:.3f} of families")
        assert share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / families)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.one_of(st.integers(0, 60), st.just(None)), min_size=12, max_size=12), min_size=1, max_size=4)
)
def test_candidates_hold_for_any_counts(rows: list[list[int | None]]) -> None:
    values = np.array([[np.nan if cell is None else float(cell) for cell in row] for row in rows])
    found = level_changes.candidates(values, "A", parameters()["trends"]["change_points"])
    is_change = ~np.isnan(found.positions)
    assert (np.isnan(found.p) == ~is_change).all()
    assert ((found.p[is_change] >= 0) & (found.p[is_change] <= 1)).all()
    doubled = level_changes.candidates(np.concatenate([values, values]), "A", parameters()["trends"]["change_points"])
    np.testing.assert_array_equal(doubled.p[: len(rows)], found.p)


def test_the_p_of_a_change_is_the_binomial_one_over_all_pairs_of_stretches() -> None:
    values = np.array([[10, 10, 10, 10, 10, 30, 30, 30, 30, 30]], dtype=float)
    found = level_changes.candidates(values, "A", parameters()["trends"]["change_points"])
    exact = stats.binomtest(50, 200, 0.5).pvalue
    pairs = sum(1 for start in range(10) for cut in range(start + 2, 9) for _ in range(cut + 2, 11))
    assert pairs == 84
    spread = stats.chi2.sf(2 * (50 * np.log(0.5) + 150 * np.log(1.5)), 1)
    dispersion = 400 / (2 * (4 * 10 + 20 + 4 * 30))
    assert dispersion > 1
    spread = stats.chi2.sf(2 * (50 * np.log(0.5) + 150 * np.log(1.5)) / dispersion, 1)
    assert found.p[0, 0] == pytest.approx(84 * max(exact, spread), rel=1e-9)


# ---- joinpoints


def bent(first: float, second: float, years: tuple[int, int], level: float = 200, seed: int = 2) -> list[float]:
    rng = np.random.default_rng(seed)
    logs = np.cumsum([0.0, *[np.log(first)] * years[0], *[np.log(second)] * years[1]])
    return list(rng.poisson(level * np.exp(logs)).astype(float))


def test_a_bend_is_found_and_the_newest_rate_is_that_of_the_last_segment() -> None:
    found = one(bent(1.25, 0.85, (8, 8)))
    assert found["joinpoints"] == "2018"
    assert found["apc_last_low"] < -15 < found["apc_last_high"]
    assert found["apc_last"] < 0 < found["aapc"]
    assert found["joinpoints_q_bh"] <= 0.05


def test_a_straight_course_keeps_one_rate_and_has_it_from_the_whole() -> None:
    found = one(bent(1.1, 1.1, (8, 8)))
    assert found["joinpoints"] is None
    assert found["apc_last"] == found["aapc"]
    assert found["aapc_low"] < 10 < found["aapc_high"]


def test_quarters_are_freed_of_their_season() -> None:
    season = np.tile([0.6, 1.4, 1.2, 0.8], 10)
    values = np.round(300 * season * 1.05 ** (np.arange(40) / 4))
    frame = annual("QMA-01", [0.0] * 40)
    periods = pd.period_range("2010Q1", periods=40, freq="Q")
    frame = frame.assign(
        frequency="Q", value=values, period=[f"{period.year}-Q{period.quarter}" for period in periods],
        period_start=periods.to_timestamp(),
    )  # fmt: skip
    found = trends.compute(frame, NO_BREAKS, {}, parameters()).iloc[0]
    assert found["joinpoints"] is None
    assert found["aapc"] == pytest.approx(5, abs=0.5)
    assert found["aapc_high"] - found["aapc_low"] < 0.5
    assert found["change_points"] is None


def test_rates_of_change_are_taken_from_the_newest_way_of_counting() -> None:
    rng = np.random.default_rng(4)
    values = [*rng.poisson(100, 6), *rng.poisson(300 * 1.1 ** np.arange(9))]
    found = one([float(value) for value in values], law("QMA", "2016-01-01"))
    assert found["aapc_low"] < 10 < found["aapc_high"]
    short = one([float(value) for value in values[:12]], law("QMA", "2016-01-01"))
    assert short["joinpoints_eligibility"] == "too_short"
    assert "6 years counted in the newest way" in short["joinpoints_reason"]
    assert np.isnan(short["aapc"])


@pytest.mark.parametrize(
    ("values", "columns", "reason"),
    [
        ([3.0] * 12, {}, "fewer than 10 a year"),
        ([300.0] * 12, {"is_leading": False}, "main series"),
        ([300.0] * 12, {"sex": "F"}, "main series"),
    ],
)
def test_series_without_joinpoints_say_why(values: list[float], columns: dict[str, object], reason: str) -> None:
    found = one(values, **columns)
    assert found["joinpoints_eligibility"] == "not_assessed"
    assert reason in found["joinpoints_reason"]


def test_two_figures_for_one_period_are_an_error() -> None:
    frame = pd.concat([annual("QMA-01", [1.0, 2]), annual("QMA-01", [1.0])])
    with pytest.raises(ValueError, match="more than one figure"):
        grid(frame, "series_id", "A")


def test_grid_fills_gaps_and_names_periods() -> None:
    frame = pd.DataFrame(
        {
            "series_id": "a",
            "period": ["2020-Q4", "2021-Q2"],
            "period_start": pd.to_datetime(["2020-10-01", "2021-04-01"]),
            "value": [1.0, 2.0],
        }
    )
    table = grid(frame, "series_id", "Q")
    assert table.periods == ["2020-Q4", "2021-Q1", "2021-Q2"]
    np.testing.assert_array_equal(table.values, [[1.0, np.nan, 2.0]])
    assert period_codes(pd.DatetimeIndex(["2021-03-01"]), "M") == ["2021-03"]


def test_ancestors_end_at_a_loop() -> None:
    assert ancestors({"a": "b", "b": "a"}, "a") == ["a", "b"]


# ---- families, sums over changing reporters, and the one statement of change


def rising(area: str, seed: int, **columns: str) -> pd.DataFrame:
    values = np.random.default_rng(seed).poisson(40 * 1.1 ** np.arange(12)).astype(float)
    return annual(area, list(values), **columns)


def test_the_world_stands_in_one_family_with_its_regions() -> None:
    panel = {"derivation": "balanced_panel"}
    levels = {"WLD": "world", "150": "region", "142": "region", "154": "subregion"}
    frame = pd.concat(
        [rising(area, seed, area_level=level, **panel) for seed, (area, level) in enumerate(levels.items())]
    )
    found = trends.compute(frame, NO_BREAKS, {}, parameters())
    assert found["family_id"].nunique() == 1
    assert (found["family_count"] == 4).all()
    one = found.set_index("series_id")
    assert (one["q_bh"] >= one["p"]).all()
    assert (one["q_bh"] > one["p"]).any()


def test_series_that_speak_for_their_areas_are_one_family_and_an_alternative_source_is_another() -> None:
    other = rising("QMA-03", 3, source="qma_ngo_example").assign(is_leading=False)
    frame = pd.concat([rising("QMA-01", 1), rising("QMA-02", 2, source="qmb_police_example"), other])
    found = trends.compute(frame, NO_BREAKS, {}, parameters()).set_index("series_id")
    sizes = {name[:6]: count for name, count in found["family_count"].items()}
    assert sizes == {"QMA-01": 2, "QMA-02": 2, "QMA-03": 1}


def test_a_sum_over_changing_reporters_is_not_tested() -> None:
    frame = pd.concat([rising("QMX", 1, derivation="sum_of_reporting"), rising("QMX", 1, derivation="balanced_panel")])
    found = trends.compute(frame, NO_BREAKS, {}, parameters()).set_index("series_id")
    summed, panel = found.loc["QMXsum_of_reporting"], found.loc["QMXbalanced_panel"]
    assert (summed["eligibility"], panel["eligibility"]) == ("not_assessed", "assessed")
    assert summed[["p", "q_bh", "direction", "trend_ratio_per_year", "change_points_p", "joinpoints_p"]].isna().all()
    assert "not tested" in summed["eligibility_reason"]
    assert panel["family_count"] == 1


def test_a_direction_needs_test_and_ratio_on_one_side() -> None:
    """Ten small rises and one collapse: the ranks rise, the log-linear trend does not."""
    values = [100.0, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 1]
    found = trends.compute(annual("QMA-01", values), NO_BREAKS, {}, parameters()).iloc[0]
    assert found["q_bh"] <= 0.05
    assert found["s"] > 0
    assert found["trend_ratio_lower"] < 1
    assert found["direction"] == "no_clear_change"


def test_the_ratio_is_growth_and_the_old_share_is_not() -> None:
    """A series that halves each year: the slope over the median says that nothing is left after one."""
    values = np.round(51200 * 0.5 ** np.arange(10)).tolist()
    found = trends.compute(annual("QMA-01", values), NO_BREAKS, {}, parameters()).iloc[0]
    assert found["trend_ratio_per_year"] == pytest.approx(0.5, abs=0.01)
    assert found["trend_ratio_lower"] <= 0.5 <= found["trend_ratio_upper"]
    assert found["slope_of_median_per_year_share"] < -0.9
