"""Contents of the methods and downloads pages: families, parameters, datasets; files, columns, licences."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reports.packages.data_package import field_type
from reports.wording import cells
from reports.wording.words import name_order, number, size

if TYPE_CHECKING:
    from reports.charts.site import Site

ROWS_PER_TABLE = 600


def methods(site: Site) -> dict[str, Any]:
    published = site.published
    families = [row for name, label in FAMILIES for row in _families(site, name, label)]
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


FAMILIES = (("trends", "Trends"), ("hotspots", "Map"), ("alerts", "Alerts"), ("compositions", "Mix of forms"))


def _families(site: Site, table: str, label: str) -> list[dict[str, str]]:
    """Families of one kind of question in one row: how many there are, how many tests each holds, what was found."""
    words, summary, rows = site.published.words, site.summary, []
    for row in summary.rows(f"{table}_families"):
        key = {name: row[name] for name in ("measure", "exploitation", "area_level", "word")}
        smallest, largest = (summary.row(f"{table}_family_{side}", **key) for side in ("smallest", "largest"))
        tests = [cells.number(each) for each in (smallest, largest) if each]
        same = smallest is not None and largest is not None and smallest["value"] == largest["value"]
        question = f"{label}: {words.measure(row['measure'], row['exploitation'])}"
        question += f", {words.label('area_level', row['area_level']).lower()}"
        rows.append(
            {
                "question": question,
                "method": words.label("method", row["word"]),
                "families": cells.number(row),
                "tests": tests[0] if same else " to ".join(tests),
                "found": summary.number(f"{table}_found", **key),
            }
        )
    return sorted(rows, key=lambda each: (each["question"], each["method"]))


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
