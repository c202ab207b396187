"""From a file to a table of text: the declared form, never a guess.

`read` fills a DuckDB table `source` with one row a row of the file: row_id (1..), line (physical line, or row of the
sheet), width (cells found), is_after_end, more (cells beyond the header), broken (the code of a line that could not be
read), part (which sheet), and the cells c0, c1, … as text, as written but for blanks at their ends.
Column names are positional, so nothing a partner writes becomes an identifier. What cannot be read is a Refusal.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submissions.contracts.model import Format, Split, trimmed
from submissions.readers.json_lines import json_lines
from submissions.readers.records import BATCH_ROWS, BLANKS, MAXIMUM_COLUMNS, MAXIMUM_UNPACKED_BYTES, BrokenRow, Record
from submissions.readers.text import delimited_records
from submissions.readers.workbook import check_archive, number_text, sheets_of
from submissions.validation.problems import Refusal

if TYPE_CHECKING:
    import duckdb

Progress = Callable[[int], None]

COMPACT_ABOVE_BYTES = 100_000_000
FIXED = ("row_id", "line", "width", "more", "broken", "part")


@dataclass(frozen=True)
class Reading:
    """What was read: trimmed header names, data rows, and the lines before the data (for a date of issue in a cell)."""

    header: tuple[str, ...]
    rows: int
    preamble: dict[int, tuple[str, ...]]

    def position(self, column: str) -> int:
        """The position of a column that the contract names. Raises Refusal when it is missing or stands twice."""
        found = [index for index, name in enumerate(self.header) if name == column]
        if not found:
            raise Refusal("F-header-missing", f"the header has {len(self.header)} columns", columns=(column,))
        if len(found) > 1:
            raise Refusal("F-header-twice", columns=(column,))
        return found[0]

    def cell(self, reference: str) -> str:
        """The text of a cell such as A2 at or above the header; empty when there is none."""
        match = re.fullmatch(r"([A-Z]+)(\d+)", reference)
        assert match is not None
        column = 0
        for letter in match[1]:
            column = column * 26 + ord(letter) - ord("A") + 1
        cells = self.preamble.get(int(match[2]), ())
        return trimmed(cells[column - 1]) if column <= len(cells) else ""


def read(path: Path, form: Format, connection: duckdb.DuckDBPyConnection, progress: Progress | None = None) -> Reading:
    """Reads one file into the table `source`. Raises Refusal when the file as a whole cannot be used."""
    if form.type == "parquet":
        return _read_parquet(path, form, connection, progress)
    preamble: dict[int, tuple[str, ...]] = {}
    if form.type == "jsonl":
        header, records = json_lines(path, form)
        if form.split is not None:
            header, records = _split(header, records, form.split)
        parts = [records]
    elif form.type == "xlsx":
        header, parts, preamble = _sheets(path, form)
    else:
        header, records, preamble = _table(delimited_records(path, form), form)
        parts = [records]
    if len(header) > MAXIMUM_COLUMNS:
        raise Refusal("F-too-large", f"{len(header):,} columns, at most {MAXIMUM_COLUMNS:,}")
    rows = _fill(connection, header, parts, progress)
    compact(connection)
    reading = Reading(header, rows, preamble)
    _mark_end(reading, form, connection)
    return reading


def _table(
    records: Iterator[Record], form: Format, sheet: str = ""
) -> tuple[tuple[str, ...], Iterable[Record], dict[int, tuple[str, ...]]]:
    """Header, records below it, and the lines up to it. `sheet` names the sheet in a refusal where there are several."""
    preamble: dict[int, tuple[str, ...]] = {}
    first_data: Record | None = None
    for record in records:
        if record[0] > form.header_rows[-1]:
            first_data = record
            break
        preamble[record[0]] = tuple(cell or "" for cell in record[1])
    header = _header([preamble.get(number, ()) for number in form.header_rows], form)
    if not any(header):
        where = f" in the sheet '{sheet}'" if sheet else ""
        raise Refusal("F-header-missing", f"the declared header rows are empty{where}", lines=form.header_rows)
    rest: Iterable[Record] = itertools.chain((first_data,), records) if first_data is not None else ()
    if form.split is not None:
        header, rest = _split(header, rest, form.split)
    if form.fill_labels_down:
        rest = _filled_down(header, rest, form.fill_labels_down)
    return header, rest, preamble


def _sheets(path: Path, form: Format) -> tuple[tuple[str, ...], Sequence[Iterable[Record]], dict[int, tuple[str, ...]]]:
    """One table from all declared sheets: columns in order of first sight, then what the sheet's name says.

    A cell of a column that a sheet does not have is None: it is no cell of that sheet, and `unpivot` makes no row of it.
    """
    sheets = sheets_of(path, form)
    if form.sheets is None:
        header, records, preamble = _table(sheets[0].records, form)
        return header, [records], preamble
    tables = [(sheet, *_table(sheet.records, form, sheet.name)[:2]) for sheet in sheets]
    columns: dict[tuple[str, int], int] = {}
    positions = []
    for _, header, _ in tables:
        # a name that stands twice stays twice, so that it is refused only where the contract reads it
        places = [(name, header[:index].count(name)) for index, name in enumerate(header)]
        positions.append([columns.setdefault(place, len(columns)) for place in places])
    width = len(columns)
    parts = [
        _placed(records, places, width, tuple(sheet.groups.values()))
        for (sheet, _, records), places in zip(tables, positions, strict=True)
    ]
    return (*(name for name, _ in columns), *sheets[0].groups), parts, {}


def _placed(records: Iterable[Record], positions: Sequence[int], width: int, said: tuple[str, ...]) -> Iterator[Record]:
    """Records of one sheet in the columns of all, with the texts of the sheet's name at their end."""
    for line, row in records:
        placed: list[str | None] = [None] * width
        for position, cell in zip(positions, [*row, *[""] * len(positions)], strict=False):
            placed[position] = cell
        yield line, [*placed, *said, *row[len(positions) :]]


