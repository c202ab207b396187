"""Verdicts on small invented series: each word by its rule, one headline, and what stands without two areas."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analytics import contributors, trends, verdicts
from analytics.parameters import parameters
from analytics.regimes import SPLITS

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
NO_BREAKS = pd.DataFrame(columns=["area_code", "measure", "dimension", "break_on", "kind", "source", "dataset"])
HOTSPOTS = [
    "area_code", "measure", "exploitation", "source", "dataset", "period", "method", "assessment", "ratio", "q_bh",
    "emerging_category",
]  # fmt: skip
CLUSTERS = ["area_code", "measure", "exploitation", "source", "dataset", "period_last", "method", "cluster_rank"]
RISING = [20.0, 23, 22, 27, 30, 33, 36, 41, 44, 50, 53, 60]
FLAT = [40.0, 43, 38, 41, 44, 39, 42, 40, 37, 43, 41, 40]


def words() -> verdicts.Words:
    return verdicts.Words(
        *(pd.read_csv(SEEDS / f"{name}.csv") for name in ("verdict_words", "verdict_reasons", "evidence_rules"))
    )


def series(area: str, values: list[float], first: int = 2010, **columns: Any) -> pd.DataFrame:
    key = {
        "series_id": area + "".join(map(str, columns.values())), "frequency": "A", "area_code": area, "area_level": "country",
        "measure": "victims_detected", "source": "qma_police_example", "dataset": "victims", "derivation": "published",
        "reporter": "_T", "area_role": "detection", "unit": "persons", "is_leading": True, "precedence": 1,
        "coverage_share": np.nan, "is_incomplete": False, **dict.fromkeys(SPLITS, "_T"), **columns,
    }  # fmt: skip
    rows = [
        {**key, "period": str(first + place), "period_start": pd.Timestamp(first + place, 1, 1), "value": value, "lower": value, "upper": value}
        for place, value in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def panel(parts: dict[str, list[float]], area: str = "WLD", level: str = "world", **columns: Any):
    """The series of the areas, of their balanced panel, and the panel's members."""
    own = [series(code, values) for code, values in parts.items()]
    total = np.sum(list(parts.values()), axis=0).tolist()
    whole = series(
        area, total, derivation="balanced_panel", area_level=level, is_leading=False, coverage_share=0.9, **columns
    )
    members = pd.concat(own).assign(member_id=lambda rows: rows["series_id"], series_id=whole["series_id"].iat[0])
    return pd.concat([*own, whole], ignore_index=True), members


def judged(
    frame: pd.DataFrame, members: pd.DataFrame | None = None, breaks: pd.DataFrame = NO_BREAKS, **found: list[tuple]
) -> pd.DataFrame:
    tested = trends.compute(frame, breaks, {}, parameters())
    alarms = pd.DataFrame(found.get("alerts", []), columns=["series_id", "period", "is_alarm"])
    of_release = verdicts.Found(
        pd.DataFrame(found.get("hotspots", []), columns=HOTSPOTS),
        pd.DataFrame(found.get("clusters", []), columns=CLUSTERS),
        alarms,
    )
    if members is None:
        members = pd.DataFrame(columns=["series_id", "area_code", "member_id", "period", "period_start", "value"])
    table = verdicts.compute(frame, tested, members, of_release, breaks, {}, words(), parameters())
    return table.set_index("series_id") if len(table) else table


def codes(row: pd.Series) -> set[str]:
    return set(row["reasons"].split(";"))


# ---- words for the change


def test_a_steady_rise_rose_from_its_first_to_its_last_figure() -> None:
    row = judged(series("QMA", RISING)).loc["QMA"]
    assert (row["change_word"], row["verdict"], row["verdict_label"]) == ("rose", "rose", "Rose")
    assert row[["period_first", "value_first", "period_last", "value_last"]].tolist() == ["2010", 20, "2021", 60]
    assert 1 < row["change_low"] < row["change_ratio_a_year"] < row["change_high"]
    assert row["change_ratio_a_year"] == pytest.approx((60 / 20) ** (1 / 11), abs=0.01)
    assert codes(row) == {"trend_test", "level_not_assessed"}
    assert row["is_headline"]
    assert row["evidence_word"] == "strong"


