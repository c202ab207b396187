"""The form of a sample file: what it is, how it is encoded and delimited, where its header and its footer stand.

Everything here is a proposal for a person to confirm. What the bytes say beyond doubt (a byte order mark, the signature
of a workbook) is no guess; all else carries the reason for it.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from submissions.contracts.model import Format, trimmed
from submissions.errors import WaymarkError
from submissions.validation.problems import Refusal
from submissions.vocabulary.label_words import begins_with_total, is_period_label, is_total

Grid = list[tuple[int, list[str]]]
"""Rows that are not blank: the line (or row of the sheet) and its cells."""

SAMPLE_BYTES = 4_000_000
SAMPLE_ROWS = 5_000
EIGHT_BIT = ("cp1252", "cp1250", "iso-8859-2", "cp1251", "cp1253", "cp1254")
DELIMITERS = ("\t", ";", ",", "|")
HEADER_LEVELS = 3
NUMBER = re.compile(r"[+-]?\d[\d.,'\u2019 \u00a0\u2007\u2009\u202f]*")
_MARK = re.compile(r"[<≤]\s*\d+|[^\w\s]{1,3}|[xcn]|n[./]? ?[adcrv]\.?|s[./] ?d\.?|k\. ?a\.|b\. ?d\.|b/d", re.IGNORECASE)
# what publishers write behind a number: a letter or three, signs, a note in brackets
_BEHIND = r"[ \u00a0\u2009\u202f]*(?:\(?[^\W\d_]{1,3}\)?|[*†‡§¶#°]{1,3}|[¹²³⁰-⁹]{1,2}|[(\[]\w{1,3}[)\]])"
SUFFIXED = re.compile(
    rf"(?P<number>[+-]?\d(?:[\d.,'\u2019 \u00a0\u2007\u2009\u202f]*\d)?)(?P<behind>(?:{_BEHIND}){{1,2}})"
)
_DATE_IN_NAME = re.compile(r"\d{4}-\d{2}-\d{2}|\d{4}-\d{2}|\d{4}")
DATE_FORMS = {10: "%Y-%m-%d", 7: "%Y-%m", 4: "%Y"}


@dataclass
class SampleForm:
    """`keys` as they stand under `format` in a contract; `guesses` are reasons by key; `preamble` the lines above."""

    keys: dict[str, Any] = field(default_factory=dict)
    guesses: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    other_sheets: list[str] = field(default_factory=list)
    preamble: Grid = field(default_factory=list)
    levels: list[tuple[str, ...]] = field(default_factory=list)
    """The labels of each header row, filled right where the contract would, one text a column."""

    def guess(self, key: str, value: Any, reason: str) -> None:
        self.keys[key], self.guesses[key] = value, reason

    def format(self) -> Format:
        """The form as the reader takes it."""
        stop = self.keys.get("stop_at")
        tsv = "\t" if self.keys["type"] == "tsv" else ","
        return Format(
            type=self.keys["type"],
            encoding=self.keys.get("encoding", "utf-8"),
            delimiter=self.keys.get("delimiter", tsv),
            decimal=self.keys.get("decimal", "."),
            header_rows=tuple(self.keys.get("header_rows", (1,))),
            fill_labels_right=self.keys.get("fill_labels_right", False),
            fill_labels_down=tuple(self.keys.get("fill_labels_down", ())),
            sheet=self.keys.get("sheet"),
            sheets=self.keys.get("sheets"),
            stop_at=(stop["column"], stop["starts_with"]) if stop else None,
        )


def form_of_sample(path: Path, sheet: str | None = None) -> SampleForm:
    """Looks at a file. Raises WaymarkError when it is none that a contract could describe."""
    try:
        start = path.open("rb").read(8)
    except OSError as error:
        raise WaymarkError(
            f"{path} cannot be read: {error.strerror}", hint="Give an existing file to --sample."
        ) from None
    if not start:
        raise WaymarkError(f"{path} is empty", hint="Give a file of the partner with rows to --sample.")
    form = SampleForm()
    try:
        if start.startswith(b"PAR1"):
            form.keys["type"] = "parquet"
        elif start.startswith(b"PK\x03\x04"):
            _workbook(path, form, sheet)
        else:
            _text(path, form)
    except Refusal as refusal:
        raise WaymarkError(
            f"{path.name} cannot be used as a sample: {refusal.problem}", hint=refusal.problem.cure
        ) from refusal
    return form


# --- text ------------------------------------------------------------------------------------------------------------


def _text(path: Path, form: SampleForm) -> None:
    from submissions.readers.text import encoding_refusal, open_text

    with path.open("rb") as stream:
        raw = stream.read(SAMPLE_BYTES)
    encoding, reason = _encoding(raw)
    if reason:
        form.guess("encoding", encoding, reason)
    elif encoding != "utf-8":
        form.keys["encoding"] = encoding
    with open_text(path, encoding) as stream:
        try:
            text = stream.read(SAMPLE_BYTES)
        except UnicodeDecodeError as error:
            raise encoding_refusal(path, encoding) from error
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.lstrip().startswith("{") and _is_object(first):
        form.keys = {"type": "jsonl", **form.keys}
        return
    delimiter = _delimiter(text)
    if delimiter == "\t":
        form.keys = {"type": "tsv", **form.keys}
    else:
        form.keys = {"type": "csv", **form.keys}
        if delimiter != ",":
            form.guess("delimiter", delimiter, "it cuts most lines into the same number of cells")
    _table(_grid(text, delimiter), form)


def _encoding(raw: bytes) -> tuple[str, str]:
    """Encoding and, where it is a guess, the reason."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", ""
    even, odd = raw[0:4_000:2].count(0), raw[1:4_000:2].count(0)
    if max(even, odd) > len(raw[:4_000]) / 8:
        return ("utf-16-be" if even > odd else "utf-16-le"), "every other byte is zero, and there is no byte order mark"
    if raw.isascii():
        return "utf-8", "the sample has no letter with an accent; are the partner's other files UTF-8?"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw)
        return "utf-8", ""
    except UnicodeDecodeError:
        pass
    best = max(EIGHT_BIT, key=lambda name: (_plausibility(raw, name), -EIGHT_BIT.index(name)))
    return best, "the bytes are no UTF-8, and read so they give the most plausible letters; look at words with accents"


