"""Contents of the definitions page: provisions over time, breaks in series, comparability element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from reports.charts import palette
from reports.charts.drawings import Span, timeline
from reports.tables import parts_of
from reports.wording import cells
from reports.wording.words import date_position, day, order_names

if TYPE_CHECKING:
    from reports.charts.site import Site

ROWS_PER_TABLE = 600
TIMELINE_ROWS = 80


def definitions(site: Site) -> dict[str, Any]:
    published, words = site.published, site.published.words
    table, breaks = published.table("comparability"), published.table("breaks")
    matrix, bars = [], ""
    if len(table):
        table = table.sort_values(
            ["area_name", "jurisdiction", "valid_from", "definition_id"], key=order_names, ignore_index=True
        )
        matrix = [definition_row(row) for row in table.to_dict("records")]
        bars = _timeline(table, published.as_of)
    rows = []
    if len(breaks):
        breaks = breaks.sort_values(
            ["area_name", "area_code", "break_on", "kind", "measure"], key=order_names, ignore_index=True
        )
        rows = break_rows(breaks.to_dict("records"), words)
    return {
        "timeline": Markup(bars),
        "matrix": matrix[:ROWS_PER_TABLE],
        "matrix_cut": len(matrix) > ROWS_PER_TABLE,
        "breaks": rows[:ROWS_PER_TABLE],
        "breaks_cut": len(rows) > ROWS_PER_TABLE,
        "facts": site.provenance([], "", "tables/comparability.csv") | {"source": "law tables of this release"},
    }


def break_rows(entries: list[dict[str, Any]], words: Any) -> list[dict[str, str]]:
    """Breaks for people: one that touches several measures in the same way is one row."""
    rows: dict[tuple, dict[str, Any]] = {}
    for entry in entries:
        key = tuple(entry[name] for name in ("area_code", "break_on", "kind", "evidence", "treatment"))
        row = rows.setdefault(
            key,
            {
                "code": entry["area_code"],
                "name": entry["area_name"] or entry["area_code"],
                "day": day(entry["break_on"]),
                "kind": words.label("kind", entry["kind"]),
                "measures": [],
                "evidence": entry["evidence"],
                "treatment": "divides the series" if entry["treatment"] == "stratum" else "drawn only",
            },
        )
        if entry["measure"] not in ("", "_T"):
            row["measures"].append(words.label("measure", entry["measure"]))
    return [row | {"measure": ", ".join(row["measures"]) or "all measures"} for row in rows.values()]


def definition_row(row: dict[str, Any]) -> dict[str, Any]:
    """One provision for people: names, validity, grade and elements in words."""
    until = f"to {day(row['valid_to'])}" if row.get("valid_to") else "on"
    return {
        "code": row["jurisdiction"],
        "name": row["area_name"] or row["jurisdiction"],
        "provision": ", ".join(part for part in (row["statute"], row["provision"]) if part),
        "validity": f"{day(row['valid_from'])} {until}" if row["valid_from"] else "–",
        "validity_short": f"{row['valid_from'] or '–'} to {row.get('valid_to') or 'now'}",
        "grade": row["comparability"],
        "override": row.get("override_reason", ""),
        "act": "matches" if row["has_act_match"] else "differs",
        "means": "matches" if row["has_means_match"] else "differs",
        "child": "matches" if row["has_child_rule_match"] else "differs",
        "purposes": cells.percent(row, "purposes_share"),
        "elements": cells.percent(row, "elements_share"),
        "penalties": row.get("penalties", "") or "–",
        "citation": row.get("citation", "") or "–",
        "review": str(row.get("review_status", "")).replace("_", " ") or "–",
    }


def _timeline(table: pd.DataFrame, as_of: str) -> str:
    end = date_position(as_of)
    starts = [date_position(value) for value in table["valid_from"] if value]
    if not starts:
        return ""
    first = max(min(starts), end - 30)
    rows = []
    for (name, code), group in parts_of(table, ["area_name", "jurisdiction"]):
        spans = []
        for row in group.to_dict("records"):
            start = date_position(row["valid_from"]) if row["valid_from"] else first
            stop = min(date_position(row["valid_to"]), end) if row["valid_to"] else end
            if stop <= first:
                continue
            made = definition_row(row)
            text = f"{made['provision']}: {made['validity']}, grade {row['comparability'] or 'not given'}"
            colour = palette.COMPARABILITY.get(row["comparability"], palette.COMPARABILITY[""])
            label = f"{row['comparability']} {row['provision']}".strip()
            spans.append(
                Span(start, stop, colour, label[: max(int((stop - max(start, first)) / (end - first) * 90), 1)], text)
            )
        rows.append((str(name or code), spans))
    return timeline(rows[:TIMELINE_ROWS], first, end, "Definitions in force over time, by jurisdiction")
