"""Contents of the pages that answer what is new: findings, map, trends, corridors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from reports import map_data, maps, pages_composition, pages_signals, palette
from reports.drawings import area_map, swatch
from reports.findings import FAIR, LIMITED, STRONG, findings
from reports.series import (
    STEP_KINDS,
    Series,
    change_sentence,
    is_clear,
    step_sentence,
    unexplained_changes,
    verdict,
    yearly_change,
)
from reports.tables import linked_data
from reports.words import interval, name_order, number, order_names, percent, period_label, probability, signed, span

if TYPE_CHECKING:
    import pandas as pd

    from reports.pages import Site

MAP_PAGE_BYTES = 2_500_000
CHARTS_PER_SECTION = 24
ROWS_PER_TABLE = 600
HEAT_ROWS, HEAT_COLUMNS = 25, 18
STRONG_WORDS = {STRONG: "●●●", FAIR: "●●○", LIMITED: "●○○"}


def index(site: Site) -> dict[str, Any]:
    from reports.pages import script_json

    published, release = site.published, site.published.release
    balance = release.get("balance") or {}
    datasets, areas = published.table("datasets"), published.table("areas")
    observations = published.table("observations")
    with_figures = areas_with_figures(observations)
    known = f"of {number(len(areas))} known" if len(areas) > with_figures else ""
    facts = [
        ("Sources", number(len(site.published.source_names)), ""),
        ("Areas with figures", number(with_figures), known),
    ]
    if len(observations):
        periods = sorted(set(observations["period"]), key=lambda period: (period[:4], period))
        facts.append(("Published figures", number(len(observations)), f"{periods[0][:4]} to {periods[-1][:4]}"))
        hidden = int((observations["missing_reason"] == "suppressed").sum())
        if hidden:
            share = percent(hidden / len(observations), 1)
            facts.append(("Hidden to protect people", share, f"{number(hidden)} figures"))
    if balance:
        facts.append(("Rows received", number(balance.get("rows_in")), f"in {number(balance.get('files'))} files"))
    text = ""
    if {"rows_in", "accepted", "quarantined", "excluded"} <= set(balance):
        text = (
            f"Of {number(balance.get('rows_in'))} rows received, {number(balance.get('accepted'))} were accepted, "
            f"{number(balance.get('quarantined'))} held back with a reason and {number(balance.get('excluded'))} left "
            "out as agreed with the partner. No row was lost."
        )
    levels: dict[str, list[tuple[str, str]]] = {}
    if {"area_code", "area_level", "area_name"} <= set(areas.columns):
        for row in areas.sort_values(["area_name", "area_code"], key=order_names).itertuples():
            if row.area_code in site.area_pages:
                levels.setdefault(str(row.area_level), []).append((str(row.area_code), str(row.area_name)))
    names = sorted(published.source_names.values())
    lead = f"Statistics of {len(names)} source{'s' if len(names) != 1 else ''}"
    lead += f" on {number(with_figures)} area{'s' if with_figures != 1 else ''}" if with_figures else ""
    lead += ", brought to common definitions, tested and protected. Detected, not prevalence."
    return {
        "lead": lead,
        "findings": findings(published, site.book, site.views),
        "dots": STRONG_WORDS,
        "thumbnail": _thumbnail(site),
        "trend_charts": _overall_charts(site),
        "facts": facts,
        "balance_sentence": text,
        "linked_data": script_json(linked_data(published, site.table_records)),
        "area_groups": [
            {"label": published.words.label("area_level", level), "areas": levels[level]}
            for level in sorted(levels, key=lambda level: (site.book.level_rank(level), level))
        ],
        "has_datasets": len(datasets) > 0,
    }


def areas_with_figures(observations: pd.DataFrame) -> int:
    """Areas that some figure or interval is published for. A known area without one is a row of gaps, or no row."""
    if not len(observations):
        return 0
    has_figure = observations["value"].notna() | observations["lower"].notna()
    return int(observations.loc[has_figure, "area_code"].nunique())


def _thumbnail(site: Site) -> dict[str, Any] | None:
    view = next((view for view in site.views if view.layer is not None), None)
    if view is None:
        return None
    published, period, method = site.published, view.latest(), view.main_method
    letters = view.states[method][period]
    layer = maps.shown_layer(published.layers[str(view.layer)], set(view.codes))
    drawn = {area["area_code"] for area in layer["areas"]}
    shown = set(letters) | ({"o"} if drawn - set(view.codes) else set())
    styles = {
        code: (palette.STATES[letter]["colour"], palette.STATES[letter]["hatch"])
        for code, letter in zip(view.codes, letters, strict=True)
    }
    titles = {}
    for position, code in enumerate(view.codes):
        rate = view.rate[period][position]
        figure = f", {number(rate)} per 100,000" if np.isfinite(rate) else ""
        titles[code] = f"{view.names[position]}{figure}: {palette.STATES[letters[position]]['label']}"
    what = published.words.measure(view.key["measure"], view.key["exploitation"])
    when = period_label(view.periods[period])
    links = {code: f"areas/{stem}.html" for code, stem in site.area_pages.items()}
    title = f"{what}, {when}: where rates stand out"
    order = ("h", "n", "c", "a", "w", "b", "x", "s", "m", "o")
    return {
        "title": title,
        "svg": Markup(area_map(layer, styles, titles, title, 560, links, maps.outlines(published, str(view.layer)))),
        "legend": [
            (
                Markup(swatch(palette.STATES[letter]["colour"], palette.STATES[letter]["hatch"])),
                palette.STATES[letter]["label"],
            )
            for letter in order
            if letter in shown
        ],
        "caption": "Detected, not prevalence.",
        "facts": site.provenance(view.sources, view.periods[period], "tables/hotspots.csv"),
    }


def _overall_charts(site: Site) -> list[dict[str, Any]]:
    """The widest level's totals, one chart a measure and way of adding up, at most six."""
    book, words = site.book, site.published.words
    candidates = [series for series in book.all() if series.is_total and series.trend is not None]
    if not candidates:
        return []
    top = min(book.level_rank(series.key["area_level"]) for series in candidates)
    if top > book.level_rank("subregion"):
        return []
    shown = [
        series
        for series in candidates
        if book.level_rank(series.key["area_level"]) == top
        and (series.key.get("is_selected") or series.key["derivation"] == "balanced_panel")
    ]
    order = ("balanced_panel", "chain_linked")
    shown.sort(
        key=lambda series: (
            _measure_rank(series.key["measure"]),
            series.key["area_name"],
            order.index(series.key["derivation"]) if series.key["derivation"] in order else 2,
        )
    )
    return [
        {
            "title": f"{words.label('measure', series.key['measure'])}, {series.key['area_name']}: "
            f"{words.label('derivation', series.key['derivation'])}",
            "svg": Markup(book.chart(series)),
            "text": book.says(series),
            "source": site.published.source_name(series.key["source"]),
        }
        for series in shown[:6]
    ]


