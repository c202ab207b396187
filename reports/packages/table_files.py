"""Tables as files of a release.

A release holds each table twice: `tables/<name>.parquet` is the published file itself, `tables/<name>.csv` the same
rows for spreadsheets, where a text that a spreadsheet would run as a formula gets a leading apostrophe.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from reports.tables import Published

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


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