def _plausibility(raw: bytes, encoding: str) -> float:
    """How much of what stands above ASCII is letters that go with their neighbours, in case and in script."""
    text = raw.decode(encoding, errors="replace")
    score = 0.0
    for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if character.isascii():
            continue
        beside = [each for each in (before, after) if each.isalpha()]
        if character == "\N{REPLACEMENT CHARACTER}" or character < "\u00a0":
            score -= 3
        elif not character.isalpha():
            score -= 2 if len(beside) == 2 else 0
        elif beside:
            is_odd_case = character.isupper() and (before.islower() or (after.islower() and before.isalpha()))
            # Latin letters with accents stand among plain ones; letters of another script stand among their own
            is_latin = character < "\u0250"
            fits = any(each.isascii() for each in beside) if is_latin else not any(each.isascii() for each in beside)
            score += -1 if is_odd_case else 1 if fits else -0.5
    return score


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _delimiter(text: str) -> str:
    def fitness(delimiter: str) -> float:
        widths = Counter(len(row) for _, row in _grid(text, delimiter, 300))
        width, rows = max(widths.items(), key=lambda item: (item[1] * math.log(item[0]), item[0]), default=(1, 0))
        return rows / max(sum(widths.values()), 1) * math.log(width)

    return max(DELIMITERS, key=fitness)