def hotspots(site: Site) -> dict[str, Any]:
    from reports.pages import script_json

    if not site.views:
        found = pages_signals.clusters(site)
        return {"has_views": False, "payload": "", "first": None, "left_out": 0, "clusters": found}
    content, left_out = map_data.payload(site.published, site.views, set(site.area_pages), MAP_PAGE_BYTES)
    return {
        "has_views": True,
        "payload": script_json(content),
        "first": _first_view(site, site.views[0]),
        "left_out": left_out,
        "clusters": pages_signals.clusters(site),
    }


def _first_view(site: Site, view: maps.View) -> dict[str, Any]:
    words, period, method = site.published.words, view.latest(), view.main_method
    rows = []
    for position, (code, name) in enumerate(zip(view.codes, view.names, strict=True)):
        letter = view.states[method][period][position]
        reason = words.reason("not_assessed", view.reasons[method][period][position])
        rows.append(
            {
                "code": code,
                "name": name,
                "value": _map_figure(view, period, position, letter),
                "rate": number(view.rate[period][position]),
                "interval": interval(view.rate_lower[period][position], view.rate_upper[period][position]),
                "assessment": f"{reason[:1].upper()}{reason[1:]}" if letter == "x" else palette.STATES[letter]["label"],
                "neighbours": _beside_neighbours(words, view, period, position),
                "emerging": view.emerging[position].capitalize() or "–",
                "comparability": grade if (grade := view.comparability[period][position]) in ("A", "B", "C") else "–",
            }
        )
    level = words.label("area_level", view.key["area_level"]).lower()
    return {
        "title": f"{words.measure(view.key['measure'], view.key['exploitation'])}, "
        f"{period_label(view.periods[period])}, {level}",
        "source": map_data.source_label(site.published, view),
        "facts": site.provenance(view.sources, view.periods[period]),
        "rows": rows,
    }


