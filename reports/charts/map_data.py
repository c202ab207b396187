"""Views and layers as the interactive map reads them: JSON with short numbers, one letter for what is one of few."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from reports.charts import palette
from reports.charts.maps import FUNNEL, SPATIAL, STATE_LETTERS, View, drawable, outlines, rate_classes
from reports.tables import Published
from reports.wording.summary import Summary
from reports.wording.verdicts import Verdicts

# one letter a code keeps the page light
QUADRANT_LETTERS = {"high-high": "H", "low-low": "L", "high-low": "h", "low-high": "l"}
CERTAINTY_LETTERS = {"certain": "c", "possible": "p", "not": "n", "not_assessed": "x"}
FREQUENCY_NOTES = {"A": "", "Q": ", by quarter", "M": ", by month"}


def payload(
    published: Published,
    chosen: list[View],
    pages: set[str],
    limit_bytes: int,
    summary: Summary | None = None,
    verdicts: Verdicts | None = None,
) -> tuple[dict[str, Any], int]:
    """Data of the map page and the number of views left out because the page would grow beyond `limit_bytes`."""
    words, summary, verdicts = published.words, summary or Summary(published), verdicts or Verdicts(published)
    units = _units(published)
    layers: dict[str, Any] = {}
    content, used, left_out = [], 0, 0
    for view in chosen:
        record = _view_record(published, view, units.get(view.key["measure"], "cases"), summary, verdicts)
        weight = len(json.dumps(record, separators=(",", ":")))
        if view.layer and view.layer not in layers:
            layers[view.layer] = _layer_record(drawable(published.layers[view.layer]), outlines(published, view.layer))
            weight += len(json.dumps(layers[view.layer], separators=(",", ":")))
        if content and used + weight > limit_bytes:
            left_out += 1
            continue
        used += weight
        content.append(record)
    kept = {record["layer"] for record in content}
    names = {code: name for view in chosen for code, name in zip(view.codes, view.names, strict=True)}
    for layer in kept - {None}:
        for area in published.layers[layer]["areas"]:
            names.setdefault(area["area_code"], area["area_name"])
    sources = {source for record in content for source in record["sources"]}
    return (
        {
            "names": names,
            "sourceNames": {source: published.source_name(source) for source in sorted(sources)},
            "views": content,
            "layers": {name: layer for name, layer in layers.items() if name in kept},
            "states": palette.STATES,
            "emergingGroups": palette.EMERGING_GROUPS,
            "quadrants": {letter: words.label("moran_quadrant", code) for code, letter in QUADRANT_LETTERS.items()},
            "certainties": {letter: words.label("certainty", code) for code, letter in CERTAINTY_LETTERS.items()},
            "ramp": palette.RAMP,
            "hatchInk": palette.HATCH_INK,
            "pages": sorted(pages),
            "methods": {method: words.label("method", method) for method in (SPATIAL, FUNNEL)},
            "invented": published.is_invented,
        },
        left_out,
    )


def _view_record(published: Published, view: View, unit: str, summary: Summary, verdicts: Verdicts) -> dict[str, Any]:
    words = published.words
    reasons = sorted({words.reason("not_assessed", text) for grid in view.reasons.values() for text in set(grid.flat)})
    position = {text: index for index, text in enumerate(reasons)}
    return {
        # what a reader needs to find each number in tables/hotspots again
        "key": view.key,
        "level": words.label("area_level", view.key["area_level"]),
        "set": view.key["area_set"],
        "measure": words.measure(view.key["measure"], view.key["exploitation"])
        + FREQUENCY_NOTES[view.key["frequency"]],
        "source": source_label(published, view),
        "dataset": view.key["dataset"],
        # the count of a quarter or a month, brought to a year
        "basis": "" if view.key["frequency"] == "A" else " a year",
        "unit": unit,
        "layer": view.layer,
        "codes": view.codes,
        "sources": sorted(set(view.sources)) if view.is_of_several_sources else [],
        "sourceOf": _indexes(view.sources) if view.is_of_several_sources else [],
        "periods": view.periods,
        "start": view.latest(),
        "issued": view.issued_on,
        "value": _rounded(view.value, 6),
        "bounds": [{str(area): [row["lower"], row["upper"]] for area, row in bounds} for bounds in _by_period(view)],
        "rate": _rounded(view.rate, 4),
        "low": _rounded(view.rate_lower, 4),
        "high": _rounded(view.rate_upper, 4),
        "comparability": [
            "".join(code if code in ("A", "B", "C") else " " for code in row) for row in view.comparability
        ],
        "quadrants": _lettered(view.quadrants, QUADRANT_LETTERS),
        "certainties": _lettered(view.certainty, CERTAINTY_LETTERS),
        "classes": rate_classes(view),
        "methods": {
            method: {
                "states": ["".join(row) for row in view.states[method]],
                "q": _rounded(view.q[method], 3),
                "expected": _rounded(view.expected[method], 4) if method == FUNNEL else [],
                "reasons": [
                    {
                        str(index): position[words.reason("not_assessed", text)]
                        for index, text in enumerate(row)
                        if view.states[method][period][index] == "x"
                    }
                    for period, row in enumerate(view.reasons[method])
                ],
                "family": _rounded(view.families[method], 6),
                "counts": [_counts(view, summary, method, period) for period in range(len(view.periods))],
            }
            for method in view.methods
        },
        "limits": {name: _rounded(grid, 4) for name, grid in view.limits.items()},
        "regions": view.regions.tolist() if view.limits else [],
        "main": view.main_method,
        "reasons": reasons,
        "verdicts": [verdicts.label(code, view.key["measure"]) for code in view.codes]
        if view.key["exploitation"] == "_T"
        else [],
        "emerging": [text.capitalize() for text in view.emerging] if (view.emerging != "").any() else [],
        "emergingGroups": [palette.emerging_group(text) for text in view.emerging],
    }


def _counts(view: View, summary: Summary, method: str, period: int) -> dict[str, list[int]]:
    """How many areas of the map were assessed as what, a letter each: the count and its row in tables/summary."""
    found = {}
    for assessment, letter in STATE_LETTERS.items():
        word = f"{view.key['area_set']}:{method}:{assessment}"
        row = summary.row("map_areas_by_assessment", word=word, **view.summary_key(period))
        if row is not None:
            found[letter] = [int(row["value"]), int(row["at"].split(".")[1])]
    return found


def source_label(published: Published, view: View) -> str:
    """The source of a view for people; several sources are not listed."""
    if view.is_of_several_sources:
        return "Each area by its own source"
    return published.source_name(view.key["source"])


def _by_period(view: View) -> list[list[tuple[int, dict[str, Any]]]]:
    """The rows of figures known as bounds, by period, with the position of their area."""
    held: list[list[tuple[int, dict[str, Any]]]] = [[] for _ in view.periods]
    for period, area in sorted(view.bounds):
        held[period].append((area, view.bounds[period, area]))
    return held


def _lettered(codes: np.ndarray, letters: dict[str, str]) -> list[str]:
    """One string a period, a letter an area; no strings where nothing is said."""
    if not (codes != "").any():
        return []
    return ["".join(letters.get(code, " ") for code in row) for row in codes]


def _indexes(values: list[str]) -> list[int]:
    place = {value: index for index, value in enumerate(sorted(set(values)))}
    return [place[value] for value in values]


def _units(published: Published) -> dict[str, str]:
    """Measure -> the unit that it is counted in."""
    table = published.table("observations")
    if not {"measure", "unit"} <= set(table.columns):
        return {}
    first = table.drop_duplicates("measure")
    return {measure: str(unit).replace("_", " ") for measure, unit in zip(first["measure"], first["unit"], strict=True)}


def _layer_record(layer: dict[str, Any], outline: list[list[list[float]]]) -> dict[str, Any]:
    return {
        "title": layer.get("title", ""),
        "attribution": layer.get("attribution", ""),
        "bounds": layer["bounds"],
        "hasDiscs": any(area.get("is_disc") for area in layer["areas"]),
        "outline": [_flat(ring) for ring in outline],
        "areas": [
            {"code": area["area_code"], "rings": [_flat(ring) for ring in area["rings"]]}
            | ({"disc": True} if area.get("is_disc") else {})
            for area in layer["areas"]
        ],
    }


def _flat(ring: list[list[float]]) -> list[float]:
    return [coordinate for point in ring for coordinate in point]


def _rounded(grid: np.ndarray, digits: int) -> list[list[float | int | None]]:
    return [[_short(value, digits) for value in row] for row in grid.tolist()]


def _short(value: float, digits: int) -> float | int | None:
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short == int(short) else short