def test_growth_is_the_ratio_of_a_year_and_not_the_slope_over_the_median() -> None:
    row = judged(series("QMA", np.round(51200 * 0.5 ** np.arange(10)).tolist())).loc["QMA"]
    assert row["change_ratio_a_year"] == pytest.approx(0.5, abs=0.02)
    assert row["change_low"] <= 0.5 <= row["change_high"]


def test_flat_short_and_empty_series() -> None:
    found = judged(pd.concat([series("QMA", FLAT), series("QMB", FLAT[:5]), series("QMC", [np.nan] * 12)]))
    assert found["change_word"].to_dict() == {"QMA": "no_clear_change", "QMB": "too_short", "QMC": "too_short"}
    assert "short_series" in codes(found.loc["QMB"])
    assert "no_figure" in codes(found.loc["QMC"])
    assert found.loc["QMB", "evidence_word"] == "none"
    assert found.loc[["QMB", "QMC"], "change_ratio_a_year"].isna().all()


def test_a_jump_that_nobody_explains_is_a_change_of_level_and_not_no_change() -> None:
    """The ranks of seven low and five high years, shuffled within, show no trend; the level is five times as high."""
    values = [44.0, 41, 43, 40, 42, 39, 41, 38, 230, 215, 205, 190]
    row = judged(series("QMA", values)).loc["QMA"]
    assert row["change_word"] == "rose"
    assert {"level_change"} <= codes(row)
    assert row["breaks_count"] == 1
    assert row["evidence_word"] != "strong"


def test_a_jump_at_a_change_of_law_is_not_compared() -> None:
    rng = np.random.default_rng(3)
    values = [*rng.poisson(100, 6).astype(float), *rng.poisson(200, 6).astype(float)]
    law = pd.DataFrame([("QMA", "_T", "_T", pd.Timestamp("2016-01-01"), "law", "_T", "_T")], columns=NO_BREAKS.columns)
    row = judged(series("QMA", values), breaks=law).loc["QMA"]
    assert row["change_word"] == "not_comparable"
    assert {"level_changed_at_break", "break_law"} <= codes(row)


def test_a_sum_over_changing_reporters_has_no_trend_and_its_panel_speaks() -> None:
    frame, members = panel({f"QM{letter}": RISING for letter in "ABCDE"})
    frame = pd.concat([frame, series("WLD", RISING[::-1], derivation="sum_of_reporting", area_level="world")])
    found = judged(frame, members)
    world = found[found.index.str.startswith("WLD")]
    assert len(world) == 1, "one series speaks for an area"
    assert (world["change_word"] == "rose").all()
    alone = judged(series("QMX", RISING, derivation="sum_of_reporting")).iloc[0]
    assert (alone["change_word"], alone["reasons"].split(";")[0]) == ("not_comparable", "changing_reporters")


def test_parts_are_told_only_under_a_total_with_a_change_and_never_above_it() -> None:
    frame = pd.concat(
        [series("QMA", FLAT), series("QMA", [value / 2 for value in RISING], sex="F"), series("QMB", RISING), series("QMB", [value * 0.6 for value in RISING], sex="F"),
         series("QMC", RISING), series("QMC", [*RISING[:-1], 61.0], sex="F")]
    )  # fmt: skip
    found = judged(frame)
    assert (found.loc["QMAF", "change_word"], "told_by_total" in codes(found.loc["QMAF"])) == ("no_clear_change", True)
    assert np.isnan(found.loc["QMAF", "change_ratio_a_year"])
    assert found.loc["QMBF", "change_word"] == "rose"
    assert found.loc["QMCF", "change_word"] == "not_comparable"
    assert "part_above_total" in codes(found.loc["QMCF"])
    assert not found.loc[["QMAF", "QMBF", "QMCF"], "is_headline"].any()


def test_nothing_known_is_no_error() -> None:
    assert judged(series("QMA", [np.nan] * 3)).loc["QMA", "change_word"] == "too_short"
    assert judged(series("QMA", FLAT).iloc[:0]).empty


# ---- what carries a sum


