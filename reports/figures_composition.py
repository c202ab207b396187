"""Charts of composition: shares of the published total by form, sex and age; nothing is added up here."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports import cells, palette
from reports.figures import Drawing, NothingToShow, axis, finite, plain, shortened
from reports.tables import grouped
from reports.words import is_missing, measure_rank, percent, period_label

if TYPE_CHECKING:
    from reports.pages import Site

TOTALS = ["_T", "_Z", ""]
PERIODS_SHOWN = 15
FORM_COLOURS = ("#0b5c73", "#e08214", "#8073ac", "#5fc1c0", "#b2abd2", "#fdb863", "#1b7837", "#999999", "#c51b7d")
SPLITS = ("exploitation", "sex", "age", "counterpart_area", "detail", "offence")
# figures that count the same persons in the same way: shares are taken within one of these, never over two datasets
PLACE = ("area_code", "area_level", "measure", "source", "dataset", "reporter", "unit", "area_role", "frequency")
HIDDEN = "hidden to protect people"


def forms(site: Site) -> Drawing:
    """Shares of the forms of exploitation in the published total, by period, for the area that reports most of them."""
    words = site.published.words
    parts, totals = _split(site, ["exploitation"])
    periods = sorted({row["period"] for row in parts})[-PERIODS_SHOWN:]
    first = parts[0]
    codes = sorted(
        {row["exploitation"] for row in parts if row["period"] in periods},
        key=lambda code: (code.startswith("_"), words.label("exploitation", code)),
    )
    held = {(row["exploitation"], row["period"]): row for row in parts}
    labels = [period_label(period) for period in periods]
    # the whole bar stands behind the parts: what shows of it is hidden, not given by form, or between bounds
    traces: list[dict[str, Any]] = [
        {"type": "bar", "x": labels, "y": [100.0 if period in totals else None for period in periods], "name": "Hidden or not given by form",
         "marker": {"color": "#e4e7ea", "pattern": {"shape": "/", "fgcolor": "#a3adb5", "size": 6, "solidity": 0.25}}, "legendrank": 2000}
    ]  # fmt: skip
    records = []
    for index, code in enumerate(codes):
        shares = []
        for period in periods:
            row, total = held.get((code, period)), totals.get(period)
            share = (
                row["value"] / total["value"]
                if row and total and not is_missing(row["value"]) and total["value"]
                else None
            )
            shares.append(None if share is None else finite(share * 100))
            if row:
                records.append(_record(row, total, share))
        traces.append(
            {
                "type": "bar", "x": labels, "y": shares, "name": shortened(words.label("exploitation", code), 44), "yaxis": "y2",
                "marker": {"color": FORM_COLOURS[index % len(FORM_COLOURS)], "line": {"color": "#ffffff", "width": 1}},
            }
        )  # fmt: skip
    caption = (
        "Share of each form in the published total. Hatched: hidden, or not given by form. Detected, not prevalence."
    )
    layout = {
        "barmode": "stack", "bargap": 0.25, "showlegend": True, "xaxis": axis(type="category", showgrid=False),
        "yaxis": axis("Share of the published total, %", range=[0, 100]),
        "yaxis2": axis(overlaying="y", range=[0, 100], visible=False),
        "legend": {"x": 1.01, "y": 1, "font": {"size": 12}, "traceorder": "normal"}, "margin": {"r": 250},
    }  # fmt: skip
    return Drawing(
        f"Forms of exploitation, {words.label('measure', first['measure']).lower()}, {_name(site, first)}", caption, traces, layout,
        pd.DataFrame(records), site.provenance([first["source"]], periods[-1], "tables/observations.csv"),
    )  # fmt: skip


def sex_and_age(site: Site) -> Drawing:
    """Each sex and each age as a share of the published total of the newest period; an unknown member stands once."""
    words = site.published.words
    rows, names, colours, records, shown = [], [], [], [], []
    found = None
    for split, label in (("sex", "Sex"), ("age", "Age")):
        try:
            parts, totals = _split(site, [split], found)
        except NothingToShow:
            continue
        found = found or {name: parts[0][name] for name in PLACE}
        period = max(totals)
        total = totals[period]
        shown.append(period)
        for row in sorted(
            (row for row in parts if row["period"] == period), key=lambda row: (row[split].startswith("_"), row[split])
        ):
            rows.append(row)
            names.append(f"{label}: {words.label(split, row[split])}")
            colours.append({"F": palette.LINES[2], "M": palette.LINES[1]}.get(row[split], palette.MUTED))
            share = None if is_missing(row["value"]) else row["value"] / total["value"]
            records.append(_record(row, total, share) | {"text": _told(row, total)})
    if not rows:
        raise NothingToShow("no figures by sex or age whose parts keep within the published total")
    trace = {
        "type": "bar", "orientation": "h", "x": [finite(row["value"]) for row in rows], "y": [plain(name) for name in names],
        "marker": {"color": colours}, "textposition": "outside", "cliponaxis": False,
        "text": [record.pop("text") for record in records],
    }  # fmt: skip
    first = rows[0]
    layout = {
        "xaxis": axis(words.label("measure", first["measure"]), tickformat=","),
        "yaxis": axis(type="category", autorange="reversed", showgrid=False),
        "margin": {"r": 110},
    }
    caption = "In brackets: share of the published total, which also holds persons of unknown sex or age. Detected, not prevalence."
    return Drawing(
        f"{words.label('measure', first['measure'])} by sex and by age, {_name(site, first)}, {period_label(max(shown))}", caption,
        [trace], layout, pd.DataFrame(records), site.provenance([first["source"]], max(shown), "tables/observations.csv"),
        height=max(420, 240 + 42 * len(rows)),
    )  # fmt: skip


def _told(row: dict[str, Any], total: dict[str, Any]) -> str:
    """`4,101 (25 %)`, the bounds, or that the figure is hidden."""
    if not is_missing(row["value"]):
        return f"{cells.number(row)} ({cells.ratio(row, 'value', total, 'value', percent)})"
    between = cells.span(row)
    return between if between != "–" else HIDDEN if str(row["missing_reason"]).startswith("suppressed") else "not given"


def _record(row: dict[str, Any], total: dict[str, Any] | None, share: float | None) -> dict[str, Any]:
    kept = (
        "area_code",
        "measure",
        "source",
        "dataset",
        "exploitation",
        "sex",
        "age",
        "period",
        "value",
        "lower",
        "upper",
        "missing_reason",
    )
    return {name: row[name] for name in kept} | {"published_total": total["value"] if total else None, "share": share}


def _split(
    site: Site, split: list[str], wanted: dict[str, Any] | None = None
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Parts by one split and, by period, the published total that they are shares of.

    Of one area, source and dataset: the first measure, the widest level, then the most cells. Periods whose parts exceed the
    total (persons counted twice, an unknown member that stands in two) are left out, as `reconciliation` tells.
    """
    table = site.published.table("observations")
    others = [name for name in SPLITS if name not in split and name in table]
    base = table
    for name in others:
        base = base[base[name].isin(TOTALS)]
    for name, value in (wanted or {}).items():
        base = base[base[name] == value]
    told = base["value"].notna() | base["missing_reason"].str.startswith("suppressed") | base["lower"].notna()
    rows = base[told].to_dict("records")
    is_part = [all(row[name] not in TOTALS for name in split) for row in rows]
    over = _exceeding(site, split[0])
    totals = {
        (*(row[name] for name in PLACE), row["period"]): row
        for row in rows
        if all(row[name] in TOTALS for name in split) and not is_missing(row["value"]) and row["value"] > 0
    }
    parts = [
        row
        for row, mine in zip(rows, is_part, strict=True)
        if mine
        and (*(row[name] for name in PLACE), row["period"]) in totals
        and (row["area_code"], row["period"], row["measure"], row["source"], row["dataset"]) not in over
    ]
    if not parts:
        raise NothingToShow("no figures by this split beside a published total, or all of them are hidden")
    counts = Counter(tuple(row[name] for name in PLACE) for row in parts)
    place = min(
        counts,
        key=lambda key: (measure_rank(key[2]), site.book.level_rank(key[1]), key[-1] != "A", -counts[key], key),
    )
    kept = grouped(parts, PLACE)[place]
    return kept, {
        key[-1]: row
        for key, row in totals.items()
        if key[:-1] == place and any(row["period"] == key[-1] for row in kept)
    }


def _exceeding(site: Site, split: str) -> set[tuple]:
    table = site.published.table("reconciliation")
    if table.empty:
        return set()
    found = table[(table["verdict"] == "over") & (table["split"] == split)]
    return set(zip(*(found[name] for name in ("area_code", "period", "measure", "source", "dataset")), strict=True))


def _name(site: Site, row: dict[str, Any]) -> str:
    return site.published.area_names.get(row["area_code"], row["area_code"])
