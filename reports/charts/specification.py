"""The declared set of finished charts: one frame, one list; each chart with its data, caption and provenance.

A chart is made from published tables only. `charts/<id>.csv` and `.json` hold its data and belong to the core of the
release; the picture files are made from the same figure in reports.charts.rendering.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from reports.charts import palette
from reports.tables import write_csv
from reports.wording import cells

if TYPE_CHECKING:
    from reports.pages.assembly import Site

WIDTH, HEIGHT = 1200, 675
FONT = "DejaVu Sans, Liberation Sans, Arial, sans-serif"


@dataclass(frozen=True)
class Drawing:
    """What a chart function returns: title, caption, traces and axes (plotly JSON), the data, and its provenance."""

    title: str
    caption: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    data: pd.DataFrame
    facts: dict[str, str]
    height: int = HEIGHT


@dataclass(frozen=True)
class Chart:
    """A finished chart: id, texts, complete plotly figure and data.

    `claims` are the cells of the numbers in its texts; `marked_caption` is the caption as a page shows it.
    """

    id: str
    title: str
    caption: str
    figure: dict[str, Any]
    data: pd.DataFrame
    facts: dict[str, str]
    width: int
    height: int
    claims: tuple[tuple[str, str], ...] = ()
    marked_caption: str = ""


class NothingToShow(Exception):
    """A declared chart has no data in this release; the text says why."""


@dataclass(frozen=True)
class Declared:
    """An entry of the declared set."""

    id: str
    title: str
    table: str
    make: Callable[[Site], Drawing]


def declared() -> list[Declared]:
    """The declared set, in the order of the downloads page."""
    from reports.charts import composition, over_time, places, records

    return [
        Declared("detections-over-time", "Detections over time", "series", over_time.overall),
        Declared("detections-by-area", "Detections over time by area", "series", over_time.by_area),
        Declared("trend-by-area", "Change a year by area", "verdicts", over_time.changes_a_year),
        Declared("hotspots-map", "Where rates stand out", "hotspots", places.hotspots_map),
        Declared("rates-map", "Rates of detection", "hotspots", places.rates_map),
        Declared("course-map", "How hotspots developed", "hotspots", places.course_map),
        Declared("rates-funnel", "Rates against the size of the area", "hotspots", places.funnel),
        Declared("forms-of-exploitation", "Forms of exploitation over time", "shares", composition.forms),
        Declared("sex-and-age", "Detected victims by sex and age", "shares", composition.sex_and_age),
        Declared("corridors", "Flows between areas", "corridors", records.corridors),
        Declared("definitions-timeline", "Legal definitions over time", "comparability", records.definitions),
        Declared("revisions", "Largest revisions", "changes", records.revisions),
    ]


def charts(site: Site) -> tuple[list[Chart], list[dict[str, str]]]:
    """All charts of the declared set that have data, and those that have none with the reason."""
    made, absent = [], []
    for entry in declared():
        if site.published.table(entry.table).empty:
            absent.append({"id": entry.id, "title": entry.title, "reason": f"no table {entry.table} in this release"})
            continue
        try:
            drawing = entry.make(site)
        except NothingToShow as nothing:
            absent.append({"id": entry.id, "title": entry.title, "reason": str(nothing)})
            continue
        made.append(_framed(entry.id, drawing, site.published.is_invented))
    return made, absent


def write_data(chart: Chart, directory: Path) -> dict[str, Any]:
    """Write the chart's CSV and JSON; returns the record for the downloads page."""
    csv, text = directory / f"{chart.id}.csv", directory / f"{chart.id}.json"
    write_csv(pa.Table.from_pandas(chart.data, preserve_index=False), csv)
    content = {
        "id": chart.id,
        "title": chart.title,
        "caption": chart.caption,
        "source": chart.facts["source"],
        "as_of": chart.facts["as_of"],
        "newest_data": chart.facts["newest"],
        "licence": chart.facts["licence"],
        "table": Path(chart.facts["data"]).stem,
        "figure": chart.figure,
        "cells": [{"cell": cell, "figure": written} for cell, written in chart.claims],
    }
    text.write_text(json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return {
        "id": chart.id,
        "title": chart.title,
        "caption": chart.marked_caption or chart.caption,
        "csv_bytes": csv.stat().st_size,
        "json_bytes": text.stat().st_size,
    }


def plain(text: Any) -> str:
    """A text from outside for plotly, which reads some tags."""
    return escape(str(text), quote=False)


def shortened(text: str, length: int) -> str:
    return plain(text if len(text) <= length else text[: length - 1] + "…")


def finite(value: float | None) -> float | None:
    """A number for JSON: None for what is missing or infinite."""
    return None if value is None or not math.isfinite(value) else float(value)


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    return {
        "title": {"text": title, "font": {"size": 13, "color": palette.MUTED}, "standoff": 8},
        "gridcolor": palette.GRID,
        "linecolor": palette.GRID,
        "zeroline": False,
        "tickfont": {"size": 12, "color": palette.INK},
        "automargin": True,
        **more,
    }


def hidden_axes(bounds: list[float]) -> dict[str, Any]:
    """Axes of a map: invisible, equal steps both ways, a little room at the edges."""
    x0, y0, x1, y1 = bounds
    pad_x, pad_y = (x1 - x0) * 0.01, (y1 - y0) * 0.01
    return {
        "xaxis": {"visible": False, "range": [x0 - pad_x, x1 + pad_x], "constrain": "domain"},
        "yaxis": {
            "visible": False, "range": [y0 - pad_y, y1 + pad_y], "scaleanchor": "x", "scaleratio": 1,
            "constrain": "domain",
        },
    }  # fmt: skip


def _framed(chart_id: str, drawing: Drawing, invented: bool) -> Chart:
    """Title and caption above, provenance below, the mark of invented data in the picture itself."""
    claims: list[tuple[str, str]] = []
    parts = [drawing.title, drawing.caption, drawing.traces, drawing.layout]
    marked = drawing.caption
    title, text, traces, drawn = (cells.without_marks(part, claims) for part in parts)
    drawing = replace(drawing, title=title, caption=text, traces=traces, layout=drawn)
    facts = drawing.facts
    newest = f" Newest data: {facts['newest']}." if facts["newest"] else ""
    line = f"Source: {facts['source']}. As of {facts['as_of']}.{newest} Licence: {facts['licence']}."
    foot = "<br>".join(plain(part) for part in textwrap.wrap(line, 165)[:3])
    caption = "<br>".join(plain(part) for part in textwrap.wrap(drawing.caption, 150)[:2])
    top = 100 if "<br>" not in caption else 122
    margin = {"l": 70, "r": 30, "t": top, "b": 112} | drawing.layout.get("margin", {})
    annotations = list(drawing.layout.get("annotations", []))
    annotations.append(
        _note(
            foot,
            x=0,
            y=0,
            xanchor="left",
            yanchor="top",
            yshift=50 - margin["b"],
            font={"size": 11, "color": palette.MUTED},
        )
    )
    if invented:
        annotations.append(
            _note(
                "Invented data",
                x=1,
                y=1,
                xanchor="right",
                yanchor="top",
                xshift=margin["r"] - 20,
                yshift=top - 10,
                bgcolor="#fff3cd",
                bordercolor="#8a6d00",
                borderpad=5,
                font={"size": 14, "color": "#5f4b00"},
            )
        )
    layout = {
        "width": WIDTH,
        "height": drawing.height,
        "paper_bgcolor": palette.PAPER,
        "plot_bgcolor": palette.PAPER,
        "font": {"family": FONT, "size": 13, "color": palette.INK},
        "title": {
            "text": f"<b>{plain(drawing.title)}</b>",
            "subtitle": {"text": caption, "font": {"size": 14, "color": palette.MUTED}},
            "x": 24 / WIDTH,
            "xref": "container",
            "xanchor": "left",
            "y": 1 - 36 / drawing.height,
            "yref": "container",
            "yanchor": "bottom",
            "font": {"size": 22, "color": palette.INK},
        },
        "margin": margin,
        "showlegend": False,
        "hovermode": "closest",
        **{name: value for name, value in drawing.layout.items() if name not in ("annotations", "margin")},
        "annotations": annotations,
    }  # fmt: skip
    traces = [{"uid": f"{chart_id}-{index}", **trace} for index, trace in enumerate(drawing.traces)]
    figure = {"data": traces, "layout": layout}
    return Chart(
        chart_id, drawing.title, drawing.caption, figure, drawing.data, drawing.facts, WIDTH, drawing.height, tuple(claims),
        marked,
    )  # fmt: skip


def _note(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "showarrow": False, "xref": "paper", "yref": "paper", "align": "left", **more}
