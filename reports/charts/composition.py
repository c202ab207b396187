"""Charts of composition: shares of the published total by form, sex and age, as the table `shares` has them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.charts import palette
from reports.charts.specification import Drawing, NothingToShow, axis, finite, plain, shortened
from reports.tables import grouped
from reports.wording import cells
from reports.wording.words import is_missing, measure_rank, period_label

if TYPE_CHECKING:
    from reports.charts.site import Site

PERIODS_SHOWN = 15
FORM_COLOURS = ("#0b5c73", "#e08214", "#8073ac", "#5fc1c0", "#b2abd2", "#fdb863", "#1b7837", "#999999", "#c51b7d")
# figures that count the same persons in the same way: shares are of one of these, never of two datasets
PLACE = (
    "area_code", "area_level", "measure", "source", "dataset", "reporter", "unit", "area_role", "offence", "frequency",
)  # fmt: skip
HIDDEN = "hidden to protect people"
REST = "Hidden or not given"


def forms(site: Site) -> Drawing:
    """Shares of the forms of exploitation in the published total, by period, for the area that reports most of them."""
    words = site.published.words
    rows = _split(site, "exploitation")
    periods = sorted({row["period"] for row in rows})[-PERIODS_SHOWN:]
    first, held = rows[0], {(row["member"], row["period"]): row for row in rows}
    codes = sorted(
        {row["member"] for row in rows if row["period"] in periods},
        key=lambda code: (code.startswith("_"), words.label("exploitation", code)),
    )
    labels = [period_label(period) for period in periods]
    # the whole bar stands behind the parts: what shows of it is hidden, or known only between bounds
    ground = {"color": "#e4e7ea", "pattern": {"shape": "/", "fgcolor": "#a3adb5", "size": 6, "solidity": 0.25}}
    traces: list[dict[str, Any]] = [
        {"type": "bar", "x": labels, "y": [100] * len(labels), "name": REST, "marker": ground, "legendrank": 2000}
    ]
    for index, code in enumerate(codes):
        shares = [held[code, period]["share"] if (code, period) in held else None for period in periods]
        traces.append(
            {
                "type": "bar", "x": labels, "y": [None if share is None or is_missing(share) else finite(share * 100) for share in shares],
                "name": shortened(words.label("exploitation", code), 44), "yaxis": "y2",
                "marker": {"color": FORM_COLOURS[index % len(FORM_COLOURS)], "line": {"color": "#ffffff", "width": 1}},
            }
        )  # fmt: skip
    records = [_record(held[code, period]) for code in codes for period in periods if (code, period) in held]
    caption = (
        "Share of each form in the published total. Hatched: hidden, or known only between bounds. "
        "Detected, not prevalence."
    )
    layout = {
        "barmode": "stack", "bargap": 0.25, "showlegend": True, "xaxis": axis(type="category", showgrid=False),
        "yaxis": axis("Share of the published total, %", range=[0, 100]),
        "yaxis2": axis(overlaying="y", range=[0, 100], visible=False),
        "legend": {"x": 1.01, "y": 1, "font": {"size": 12}, "traceorder": "normal"}, "margin": {"r": 250},
    }  # fmt: skip
    return Drawing(
        f"Forms of exploitation, {words.label('measure', first['measure']).lower()}, {_name(site, first)}", caption,
        traces, layout, pd.DataFrame(records), site.provenance([first["source"]], periods[-1], "tables/shares.csv"),
    )  # fmt: skip


def sex_and_age(site: Site) -> Drawing:
    """Each sex and each age as a share of the published total of the newest period; the unknown stands once."""
    words, rows, names, colours = site.published.words, [], [], []
    place = None
    for split, label in (("sex", "Sex"), ("age", "Age")):
        try:
            found = _split(site, split, place)
        except NothingToShow:
            continue
        place = place or {name: found[0][name] for name in PLACE}
        period = max(row["period"] for row in found)
        newest = [row for row in found if row["period"] == period]
        for row in sorted(newest, key=lambda row: (row["member"].startswith("_"), row["member"])):
            rows.append(row)
            names.append(f"{label}: {words.label(split, row['member'])}")
            colours.append({"F": palette.LINES[2], "M": palette.LINES[1]}.get(row["member"], palette.MUTED))
    if not rows:
        raise NothingToShow("no figures by sex or age beside a published total")
    trace = {
        "type": "bar", "orientation": "h", "x": [finite(row["value"]) for row in rows],
        "y": [plain(name) for name in names], "marker": {"color": colours}, "textposition": "outside",
        "cliponaxis": False, "text": [_told(row) for row in rows],
    }  # fmt: skip
    first, period = rows[0], max(row["period"] for row in rows)
    layout = {
        "xaxis": axis(words.label("measure", first["measure"]), tickformat=","),
        "yaxis": axis(type="category", autorange="reversed", showgrid=False),
        "margin": {"r": 110},
    }
    caption = (
        "In brackets: share of the published total. Unknown: given so, or in no part of the total. "
        "Detected, not prevalence."
    )
    return Drawing(
        f"{words.label('measure', first['measure'])} by sex and by age, {_name(site, first)}, {period_label(period)}",
        caption, [trace], layout, pd.DataFrame([_record(row) for row in rows]),
        site.provenance([first["source"]], period, "tables/shares.csv"), height=max(420, 240 + 42 * len(rows)),
    )  # fmt: skip


def _told(row: dict[str, Any]) -> str:
    """`4,101 (25 %)`, the bounds, or that the figure is hidden."""
    if not is_missing(row["value"]):
        return f"{cells.number(row)} ({cells.percent(row, 'share')})"
    between = cells.span(row)
    return between if between != "–" else HIDDEN if str(row["missing_reason"]).startswith("suppressed") else "not given"


def _record(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("area_code", "measure", "source", "dataset", "split", "member", "derivation", "period", "value", "lower",
            "upper", "missing_reason", "total_value", "share")  # fmt: skip
    return {name: row[name] for name in kept}


def _split(site: Site, split: str, wanted: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Rows of the table `shares` by one split, in the order of the table; members inside another one are left out.

    Of one area, source and dataset: the first measure, the widest level, years, what was chosen for the area, the most
    cells. Forms that hold the same person twice have no shares of a whole and are not drawn.
    """
    table = site.published.table("shares")
    if table.empty:
        raise NothingToShow("no table shares in this release")
    held = table[(table["split"] == split) & (table["container"] == "") & ~table["is_overlapping"]]
    for name, value in (wanted or {}).items():
        held = held[held[name] == value]
    held = held[held["total_value"].notna()]
    if len(held):
        # the first measure at its widest level comes first anyway: the rest need not be looked at row by row
        held = held[held["measure"] == min(set(held["measure"]), key=measure_rank)]
        known = held[held["value"].notna()]
        levels = set((known if len(known) else held)["area_level"])
        held = held[held["area_level"] == min(levels, key=lambda level: (site.book.level_rank(level), level))]
    rows = held.to_dict("records")
    counts = Counter(tuple(row[name] for name in PLACE) for row in rows if not is_missing(row["value"]))
    chosen = {tuple(row[name] for name in PLACE) for row in rows if row["is_selected"]}
    if not counts:
        raise NothingToShow("no figures by this split beside a published total, or all of them are hidden")

    def order(key: tuple) -> tuple:
        named = dict(zip(PLACE, key, strict=True))
        level = site.book.level_rank(named["area_level"])
        return (measure_rank(named["measure"]), level, named["frequency"] != "A", key not in chosen, -counts[key], key)

    return grouped(rows, PLACE)[min(counts, key=order)]


def _name(site: Site, row: dict[str, Any]) -> str:
    return str(site.published.area_names.get(row["area_code"], row["area_code"]))
