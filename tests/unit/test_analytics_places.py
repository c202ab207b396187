"""Hotspots, funnels, rates and corridors over whole frames: planted places are found, and what cannot be judged says why."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from shapely.geometry import box

from analytics import corridors, hotspots, rates
from analytics.parameters import parameters
from analytics.rounding import significant
from orchestration.runs.table_declarations import between

SIDE = 8


def judged(cells: pd.DataFrame, boundaries: dict) -> pd.DataFrame:
    return hotspots.compute(cells, boundaries, parameters(), between()["analytics.hotspots"])


def squares() -> gpd.GeoDataFrame:
    cells = [(column, row) for row in range(SIDE) for column in range(SIDE)]
    return gpd.GeoDataFrame(
        {"area_code": [f"QMA-{place:02}" for place in range(len(cells))]},
        geometry=[box(column, row, column + 1, row + 1) for column, row in cells],
        crs="EPSG:4326",
    )


def cells(
    rate: np.ndarray, years: int = 12, population: float = 50_000, seed: int = 7, **columns: object
) -> pd.DataFrame:
    """Annual totals of the 64 squares with Poisson counts at a relative rate (areas, years) or (areas,)."""
    rng = np.random.default_rng(seed)
    rate = np.broadcast_to(rate.reshape(len(rate), -1), (SIDE * SIDE, years))
    counts = rng.poisson(40 * rate)
    rows = [
        {
            "area_code": f"QMA-{area:02}", "area_level": "admin1", "area_set": "invented", "area_role": "detection",
            "parent_code": "QMA", "region_code": "QM", "measure": "victims_detected", "exploitation": "_T", "reporter": "_T",
            "source": "qma_police_example", "dataset": "victims", "source_type": "police", "frequency": "A", "period": str(2010 + year),
            "period_start": pd.Timestamp(2010 + year, 1, 1), "value": float(counts[area, year]), "lower": float(counts[area, year]),
            "upper": float(counts[area, year]), "population_count": population, "is_incomplete": False, **columns,
        }
        for area in range(SIDE * SIDE)
        for year in range(years)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def block() -> np.ndarray:
    """A planted 3 × 3 block of areas."""
    planted = np.zeros((SIDE, SIDE), dtype=bool)
    planted[1:4, 1:4] = True
    return planted.ravel()


def test_a_planted_persistent_block_is_hot_and_classed() -> None:
    found = judged(cells(np.where(block(), 3.0, 1.0)), {"invented": squares()})
    last = found[found["period"] == "2021"].set_index("area_code")
    centre = "QMA-18"
    assert last.loc[centre, "assessment"] == "hot"
    assert last.loc[centre, "emerging_category"] == "Persistent Hot Spot"
    hot = last.index[last["assessment"] == "hot"]
    # a corner of the block has five of nine neighbours outside it
    assert set(hot) >= {"QMA-10", "QMA-17", "QMA-18", "QMA-19", "QMA-26"}
    assert set(hot) <= {f"QMA-{row * SIDE + column:02}" for row in (1, 2, 3) for column in (1, 2, 3)}
    assert last["family_count"].eq(64).all()
    assert (found["method"] == "getis_ord_star").all()


def test_few_people_with_a_wild_rate_are_not_hot() -> None:
    frame = cells(np.ones(64))
    frame.loc[frame["area_code"] == "QMA-27", ["population_count", "value"]] = [120.0, 2.0]
    found = judged(frame, {"invented": squares()})
    assert not (found["assessment"] == "hot").any()


def test_a_map_of_few_areas_is_not_assessed() -> None:
    frame = cells(np.ones(64))
    few = frame[frame["area_code"] < "QMA-20"]
    found = judged(few, {"invented": squares()})
    assert (found["eligibility"] == "not_assessed").all()
    assert found["eligibility_reason"].str.contains("20 areas report").all()
    assert found["assessment"].isna().all()


def test_an_area_without_population_or_figure_says_so() -> None:
    frame = cells(np.ones(64))
    frame.loc[frame["area_code"] == "QMA-00", "population_count"] = np.nan
    frame.loc[frame["area_code"] == "QMA-63", "value"] = np.nan
    found = judged(frame, {"invented": squares()}).set_index(["area_code", "period"])
    assert "population" in found.loc[("QMA-00", "2015"), "eligibility_reason"]
    assert "figure" in found.loc[("QMA-63", "2015"), "eligibility_reason"]
    assert pd.isna(found.loc[("QMA-63", "2015"), "assessment"])


def test_short_series_have_maps_and_no_class() -> None:
    found = judged(cells(np.where(block(), 3.0, 1.0), years=7), {"invented": squares()})
    assert (found["emerging_eligibility"] == "too_short").all()
    assert found["emerging_reason"].str.contains("7 periods").all()
    assert (found["assessment"] == "hot").any()


def last_map(frame: pd.DataFrame) -> pd.DataFrame:
    found = judged(frame, {"invented": squares()})
    return found[found["period"] == found["period"].max()].set_index("area_code")


def test_an_area_unlike_its_neighbours_is_told_from_those_alike() -> None:
    """A block is high among high; with its middle emptied that is low among high. p is that of Gi: the same question."""
    frame = cells(np.where(block(), 3.0, 1.0))
    whole = last_map(frame)
    alike = whole[whole["moran_quadrant"] == "high-high"]
    assert "QMA-18" in alike.index
    assert set(alike.index) <= {f"QMA-{row * SIDE + column:02}" for row in (1, 2, 3) for column in (1, 2, 3)}
    frame.loc[frame["area_code"] == "QMA-18", ["value", "lower", "upper"]] = 1.0
    holed = last_map(frame)
    assert holed.loc["QMA-18", "moran_quadrant"] == "low-high"
    assert holed.loc["QMA-18", "moran_i"] < 0
    for last in (whole, holed):
        shown = last["moran_quadrant"].notna()
        assert (last.loc[shown, "moran_q_bh"] <= 0.05).all()
        assert (last.loc[~shown, "moran_q_bh"] > 0.05).all()
        np.testing.assert_allclose(last["moran_p"], last["p"])


def test_local_moran_is_esdas_on_the_standardised_rates() -> None:
    esda, libpysal = pytest.importorskip("esda"), pytest.importorskip("libpysal")
    last = last_map(cells(np.where(block(), 3.0, 1.0)))
    shapes = squares().sort_values("area_code", ignore_index=True)
    weights = libpysal.weights.Queen.from_dataframe(shapes, use_index=False, silence_warnings=True)
    rates = esda.smoothing.assuncao_rate(last["value"].to_numpy(float), last["population_count"].to_numpy(float))
    theirs = esda.Moran_Local(rates, weights, transformation="r", permutations=0)
    np.testing.assert_allclose(last["moran_i"], theirs.Is, rtol=1e-6)
    names = np.array(["", "high-high", "low-high", "low-low", "high-low"])[theirs.q]
    shown = last["moran_quadrant"].notna().to_numpy()
    assert shown.any()
    assert (last["moran_quadrant"].to_numpy()[shown] == names[shown]).all()


def with_bounds(frame: pd.DataFrame, areas: list[str], lower: float, upper: float) -> pd.DataFrame:
    """The same counts, those of `areas` known only as bounds."""
    hidden = frame["area_code"].isin(areas)
    return frame.assign(
        value=frame["value"].mask(hidden),
        lower=frame["lower"].mask(hidden, lower),
        upper=frame["upper"].mask(hidden, upper),
    )


def test_maps_of_exact_counts_say_nothing_of_certainty() -> None:
    assert last_map(cells(np.where(block(), 3.0, 1.0)))["certainty"].isna().all()


def test_what_is_certain_holds_for_every_count_between_the_bounds() -> None:
    """A hidden corner far away leaves the block certain; a hidden middle of unknown size makes it only possible."""
    frame = cells(np.where(block(), 3.0, 0.5))
    far = last_map(with_bounds(frame, ["QMA-63", "QMA-62"], 0, 40))
    assert far.loc["QMA-18", "certainty"] == "certain"
    assert far.loc["QMA-63", "certainty"] == "not"
    assert far.loc["QMA-63", "eligibility"] == "not_assessed"
    assert "known only between two bounds; whatever it is" in far.loc["QMA-63", "eligibility_reason"]
    assert np.isnan(far.loc["QMA-63", "p"])
    everything = [f"QMA-{row * SIDE + column:02}" for row in (1, 2, 3) for column in (1, 2, 3)]
    near = last_map(with_bounds(frame, everything, 0, 110))
    assert near.loc["QMA-18", "certainty"] == "possible"
    assert "with some of the possible counts" in near.loc["QMA-18", "eligibility_reason"]


@pytest.mark.parametrize("seed", range(4))
def test_no_completion_contradicts_the_certainty(seed: int) -> None:
    """Filled in at random, no map makes a certain area not high, or one that is not high high."""
    from scipy.special import ndtri

    from geo.hotspots import getis_ord
    from geo.neighbours import contiguity

    rng = np.random.default_rng(seed)
    frame = cells(np.where(block(), 3.0, 0.1), years=1, seed=seed)
    hidden = [f"QMA-{place:02}" for place in rng.choice(64, 25, replace=False)]
    found = last_map(with_bounds(frame, hidden, 0, 9)).sort_index()
    assert {"certain", "possible"} & set(found["certainty"])
    values = frame.set_index("area_code")["value"].sort_index()
    weights = contiguity(squares())
    limit = ndtri(1 - 0.05 / (2 * 64))
    for _ in range(50):
        filled = values.mask(values.index.isin(hidden), rng.integers(0, 10, 64))
        z = getis_ord(filled.to_numpy(), weights).z
        assert (z[(found["certainty"] == "certain").to_numpy()] >= limit - 1e-9).all()
        assert (z[(found["certainty"] == "not").to_numpy()] < limit + 1e-9).all()


def test_bounds_that_nobody_may_see_and_halves_of_persons_are_not_assessed() -> None:
    frame = cells(np.where(block(), 3.0, 1.0))
    unseen = last_map(with_bounds(frame, ["QMA-63"], np.nan, np.nan))
    assert unseen["certainty"].isna().all()
    assert "no figure" in unseen.loc["QMA-63", "eligibility_reason"]
    halves = last_map(with_bounds(frame, ["QMA-63"], 0.5, 4))
    assert (halves["certainty"] == "not_assessed").all()
    wide = last_map(with_bounds(frame, ["QMA-63", "QMA-62"], 0, 501))
    assert (wide["certainty"] == "not_assessed").all()
    assert "too little is known around it" in wide.loc["QMA-63", "eligibility_reason"]
    endless = last_map(with_bounds(frame, ["QMA-63"], 0, np.inf))
    assert endless["certainty"].isna().all()


def test_null_maps_claim_no_more_than_their_level() -> None:
    """40 maps of equal rates: the share with any hot or cold area stays within Monte Carlo error of 5 %."""
    frame = cells(np.ones(64), years=40, seed=5)
    found = judged(frame, {"invented": squares()})
    claims = found["assessment"].isin(["hot", "cold"]).groupby(found["family_id"]).any()
    assert len(claims) == 40
    assert claims.sum() <= stats.binom.ppf(0.999, 40, 0.05)


def countries(values: list[float], populations: list[float]) -> pd.DataFrame:
    frame = cells(np.ones(64), years=1).head(len(values)).copy()
    return frame.assign(area_level="country", value=values, population_count=populations)


def test_the_funnel_is_against_the_region() -> None:
    rng = np.random.default_rng(4)
    expected = np.full(20, 100.0)
    values = [float(value) for value in rng.poisson(expected)]
    values[0] = 400.0
    found = judged(countries(values, [1e6] * 20), {}).set_index("area_code")
    assert found.loc["QMA-00", "assessment"] == "above"
    assert (found.drop("QMA-00")["assessment"] == "within").all()
    assert found["expected_count"].to_numpy() == pytest.approx(sum(values) / 20)
    assert (found["limit_lower_998"] <= found["limit_lower_95"]).all()
    assert (found["limit_upper_95"] <= found["limit_upper_998"]).all()


def test_a_region_of_few_countries_has_no_funnel() -> None:
    found = judged(countries([10.0, 20, 30], [1e6] * 3), {})
    assert (found["eligibility"] == "not_assessed").all()
    assert found["eligibility_reason"].str.contains("fewer than 5 countries").all()


def test_rates_have_exact_limits_and_intervals_keep_both_ends() -> None:
    frame = pd.DataFrame(
        {
            "cell_id": ["a", "b", "c", "d"],
            "value": [10.0, np.nan, 10.0, 0.0],
            "lower": [10.0, 0, 10.0, 0.0],
            "upper": [10.0, 4, 10.0, 0.0],
            "population_count": [100_000, 100_000, np.nan, 200_000],
            "frequency": ["A", "A", "A", "Q"],
        }
    )
    found = rates.compute(frame, parameters()).set_index("cell_id")
    assert list(found.index) == ["a", "b", "d"]
    low, high = stats.chi2.ppf(0.025, 20) / 2, stats.chi2.ppf(0.975, 22) / 2
    assert found.loc["a"].tolist() == pytest.approx([10, low, high])
    assert found.loc["b"].tolist() == pytest.approx([np.nan, 0, stats.chi2.ppf(0.975, 10) / 2], nan_ok=True)
    assert found.loc["d", "rate_upper_per_100k"] == pytest.approx(stats.chi2.ppf(0.975, 2) / 2 / 2 * 4)


def flows(table: np.ndarray, **columns: object) -> pd.DataFrame:
    names = [f"QM{letter}" for letter in "ABCDEF"]
    return pd.DataFrame(
        [
            {
                "measure": "victims_detected", "source": "qma_police_example", "dataset": "victims",
                "counterpart_role": "citizenship", "period": "2020", "area_code": names[column],
                "counterpart_area": names[row], **dict.fromkeys(("value", "lower", "upper"), float(table[row, column])),
                **columns,
            }
            for row in range(6)
            for column in range(6)
            if row != column
        ]
    )  # fmt: skip


def test_an_over_represented_corridor_stands_out() -> None:
    rng = np.random.default_rng(2)
    table = rng.poisson(np.outer([20, 30, 40, 25, 35, 20], [1.0, 1.5, 1, 2, 1, 1.2]))
    table[0, 3] = 260
    found = corridors.compute(flows(table), parameters()).set_index(["counterpart_area", "area_code"])
    assert found.loc[("QMA", "QMD"), "q"] < 0.001
    assert found["q"].idxmin() == ("QMA", "QMD")
    assert (found["eligibility"] == "assessed").all()


def test_protected_and_unknown_flows_are_no_flows() -> None:
    frame = flows(np.full((6, 6), 30))
    frame.loc[0, ["value", "lower", "upper"]] = np.nan
    frame.loc[1, "counterpart_area"] = "_U"
    found = corridors.compute(frame, parameters())
    assert "_U" not in set(found["counterpart_area"])
    row = found[
        (found["counterpart_area"] == frame.loc[0, "counterpart_area"])
        & (found["area_code"] == frame.loc[0, "area_code"])
    ]
    assert row["eligibility"].item() == "not_assessed"
    assert "protected" in row["eligibility_reason"].item()


def ends(frame: pd.DataFrame, end: str, area: str) -> pd.Series:
    found = corridors.compute(frame, parameters())
    rows = found[found["area_code" if end == "origins" else "counterpart_area"] == area]
    mine = rows[[name for name in found if name.startswith(end)]].drop_duplicates()
    assert len(mine) == 1
    return mine.iloc[0].rename(lambda name: name.removeprefix(f"{end}_"))


def total(area: str, value: float) -> pd.DataFrame:
    return flows(np.full((6, 6), value)).head(1).assign(area_code=area, counterpart_area="_T", counterpart_role="_Z")


def test_concentration_of_both_ends_is_that_of_the_shares() -> None:
    table = np.full((6, 6), 20)
    table[:, 1] = [100, 0, 40, 30, 20, 10]
    found = ends(flows(table), "origins", "QMB")
    shares = np.array([100, 40, 30, 20, 10]) / 200
    assert found["hhi"] == pytest.approx((shares**2).sum())
    assert found["effective_number"] == pytest.approx(1 / (shares**2).sum())
    assert found["top3_share"] == pytest.approx(0.85)
    even = ends(flows(np.full((6, 6), 20)), "destinations", "QMC")
    assert even["effective_number"] == pytest.approx(5)
    assert even["eligibility"] == "assessed"


def test_concentration_ignores_own_nationals_and_the_order_of_rows() -> None:
    frame = flows(np.full((6, 6), 20))
    own = frame.head(1).assign(counterpart_area="QMB", area_code="QMB", value=900.0, lower=900.0, upper=900.0)
    with_own = pd.concat([frame, own], ignore_index=True).sample(frac=1, random_state=3)
    pd.testing.assert_series_equal(ends(with_own, "origins", "QMB"), ends(frame, "origins", "QMB"))


def test_hidden_flows_leave_an_end_unassessed_unless_they_can_hold_little() -> None:
    frame = flows(np.full((6, 6), 40))
    hidden = frame.copy()
    place = (hidden["area_code"] == "QMB") & (hidden["counterpart_area"] == "QMA")
    hidden.loc[place, ["value", "lower", "upper"]] = np.nan
    nothing_known = ends(hidden, "origins", "QMB")
    assert nothing_known["eligibility"] == "not_assessed"
    assert "may hold more than 10 %" in nothing_known["reason"]
    assert np.isnan(nothing_known["hhi"])
    bounded = hidden.copy()
    bounded.loc[place, ["lower", "upper"]] = [0, 4]
    assert ends(bounded, "origins", "QMB")["effective_number"] == pytest.approx(4)
    for value, verdict in ((165, "assessed"), (220, "not_assessed")):
        with_total = pd.concat([hidden, total("QMB", value)], ignore_index=True)
        assert ends(with_total, "origins", "QMB")["eligibility"] == verdict
        assert "_T" not in set(corridors.compute(with_total, parameters())["counterpart_area"])


def test_few_persons_and_one_reporting_area_have_no_concentration() -> None:
    few = ends(flows(np.full((6, 6), 5)), "origins", "QMB")
    assert few["reason"] == "fewer than 50 persons across a border"
    frame = flows(np.full((6, 6), 90))
    alone = ends(frame[frame["area_code"] == "QMB"], "destinations", "QMA")
    assert alone["reason"] == "only one area at the other end is reported on"
    assert np.isnan(alone["effective_number"])


def test_rounding_keeps_nine_digits_and_what_is_not_a_number() -> None:
    values = np.array([1 / 3, 123456789.123, -2e-12 / 3, 0.0, np.nan, np.inf])
    rounded = significant(values, 9)
    assert rounded.tolist()[:4] == [0.333333333, 123456789.0, -6.66666667e-13, 0.0]
    assert np.isnan(rounded[4])
    assert np.isinf(rounded[5])