def _beside_neighbours(words: Any, view: maps.View, period: int, position: int) -> str:
    """How an area stands among its neighbours, and what holds whatever the figures known only as bounds are."""
    quadrant, certain = view.quadrants[period][position], view.certainty[period][position]
    said = [words.label("moran_quadrant", quadrant)] if quadrant else []
    # for an area known as bounds the reason beside it says as much
    if certain in ("certain", "possible") and view.states[maps.SPATIAL][period][position] != "x":
        said.append(words.label("certainty", certain))
    return ". ".join(said) or "–"


def _map_figure(view: maps.View, period: int, position: int, letter: str) -> str:
    value, bounds = view.value[period][position], view.bounds.get((period, position))
    if np.isfinite(value):
        return number(value)
    return span(*bounds) if bounds else "hidden" if letter == "s" else "–"


def trends(site: Site) -> dict[str, Any]:
    book, words = site.book, site.published.words
    groups: dict[tuple, list[Series]] = {}
    for series in book.all():
        if series.is_total and series.trend is not None:
            key = (series.key["area_level"], series.key["measure"], series.key["frequency"])
            groups.setdefault(key, []).append(series)
    order = sorted(groups, key=lambda key: (book.level_rank(key[0]), key[0], _measure_rank(key[1]), key[2]))
    sections = []
    for level, measure, frequency in order:
        members = groups[level, measure, frequency]
        members.sort(
            key=lambda series: (
                name_order(series.key["area_name"]), series.key["area_code"], not series.key.get("is_selected"),
                series.key["derivation"], series.key["source"], series.key["series_id"],
            )
        )  # fmt: skip
        title = f"{words.label('measure', measure)}, {words.label('area_level', level).lower()}"
        title += f", {words.label('frequency', frequency)}"
        main = [series for series in members if series.key.get("is_selected")] or members
        wide = book.level_rank(level) <= book.level_rank("subregion")
        if wide:
            main = members
        charted, note = main, "Every series of this section, by name."
        if wide and level != "world":
            charted = [series for series in main if series.key.get("is_selected")] or main
        if len(charted) > CHARTS_PER_SECTION:
            charted = [series for series in main if _has_news(series)]
            note = (
                "Drawn: the series with a clear change, a measured break or a new level, by name. The table holds all."
            )
            if len(charted) > CHARTS_PER_SECTION:
                note = f"Drawn: the first {CHARTS_PER_SECTION} of {len(charted)} series with a clear change, by name."
                charted = charted[:CHARTS_PER_SECTION]
        sections.append(
            {
                "id": f"{level}-{measure}-{frequency}".replace("_", "-").lower(),
                "title": title,
                "short": title,
                "summary": _trend_summary(main, words),
                # the widest level and the first measure of each other one stand open, the rest is one click away
                "is_open": level == order[0][0] or level not in {section["level"] for section in sections},
                "level": level,
                "charts": [
                    {
                        "code": series.key["area_code"],
                        "name": series.key["area_name"],
                        "variant": words.label("derivation", series.key["derivation"]) if wide else "",
                        "svg": Markup(book.chart(series)),
                        "text": book.says(series),
                        "step": step_sentence(series.trend),
                        "change": change_sentence(series.trend),
                        "source": site.published.source_name(series.key["source"]) if wide else "",
                    }
                    for series in charted
                ],
                "chart_note": note,
                "facts": site.provenance(
                    [series.key["source"] for series in members],
                    max((series.trend["last_period"] for series in members if series.trend), default=""),
                    "tables/trends.csv",
                ),
                "rows": [_trend_row(book, series, words) for series in members[:ROWS_PER_TABLE]],
                "total": len(members),
            }
        )
    return {
        "sections": sections,
        "alerts": pages_signals.alerts(site),
        "nowcasts": pages_signals.nowcasts(site),
        "compositions": pages_composition.compositions(site),
    }


def _has_news(series: Series) -> bool:
    return bool(is_clear(series.trend) or step_sentence(series.trend) or change_sentence(series.trend))


def _trend_summary(members: list[Series], words: Any) -> str:
    members = [series for series in members if series.key["derivation"] != "chain_linked"] or members
    states = [verdict(series.trend, words) for series in members]
    rose, fell = states.count("rose"), states.count("fell")
    assessed = sum(series.trend is not None and series.trend["eligibility"] == "assessed" for series in members)
    if not assessed:
        reasons = sorted(set(states))
        listed = "; ".join(reasons[:3])
        return f"None of {len(members)} series can be judged yet ({listed})."
    text = f"{assessed} of {len(members)} series could be tested: {rose} rose, {fell} fell, "
    return text + f"{assessed - rose - fell} showed no clear change."


