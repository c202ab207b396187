"""Views of the map: several sources, yearly beside quarterly figures, bounded and missing figures, classes, discs."""

import json

import numpy as np
import pandas as pd
import published_example
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.charts import map_data, maps
from reports.tables import read


@pytest.fixture
def published(tmp_path):
    return published_example.build(tmp_path / "published", districts=3)


def change(published, name, function):
    path = published / "tables" / f"{name}.parquet"
    table = function(pq.read_table(path).to_pandas())
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path)


def by_country(codes):
    return np.where(codes.str.startswith(("QMA", "QMC")), "qma_police_ard", "qmz_io_region")


def test_areas_are_shown_together_by_the_source_chosen_for_each(published):
    for name in ("observations", "series", "hotspots"):
        change(published, name, lambda table: table.assign(source=by_country(table["area_code"])))
    found = [view for view in maps.views(read(published)) if view.key["area_level"] == "admin1"]
    assert [(view.key["measure"], view.key["source"]) for view in found] == [
        ("victims_detected", ""),
        ("persons_convicted", ""),
    ]
    view = found[0]
    assert view.is_of_several_sources
    sources = dict(zip(view.codes, view.sources, strict=True))
    assert sources["QMC-01"] == "qma_police_ard"
    assert sources["QMD-01"] == "qmz_io_region"
    record = map_data.payload(read(published), found, set(), 10_000_000)[0]["views"][0]
    shown = record["sources"][record["sourceOf"][record["codes"].index("QMC-01")]]
    assert shown == "qma_police_ard"
    assert record["source"] == "Each area by its own source"


def test_a_source_that_was_not_chosen_keeps_a_view_of_its_own(published):
    def with_alternative(table):
        other = table[table["area_code"].str.startswith("QMC")].assign(source="qma_police_ard", is_leading=False)
        return pd.concat([table, other], ignore_index=True)

    change(published, "hotspots", with_alternative)
    found = [view for view in maps.views(read(published)) if view.key["area_level"] == "admin1"]
    detected = [view for view in found if view.key["measure"] == "victims_detected"]
    assert {view.key["source"] for view in detected} == {"qmz_io_region", "qma_police_ard"}
    assert detected[0].key["source"] == "qmz_io_region", "the one with more areas comes first"


def test_years_and_quarters_are_views_of_their_own(published):
    def with_quarters(table):
        return pd.concat([table, table.assign(period=table["period"] + "-Q1")], ignore_index=True)

    change(published, "hotspots", with_quarters)
    found = maps.views(read(published))
    assert all(len({len(period) for period in view.periods}) == 1 for view in found)
    labels = [record["measure"] for record in map_data.payload(read(published), found, set(), 10_000_000)[0]["views"]]
    assert "Victims detected" in labels
    assert "Victims detected, by quarter" in labels
    assert found[0].key["frequency"] == "A"


