"""What every reader hands over: records of one line each, and the limits that hold for all of them."""

from __future__ import annotations

from collections.abc import Sequence

Record = tuple[int, Sequence[str | None]]
"""The line (or row of the sheet) and its cells; None where a sheet of several lacks the column."""

BATCH_ROWS = 50_000
MAXIMUM_COLUMNS = 2_000
MAXIMUM_CELL_CHARACTERS = 32_768
MAXIMUM_LINE_CHARACTERS = 4_000_000
MAXIMUM_UNPACKED_BYTES = 2_000_000_000
MAXIMUM_UNPACKED_RATIO = 150
RATIO_MATTERS_ABOVE_BYTES = 50_000_000
MAXIMUM_ARCHIVE_MEMBERS = 10_000

BLANKS = " \t\r\n\u00a0\u2000\u2001\u2002\u2003\u2007\u2009\u202f\u3000\ufeff"


class BrokenRow(tuple[str, ...]):
    """A row without cells, because its line could not be read; `code` is the numbered problem that says why."""

    code: str

    def __new__(cls, code: str) -> BrokenRow:
        row = super().__new__(cls)
        row.code = code
        return row
