"""Published tables: reading them, and writing them out as CSV and Parquet with a Frictionless data package.

A release holds each table twice: `tables/<name>.parquet` is the published file itself, `tables/<name>.csv` the same
rows for spreadsheets, where a text that a spreadsheet would run as a formula gets a leading apostrophe.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from reports.wording.cells import MARKS
from reports.wording.words import Words, joined

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Published:
    """The published directory: release facts, map layers and tables (read when first asked for)."""

    path: Path
    release: dict[str, Any]
    layers: dict[str, dict[str, Any]]
    table_paths: dict[str, Path]
    _frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.table_paths

    @cached_property
    def declared(self) -> dict[str, dict[str, Any]]:
        """What the release says of each of its tables: title, description, grain, key, what may be added."""
        return {entry["name"]: entry for entry in self.release.get("tables", [])}

    def table(self, name: str) -> pd.DataFrame:
        """The table as a frame: text columns as text ('' where missing), numbers as floats, dates as ISO text; and `at`,
        the name of the table with the number of the row.

        An absent table comes back empty and without columns.
        """
        if name not in self._frames:
            path = self.table_paths.get(name)
            frame = pd.DataFrame() if path is None else _plain(pq.read_table(path))
            if path is not None:
                # which cell a number on a page is from (reports.wording.cells): the table and the row as in its file
                # objects, like all its texts: one block of memory is faster to take rows of than two kinds
                frame["at"] = pd.Series([f"{name}.{row}" for row in range(len(frame))], dtype=object)
            self._frames[name] = frame
        return self._frames[name]

    @cached_property
    def words(self) -> Words:
        return Words(self.release.get("labels"))

    @property
    def as_of(self) -> str:
        return str(self.release["as_of"])

    @property
    def is_invented(self) -> bool:
        return bool(self.release.get("is_invented"))

    @cached_property
    def source_names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for name in ("coverage", "datasets"):
            table = self.table(name)
            if {"source", "source_name"} <= set(table.columns):
                names.update(zip(table["source"], table["source_name"], strict=True))
        for entry in self.release.get("sources", []):
            if isinstance(entry, dict) and entry.get("source"):
                names.setdefault(entry["source"], entry.get("source_name") or entry.get("name") or entry["source"])
        return names

    def source_name(self, source: str) -> str:
        return self.source_names.get(source) or source

    @cached_property
    def dataset_names(self) -> dict[tuple[str, str], str]:
        table = self.table("datasets")
        if not {"source", "dataset", "dataset_name"} <= set(table.columns):
            return {}
        return {
            (source, dataset): name
            for source, dataset, name in zip(table["source"], table["dataset"], table["dataset_name"], strict=True)
        }

    def dataset_name(self, source: str, dataset: str) -> str:
        return self.dataset_names.get((source, dataset)) or dataset.replace("_", " ")

    @cached_property
    def licences(self) -> dict[str, str]:
        licences: dict[str, str] = {}
        table = self.table("datasets")
        if {"source", "licence"} <= set(table.columns):
            licences.update(zip(table["source"], table["licence"], strict=True))
        for entry in self.release.get("sources", []):
            if isinstance(entry, dict) and entry.get("licence"):
                licences.setdefault(entry.get("source", ""), entry["licence"])
        return licences

    @cached_property
    def area_names(self) -> dict[str, str]:
        table = self.table("areas")
        if {"area_code", "area_name"} <= set(table.columns):
            return dict(zip(table["area_code"], table["area_name"], strict=True))
        return {}


def grouped(rows: Iterable[dict[str, Any]], keys: tuple[str, ...]) -> dict[tuple, list[dict[str, Any]]]:
    """Rows that belong together, by their key, both in the order in which they come. Nothing is counted or added."""
    found: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in keys), []).append(row)
    return found


def parts_of(table: pd.DataFrame, keys: list[str]) -> list[tuple[tuple, pd.DataFrame]]:
    """(key, rows) of a table cut by the values of columns, in the order of the keys; rows keep their order and index."""
    if table.empty:
        return []
    places: dict[tuple, list[int]] = {}
    for place, key in enumerate(zip(*(table[name].tolist() for name in keys), strict=True)):
        places.setdefault(key, []).append(place)
    return [(key, table.iloc[places[key]]) for key in sorted(places)]


def read(path: Path) -> Published:
    """Open a published directory (see the module docstring of reports.release for what it holds)."""
    release_path = path / "release.json"
    if not release_path.is_file():
        raise FileNotFoundError(f"{release_path} is missing: this is not a published directory")
    release = json.loads(_unmarked(release_path.read_text(encoding="utf-8")))
    for key in ("release_id", "audience", "as_of"):
        if key not in release:
            raise ValueError(f"{release_path}: key {key!r} is missing")
    layers = {}
    for layer_path in sorted((path / "layers").glob("*.json")):
        content = json.loads(_unmarked(layer_path.read_text(encoding="utf-8")))
        layers[content.get("layer", layer_path.stem)] = content
    found = {table.stem: table for table in sorted((path / "tables").glob("*.parquet"))}
    declared = [entry["name"] for entry in release.get("tables", [])]
    order = [name for name in declared if name in found]
    order += [name for name in found if name not in declared]
    return Published(path, release, layers, {name: found[name] for name in order})


def write_tables(published: Published, destination: Path) -> list[dict[str, Any]]:
    """Write every table as Parquet and CSV. Returns one record a table: name, title, rows, columns, bytes of both."""
    destination.mkdir(parents=True, exist_ok=True)
    records = []
    for name, source in published.table_paths.items():
        parquet, csv = destination / f"{name}.parquet", destination / f"{name}.csv"
        shutil.copyfile(source, parquet)
        table = pq.read_table(source)
        write_csv(table, csv)
        records.append(
            {
                "name": name,
                "title": published.declared.get(name, {}).get("title", name.replace("_", " ").capitalize()),
                "rows": table.num_rows,
                "columns": table.num_columns,
                "csv_bytes": csv.stat().st_size,
                "parquet_bytes": parquet.stat().st_size,
                "schema": table.schema,
            }
        )
    return records


def write_csv(table: pa.Table, path: Path) -> None:
    """CSV in UTF-8 with LF; missing is empty, decimals without trailing zeros, texts safe for spreadsheets."""
    columns = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = pc.cast(column, column.type.value_type)
        if pa.types.is_decimal(column.type):
            column = pc.cast(column, pa.float64())
        if pa.types.is_floating(column.type):
            column = _float_text(column)
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = _safe_text(column)
        columns.append(column)
    content = pa.table(dict(zip(table.column_names, columns, strict=True)))
    pa.csv.write_csv(content, path, write_options=pa.csv.WriteOptions(quoting_style="needed"))


def safe_cell(text: str) -> str:
    """A text that a spreadsheet shows and never runs."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _safe_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    risky = pc.match_substring_regex(column, "^[=+\\-@\t\r]")
    if not pc.any(risky, min_count=0).as_py():
        return column
    return pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)


