"""Charts of places: maps and the funnel."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reports.charts import maps, palette
from reports.charts.maps import FUNNEL, View
from reports.charts.specification import Drawing, NothingToShow, axis, hidden_axes, plain, shortened
from reports.wording.words import number, period_label

if TYPE_CHECKING:
    from reports.charts.site import Site


def hotspots_map(site: Site) -> Drawing:
    view = _mapped(site)
    period, method = view.latest(), view.main_method
    letters = view.states[method][period]
    looks = [
        (palette.STATES[letter]["label"], palette.STATES[letter]["colour"], palette.STATES[letter]["hatch"])
        for letter in letters
    ]
    order = [palette.STATES[letter]["label"] for letter in palette.STATES if letter in set(letters)]
    data = _map_data(view, period) | {
        "assessment": [palette.STATES[letter]["label"] for letter in letters],
        "q_bh": view.q[method][period],
    }
    title = f"Where rates stand out: {_what(site, view, period)}"
    return _map(site, view, title, looks, order, "Compared with chance; false discovery rate 5 %.", pd.DataFrame(data))


def rates_map(site: Site) -> Drawing:
    view = _mapped(site)
    period = view.latest()
    limits = maps.rate_classes(view)
    letters = view.states[view.main_method][period]
    names = _class_names(limits)
    looks = []
    for rate, letter in zip(view.rate[period], letters, strict=True):
        if math.isfinite(rate):
            position = int(np.searchsorted(limits, rate, side="right"))
            looks.append((names[position], palette.RAMP[maps.rate_class(rate, limits)], ""))
        else:
            state = palette.STATES[letter if letter in "sm" else "x"]
            looks.append(("No rate" if letter not in "sm" else state["label"], state["colour"], state["hatch"]))
    shown = {look[0] for look in looks}
    order = [
        name
        for name in [*names, "No rate", palette.STATES["s"]["label"], palette.STATES["m"]["label"]]
        if name in shown
    ]
    data = pd.DataFrame(_map_data(view, period))
    title = f"Rate per 100,000 residents: {_what(site, view, period)}"
    return _map(site, view, title, looks, order, "Classes hold about a fifth of all rates over the years each.", data)


def course_map(site: Site) -> Drawing:
    view = next((view for view in site.views if view.layer and (view.emerging != "").any()), None)
    if view is None:
        raise NothingToShow("no area has ten periods of assessments, which a course over time needs")
    period = view.latest()
    letters = view.states[view.main_method][period]
    looks = []
    for text, letter in zip(view.emerging, letters, strict=True):
        group = palette.EMERGING_GROUPS[palette.emerging_group(text) if text else ("m" if letter == "m" else "x")]
        looks.append((group["label"], group["colour"], group["hatch"]))
    shown = {look[0] for look in looks}
    order = [group["label"] for group in palette.EMERGING_GROUPS.values() if group["label"] in shown]
    data = pd.DataFrame(_map_data(view, period) | {"emerging_category": list(view.emerging)})
    span = f"{period_label(view.periods[0])} to {period_label(view.periods[-1])}"
    title = (
        f"How hotspots developed: {site.published.words.measure(view.key['measure'], view.key['exploitation'])}, {span}"
    )
    return _map(site, view, title, looks, order, "Emerging-hot-spot categories in groups.", data)


def _map(
    site: Site,
    view: View,
    title: str,
    looks: list[tuple[str, str, str]],
    order: list[str],
    caption: str,
    data: pd.DataFrame,
) -> Drawing:
    """One trace an area; the legend comes from empty squares in the order of the classes."""
    layer = maps.shown_layer(site.published.layers[str(view.layer)], set(view.codes))
    position = {code: index for index, code in enumerate(view.codes)}
    traces = []
    for area in layer["areas"]:
        x, y = _line(area["rings"])
        silent = palette.STATES["o"]
        label, colour, hatch = (
            looks[position[area["area_code"]]] if area["area_code"] in position
            else (silent["label"], silent["colour"], silent["hatch"])
        )  # fmt: skip
        traces.append(
            {
                "type": "scatter", "mode": "lines", "x": x, "y": y, "fill": "toself", "fillcolor": colour,
                "fillpattern": _pattern(hatch),
                "line": {"color": "#c3c9ce" if hatch == "." or colour == silent["colour"] else "#ffffff", "width": 0.7},
                "hoveron": "fills", "hoverinfo": "text", "text": f"{plain(area['area_name'])}: {plain(label)}",
                "showlegend": False,
            }
        )  # fmt: skip
    around = maps.outlines(site.published, str(view.layer))
    if around:
        x, y = _line(around)
        traces.append(
            {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": "#3d4852", "width": 1},
             "hoverinfo": "skip", "showlegend": False}
        )  # fmt: skip
    colours = {label: (colour, hatch) for label, colour, hatch in looks}
    for label in order:
        colour, hatch = colours[label]
        traces.append(
            {
                "type": "bar", "x": [None], "y": [None], "name": plain(label),
                "marker": {
                    "color": colour, "line": {"color": "#7c8791", "width": 1},
                    "pattern": {"shape": hatch, "fgcolor": _pattern(hatch)["fgcolor"], "size": 6, "solidity": 0.25},
                },
                "showlegend": True, "hoverinfo": "skip",
            }
        )  # fmt: skip
    layout = {
        **hidden_axes(layer["bounds"]),
        "showlegend": True,
        "legend": {
            "x": 1.01,
            "y": 1,
            "yanchor": "top",
            "font": {"size": 13},
            "itemsizing": "constant",
            "traceorder": "normal",
        },
        "margin": {"l": 20, "r": 330, "b": 100},
    }
    attribution = layer.get("attribution") or ""
    discs = " Very small areas are drawn as discs." if any(area.get("is_disc") for area in layer["areas"]) else ""
    more = f" Boundaries: {attribution}." if attribution else ""
    period = view.periods[view.latest()]
    return Drawing(
        title, f"Detected, not prevalence. {caption}{discs}{more}", traces, layout, data,
        site.provenance(view.sources, period, "tables/hotspots.csv"), height=760,
    )  # fmt: skip


def funnel(site: Site) -> Drawing:
    """Observed over expected against the expected count, with the limits of chance."""
    view = next((view for view in site.views if FUNNEL in view.states), None)
    if view is None:
        raise NothingToShow("no funnel was calculated; it stands at the level of the world and its countries")
    period = view.latest()
    expected, value = view.expected[FUNNEL][period], view.value[period]
    known = np.flatnonzero(np.isfinite(expected) & np.isfinite(value) & (expected > 0))
    if not len(known):
        raise NothingToShow("no area of the funnel has a figure in the last period")
    known = known[np.argsort(expected[known], kind="stable")]
    letters = view.states[FUNNEL][period][known]
    ratio = value[known] / expected[known]
    floor = _floor(ratio)
    traces: list[dict[str, Any]] = []
    for name, dash, label in (
        ("limit_lower_998", "dot", ""), ("limit_upper_998", "dot", "99.8 % limits"), ("limit_lower_95", "dash", ""),
        ("limit_upper_95", "dash", "95 % limits"),
    ):  # fmt: skip
        x: list[float | None] = []
        y: list[float | None] = []
        for region in sorted(set(view.regions[period][known].tolist())):
            inside = known[view.regions[period][known] == region]
            x += [*expected[inside].tolist(), None]
            y += [*(_above_zero(limit) for limit in view.limits[name][period][inside]), None]
        traces.append(
            {"type": "scatter", "mode": "lines", "x": x, "y": y, "connectgaps": False, "name": label,
             "line": {"color": "#9aa5ae", "width": 1.1, "dash": dash}, "showlegend": bool(label)}
        )  # fmt: skip
    outside = np.isin(letters, ["a", "b"])
    labelled = set(
        known[outside][np.argsort(-np.abs(np.log(np.maximum(ratio[outside], 1e-9))), kind="stable")][:18].tolist()
    )
    traces.append(
        {
            "type": "scatter", "mode": "markers+text", "x": expected[known].tolist(),
            "y": np.maximum(ratio, floor).tolist(),
            "text": [shortened(view.names[index], 22) if index in labelled else "" for index in known.tolist()],
            "textposition": "top center", "textfont": {"size": 11}, "showlegend": False,
            "marker": {
                "size": 10, "color": [palette.STATES[letter]["colour"] for letter in letters],
                "symbol": [{"a": "triangle-up", "b": "triangle-down"}.get(letter, "circle") for letter in letters],
                "line": {"color": palette.INK, "width": 0.8},
            },
        }
    )  # fmt: skip
    columns = ["area_code", "area_name", "measure", "period", "source", "dataset", "value", "expected_count", "ratio",
               *sorted(view.limits)]  # fmt: skip
    table = site.published.table("hotspots")
    data = table.loc[view.rows[FUNNEL][period][known], columns].reset_index(drop=True)
    data["assessment"] = [palette.STATES[letter]["label"] for letter in letters]
    layout = {
        "xaxis": axis("Expected count (log scale)", type="log", **_log_ticks(expected[known])),
        "yaxis": axis("Observed ÷ expected (log scale)", type="log", **_log_ticks(np.append(ratio[ratio > 0], 1.0))),
        "showlegend": True, "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        "shapes": [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1,
                    "line": {"color": palette.INK, "width": 1}}],
    }  # fmt: skip
    caption = (
        "Each region has its own limits. Triangles lie outside the limits for their size; that can be how well cases "
        "are found or how they are counted. Detected, not prevalence."
    )
    return Drawing(
        f"Rates against the size of the area: {_what(site, view, period)}", caption, traces, layout, data,
        site.provenance(view.sources, view.periods[period], "tables/hotspots.csv"), height=720,
    )  # fmt: skip


def _mapped(site: Site) -> View:
    view = next((view for view in site.views if view.layer is not None), None)
    if view is None:
        raise NothingToShow("no boundaries were supplied for the areas assessed")
    return view


def _what(site: Site, view: View, period: int) -> str:
    measure = site.published.words.measure(view.key["measure"], view.key["exploitation"])
    return f"{measure}, {period_label(view.periods[period])}"


def _map_data(view: View, period: int) -> dict[str, Any]:
    return {
        "area_code": view.codes,
        "area_name": view.names,
        "measure": view.key["measure"],
        "period": view.periods[period],
        "value": view.value[period],
        "rate_per_100k": view.rate[period],
        "rate_lower_per_100k": view.rate_lower[period],
        "rate_upper_per_100k": view.rate_upper[period],
        "comparability": view.comparability[period],
    }


def _class_names(limits: list[float]) -> list[str]:
    if not limits:
        return ["All rates"]
    inner = [f"{number(low)} to {number(high)}" for low, high in pairwise(limits)]
    return [f"below {number(limits[0])}", *inner, f"{number(limits[-1])} and more"]


def _pattern(hatch: str) -> dict[str, Any]:
    return {"shape": hatch, "fillmode": "overlay", "fgcolor": palette.HATCH_INK[hatch], "size": 6, "solidity": 0.25}


def _line(rings: list[list[list[float]]]) -> tuple[list[float | None], list[float | None]]:
    """Coordinates of rings in one line; a gap stands between two rings."""
    x: list[float | None] = []
    y: list[float | None] = []
    for ring in rings:
        if x:
            x.append(None)
            y.append(None)
        x += [point[0] for point in ring]
        y += [point[1] for point in ring]
    return x, y


def _floor(ratio: np.ndarray) -> float:
    """Where a ratio of zero is drawn on a log scale: below the smallest one that is not zero."""
    positive = ratio[ratio > 0]
    return float(positive.min() / 2) if len(positive) else 0.1


def _above_zero(value: float) -> float | None:
    return float(value) if math.isfinite(value) and value > 0 else None


def _log_ticks(values: np.ndarray) -> dict[str, Any]:
    """Ticks at 1, 2 and 5 in each decade that the values reach."""
    low, high = math.floor(math.log10(values.min())), math.ceil(math.log10(values.max()))
    ticks = [factor * 10.0**power for power in range(low, high + 1) for factor in (1, 2, 5)]
    return {"tickvals": ticks, "ticktext": [number(tick) for tick in ticks]}
