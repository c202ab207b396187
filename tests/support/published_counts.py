"""The tables `summary` and `verdicts` of the invented example, counted with pandas from its other tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

KEY = ["measure", "exploitation", "area_level", "area_code", "frequency", "source", "dataset", "period", "word"]
LABELS = {"rose": "Rose", "fell": "Fell", "no_clear_change": "No clear change", "too_short": "Too short for a trend"}


class Counts:
    """Rows of the summary, one statistic after another."""

    def __init__(self, as_of: Any) -> None:
        self.rows: list[dict[str, Any]] = []
        self.as_of = as_of

    def add(
        self, statistic: str, frame: pd.DataFrame, grain: dict[str, Any], value: str = "rows", of: Any = None
    ) -> None:
        """One row a group; `grain` maps columns of the key to columns of the frame; `value` is rows or a column to count apart."""
        groups = frame.groupby(list(grain.values()), sort=True) if grain else [((), frame)]
        for key, group in groups:
            count = len(group) if value == "rows" else group[value].nunique()
            named = dict(zip(grain, key if isinstance(key, tuple) else (key,), strict=True))
            self.put(statistic, count, of(group) if of else None, **named)

    def put(self, statistic: str, value: float, denominator: float | None = None, **key: str) -> None:
        row = {name: "_Z" if name == "exploitation" else "_T" for name in KEY} | key
        bounds = {name: float(value) for name in ("value", "lower", "upper")}
        self.rows.append(
            {
                "statistic": statistic,
                **row,
                **bounds,
                "denominator": np.nan if denominator is None else float(denominator),
                "as_of": self.as_of,
            }
        )

    def frame(self) -> pd.DataFrame:
        table = pd.DataFrame(self.rows)
        return table.sort_values(["statistic", *KEY], ignore_index=True)


def summary(tables: dict[str, pd.DataFrame], balance: dict[str, int], as_of: Any) -> pd.DataFrame:
    counts = Counts(as_of)
    observations, coverage = tables["observations"], tables["coverage"]
    known = observations[observations["value"].notna() | observations["lower"].notna()]
    counts.add("sources_with_figures", known, {}, "source")
    counts.add("areas_with_figures", known, {}, "area_code")
    counts.add("areas_inhabited", tables["areas"], {}, "area_code")
    counts.put("figures_published", len(known), len(observations))
    hidden = observations["missing_reason"] == "suppressed"
    counts.put("cells_hidden", hidden.sum(), len(observations))
    gone = observations[observations["missing_reason"] != ""]
    counts.add("cells_without_exact_figure", gone, {"word": "missing_reason"}, of=lambda _: len(observations))
    for end, year in (("first", min), ("last", max)):
        counts.put(f"{end}_year", 1, period=year(known["period"]))
    totals = observations[(observations[["exploitation", "sex", "age"]] == "_T").all(axis=1)]
    totals = totals[totals["missing_reason"] != "not_reported"]
    place = {"measure": "measure", "area_level": "area_level", "frequency": "frequency"}
    counts.add("areas_reporting", totals, place | {"period": "period"}, "area_code")
    counts.add("sources_reporting", totals, place, "source")
    dataset = {"source": "source", "dataset": "dataset", "frequency": "frequency"}
    counts.add("coverage_areas", coverage, dataset, "area_code")
    for key, group in coverage.groupby(list(dataset), sort=True):
        named = dict(zip(dataset, key, strict=True))
        counts.put(
            "coverage_periods", group["periods_reported_count"].sum(), group["periods_expected_count"].sum(), **named
        )
        counts.put("coverage_unmapped_rows", group["unmapped_count"].sum(), **named)
        counts.put("coverage_first_period", 1, **named, period=min(group["first_period"]))
        counts.put("coverage_last_period", 1, **named, period=max(group["last_period"]))
        counts.put("coverage_next_due", 1, **named, word=str(min(group["due_on"])))
    counts.put("areas_late", coverage["is_late"].sum(), len(coverage))
    changes, reconciliation = tables["changes"], tables["reconciliation"]
    counts.add("figures_changed", changes, {"word": "kind"})
    counts.add("figures_moved", changes[changes["is_moved"]], {})
    counts.add("areas_moved", changes[changes["is_moved"]], {}, "area_code")
    counts.add("areas_changed", changes, {"word": "kind"}, "area_code")
    counts.put("totals_compared", len(reconciliation))
    counts.add("totals_by_verdict", reconciliation, {"word": "verdict"})
    _methods(counts, tables)
    counts.put("files_received", balance["files"])
    counts.put("rows_received", balance["rows_in"])
    for outcome in ("accepted", "quarantined", "excluded"):
        counts.put(f"rows_{outcome}", balance[outcome], balance["rows_in"], word="restricted")
    return counts.frame()


def _methods(counts: Counts, tables: dict[str, pd.DataFrame]) -> None:
    flows = tables["corridors"]
    place = {
        "measure": "measure",
        "source": "source",
        "dataset": "dataset",
        "period": "period",
        "word": "counterpart_role",
    }
    counts.add("flows", flows, place)
    counts.add("flows_assessed", flows[flows["eligibility"] == "assessed"], place)
    assessed = int((flows["eligibility"] == "assessed").sum())
    counts.add("flows_larger_than_expected", flows[flows["assessment"] == "above"], place, of=lambda _: assessed)
    for end, column in (("origins", "counterpart_area"), ("destinations", "area_code")):
        known = flows.groupby([*place.values(), column])["value"].sum()
        for key, value in known.items():
            counts.put(f"flows_sum_by_{end}", value, **dict(zip(place, key[:-1], strict=True)), area_code=key[-1])
    judged = tables["hotspots"][tables["hotspots"]["eligibility"] == "assessed"]
    judged = judged.assign(
        map=judged["area_set"] + ":" + judged["method"],
        classed=judged["area_set"] + ":" + judged["method"] + ":" + judged["assessment"],
    )
    place = {name: name for name in ("measure", "exploitation", "area_level", "period")}
    of_source = {"source": "source", "dataset": "dataset"}
    for more, rows in ((of_source, judged), ({}, judged[judged["is_leading"]])):
        counts.add("map_areas", rows, place | more | {"word": "map"}, "area_code")
        counts.add("map_areas_by_assessment", rows, place | more | {"word": "classed"}, "area_code")
    for table in ("trends", "hotspots"):
        frame = tables[table]
        grain = {"measure": "measure", "exploitation": "exploitation", "area_level": "area_level", "word": "method"}
        counts.add(f"{table}_families", frame, grain, "family_id")
        for side, of in (("smallest", "min"), ("largest", "max")):
            sizes = frame.groupby(list(grain.values()))["family_count"].agg(of)
            for key, value in sizes.items():
                counts.put(f"{table}_family_{side}", value, **dict(zip(grain, key, strict=True)))
        counts.add(f"{table}_found", frame[frame["q_bh"] <= 0.05], grain)
    headlines = tables["verdicts"][tables["verdicts"]["is_headline"]]
    level = {"measure": "measure", "area_level": "area_level"}
    counts.add("headlines", headlines, level, "area_code")
    counts.add("headlines_by_change", headlines, level | {"word": "change_word"}, "area_code")


def verdicts(series: pd.DataFrame, trends: pd.DataFrame) -> pd.DataFrame:
    """One row a leading total or balanced panel; the panel of convictions is carried by two areas."""
    rows = []
    tested = trends.set_index("series_id")
    panels = set(series.loc[series["derivation"] == "balanced_panel", "area_code"])
    for series_id, group in series.groupby("series_id", sort=True):
        first, trend = group.iloc[0], tested.loc[series_id]
        is_panel = first["derivation"] == "balanced_panel"
        if (
            not (is_panel or (first["is_leading"] and first["area_code"] not in panels))
            or first["exploitation"] != "_T"
        ):
            continue
        known = group[group["value"].notna()]
        word = {"assessed": trend["direction"], "too_short": "too_short"}.get(trend["eligibility"], "not_comparable")
        carried = is_panel and first["measure"] == "persons_convicted"
        ends = {}
        for end, place in (("first", 0), ("last", -1)):
            row = known.iloc[place] if len(known) else group.iloc[place]
            ends |= {
                f"period_{end}": row["period"],
                f"value_{end}": row["value"],
                f"lower_{end}": row["lower"],
                f"upper_{end}": row["upper"],
            }
        keep = ("area_code", "area_name", "area_level", "area_role", "measure", "unit", "reporter", "offence", "exploitation",
                "sex", "age", "source", "dataset", "derivation", "frequency", "as_of")  # fmt: skip
        reasons = (
            ["trend_test"] if word in ("rose", "fell") else ["short_series"] if word == "too_short" else ["ends_differ"]
        )
        if trend["step_on"] is not None and not pd.isna(trend["step_on"]):
            reasons = ["level_changed_at_break", "break_law"]
        reasons += ["two_areas_carry"] if carried else []
        rows.append(
            {name: first[name] for name in keep}
            | ends
            | {
                "series_id": series_id, "change_ratio_a_year": trend["trend_ratio_per_year"], "change_low": trend["trend_ratio_lower"],
                "change_high": trend["trend_ratio_upper"], "change_word": word, "level_word": "not_assessed",
                "level_ratio": np.nan, "level_period": "", "emerging_category": "", "verdict": word,
                "verdict_label": LABELS.get(word, "Not comparable over time"), "reasons": ";".join(reasons),
                "evidence_word": "limited" if carried else "fair", "q_bh": trend["q_bh"], "is_headline": not carried,
                "areas_panel_count": 10 if is_panel else np.nan, "areas_rose_count": 2 if is_panel else np.nan,
                "areas_fell_count": 0 if is_panel else np.nan, "areas_no_clear_change_count": 8 if is_panel else np.nan,
                "areas_not_assessed_count": 0 if is_panel else np.nan, "top_contributor_1_area": "QMC" if is_panel else "",
                "top_contributor_1_share": 0.61 if is_panel else np.nan, "top_contributor_2_area": "QMA" if is_panel else "",
                "top_contributor_2_share": 0.22 if is_panel else np.nan,
                "change_word_without_top_two": "no_clear_change" if is_panel else "",
                "change_ratio_without_top_two": 1.004 if is_panel else np.nan,
                "change_low_without_top_two": 0.98 if is_panel else np.nan,
                "change_high_without_top_two": 1.03 if is_panel else np.nan,
                "survives_without_top_two": not carried if is_panel else None,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def shares(observations: pd.DataFrame) -> pd.DataFrame:
    """Members by one of form, sex and age with their published total; forms overlap nowhere in the example."""
    dimensions = ["exploitation", "sex", "age"]
    place = ["area_code", "area_name", "area_level", "area_role", "period", "period_start", "frequency", "measure",
             "unit", "reporter", "offence", "source", "dataset"]  # fmt: skip
    is_total = (observations[dimensions] == "_T").all(axis=1)
    totals = observations[is_total].set_index(place)["value"].rename("total_value")
    parts = []
    for split in dimensions:
        others = [name for name in dimensions if name != split]
        mine = observations[(observations[split] != "_T") & (observations[others] == "_T").all(axis=1)]
        parts.append(mine.join(totals, on=place).assign(split=split, member=mine[split], container=""))
    table = pd.concat(parts)
    table["share"] = table["value"] / table["total_value"]
    table["is_overlapping"], table["is_selected"] = False, True
    kept = ["split", "member", "container", "derivation", "value", "lower", "upper", "missing_reason", "total_value",
            "share", "is_overlapping", "is_selected", "as_of"]  # fmt: skip
    return table[[*place, *kept]].reset_index(drop=True)
