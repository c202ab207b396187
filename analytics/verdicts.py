"""One verdict on each series that speaks for an area: how it changed, where it stands, how far the evidence carries.

The methods answer different questions and sometimes seem to contradict each other. What pages say is decided here once,
by published rules (docs/methods/verdicts.md): a word for the change, a word for the level, the verdict by the table of
the two (`verdict_words`), reasons that name each method's finding (`verdict_reasons`), and a word for the evidence
(`evidence_rules`). One row an area and measure is the headline, or none.

Longer than 400 lines: the rules of one verdict, read from its reasons to its word in one go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics import contributors, families, trends, verdict_levels
from analytics.parameters import stated
from analytics.regimes import SPLITS
from analytics.rounding import round_frame
from analytics.series_grid import PERIODS_A_YEAR

METHOD = "change: mann_kendall and step_model ratio, else change_points; level: funnel or getis_ord_star of the newest period"
METHOD_VERSION = "1"
WHOLE_OFFENCE = "0204"  # trafficking in persons: the whole of what is counted here
# what the word for the change of a series is made from
READ = [
    "periods_count", "eligibility", "direction", "value_first", "value_last", "trend_ratio_per_year", "trend_ratio_lower",
    "trend_ratio_upper", "change_points", "change_points_explained", "change_point_ratio", "step_ratio_lower",
    "step_ratio_upper", "q_bh",
]  # fmt: skip
TOLD = ("rose", "fell", "no_clear_change")
OWN_KINDS = ("restatement", "source mix", "coverage")  # drawn breaks; the known steps also hold for areas inside
KEYS = ["area_code", *families.FAMILY, *SPLITS, "is_leading", "precedence"]


@dataclass(frozen=True)
class Found:
    """What the methods of this release found: the frames of the tables `hotspots`, `clusters` and `alerts`."""

    hotspots: pd.DataFrame
    clusters: pd.DataFrame
    alerts: pd.DataFrame


@dataclass(frozen=True)
class Words:
    """The published lists: `verdict_words`, `verdict_reasons`, `evidence_rules`, as the seeds have them."""

    verdicts: pd.DataFrame
    reasons: pd.DataFrame
    evidence: pd.DataFrame


def compute(
    series: pd.DataFrame,
    tested: pd.DataFrame,
    members: pd.DataFrame,
    found: Found,
    breaks: pd.DataFrame,
    parents: Mapping[str, str | None],
    words: Words,
    parameters: Mapping[str, Any],
) -> pd.DataFrame:
    """One row a series that speaks for its area, the columns of analytics.verdicts, ordered by series_id.

    series   long, every series but indices, as `trends.compute` takes them, with lower, upper, precedence,
             coverage_share and is_incomplete (shown, in no test).
    tested   what `trends.compute` found on them.
    members  the figures of the areas of balanced panels, as `contributors.contributions` takes them, with period.
    breaks, parents  as `trends.compute` takes them, with dataset.
    """
    if series.empty:
        return pd.DataFrame()
    keys = series.drop_duplicates("series_id").set_index("series_id")[KEYS]
    spans = _spans(series)
    said = change_words(keys, spans, tested, _above_total(series, keys))
    parts = contributors.contributions(members)
    panels = contributors.described(parts, said["change_word"].to_dict())
    again = _without_top_two(series, keys, members, parts, breaks, parents, parameters)

    table = _chosen(keys).join(spans).join(said).join(tested.set_index("series_id"), rsuffix="_tested")
    table = table.join(panels.set_index("series_id")).join(again)
    is_panel = (table["derivation"] == "balanced_panel").to_numpy(bool)
    asked = is_panel & table["change_word"].isin(TOLD).to_numpy(bool)
    same = (table["change_word_without_top_two"] == table["change_word"]).to_numpy(bool)
    table["survives_without_top_two"] = pd.array(np.where(asked, same, None), dtype="boolean")

    crossed = _breaks_within(table, breaks, parents, parameters["trends"]["strata_kinds"])
    table = table.join(verdict_levels.levels(table, found.hotspots, found.clusters))
    alarms = _alerts(table, found.alerts)
    table["alert_periods"] = np.array(alarms, dtype=object)
    # a change of level that nobody can explain is a break like any other
    table["breaks_count"] = [
        len(each) + ("level_change" in mine) for each, mine in zip(crossed, table["change_reasons"], strict=True)
    ]
    reasons = [
        {*change, *level, *({"alert"} if alert else ()), *(f"break_{kind.replace(' ', '_')}" for kind, _ in each)}
        for change, level, alert, each in zip(
            table["change_reasons"], table["level_reasons"], alarms, crossed, strict=True
        )
    ]
    _tell_of_panels(table, reasons, tested, parts)
    _tell_of_quality(table, reasons)
    table["evidence_word"] = _evidence(table, words.evidence, parameters["trends"]["minimum_periods"])
    order = words.reasons.sort_values("sort_order")["reason"].tolist()
    unknown = sorted(set().union(*reasons) - set(order)) if reasons else []
    if unknown:
        raise ValueError(f"reasons that the list verdict_reasons does not hold: {', '.join(unknown)}")
    table["reasons"] = [";".join(code for code in order if code in mine) for mine in reasons]
    pairs = words.verdicts.set_index(["change_word", "level_word"])
    both = pd.MultiIndex.from_frame(table[["change_word", "level_word"]])
    for name in ("verdict", "verdict_label"):
        table[name] = pairs[name].reindex(both).to_numpy(object)
    table["is_headline"] = headlines(table)
    table = table.assign(
        method=METHOD,
        parameters=stated(parameters["trends"], "level", "significance", "minimum_periods"),
        method_version=METHOD_VERSION,
    )
    # the ratio is told where the question was asked and answered, beside the word that it belongs to
    is_asked = (table["eligibility"] == "assessed") & table["change_word"].isin((*TOLD, "not_comparable"))
    is_asked &= ~table["reasons"].str.contains("part_above_total|changing_reporters")
    for name, of in (
        ("change_ratio_a_year", "trend_ratio_per_year"),
        ("change_low", "trend_ratio_lower"),
        ("change_high", "trend_ratio_upper"),
    ):
        table[name] = table[of].where(is_asked)
    table = round_frame(table.reset_index(), parameters["rounding"]["significant_digits"])
    return table.sort_values("series_id", ignore_index=True)


def _spans(series: pd.DataFrame) -> pd.DataFrame:
    """Of each series the first and the last period with a figure that is complete, exact where there is an exact one.

    Columns period_first, period_last, value_, lower_ and upper_ of both, start_first, start_last, bounds_share,
    periods_share (of the periods between that have an exact figure), has_incomplete.
    """
    numbers = series.assign(
        **{name: pd.to_numeric(series[name], errors="coerce") for name in ("value", "lower", "upper")}
    )
    numbers["start"] = pd.to_datetime(numbers["period_start"])
    known = numbers[(numbers["value"].notna() | numbers["upper"].notna()) & ~numbers["is_incomplete"]]
    known = known.sort_values(["series_id", "start"])
    exact = known[known["value"].notna()]
    # a series that is known only as bounds still has a first and a last figure
    used = pd.concat([exact, known[~known["series_id"].isin(exact["series_id"])]])
    names = ["period", "value", "lower", "upper", "start", "coverage_share"]
    out = pd.concat(
        [
            used.drop_duplicates("series_id", keep=end).set_index("series_id")[names].add_suffix(f"_{end}")
            for end in ("first", "last")
        ],
        axis=1,
    )
    starts = [out[f"start_{end}"].reindex(known["series_id"]).set_axis(known.index) for end in ("first", "last")]
    within = known[known["start"].between(*starts)]
    per_year = (
        series.drop_duplicates("series_id").set_index("series_id")["frequency"].map(PERIODS_A_YEAR).reindex(out.index)
    )
    months = (out["start_last"].dt.year - out["start_first"].dt.year) * 12 + (
        out["start_last"].dt.month - out["start_first"].dt.month
    )
    periods = months * per_year / 12 + 1
    bounds = within[within["value"].isna()].groupby("series_id").size().reindex(out.index).fillna(0)
    figures = within[within["value"].notna()].groupby("series_id").size().reindex(out.index).fillna(0)
    out["bounds_share"], out["periods_share"] = bounds / periods, figures / periods
    out["has_incomplete"] = numbers.groupby("series_id")["is_incomplete"].any().reindex(out.index)
    return out


def _above_total(series: pd.DataFrame, keys: pd.DataFrame) -> set[str]:
    """The parts that are larger than the total of their own area, source and dataset in some period."""
    way = ["area_code", "measure", "unit", "source", "dataset", "reporter", "area_role", "frequency", "period"]
    is_total = pd.Series((keys[list(SPLITS)] == "_T").all(axis=1), index=keys.index)
    least = pd.to_numeric(series["lower"], errors="coerce")
    known = series.assign(least=least.fillna(pd.to_numeric(series["value"], errors="coerce")))
    reported = known[~known["derivation"].isin(["sum_of_reporting", "balanced_panel"])]
    is_whole = reported["series_id"].map(is_total).astype(bool)
    total = reported[is_whole]
    most = pd.to_numeric(total["upper"], errors="coerce").fillna(pd.to_numeric(total["value"], errors="coerce"))
    totals = total.assign(total=most).groupby(way, as_index=False)["total"].max()
    both = reported[~is_whole].merge(totals, on=way)
    return set(both.loc[both["least"] > both["total"], "series_id"])


def change_words(keys: pd.DataFrame, spans: pd.DataFrame, tested: pd.DataFrame, above_total: set[str]) -> pd.DataFrame:
    """The word for the change of every series and why: change_word, change_reasons (a set), index series_id.

    keys  one row a series, index series_id; spans as `_spans` gives them; tested as `trends.compute` gives them.
    """
    asked = families.questions(keys.reset_index())
    totals = dict(zip(asked.total[asked.is_total], keys.index[asked.is_total], strict=True))
    above = dict(zip(keys.index, (totals.get(total) for total in asked.total), strict=True))
    ends = spans[["value_first", "value_last"]].reindex(keys.index)
    rows = tested.set_index("series_id").reindex(keys.index).join(ends)
    said: dict[str, tuple[str, set[str]]] = {}
    waiting = []
    rows = rows.assign(derivation=keys["derivation"]).reset_index()[["series_id", "derivation", *READ]]
    for row in rows.astype(object).to_dict("records"):
        series_id = row["series_id"]
        if row["derivation"] == families.CHANGING_REPORTERS:
            said[series_id] = ("not_comparable", {"changing_reporters"})
        elif not (row["periods_count"] or 0) > 0:
            said[series_id] = ("too_short", {"no_figure"})
        elif row["eligibility"] == "too_short":
            said[series_id] = ("too_short", {"short_series"})
        elif series_id in above_total:
            said[series_id] = ("not_comparable", {"part_above_total"})
        elif row["eligibility"] != "assessed":
            waiting.append(series_id)
        else:
            said[series_id] = _change(row)
    # a part that was not asked says what its total says, where that is that nothing can be told
    for series_id in waiting:
        word = said.get(above[series_id], ("not_comparable", set()))[0]
        if word == "no_clear_change":
            said[series_id] = (word, {"told_by_total"})
        else:
            said[series_id] = ("too_short" if word == "too_short" else "not_comparable", {"total_not_tested"})
    frame = pd.DataFrame.from_dict(said, orient="index", columns=["change_word", "change_reasons"])
    return frame.reindex(keys.index)


def _change(row: Mapping[str, Any]) -> tuple[str, set[str]]:
    """The word of a series that was tested.

    Rank test and ratio first. Else a level that changed where no break explains it, if ratio and ends point the same way;
    a level that changed only at known breaks makes before and after incomparable.
    """
    if row["direction"] in ("rose", "fell"):
        return row["direction"], {"trend_test"}
    first, last, ratio = row["value_first"], row["value_last"], row["trend_ratio_per_year"]
    changes = _listed(row["change_points"])
    explained = _listed(row["change_points_explained"])
    open_ = [each for each in changes if each not in explained]
    is_step = (row["step_ratio_lower"] > 1) or (row["step_ratio_upper"] < 1)
    reasons = {"interval_reaches_no_change"} if row["q_bh"] <= 0.05 else set()
    if open_:
        signs = {np.sign(row["change_point_ratio"] - 1), np.sign(last - first), np.sign(ratio - 1)}
        if len(signs) == 1 and signs <= {1.0, -1.0} and not explained:
            if row["trend_ratio_lower"] <= 1 <= row["trend_ratio_upper"]:
                reasons = {"interval_reaches_no_change"}
            return ("rose" if 1.0 in signs else "fell"), {"level_change"} | reasons
        return "no_clear_change", {"levels_disagree"} | reasons
    if explained or is_step:
        return "not_comparable", {"level_changed_at_break"} | reasons
    if max(first, last) > 2 * min(first, last):
        reasons.add("ends_differ")
    return "no_clear_change", reasons


def _listed(text: Any) -> list[str]:
    return text.split(", ") if isinstance(text, str) and text else []


def _chosen(keys: pd.DataFrame) -> pd.DataFrame:
    """The one series that speaks for each area, measure, unit, split and frequency; rows of `keys`.

    What a source published or what its parts add up to comes first, then a balanced panel, then a sum over changing
    reporters, which can be told but never tested.
    """
    ranks = {"published": 0, "sum_of_parts": 0, "balanced_panel": 1, families.CHANGING_REPORTERS: 2}
    able = keys[keys["is_leading"].astype(bool) | (keys["derivation"] == "balanced_panel")]
    able = able[able["measure"] != "population"]
    place = np.where(able["area_role"].isin(families.PLACES), able["area_role"].to_numpy(object), "counted")
    offence = able["offence"].where(able["offence"] != WHOLE_OFFENCE, "_T")
    able = able.assign(
        place=place, whole_offence=offence, derivation_rank=able["derivation"].map(ranks).fillna(3)
    ).reset_index()
    able = able.sort_values(["derivation_rank", "precedence", "source", "dataset", "series_id"], kind="stable")
    splits = ["whole_offence" if name == "offence" else name for name in SPLITS]
    concept = ["area_code", "place", "measure", "unit", "frequency", *splits]
    return able.drop_duplicates(concept).set_index("series_id").sort_index()


def _without_top_two(
    series: pd.DataFrame,
    keys: pd.DataFrame,
    members: pd.DataFrame,
    parts: pd.DataFrame,
    breaks: pd.DataFrame,
    parents: Mapping[str, str | None],
    parameters: Mapping[str, Any],
) -> pd.DataFrame:
    """What the same methods say of each balanced panel without its two main contributors; index series_id."""
    panels = series[series["derivation"] == "balanced_panel"]
    left = contributors.without_top(panels, members, parts)
    names = ["change_word", "change_ratio", "change_low", "change_high"]
    if left.empty:
        return pd.DataFrame(columns=[f"{name}_without_top_two" for name in names], index=pd.Index([], name="series_id"))
    again = trends.compute(left, breaks, parents, parameters)
    bounds = left["value"].where(~left["is_incomplete"])
    spans = _spans(left.assign(lower=bounds, upper=bounds, value=bounds))
    said = change_words(keys.loc[again["series_id"]], spans, again, set())
    again = again.set_index("series_id")
    return pd.DataFrame(
        {
            "change_word_without_top_two": said["change_word"],
            "change_ratio_without_top_two": again["trend_ratio_per_year"],
            "change_low_without_top_two": again["trend_ratio_lower"],
            "change_high_without_top_two": again["trend_ratio_upper"],
        }
    )


def _breaks_within(
    table: pd.DataFrame, breaks: pd.DataFrame, parents: Mapping[str, str | None], strata_kinds: list[str]
) -> list[set[tuple[str, Any]]]:
    """Kind and day of the breaks within the span of each series: those of its area and, for known steps, of areas above.

    A balanced panel answers a change of the reporting areas, so that breaks of coverage and sources are none to it.
    """
    from analytics.series_grid import ancestors

    by_area: dict[str, list[dict[str, Any]]] = {}
    for row in breaks.assign(break_on=pd.to_datetime(breaks["break_on"])).to_dict("records"):
        by_area.setdefault(row["area_code"], []).append(row)
    found = []
    read = ["area_code", "measure", "source", "dataset", "derivation", "start_first", "start_last", *SPLITS]
    for row in table[read].astype(object).to_dict("records"):
        mine: set[tuple[str, Any]] = set()
        for place in ancestors(parents, row["area_code"]):
            for each in by_area.get(place, ()):
                is_step = each["kind"] in strata_kinds
                is_own = place == row["area_code"] and each["kind"] in OWN_KINDS
                if row["derivation"] == "balanced_panel" and each["kind"] in ("coverage", "source mix"):
                    is_own = False
                if (
                    (is_step or is_own)
                    and each["measure"] in ("_T", row["measure"])
                    and (each["dimension"] == "_T" or row.get(each["dimension"], "_T") != "_T")
                    and each["source"] in ("_T", row["source"])
                    and each.get("dataset", "_T") in ("_T", row["dataset"])
                    and row["start_first"] < each["break_on"] <= row["start_last"]
                ):
                    mine.add((each["kind"], each["break_on"]))
        found.append(mine)
    return found


def _alerts(table: pd.DataFrame, alerts: pd.DataFrame) -> list[str | None]:
    """The periods for which each series is an early warning, joined by a comma."""
    alarmed = alerts[alerts["is_alarm"].fillna(False).astype(bool)].sort_values(["series_id", "period"])
    periods = alarmed.groupby("series_id")["period"].agg(", ".join)
    return [periods.get(series_id) for series_id in table.index]


def _tell_of_panels(table: pd.DataFrame, reasons: list[set[str]], tested: pd.DataFrame, parts: pd.DataFrame) -> None:
    """Whether two areas carry a panel's finding, and whether the series of one of them breaks; counted as a break."""
    changed = tested.set_index("series_id")[["change_points", "regimes_count"]]
    is_broken = (changed["change_points"].fillna("") != "") | (changed["regimes_count"] > 1)
    top = parts[parts["place"] <= contributors.LEFT_OUT]
    broken = set(top.loc[top["member_id"].map(is_broken).fillna(False).astype(bool), "series_id"])
    is_told = table["change_word"].isin(("rose", "fell")).to_numpy(bool)
    fails = ~table["survives_without_top_two"].fillna(True).to_numpy(bool)
    for position, series_id in enumerate(table.index):
        if fails[position]:
            reasons[position].add("two_areas_carry")
        if is_told[position] and series_id in broken:
            reasons[position].add("contributor_break")
            counted = table.columns.get_loc("breaks_count")
            table.iloc[position, counted] = table["breaks_count"].iloc[position] + 1