def _filled_down(header: Sequence[str], records: Iterable[Record], columns: Sequence[str]) -> Iterator[Record]:
    """Records in which an empty label takes the one above it. A new label of an earlier column ends those after it."""
    missing = tuple(name for name in columns if name not in header)
    if missing:
        raise Refusal("F-header-missing", f"the header has {len(header)} columns", columns=missing, count=len(missing))
    positions = [header.index(name) for name in columns]
    return _carried(records, positions)


def _carried(records: Iterable[Record], positions: Sequence[int]) -> Iterator[Record]:
    labels = [""] * len(positions)
    for line, row in records:
        filled = list(row)
        for index, position in enumerate(positions):
            label = trimmed(filled[position] or "") if position < len(filled) else ""
            if label:
                labels[index:] = [label, *[""] * (len(positions) - index - 1)]
            elif position < len(filled):
                filled[position] = labels[index]
        yield line, filled


def _header(rows: Sequence[Sequence[str]], form: Format) -> tuple[str, ...]:
    """Names of the columns: the labels of all header rows, joined by a blank; group labels may be filled right."""
    width = max((len(row) for row in rows), default=0)
    filled = []
    for index, row in enumerate(rows):
        labels = [trimmed(label) for label in row] + [""] * (width - len(row))
        if form.fill_labels_right and index < len(rows) - 1:
            for position in range(1, width):
                labels[position] = labels[position] or labels[position - 1]
        filled.append(labels)
    while width and not any(labels[width - 1] for labels in filled):
        width -= 1
    return tuple(" ".join(filter(None, (labels[position] for labels in filled))) for position in range(width))


def _split(header: Sequence[str], records: Iterable[Record], split: Split) -> tuple[tuple[str, ...], Iterator[Record]]:
    """Header and records with the packed column taken apart; another number of parts leaves a row short."""
    if split.column not in header:
        raise Refusal("F-header-missing", f"the header has {len(header)} columns", columns=(split.column,))
    position = header.index(split.column)

    def apart() -> Iterator[Record]:
        for line, row in records:
            if isinstance(row, BrokenRow):
                yield line, row
                continue
            parts = (row[position] or "").split(split.delimiter) if position < len(row) else []
            if len(parts) == len(split.into):
                yield line, [*row[:position], *parts, *row[position + 1 :]]
            else:
                yield line, row[: position + 1]

    return (*header[:position], *split.into, *header[position + 1 :]), apart()


