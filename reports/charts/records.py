"""Charts of flows, law and revisions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from reports.charts import palette
from reports.charts.flows import largest_ends, unshown
from reports.charts.revisions import moved_most
from reports.charts.specification import Drawing, NothingToShow, axis, finite, shortened
from reports.tables import parts_of
from reports.wording import cells
from reports.wording.words import date_position, measure_rank, name_order, order_names, period_label

if TYPE_CHECKING:
    from reports.charts.site import Site

TIMELINE_ROWS = 24
REVISIONS_SHOWN = 20
HEAT_SIDE = 20


def corridors(site: Site) -> Drawing:
    """Heat map of the last period: origins by destinations, both in the order of names."""
    table, words = site.published.table("corridors"), site.published.words
    # the flows of the first measure with an exact figure, newest period first
    known = table[table["value"].notna()]
    if known.empty:
        raise NothingToShow("every flow is hidden or too small to show")
    keys = ["measure", "counterpart_role", "source", "dataset"]
    ranked = sorted(parts_of(known, keys), key=lambda entry: (measure_rank(entry[0][0]), -len(entry[1]), entry[0]))
    best = dict(zip(keys, ranked[0][0], strict=True))
    mine = table[np.logical_and.reduce([table[name] == value for name, value in best.items()])]
    period = mine["period"].max()
    now = mine[mine["period"] == period]
    place = {name: best[name] for name in ("measure", "source", "dataset")} | {
        "period": period,
        "word": best["counterpart_role"],
    }
    origins = _largest(site, "flows_sum_by_origins", place, now, "counterpart_area")
    targets = _largest(site, "flows_sum_by_destinations", place, now, "area_code")
    shown = now[now["counterpart_area"].isin(origins) & now["area_code"].isin(targets)]
    held = {(row["counterpart_area"], row["area_code"]): row for row in shown.to_dict("records")}
    grid, texts = [], []
    for origin in origins:
        row_values, row_texts = [], []
        for target in targets:
            cell = held.get((origin, target))
            value = finite(cell["value"]) if cell else None
            strong = bool(cell) and cell.get("assessment") == "above"
            row_values.append(None if value is None else math.log1p(max(value, 0)))
            mark = "▲" if strong else ""
            row_texts.append(
                f"{cells.number(cell)}{mark}" if cell and value is not None else unshown(cell) if cell else ""
            )
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
    more = " The first jurisdictions by name." if count > len(names) else ""
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
    moved = table[(table["kind"] == "revised") & table["is_moved"] & table["is_selected"]]
    for split in ("exploitation", "sex", "age"):
        moved = moved[moved[split].isin(["_T", ""])]
    if moved.empty:
        raise NothingToShow("no total was revised between two issues")
    top = moved_most(moved)[:REVISIONS_SHOWN]
    top = top.sort_values(["area_name", "measure", "period", "source"], key=order_names)
    names = [
        f"{shortened(row['area_name'], 26)}, {words.label('measure', row['measure']).lower()} "
        f"{period_label(row['period'])}"
        for row in top.to_dict("records")
    ]
    line_x: list[float | None] = []
    line_y: list[str | None] = []
    # a figure given by its bounds stands in their middle, with a line from one to the other
    middles = {
        "previous": (
            (top["previous_lower"] + top["previous_upper"]) / 2,
            (top["previous_upper"] - top["previous_lower"]) / 2,
        ),
        "now": ((top["lower"] + top["upper"]) / 2, (top["upper"] - top["lower"]) / 2),
    }
    (before_at, before_half), (now_at, now_half) = middles["previous"], middles["now"]
    for name, before, now in zip(names, before_at, now_at, strict=True):
        line_x += [before, now, None]
        line_y += [name, name, None]
    traces = [
        {"type": "scatter", "mode": "lines", "x": line_x, "y": line_y, "line": {"color": palette.MUTED, "width": 2},
         "showlegend": False},
        {"type": "scatter", "mode": "markers", "x": before_at.tolist(), "y": names,
         "name": "Previous issue", "error_x": {"type": "data", "array": before_half.tolist(), "width": 0, "visible": True},
         "marker": {"size": 11, "color": "#ffffff", "line": {"color": palette.ACCENT, "width": 2}}},
        {"type": "scatter", "mode": "markers", "x": now_at.tolist(), "y": names, "name": "This issue",
         "error_x": {"type": "data", "array": now_half.tolist(), "width": 0, "visible": True},
         "marker": {"size": 11, "color": palette.ACCENT}},
    ]  # fmt: skip
    layout = {
        "xaxis": axis("Figure", rangemode="tozero", tickformat=","),
        "yaxis": axis(type="category", autorange="reversed"), "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    }  # fmt: skip
    data = top[["area_code", "area_name", "measure", "period", "source", "previous_issued_on", "issued_on",
                "previous_value", "previous_lower", "previous_upper", "value", "lower", "upper",
                "difference"]].reset_index(drop=True)  # fmt: skip
    caption = (
        "Totals that changed most, in the order of names. A revision says something about reporting, not about "
        "trafficking."
    )
    return Drawing(
        "Largest revisions since the previous issue", caption, traces, layout, data,
        site.provenance(set(top["source"]), max(top["period"]), "tables/changes.csv"),
        height=max(420, 250 + 28 * len(top)),
    )  # fmt: skip


def _largest(site: Site, statistic: str, place: dict[str, str], now: pd.DataFrame, code: str) -> dict[str, str]:
    """Code and name of the areas at one end with the largest sums of flows, in the order of names."""
    names = dict(zip(now[code], now[f"{code.removesuffix('_code')}_name"], strict=True))
    return {each: names[each] for each in largest_ends(site.summary, statistic, place, names, HEAT_SIDE)}
