"""Contents of the coverage page: who reports, who is late, what is missing, totals against their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.charts.drawings import Line, Point, line_chart, share_bar
from reports.charts.maps import measure_rank
from reports.tables import grouped
from reports.wording import cells
from reports.wording.words import day, is_missing, order_names, period_label, period_position

if TYPE_CHECKING:
    from reports.charts.site import Site

ROWS_PER_TABLE = 600
NAMES_SHOWN = 5
DATASET = ("source", "dataset", "frequency")


def coverage(site: Site) -> dict[str, Any]:
    published = site.published
    table = published.table("coverage")
    content: dict[str, Any] = {
        "late": [],
        "sources": [],
        "gaps": [],
        "gaps_cut": False,
        "gaps_total": "",
        "unmapped": [],
    }
    if len(table):
        rows = table.sort_values(
            ["source_name", "dataset_name", "frequency", "area_name", "area_code"], key=order_names, ignore_index=True
        ).to_dict("records")
        late = [row for row in rows if row["is_late"]]
        content["late"] = [
            _coverage_row(site, members[0]) | _areas(members)
            for members in grouped(late, (*DATASET, "last_period", "last_issued_on", "due_on", "days_late")).values()
        ]
        incomplete = [row for row in rows if row["coverage_share"] < 1]
        content["gaps"] = [_coverage_row(site, row) for row in incomplete[:ROWS_PER_TABLE]]
        content["gaps_cut"] = len(incomplete) > ROWS_PER_TABLE
        content["sources"] = [_source_row(site, members) for members in grouped(rows, DATASET).values()]
        unmapped = [row for row in rows if row["unmapped_count"] > 0]
        content["unmapped"] = [
            _coverage_row(site, members[0])
            | _areas(members)
            | {"count": _of_dataset(site, "coverage_unmapped_rows", members[0])}
            for members in grouped(unmapped, DATASET).values()
        ]
    content["reporting"] = _reporting(site)
    content["missing"] = _missing(site)
    content["reconciliation"] = _reconciliation(site)
    content["facts"] = site.provenance(published.source_names, "", "tables/coverage.csv")
    return content


def _areas(members: list[dict[str, Any]]) -> dict[str, Any]:
    """The areas of rows that agree in everything else, by name; from six on they fold away."""
    return {
        "areas": [(row["area_code"], row["area_name"] or row["area_code"]) for row in members],
        "is_folded": len(members) > NAMES_SHOWN,
    }


def _of_dataset(site: Site, statistic: str, row: dict[str, Any]) -> str:
    return site.summary.number(statistic, **{name: row[name] for name in DATASET})


def _coverage_row(site: Site, row: dict[str, Any]) -> dict[str, Any]:
    share = row["coverage_share"]
    words = site.published.words
    return {
        "source": row["source_name"] or row["source"],
        "dataset": row["dataset_name"] or row["dataset"],
        "frequency": words.label("frequency", row["frequency"]),
        "code": row["area_code"],
        "area": row["area_name"] or row["area_code"],
        "span": f"{period_label(row['first_period'])} to {period_label(row['last_period'])}",
        "last_period": period_label(row["last_period"]) or "–",
        "issued": day(row["last_issued_on"]),
        "due": day(row["due_on"]),
        "days": cells.number(row, "days_late"),
        "reported": cells.number(row, "periods_reported_count"),
        "expected": cells.number(row, "periods_expected_count"),
        "share": cells.percent(row, "coverage_share"),
        "bar": Markup(share_bar(share, cells.percent(row, "coverage_share"))) if share == share else "",
    }


def _source_row(site: Site, members: list[dict[str, Any]]) -> dict[str, Any]:
    """A dataset at one frequency: years and quarters are never in one row."""
    first, key = members[0], {name: members[0][name] for name in DATASET}
    periods = [
        period_label(row["period"])
        for statistic in ("coverage_first_period", "coverage_last_period")
        for row in site.summary.rows(statistic, **key)[:1]
    ]
    due = site.summary.rows("coverage_next_due", **key)
    notes = sorted({row["quality_note"] for row in members} - {""})
    row = site.summary.row("coverage_periods", **key)
    share = site.summary.share("coverage_periods", **key)
    known = row is not None and not is_missing(row["value"]) and row["denominator"] > 0
    return {
        "source": first["source_name"] or first["source"],
        "dataset": first["dataset_name"] or first["dataset"],
        "frequency": {"A": "year", "Q": "quarter", "M": "month"}.get(first["frequency"], "–"),
        "span": " to ".join(periods) or "–",
        "areas": _of_dataset(site, "coverage_areas", first),
        "share": share,
        "bar": Markup(share_bar(row["value"] / row["denominator"], share)) if row is not None and known else "",
        "unmapped": _of_dataset(site, "coverage_unmapped_rows", first),
        "issued": day(max(row["last_issued_on"] for row in members)),
        "due": day(due[0]["word"]) if due else "–",
        "note": "; ".join(notes),
    }


def _reporting(site: Site) -> list[dict[str, Any]]:
    """Areas with a figure (exact, bounded or hidden) a period: one small chart a measure, level and frequency."""
    words, made = site.published.words, []
    rows = [row for row in site.summary.rows("areas_reporting", source="_T", dataset="_T") if row["period"] != "_T"]
    for (measure, level, frequency), members in grouped(rows, ("measure", "area_level", "frequency")).items():
        members.sort(key=lambda row: period_position(row["period"]))
        if len(members) < 2 or max(row["value"] for row in members) < 3:
            continue
        points = [
            Point(
                period_position(row["period"]),
                row["value"],
                f"{period_label(row['period'])}: {cells.number(row)} areas",
            )
            for row in members
        ]
        title = f"{words.label('measure', measure)}, {words.label('area_level', level).lower()}"
        title += "" if frequency == "A" else f", {words.label('frequency', frequency)}"
        key = {"measure": measure, "area_level": level, "frequency": frequency}
        areas = "area" if members[-1]["value"] == 1 else "areas"
        text = f"{cells.number(members[-1])} {areas} in {period_label(members[-1]['period'])}; "
        text += f"{site.summary.counted('sources_reporting', 'source', **key)} over all periods"
        drawing = line_chart([Line(points)], title=f"Areas reporting: {title}")
        made.append((measure_rank(measure), level, frequency, {"title": title, "svg": Markup(drawing), "text": text}))
    return [entry[-1] for entry in sorted(made, key=lambda entry: entry[:3])]


def _missing(site: Site) -> list[dict[str, str]]:
    return [
        {
            "reason": site.published.words.label("missing_reason", row["word"]).capitalize(),
            "count": cells.number(row),
            "share": cells.ratio(row, "value", row, "denominator", cells.words.percent, 1),
        }
        for row in sorted(site.summary.rows("cells_without_exact_figure"), key=lambda row: row["word"])
    ]


VERDICTS = (
    ("under", "in {} parts fall short"),
    ("over", "in {} parts exceed the total"),
    ("undecided", "{} cannot be decided because parts are known only between bounds"),
)


def _reconciliation(site: Site) -> dict[str, Any] | None:
    table = site.published.table("reconciliation")
    if table.empty:
        return None
    words, summary = site.published.words, site.summary
    text = ""
    if summary.row("totals_compared"):
        text = f"{summary.number('totals_compared')} totals were compared with their parts"
        if summary.has("totals_by_verdict", word="equal"):
            text += f": {summary.number('totals_by_verdict', word='equal')} add up"
        for verdict, wording in VERDICTS:
            if summary.has("totals_by_verdict", word=verdict):
                text += f", {wording.format(summary.number('totals_by_verdict', word=verdict))}"
        text += "."
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
    return {"summary": text, "rows": rows, "is_cut": len(differing) > ROWS_PER_TABLE, "total": ""}
