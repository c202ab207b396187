"""What a finished chart is: its texts, plotly figure, data and provenance, and the frame that all charts share."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.charts import palette
from reports.wording import cells

if TYPE_CHECKING:
    pass

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


def framed(chart_id: str, drawing: Drawing, invented: bool) -> Chart:
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
