"""Contents of the pages on how far figures can be trusted: definitions, coverage, changes, methods, downloads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from reports import palette
from reports.drawings import Line, Point, Span, line_chart, share_bar, timeline
from reports.maps import MEASURE_ORDER
from reports.tables import field_type
from reports.words import (
    date_position,
    day,
    name_order,
    number,
    order_names,
    percent,
    period_frequency,
    period_label,
    period_position,
    signed,
    size,
)

if TYPE_CHECKING:
    from reports.pages import Site

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
        "matrix_total": len(matrix),
        "breaks": rows[:ROWS_PER_TABLE],
        "breaks_total": len(rows),
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
        "purposes": percent(row["purposes_share"]),
        "elements": percent(row["elements_share"]),
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
    for (name, code), group in table.groupby(["area_name", "jurisdiction"], sort=True):
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
        "days": number(row["days_late"]),
        "is_late": bool(row["is_late"]),
        "reported": number(row["periods_reported_count"]),
        "expected": number(row["periods_expected_count"]),
        "share": percent(share),
        "bar": Markup(share_bar(share, percent(share))) if share == share else "",
        "raw_share": share,
        "raw_unmapped": 0 if unmapped != unmapped else unmapped,
        "count": number(unmapped),
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
            "total": number(row["total_value"]),
            "parts": _range(row["parts_lower"], row["parts_upper"]),
            "gap": _range(row["gap_lower"], row["gap_upper"], sign=True),
            "verdict": words.label("verdict", row["verdict"]),
            "source": site.published.source_name(row["source"]),
        }
        for row in largest.to_dict("records")
    ]
    return {"summary": text + ".", "rows": rows, "total": len(differing)}


def _range(lower: float, upper: float, sign: bool = False) -> str:
    write = signed if sign else number
    if lower != lower or upper != upper:
        return "–"
    return write(lower) if lower == upper else f"{write(lower)} to {write(upper)}"


def changes(site: Site) -> dict[str, Any]:
    table = site.published.table("changes")
    if table.empty:
        return {"sections": [], "facts": [], "explanations": [], "provenance": {}}
    words = site.published.words
    revised = table[(table["kind"] == "revised") & (table["difference"].fillna(0) != 0)]
    new, gone = table[table["kind"] == "new"], table[table["kind"] == "gone"]
    facts = [
        ("Figures revised", number(len(revised)), f"in {revised['area_code'].nunique()} areas"),
        ("New figures", number(len(new)), f"in {new['area_code'].nunique()} areas"),
        ("No longer given", number(len(gone)), f"in {gone['area_code'].nunique()} areas"),
    ]
    sections = []
    for name, title, part, text in (
        ("revised", "Revised figures", revised, "Figures that the source gave before and has changed."),
        ("new", "New figures", new, "Periods or areas that the previous issue did not hold."),
        ("gone", "Figures no longer given", gone, "Figures of the previous issue that the new one does not hold."),
    ):
        if part.empty:
            continue
        weight = part["difference"].abs().fillna(part["value"].abs()).fillna(0)
        shown = part.loc[weight.sort_values(ascending=False, kind="stable").index[:ROWS_PER_TABLE]]
        shown = shown.sort_values(
            ["area_name", "area_code", "measure", "exploitation", "sex", "age", "period", "source"],
            key=order_names,
        )
        sections.append(
            {
                "id": name,
                "title": title,
                "summary": text,
                "rows": [change_row(site, row) for row in shown.to_dict("records")],
                "total": len(part),
            }
        )
    return {
        "sections": sections,
        "facts": facts,
        "explanations": _explanations(site, revised, new, words),
        "provenance": site.provenance(set(table["source"]), max(table["period"]), "tables/changes.csv"),
    }


def change_row(site: Site, row: dict[str, Any]) -> dict[str, Any]:
    words = site.published.words
    splits = [words.label(split, row[split]) for split in ("sex", "age") if row[split] not in ("_T", "")]
    kind = {"revised": "revised", "new": "new", "gone": "no longer given"}.get(row["kind"], row["kind"])
    return {
        "code": row["area_code"],
        "area": row["area_name"],
        "measure": ", ".join([words.measure(row["measure"], row["exploitation"]), *splits]),
        "period": period_label(row["period"]),
        "before": number(row["previous_value"]),
        "now": number(row["value"]),
        "difference": signed(row["difference"]),
        "kind": kind,
        "issues": f"{row['previous_issued_on'] or '–'} → {row['issued_on'] or '–'}",
        "source": site.published.source_name(row["source"]),
    }


def _explanations(site: Site, revised: pd.DataFrame, new: pd.DataFrame, words: Any) -> list[dict[str, str]]:
    """The areas whose totals moved most: by how much, which periods, and whether old figures or new ones did it."""
    moved = pd.concat([revised, new])
    for split in ("exploitation", "sex", "age"):
        moved = moved[moved[split].isin(["_T", ""])]
    if moved.empty:
        return []
    moved = moved.assign(
        amount=moved["difference"].where(moved["kind"] == "revised", moved["value"]).fillna(0),
        frequency=moved["period"].map(period_frequency),
    )
    # quarters repeat what the year says: the rarest frequency of a series speaks for it
    series = ["area_code", "area_name", "measure", "source"]
    moved = moved[moved["frequency"] == moved.groupby(series)["frequency"].transform("min")]
    sums = moved.groupby(series)["amount"].agg(lambda part: part.abs().sum())
    chosen = sums[sums > 0].sort_values(ascending=False, kind="stable").index[:6]
    made = []
    for code, name, measure, source in sorted(chosen, key=lambda key: (name_order(key[1]), key[2])):
        part = moved[(moved["area_code"] == code) & (moved["measure"] == measure) & (moved["source"] == source)]
        old, fresh = part[part["kind"] == "revised"], part[part["kind"] == "new"]
        sentences = []
        if len(old) and old["amount"].abs().sum():
            periods = sorted(old.loc[old["amount"] != 0, "period"])
            span = (
                period_label(periods[0])
                if len(periods) == 1
                else f"{period_label(periods[0])} to {period_label(periods[-1])}"
            )
            top = old.loc[old["amount"].abs().sort_values(kind="stable").index[-1]]
            sentences.append(
                f"{len(periods)} earlier figure{'s' if len(periods) != 1 else ''} ({span}) changed by "
                f"{signed(old['amount'].sum())} in all; the largest: {period_label(top['period'])}, "
                f"{number(top['previous_value'])} before, {number(top['value'])} now."
            )
        if len(fresh):
            periods = sorted(fresh["period"])
            span = (
                period_label(periods[0])
                if len(periods) == 1
                else f"{period_label(periods[0])} to {period_label(periods[-1])}"
            )
            figure = f"{number(fresh['amount'].sum())} in all" if len(periods) > 1 else number(fresh["amount"].sum())
            sentences.append(f"New in this issue: {span} ({figure}). The previous issue had no figure there.")
        sentences.append(f"Source: {site.published.source_name(source)}.")
        total = part["amount"].sum()
        made.append(
            {
                "code": code,
                "area": name,
                "headline": f"{words.label('measure', measure).lower()}, {signed(total)} over all periods",
                "text": " ".join(sentences),
            }
        )
    return made


def methods(site: Site) -> dict[str, Any]:
    published, words = site.published, site.published.words
    families = []
    for name, label in (("trends", "Trends"), ("hotspots", "Map")):
        table = published.table(name)
        if not table.empty and "family_id" in table:
            families += _families(words, label, table[table["family_id"] != ""])
    datasets = published.table("datasets")
    rows = []
    if len(datasets):
        for row in datasets.sort_values(["source_name", "dataset_name"]).to_dict("records"):
            rows.append(
                {
                    "source": row["source_name"],
                    "dataset": row["dataset_name"] or row["dataset"],
                    "kind": _plain(row["source_type"]),
                    "unit": _plain(row["counting_unit"]),
                    "period": _plain(row["period_basis"]),
                    "age": _plain(row["age_basis"]),
                    "multiple": _plain(row["multi_response"]),
                    "licence": row["licence"],
                }
            )
    return {
        "families": families[:ROWS_PER_TABLE],
        "parameters": _flat(published.release.get("parameters", {})),
        "datasets": rows,
    }


def _families(words: Any, label: str, table: pd.DataFrame) -> list[dict[str, str]]:
    """Families of one kind of question in one row: how many there are, how many tests each holds, what was found."""
    rows = []
    keys = [name for name in ("area_level", "measure", "exploitation", "method") if name in table]
    for key, group in table.groupby(keys, sort=True):
        named = dict(zip(keys, key, strict=True))
        sizes = group.groupby("family_id")["family_count"].max().fillna(0)
        question = f"{label}: {words.measure(named['measure'], named.get('exploitation'))}"
        question += f", {words.label('area_level', named['area_level']).lower()}"
        rows.append(
            {
                "question": question,
                "method": words.label("method", named.get("method", "")),
                "families": number(len(sizes)),
                "tests": number(sizes.min()) if sizes.min() == sizes.max() else _range(sizes.min(), sizes.max()),
                "found": number((group["q_bh"] <= 0.05).sum()),
            }
        )
    return rows


def _plain(code: Any) -> str:
    return str(code).replace("_", " ") if code not in ("", None) else "–"


def _flat(parameters: Any, prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name in sorted(parameters):
        value = parameters[name]
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, dict):
            rows.extend(_flat(value, f"{prefix}{name}: "))
        else:
            rows.append((label, value if isinstance(value, str) else json.dumps(value)))
    return rows


def downloads(site: Site) -> dict[str, Any]:
    published = site.published
    fields = published.release.get("fields", {})
    columns: dict[str, dict[str, Any]] = {}
    for record in site.table_records:
        for column in record["schema"]:
            known = fields.get(column.name, {})
            entry = columns.setdefault(
                column.name,
                {
                    "name": column.name,
                    "description": known.get("description", ""),
                    "type": known.get("type") or field_type(column),
                    "unit": known.get("unit") or "",
                    "tables": [],
                },
            )
            entry["tables"].append(record["name"])
    return {
        "charts": [
            chart | {"csv_size": size(chart["csv_bytes"]), "json_size": size(chart["json_bytes"])}
            for chart in site.chart_records
        ],
        "not_made": site.charts_not_made,
        "tables": [
            record
            | {
                "rows": number(record["rows"]),
                "csv_size": size(record["csv_bytes"]),
                "parquet_size": size(record["parquet_bytes"]),
            }
            for record in site.table_records
        ],
        "columns": [
            entry | {"tables": "all" if len(entry["tables"]) == len(site.table_records) else ", ".join(entry["tables"])}
            for _, entry in sorted(columns.items())
        ],
        "licences": [
            {
                "source": published.source_name(source),
                "licence": published.licences.get(source, "as stated by the source"),
            }
            for source in sorted(
                published.source_names, key=lambda code: (name_order(published.source_name(code)), code)
            )
        ],
        "boundaries": [
            {"title": layer.get("title", name), "attribution": layer["attribution"]}
            for name, layer in published.layers.items()
            if layer.get("attribution")
        ],
    }
