"""Nowcasts from the issues of a dataset: they cover what came in the end, and say what is incomplete."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analytics import nowcasts
from analytics.completeness import is_incomplete, masked
from analytics.parameters import parameters

ON_FILE = (0.6, 0.8, 0.91, 0.97, 1.0)
AREAS, QUARTERS = 20, 16
NO_YEARS = pd.DataFrame({"source": [], "measure": [], "period": [], "issued_on": []})


@pytest.fixture(scope="module")
def final() -> np.ndarray:
    return np.random.default_rng(11).poisson(15, (AREAS, QUARTERS))


def vintages(final: np.ndarray, issues: int = 10, shown: int = 6, on_file: tuple[float, ...] = ON_FILE) -> pd.DataFrame:
    """Issues six weeks after each of the last quarters, each showing the last `shown` quarters as far as known."""
    random = np.random.default_rng(12)
    arrivals = random.multinomial(final, np.diff((0.0, *on_file)))
    starts = pd.date_range("2021-01-01", periods=QUARTERS, freq="3MS")
    rows = []
    for last in range(QUARTERS - issues, QUARTERS):
        for quarter in range(max(last - shown + 1, 0), last + 1):
            known = arrivals[:, quarter, : last - quarter + 1].sum(axis=1)
            day = starts[quarter]
            rows += [
                {
                    "source": "qma_police_slow", "dataset": "quarters", "measure": "victims_detected",
                    "area_role": "detection", "reporter": "_T", "unit": "persons", "frequency": "Q",
                    "series_id": f"QMA-{area:02}", "area_level": "admin1",
                    "period": f"{day.year}-Q{(day.month + 2) // 3}", "period_start": day,
                    "issued_on": starts[last] + pd.DateOffset(months=4, days=14), "value": float(known[area]),
                }
                for area in range(AREAS)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def test_limits_cover_the_final_figures(final: np.ndarray) -> None:
    rows = nowcasts.compute(vintages(final), NO_YEARS, parameters(), "restricted").rows
    truth = {
        (f"QMA-{area:02}", f"{2021 + quarter // 4}-Q{quarter % 4 + 1}"): final[area, quarter]
        for area in range(AREAS)
        for quarter in range(QUARTERS)
    }
    rows = rows.assign(final=[truth[each] for each in zip(rows["series_id"], rows["period"], strict=True)])
    newest = rows[rows["period"].isin(["2024-Q2", "2024-Q3", "2024-Q4"])]
    covered = newest["final"].between(newest["low_count"], newest["high_count"])
    print(f"covered: {covered.mean():.3f} of {len(newest)}")
    assert covered.mean() >= 0.9
    assert (rows["eligibility"] == "assessed").all()
    assert newest["expected_count"].sum() == pytest.approx(newest["final"].sum(), rel=0.12)
    assert (newest["value"] <= newest["expected_count"]).all()
    assert (rows["vintages_count"] == 10).all()


def test_what_is_incomplete_is_named_by_source_and_period(final: np.ndarray) -> None:
    found = nowcasts.compute(vintages(final), NO_YEARS, parameters(), "restricted")
    assert found.incomplete["period"].tolist() == ["2024-Q3", "2024-Q4"]
    assert found.incomplete["completeness_share"].tolist() == pytest.approx([0.8, 0.6], abs=0.06)
    assert set(found.rows.loc[found.rows["is_incomplete"], "period"]) == {"2024-Q3", "2024-Q4"}
    keys = pd.DataFrame({"source": ["qma_police_slow", "other"], "measure": "victims_detected", "frequency": "Q"})
    mask = is_incomplete(keys, ["2024-Q2", "2024-Q3", "2024-Q4"], found.incomplete)
    assert mask.tolist() == [[False, True, True], [False, False, False]]
    assert masked(keys.assign(period="2024-Q4"), found.incomplete).tolist() == [True, False]


def test_a_year_is_as_complete_as_its_quarters_when_it_was_put_out(final: np.ndarray) -> None:
    years = [
        ("qma_police_slow", "victims_detected", "2024", "2025-02-20"),
        ("qma_police_slow", "victims_detected", "2023", "2025-02-20"),
        ("qmb_police_other", "victims_detected", "2024", "2025-02-20"),
    ]
    yearly = pd.DataFrame(years, columns=NO_YEARS.columns)
    found = nowcasts.compute(vintages(final), yearly, parameters(), "restricted").incomplete
    assert found[found["frequency"] == "A"][["source", "period"]].values.tolist() == [["qma_police_slow", "2024"]]
    assert found.set_index("period").loc["2024", "completeness_share"] == pytest.approx(0.82, abs=0.05)
    # figures put out half a year later may be complete by then
    later = yearly.assign(issued_on="2025-08-20")
    assert "A" not in set(nowcasts.compute(vintages(final), later, parameters(), "restricted").incomplete["frequency"])


def test_a_public_release_masks_and_shows_no_figures(final: np.ndarray) -> None:
    restricted = nowcasts.compute(vintages(final), NO_YEARS, parameters(), "restricted")
    public = nowcasts.compute(vintages(final), NO_YEARS, parameters(), "public")
    assert public.rows[list(nowcasts.FIGURES)].isna().all(axis=None)
    assert set(public.rows["eligibility_reason"]) == {nowcasts.NOT_PROTECTED}
    pd.testing.assert_frame_equal(public.incomplete, restricted.incomplete)
    pd.testing.assert_series_equal(public.rows["is_incomplete"], restricted.rows["is_incomplete"])


def test_too_few_issues_and_no_development(final: np.ndarray) -> None:
    few = nowcasts.compute(vintages(final, issues=3), NO_YEARS, parameters(), "restricted")
    assert set(few.rows["eligibility"]) == {"too_short"}
    assert set(few.rows["eligibility_reason"]) == {"3 issues; a nowcast needs 4"}
    assert len(few.rows) == AREAS
    assert few.incomplete.empty
    once = nowcasts.compute(vintages(final, shown=1), NO_YEARS, parameters(), "restricted")
    assert set(once.rows["period"]) >= {"2024-Q4"}
    assert once.incomplete.empty, "figures that are never put out twice say nothing about growth"


def test_figures_that_never_change_are_complete(final: np.ndarray) -> None:
    found = nowcasts.compute(vintages(final, on_file=(1.0,)), NO_YEARS, parameters(), "restricted")
    assert found.rows["completeness_share"].eq(1).all()
    assert (found.rows["value"] == found.rows["expected_count"]).all()
    assert found.incomplete.empty


def test_nothing_gives_nothing(final: np.ndarray) -> None:
    found = nowcasts.compute(vintages(final).head(0), NO_YEARS, parameters(), "restricted")
    assert found.rows.empty
    assert found.incomplete.columns.tolist() == nowcasts.INCOMPLETE_COLUMNS
