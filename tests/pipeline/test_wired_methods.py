"""The scan against the planted truth of the demonstration, read from the published tables of the restricted release."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from command_under_test import release

pytestmark = pytest.mark.xdist_group("demonstration")


@pytest.fixture(scope="module")
def truth(demonstration_home) -> dict:
    return json.loads((demonstration_home.path / "planted_truth.json").read_text(encoding="utf-8"))


def table(home, name: str, audience: str = "restricted") -> pd.DataFrame:
    return pd.read_parquet(release(home.path, audience) / "tables" / f"{name}.parquet")


def page(home, name: str, audience: str = "restricted") -> str:
    return (release(home.path, audience) / f"{name}.html").read_text(encoding="utf-8")


# ---- clusters


def police_map(home, truth: dict, audience: str = "restricted") -> pd.DataFrame:
    clusters = table(home, "clusters", audience)
    found = clusters[
        (clusters["measure"] == truth["measure"]) & (clusters["exploitation"] == "_T")
        & (clusters["area_level"] == "admin1") & (clusters["source_type"] == "police")
    ]  # fmt: skip
    assert found["map_id"].nunique() == 1
    return found


@pytest.mark.parametrize("audience", ["restricted", "public"])
def test_the_planted_circle_is_a_cluster_of_the_scan(demonstration_home, truth: dict, audience: str) -> None:
    found = police_map(demonstration_home, truth, audience)
    planted = truth["circular_cluster"]
    members = set(found.loc[found["area_code"] == planted["centre"], "cluster_id"])
    assert len(members) == 1
    assert None not in members, "the centre of the planted circle lies in no cluster"
    cluster = found[found["cluster_id"].isin(members)]
    areas, wanted = set(cluster["area_code"]), set(planted["areas"])
    precision, recall = len(areas & wanted) / len(areas), len(areas & wanted) / len(wanted)
    risk, p = cluster[["relative_risk", "p"]].iloc[0]
    print(
        f"planted circle, {audience}: precision {precision:.2f}, recall {recall:.2f}, relative risk {risk:.2f}, p {p}"
    )
    assert precision >= 0.85
    assert recall >= 0.85
    assert (cluster["p"] <= 0.001).all()
    assert cluster["is_centre"].sum() == 1


def test_other_planted_groups_lie_in_clusters_too(demonstration_home, truth: dict) -> None:
    """Those with twice the usual rate or more in the year that was scanned."""
    found = police_map(demonstration_home, truth)
    period = found["period_last"].iloc[0]
    hot = {area for each in truth["clusters"] if each["rate_ratio_by_year"][period] >= 2 for area in each["areas"]}
    touched = {area for each in truth["clusters"] for area in [*each["areas"], *each["surroundings"]]}
    touched |= set(truth["jump"]["areas"])
    inside = set(found.loc[found["cluster_id"].notna(), "area_code"])
    scanned = set(found.loc[found["eligibility"] == "assessed", "area_code"])
    recall, precision = len(hot & inside) / len(hot & scanned), len(inside & touched) / len(inside)
    print(f"planted groups of {period}: recall {recall:.2f} of {len(hot & scanned)} areas")
    print(f"areas inside a cluster: {precision:.2f} of {len(inside)} were touched by a plant")
    assert recall >= 0.85


def test_areas_that_do_not_report_are_named_and_in_no_cluster(demonstration_home, truth: dict) -> None:
    found = police_map(demonstration_home, truth)
    stopped = truth["stopped_partner"]["partner_id"]
    mine = found[found["source"] == stopped]
    assert len(mine)
    assert (mine["eligibility"] == "not_assessed").all()
    assert mine["eligibility_reason"].notna().all()
    assert mine["cluster_id"].isna().all()
    text = page(demonstration_home, "hotspots")
    assert mine["area_name"].iloc[0] in text[text.index('id="clusters"') :]


def test_too_few_areas_make_no_map(demonstration_home) -> None:
    clusters = table(demonstration_home, "clusters")
    countries = clusters[clusters["area_level"] == "country"]
    assert len(countries)
    assert (countries["eligibility"] == "not_assessed").all()
    assert countries["eligibility_reason"].str.contains("a map needs 30").any()


def test_a_public_cluster_around_a_hidden_area_shows_no_sums(demonstration_home, truth: dict) -> None:
    open_, public = police_map(demonstration_home, truth), police_map(demonstration_home, truth, "public")
    observed = table(demonstration_home, "observations", "public")
    hidden = set(observed.loc[observed["missing_reason"] == "suppressed", "area_code"])
    dimensions = ["exploitation", "sex", "age", "offence", "counterpart_area", "detail"]
    shown = observed[(observed["measure"] == truth["measure"]) & (observed[dimensions] == "_T").all(axis=1)]
    shown = shown[shown["period"] == public["period_last"].iloc[0]]
    for _, members in public[public["cluster_id"].notna()].groupby("cluster_id"):
        if members["cases_count"].notna().all():
            visible = shown[shown["area_code"].isin(members["area_code"]) & shown["source"].isin(members["source"])]
            figures = visible.drop_duplicates("area_code")["value"].astype(float)
            assert figures.sum() == members["cases_count"].iloc[0]
    assert hidden
    assert public["cases_count"].notna().sum() < open_["cases_count"].notna().sum()
