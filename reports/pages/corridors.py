"""Contents of the corridors page: flows between areas, which stand out, and how concentrated both ends are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from reports.charts.flows import largest_ends, unshown
from reports.tables import parts_of
from reports.wording import cells
from reports.wording.words import measure_rank, order_names, period_label

if TYPE_CHECKING:
    import pandas as pd

    from reports.charts.site import Site

ROWS_PER_TABLE = 600
ASSESSMENTS = {"above": "larger than expected", "below": "smaller than expected"}
HEAT_ROWS, HEAT_COLUMNS = 25, 18


def corridors(site: Site) -> dict[str, Any]:
    table = site.published.table("corridors")
    if table.empty:
        return {"sections": []}
    words = site.published.words
    sections = []
    keys = ["measure", "counterpart_role", "source", "dataset"]
    groups = sorted(parts_of(table, keys), key=lambda entry: (measure_rank(entry[0][0]), entry[0]))
    for key, group in groups:
        measure, role, source, dataset = key
        period = group["period"].max()
        now = group[group["period"] == period].sort_values(
            ["counterpart_area_name", "area_name", "counterpart_area", "area_code"], key=order_names, ignore_index=True
        )
        place = {"measure": measure, "source": source, "dataset": dataset, "period": period, "word": role}
        summary = site.summary
        title = f"{words.label('counterpart_role', role)} and place of detection: "
        title += f"{words.label('measure', measure).lower()}, {period_label(period)}"
        if [other[0][:2] for other in groups].count(key[:2]) > 1:
            title += f" ({site.published.source_name(source)})"
        sections.append(
            {
                "id": "-".join(str(part) for part in (measure, role, source, dataset)).replace("_", "-").lower(),
                "title": title,
                "summary": f"{summary.number('flows', **place)} flows, {summary.number('flows_assessed', **place)} of them large "
                f"enough to assess, {summary.number('flows_larger_than_expected', **place)} larger than origin and destination "
                "alone would give."
                if summary.row("flows", **place)
                else "",
                "heat": _heat(now, words.label("counterpart_role", role), summary, place)
                if len(set(now["area_code"])) > 1
                else None,
                "ends": [end for end in (_concentration(now, *each, words) for each in ENDS) if end],
                "rows": [_flow_row(words, row) for row in now.head(ROWS_PER_TABLE).to_dict("records")],
                "is_cut": len(now) > ROWS_PER_TABLE,
                "total": summary.number("flows", **place),
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
        "assessment": ASSESSMENTS.get(row.get("assessment", ""), "as expected")
        if assessed
        else words.reason(row["eligibility"], row["eligibility_reason"]),
        "period": period_label(row["period"]),
    }


def _heat(now: Any, corner: str, summary: Any, place: dict[str, str]) -> dict[str, Any]:
    """A table of the larger origins and destinations, both in the order of names."""
    names = dict(zip(now["counterpart_area"], now["counterpart_area_name"], strict=True))
    targets = dict(zip(now["area_code"], now["area_name"], strict=True))
    origins = largest_ends(summary, "flows_sum_by_origins", place, names, HEAT_ROWS)
    destinations = largest_ends(summary, "flows_sum_by_destinations", place, targets, HEAT_COLUMNS)
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
            out = row.get("assessment") == "above"
            line.append(
                {
                    "text": cells.number(row) if known else unshown(row),
                    "kind": f"level-{level}{' out' if out else ''}"
                    if known
                    else "hidden-value"
                    if unshown(row) == "×"
                    else "",
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
    if len(names) > HEAT_ROWS or len(targets) > HEAT_COLUMNS:
        cut = " Shown: the origins and destinations with the largest sums."
    return {
        "corner": f"{corner} ↓ · detected in →",
        "caption": "Flows in the last period",
        "columns": [targets[code] for code in destinations],
        "rows": made,
        "note": "Darker: larger figure. Framed in red: larger than expected beyond chance. ×, hatched: hidden to "
        "protect people, or too small to show. ≤: known only to "
        "be at most that. Empty: none reported. Detected, not prevalence." + cut,
    }
