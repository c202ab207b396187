"""Contents of the coverage page: who reports, who is late, what is missing, totals against their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from reports import cells
from reports.drawings import Line, Point, line_chart, share_bar
from reports.maps import MEASURE_ORDER
from reports.words import day, number, order_names, percent, period_label, period_position, span

if TYPE_CHECKING:
    from reports.pages import Site

ROWS_PER_TABLE = 600


def coverage(site: Site) -> dict[str, Any]:
    published, words = site.published, site.published.words
    table = published.table("coverage")
    content: dict[str, Any] = {"late": [], "sources": [], "gaps": [], "gaps_total": 0, "unmapped": []}
    if len(table):
        table = table.sort_values(
            ["source_name", "dataset_name", "area_name", "area_code"], key=order_names, ignore_index=True
        )
        records = [_coverage_row(row) for row in table.to_dict("records")]
        content["late"] = _together(
            [row for row in records if row["is_late"]], ("last_period", "issued", "due", "days")
        )
        incomplete = [row for row in records if row["raw_share"] == row["raw_share"] and row["raw_share"] < 1]
        content["gaps"], content["gaps_total"] = incomplete[:ROWS_PER_TABLE], len(incomplete)
        content["unmapped"] = _together([row for row in records if row["raw_unmapped"] > 0], ())
        content["sources"] = [
            _source_row(words, key, group)
            for key, group in table.groupby(["source", "source_name", "dataset", "dataset_name"], sort=True)
        ]
    content["reporting"] = _reporting(site)
    content["missing"] = _missing(site)
    content["reconciliation"] = _reconciliation(site)
    content["facts"] = site.provenance(published.source_names, "", "tables/coverage.csv")
    return content


def _together(records: list[dict[str, Any]], same: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows of one dataset that agree in `same` as one row, with its areas named or, from six on, counted."""
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in records:
        groups.setdefault((row["source"], row["dataset"], *(row[name] for name in same)), []).append(row)
    return [
        members[0]
        | {
            "areas": [(row["code"], row["area"]) for row in members] if len(members) <= 5 else [],
            "areas_count": f"{len(members)} areas",
            "count": number(sum(row["raw_unmapped"] for row in members)),
        }
        for members in groups.values()
    ]


def _coverage_row(row: dict[str, Any]) -> dict[str, Any]:
    share = row["coverage_share"]
    unmapped = row["unmapped_count"]
    return {
        "source": row["source_name"] or row["source"],
        "dataset": row["dataset_name"] or row["dataset"],
        "code": row["area_code"],
        "area": row["area_name"] or row["area_code"],
        "span": f"{period_label(row['first_period'])} to {period_label(row['last_period'])}",
        "last_period": period_label(row["last_period"]) or "–",
        "issued": day(row["last_issued_on"]),
        "due": day(row["due_on"]),
        "days": cells.number(row, "days_late"),
        "is_late": bool(row["is_late"]),
        "reported": cells.number(row, "periods_reported_count"),
        "expected": cells.number(row, "periods_expected_count"),
        "share": cells.percent(row, "coverage_share"),
        "bar": Markup(share_bar(share, cells.percent(row, "coverage_share"))) if share == share else "",
        "raw_share": share,
        "raw_unmapped": 0 if unmapped != unmapped else unmapped,
        "count": cells.number(row, "unmapped_count"),
    }


def _source_row(words: Any, key: tuple, group: pd.DataFrame) -> dict[str, Any]:
    expected = group["periods_expected_count"].sum()
    share = group["periods_reported_count"].sum() / expected if expected else float("nan")
    first, last = (
        [value for value in group["first_period"] if value],
        [value for value in group["last_period"] if value],
    )
    notes = sorted(set(group["quality_note"]) - {""})
    return {
        "source": key[1] or key[0],
        "dataset": key[3] or key[2],
        "frequency": {"A": "year", "Q": "quarter", "M": "month"}.get(group["frequency"].iat[0], "–"),
        "span": f"{period_label(min(first))} to {period_label(max(last))}" if first and last else "–",
        "areas": number(group["area_code"].nunique()),
        "share": percent(share),
        "bar": Markup(share_bar(share, percent(share))) if share == share else "",
        "unmapped": number(group["unmapped_count"].fillna(0).sum()),
        "issued": day(max(group["last_issued_on"])),
        "due": day(min([value for value in group["due_on"] if value], default="")),
        "note": "; ".join(notes),
    }


