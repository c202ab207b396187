"""A release for programs: its Frictionless data package, and its schema.org description."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from reports.tables import Published
from reports.wording.words import joined


def data_package(published: Published, records: Iterable[dict[str, Any]], hashes: dict[str, str]) -> dict[str, Any]:
    """Frictionless data package of the tables; their texts and keys come from `tables` and `fields` in release.json."""
    fields = published.release.get("fields", {})
    resources = []
    for record in records:
        path = f"tables/{record['name']}.csv"
        declared = published.declared.get(record["name"], {})
        resources.append(
            {
                "name": record["name"].replace("_", "-"),
                "title": record["title"],
                **({"description": _about(declared)} if declared else {}),
                "path": path,
                "scheme": "file",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "bytes": record["csv_bytes"],
                "hash": f"sha256:{hashes[path]}",
                "profile": "tabular-data-resource",
                "dialect": {"delimiter": ",", "quoteChar": '"', "doubleQuote": True},
                "schema": {
                    "fields": [_field(column, fields.get(column.name, {})) for column in record["schema"]],
                    "missingValues": [""],
                    **({"primaryKey": declared["key"]} if declared else {}),
                },
            }
        )
    return {
        "profile": "tabular-data-package",
        "name": f"waymark-{published.release['release_id']}".lower(),
        "title": release_title(published),
        "version": published.release["release_id"],
        "created": f"{published.as_of}T00:00:00Z",
        "description": describe(published),
        "licenses": [
            {"name": "see-sources", "title": f"{published.source_name(source)}: {licence}"}
            for source, licence in sorted(published.licences.items())
        ]
        or [{"name": "see-sources", "title": "as stated by each source"}],
        "sources": [{"title": published.source_name(source)} for source in sorted(published.source_names)],
        "resources": resources,
    }


def _about(declared: dict[str, Any]) -> str:
    """What a table holds, what one row is, and what of it may be added."""
    added = "No figure of it may be added to another."
    if declared["additive_values"]:
        added = (
            f"Inside one dataset, measure and unit, {joined(declared['additive_values'])} may be added over "
            f"{joined(declared['additive_over'])}, where the parts do not overlap."
        )
    return f"{declared['description']} One row is {declared['grain']}. {added}"


def linked_data(published: Published, records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """schema.org Dataset (JSON-LD) of the release."""
    periods = published.table("observations").get("period_start")
    known = sorted(value for value in set(periods) if value) if periods is not None else []
    content: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": release_title(published),
        "description": describe(published),
        "identifier": published.release["release_id"],
        "version": published.release["release_id"],
        "datePublished": published.as_of,
        "license": sorted(set(published.licences.values()) - {""}) or ["as stated by each source"],
        **access(published),
        "creator": [
            {"@type": "Organization", "name": published.source_name(source)}
            for source in sorted(published.source_names)
        ],
        "distribution": [
            {
                "@type": "DataDownload",
                "name": record["title"],
                "contentUrl": f"tables/{record['name']}.{ending}",
                "encodingFormat": media,
            }
            for record in records
            for ending, media in (("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet"))
        ],
    }
    if known:
        content["temporalCoverage"] = f"{known[0]}/{known[-1]}"
    return content


def access(published: Published) -> dict[str, Any]:
    """Who may have the release, in schema.org's words: a restricted one is not free for all, whatever its sources' licences."""
    if published.release["audience"] == "public":
        return {"isAccessibleForFree": True, "conditionsOfAccess": "Open to all under the licence of each source"}
    return {
        "isAccessibleForFree": False,
        "conditionsOfAccess": "Restricted to the partners' circle of trust; not to be passed on",
    }


def release_title(published: Published) -> str:
    invented = " (invented data)" if published.is_invented else ""
    return f"Waymark: counter-trafficking statistics as of {published.as_of}{invented}"


def describe(published: Published) -> str:
    text = (
        "Harmonised statistics on trafficking in persons: detections, justice outcomes and flows, with trends, "
        "hotspot assessments, breaks, coverage and the comparability of legal definitions. Figures count what "
        "authorities and organisations detected; they do not measure how common trafficking is."
    )
    if published.is_invented:
        text += " Every figure and area in this release is invented, for demonstration."
    return text


def field_type(column: pa.Field) -> str:
    """Frictionless name of a column's type."""
    return str(_field(column, {})["type"])


def _field(column: pa.Field, described: dict[str, Any]) -> dict[str, Any]:
    kind = column.type
    if pa.types.is_boolean(kind):
        entry: dict[str, Any] = {
            "name": column.name,
            "type": "boolean",
            "trueValues": ["true"],
            "falseValues": ["false"],
        }
    elif pa.types.is_integer(kind):
        entry = {"name": column.name, "type": "integer"}
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        entry = {"name": column.name, "type": "number"}
    elif pa.types.is_date(kind):
        entry = {"name": column.name, "type": "date", "format": "%Y-%m-%d"}
    else:
        entry = {"name": column.name, "type": "string"}
    if described.get("description"):
        entry["description"] = described["description"]
    if described.get("unit"):
        entry["unit"] = described["unit"]
    return entry
