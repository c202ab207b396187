"""Charts over time and of composition: totals, areas, yearly change, forms, sex and age."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports import palette
from reports.figures import Drawing, NothingToShow, axis, finite, plain, shortened
from reports.maps import MEASURE_ORDER
from reports.series import STEP_KINDS, Series, is_clear, sentence
from reports.words import date_position, name_order, number, period_label, period_position

if TYPE_CHECKING:
    from reports.pages import Site

SMALL_CHARTS = 20
AREAS_IN_ONE_CHART = 30
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
                    "width": 3 if item.key.get("is_selected") else 2,
                    "dash": "solid" if index == 0 else ("dash", "dot", "dashdot")[(index - 1) % 3],
                },
                "marker": {"size": 7},
            }
        )
        records += _records(item, periods, values, name)
    label = words.label("measure", measure)
    main = next((item for item in lines if item.key["derivation"] == "balanced_panel"), lines[0])
    caption = f"{sentence(main.trend, words, main.key['unit'])} Detected, not prevalence."
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
        clear = is_clear(item.trend)
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
                "text": f"<b>{shortened(item.key['area_name'], 20)}</b>  {_short_verdict(item)}",
                "x": domain[0], "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top",
                "showarrow": False, "font": {"size": 11.5},
            }
        )  # fmt: skip
        shapes += _break_lines(book, item, periods, name)
        records += _records(item, periods, values, book.describe(item))
    label = words.label("measure", members[0].key["measure"])
    level = words.label("area_level", members[0].key["area_level"]).lower()
    more = (
        f" Shown: the {len(members)} of {count} areas with the most cases over the years, by name."
        if count > len(members)
        else ""
    )
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
    """Change of one year to the next with its interval, one row an area, in the order of names."""
    words = site.published.words
    members = [item for item in _areas_below(site) if item.trend and item.trend["eligibility"] == "assessed"]
    if not members:
        raise NothingToShow("no series is long and complete enough for a trend test")
    count, members = len(members), _largest(site.book, members, AREAS_IN_ONE_CHART)
    names, shares, up, down, colours, records = [], [], [], [], [], []
    for item in members:
        trend = item.trend or {}
        share, low, high = (trend[f"trend_ratio_{side}"] - 1 for side in ("per_year", "lower", "upper"))
        names.append(shortened(item.key["area_name"], 34))
        shares.append(finite(share * 100))
        up.append(finite((high - share) * 100) or 0)
        down.append(finite((share - low) * 100) or 0)
        colours.append({"rose": palette.HIGH, "fell": palette.LOW}.get(trend["direction"], palette.MUTED))
        records.append(
            {
                "area_code": item.key["area_code"], "area_name": item.key["area_name"], "measure": item.key["measure"],
                "change_per_year_share": share, "change_lower_per_year_share": low, "change_upper_per_year_share": high,
                "q_bh": trend["q_bh"], "direction": trend["direction"],
            }
        )  # fmt: skip
    trace = {
        "type": "scatter", "mode": "markers", "x": shares, "y": names,
        "error_x": {"type": "data", "array": up, "arrayminus": down, "color": palette.MUTED,
                    "thickness": 1.5, "width": 0},
        "marker": {"size": 11, "color": colours},
    }  # fmt: skip
    label = words.label("measure", members[0].key["measure"])
    more = (
        f" Shown: the {len(members)} of {count} areas with the most cases over the years, by name."
        if count > len(members)
        else ""
    )
    caption = (
        "Change from one year to the next in per cent, with 95 % interval. Orange: rose, blue: fell, grey: no clear "
        f"change (false discovery rate 5 %).{more}"
    )
    layout = {
        "xaxis": axis("Change a year, %", zeroline=True, zerolinecolor=palette.INK, zerolinewidth=1),
        "yaxis": axis(autorange="reversed", type="category", showgrid=True),
    }
    return Drawing(
        f"{label}: change a year", caption, [trace], layout, pd.DataFrame(records),
        _facts(site, members, "tables/trends.csv"), height=max(420, 230 + 26 * len(members)),
    )  # fmt: skip


def forms(site: Site) -> Drawing:
    """Shares of the forms of exploitation by period, for the widest area that reports them."""
    table, words = site.published.table("observations"), site.published.words
    parts = table[
        (~table["exploitation"].isin(TOTALS)) & table["sex"].isin(TOTALS) & table["age"].isin(TOTALS)
        & table["counterpart_area"].isin(TOTALS) & table["value"].notna()
    ]  # fmt: skip
    group, key = _richest(site, parts)
    area, measure, source = key
    pivot = group.pivot_table(index="period", columns="exploitation", values="value", aggfunc="sum").sort_index()
    pivot = pivot.iloc[-15:]
    totals = pivot.sum(axis=1)
    order = sorted(pivot.columns, key=lambda code: (-float(pivot[code].sum()), code))
    traces, records = [], []
    for index, code in enumerate(order):
        shares = (pivot[code] / totals * 100).where(totals > 0)
        traces.append(
            {
                "type": "bar", "x": [period_label(period) for period in pivot.index], "y": [finite(v) for v in shares],
                "name": shortened(words.label("exploitation", code), 44),
                "marker": {"color": FORM_COLOURS[index % len(FORM_COLOURS)], "line": {"color": "#ffffff", "width": 1}},
            }
        )  # fmt: skip
        for period, value in pivot[code].dropna().items():
            records.append(
                {"area_code": area, "measure": measure, "exploitation": code, "period": period, "value": value,
                 "share": value / totals[period] if totals[period] else None}
            )  # fmt: skip
    name = site.published.area_names.get(area, area)
    caption = (
        "Share of each form among the figures given by form; persons of unknown or hidden form are not in it. "
        "Detected, not prevalence."
    )
    layout = {
        "barmode": "stack", "bargap": 0.25, "showlegend": True, "xaxis": axis(type="category", showgrid=False),
        "yaxis": axis("Share, %", range=[0, 100]),
        "legend": {"x": 1.01, "y": 1, "font": {"size": 12}, "traceorder": "normal"}, "margin": {"r": 250},
    }  # fmt: skip
    return Drawing(
        f"Forms of exploitation, {words.label('measure', measure).lower()}, {name}", caption, traces, layout,
        pd.DataFrame(records), site.provenance([source], str(pivot.index[-1]), "tables/observations.csv"),
    )  # fmt: skip


def sex_and_age(site: Site) -> Drawing:
    """Women, men, girls and boys where they are reported, else sex or age alone, in the last period that has them."""
    table, words = site.published.table("observations"), site.published.words
    base = table[table["exploitation"].isin(TOTALS) & table["counterpart_area"].isin(TOTALS) & table["value"].notna()]
    both = base[(~base["sex"].isin(TOTALS)) & (~base["age"].isin(TOTALS))]
    single = base[(~base["sex"].isin(TOTALS)) & base["age"].isin(TOTALS)]
    group, (area, measure, source) = _richest(site, both if len(both) else single)
    period = group["period"].max()
    now = group[group["period"] == period].sort_values(["sex", "age"])
    names = [
        ", ".join(words.label(split, row[split]) for split in ("sex", "age") if row[split] not in TOTALS)
        for row in now.to_dict("records")
    ]
    colours = [{"F": palette.LINES[2], "M": palette.LINES[1]}.get(sex, palette.MUTED) for sex in now["sex"]]
    total = float(now["value"].sum())
    trace = {
        "type": "bar", "orientation": "h", "x": now["value"].tolist(), "y": [plain(name) for name in names],
        "marker": {"color": colours}, "textposition": "outside", "cliponaxis": False,
        "text": [f"{number(value)} ({value / total:.0%})" if total else number(value) for value in now["value"]],
    }  # fmt: skip
    name = site.published.area_names.get(area, area)
    layout = {
        "xaxis": axis(words.label("measure", measure), tickformat=","),
        "yaxis": axis(type="category", autorange="reversed", showgrid=False),
        "margin": {"r": 110},
    }
    caption = "Shares of the persons whose sex and age are given. Detected, not prevalence."
    data = now[["area_code", "measure", "sex", "age", "period", "value"]].reset_index(drop=True)
    return Drawing(
        f"{words.label('measure', measure)} by sex and age, {name}, {period_label(period)}", caption, [trace], layout,
        data, site.provenance([source], str(period), "tables/observations.csv"), height=max(420, 240 + 42 * len(now)),
    )  # fmt: skip


FORM_COLOURS = ("#0b5c73", "#e08214", "#8073ac", "#5fc1c0", "#b2abd2", "#fdb863", "#1b7837", "#999999", "#c51b7d")


def _widest(site: Site) -> list[Series]:
    book = site.book
    candidates = [item for item in book.all() if item.is_total]
    if not candidates:
        raise NothingToShow("no series of totals in this release")
    measure = min((item.key["measure"] for item in candidates), key=_measure_rank)
    mine = [item for item in candidates if item.key["measure"] == measure]
    top = min(book.level_rank(item.key["area_level"]) for item in mine)
    mine = [item for item in mine if book.level_rank(item.key["area_level"]) == top]
    if top > book.level_rank("subregion"):
        # without a wider area: the area with the largest figures speaks for itself
        longest = max(mine, key=lambda item: (_size(book, item), item.key["area_code"]))
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
            not item.key.get("is_selected"),
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
        if item.is_total and item.key.get("is_selected") and book.level_rank(item.key["area_level"]) > wide
    ]
    if not candidates:
        raise NothingToShow("no series of single areas in this release")
    measure = min((item.key["measure"] for item in candidates), key=_measure_rank)
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
    """The series with the most cases over the years, in the order in which they came (by name)."""
    chosen = sorted(members, key=lambda item: (-_size(book, item), item.key["series_id"]))[:count]
    return [item for item in members if item in chosen]


def _short_verdict(item: Series) -> str:
    trend = item.trend or {}
    if trend.get("eligibility") == "assessed":
        return {"rose": "rose", "fell": "fell"}.get(trend["direction"], "no clear change")
    return "too short" if trend.get("eligibility") == "too_short" else "not assessed"


def _richest(site: Site, parts: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, str, str]]:
    """The area, measure and source with the widest level, then the most cells."""
    if parts.empty:
        raise NothingToShow("no figures by this split, or all of them are hidden")
    measure = min(set(parts["measure"]), key=_measure_rank)
    parts = parts[parts["measure"] == measure]
    ranks = parts["area_level"].map(site.book.level_rank)
    parts = parts[ranks == ranks.min()]
    frequency = "A" if (parts["frequency"] == "A").any() else parts["frequency"].iat[0]
    parts = parts[parts["frequency"] == frequency]
    sums = parts.groupby(["area_code", "source"])["value"].agg(["size", "sum"]).reset_index()
    best = sums.sort_values(["size", "sum", "area_code", "source"], ascending=[False, False, True, True]).iloc[0]
    chosen = parts[(parts["area_code"] == best["area_code"]) & (parts["source"] == best["source"])]
    return chosen, (str(best["area_code"]), measure, str(best["source"]))


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
        before = sum(place < date_position(entry["break_on"]) for place in places)
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
        before = sum(place < date_position(entry["break_on"]) for place in places)
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


def _size(book: Any, item: Series) -> float:
    return sum(value for value in book.columns["value"][item.rows] if value == value)


def _measure_rank(measure: str) -> tuple[int, str]:
    return (MEASURE_ORDER.index(measure) if measure in MEASURE_ORDER else len(MEASURE_ORDER), measure)