def _tell_of_quality(table: pd.DataFrame, reasons: list[set[str]]) -> None:
    """Coverage, bounds, reports still coming in, and figures of one kind of body."""
    share = pd.to_numeric(table["coverage_share_last"], errors="coerce")
    table["coverage_share"] = share.where(share.notna(), table["periods_share"])
    rows = table[["coverage_share", "bounds_share", "has_incomplete", "reporter"]].to_dict("records")
    for row, mine in zip(rows, reasons, strict=True):
        if row["coverage_share"] < 0.8:
            mine.add("low_coverage")
        if row["bounds_share"] > 0:
            mine.add("bounds")
        if row["has_incomplete"] is True:
            mine.add("incomplete_periods")
        if row["reporter"] != "_T":
            mine.add("one_kind_of_body")


def _evidence(table: pd.DataFrame, rules: pd.DataFrame, minimum_periods: Mapping[str, int]) -> np.ndarray:
    """The first word of `evidence_rules` whose conditions all hold; `none` where nothing is told."""
    is_told = table["change_word"].isin(TOLD) | (table["level_word"] != "not_assessed")
    length = table["periods_count"] / table["frequency"].map(minimum_periods)
    survives = table["survives_without_top_two"].fillna(True).to_numpy(bool)
    word = np.full(len(table), "none", dtype=object)
    for rule in rules.sort_values("sort_order", ascending=False).to_dict("records"):
        if rule["evidence_word"] == "none":
            continue
        holds = is_told.to_numpy(bool)
        for column, name, is_least in (
            (length, "minimum_length_ratio", True),
            (table["coverage_share"], "minimum_coverage_share", True),
            (table["breaks_count"], "maximum_breaks_count", False),
            (table["bounds_share"], "maximum_bounds_share", False),
        ):
            if pd.notna(rule[name]):
                values = column.fillna(0).to_numpy(float)
                holds = holds & (values >= rule[name] if is_least else values <= rule[name])
        word[holds & (survives if rule["needs_survival"] else True)] = rule["evidence_word"]
    return word


def headlines(table: pd.DataFrame) -> np.ndarray:
    """Which row speaks for its area and measure, (n,) bool: at most one each.

    Totals only. What can be told comes before what cannot, years before quarters and months, all bodies before one, and
    then the precedence of the source. A sum over areas whose finding rests on two of them is no headline, and no other
    row takes its place: it would say something else of the same question.
    """
    splits = ["whole_offence" if name == "offence" else name for name in SPLITS]
    totals = table[(table[splits] == "_T").all(axis=1)].reset_index()
    is_told = totals["change_word"].isin(TOLD) | (totals["level_word"] != "not_assessed")
    totals = totals.assign(
        told=~is_told,
        elsewhere=totals["area_role"].isin(families.PLACES),
        length=totals["frequency"].map({"A": 0, "Q": 1, "M": 2}),
        one_body=totals["reporter"] != "_T",
    ).sort_values(
        ["elsewhere", "derivation_rank", "length", "told", "one_body", "precedence", "unit", "series_id"], kind="stable"
    )
    first = totals.drop_duplicates(["area_code", "measure"])
    fails = ~first["survives_without_top_two"].fillna(True).to_numpy(bool)
    return table.index.isin(first.loc[~fails, "series_id"])
