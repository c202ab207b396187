"""Alerts over whole frames: a planted jump is found, and what cannot be judged is never "no alarm"."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from analytics import alerts
from analytics.completeness import INCOMPLETE, KEY
from analytics.parameters import parameters
from analytics.regimes import SPLITS

AS_OF = date(2025, 3, 20)
AREAS = 40
NO_BREAKS = pd.DataFrame(columns=["area_code", "measure", "dimension", "break_on", "kind"])
ALL_COMPLETE = pd.DataFrame(columns=KEY)


def series(counts: np.ndarray, frequency: str = "Q", last: str = "2024-10-01", **columns: object) -> pd.DataFrame:
    """Long rows of counts (areas, periods) whose last period begins on `last`."""
    step = {"Q": 3, "M": 1}[frequency]
    starts = pd.date_range(end=last, periods=counts.shape[1], freq=f"{step}MS")
    codes = [f"{day.year}-Q{(day.month + 2) // 3}" if frequency == "Q" else f"{day:%Y-%m}" for day in starts]
    rows = pd.DataFrame(
        {
            "area_code": np.repeat([f"QMA-{area:02}" for area in range(len(counts))], len(codes)),
            "period": np.tile(codes, len(counts)),
            "period_start": np.tile(starts, len(counts)),
            "value": counts.ravel(),
        }
    )
    shared = {
        "frequency": frequency, "measure": "victims_detected", "area_level": "admin1", "area_role": "detection",
        "reporter": "_T", "unit": "persons", "source": "qma_police_example", "dataset": "quarters",
        **dict.fromkeys(SPLITS, "_T"), **columns,
    }  # fmt: skip
    rows = rows.assign(**shared)
    return rows.assign(series_id=rows["area_code"] + "|" + rows["exploitation"])


def counts(periods: int = 28, mean: float = 12, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, (AREAS, periods)).astype(float)


def found(
    frame: pd.DataFrame, breaks: pd.DataFrame = NO_BREAKS, incomplete: pd.DataFrame = ALL_COMPLETE
) -> pd.DataFrame:
    parents = dict.fromkeys(frame["area_code"], "QMA") | {"QMA": None}
    return alerts.compute(frame, breaks, parents, incomplete, AS_OF, parameters())


def test_a_planted_jump_is_the_only_alarm() -> None:
    values = counts()
    values[7, -2:] *= 4
    rows = found(series(values))
    assert len(rows) == AREAS * 4
    alarms = rows[rows["is_alarm"]]
    assert set(alarms["series_id"]) == {"QMA-07|_T"}
    assert set(alarms["period"]) == {"2024-Q3", "2024-Q4"}
    assert (alarms["value"] > alarms["limit_upper"]).all()
    assert (alarms["limit_upper"] > alarms["expected_count"]).all()
    assert (rows["eligibility"] == "assessed").all()
    assert (rows["method"] == alerts.FARRINGTON).all()
    # the four newest quarters are shown together: one family, and each alarm holds for its own quarter
    assert (rows["family_count"] == AREAS * 4).all()
    assert rows["family_id"].nunique() == 1
    assert (rows["q_bh"] >= rows["p"]).all()
    assert (rows["q_by"] >= rows["p"]).all()
    assert rows["parameters"].str.contains("years_back=4, half_width=0, n_periods=4, past_excluded=2").all()


def test_what_is_missing_or_still_coming_in_is_not_assessed() -> None:
    values = counts()
    values[3, -1] = np.nan
    values[5, -1] = 60
    incomplete = pd.DataFrame([("qma_police_example", "victims_detected", "Q", "2024-Q4")], columns=KEY)
    rows = found(series(values), incomplete=incomplete)
    last = rows[rows["period"] == "2024-Q4"].set_index("series_id")
    assert (last["eligibility"] == "not_assessed").all()
    assert not last["is_alarm"].any()
    assert last[["p", "expected_count"]].isna().all(axis=None)
    assert last.loc["QMA-03|_T", "eligibility_reason"] == "no figure that may be shown for this period"
    assert set(last.drop("QMA-03|_T")["eligibility_reason"]) == {INCOMPLETE}
    assert (rows[rows["period"] != "2024-Q4"]["eligibility"] == "assessed").all()


def test_a_late_area_has_rows_without_a_verdict() -> None:
    values = counts()
    values[0, -3:] = np.nan
    late = found(series(values)).query("series_id == 'QMA-00|_T'")
    assert late["eligibility"].tolist() == ["assessed", "not_assessed", "not_assessed", "not_assessed"]


def test_incomplete_periods_are_no_part_of_the_past() -> None:
    values = counts(periods=28, mean=20)
    broken = values.copy()
    broken[:, -8] = 1
    open_ = pd.DataFrame([("qma_police_example", "victims_detected", "Q", "2023-Q1")], columns=KEY)
    without = values.copy()
    without[:, -8] = np.nan
    rows = [found(series(each), incomplete=given) for each, given in ((broken, open_), (without, ALL_COMPLETE))]
    pd.testing.assert_series_equal(rows[0]["expected_count"], rows[1]["expected_count"])


@pytest.mark.parametrize(
    ("broken_on", "eligibility", "method"),
    [
        ("2017-07-01", "assessed", alerts.FARRINGTON),
        ("2020-07-01", "assessed", alerts.FARRINGTON),
        ("2021-10-01", "assessed", alerts.EARS),
        ("2023-07-01", "too_short", alerts.FARRINGTON),
    ],
)
def test_a_change_of_law_begins_the_past_anew(broken_on: str, eligibility: str, method: str) -> None:
    values = counts(periods=40)
    starts = pd.date_range(end="2024-10-01", periods=40, freq="3MS")
    values[:, starts >= broken_on] *= 3
    law = pd.DataFrame([("QMA", "_T", "_T", broken_on, "law")], columns=NO_BREAKS.columns)
    rows = found(series(values), breaks=law)
    last = rows[rows["period"] == "2024-Q4"]
    assert set(last["eligibility"]) == {eligibility}
    if eligibility == "assessed":
        assert set(last["method"]) == {method}
        assert last["expected_count"].mean() == pytest.approx(36, rel=0.15)
    else:
        assert last["eligibility_reason"].str.contains("a change of law or of counting lies in between").all()
    assert not rows["is_alarm"].any(), "a new law is no alarm"
    if broken_on == "2023-07-01":
        assert found(series(values))["is_alarm"].mean() > 0.3, "without the break known, the law would be one"


def test_short_series() -> None:
    assert set(found(series(counts(periods=14)))["method"]) == {alerts.EARS}
    jumped = counts(periods=14)
    jumped[2, -1] = 80
    rows = found(series(jumped))
    assert rows.loc[rows["is_alarm"], ["series_id", "period"]].values.tolist() == [["QMA-02|_T", "2024-Q4"]]
    short = found(series(counts(periods=8)))
    assert set(short["eligibility"]) == {"too_short"}
    assert short["eligibility_reason"].str.contains("of the 14 quarters of the past").all()


def test_months_have_their_own_settings() -> None:
    values = counts(periods=72)
    values[1, -1] = 60
    rows = found(series(values, "M", last="2024-12-01"))
    assert rows["parameters"].str.contains("half_width=1").all()
    assert rows.loc[rows["is_alarm"], "series_id"].tolist() == ["QMA-01|_T"]


def test_parts_are_asked_only_under_a_total_that_is_an_alarm() -> None:
    totals = counts(mean=30)
    totals[4, -1] = 120
    forms = np.round(totals * 0.6)
    forms[9, -1] = 90
    rows = found(pd.concat([series(totals), series(forms, exploitation="SEX")], ignore_index=True))
    last = rows[rows["period"] == "2024-Q4"].set_index("series_id")
    assert last.loc["QMA-04|SEX", "is_alarm"]
    assert last.loc["QMA-04|SEX", "family_count"] == 1
    assert last.loc["QMA-09|SEX", "eligibility"] == "not_assessed"
    assert "its parts are not tested" in last.loc["QMA-09|SEX", "eligibility_reason"]


def test_few_cases_and_old_figures_raise_no_alarm() -> None:
    empty = np.zeros((AREAS, 28))
    empty[0, -1] = 4
    empty[1, -1] = 6
    rows = found(series(empty))
    assert rows.loc[rows["is_alarm"], "series_id"].tolist() == ["QMA-01|_T"]
    jumped = counts()
    jumped[7, -1] *= 5
    old = found(series(jumped, last="2019-10-01"))
    assert set(old["eligibility"]) == {"not_assessed"}
    assert old["eligibility_reason"].str.contains("2019-Q4: no early warning").all()


def test_nothing_gives_nothing() -> None:
    assert found(series(counts()).head(0)).empty
    assert found(series(np.full((2, 20), np.nan))).empty