def test_a_rise_that_two_areas_carry_is_no_headline() -> None:
    parts = {f"QM{letter}": FLAT for letter in "ABCDEF"}
    parts |= {"QMY": [value * 10 for value in RISING], "QMZ": [value * 5 for value in RISING]}
    frame, members = panel(parts)
    row = judged(frame, members).loc["WLDbalanced_panelworldFalse0.9"]
    assert (row["change_word"], row["change_word_without_top_two"]) == ("rose", "no_clear_change")
    assert (row["top_contributor_1_area"], row["top_contributor_2_area"]) == ("QMY", "QMZ")
    assert row["top_contributor_1_share"] == pytest.approx(400 / 600)
    assert row["top_contributor_2_share"] == pytest.approx(200 / 600)
    assert row["survives_without_top_two"] == False  # noqa: E712 - pandas' boolean
    assert not row["is_headline"]
    assert "two_areas_carry" in codes(row)
    assert row["evidence_word"] == "limited"
    assert row[
        ["areas_rose_count", "areas_fell_count", "areas_no_clear_change_count", "areas_not_assessed_count"]
    ].tolist() == [2, 0, 6, 0]
    assert row["change_low_without_top_two"] < 1 < row["change_high_without_top_two"]


def test_a_rise_of_many_areas_stands_without_two() -> None:
    frame, members = panel(
        {f"QM{letter}": [value * (1 + place) for value in RISING] for place, letter in enumerate("ABCDEF")}
    )
    row = judged(frame, members).loc["WLDbalanced_panelworldFalse0.9"]
    assert (row["change_word"], row["change_word_without_top_two"]) == ("rose", "rose")
    assert row["survives_without_top_two"] == True  # noqa: E712
    assert row["is_headline"]


def test_a_panel_of_two_areas_never_stands_without_them() -> None:
    frame, members = panel({"QMA": RISING, "QMB": RISING})
    row = judged(frame, members).loc["WLDbalanced_panelworldFalse0.9"]
    assert row["survives_without_top_two"] == False  # noqa: E712
    assert pd.isna(row["change_word_without_top_two"])
    assert not row["is_headline"]
    assert pd.isna(judged(series("QMA", RISING)).loc["QMA", "survives_without_top_two"])


def test_contributions_are_shares_of_the_change_and_not_of_the_level() -> None:
    parts = {"QMA": [1000.0] * 11 + [1010.0], "QMB": [*FLAT[:11], 130.0], "QMC": FLAT}
    _, members = panel(parts)
    found = contributors.contributions(members).set_index("area_code")
    assert found["change"].to_dict() == {"QMA": 10, "QMB": 90, "QMC": 0}
    assert found.loc["QMB", ["share", "place"]].tolist() == [0.9, 1]
    assert found["share"].sum() == pytest.approx(1)


# ---- level, alerts, headline


def test_level_words_follow_the_map_and_a_cluster_is_a_reason() -> None:
    key = ("victims_detected", "_T", "qma_police_example", "victims")
    hotspots = [
        ("QMA", *key, "2020", "funnel", "above", 3.0, 0.01, None), ("QMA", *key, "2021", "funnel", "within", 1.2, 0.4, None),
        ("QMB", *key, "2021", "getis_ord_star", "hot", 4.0, 0.001, "New Hot Spot"),
        ("QMC", *key, "2021", "funnel", "below", 0.1, 0.02, None), ("QMD", *key, "2021", "funnel", None, np.nan, np.nan, None),
    ]  # fmt: skip
    clusters = [("QMA", *key, "2021", "circular_scan", 1), ("QMC", *key, "2021", "circular_scan", 0)]
    found = judged(pd.concat([series(f"QM{letter}", FLAT) for letter in "ABCD"]), hotspots=hotspots, clusters=clusters)
    assert found["level_word"].tolist() == ["within_peers", "above_peers", "below_peers", "not_assessed"]
    assert found["level_period"].tolist()[:3] == ["2021"] * 3
    assert {"within_funnel", "in_cluster"} <= codes(found.loc["QMA"])
    assert {"hot_neighbourhood", "emerging"} <= codes(found.loc["QMB"])
    assert "in_cluster" not in codes(found.loc["QMC"])
    assert found.loc["QMB", "verdict"] == "no_clear_change_above_peers"


