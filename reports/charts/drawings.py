"""Small drawings as inline SVG text: lines over time, maps, timelines and bars.

They need no script, print well, weigh a few kilobytes and are the same bytes on every machine. Every text that comes
from outside is escaped. Static picture files for briefings are made in reports.charts.specification instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from reports.charts import palette
from reports.wording.words import number


@dataclass(frozen=True)
class Point:
    """One period of a line: position in years, figure (None when there is none), bounds, text of its tooltip."""

    position: float
    value: float | None
    text: str
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Mark:
    """A vertical line at a break: `is_step` is a known step (law, code list, rule), drawn solid; `is_found` was found in the
    figures and nobody told of it."""

    position: float
    label: str
    is_step: bool
    is_found: bool = False


@dataclass(frozen=True)
class Line:
    """A line of a chart with its name and colour."""

    points: Sequence[Point]
    name: str = ""
    colour: str = palette.ACCENT
    dashed: bool = False


def line_chart(
    lines: Sequence[Line],
    marks: Sequence[Mark] = (),
    title: str = "",
    width: int = 320,
    height: int = 150,
    unit: Callable[[float], str] = number,
) -> str:
    """Lines over time from zero; gaps stay gaps, missing periods are ticks on the base line, breaks vertical lines."""
    left, right, top, bottom = 46, 16, 14 if marks else 8, 20
    points = [point for line in lines for point in line.points]
    if not points:
        return ""
    start, end = min(point.position for point in points), max(point.position for point in points)
    if start == end:
        start, end = start - 0.5, end + 0.5
    heights = [point.upper if point.upper is not None else point.value for point in points]
    highest = max((value for value in heights if value is not None), default=1.0)
    ticks = scale_ticks(highest)

    def x(position: float) -> float:
        return left + (position - start) / (end - start) * (width - left - right)

    def y(value: float) -> float:
        return height - bottom - value / ticks[-1] * (height - top - bottom)

    parts = [
        f'<svg class="chart{" wide" if width > 400 else ""}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title, quote=True)}">'
    ]
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{left}" x2="{width - right}" y1="{_f(y(tick))}" y2="{_f(y(tick))}"/>')
        parts.append(f'<text class="tick" x="{left - 5}" y="{_f(y(tick) + 3.5)}" text-anchor="end">{unit(tick)}</text>')
    for year in _years_shown(start, end, (width - left - right) / 44):
        # a label stands under the middle of its year, which may lie outside for the first or last quarters
        middle = min(max(year + 0.5, start), end)
        parts.append(f'<text class="tick" x="{_f(x(middle))}" y="{height - 5}" text-anchor="middle">{year}</text>')
    for mark in marks:
        if start <= mark.position <= end:
            kind = "found" if mark.is_found else "step" if mark.is_step else "drawn"
            at = _f(x(mark.position))
            parts.append(
                f'<g class="break {kind}"><title>{escape(mark.label)}</title>'
                f'<line x1="{at}" x2="{at}" y1="{top - 4}" y2="{height - bottom}"/>'
                f'<path d="M{at} {top - 9}l4 5h-8z"/></g>'
            )
    for line in lines:
        parts.append(_line(line, x, y, height - bottom))
    parts.append("</svg>")
    return "".join(parts)


def _line(line: Line, x: Callable[[float], float], y: Callable[[float], float], base: float) -> str:
    colour = f" {palette.colour_class(line.colour)}" if line.colour != palette.ACCENT else ""
    path, pen_down, dots = [], False, []
    radius = 2.4 if len(line.points) <= 24 else 1.5
    for point in line.points:
        at = _f(x(point.position))
        title = f"<title>{escape(point.text)}</title>"
        if point.value is None:
            pen_down = False
            if point.lower is not None and point.upper is not None:
                # close bounds still have to be seen
                middle, half = (y(point.lower) + y(point.upper)) / 2, max((y(point.lower) - y(point.upper)) / 2, 1.5)
                dots.append(
                    f'<line class="bounds" x1="{at}" x2="{at}" y1="{_f(middle + half)}" y2="{_f(middle - half)}">'
                    f"{title}</line>"
                )
            else:
                dots.append(f'<path class="gap" d="M{at} {_f(base - 3)}v6">{title}</path>')
            continue
        path.append(f"{'L' if pen_down else 'M'}{at} {_f(y(point.value))}")
        pen_down = True
        dots.append(f'<circle cx="{at}" cy="{_f(y(point.value))}" r="{radius}">{title}</circle>')
    dash = ' stroke-dasharray="4 3"' if line.dashed else ""
    return f'<g class="line{colour}"><path class="run" d="{"".join(path)}"{dash}/>{"".join(dots)}</g>'


def scale_ticks(highest: float, count: int = 3) -> list[float]:
    """Round steps from zero to at or above the highest figure."""
    if highest <= 0 or not math.isfinite(highest):
        return [0.0, 1.0]
    raw = highest / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    steps = max(1, math.ceil(highest / step - 1e-9))
    return [float(f"{step * index:.10g}") for index in range(steps + 1)]


def _years_shown(start: float, end: float, room: float) -> list[int]:
    first, last = math.floor(start), math.ceil(end) - 1
    step = next((step for step in (1, 2, 5, 10, 20) if (last - first) / step < max(room, 2)), 50)
    return [year for year in range(first, last + 1) if (last - year) % step == 0]


def area_map(
    layer: dict[str, Any],
    styles: dict[str, tuple[str, str]],
    titles: dict[str, str],
    title: str,
    width: int = 640,
    links: dict[str, str] | None = None,
    outline: Sequence[Sequence[Sequence[float]]] = (),
) -> str:
    """A still map: `styles` gives (fill colour, hatch) an area, `titles` the tooltip, `links` the page of the area."""
    x0, y0, x1, y1 = layer["bounds"]
    scale = width / (x1 - x0)
    height = round((y1 - y0) * scale)

    def outline_path(rings: Sequence[Sequence[Sequence[float]]]) -> str:
        return "".join(
            "M" + "L".join(f"{_f((px - x0) * scale)} {_f((y1 - py) * scale)}" for px, py in ring[:-1]) + "Z"
            for ring in rings
        )

    parts = [
        f'<svg class="map" viewBox="-2 -2 {width + 4} {height + 4}" role="img" '
        f'aria-label="{escape(title, quote=True)}">{hatch_patterns()}'
    ]
    for area in layer["areas"]:
        code = area["area_code"]
        colour, hatch = styles.get(code, (palette.STATES["o"]["colour"], palette.STATES["o"]["hatch"]))
        fill = f"url(#hatch-{HATCH_NAMES[hatch]})" if hatch else colour
        path = outline_path(area["rings"])
        shape = f'<path d="{path}" fill="{fill}"><title>{escape(titles.get(code, area["area_name"]))}</title></path>'
        link = (links or {}).get(code)
        parts.append(f'<a href="{escape(link, quote=True)}">{shape}</a>' if link else shape)
    if outline:
        parts.append(f'<path class="outline" d="{outline_path(outline)}"/>')
    parts.append("</svg>")
    return "".join(parts)


HATCH_NAMES = {"/": "slash", "x": "cross", ".": "dots"}


def hatch_patterns() -> str:
    """The three hatchings of what is not known, as SVG patterns (equal ids may repeat: they are equal)."""
    marks = {"/": '<path d="M0 6L6 0" {pen}/>', "x": '<path d="M0 6L6 0M0 0L6 6" {pen}/>', ".": DOT}
    patterns = []
    for letter in "xsm":
        state = palette.STATES[letter]
        ink = palette.HATCH_INK[state["hatch"]]
        mark = marks[state["hatch"]].format(pen=f'stroke="{ink}" stroke-width="1"', ink=ink)
        patterns.append(
            f'<pattern id="hatch-{HATCH_NAMES[state["hatch"]]}" width="6" height="6" patternUnits="userSpaceOnUse">'
            f'<rect width="6" height="6" fill="{state["colour"]}"/>{mark}</pattern>'
        )
    return f"<defs>{''.join(patterns)}</defs>"


DOT = '<circle cx="3" cy="3" r=".8" fill="{ink}"/>'


def swatch(colour: str, hatch: str = "") -> str:
    """A legend key."""
    fill = f"url(#hatch-{HATCH_NAMES[hatch]})" if hatch else colour
    return (
        f'<svg class="swatch" viewBox="0 0 22 14" aria-hidden="true">{hatch_patterns() if hatch else ""}'
        f'<rect x=".5" y=".5" width="21" height="13" fill="{fill}"/></svg>'
    )


@dataclass(frozen=True)
class Span:
    """A stretch of a timeline row, in years, with its colour, short label and tooltip."""

    start: float
    end: float
    colour: str
    label: str
    text: str


def timeline(rows: Sequence[tuple[str, Sequence[Span]]], first: float, last: float, title: str) -> str:
    """Rows of coloured spans over years; row names stand above their bar so that it reads on a narrow screen."""
    width, row_height, top = 720, 34, 22
    height = top + row_height * len(rows) + 4

    def x(year: float) -> float:
        return min(max((year - first) / (last - first), 0), 1) * width

    parts = [
        f'<svg class="timeline" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title, quote=True)}">'
    ]
    years = max(1, math.ceil((last - first) / 8))
    for year in range(math.ceil(first), math.floor(last) + 1):
        if (year - math.ceil(first)) % years == 0:
            anchor = "start" if x(year) < 12 else "end" if x(year) > width - 14 else "middle"
            parts.append(f'<text class="tick" x="{_f(x(year))}" y="12" text-anchor="{anchor}">{year}</text>')
            parts.append(f'<line class="grid" x1="{_f(x(year))}" x2="{_f(x(year))}" y1="17" y2="{height}"/>')
    for index, (name, spans) in enumerate(rows):
        y = top + index * row_height
        parts.append(f'<text class="row" x="0" y="{y + 11}">{escape(name)}</text>')
        for span in spans:
            left, right = x(span.start), x(span.end)
            dark = span.colour in (palette.COMPARABILITY["A"], palette.ACCENT)
            parts.append(
                f'<g><title>{escape(span.text)}</title><rect x="{_f(left)}" y="{y + 15}" '
                f'width="{_f(max(right - left - 1, 1))}" height="14" fill="{span.colour}"/>'
            )
            if right - left > 24:
                ink = "#ffffff" if dark else palette.INK
                parts.append(
                    f'<text class="span" x="{_f(left + 5)}" y="{y + 26}" fill="{ink}">{escape(span.label)}</text>'
                )
            parts.append("</g>")
    parts.append("</svg>")
    return "".join(parts)


def share_bar(share: float, text: str) -> str:
    """A bar of 0 to 100 % beside its figure."""
    filled = max(0.0, min(1.0, share)) * 80
    return (
        f'<svg class="share" viewBox="0 0 80 10" role="img" aria-label="{escape(text, quote=True)}">'
        f'<rect class="whole" width="80" height="10"/><rect class="part" width="{_f(filled)}" height="10"/></svg>'
    )


def _f(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text
