"""The declared set of finished charts, each with its data, caption and provenance.

A chart is made from published tables only. `charts/<id>.csv` and `.json` hold its data and belong to the core of the
release; the picture files are made from the same figure in reports.charts.rendering.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from reports.charts import composition, over_time, places, records
from reports.charts.site import Site
from reports.charts.specification import Chart, Drawing, NothingToShow, framed
from reports.packages.table_files import write_csv


@dataclass(frozen=True)
class Declared:
    """An entry of the declared set."""

    id: str
    title: str
    table: str
    make: Callable[[Site], Drawing]


def declared() -> list[Declared]:
    """The declared set, in the order of the downloads page."""
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
        made.append(framed(entry.id, drawing, site.published.is_invented))
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