def _reporting(site: Site) -> list[dict[str, Any]]:
    """Areas with a figure (exact, bounded or hidden) a period: one small chart a measure, level and frequency."""
    table = site.published.table("observations")
    if table.empty:
        return []
    words = site.published.words
    totals = table
    for split in ("exploitation", "sex", "age", "counterpart_area", "detail", "offence"):
        if split in totals:
            totals = totals[totals[split].isin(["_T", "_Z", ""])]
    gone = totals["missing_reason"].isin(["not_reported", "not_collected", "not_applicable"])
    made, order = [], []
    for (measure, level, frequency), group in totals[~gone].groupby(["measure", "area_level", "frequency"], sort=True):
        counts = group.groupby("period")["area_code"].nunique()
        if len(counts) < 2 or counts.max() < 3:
            continue
        points = [
            Point(period_position(period), float(count), f"{period_label(period)}: {count} areas")
            for period, count in counts.items()
        ]
        title = f"{words.label('measure', measure)}, {words.label('area_level', level).lower()}"
        title += "" if frequency == "A" else f", {words.label('frequency', frequency)}"
        sources = group["source"].nunique()
        text = f"{int(counts.iloc[-1])} areas in {period_label(counts.index[-1])}, "
        text += f"{sources} source{'s' if sources != 1 else ''}"
        order.append(MEASURE_ORDER.index(measure) if measure in MEASURE_ORDER else len(MEASURE_ORDER))
        drawing = line_chart([Line(points)], title=f"Areas reporting: {title}")
        made.append({"title": title, "svg": Markup(drawing), "text": text})
    return [made[index] for index in sorted(range(len(made)), key=lambda index: (order[index], index))]


def _missing(site: Site) -> list[dict[str, str]]:
    table = site.published.table("observations")
    if table.empty:
        return []
    reasons = table.loc[table["missing_reason"] != "", "missing_reason"].value_counts().sort_index()
    return [
        {
            "reason": site.published.words.label("missing_reason", reason).capitalize(),
            "count": number(count),
            "share": percent(count / len(table), 1),
        }
        for reason, count in reasons.items()
    ]


def _reconciliation(site: Site) -> dict[str, Any] | None:
    table = site.published.table("reconciliation")
    if table.empty:
        return None
    words = site.published.words
    counts = table["verdict"].value_counts()
    equal, total = int(counts.get("equal", 0)), len(table)
    text = f"{number(total)} totals were compared with their parts: {number(equal)} add up"
    for verdict, wording in (
        ("under", "parts fall short"),
        ("over", "parts exceed"),
        ("undecided", "cannot be decided"),
    ):
        if counts.get(verdict, 0):
            text += (
                f", in {number(counts[verdict])} {wording}"
                if verdict != "undecided"
                else f", {number(counts[verdict])} {wording} because parts are known only between bounds"
            )
    differing = table[table["verdict"] != "equal"]
    size_of_gap = differing[["gap_lower", "gap_upper"]].abs().max(axis=1)
    largest = differing.loc[size_of_gap.sort_values(ascending=False, kind="stable").index[:ROWS_PER_TABLE]]
    largest = largest.sort_values(["area_name", "measure", "split", "period", "source"], key=order_names)
    rows = [
        {
            "code": row["area_code"],
            "area": row["area_name"],
            "measure": words.label("measure", row["measure"]),
            "period": period_label(row["period"]),
            "split": str(row["split"]).replace("_", " "),
            "total": cells.number(row, "total_value"),
            "parts": cells.span(row, "parts_lower", "parts_upper"),
            "gap": cells.span(row, "gap_lower", "gap_upper", sign=True),
            "verdict": words.label("verdict", row["verdict"]),
            "source": site.published.source_name(row["source"]),
        }
        for row in largest.to_dict("records")
    ]
    return {"summary": text + ".", "rows": rows, "total": len(differing)}
