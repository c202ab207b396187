"""From a file to a table of text: the declared form, never a guess.

`read` fills a DuckDB table `source` with one row a row of the file: row_id (1..), line (physical line, or row of the
sheet), width (cells found), is_after_end, and the cells c0, c1, … as text, as written but for blanks at their ends.
Column names are positional, so nothing a partner writes becomes an identifier. What cannot be read is a Refusal.
"""

from __future__ import annotations

import csv
import itertools
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submissions.contract import Format, trimmed
from submissions.contract_model import Split
from submissions.problems import Refusal

if TYPE_CHECKING:
    import duckdb

Progress = Callable[[int], None]
Record = tuple[int, Sequence[str]]

BATCH_ROWS = 50_000
MAXIMUM_COLUMNS = 2_000
MAXIMUM_CELL_CHARACTERS = 32_768
MAXIMUM_UNPACKED_BYTES = 2_000_000_000
MAXIMUM_UNPACKED_RATIO = 150
RATIO_MATTERS_ABOVE_BYTES = 50_000_000
MAXIMUM_ARCHIVE_MEMBERS = 10_000
COMPACT_ABOVE_BYTES = 100_000_000


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
    records = _sheet_records(path, form) if form.type == "xlsx" else _text_records(path, form)
    preamble: dict[int, tuple[str, ...]] = {}
    last = form.header_rows[-1]
    first_data: Record | None = None
    for record in records:
        if record[0] > last:
            first_data = record
            break
        preamble[record[0]] = tuple(record[1])
    header = _header([preamble.get(number, ()) for number in form.header_rows], form)
    if not any(header):
        raise Refusal("F-header-missing", "the declared header rows are empty", lines=form.header_rows)
    rest: Iterable[Record] = itertools.chain((first_data,), records) if first_data is not None else ()
    if form.split is not None:
        header, rest = _split(header, rest, form.split)
    if len(header) > MAXIMUM_COLUMNS:
        raise Refusal("F-too-large", f"{len(header):,} columns, at most {MAXIMUM_COLUMNS:,}")
    rows = _fill(connection, header, rest, progress)
    compact(connection)
    reading = Reading(header, rows, preamble)
    _mark_end(reading, form, connection)
    return reading


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
            parts = row[position].split(split.delimiter) if position < len(row) else []
            if len(parts) == len(split.into):
                yield line, [*row[:position], *parts, *row[position + 1 :]]
            else:
                yield line, row[: position + 1]

    return (*header[:position], *split.into, *header[position + 1 :]), apart()


def _fill(
    connection: duckdb.DuckDBPyConnection, header: Sequence[str], records: Iterable[Record], progress: Progress | None
) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    width = len(header)
    names = [f"c{index}" for index in range(width)]
    _create(connection, width)
    records = iter(records)
    row_id = 0
    while batch := list(itertools.islice(records, BATCH_ROWS)):
        lines, rows = zip(*batch, strict=True)
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
                *columns,
            ],
            names=["row_id", "line", "width", "more", *names],
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
        f"(row_id BIGINT, line BIGINT, width INTEGER, is_after_end BOOLEAN, more VARCHAR, {columns})"
    )


def _insert(connection: duckdb.DuckDBPyConnection, width: int) -> None:
    cells = ", ".join(f"c{index}" for index in range(width))
    connection.execute(f"INSERT INTO source SELECT row_id, line, width, false, more, {cells} FROM batch")


def _joined(cells: Sequence[str]) -> str | None:
    return "\x1f".join(cells) if any(trimmed(cell) for cell in cells) else None


def _mark_end(reading: Reading, form: Format, connection: duckdb.DuckDBPyConnection) -> None:
    if form.stop_at is None:
        return
    column, start = form.stop_at
    position = reading.position(column)
    connection.execute(
        f"""
        UPDATE source SET is_after_end = true
        WHERE row_id >= (SELECT min(row_id) FROM source WHERE starts_with(c{position}, $start))
        """,
        {"start": start},
    )


def compact(connection: duckdb.DuckDBPyConnection) -> None:
    """Lets the database compress what it holds in memory, where it holds much."""
    row = connection.execute("SELECT coalesce(sum(memory_usage_bytes), 0) FROM duckdb_memory()").fetchone()
    if row is not None and row[0] > COMPACT_ABOVE_BYTES:
        connection.execute("CHECKPOINT")


BLANKS = " \t\r\n\u00a0\u2000\u2001\u2002\u2003\u2007\u2009\u202f\u3000\ufeff"

# --- csv and tsv ----------------------------------------------------------------------------------------------------


def _text_records(path: Path, form: Format) -> Iterator[Record]:
    encoding = "utf-8-sig" if form.encoding == "utf-8" else form.encoding
    _refuse_binary(path, encoding)
    csv.field_size_limit(MAXIMUM_CELL_CHARACTERS)
    line = 1
    with path.open(encoding=encoding, errors="strict", newline="") as stream:
        reader = csv.reader(stream, delimiter=form.delimiter, quotechar=form.quote, strict=True)
        try:
            for row in reader:
                if row and (row[0] or any(row)):
                    yield line, row
                line = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise _encoding_refusal(path, encoding) from error
        except csv.Error as error:
            if "field larger" in str(error):
                raise Refusal(
                    "F-too-large", f"a cell of over {MAXIMUM_CELL_CHARACTERS:,} characters", lines=(line,)
                ) from error
            raise Refusal("F-quoting", str(error), lines=(line,)) from error


