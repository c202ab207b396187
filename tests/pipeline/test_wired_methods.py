"""Alerts, nowcasts and scans against the planted truth of the demonstration, read from the published tables."""

from __future__ import annotations

import json
import re

import numpy as np
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


@pytest.mark.parametrize("audience", ["restricted", "public"])
@pytest.mark.parametrize("name", ["trends", "hotspots", "clusters", "alerts", "corridors", "nowcasts", "compositions"])
def test_every_row_carries_how_it_was_made(demonstration_home, name: str, audience: str) -> None:
    made = table(demonstration_home, name, audience)
    if name != "nowcasts":
        assert len(made)
    for column in ("method", "parameters", "method_version", "eligibility"):
        assert made[column].notna().all(), column
        assert (made[column].astype(str) != "").all(), column
    for column in ("method", "parameters"):
        assert not made[column].str.contains(r"\{|None|nan").any(), column
    refused = made[made["eligibility"] != "assessed"]
    assert refused["eligibility_reason"].notna().all()


# ---- clusters


def police_map(home, truth: dict, audience: str = "restricted") -> pd.DataFrame:
    clusters = table(home, "clusters", audience)
    found = clusters[
        (clusters["measure"] == truth["measure"]) & (clusters["exploitation"] == "_T")
        & (clusters["area_level"] == "admin1") & (clusters["source_type"] == "police")
        & (clusters["method"] == "circular_scan")
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


# ---- neighbours, and counts known only as bounds


def test_planted_groups_are_high_among_high_neighbours(demonstration_home, truth: dict) -> None:
    hotspots = table(demonstration_home, "hotspots")
    mine = hotspots[
        (hotspots["measure"] == truth["measure"]) & (hotspots["exploitation"] == "_T")
        & (hotspots["area_level"] == "admin1") & hotspots["source"].str.contains("_police_")
        & (hotspots["period"].str.len() == 4)
    ]  # fmt: skip
    planted = {area for each in truth["clusters"] for area in [*each["areas"], *each["surroundings"]]}
    alike = mine[mine["moran_quadrant"] == "high-high"]
    print(
        f"high among high: {len(alike)} areas and years, {alike['area_code'].isin(planted).mean():.3f} of them planted"
    )
    assert len(alike) >= 60
    assert alike["area_code"].isin(planted).mean() >= 0.95
    shown = hotspots["moran_quadrant"].notna()
    assert (hotspots.loc[shown, "moran_q_bh"] <= 0.05).all()
    assert (
        hotspots.loc[hotspots["eligibility"] != "assessed", ["moran_i", "moran_p", "moran_q_bh"]].isna().all(axis=None)
    )
    assert "High among high neighbours" in page(demonstration_home, "hotspots")


def test_areas_known_as_bounds_say_what_is_certain(demonstration_home, truth: dict) -> None:
    """The publisher's `<5`: where a planted group is certain and no other place is; the reason says what is known."""
    hotspots = table(demonstration_home, "hotspots")
    said = hotspots[hotspots["certainty"].notna()]
    planted = {area for each in truth["clusters"] for area in [*each["areas"], *each["surroundings"]]}
    planted |= set(truth["jump"]["areas"])
    certain = said[said["certainty"] == "certain"]
    print(f"certain: {len(certain)} areas and periods, {certain['area_code'].isin(planted).mean():.3f} of them planted")
    assert len(certain) >= 200
    assert certain["area_code"].isin(planted).mean() >= 0.95
    bounded = said[said["eligibility_reason"].fillna("").str.startswith("the count is known only between two bounds")]
    assert len(bounded) >= 500
    assert bounded["value"].isna().all()
    assert set(bounded["source"]) <= {*truth["suppressed_by_publisher"]["partners"]}
    assert {"not", "possible"} <= set(bounded["certainty"])
    text = page(demonstration_home, "hotspots")
    assert "By count certainly high" in text


def test_a_public_release_uses_no_bounds_that_it_does_not_show(demonstration_home) -> None:
    hotspots, seen = (
        table(demonstration_home, "hotspots", "public"),
        table(demonstration_home, "observations", "public"),
    )
    shown = seen[seen["value"].isna() & seen["upper"].notna()]
    key = ["area_code", "measure", "exploitation", "source", "dataset", "period"]
    bounded = hotspots[hotspots["eligibility_reason"].fillna("").str.startswith("the count is known only between")]
    assert bounded.merge(shown[key].drop_duplicates(), on=key).shape[0] == len(bounded)


# ---- changes of the level


def levels(home, truth: dict, audience: str = "restricted") -> pd.DataFrame:
    """Totals of the police's series, with the unexplained changes of each as a set."""
    trends = table(home, "trends", audience)
    dimensions = ["exploitation", "sex", "age", "offence"]
    mine = trends[
        (trends["measure"] == truth["measure"]) & trends["source"].isin(truth["police_partners"].values())
        & (trends[dimensions] == "_T").all(axis=1) & (trends["derivation"] == "published")
    ]  # fmt: skip
    listed = {name: mine[name].fillna("").str.split(", ") for name in ("change_points", "change_points_explained")}
    found = [set(every) - set(known) - {""} for every, known in zip(*listed.values(), strict=True)]
    return mine.assign(unexplained=found)


def test_the_new_law_is_found_as_a_change_and_explained(demonstration_home, truth: dict) -> None:
    found = levels(demonstration_home, truth)
    law = truth["law_change"]
    mine = found[found["area_code"].str.startswith(law["country"]) & found["change_points"].notna()]
    year = law["on"][:4]
    is_explained = mine["change_points_explained"].fillna("").str.startswith(year)
    unexplained = [changes for changes in mine["unexplained"] if changes]
    print(f"law: a change in {len(mine)} series, explained in {int(is_explained.sum())}, unexplained: {unexplained}")
    assert len(mine) >= 15
    assert is_explained.mean() >= 0.9
    country = mine[mine["area_code"] == law["country"]]
    assert (country["change_points"].str[:4] == year).all()
    assert (country["change_point_ratio"] / law["ratio"]).between(0.8, 1.25).all()
    assert not any(changes for changes in country["unexplained"])


def test_a_group_that_is_new_is_a_change_of_the_level_and_little_else_is(demonstration_home, truth: dict) -> None:
    found = levels(demonstration_home, truth)
    sudden = next(cluster for cluster in truth["clusters"] if cluster["category"] == "new")
    quarters = found[(found["frequency"] == "Q") & (found["area_level"] == "admin1")]
    changed = quarters[[bool(changes) for changes in quarters["unexplained"]]]
    new = quarters[quarters["area_code"].isin(sudden["areas"])]
    hit = [changes == {"2024-Q1"} for changes in new["unexplained"]]
    print(
        f"new level of the group: {sum(hit)} of {len(hit)} areas; in all {len(changed)} of {len(quarters)} areas change"
    )
    assert sum(hit) / len(hit) >= 0.8
    moving = {area for each in truth["clusters"] for area in [*each["areas"], *each["surroundings"]]}
    moving |= set(truth["jump"]["areas"])
    countries = {
        truth["national_trend"]["country"],
        truth["law_change"]["country"],
        *truth["regional_trend"]["countries"],
    }
    still = quarters[
        ~quarters["area_code"].isin(moving) & ~quarters["area_code"].str[:3].isin(countries)
        & (quarters["change_points_eligibility"] == "assessed")
    ]  # fmt: skip
    claims = [area for area, changes in zip(still["area_code"], still["unexplained"], strict=True) if changes]
    print(f"areas without any effect: {len(claims)} of {len(still)} change")
    assert len(claims) <= 0.02 * len(still)


def test_new_levels_and_rates_of_change_stand_on_the_pages(demonstration_home, truth: dict) -> None:
    found = levels(demonstration_home, truth)
    sudden = next(cluster for cluster in truth["clusters"] if cluster["category"] == "new")
    text = page(demonstration_home, "trends")
    assert "The level changes in 2024 Q1; no known break explains it" in text
    assert 'class="break found"' in text
    new = found[found["area_code"].isin(sudden["areas"]) & found["change_points"].notna()]["area_code"].iloc[0]
    place = page(demonstration_home, f"areas/{new}")
    assert "no known break explains it" in place
    assessed = found[found["joinpoints_eligibility"] == "assessed"]
    assert len(assessed) >= 10
    assert (assessed[["aapc_low", "aapc", "aapc_high"]].diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    country = truth["national_trend"]["country"]
    national = assessed[(assessed["area_code"] == country) & (assessed["frequency"] == "A")].iloc[0]
    fall = 100 * (truth["national_trend"]["ratio_per_year"] - 1)
    assert national["aapc_low"] - 1 <= fall <= national["aapc_high"] + 1


# ---- mixes of forms


@pytest.mark.parametrize("audience", ["restricted", "public"])
def test_the_planted_shift_of_forms_is_found_and_little_else_is(demonstration_home, truth: dict, audience: str) -> None:
    rows = table(demonstration_home, "compositions", audience)
    planted = truth["composition_change"]
    source = truth["police_partners"][planted["country"]]
    mine = rows[(rows["area_code"] == planted["country"]) & (rows["comparison"] == "first_and_newest")]
    grew = mine[(mine["source"] == source) & (mine["exploitation"] == planted["form"])]
    assert grew["direction"].item() == "grew"
    assert grew["share_first"].item() == pytest.approx(planted["share_first"], abs=0.03)
    assert grew["share_last"].item() == pytest.approx(planted["share_last"], abs=0.03)
    assert (grew["period_first"].item(), grew["period_last"].item()) == tuple(map(str, planted["years"]))
    assert grew["q_bh"].item() < 1e-6
    countries = rows[(rows["area_level"] == "country") & (rows["eligibility"] == "assessed")]
    moved = countries[countries["direction"].isin(["grew", "shrank"])]
    unmapped = {
        code for code, partner in truth["police_partners"].items()
        if partner in {each["partner_id"] for each in truth["unmapped_labels"]}
    }  # fmt: skip
    print(
        f"{audience}: countries whose mix shifted: {sorted(set(moved['area_code']))} of {countries['area_code'].nunique()}"
    )
    assert set(moved["area_code"]) <= {planted["country"], *unmapped}
    newest = rows[(rows["comparison"] == "newest_years") & (rows["eligibility"] == "assessed")]
    assert newest["direction"].isin(["grew", "shrank"]).mean() <= 0.02
    section = page(demonstration_home, "trends", audience)
    section = re.sub(r"<[^>]+>", "", section[section.index('id="compositions"') :])
    assert "Forced labour 22 % to 46 %" in section


def test_a_changed_law_in_between_and_small_areas_are_not_compared(demonstration_home, truth: dict) -> None:
    rows = table(demonstration_home, "compositions")
    refused = rows[rows["eligibility"] == "not_assessed"]
    assert (refused["exploitation"] == "_T").all()
    assert refused["eligibility_reason"].notna().all()
    assert refused[["p", "q_bh", "chi_square", "share_first"]].isna().all(axis=None)
    law = truth["law_change"]["country"]
    long = rows[rows["area_code"].str.startswith(law) & (rows["comparison"] == "first_and_newest")]
    assert set(long["eligibility_reason"]) == {"the law or a way of counting changed in between"}
    assert (refused["eligibility_reason"] == "too few persons in some forms for a test").sum() >= 50


def test_public_mixes_are_made_of_figures_that_are_shown(demonstration_home) -> None:
    rows = table(demonstration_home, "compositions", "public")
    rows = rows[rows["eligibility"] == "assessed"]
    seen = table(demonstration_home, "observations", "public")
    dimensions = ["sex", "age", "offence", "counterpart_area", "detail"]
    seen = seen[(seen[dimensions] == "_T").all(axis=1) & (seen["frequency"] == "A")]
    key = ["area_code", "measure", "source", "dataset", "area_role", "exploitation", "period"]
    shown = seen.drop_duplicates(key).set_index(key)["value"].astype(float)
    for end in ("first", "last"):
        places = rows[[*key[:-1]]].assign(period=rows[f"period_{end}"])
        found = shown.reindex(pd.MultiIndex.from_frame(places[key])).to_numpy()
        # of unknown form there may be no row: nobody
        found = np.where(rows["exploitation"].isin(["_X", "_U"]) & np.isnan(found), 0, found)
        assert np.array_equal(found, rows[f"value_{end}"].to_numpy())


# ---- concentration of flows


def test_the_planted_corridor_concentrates_its_destination(demonstration_home, truth: dict) -> None:
    planted = truth["corridor"]
    corridors = table(demonstration_home, "corridors")
    mine = corridors[(corridors["source"] == planted["partner"]) & (corridors["measure"] == truth["measure"])]
    mine = mine[mine["period"] == mine["period"].max()].drop_duplicates("area_code").set_index("area_code")
    effective = mine["origins_effective_number"]
    print("effective number of origins:", effective.round(1).to_dict())
    assert effective.idxmin() == planted["detected_in"]
    assert effective[planted["detected_in"]] < 0.8 * effective.drop(planted["detected_in"]).min()
    assert np.allclose(mine["origins_hhi"] * effective, 1)
    text = page(demonstration_home, "corridors")
    assert "From how many origins" in text
    assert "To how many destinations" in text


def test_public_concentration_is_of_flows_that_are_shown(demonstration_home) -> None:
    corridors = table(demonstration_home, "corridors", "public")
    key = ["measure", "source", "dataset", "counterpart_role", "period", "area_code"]
    crossing = corridors[(corridors["counterpart_area"] != corridors["area_code"]) & corridors["value"].notna()]
    squares = crossing.groupby(key)["value"].agg(lambda values: ((values / values.sum()) ** 2).sum())
    said = corridors[corridors["origins_hhi"].notna()].drop_duplicates(key).set_index(key)["origins_hhi"]
    assert len(said) >= 20
    assert np.allclose(said, squares.reindex(said.index), rtol=1e-6)


# ---- alerts


def touched_since(truth: dict, period: str) -> set[str]:
    """Areas whose rate was raised in the year of `period` against the years before: the jump, and a group that is new."""
    year = period[:4]
    raised = set(truth["jump"]["areas"]) if period >= truth["jump"]["from"] else set()
    for cluster in truth["clusters"]:
        ratios = cluster["rate_ratio_by_year"]
        if ratios[year] >= 2 * ratios[str(int(year) - 1)]:
            raised |= {*cluster["areas"], *cluster["surroundings"]}
    return raised


def test_the_planted_jump_raises_alerts_within_two_periods(demonstration_home, truth: dict) -> None:
    alerts = table(demonstration_home, "alerts")
    mine = alerts[(alerts["measure"] == truth["measure"]) & (alerts["frequency"] == "Q")]
    planted = truth["jump"]
    first = mine[mine["is_alarm"] & (mine["period"] >= planted["from"]) & mine["area_code"].isin(planted["areas"])]
    since = first.groupby("area_code")["period"].min()
    assert set(since.index) == set(planted["areas"])
    assert (since <= "2024-Q4").all(), "the first period of the jump or the one after it"
    assert not mine[(mine["period"] < planted["from"]) & mine["area_code"].isin(planted["areas"])]["is_alarm"].any()
    jumped = mine[mine["area_code"].isin(planted["areas"]) & (mine["period"] >= planted["from"])]
    assert jumped["is_alarm"].all()
    assert (jumped["value"] / jumped["expected_count"] > planted["ratio"] / 2).all()


def test_alerts_are_where_something_was_planted(demonstration_home, truth: dict) -> None:
    alerts = table(demonstration_home, "alerts")
    areas = alerts[(alerts["measure"] == truth["measure"]) & (alerts["area_level"] == "admin1")]
    alarms = areas[areas["is_alarm"]]
    right = [row.area_code in touched_since(truth, row.period) for row in alarms.itertuples()]
    sudden = next(cluster for cluster in truth["clusters"] if cluster["category"] == "new")
    judged = areas[
        areas["area_code"].isin([*sudden["areas"], *truth["jump"]["areas"]]) & (areas["eligibility"] == "assessed")
    ]
    judged = judged[[row.area_code in touched_since(truth, row.period) for row in judged.itertuples()]]
    print(
        f"alerts: precision {sum(right) / len(right):.3f} of {len(right)}, recall {judged['is_alarm'].mean():.3f} of {len(judged)}"
    )
    quiet = areas[(areas["eligibility"] == "assessed") & ~areas["area_code"].isin(touched_since(truth, "2024-Q4"))]
    print(f"alerts elsewhere: {int(quiet['is_alarm'].sum())} of {len(quiet)} counts judged")
    assert sum(right) / len(right) >= 0.9
    assert judged["is_alarm"].mean() >= 0.7
    assert quiet["is_alarm"].mean() <= 0.01


def test_a_new_law_and_a_late_partner_are_no_alerts(demonstration_home, truth: dict) -> None:
    alerts = table(demonstration_home, "alerts")
    changed = alerts[alerts["area_code"].str.startswith(truth["law_change"]["country"])]
    assert len(changed)
    assert not changed["is_alarm"].any()
    for partner in (truth["late_partner"], truth["stopped_partner"]):
        after = alerts[(alerts["source"] == partner["partner_id"]) & (alerts["period"] > partner["last_quarterly"])]
        assert len(after)
        assert set(after["eligibility"]) == {"not_assessed"}
    slow = alerts[alerts["source"] == truth["reporting_delays"]["partner_id"]]
    newest = slow[slow["period"] == "2024-Q4"]
    assert set(newest["eligibility_reason"]) == {"incomplete_reporting"}
    assert set(slow[slow["period"] == "2024-Q1"]["eligibility"]) == {"assessed"}


@pytest.mark.parametrize("audience", ["restricted", "public"])
def test_alerts_stand_on_the_trends_page(demonstration_home, audience: str) -> None:
    alerts = table(demonstration_home, "alerts", audience)
    text = page(demonstration_home, "trends", audience)
    section = text[text.index('id="alerts"') : text.index('id="nowcasts"')]
    assert alerts["is_alarm"].any()
    assert all(name in section for name in alerts[alerts["is_alarm"]]["area_name"])
    assert "no finding" in section
    assert 'id="alerts"' in page(demonstration_home, "methods", audience)


def test_public_alerts_come_from_figures_that_are_shown(demonstration_home) -> None:
    series = table(demonstration_home, "series", "public").set_index(["series_id", "period"])["value"].astype(float)
    alerts = table(demonstration_home, "alerts", "public").set_index(["series_id", "period"])
    shown = series.reindex(alerts.index)
    pd.testing.assert_series_equal(alerts["value"], shown, check_names=False)
    assert alerts.loc[shown.isna(), ["expected_count", "limit_upper", "p"]].isna().all(axis=None)


# ---- nowcasts


def test_nowcasts_of_the_slow_partner_cover_the_final_figures(demonstration_home, truth: dict) -> None:
    planted = truth["reporting_delays"]
    rows = table(demonstration_home, "nowcasts")
    mine = rows[
        (rows["area_code"] == planted["country"])
        & (rows["source"] == planted["partner_id"])
        & (rows["frequency"] == "Q")
    ]
    assert len(mine) == 8
    final = mine["period"].map(planted["final"])
    error = (mine["expected_count"] / final - 1).set_axis(mine["period"])
    before = (mine["value"] / final - 1).set_axis(mine["period"])
    print("nowcast against the final figure:", error.round(3).to_dict(), "reported:", before.round(3).to_dict())
    assert ((mine["low_count"] <= final) & (final <= mine["high_count"])).all()
    assert error.abs().max() <= 0.08
    assert error.abs().sum() < before.abs().sum() / 2
    shares = planted["completeness_by_quarters_of_delay"]
    newest = mine.sort_values("period", ascending=False)["completeness_share"].to_numpy()[: len(shares)]
    assert newest.tolist() == pytest.approx(shares, abs=0.04)


def test_incomplete_periods_are_in_no_test(demonstration_home, truth: dict) -> None:
    planted = truth["reporting_delays"]
    hotspots = table(demonstration_home, "hotspots")
    mine = hotspots[(hotspots["source"] == planted["partner_id"]) & (hotspots["measure"] == truth["measure"])]
    for period in ("2024", "2024-Q3", "2024-Q4"):
        rows = mine[mine["period"] == period]
        assert len(rows)
        assert set(rows["eligibility_reason"]) == {"incomplete_reporting"}
        assert rows["value"].notna().all(), "shown, not tested"
    trends = table(demonstration_home, "trends")
    trend = trends[(trends["source"] == planted["partner_id"]) & (trends["area_code"] == planted["country"])]
    assert set(trend[trend["frequency"] == "Q"]["last_period"]) == {"2024-Q2"}
    assert set(trend[trend["frequency"] == "A"]["last_period"]) == {"2023"}
    clusters = table(demonstration_home, "clusters")
    left_out = clusters[
        (clusters["source"] == planted["partner_id"]) & clusters["period_last"].isin(["2024", "2024-Q4"])
    ]
    assert set(left_out["eligibility"]) == {"not_assessed"}


def test_a_public_release_holds_no_nowcast_and_names_what_is_incomplete(demonstration_home, truth: dict) -> None:
    rows = table(demonstration_home, "nowcasts", "public")
    figures = [name for name in rows if name.endswith(("_count", "_share", "value")) and name != "vintages_count"]
    assert len(figures) == 7
    assert rows[figures].isna().all(axis=None)
    text = page(demonstration_home, "trends", "public")
    section = text[text.index('id="nowcasts"') :]
    assert "2024 Q3" in section
    assert "can be a small count" in section
    open_ = page(demonstration_home, "trends")
    assert "95 % limits" in open_[open_.index('id="nowcasts"') :]


# ---- clusters in time


@pytest.mark.parametrize("audience", ["restricted", "public"])
def test_what_is_new_is_a_cluster_in_time(demonstration_home, truth: dict, audience: str) -> None:
    """The group that is hot only now and the two areas of the jump; not the groups that were always hot."""
    clusters = table(demonstration_home, "clusters", audience)
    scan = clusters[(clusters["method"] == "space_time_prospective") & (clusters["area_level"] == "admin1")]
    assert scan["map_id"].nunique() == 1
    inside = set(scan.loc[scan["cluster_id"].notna(), "area_code"])
    scanned = set(scan.loc[scan["eligibility"] == "assessed", "area_code"])
    sudden = next(cluster for cluster in truth["clusters"] if cluster["category"] == "new")
    new = {*sudden["areas"], *truth["jump"]["areas"]} & scanned
    rising = [cluster for cluster in truth["clusters"] if cluster["category"] in ("new", "intensifying")]
    near = {area for each in rising for area in [*each["areas"], *each["surroundings"]]} | set(truth["jump"]["areas"])
    print(
        f"clusters in time, {audience}: recall {len(new & inside)} of {len(new)}, precision {len(inside & near)} of {len(inside)}"
    )
    assert (scan["period_last"] == "2024-Q4").all()
    assert len(inside & near) / len(inside) >= 0.6
    if audience == "restricted":
        assert len(new & inside) / len(new) >= 0.8
        jump = scan[scan["area_code"].isin(truth["jump"]["areas"])]
        assert set(jump["period_first"]) == {truth["jump"]["from"]}
        steady = {area for each in truth["clusters"] if each["category"] == "persistent" for area in each["areas"]}
        assert not steady & inside
    slow = scan[scan["source"] == truth["reporting_delays"]["partner_id"]]
    assert set(slow["eligibility"]) == {"not_assessed"}
    if inside:
        text = page(demonstration_home, "hotspots", audience)
        assert "Clusters now" in text[text.index('id="clusters-in-time"') :]