def _trend_row(book: Any, series: Series, words: Any) -> dict[str, Any]:
    trend = series.trend or {}
    assessed = trend.get("eligibility") == "assessed"
    steps = [entry for entry in book.breaks_of(series.key["area_code"]) if entry["kind"] in STEP_KINDS]
    steps = [entry for entry in steps if entry["measure"] in ("", "_T", series.key["measure"])]
    step = ", ".join(f"{entry['kind']} {entry['break_on'][:4]}" for entry in steps)
    if trend.get("step_on") and trend["step_ratio"] == trend["step_ratio"]:
        step = f"{step or trend['step_on'][:4]} (level × {number(trend['step_ratio'], 2)})"
    variant = "" if series.key.get("is_selected") else book.describe(series)
    return {
        "code": series.key["area_code"],
        "name": series.key["area_name"],
        "variant": variant,
        "verdict": verdict(series.trend, words),
        "change": yearly_change(series.trend),
        "slope": signed(trend.get("slope_per_year")) if assessed else "–",
        "interval": _signed_interval(trend) if assessed else "–",
        "q": probability(trend.get("q_bh")) if assessed else "–",
        "q_strict": probability(trend.get("q_by")) if assessed else "–",
        "periods": number(trend.get("periods_count")),
        "step": step or "–",
        "level": _new_level(trend),
    }


def _new_level(trend: dict[str, Any]) -> str:
    """Newest change of the level that no known break explains."""
    changes = unexplained_changes(trend)
    if not changes:
        return "–"
    ratio = trend["change_point_ratio"]
    return period_label(changes[-1]) + (f" (level × {number(ratio, 2)})" if ratio == ratio else "")


def _signed_interval(trend: dict[str, Any]) -> str:
    low, high = trend["slope_lower_per_year"], trend["slope_upper_per_year"]
    return f"{signed(low)} to {signed(high)}" if low == low and high == high else "–"


def corridors(site: Site) -> dict[str, Any]:
    table = site.published.table("corridors")
    if table.empty:
        return {"sections": []}
    words = site.published.words
    sections = []
    keys = ["measure", "counterpart_role", "source", "dataset"]
    groups = sorted(table.groupby(keys, sort=True), key=lambda entry: (_measure_rank(entry[0][0]), entry[0]))
    for key, group in groups:
        measure, role, source, dataset = key
        period = group["period"].max()
        now = group[group["period"] == period].sort_values(
            ["counterpart_area_name", "area_name", "counterpart_area", "area_code"], key=order_names, ignore_index=True
        )
        assessed = now[now["eligibility"] == "assessed"]
        strong = assessed[(assessed["q"] < 0.05) & (assessed["residual"] > 0)]
        title = f"{words.label('counterpart_role', role)} and place of detection: "
        title += f"{words.label('measure', measure).lower()}, {period_label(period)}"
        if sum(other[0][:2] == key[:2] for other in groups) > 1:
            title += f" ({site.published.source_name(source)})"
        sections.append(
            {
                "id": "-".join(str(part) for part in (measure, role, source, dataset)).replace("_", "-").lower(),
                "title": title,
                "summary": f"{len(now)} flows, {len(assessed)} of them large enough to assess, {len(strong)} larger "
                "than origin and destination alone would give.",
                "heat": _heat(now, words.label("counterpart_role", role)) if now["area_code"].nunique() > 1 else None,
                "ends": [end for end in (_concentration(now, *each, words) for each in ENDS) if end],
                "rows": [_flow_row(words, row) for row in now.head(ROWS_PER_TABLE).to_dict("records")],
                "total": len(now),
                "facts": site.provenance([source], period, "tables/corridors.csv"),
            }
        )
    return {"sections": sections}


# column of the area, its name, the prefix of its figures, heading of the table
ENDS = (
    ("area_code", "area_name", "origins", "From how many origins"),
    ("counterpart_area", "counterpart_area_name", "destinations", "To how many destinations"),
)


