"""Contents of the pages that answer what is new: findings and the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from reports.charts import map_data, maps, palette
from reports.charts.drawings import area_map, swatch
from reports.packages.data_package import linked_data
from reports.pages import signals
from reports.pages.embedded_json import script_json
from reports.pages.findings import findings, no_findings
from reports.wording import cells
from reports.wording.words import measure_rank, number, order_names, period_label

if TYPE_CHECKING:
    from reports.charts.site import Site
    from reports.wording.summary import Summary

MAP_PAGE_BYTES = 2_500_000

ROWS_PER_TABLE = 600


def index(site: Site) -> dict[str, Any]:
    published, summary = site.published, site.summary
    areas = published.table("areas")
    facts = []
    if summary.row("sources_with_figures"):
        facts.append(("Sources of figures", summary.number("sources_with_figures"), ""))
    if summary.row("areas_with_figures"):
        known = f"of {summary.number('areas_inhabited')} inhabited" if summary.has("areas_inhabited") else ""
        facts.append(("Areas with figures", summary.number("areas_with_figures"), known))
    if summary.row("figures_published"):
        years = [row["period"] for name in ("first_year", "last_year") for row in summary.rows(name)]
        facts.append(("Published figures", summary.number("figures_published"), " to ".join(dict.fromkeys(years))))
    if summary.has("cells_hidden"):
        hidden = f"{summary.number('cells_hidden')} of {summary.of('cells_hidden')} cells"
        facts.append(("Hidden to protect people", summary.share("cells_hidden", 1), hidden))
    if summary.row("rows_received"):
        files = summary.counted("files_received", "file")
        facts.append(("Rows received", summary.number("rows_received"), f"in {files}"))
    levels: dict[str, list[tuple[str, str]]] = {}
    if {"area_code", "area_level", "area_name"} <= set(areas.columns):
        for row in areas.sort_values(["area_name", "area_code"], key=order_names).itertuples():
            if row.area_code in site.area_pages:
                levels.setdefault(str(row.area_level), []).append((str(row.area_code), str(row.area_name)))
    lead = "Statistics"
    if summary.has("sources_with_figures") and summary.has("areas_with_figures"):
        lead += f" of {summary.counted('sources_with_figures', 'source')} on {summary.counted('areas_with_figures', 'area')}"
    return {
        "lead": f"{lead}, brought to common definitions, tested and protected. Detected, not prevalence.",
        "findings": findings(site),
        "no_findings": no_findings(site),
        "thumbnail": _thumbnail(site),
        "trend_charts": _overall_charts(site),
        "facts": facts,
        "balance_sentence": _balance(summary),
        "linked_data": script_json(linked_data(published, site.table_records)),
        "area_groups": [
            {"label": published.words.label("area_level", level), "areas": levels[level]}
            for level in sorted(levels, key=lambda level: (site.book.level_rank(level), level))
        ],
    }


def _balance(summary: Summary) -> str:
    """What became of the rows received, for those who may know."""
    key = {"word": "restricted"}
    if not summary.row("rows_accepted", **key):
        return ""
    return (
        f"Of {summary.number('rows_received')} rows received, {summary.number('rows_accepted', **key)} were accepted, "
        f"{summary.number('rows_quarantined', **key)} held back with a reason and {summary.number('rows_excluded', **key)} "
        "left out as agreed with the partner. No row was lost."
    )


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
        written = view.cell("rate_per_100k", period, position, number(rate))
        figure = f", {written} per 100,000{view.basis(period, position)}" if np.isfinite(rate) else ""
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
        and (series.key.get("is_leading") or series.key["derivation"] == "balanced_panel")
    ]
    order = ("balanced_panel", "chain_linked")
    shown.sort(
        key=lambda series: (
            measure_rank(series.key["measure"]),
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
    if not site.views:
        found = signals.clusters(site)
        return {"has_views": False, "payload": "", "first": None, "left_out": 0, "clusters": found}
    content, left_out = map_data.payload(
        site.published, site.views, set(site.area_pages), MAP_PAGE_BYTES, site.summary, site.verdicts
    )
    return {
        "has_views": True,
        "payload": script_json(content),
        "first": _first_view(site, site.views[0]),
        "left_out": left_out,
        "clusters": signals.clusters(site),
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
                "rate": view.cell("rate_per_100k", period, position, number(view.rate[period][position]))
                + view.basis(period, position),
                "interval": view.interval(period, position),
                "assessment": f"{reason[:1].upper()}{reason[1:]}" if letter == "x" else palette.STATES[letter]["label"],
                "neighbours": _beside_neighbours(words, view, period, position),
                "emerging": view.emerging[position].capitalize() or "–",
                "verdict": site.verdicts.label(code, view.key["measure"]) if view.key["exploitation"] == "_T" else "–",
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
        return view.cell("value", period, position, number(value))
    return cells.span(bounds) if bounds else "hidden" if letter == "s" else "–"