@pytest.mark.parametrize(
    ("kind", "word"),
    [("Persistent Hot Spot", "above_peers"), ("Intensifying Cold Spot", "below_peers"), ("Historical Hot Spot", "within_peers"),
     ("No Pattern Detected", "within_peers")],
)  # fmt: skip
def test_a_class_of_today_and_the_newest_map_do_not_contradict_each_other(kind: str, word: str) -> None:
    row = (
        "QMA",
        "victims_detected",
        "_T",
        "qma_police_example",
        "victims",
        "2021",
        "getis_ord_star",
        "not_significant",
        2.5,
        0.2,
        kind,
    )
    found = judged(series("QMA", FLAT), hotspots=[row]).loc["QMA"]
    assert found["level_word"] == word
    assert ("emerging" in codes(found)) == (kind != "No Pattern Detected")
    assert "neighbourhood_not_significant" in codes(found)


def test_an_alert_names_its_periods() -> None:
    found = judged(
        pd.concat([series("QMA", FLAT), series("QMB", FLAT)]), alerts=[("QMA", "2020", True), ("QMA", "2021", False)]
    )
    assert found.loc["QMA", "alert_periods"] == "2020"
    assert "alert" in codes(found.loc["QMA"])
    assert pd.isna(found.loc["QMB", "alert_periods"])
    assert "alert" not in codes(found.loc["QMB"])


def test_one_headline_an_area_and_measure() -> None:
    police = series("QMA", RISING, reporter="police", precedence=0)
    abroad = series("QMA", RISING, area_role="exploitation")
    found = judged(pd.concat([series("QMA", FLAT), police, abroad, series("QMA", FLAT, sex="F"), series("QMB", FLAT)]))
    assert found[found["is_headline"]].index.tolist() == ["QMApolice0", "QMB"]
    assert "one_kind_of_body" in codes(found.loc["QMApolice0"])


def test_incomplete_periods_end_no_span() -> None:
    frame = series("QMA", [*FLAT, 3.0])
    frame.loc[frame.index[-1], "is_incomplete"] = True
    row = judged(frame.assign(value=frame["value"].where(~frame["is_incomplete"]))).loc["QMA"]
    assert (row["period_last"], row["value_last"]) == ("2021", 40)
    assert "incomplete_periods" in codes(row)


def test_breaks_and_bounds_weaken_the_evidence() -> None:
    restated = pd.DataFrame(
        [("QMA", "_T", "_T", pd.Timestamp("2015-01-01"), "restatement", "_T", "_T"),
         ("QMA", "_T", "_T", pd.Timestamp("2009-01-01"), "restatement", "_T", "_T"),
         ("QMA", "_T", "_T", pd.Timestamp("2016-01-01"), "coverage", "qma_ngo_example", "other")], columns=NO_BREAKS.columns,
    )  # fmt: skip
    row = judged(series("QMA", RISING), breaks=restated).loc["QMA"]
    assert (row["breaks_count"], row["evidence_word"]) == (1, "fair"), "in the span and of the same source alone"
    hidden = series("QMA", [*RISING, 55.0])
    hidden.loc[hidden.index[3], ["value", "lower", "upper"]] = [np.nan, 20.0, 30.0]
    row = judged(hidden).loc["QMA"]
    assert row["bounds_share"] == pytest.approx(1 / 13)
    assert row["evidence_word"] == "fair"


def test_every_reason_is_on_the_list_and_every_pair_of_words_has_a_verdict() -> None:
    with open(SEEDS / "verdict_words.csv", encoding="utf-8", newline="") as file:
        pairs = {(row["change_word"], row["level_word"]) for row in csv.DictReader(file)}
    assert len(pairs) == 5 * 4
    short = verdicts.Words(words().verdicts, words().reasons.iloc[1:], words().evidence)
    frame = series("QMA", RISING)
    tested = trends.compute(frame, NO_BREAKS, {}, parameters())
    found = verdicts.Found(
        pd.DataFrame(columns=HOTSPOTS),
        pd.DataFrame(columns=CLUSTERS),
        pd.DataFrame(columns=["series_id", "period", "is_alarm"]),
    )
    empty = pd.DataFrame(columns=["series_id", "area_code", "member_id", "period", "period_start", "value"])
    with pytest.raises(ValueError, match="trend_test"):
        verdicts.compute(frame, tested, empty, found, NO_BREAKS, {}, short, parameters())