def _concentration(now: pd.DataFrame, code: str, name: str, end: str, title: str, words: Any) -> dict[str, Any] | None:
    """How spread out each area's flows are over the areas at their other end, by name; None where nothing is assessed."""
    if f"{end}_eligibility" not in now or not (now[f"{end}_eligibility"] == "assessed").any():
        return None
    rows = now.drop_duplicates(code).sort_values([name, code], key=order_names)
    return {
        "title": title,
        "rows": [
            {
                "code": row[code],
                "name": row[name],
                "effective": number(row[f"{end}_effective_number"], 1),
                "hhi": number(row[f"{end}_hhi"], 2),
                "top3": percent(row[f"{end}_top3_share"]),
                "reason": "" if row[f"{end}_eligibility"] == "assessed"
                else words.reason(row[f"{end}_eligibility"], row[f"{end}_reason"]),
            }
            for row in rows.to_dict("records")
        ],
    }  # fmt: skip


def _flow_row(words: Any, row: dict[str, Any]) -> dict[str, Any]:
    assessed = row["eligibility"] == "assessed"
    stands_out = assessed and row["q"] < 0.05 and row["residual"] > 0
    value = number(row["value"])
    if value == "–" and row.get("lower") == row.get("lower") and row.get("lower") is not None:
        value = interval(row["lower"], row["upper"])
    return {
        "origin": row["counterpart_area"],
        "origin_name": row["counterpart_area_name"],
        "target": row["area_code"],
        "target_name": row["area_name"],
        "value": value,
        "expected": number(row["expected_count"]),
        "share": percent(row["share"], 1),
        "quotient": number(row["location_quotient"], 2),
        "q": probability(row["q"]),
        "assessment": ("larger than expected" if stands_out else "as expected")
        if assessed
        else words.reason(row["eligibility"], row["eligibility_reason"]),
        "period": period_label(row["period"]),
    }


def _heat(now: Any, corner: str) -> dict[str, Any]:
    """A table of the larger origins and destinations (by their visible sum), both in the order of names."""
    rows = now.groupby("counterpart_area")["value"].sum().sort_values(ascending=False, kind="stable")
    columns = now.groupby("area_code")["value"].sum().sort_values(ascending=False, kind="stable")
    names = dict(zip(now["counterpart_area"], now["counterpart_area_name"], strict=True))
    targets = dict(zip(now["area_code"], now["area_name"], strict=True))
    origins = sorted(rows.index[:HEAT_ROWS], key=lambda code: (name_order(names[code]), code))
    destinations = sorted(columns.index[:HEAT_COLUMNS], key=lambda code: (name_order(targets[code]), code))
    cells = {(row["counterpart_area"], row["area_code"]): row for row in now.to_dict("records")}
    highest = max((row["value"] for row in cells.values() if row["value"] == row["value"]), default=1) or 1
    made = []
    for origin in origins:
        line = []
        for target in destinations:
            row = cells.get((origin, target))
            if row is None:
                line.append({"text": "", "style": "", "kind": "", "title": ""})
                continue
            known = row["value"] == row["value"]
            level = min(int(math.log1p(row["value"]) / math.log1p(highest) * 5), 4) if known else 0
            ink = "#ffffff" if level >= 3 else palette.INK
            out = row["eligibility"] == "assessed" and row["q"] < 0.05 and row["residual"] > 0
            line.append(
                {
                    "text": number(row["value"]) if known else unshown(row),
                    "style": f"background:{palette.RAMP[level]};color:{ink}" if known else "",
                    "kind": ("hidden-value" if unshown(row) == "×" else "") if not known else "out" if out else "",
                    "title": f"{names[origin]} to {targets[target]}: "
                    + (
                        f"{number(row['value'])}, expected {number(row['expected_count'])}"
                        if known
                        else "hidden or not assessed"
                    ),
                }
            )
        made.append({"name": names[origin], "cells": line})
    cut = ""
    if len(rows) > HEAT_ROWS or len(columns) > HEAT_COLUMNS:
        cut = f" Shown: the {len(origins)} origins and {len(destinations)} destinations with the largest visible sums."
    return {
        "corner": f"{corner} ↓ · detected in →",
        "caption": "Flows in the last period",
        "columns": [targets[code] for code in destinations],
        "rows": made,
        "note": "Darker: larger figure. Framed in red: larger than expected beyond chance. ×, hatched: hidden to "
        "protect people, or too small to show. ≤: known only to "
        "be at most that. Empty: none reported. Detected, not prevalence." + cut,
    }


def unshown(row: dict[str, Any]) -> str:
    """What stands for a flow without an exact figure: its upper bound where that may be shown."""
    upper = row.get("upper")
    return f"≤ {number(upper)}" if upper is not None and upper == upper else "×"


def _measure_rank(measure: str) -> tuple[int, str]:
    order = maps.MEASURE_ORDER
    return (order.index(measure) if measure in order else len(order), measure)
