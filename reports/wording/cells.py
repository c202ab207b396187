"""How a number gets on a page: as a cell of a published table, or as a declared difference or ratio of two.

Pages never add and never judge. Each function here takes a row of a published table (its `at` says which: the name of
the table and the number of the row in its file) and a column, writes the figure and marks it, inside the text, with
where it is from. The marks are three characters that no partner's text can hold (reports.tables takes them out), so
marked texts go through sentences, templates and escaping like any other text. At the very end `tagged` turns them into
attributes that a reader or a script can follow back to the file, and `plain` takes them off for what is no page.

A cell is named `table.row.column`, the row counted from 0 as in `tables/<table>.csv`. Of two cells: `a-b` and `a/b`;
`a-1` is the change that a ratio tells. Which columns may be taken together stands in derivations.yml; all else raises.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from reports.wording import words

OPEN, MIDDLE, CLOSE = "\ue000", "\ue001", "\ue002"
MARKS = re.compile("[\ue000-\ue002]")
MARKED = re.compile("\ue000([^\ue000-\ue002]*)\ue001([^\ue000-\ue002]*)\ue002")
DECLARATIONS = Path(__file__).parent / "derivations.yml"

Row = Mapping[str, Any]
Claim = tuple[str, str]


class UndeclaredDerivation(ValueError):
    """Two cells were taken together that no table declares; the text names them."""


def mark(cell: str, text: str) -> str:
    """The text with its cell; a text without a digit says no number and needs none."""
    return f"{OPEN}{cell}{MIDDLE}{text}{CLOSE}" if any(map(str.isdigit, text)) else text


def shown(row: Row, column: str, write: Callable[..., str] = words.number, *more: Any) -> str:
    """One cell, written by one of the functions of reports.wording.words."""
    return mark(f"{row['at']}.{column}", write(row[column], *more))


def number(row: Row, column: str = "value", digits: int | None = None) -> str:
    return shown(row, column, words.number, digits)


def signed(row: Row, column: str, digits: int | None = None) -> str:
    return shown(row, column, words.signed, digits)


def percent(row: Row, column: str, digits: int = 0) -> str:
    return shown(row, column, words.percent, digits)


def probability(row: Row, column: str) -> str:
    return shown(row, column, words.probability)


def interval(row: Row, lower: str, upper: str, digits: int | None = None, sign: bool = False) -> str:
    """`3 to 7`; a dash where one of the two is missing."""
    if words.is_missing(row[lower]) or words.is_missing(row[upper]):
        return "–"
    write = words.signed if sign else words.number
    return f"{shown(row, lower, write, digits)} to {shown(row, upper, write, digits)}"


def span(row: Row, lower: str = "lower", upper: str = "upper", sign: bool = False) -> str:
    """One figure where both bounds agree, else both: `7`, `3 to 7`; counts from 0 as `fewer than 5`."""
    low, high = row[lower], row[upper]
    if words.is_missing(low) or words.is_missing(high):
        return "–"
    write = words.signed if sign else words.number
    if low == high:
        return shown(row, lower, write)
    if not sign and low == 0:
        return f"at most {shown(row, upper)}"
    return f"{shown(row, lower, write)} to {shown(row, upper, write)}"


def figure(row: Row, value: str = "value", lower: str = "lower", upper: str = "upper") -> str:
    """The exact figure, else its bounds, else a dash."""
    return number(row, value) if not words.is_missing(row[value]) else span(row, lower, upper)


def difference(row: Row, column: str, other: Row, other_column: str, write: Callable[..., str] = words.signed) -> str:
    _declared("differences", row, column, other, other_column)
    cell = f"{row['at']}.{column}-{other['at']}.{other_column}"
    return mark(cell, write(row[column] - other[other_column]))


def ratio(
    row: Row, column: str, other: Row, other_column: str, write: Callable[..., str] = words.number, *more: Any
) -> str:
    """One cell over another; a dash over nothing or where one of the two is missing."""
    _declared("ratios", row, column, other, other_column)
    above, below = row[column], other[other_column]
    if words.is_missing(above) or words.is_missing(below) or not below:
        return "–"
    return mark(f"{row['at']}.{column}/{other['at']}.{other_column}", write(float(above) / float(below), *more))


def change(row: Row, column: str, digits: int = 1) -> str:
    """The change that a ratio tells, in per cent with its sign: 1.042 is `+4.2 %`."""
    table = str(row["at"]).split(".")[0]
    if column not in declarations().get(table, {}).get("changes", []):
        raise UndeclaredDerivation(f"derivations.yml does not declare {table}.{column} as a ratio that tells a change")
    if words.is_missing(row[column]):
        return "–"
    return mark(f"{row['at']}.{column}-1", words.signed_percent(float(row[column]) - 1, digits))


@functools.cache
def declarations() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(DECLARATIONS.read_text(encoding="utf-8"))


def _declared(kind: str, row: Row, column: str, other: Row, other_column: str) -> None:
    table, other_table = str(row["at"]).split(".")[0], str(other["at"]).split(".")[0]
    if table != other_table or [column, other_column] not in declarations().get(table, {}).get(kind, []):
        raise UndeclaredDerivation(
            f"derivations.yml does not declare {table}.{column} and {other_table}.{other_column} among the {kind}"
        )


# ---- from marks to what is written ------------------------------------------------------------------------------


def plain(text: str) -> str:
    """The text without marks."""
    return MARKED.sub(r"\2", text) if OPEN in text else text


def claims(text: str) -> list[Claim]:
    """(cell, figure as written) of every marked number of a text, in its order."""
    return [(found[1], found[2]) for found in MARKED.finditer(text)]


def without_marks(value: Any, found: list[Claim]) -> Any:
    """A value of lists, dicts and texts without marks; what was claimed is added to `found`."""
    if isinstance(value, str):
        if OPEN not in value:
            return value
        found.extend(claims(value))
        return plain(value)
    if isinstance(value, dict):
        return {name: without_marks(part, found) for name, part in value.items()}
    if isinstance(value, list):
        return [without_marks(part, found) for part in value]
    return value


TAG_WITH_MARKS = re.compile("<[a-zA-Z][^<>]*\ue000[^<>]*>")
ATTRIBUTE = re.compile('([a-z-]+)="([^"]*\ue000[^"]*)"')
SVG_TITLE = re.compile("<title>([^<]*\ue000[^<]*)</title>")
ALONE = re.compile("(<(?:td|dd|small|text|b|span)(?: [^<>]*)?)>\ue000([^\ue001]*)\ue001([^\ue002]*)\ue002(?=</)")


def tagged(page: str) -> str:
    """A rendered page with its marks as attributes.

    `data-cell` on an element says that its whole text is that cell. `data-cells` on a tooltip, and
    `data-<attribute>-cells` beside an attribute, list `cell=figure` in the order of the text, parted by bars.
    """
    if OPEN not in page:
        return page
    page = TAG_WITH_MARKS.sub(_tag, page)
    page = SVG_TITLE.sub(lambda found: f'<title data-cells="{_listed(found[1])}">{plain(found[1])}</title>', page)
    page = ALONE.sub(r'\1 data-cell="\2">\3', page)
    page = MARKED.sub(r'<span data-cell="\1">\2</span>', page)
    if torn := MARKS.search(page):
        around = page[max(torn.start() - 80, 0) : torn.start() + 80]
        raise ValueError(f"a marked number was cut in two before it reached the page: {around!r}")
    return page


def _tag(found: re.Match[str]) -> str:
    def attribute(one: re.Match[str]) -> str:
        return f'{one[1]}="{plain(one[2])}" data-{one[1]}-cells="{_listed(one[2])}"'

    return ATTRIBUTE.sub(attribute, found[0])


def _listed(text: str) -> str:
    return "|".join(f"{cell}={figure}" for cell, figure in claims(text))
