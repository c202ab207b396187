"""Json lines: one flat object a line. Every number stays the text that was written, so nothing passes through a float.

The columns are the keys in the order in which they are first seen, so the file is read twice: once for its keys, once
for its rows. A line that is no flat object becomes a broken row with its own problem; the lines around it are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from submissions.contracts.model import Format, trimmed
from submissions.readers.records import (
    MAXIMUM_CELL_CHARACTERS,
    MAXIMUM_COLUMNS,
    MAXIMUM_LINE_CHARACTERS,
    BrokenRow,
    Record,
)
from submissions.readers.text import encoding_refusal, open_text
from submissions.validation.problems import Refusal

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_WHITE = " \t\r\n"


class _Number(str):
    """The digits of a JSON number, told apart from a text of the same digits."""


class _Pairs(tuple):
    """The members of a JSON object in their order, with keys that stand twice."""


def _no_number(name: str) -> str:
    raise ValueError(f"{name} is no JSON")


_decoder = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_no_number, object_pairs_hook=_Pairs)


def json_lines(path: Path, form: Format) -> tuple[tuple[str, ...], Iterator[Record]]:
    """Column names and records. Raises Refusal when no line holds an object, or limits are exceeded."""
    columns: dict[str, int] = {}
    first_broken: tuple[int, str] | None = None
    for line, row in _objects(path, form):
        if isinstance(row, BrokenRow):
            first_broken = first_broken or (line, row.code)
            continue
        for key in row:
            if key not in columns:
                if len(columns) == MAXIMUM_COLUMNS:
                    raise Refusal("F-too-large", f"over {MAXIMUM_COLUMNS:,} different keys", lines=(line,))
                columns[key] = len(columns)
    if not columns:
        if first_broken is None:
            raise Refusal("F-empty")
        is_array = _begins_with_array(path, form)
        detail = "the content is a JSON array, not one object a line" if is_array else "no line holds a JSON object"
        raise Refusal("F-type", detail, lines=(first_broken[0],))
    return tuple(columns), _records(path, form, tuple(columns))


def _records(path: Path, form: Format, columns: tuple[str, ...]) -> Iterator[Record]:
    for line, row in _objects(path, form):
        yield line, row if isinstance(row, BrokenRow) else [row.get(name, "") for name in columns]


def _objects(path: Path, form: Format) -> Iterator[tuple[int, dict[str, str] | BrokenRow]]:
    """(line, trimmed key: text) of every line that is not blank."""
    line = 0
    with open_text(path, form.encoding) as stream:
        try:
            while text := stream.readline(MAXIMUM_LINE_CHARACTERS + 1):
                line += 1
                if len(text) > MAXIMUM_LINE_CHARACTERS:
                    raise Refusal(
                        "F-too-large", f"a line of over {MAXIMUM_LINE_CHARACTERS:,} characters", lines=(line,)
                    )
                if text.strip(_WHITE):
                    yield line, _row(text, line, form.decimal)
        except UnicodeDecodeError as error:
            raise encoding_refusal(path, form.encoding) from error


def _row(text: str, line: int, decimal: str) -> dict[str, str] | BrokenRow:
    try:
        content = _decoder.decode(text.strip(_WHITE))
    except RecursionError:
        return BrokenRow("R-json-nested")
    except ValueError:
        return BrokenRow("R-json")
    if not isinstance(content, _Pairs):
        return BrokenRow("R-json")
    row: dict[str, str] = {}
    for key, value in content:
        if isinstance(value, _Pairs | list):
            return BrokenRow("R-json-nested")
        name, cell = trimmed(key), _cell(value, decimal)
        if name in row:
            return BrokenRow("R-json-key-twice")
        if max(len(name), len(cell)) > MAXIMUM_CELL_CHARACTERS:
            raise Refusal("F-too-large", f"a cell of over {MAXIMUM_CELL_CHARACTERS:,} characters", lines=(line,))
        if _HALF_CHARACTER.search(name) or _HALF_CHARACTER.search(cell):
            return BrokenRow("R-json")
        row[name] = cell
    return row


def _cell(value: object, decimal: str) -> str:
    """The text of a value. Numbers keep every digit; only the point becomes the declared decimal mark."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, _Number):
        return str(value).replace(".", decimal)
    assert isinstance(value, str)
    return value


def _begins_with_array(path: Path, form: Format) -> bool:
    with open_text(path, form.encoding) as stream:
        return stream.read(1_000).lstrip(_WHITE).startswith("[")