def _refuse_binary(path: Path, encoding: str) -> None:
    with path.open("rb") as stream:
        start = stream.read(8)
    if not start:
        raise Refusal("F-empty", "0 bytes")
    if start.startswith((b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b", b"\x89PNG", b"\x7fELF")):
        raise Refusal("F-type", "the content is not text")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) and not encoding.startswith("utf-16"):
        raise Refusal("F-encoding", f"the file begins with the mark of UTF-16, declared is {encoding}", lines=(1,))


def _encoding_refusal(path: Path, encoding: str) -> Refusal:
    """Finds the first byte that is not text in the declared encoding, reading in steps that keep the count."""
    import codecs

    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    newline = "\n".encode(encoding.removesuffix("-sig"))[-1:] if not encoding.startswith("utf-16") else b"\n"
    offset = lines = 0
    with path.open("rb") as stream:
        while block := stream.read(65_536):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                within = max(error.start - pending, 0)
                lines += block[:within].count(newline)
                byte = offset - pending + error.start + 1
                return Refusal(
                    "F-encoding", f"byte {byte:,} is not {encoding.removesuffix('-sig')}", lines=(lines + 1,)
                )
            offset += len(block)
            lines += block.count(newline)
    return Refusal("F-encoding", f"the file ends inside a character of {encoding}", lines=(lines + 1,))


# --- xlsx -----------------------------------------------------------------------------------------------------------


def _sheet_records(path: Path, form: Format) -> Iterator[Record]:
    import python_calamine

    check_archive(path)
    try:
        workbook = python_calamine.CalamineWorkbook.from_path(str(path))
    except Exception as error:  # the reader has many error types, and each means that the bytes are no workbook
        raise Refusal("F-type", "the content is not an xlsx workbook") from error
    if form.sheet not in workbook.sheet_names:
        raise Refusal("F-sheet", f"the workbook has {len(workbook.sheet_names)} sheets, none of that name")
    try:
        rows = workbook.get_sheet_by_name(form.sheet).to_python(skip_empty_area=False)
    except Exception as error:
        raise Refusal("F-type", "the sheet cannot be read") from error
    for number, row in enumerate(rows, start=1):
        cells = [_cell_text(cell, form.decimal) for cell in row]
        if any(cells):
            if max(map(len, cells)) > MAXIMUM_CELL_CHARACTERS:
                raise Refusal("F-too-large", f"a cell of over {MAXIMUM_CELL_CHARACTERS:,} characters", lines=(number,))
            yield number, cells


def check_archive(path: Path) -> None:
    """Refuses an xlsx file whose members unpack to too much, before anything unpacks them."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Refusal(
            "F-empty" if path.stat().st_size == 0 else "F-type", "the content is not an xlsx workbook"
        ) from error
    if len(members) > MAXIMUM_ARCHIVE_MEMBERS:
        raise Refusal("F-too-large", f"{len(members):,} members in the workbook")
    unpacked = sum(member.file_size for member in members)
    packed = max(sum(member.compress_size for member in members), 1)
    if unpacked > MAXIMUM_UNPACKED_BYTES:
        raise Refusal("F-too-large", f"{unpacked:,} bytes unpacked, at most {MAXIMUM_UNPACKED_BYTES:,}")
    if unpacked > RATIO_MATTERS_ABOVE_BYTES and unpacked / packed > MAXIMUM_UNPACKED_RATIO:
        raise Refusal("F-too-large", f"unpacks to {unpacked / packed:,.0f} times its size")


def _cell_text(cell: Any, decimal: str) -> str:
    """A typed cell as the text a person would type in the contract's form."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float | int):
        return number_text(cell, decimal)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return "" if cell is None else str(cell)


def number_text(number: float, decimal: str = ".") -> str:
    """A number without exponent or trailing zeros where it has at most 15 digits; otherwise as Python writes it."""
    if isinstance(number, int):
        return str(number)
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    text = repr(number)
    return text.replace(".", decimal) if "e" not in text else text


# --- parquet --------------------------------------------------------------------------------------------------------


def _read_parquet(
    path: Path, form: Format, connection: duckdb.DuckDBPyConnection, progress: Progress | None
) -> Reading:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise Refusal("F-empty" if path.stat().st_size == 0 else "F-type", "the content is not parquet") from error
    header = tuple(trimmed(name) for name in file.schema_arrow.names)
    metadata = file.metadata
    unpacked = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
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
            more = pa.nulls(batch.num_rows, pa.string())
            fixed = ["row_id", "line", "width", "more"]
            connection.register("batch", pa.table([row_ids, row_ids, width, more, *cells], names=[*fixed, *names]))
            _insert(connection, len(header))
            connection.unregister("batch")
            rows += batch.num_rows
            if progress is not None:
                progress(rows)
    except (pa.ArrowException, OSError) as error:
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