def test_missing_hidden_and_bounded_figures_are_told_apart(published):
    def gaps(table):
        table = table.copy()
        latest = (
            (table["period"] == "2024") & (table["measure"] == "victims_detected") & (table["exploitation"] == "_T")
        )
        latest &= (table["sex"] == "_T") & (table["age"] == "_T")
        for code, reason, bounds in (
            ("QMA-01", "suppressed", (np.nan, np.nan)),
            ("QMA-02", "not_reported", (np.nan, np.nan)),
            ("QMA-03", "", (0.0, 4.0)),
        ):
            row = latest & (table["area_code"] == code)
            table.loc[row, ["value", "lower", "upper"]] = [np.nan, *bounds]
            table.loc[row, "missing_reason"] = reason
        return table

    def unknown(table):
        gone = (table["period"] == "2024") & table["area_code"].isin(["QMA-01", "QMA-02", "QMA-03"])
        return table.assign(
            value=table["value"].where(~gone),
            eligibility=np.where(gone, "not_assessed", table["eligibility"]),
            eligibility_reason=np.where(
                gone, "the count is known only between two bounds", table["eligibility_reason"]
            ),
            assessment=np.where(gone, None, table["assessment"]),
            certainty=np.where(gone, "possible", None),
            moran_quadrant=np.where((table["area_code"] == "QMB-01") & (table["period"] == "2024"), "low-high", None),
        )

    change(published, "observations", gaps)
    change(published, "hotspots", unknown)
    view = next(view for view in maps.views(read(published)) if view.key["area_level"] == "admin1")
    letters = dict(zip(view.codes, view.states[maps.SPATIAL][-1], strict=True))
    assert [letters[code] for code in ("QMA-01", "QMA-02", "QMA-03")] == ["s", "m", "x"]
    place = (len(view.periods) - 1, view.codes.index("QMA-03"))
    assert {at: (row["lower"], row["upper"]) for at, row in view.bounds.items()} == {place: (0.0, 4.0)}
    row = int(view.bounds[place]["at"].removeprefix("observations."))
    assert read(published).table("observations").loc[row, ["area_code", "period"]].tolist() == ["QMA-03", "2024"]
    assert view.reasons[maps.SPATIAL][place] == "the count is known only between two bounds"
    record = next(
        record
        for record in map_data.payload(read(published), [view], set(), 10_000_000)[0]["views"]
        if record["codes"] == view.codes
    )
    period, area = place
    assert record["certainties"][period][area] == "p"
    assert record["quadrants"][period][view.codes.index("QMB-01")] == "l"
    assert record["quadrants"][period][area] == " "


def test_funnel_limits_given_as_counts_become_ratios(published):
    limits = [f"limit_{side}_{level}" for side in ("lower", "upper") for level in ("95", "998")]
    before = next(view for view in maps.views(read(published)) if maps.FUNNEL in view.states)
    change(
        published,
        "hotspots",
        lambda table: table.assign(**{name: table[name] * table["expected_count"] for name in limits}),
    )
    after = next(view for view in maps.views(read(published)) if maps.FUNNEL in view.states)
    for name in limits:
        np.testing.assert_allclose(after.limits[name], before.limits[name])


def test_rate_classes_are_one_set_for_all_periods_and_hold_about_a_fifth(published):
    view = maps.views(read(published))[0]
    limits = maps.rate_classes(view)
    assert limits == sorted(set(limits))
    rates = view.rate[np.isfinite(view.rate)]
    shares = np.histogram(rates, [-np.inf, *limits, np.inf])[0] / len(rates)
    assert len(shares) == 5
    assert shares.max() < 0.35
    assert {maps.rate_class(rate, limits) for rate in rates} == {0, 1, 2, 3, 4}


def test_very_small_areas_are_drawn_as_discs_and_only_where_there_are_figures():
    square = [[0, 0], [0, 1000], [1000, 1000], [1000, 0], [0, 0]]
    islet = [[1500, 10], [1500, 11], [1501, 11], [1501, 10], [1500, 10]]
    layer = {
        "bounds": [0, 0, 1501, 1000],
        "areas": [
            {"area_code": "QMA", "area_name": "A", "rings": [square]},
            {"area_code": "QMB", "area_name": "B", "rings": [islet]},
        ],
    }
    drawn = {area["area_code"]: area for area in maps.drawable(layer)["areas"]}
    assert drawn["QMA"]["rings"] == [square]
    disc = np.array(drawn["QMB"]["rings"][0])
    assert disc[0].tolist() == disc[-1].tolist()
    assert np.ptp(disc, axis=0) == pytest.approx([13.5, 13.5], rel=0.05)
    assert [area["area_code"] for area in maps.shown_layer(layer, {"QMA"})["areas"]] == ["QMA"]
    assert maps.shown_layer(layer, {"QMA"})["bounds"] == pytest.approx([-30, -30, 1030, 1030])


def test_the_payload_keeps_to_its_limit_and_says_what_it_left_out(published):
    release = read(published)
    found = maps.views(release)
    whole, none_left = map_data.payload(release, found, set(), 10_000_000)
    assert none_left == 0
    first = len(json.dumps(map_data.payload(release, found[:1], set(), 10_000_000)[0]["views"]))
    small, left = map_data.payload(release, found, set(), first)
    assert len(small["views"]) == 1
    assert left == len(whole["views"]) - 1
