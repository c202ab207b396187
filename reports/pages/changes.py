"""Contents of the changes page: figures against their previous issue, the largest revisions first in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.charts.revisions import moved_most
from reports.wording import cells
from reports.wording.words import is_missing, order_names, period_label

if TYPE_CHECKING:
    from reports.charts.site import Site

ROWS_PER_TABLE = 600
EXPLAINED = 6
SECTIONS = (
    ("revised", "Revised figures", "Figures revised", "Figures that the source gave before and has changed."),
    ("new", "New figures", "New figures", "Periods or areas that the previous issue did not hold."),
    ("gone", "Figures no longer given", "No longer given", "Figures of the previous issue that the new one does not hold."),
)  # fmt: skip
KINDS = {"revised": "revised", "new": "new", "gone": "no longer given"}


def changes(site: Site) -> dict[str, Any]:
    table = site.published.table("changes")
    if table.empty:
        return {"sections": [], "facts": [], "explanations": [], "provenance": {}}
    facts, sections = [], []
    for kind, title, short, text in SECTIONS:
        part = of_kind(table, kind)
        count, places, key = ("figures_changed", "areas_changed", {"word": kind})
        if kind == "revised":
            count, places, key = ("figures_moved", "areas_moved", {})
        if site.summary.row(count, **key):
            areas = site.summary.counted(places, "area", **key)
            facts.append((short, site.summary.number(count, **key), f"in {areas}"))
        if part.empty:
            continue
        shown = moved_most(part)[:ROWS_PER_TABLE].sort_values(
            ["area_name", "area_code", "measure", "exploitation", "sex", "age", "period", "source", "dataset"],
            key=order_names,
        )
        sections.append(
            {
                "id": kind,
                "title": title,
                "summary": text,
                "rows": [change_row(site, row) for row in shown.to_dict("records")],
                "is_cut": len(part) > ROWS_PER_TABLE,
                "total": site.summary.number(count, **key),
            }
        )
    return {
        "sections": sections,
        "facts": facts,
        "explanations": _explanations(site, of_kind(table, "revised")),
        "provenance": site.provenance(set(table["source"]), max(table["period"]), "tables/changes.csv"),
    }


def of_kind(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Figures that are new, gone or revised; of the revised ones those that moved."""
    mine = table[table["kind"] == kind]
    return mine[mine["is_moved"]] if kind == "revised" else mine


def change_row(site: Site, row: dict[str, Any]) -> dict[str, Any]:
    words = site.published.words
    splits = [words.label(split, row[split]) for split in ("sex", "age") if row[split] not in ("_T", "")]
    return {
        "code": row["area_code"],
        "area": row["area_name"],
        "measure": ", ".join([words.measure(row["measure"], row["exploitation"]), *splits]),
        "period": period_label(row["period"]),
        "before": before(row),
        "now": cells.span(row),
        "difference": difference(row),
        "kind": KINDS.get(row["kind"], row["kind"]),
        "issues": f"{row['previous_issued_on'] or '–'} → {row['issued_on'] or '–'}",
        "source": site.published.source_name(row["source"]),
        "dataset": site.published.dataset_name(row["source"], row["dataset"]),
    }


def before(row: dict[str, Any]) -> str:
    return cells.span(row, "previous_lower", "previous_upper")


def difference(row: dict[str, Any]) -> str:
    """By how much a figure moved; where one of the two is known only between bounds, from what to what."""
    if not is_missing(row["difference"]):
        return cells.signed(row, "difference")
    earlier, now = before(row), cells.span(row)
    return f"from {earlier} to {now}" if "–" not in (earlier, now) else "–"


def _explanations(site: Site, revisions: pd.DataFrame) -> list[dict[str, str]]:
    """The chosen totals that moved most, one figure each: figures of datasets that overlap are never added."""
    words, made = site.published.words, []
    revisions = revisions[revisions["is_selected"]]
    for split in ("exploitation", "sex", "age"):
        revisions = revisions[revisions[split].isin(["_T", ""])]
    for row in moved_most(revisions)[:EXPLAINED].sort_values(["area_name", "measure", "period"]).to_dict("records"):
        made.append(
            {
                "code": row["area_code"],
                "area": row["area_name"],
                "headline": f"{words.label('measure', row['measure']).lower()}, {period_label(row['period'])}",
                "text": f"{before(row)} before, {cells.span(row)} now ({difference(row)}). "
                f"Source: {site.published.source_name(row['source'])}, "
                f"{site.published.dataset_name(row['source'], row['dataset'])}, "
                f"issues of {row['previous_issued_on'] or '–'} and {row['issued_on'] or '–'}.",
            }
        )
    return made
