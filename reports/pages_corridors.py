"""Contents of the corridors page: flows between areas, which stand out, and how concentrated both ends are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from reports import cells, maps, palette
from reports.words import interval, name_order, number, order_names, percent, period_label, probability

if TYPE_CHECKING:
    import pandas as pd

    from reports.pages import Site

ROWS_PER_TABLE = 600
HEAT_ROWS, HEAT_COLUMNS = 25, 18


def corridors(site: Site) -> dict[str, Any]:
    table = site.published.table("corridors")
    if table.empty:
        return {"sections": []}
    words = site.published.words
    sections = []
    keys = ["measure", "counterpart_role", "source", "dataset"]
    groups = sorted(table.groupby(keys, sort=True), key=lambda entry: (maps.measure_rank(entry[0][0]), entry[0]))
    for key, group in groups:
        measure, role, source, dataset = key
        period = group["period"].max()
        now = group[group["period"] == period].sort_values(
            ["counterpart_area_name", "area_name", "counterpart_area", "area_code"], key=order_names, ignore_index=True
        )
        assessed = now[now["eligibility"] == "assessed"]
        strong = assessed[(assessed["q"] < 0.05) & (assessed["residual"] > 0)]
        title = f"{words.label('counterpart_role', role)} and place of detection: "
        title += f"{words.label('measure', measure).lower()}, {period_label(period)}"
        if sum(other[0][:2] == key[:2] for other in groups) > 1:
            title += f" ({site.published.source_name(source)})"
        sections.append(
            {
                "id": "-".join(str(part) for part in (measure, role, source, dataset)).replace("_", "-").lower(),
                "title": title,
                "summary": f"{len(now)} flows, {len(assessed)} of them large enough to assess, {len(strong)} larger "
                "than origin and destination alone would give.",
                "heat": _heat(now, words.label("counterpart_role", role)) if now["area_code"].nunique() > 1 else None,
                "ends": [end for end in (_concentration(now, *each, words) for each in ENDS) if end],
                "rows": [_flow_row(words, row) for row in now.head(ROWS_PER_TABLE).to_dict("records")],
                "total": len(now),
                "facts": site.provenance([source], period, "tables/corridors.csv"),
            }
        )
    return {"sections": sections}


# column of the area, its name, the prefix of its figures, heading of the table
ENDS = (
    ("area_code", "area_name", "origins", "From how many origins"),
    ("counterpart_area", "counterpart_area_name", "destinations", "To how many destinations"),
)


def _concentration(now: pd.DataFrame, code: str, name: str, end: str, title: str, words: Any) -> dict[str, Any] | None:
    """How spread out each area's flows are over the areas at their other end, by name; None where nothing is assessed."""
    if f"{end}_eligibility" not in now or not (now[f"{end}_eligibility"] == "assessed").any():
        return None
    rows = now.drop_duplicates(code).sort_values([name, code], key=order_names)
    return {
        "title": title,
        "rows": [
            {
                "code": row[code],
                "name": row[name],
                "effective": cells.number(row, f"{end}_effective_number", 1),
                "hhi": cells.number(row, f"{end}_hhi", 2),
                "top3": cells.percent(row, f"{end}_top3_share"),
                "reason": "" if row[f"{end}_eligibility"] == "assessed"
                else words.reason(row[f"{end}_eligibility"], row[f"{end}_reason"]),
            }
            for row in rows.to_dict("records")
        ],
    }  # fmt: skip


def _flow_row(words: Any, row: dict[str, Any]) -> dict[str, Any]:
    assessed = row["eligibility"] == "assessed"
    stands_out = assessed and row["q"] < 0.05 and row["residual"] > 0
    value = cells.figure(row)
    return {
        "origin": row["counterpart_area"],
        "origin_name": row["counterpart_area_name"],
        "target": row["area_code"],
        "target_name": row["area_name"],
        "value": value,
        "expected": cells.number(row, "expected_count"),
        "share": cells.percent(row, "share", 1),
        "quotient": cells.number(row, "location_quotient", 2),
        "q": cells.probability(row, "q"),
        "assessment": ("larger than expected" if stands_out else "as expected")
        if assessed
        else words.reason(row["eligibility"], row["eligibility_reason"]),
        "period": period_label(row["period"]),
    }


def _heat(now: Any, corner: str) -> dict[str, Any]:
    """A table of the larger origins and destinations (by their visible sum), both in the order of names."""
    rows = now.groupby("counterpart_area")["value"].sum().sort_values(ascending=False, kind="stable")
    columns = now.groupby("area_code")["value"].sum().sort_values(ascending=False, kind="stable")
    names = dict(zip(now["counterpart_area"], now["counterpart_area_name"], strict=True))
    targets = dict(zip(now["area_code"], now["area_name"], strict=True))
    origins = sorted(rows.index[:HEAT_ROWS], key=lambda code: (name_order(names[code]), code))
    destinations = sorted(columns.index[:HEAT_COLUMNS], key=lambda code: (name_order(targets[code]), code))
    held = {(row["counterpart_area"], row["area_code"]): row for row in now.to_dict("records")}
    highest = max((row["value"] for row in held.values() if row["value"] == row["value"]), default=1) or 1
    made = []
    for origin in origins:
        line = []
        for target in destinations:
            row = held.get((origin, target))
            if row is None:
                line.append({"text": "", "kind": "", "title": ""})
                continue
            known = row["value"] == row["value"]
            level = min(int(math.log1p(row["value"]) / math.log1p(highest) * 5), 4) if known else 0
            out = row["eligibility"] == "assessed" and row["q"] < 0.05 and row["residual"] > 0
            line.append(
                {
                    "text": cells.number(row) if known else unshown(row),
                    "kind": f"level-{level}{' out' if out else ''}" if known
                    else "hidden-value" if unshown(row) == "×" else "",
                    "title": f"{names[origin]} to {targets[target]}: "
                    + (
                        f"{cells.number(row)}, expected {cells.number(row, 'expected_count')}"
                        if known
                        else "hidden or not assessed"
                    ),
                }
            )
        made.append({"name": names[origin], "cells": line})
    cut = ""
    if len(rows) > HEAT_ROWS or len(columns) > HEAT_COLUMNS:
        cut = f" Shown: the {len(origins)} origins and {len(destinations)} destinations with the largest visible sums."
    return {
        "corner": f"{corner} ↓ · detected in →",
        "caption": "Flows in the last period",
        "columns": [targets[code] for code in destinations],
        "rows": made,
        "note": "Darker: larger figure. Framed in red: larger than expected beyond chance. ×, hatched: hidden to "
        "protect people, or too small to show. ≤: known only to "
        "be at most that. Empty: none reported. Detected, not prevalence." + cut,
    }


def unshown(row: dict[str, Any]) -> str:
    """What stands for a flow without an exact figure: its upper bound where that may be shown."""
    upper = row.get("upper")
    return f"≤ {cells.number(row, 'upper')}" if upper is not None and upper == upper else "×"
