"""The space-time scan over whole frames: what is new is found, what was always high is not, who is left out is named."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from analytics import clusters
from analytics.completeness import INCOMPLETE
from analytics.parameters import parameters
from analytics.regimes import SPLITS

SIDE, QUARTERS = 7, 24
NO_BREAKS = pd.DataFrame(columns=["area_code", "measure", "dimension", "break_on", "kind"])
BLOCK = [17, 23, 24, 25, 31]  # the square in the middle and its four sides: a circle
CODES = [f"QMA-{place:02}" for place in range(SIDE * SIDE)]
PARENTS = dict.fromkeys(CODES, "QMA") | {"QMA": None}


def squares() -> dict[str, gpd.GeoDataFrame]:
    cells = [(column, row) for row in range(SIDE) for column in range(SIDE)]
    shapes = [box(column / 4, row / 4, (column + 1) / 4, (row + 1) / 4) for column, row in cells]
    return {"invented": gpd.GeoDataFrame({"area_code": CODES}, geometry=shapes, crs="EPSG:4326")}


def cells(counts: np.ndarray, **columns: object) -> pd.DataFrame:
    starts = pd.date_range(end="2024-10-01", periods=counts.shape[1], freq="3MS")
    periods = [f"{day.year}-Q{(day.month + 2) // 3}" for day in starts]
    rows = pd.DataFrame(
        {
            "area_code": np.repeat(CODES, len(periods)),
            "period": np.tile(periods, len(CODES)),
            "period_start": np.tile(starts, len(CODES)),
            "value": counts.ravel(),
        }
    )
    shared = {
        "area_level": "admin1", "area_set": "invented", "area_role": "detection", "region_code": "QM", "reporter": "_T",
        "measure": "victims_detected", "source": "qma_police_example", "dataset": "quarters", "source_type": "police",
        "frequency": "Q", "population_count": 50_000.0, "is_incomplete": False, **dict.fromkeys(SPLITS, "_T"), **columns,
    }  # fmt: skip
    return rows.assign(**shared)


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    return np.random.default_rng(9).poisson(15, (SIDE * SIDE, QUARTERS)).astype(float)


def found(frame: pd.DataFrame, breaks: pd.DataFrame = NO_BREAKS, audience: str = "restricted") -> pd.DataFrame:
    result = clusters.compute(frame, squares(), breaks, PARENTS, parameters(), audience)
    assert set(result["method"]) == {clusters.SPACE_TIME}
    assert len(result) == len(CODES)
    return result.set_index("area_code")


def test_a_block_that_rose_is_a_cluster_with_its_periods(counts: np.ndarray) -> None:
    raised = counts.copy()
    raised[BLOCK, -2:] *= 3
    rows = found(cells(raised))
    members = rows[rows["cluster_id"].notna()]
    assert members.index.tolist() == [CODES[place] for place in BLOCK]
    assert set(members["period_first"]) == {"2024-Q3"}
    assert set(rows["period_last"]) == {"2024-Q4"}
    assert set(rows[rows["cluster_id"].isna()]["period_first"]) == {"2020-Q1"}
    assert members["cases_count"].iloc[0] == raised[BLOCK, -2:].sum()
    assert members["is_centre"].sum() == 1
    window = raised[:, -20:]
    expected = window[BLOCK].sum() * window[:, -2:].sum() / window.sum()
    assert members["expected_count"].iloc[0] == pytest.approx(expected)


def test_what_was_always_high_or_rises_everywhere_is_none(counts: np.ndarray) -> None:
    steady, everywhere = counts.copy(), counts.copy()
    steady[BLOCK] *= 4
    everywhere[:, -2:] *= 2
    for each in (counts, steady, everywhere):
        assert found(cells(each))["cluster_id"].isna().all()


def test_who_is_left_out_is_named(counts: np.ndarray) -> None:
    raised = counts.copy()
    raised[BLOCK, -2:] *= 3
    raised[0, -7] = np.nan
    raised[1, -1] = 3.5
    frame = cells(raised)
    frame.loc[(frame["area_code"] == CODES[2]) & (frame["period"] == "2024-Q4"), "is_incomplete"] = True
    law = pd.DataFrame([(CODES[3], "_T", "_T", "2022-07-01", "law")], columns=NO_BREAKS.columns)
    rows = found(frame, law)
    reasons = rows["eligibility_reason"]
    assert reasons[CODES[0]] == "not every period from 2020-Q1 has a figure that may be shown"
    assert reasons[CODES[1]] == "figures that are no whole numbers"
    assert reasons[CODES[2]] == INCOMPLETE
    assert reasons[CODES[3]] == "a change of law or of counting lies within the periods"
    assert (rows["eligibility"] == "not_assessed").sum() == 4
    assert rows["cluster_id"].notna().sum() == len(BLOCK)
    # long before the periods scanned, a law is no matter
    long_ago = pd.DataFrame([("QMA", "_T", "_T", "2019-04-01", "law")], columns=NO_BREAKS.columns)
    assert (found(cells(raised), long_ago)["eligibility"] == "not_assessed").sum() == 2


def test_a_hidden_area_inside_the_circle_takes_the_sums_of_a_public_release(counts: np.ndarray) -> None:
    raised = counts.copy()
    raised[BLOCK, -2:] *= 3
    raised[25, -9] = np.nan
    for audience, is_shown in (("restricted", True), ("public", False)):
        rows = found(cells(raised), audience=audience)
        members = rows[rows["cluster_id"].notna()]
        assert len(members) >= 3
        assert members["cases_count"].notna().all() == is_shown


def test_small_and_short_maps(counts: np.ndarray) -> None:
    few = cells(counts)
    few = few[few["area_code"].isin(CODES[:20])]
    rows = clusters.compute(few, squares(), NO_BREAKS, PARENTS, parameters(), "restricted")
    assert set(rows["eligibility_reason"]) == {"20 areas with every period; a map needs 30"}
    assert set(found(cells(counts[:, -9:]))["eligibility_reason"]) == {"9 periods; the scan needs 20"}


def test_parts_are_not_scanned(counts: np.ndarray) -> None:
    rows = clusters.compute(
        cells(counts, exploitation="SEX"), squares(), NO_BREAKS, PARENTS, parameters(), "restricted"
    )
    assert rows.empty