def _grid(text: str, delimiter: str, rows: int = SAMPLE_ROWS) -> Grid:
    csv.field_size_limit(SAMPLE_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    grid: Grid = []
    line = 1
    try:
        for row in itertools.islice(reader, rows):
            if any(trimmed(cell) for cell in row):
                grid.append((line, [trimmed(cell) for cell in row]))
            line = reader.line_num + 1
    except csv.Error:
        pass
    return grid


# --- workbooks -------------------------------------------------------------------------------------------------------


def _workbook(path: Path, form: SampleForm, wanted: str | None) -> None:
    grids = _sheet_grids(path)
    form.keys["type"] = "xlsx"
    if wanted is not None and wanted not in grids:
        raise WaymarkError(f"{path.name} has no sheet '{wanted}'", hint=f"It has: {', '.join(grids)}")
    by_shape: dict[str, list[str]] = {}
    for name in grids:
        by_shape.setdefault(re.sub(r"\d", "0", name), []).append(name)
    alike = max(by_shape.values(), key=len, default=[])
    dated = _DATE_IN_NAME.search(alike[0]) if alike else None
    if wanted is None and len(alike) > 1 and dated:
        before, after = alike[0][: dated.start()], alike[0][dated.end() :]
        pattern = (
            f"{shape_of(before, keeps_words=True)}(?P<issue>{shape_of(dated[0])}){shape_of(after, keeps_words=True)}"
        )
        form.guess("sheets", pattern, f"{len(alike)} sheets are named alike: each is taken for an issue of one table")
        _table(grids[max(alike)], form)
        return
    name = wanted or max(grids, key=lambda each: sum(len(list(filter(None, row))) for _, row in grids[each]))
    if wanted is None and len(grids) > 1:
        form.guess("sheet", name, f"the fullest of {len(grids)} sheets")
        form.other_sheets = [each for each in grids if each != name]
    else:
        form.keys["sheet"] = name
    _table(grids[name], form)


def _sheet_grids(path: Path) -> dict[str, Grid]:
    from submissions.readers.workbook import sheets_of

    grids: dict[str, Grid] = {}
    for sheet in sheets_of(path, Format("xlsx", sheets="(?s:.*)")):
        rows = itertools.islice(sheet.records, SAMPLE_ROWS)
        grids[sheet.name] = [(line, [trimmed(cell or "") for cell in row]) for line, row in rows]
    return grids


# --- header and footer -----------------------------------------------------------------------------------------------


def shape_of(text: str, keeps_words: bool = False) -> str:
    """A pattern of texts that differ from this one only in their digits, or in their words as well."""
    parts = re.findall(r"\d+|[^\W\d_]+|.", text, re.DOTALL)
    return "".join(
        f"\\d{{{len(part)}}}"
        if part.isdigit()
        else r"[^\W\d_]+"
        if part.isalpha() and not keeps_words
        else escaped(part)
        for part in parts
    )


def escaped(text: str) -> str:
    """The text as a pattern, readable where that is safe."""
    return re.escape(text).replace("\\ ", " ").replace("\\-", "-")


def is_figure(text: str) -> bool:
    """Whether a cell may be a figure: a number, also with something behind it, or a mark that stands for one."""
    return bool(NUMBER.fullmatch(text) or _MARK.fullmatch(text) or SUFFIXED.fullmatch(text))


def behind(text: str) -> list[str]:
    """What stands behind the number of a cell, one by one: ` p*` is p and *. Empty where nothing does."""
    match = SUFFIXED.fullmatch(text)
    if match is None or NUMBER.fullmatch(text):
        return []
    return [trimmed(part) for part in re.findall(_BEHIND, match["behind"])]


def _is_year(text: str) -> bool:
    return bool(re.fullmatch(r"(19|20)\d{2}", text))


def _table(grid: Grid, form: SampleForm) -> None:
    if not grid:
        raise WaymarkError("the sample holds no rows", hint="Give a file with its header and rows to --sample.")
    first = _first_data_row(grid)
    last_header = max(first - 1, 0)
    top = last_header
    while top > 0 and last_header - top < HEADER_LEVELS - 1 and _is_upper_header(grid, top - 1):
        top -= 1
    lines = [grid[index][0] for index in range(top, last_header + 1)]
    form.preamble = grid[: last_header + 1]
    if lines != [1]:
        form.guess("header_rows", lines, f"the first row of figures is line {grid[first][0]}")
    rows = [grid[index][1] for index in range(top, last_header + 1)]
    width = max(map(len, rows))
    rows = [[*row, *[""] * (width - len(row))] for row in rows]
    if any(_has_gap_to_fill(row) for row in rows[:-1]):
        form.guess("fill_labels_right", True, "labels of an upper header row stand over several columns")
    form.levels = [_filled_right(row) if index < len(rows) - 1 else tuple(row) for index, row in enumerate(rows)]
    _footer(grid[first:], _column_names(form), form)
    _fill_down(grid[first:], _column_names(form), form)
    _decimal([row for _, row in grid[first:]], form)


def _first_data_row(grid: Grid) -> int:
    """The index of the first row of figures: numbers stand where most rows below have numbers."""
    width = max(len(row) for _, row in grid)
    rows = [row for _, row in grid]
    counts = [sum(1 for row in rows if position < len(row) and is_figure(row[position])) for position in range(width)]
    figures = [position for position, count in enumerate(counts) if count >= max(counts) / 2 and count]
    for index, row in enumerate(rows):
        there = [row[position] for position in figures if position < len(row) and row[position]]
        found = [text for text in there if is_figure(text)]
        if found and len(found) == len(there) and not all(_is_year(text) for text in found):
            return index
    return min(1, len(grid) - 1)


def _is_upper_header(grid: Grid, index: int) -> bool:
    line, row = grid[index]
    filled = [position for position, cell in enumerate(row) if cell]
    if grid[index + 1][0] != line + 1 or any(NUMBER.fullmatch(cell) and not _is_year(cell) for cell in row):
        return False
    return len(filled) > 1 or filled[0] > 0


def _has_gap_to_fill(row: Sequence[str]) -> bool:
    return any(not cell and any(row[:position]) for position, cell in enumerate(row))


def _filled_right(row: Sequence[str]) -> tuple[str, ...]:
    labels = list(row)
    for position in range(1, len(labels)):
        labels[position] = labels[position] or labels[position - 1]
    return tuple(labels)


def _column_names(form: SampleForm) -> list[str]:
    return [" ".join(filter(None, labels)) for labels in zip(*form.levels, strict=True)]


def _footer(rows: Grid, names: Sequence[str], form: SampleForm) -> None:
    """Rows below the last row of figures end the table."""
    last = max((index for index, (_, row) in enumerate(rows) if _has_figures(row)), default=len(rows) - 1)
    below = rows[last + 1 :]
    if not below:
        return
    line, row = below[0]
    position = next(index for index, cell in enumerate(row) if cell)
    if position >= len(names) or not names[position] or names.count(names[position]) > 1:
        form.notes.append(f"line {line} and those below look like a footer; no stop_at could be proposed")
        return
    start = re.split(r"(?<=:)", row[position])[0][:30]
    earlier = [cells[position] for _, cells in rows[: last + 1] if position < len(cells)]
    if any(cell.startswith(start) for cell in earlier):
        start = row[position]
    form.guess(
        "stop_at", {"column": names[position], "starts_with": start}, f"line {line} and those below hold no figures"
    )


def _has_figures(row: Sequence[str]) -> bool:
    return sum(1 for cell in row[1:] if is_figure(cell)) > 0 or (len(row) == 1 and is_figure(row[0]))


def _fill_down(rows: Grid, names: Sequence[str], form: SampleForm) -> None:
    """Columns of labels that are filled in their first row and empty in many below it."""
    body = [row for _, row in rows if _has_figures(row) and not _is_total_row(row)]
    columns = []
    for position, name in enumerate(names):
        cells = [row[position] if position < len(row) else "" for row in body]
        labels = [cell for cell in cells if cell]
        if not name or names.count(name) > 1 or not body or not cells[0] or len(labels) > 0.8 * len(cells):
            continue
        is_label = sum(1 for cell in labels if not is_figure(cell) or _is_year(cell) or is_period_label(cell))
        if is_label == len(labels) and not is_period_label(name):
            columns.append(name)
    if columns:
        form.guess("fill_labels_down", columns, "labels stand only in the first of their rows")


def _is_total_row(row: Sequence[str]) -> bool:
    return any(is_total(cell) or begins_with_total(cell) for cell in row if cell)


def _decimal(rows: Iterable[Sequence[str]], form: SampleForm) -> None:
    """The decimal mark, where a number shows it beyond doubt: one mark with other than three digits after it."""
    marks = Counter(
        match[1]
        for row in rows
        for cell in row
        if (match := re.fullmatch(r"[+-]?[\d.,' \u00a0\u2007\u2009\u202f]*\d([.,])(?:\d{1,2}|\d{4,})", cell))
    )
    if marks[","] > marks["."]:
        form.guess("decimal", ",", "numbers such as 12,5 stand in the sample")
