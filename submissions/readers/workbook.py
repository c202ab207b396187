"""Workbooks (xlsx): one declared sheet, or all sheets whose names fit a pattern, each cell as a person would type it."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from submissions.contracts.model import Format
from submissions.readers.records import (
    MAXIMUM_ARCHIVE_MEMBERS,
    MAXIMUM_CELL_CHARACTERS,
    MAXIMUM_UNPACKED_BYTES,
    MAXIMUM_UNPACKED_RATIO,
    RATIO_MATTERS_ABOVE_BYTES,
    Record,
)
from submissions.validation.problems import Refusal

MAXIMUM_SHEET_PLACES = 200_000_000
_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\br="(\d{1,9})"')
_WIDE_COLUMN = re.compile(rb'\br="([A-Z]{2,3})\d')


@dataclass(frozen=True)
class Sheet:
    """A sheet to read: its records, and what the named groups of the pattern found in its name."""

    name: str
    groups: dict[str, str]
    records: Iterator[Record]


def sheets_of(path: Path, form: Format) -> list[Sheet]:
    """The declared sheets in the order of the workbook. Refuses what is no workbook or has no such sheet."""
    import python_calamine

    check_archive(path)
    try:
        workbook = python_calamine.CalamineWorkbook.from_path(str(path))
    except Exception as error:  # the reader has many error types, and each means that the bytes are no workbook
        raise Refusal("F-type", "the content is not an xlsx workbook") from error
    names = workbook.sheet_names
    if form.sheets is None:
        if form.sheet not in names:
            raise Refusal("F-sheet", f"the workbook has {len(names)} sheets, none of that name")
        return [Sheet(form.sheet, {}, _records(workbook, form.sheet, form.decimal))]
    pattern = re.compile(form.sheets)
    matches = [(name, found) for name in names if (found := pattern.fullmatch(name))]
    if not matches:
        raise Refusal("F-sheet", f"the workbook has {len(names)} sheets, none whose name fits the pattern")
    return [
        Sheet(
            name,
            {group: text or "" for group, text in found.groupdict().items()},
            _records(workbook, name, form.decimal),
        )
        for name, found in matches
    ]


def _records(workbook: Any, name: str, decimal: str) -> Iterator[Record]:
    try:
        rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except Exception as error:
        raise Refusal("F-type", "the sheet cannot be read") from error
    for number, row in enumerate(rows, start=1):
        cells = [_cell_text(cell, decimal) for cell in row]
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
    try:
        with zipfile.ZipFile(path) as archive:
            for member in members:
                _check_member(archive, member)
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, NotImplementedError, EOFError) as error:
        raise Refusal(
            "F-type", "the workbook is damaged, packed in an unknown way, or locked with a password"
        ) from error


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Unpacks a member once without keeping it: what it says of its size may be a lie, and a sheet with one cell in its
    last corner has 17 billion places, which a reader would hold in memory."""
    declared, member.file_size = member.file_size, declared_limit(member)
    is_sheet = member.filename.startswith("xl/worksheets/")
    size = rows = columns = 0
    rest = b""
    with archive.open(member) as stream:
        while block := stream.read(1 << 20):
            size += len(block)
            if size > declared:
                raise Refusal("F-too-large", "a part of the workbook unpacks to more than it says")
            if is_sheet:
                text = rest + block
                rows = max(rows, max(map(int, _ROW.findall(text)), default=0))
                columns = max(columns, max(map(_column_number, set(_WIDE_COLUMN.findall(text))), default=0))
                rest = text[-200:]
    if rows * max(columns, 26) > MAXIMUM_SHEET_PLACES:
        raise Refusal("F-too-large", f"a sheet spans {rows:,} rows and {columns:,} columns")


def declared_limit(member: zipfile.ZipInfo) -> int:
    """One byte more than a member says to hold, so that reading on shows whether there is more."""
    return member.file_size + 1


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


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
