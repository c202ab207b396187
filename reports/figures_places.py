"""Charts of places and law: maps, funnel, flows, definitions, revisions."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reports import maps, palette
from reports.figures import Drawing, NothingToShow, axis, hidden_axes, plain, shortened
from reports.maps import FUNNEL, View
from reports.pages_overview import unshown
from reports.words import date_position, name_order, number, order_names, period_label

if TYPE_CHECKING:
    from reports.pages import Site

TIMELINE_ROWS = 24
REVISIONS_SHOWN = 20
HEAT_SIDE = 20


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
    counts: dict[str, int] = {}
    for label, _, _ in looks:
        counts[label] = counts.get(label, 0) + 1
    for label in order:
        colour, hatch = colours[label]
        traces.append(
            {
                "type": "bar", "x": [None], "y": [None], "name": f"{plain(label)} ({counts[label]})",
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
    data = pd.DataFrame(
        {
            "area_code": [view.codes[i] for i in known], "area_name": [view.names[i] for i in known],
            "period": view.periods[period], "value": value[known], "expected_count": expected[known], "ratio": ratio,
            **{name: grid[period][known] for name, grid in sorted(view.limits.items())},
            "assessment": [palette.STATES[letter]["label"] for letter in letters],
        }
    )  # fmt: skip
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


def corridors(site: Site) -> Drawing:
    """Heat map of the last period: origins by destinations, both in the order of names."""
    table, words = site.published.table("corridors"), site.published.words
    order = [column for column in ("measure", "counterpart_role", "source") if column in table]
    sums = table.groupby(order)["value"].agg(["sum", "count"]).reset_index()
    sums = sums[sums["count"] > 0]
    if sums.empty:
        raise NothingToShow("every flow is hidden or too small to show")
    best = sums.sort_values(["sum", *order], ascending=[False, True, True, True]).iloc[0]
    mine = table[np.logical_and.reduce([table[column] == best[column] for column in order])]
    period = mine["period"].max()
    now = mine[mine["period"] == period]
    origins = _largest(now, "counterpart_area", "counterpart_area_name")
    targets = _largest(now, "area_code", "area_name")
    shown = now[now["counterpart_area"].isin(origins) & now["area_code"].isin(targets)]
    cells = {(row["counterpart_area"], row["area_code"]): row for row in shown.to_dict("records")}
    grid, texts = [], []
    for origin in origins:
        row_values, row_texts = [], []
        for target in targets:
            cell = cells.get((origin, target))
            value = _finite(cell["value"]) if cell else None
            strong = bool(cell) and cell["eligibility"] == "assessed" and cell["q"] < 0.05 and cell["residual"] > 0
            row_values.append(None if value is None else math.log1p(max(value, 0)))
            mark = "▲" if strong else ""
            row_texts.append(f"{number(value)}{mark}" if value is not None else unshown(cell) if cell else "")
        grid.append(row_values)
        texts.append(row_texts)
    role = words.label("counterpart_role", best["counterpart_role"])
    trace = {
        "type": "heatmap", "z": grid, "x": [shortened(name, 18) for name in targets.values()],
        "y": [shortened(name, 22) for name in origins.values()], "text": texts, "texttemplate": "%{text}",
        "colorscale": [[index / 4, colour] for index, colour in enumerate(palette.RAMP)], "showscale": False,
        "xgap": 2, "ygap": 2, "hoverinfo": "skip", "textfont": {"size": 11},
    }  # fmt: skip
    caption = (
        "▲ larger than origin and destination alone would give (false discovery rate 5 %). × hidden to protect people "
        "or too small to show. Colour: logarithm of the figure. Detected, not prevalence."
    )
    layout = {
        "xaxis": axis("Where detected", showgrid=False, type="category", tickangle=-35),
        "yaxis": axis(role, autorange="reversed", showgrid=False, type="category"), "margin": {"b": 190},
    }  # fmt: skip
    columns = ["counterpart_area", "counterpart_area_name", "counterpart_role", "area_code", "area_name", "measure",
               "period", "value", "expected_count", "q", "eligibility"]  # fmt: skip
    data = shown[columns].sort_values(["counterpart_area", "area_code"]).reset_index(drop=True)
    return Drawing(
        f"{role} and place of detection, {words.label('measure', best['measure']).lower()}, {period_label(period)}",
        caption, [trace], layout, data, site.provenance([best["source"]], period, "tables/corridors.csv"),
        height=max(600, 350 + 30 * len(origins)),
    )  # fmt: skip


def definitions(site: Site) -> Drawing:
    """Provisions in force over time by jurisdiction, coloured by comparability grade."""
    table = site.published.table("comparability").sort_values(
        ["area_name", "jurisdiction", "valid_from", "definition_id"]
    )
    end = date_position(site.published.as_of)
    starts = [date_position(value) for value in table["valid_from"] if value]
    if not starts:
        raise NothingToShow("no definition has a date")
    first = max(min(starts), end - 30)
    names = sorted({row["area_name"] or row["jurisdiction"] for row in table.to_dict("records")}, key=name_order)
    count, names = len(names), names[:TIMELINE_ROWS]
    traces, rows, seen = [], [], set()
    for row in table.to_dict("records"):
        name = row["area_name"] or row["jurisdiction"]
        start = max(date_position(row["valid_from"]) if row["valid_from"] else first, first)
        stop = min(date_position(row["valid_to"]) if row["valid_to"] else end, end)
        if name not in names or stop <= first:
            continue
        grade = row["comparability"] if row["comparability"] in ("A", "B", "C") else ""
        traces.append(
            {
                "type": "bar", "orientation": "h", "y": [shortened(name, 30)], "x": [stop - start], "base": [start],
                "marker": {"color": palette.COMPARABILITY[grade], "line": {"color": "#ffffff", "width": 2}},
                "name": f"Comparability {grade}" if grade else "Not graded", "legendgroup": grade or "none",
                "showlegend": grade not in seen, "text": [shortened(f"{row['provision']}", 28)],
                "textposition": "inside", "insidetextanchor": "start", "textfont": {"size": 10},
            }
        )  # fmt: skip
        seen.add(grade)
        rows.append(
            {name: row[name] for name in ("jurisdiction", "area_name", "definition_id", "provision", "valid_from",
                                          "valid_to", "comparability", "elements_share")}
        )  # fmt: skip
    more = f" The first {len(names)} of {count} jurisdictions by name." if count > len(names) else ""
    layout = {
        "barmode": "overlay", "bargap": 0.35, "showlegend": True, "xaxis": axis(range=[first, end], tickformat="d"),
        "yaxis": axis(type="category", categoryorder="array",
                      categoryarray=[shortened(name, 30) for name in reversed(names)],
                      showgrid=False),
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    }  # fmt: skip
    caption = (
        f"A new bar is a change of law and breaks the series. A matches the UN Protocol, B mostly, C in part.{more}"
    )
    facts = site.provenance([], "", "tables/comparability.csv") | {"source": "law tables of this release"}
    return Drawing(
        "Legal definitions in force over time", caption, traces, layout, pd.DataFrame(rows), facts,
        height=max(420, 240 + 26 * len(names)),
    )  # fmt: skip


def revisions(site: Site) -> Drawing:
    """Figures of totals that moved most between two issues: before and now."""
    table, words = site.published.table("changes"), site.published.words
    moved = table[(table["kind"] == "revised") & (table["difference"].fillna(0) != 0)]
    for split in ("exploitation", "sex", "age"):
        moved = moved[moved[split].isin(["_T", ""])]
    if moved.empty:
        raise NothingToShow("no total was revised between two issues")
    top = moved.loc[moved["difference"].abs().sort_values(ascending=False, kind="stable").index[:REVISIONS_SHOWN]]
    top = top.sort_values(["area_name", "measure", "period", "source"], key=order_names)
    names = [
        f"{shortened(row['area_name'], 26)}, {words.label('measure', row['measure']).lower()} "
        f"{period_label(row['period'])}"
        for row in top.to_dict("records")
    ]
    line_x: list[float | None] = []
    line_y: list[str | None] = []
    for name, before, now in zip(names, top["previous_value"], top["value"], strict=True):
        line_x += [before, now, None]
        line_y += [name, name, None]
    traces = [
        {"type": "scatter", "mode": "lines", "x": line_x, "y": line_y, "line": {"color": palette.MUTED, "width": 2},
         "showlegend": False},
        {"type": "scatter", "mode": "markers", "x": top["previous_value"].tolist(), "y": names,
         "name": "Previous issue",
         "marker": {"size": 11, "color": "#ffffff", "line": {"color": palette.ACCENT, "width": 2}}},
        {"type": "scatter", "mode": "markers", "x": top["value"].tolist(), "y": names, "name": "This issue",
         "marker": {"size": 11, "color": palette.ACCENT}},
    ]  # fmt: skip
    layout = {
        "xaxis": axis("Figure", rangemode="tozero", tickformat=","),
        "yaxis": axis(type="category", autorange="reversed"), "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    }  # fmt: skip
    data = top[["area_code", "area_name", "measure", "period", "source", "previous_issued_on", "issued_on",
                "previous_value", "value", "difference"]].reset_index(drop=True)  # fmt: skip
    caption = (
        "Totals that changed most, in the order of names. A revision says something about reporting, not about "
        "trafficking."
    )
    return Drawing(
        "Largest revisions since the previous issue", caption, traces, layout, data,
        site.provenance(set(top["source"]), max(top["period"]), "tables/changes.csv"),
        height=max(420, 250 + 28 * len(top)),
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


def _largest(now: pd.DataFrame, code: str, name: str) -> dict[str, str]:
    sums = now.groupby([code, name])["value"].sum().sort_values(ascending=False, kind="stable").index[:HEAT_SIDE]
    return dict(sorted(sums, key=lambda pair: (name_order(pair[1]), pair[0])))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