def _fill(
    connection: duckdb.DuckDBPyConnection,
    header: Sequence[str],
    parts: Sequence[Iterable[Record]],
    progress: Progress | None,
) -> int:
    """Fills `source` from the records of all parts (sheets). Returns the number of rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    width = len(header)
    names = [f"c{index}" for index in range(width)]
    _create(connection, width)
    records = ((part, line, row) for part, of_part in enumerate(parts) for line, row in of_part)
    row_id = 0
    while batch := list(itertools.islice(records, BATCH_ROWS)):
        part, lines, rows = zip(*batch, strict=True)
        broken = [row.code if isinstance(row, BrokenRow) else None for row in rows]
        widths = [len(row) for row in rows]
        more = None
        if min(widths) != width or max(widths) != width:
            # cells beyond the header are blank padding in spreadsheets; anything else there makes the row too wide
            more = [_joined(row[width:]) for row in rows]
            widths = [min(found, width) if extra is None else found for found, extra in zip(widths, more, strict=True)]
            rows = [[*row[:width], *[""] * (width - len(row))] for row in rows]
        columns = [pc.utf8_trim(pa.array(cells, pa.string()), characters=BLANKS) for cells in zip(*rows, strict=True)]
        row_ids = range(row_id + 1, row_id + len(rows) + 1)
        table = pa.table(
            [
                pa.array(row_ids, pa.int64()),
                pa.array(lines, pa.int64()),
                pa.array(widths, pa.int32()),
                pa.array(more or [None] * len(rows), pa.string()),
                pa.array(broken, pa.string()),
                pa.array(part, pa.int32()),
                *columns,
            ],
            names=[*FIXED, *names],
        )
        connection.register("batch", table)
        _insert(connection, width)
        connection.unregister("batch")
        row_id += len(rows)
        if progress is not None:
            progress(row_id)
    return row_id


def _create(connection: duckdb.DuckDBPyConnection, width: int) -> None:
    columns = ", ".join(f"c{index} VARCHAR" for index in range(width))
    connection.execute(
        "CREATE OR REPLACE TABLE source "
        "(row_id BIGINT, line BIGINT, width INTEGER, is_after_end BOOLEAN, more VARCHAR, broken VARCHAR, part INTEGER, "
        f"{columns})"
    )


def _insert(connection: duckdb.DuckDBPyConnection, width: int) -> None:
    cells = ", ".join(f"c{index}" for index in range(width))
    connection.execute(f"INSERT INTO source SELECT row_id, line, width, false, more, broken, part, {cells} FROM batch")


def _joined(cells: Sequence[str | None]) -> str | None:
    return "\x1f".join(cell or "" for cell in cells) if any(trimmed(cell or "") for cell in cells) else None


def _mark_end(reading: Reading, form: Format, connection: duckdb.DuckDBPyConnection) -> None:
    if form.stop_at is None:
        return
    column, start = form.stop_at
    position = reading.position(column)
    connection.execute(
        f"""
        UPDATE source SET is_after_end = true
        FROM (SELECT part, min(row_id) AS first FROM source WHERE starts_with(c{position}, $start) GROUP BY part) AS ends
        WHERE source.part = ends.part AND row_id >= ends.first
        """,
        {"start": start},
    )


def compact(connection: duckdb.DuckDBPyConnection) -> None:
    """Lets the database compress what it holds in memory, where it holds much."""
    row = connection.execute("SELECT coalesce(sum(memory_usage_bytes), 0) FROM duckdb_memory()").fetchone()
    if row is not None and row[0] > COMPACT_ABOVE_BYTES:
        connection.execute("CHECKPOINT")


# --- parquet --------------------------------------------------------------------------------------------------------


def _read_parquet(
    path: Path, form: Format, connection: duckdb.DuckDBPyConnection, progress: Progress | None
) -> Reading:
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        header = tuple(trimmed(name) for name in file.schema_arrow.names)
        metadata = file.metadata
        unpacked = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        # a flipped bit in the metadata shows as text that is none, or as a number out of all bounds
        raise Refusal("F-empty" if path.stat().st_size == 0 else "F-type", "the content is not parquet") from error
    if len(header) > MAXIMUM_COLUMNS or unpacked > MAXIMUM_UNPACKED_BYTES:
        raise Refusal("F-too-large", f"{len(header):,} columns, {unpacked:,} bytes unpacked")
    nested = [
        field.name for field in file.schema_arrow if pa.types.is_nested(field.type) or pa.types.is_binary(field.type)
    ]
    if nested:
        raise Refusal("F-type", f"{len(nested)} columns are nested or binary")
    names = [f"c{index}" for index in range(len(header))]
    _create(connection, len(header))
    rows = 0
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            cells = [_column_text(batch.column(index), form.decimal) for index in range(len(header))]
            row_ids = pa.array(range(rows + 1, rows + batch.num_rows + 1), pa.int64())
            width = pa.array([len(header)] * batch.num_rows, pa.int32())
            none = pa.nulls(batch.num_rows, pa.string())
            part = pa.array([0] * batch.num_rows, pa.int32())
            fixed = [row_ids, row_ids, width, none, none, part]
            connection.register("batch", pa.table([*fixed, *cells], names=[*FIXED, *names]))
            _insert(connection, len(header))
            connection.unregister("batch")
            rows += batch.num_rows
            if progress is not None:
                progress(rows)
    except (pa.ArrowException, OSError, ValueError, OverflowError, duckdb.Error) as error:
        raise Refusal("F-type", "the content breaks off or is damaged") from error
    reading = Reading(header, rows, {})
    _mark_end(reading, form, connection)
    return reading


def _column_text(column: Any, decimal: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_floating(kind):
        numbers = column.cast(pa.float64())
        is_whole = pc.fill_null(pc.and_(pc.less(pc.abs(numbers), 1e15), pc.equal(pc.trunc(numbers), numbers)), False)
        whole = pc.if_else(is_whole, numbers, None).cast(pa.int64()).cast(pa.string())
        exact = pc.replace_substring(numbers.cast(pa.string()), ".", decimal)
        return pc.fill_null(pc.coalesce(whole, exact), "")
    if pa.types.is_boolean(kind):
        column = pc.if_else(column, "TRUE", "FALSE")
    elif pa.types.is_timestamp(kind):
        column = pc.strftime(column, format="%Y-%m-%d")
    elif pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
    text = pc.utf8_trim(pc.fill_null(column.cast(pa.string()), ""), characters=BLANKS)
    return pc.replace_substring(text, ".", decimal) if pa.types.is_decimal(kind) and decimal != "." else text


__all__ = ["BLANKS", "Reading", "check_archive", "compact", "number_text", "read"]
