"""Charts over time: totals, areas, yearly change."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.charts import palette
from reports.charts.series import STEP_KINDS, Series
from reports.charts.specification import Drawing, NothingToShow, axis, finite, plain, shortened
from reports.wording.verdicts import words_of_change
from reports.wording.words import date_position, is_missing, measure_rank, name_order, period_label, period_position

if TYPE_CHECKING:
    from reports.charts.site import Site

SMALL_CHARTS = 20
AREAS_IN_ONE_CHART = 30
CHANGE_COLOURS = {"rose": palette.HIGH, "fell": palette.LOW}
TOTALS = ["_T", "_Z", ""]


def overall(site: Site) -> Drawing:
    """The main measure of the widest level: each way of adding up and each source as its own line."""
    book, words = site.book, site.published.words
    members = _widest(site)
    measure, area = members[0].key["measure"], members[0].key["area_name"]
    lines = [item for item in members if item.key["derivation"] != "chain_linked"][:6]
    traces, records = [], []
    for index, item in enumerate(lines):
        periods, values = _values(book, item)
        name = book.describe(item)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [period_label(period) for period in periods],
                "y": values,
                "name": shortened(name, 60),
                "connectgaps": False,
                "line": {
                    "color": palette.LINES[index % len(palette.LINES)],
                    "width": 3 if item.key.get("is_leading") else 2,
                    "dash": "solid" if index == 0 else ("dash", "dot", "dashdot")[(index - 1) % 3],
                },
                "marker": {"size": 7},
            }
        )
        records += _records(item, periods, values, name)
    label = words.label("measure", measure)
    main = next((item for item in lines if item.key["derivation"] == "balanced_panel"), lines[0])
    caption = f"{book.says(main)} Detected, not prevalence."
    periods = sorted({period for item in lines for period in book.columns["period"][item.rows]}, key=period_position)
    layout = {
        "xaxis": axis(
            type="category", categoryorder="array", categoryarray=[period_label(period) for period in periods]
        ),
        "yaxis": axis(label, rangemode="tozero", tickformat=","),
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}},
        **_breaks_as_shapes(site, main, periods),
    }
    return Drawing(
        f"{label}, {area}", caption, traces, layout, pd.DataFrame(records),
        _facts(site, lines, "tables/series.csv"),
    )  # fmt: skip


def by_area(site: Site) -> Drawing:
    """Small multiples of the main measure, one panel an area, in the order of names, each on its own scale."""
    book, words = site.book, site.published.words
    members = _areas_below(site)
    count = len(members)
    members = _largest(book, members, SMALL_CHARTS)
    columns = min(5, max(2, math.ceil(math.sqrt(len(members)))))
    rows = math.ceil(len(members) / columns)
    traces, layout, annotations, shapes, records = [], {}, [], [], []
    for index, item in enumerate(members):
        row, column = divmod(index, columns)
        name = "" if index == 0 else str(index + 1)
        left, width = column / columns, 1 / columns
        top, height = 1 - row / rows, 1 / rows
        periods, values = _values(book, item)
        domain = [left + 0.035 * (column > 0), left + width - 0.025]
        layout[f"xaxis{name}"] = axis(
            domain=domain, anchor=f"y{name}", type="category", nticks=3, tickangle=0, automargin=False, showgrid=False,
            tickvals=[period_label(periods[0]), period_label(periods[-1])],
        )  # fmt: skip
        layout[f"yaxis{name}"] = axis(
            domain=[top - height + 0.09 / rows * 2, top - 0.17 / rows * 1.2], anchor=f"x{name}", rangemode="tozero",
            nticks=3, automargin=False, tickformat=",",
        )  # fmt: skip
        row = book.verdicts.of(item.key["area_code"], item.key["measure"])
        clear = row is not None and row["change_word"] in ("rose", "fell")
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [period_label(period) for period in periods],
                "y": values,
                "xaxis": f"x{name}",
                "yaxis": f"y{name}",
                "line": {"color": palette.ACCENT if clear else palette.MUTED, "width": 2},
                "marker": {"size": 4},
            }
        )
        annotations.append(
            {
                "text": f"<b>{shortened(item.key['area_name'], 20)}</b>  {words_of_change(row, words).lower() if row else ''}",
                "x": domain[0], "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top",
                "showarrow": False, "font": {"size": 11.5},
            }
        )  # fmt: skip
        shapes += _break_lines(book, item, periods, name)
        records += _records(item, periods, values, book.describe(item))
    label = words.label("measure", members[0].key["measure"])
    level = words.label("area_level", members[0].key["area_level"]).lower()
    more = " Shown: the areas with the largest newest figures, by name." if count > len(members) else ""
    caption = (
        "Each panel has its own scale. Blue-green: clear change, grey: none or not assessed, brown line: known break."
        f"{more} Detected, not prevalence."
    )
    layout["annotations"] = annotations
    layout["shapes"] = shapes
    return Drawing(
        f"{label} by area ({level})", caption, traces, layout, pd.DataFrame(records),
        _facts(site, members, "tables/series.csv"), height=max(520, 230 + 130 * rows),
    )  # fmt: skip


def changes_a_year(site: Site) -> Drawing:
    """Change from one year to the next with its interval, one row an area, in the order of names; as the verdicts have it."""
    words, book = site.published.words, site.book
    members = [
        (item, row)
        for item in _areas_below(site)
        if (row := book.verdicts.of(item.key["area_code"], item.key["measure"])) and row["series_id"] == item.key["series_id"]
        and not is_missing(row["change_ratio_a_year"]) and not is_missing(row["change_low"])
    ]  # fmt: skip
    if not members:
        raise NothingToShow("no series is long and complete enough for a trend test")
    largest = _largest(book, [item for item, _ in members], AREAS_IN_ONE_CHART)
    more = " Shown: the areas with the largest newest figures, by name." if len(members) > len(largest) else ""
    kept = [(item, row) for item, row in members if item in largest]
    shares = [finite((row["change_ratio_a_year"] - 1) * 100) for _, row in kept]
    trace = {
        "type": "scatter", "mode": "markers", "x": shares, "y": [shortened(item.key["area_name"], 34) for item, _ in kept],
        "error_x": {
            "type": "data", "color": palette.MUTED, "thickness": 1.5, "width": 0,
            "array": [finite((row["change_high"] - row["change_ratio_a_year"]) * 100) or 0 for _, row in kept],
            "arrayminus": [finite((row["change_ratio_a_year"] - row["change_low"]) * 100) or 0 for _, row in kept],
        },
        "marker": {"size": 11, "color": [CHANGE_COLOURS.get(row["change_word"], palette.MUTED) for _, row in kept]},
    }  # fmt: skip
    columns = ("series_id", "area_code", "area_name", "measure", "period_first", "period_last", "change_ratio_a_year",
               "change_low", "change_high", "q_bh", "change_word")  # fmt: skip
    label = words.label("measure", members[0][0].key["measure"])
    caption = (
        "Change from one year to the next, with 95 % interval. Orange: rose, blue: fell, grey: no clear change or not "
        f"comparable.{more}"
    )
    layout = {
        "xaxis": axis("Change a year, %", zeroline=True, zerolinecolor=palette.INK, zerolinewidth=1),
        "yaxis": axis(autorange="reversed", type="category", showgrid=True),
    }
    return Drawing(
        f"{label}: change a year", caption, [trace], layout, pd.DataFrame([{name: row[name] for name in columns} for _, row in kept]),
        _facts(site, [item for item, _ in kept], "tables/verdicts.csv"), height=max(420, 230 + 26 * len(kept)),
    )  # fmt: skip


def _widest(site: Site) -> list[Series]:
    book = site.book
    candidates = [item for item in book.all() if item.is_total]
    if not candidates:
        raise NothingToShow("no series of totals in this release")
    measure = min((item.key["measure"] for item in candidates), key=measure_rank)
    mine = [item for item in candidates if item.key["measure"] == measure]
    top = min(book.level_rank(item.key["area_level"]) for item in mine)
    mine = [item for item in mine if book.level_rank(item.key["area_level"]) == top]
    if top > book.level_rank("subregion"):
        # without a wider area: the area with the largest figures speaks for itself
        longest = max(mine, key=lambda item: (_newest(book, item), item.key["area_code"]))
        mine = [item for item in mine if item.key["area_code"] == longest.key["area_code"]]
    else:
        area = min(item.key["area_code"] for item in mine)
        mine = [item for item in mine if item.key["area_code"] == area]
    frequency = "A" if any(item.key["frequency"] == "A" for item in mine) else mine[0].key["frequency"]
    mine = [item for item in mine if item.key["frequency"] == frequency]
    order = ("published", "sum_of_reporting", "balanced_panel")
    return sorted(
        mine,
        key=lambda item: (
            not item.key.get("is_leading"),
            order.index(item.key["derivation"]) if item.key["derivation"] in order else 3,
            item.key["series_id"],
        ),
    )


def _areas_below(site: Site) -> list[Series]:
    """Selected totals of the main measure at the first level of single areas (countries, else the next one)."""
    book = site.book
    wide = book.level_rank("subregion")
    candidates = [
        item
        for item in book.all()
        if item.is_total and item.key.get("is_leading") and book.level_rank(item.key["area_level"]) > wide
    ]
    if not candidates:
        raise NothingToShow("no series of single areas in this release")
    measure = min((item.key["measure"] for item in candidates), key=measure_rank)
    mine = [item for item in candidates if item.key["measure"] == measure]
    top = min(book.level_rank(item.key["area_level"]) for item in mine)
    mine = [item for item in mine if book.level_rank(item.key["area_level"]) == top]
    frequency = "A" if any(item.key["frequency"] == "A" for item in mine) else mine[0].key["frequency"]
    mine = [item for item in mine if item.key["frequency"] == frequency]
    with_figures = [item for item in mine if book.last_point(item) is not None]
    if not with_figures:
        raise NothingToShow("every figure of single areas is hidden or missing")
    return sorted(with_figures, key=lambda item: (name_order(item.key["area_name"]), item.key["series_id"]))


def _largest(book: Any, members: list[Series], count: int) -> list[Series]:
    """The series with the largest newest figures, in the order in which they came (by name)."""
    chosen = sorted(members, key=lambda item: (-_newest(book, item), item.key["series_id"]))[:count]
    return [item for item in members if item in chosen]


def _newest(book: Any, item: Series) -> float:
    last = book.last_point(item)
    return last[1] if last else 0.0


def _values(book: Any, item: Series) -> tuple[list[str], list[float | None]]:
    periods = book.columns["period"][item.rows]
    return periods, [finite(value) for value in book.columns["value"][item.rows]]


def _records(item: Series, periods: list[str], values: list[float | None], name: str) -> list[dict[str, Any]]:
    return [
        {
            "area_code": item.key["area_code"], "area_name": item.key["area_name"], "measure": item.key["measure"],
            "series": name, "derivation": item.key["derivation"], "period": period, "value": value,
        }
        for period, value in zip(periods, values, strict=True)
    ]  # fmt: skip


def _breaks_as_shapes(site: Site, item: Series, periods: list[str]) -> dict[str, Any]:
    """Breaks of the main line; those of coverage and sources of a wide area would fill the picture and are left out."""
    shapes, annotations = [], []
    places = [period_position(period) for period in periods]
    for entry in site.book.breaks_of(item.key["area_code"]):
        before = bisect_left(places, date_position(entry["break_on"]))
        mine = entry["measure"] in ("", "_T", item.key["measure"]) and entry["kind"] in STEP_KINDS
        if not mine or not 0 < before < len(places):
            continue
        shapes.append(
            {"type": "line", "xref": "x", "x0": before - 0.5, "x1": before - 0.5, "yref": "paper", "y0": 0, "y1": 1,
             "line": {"color": "#7a2e00", "width": 1.5}}
        )  # fmt: skip
        annotations.append(
            {"text": plain(site.published.words.label("kind", entry["kind"])), "x": before - 0.5, "xref": "x", "y": 1,
             "yref": "paper", "showarrow": False, "xanchor": "left", "font": {"size": 11, "color": "#7a2e00"}}
        )  # fmt: skip
    return {"shapes": shapes, "annotations": annotations}


def _break_lines(book: Any, item: Series, periods: list[str], name: str) -> list[dict[str, Any]]:
    """Known breaks as vertical lines of one small panel, between the two periods that they divide."""
    places = [period_position(period) for period in periods]
    lines = []
    for entry in book.breaks_of(item.key["area_code"]):
        before = bisect_left(places, date_position(entry["break_on"]))
        mine = entry["measure"] in ("", "_T", item.key["measure"]) and entry["kind"] in STEP_KINDS
        if mine and 0 < before < len(places):
            lines.append(
                {"type": "line", "xref": f"x{name}", "x0": before - 0.5, "x1": before - 0.5, "yref": f"y{name} domain",
                 "y0": 0, "y1": 1, "line": {"color": "#7a2e00", "width": 1.2}}
            )  # fmt: skip
    return lines


def _facts(site: Site, members: list[Series], data: str) -> dict[str, str]:
    newest = max((site.book.columns["period"][item.rows][-1] for item in members), default="")
    return site.provenance([item.key["source"] for item in members], newest, data)
