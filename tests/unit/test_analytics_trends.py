"""Trends over a whole frame of series: planted trends are found, changes of law are not, and families hold their level."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from orchestration.defs.analytics import trends
from orchestration.defs.analytics.series_grid import ancestors, grid, period_codes
from orchestration.parameters import parameters

NO_BREAKS = pd.DataFrame(columns=["area_code", "measure", "dimension", "break_on", "kind"])


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
        **dict.fromkeys(trends.SPLITS, "_T"),
        **columns,
    }
    years = range(first, first + len(values))
    return pd.DataFrame(
        [
            {**key, "period": str(year), "period_start": pd.Timestamp(year, 1, 1), "value": value}
            for year, value in zip(years, values, strict=True)
        ]
    )


def law(area: str, on: str, kind: str = "law", dimension: str = "_T") -> pd.DataFrame:
    return pd.DataFrame(
        [{"area_code": area, "measure": "_T", "dimension": dimension, "break_on": pd.Timestamp(on), "kind": kind}]
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
    assert list(one.columns) == trends.COLUMNS


def test_null_families_claim_no_more_than_their_level() -> None:
    """60 families of 20 flat series: the share with any claim stays within Monte Carlo error of 5 %."""
    rng = np.random.default_rng(11)
    frames = []
    for family in range(60):
        block = pd.concat(
            [
                annual(f"QMA-{area:02}", list(rng.poisson(40, 12).astype(float)), source=f"qma_police_{family:03}")
                for area in range(20)
            ]
        )
        frames.append(block.assign(series_id=block["source"] + block["area_code"]))
    found = trends.compute(pd.concat(frames), NO_BREAKS, {}, parameters())
    claims = found["direction"].isin(["rose", "fell"]).groupby(found["family_id"]).any()
    assert len(claims) == 60
    assert claims.sum() <= stats.binom.ppf(0.999, 60, 0.05)


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