def _float_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole columns of whole numbers as integers; otherwise the shortest text that reads back to the same double."""
    known = pc.drop_null(pc.if_else(pc.is_nan(column), None, column))
    if len(known) and not pc.all(pc.equal(known, pc.round(known))).as_py():
        return pc.if_else(pc.is_nan(column), None, column)
    if len(known) and max(abs(pc.min(known).as_py()), abs(pc.max(known).as_py())) >= 2**53:
        return column
    return pc.cast(pc.if_else(pc.is_nan(column), None, column), pa.int64())


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


def _plain(table: pa.Table) -> pd.DataFrame:
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if pa.types.is_dictionary(kind):
            column, kind = pc.cast(column, kind.value_type), kind.value_type
        if pa.types.is_boolean(kind):
            columns[name] = pc.fill_null(column, False).to_numpy()
        elif pa.types.is_decimal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
            columns[name] = pc.cast(column, pa.float64()).to_numpy()
        elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            columns[name] = pc.fill_null(pc.strftime(column, format="%Y-%m-%d"), "").to_pandas().astype(object)
        elif pa.types.is_null(kind):
            columns[name] = pd.Series([""] * len(table), dtype=object)
        else:
            text = pc.fill_null(pc.cast(column, pa.string()), "")
            if pc.any(pc.match_substring(pc.cast(text, pa.binary()), b"\xee\x80"), min_count=0).as_py():
                text = pc.replace_substring_regex(text, MARKS.pattern, "\ufffd")
            columns[name] = text.to_pandas().astype(object)
    return pd.DataFrame(columns)


def _unmarked(text: str) -> str:
    """A text from outside without the characters that mark numbers as cells, also where JSON has them escaped."""
    return MARKS.sub("\ufffd", re.sub(r"\\u[eE]00[0-2]", "\ufffd", text))
