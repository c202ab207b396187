"""Headings of a wide table that say a year and a part of it, with words around them and totals among them.

`Exercice 2022/23 | T1 … T4, Total`, or `Betreute 2023 | Jän … Dez, Jahr | Frauen, Männer`: what of each heading is the year,
what the part of the year, which parts are totals of the others, and what the other rows of the header say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from submissions.contracts.model import PeriodRule
from submissions.onboarding.form import escaped
from submissions.vocabulary.label_words import rule_for, rule_of_numbers, rule_with_names, span_of_total
from submissions.vocabulary.period_names import folded_period

YEAR, PART, GROUP = "heading_year", "heading_part", "heading_group"
_YEAR = re.compile(r"(?:FY ?)?\d{4}(?:[/\u2013-](?:\d{4}|\d{2}))?")
_YEAR_SHAPES = ((r"\d{4}", r"\d{4}"), (r"\d{4}/\d{2}", r"\d{4}/\d{2}"), (r"\d{4}-\d{2}", r"\d{4}-\d{2}"),
                (r"\d{4}/\d{4}", r"\d{4}/\d{4}"), (r"\d{4}-\d{4}", r"\d{4}-\d{4}"),
                (r"FY ?\d{4}", r"FY ?\d{4}"), (r"FY ?\d{4}/\d{2}", r"FY ?\d{4}/\d{2}"))  # fmt: skip


@dataclass(frozen=True)
class Headings:
    """`pattern` has the groups heading_year, heading_part and, where there are several, heading_group."""

    positions: tuple[int, ...]
    pattern: str
    period: PeriodRule
    totals: tuple[tuple[str, str], ...]
    """(label, year or semester) of the parts that are totals."""
    groups: tuple[str, ...]


Names = Sequence[tuple[int, str, Sequence[str]]]
"""(position, name, labels of each header row) of columns that may hold figures."""


def headings_of(names: Names, is_plain_known: bool = False) -> Headings | None:
    """What the headings say; None where no part of a year is named, or nothing but plain periods (2023 Q1) unless these are
    wanted too."""
    depth = len(names[0][2]) if names else 0
    spans = [(first, last) for first in range(depth) for last in range(first + 1, depth + 1)]
    for first, last in sorted(spans, key=lambda span: span[0] - span[1]):
        found = _of_levels(names, first, last, is_plain_known)
        if found is not None:
            return found
    return None


def headings_below(year: str, column: str, names: Names) -> Headings | None:
    """Headings that name parts of a year (Q1 … Q4, Total) which itself stands in a column of the rows, such as `year`.

    They are read as if the year stood before the part, in each row of the header in turn; what is returned has the column
    in its place.
    """
    for level in range(len(names[0][2]) if names else 0):
        parts = [each for each in names if _is_part(each[2][level], year)]
        for chosen in (names, parts):
            if len({each[2][level] for each in chosen}) < 2:
                continue
            with_year = [(each[0], [*each[2][:level], year, *each[2][level:]]) for each in chosen]
            found = headings_of([(place, " ".join(filter(None, labels)), labels) for place, labels in with_year], True)
            groups = [
                group
                for group in (rf"(?P<{YEAR}>{shape}) " for shape, _ in _YEAR_SHAPES)
                if found and group in found.pattern
            ]
            if found is None or not groups:
                continue
            pattern = found.pattern.replace(groups[0], "")
            if all(re.fullmatch(pattern, each[1]) for each in chosen if each[0] in found.positions):
                period = replace(found.period, sources=(column, PART))
                return replace(found, pattern=pattern, period=period)
    return None


def _is_part(label: str, year: str) -> bool:
    rule = rule_for([f"{year} {label}"]) or rule_of_numbers([f"{year} {label}"])
    return span_of_total(label) is not None or (rule is not None and rule.forms != ("year",))


@dataclass(frozen=True)
class _Heading:
    position: int
    name: str
    year: str
    part: str
    is_year_first: bool
    around: str
    above: str
    below: str


def _of_levels(names: Names, first: int, last: int, is_plain_known: bool) -> Headings | None:
    texts = {position: " ".join(filter(None, labels[first:last])) for position, _, labels in names}
    with_year = {position: text for position, text in texts.items() if len(_YEAR.findall(text)) == 1}
    if len(with_year) < 3:
        return None
    # words that stand in every heading tell no column from another
    words = [{word for word in text.split() if not any(map(str.isdigit, word))} for text in with_year.values()]
    common = set.intersection(*words)
    split = [
        _split(position, name, with_year[position], common, labels[:first], labels[last:])
        for position, name, labels in names
        if position in with_year
    ]
    totals = {heading.part: span for heading in split if (span := span_of_total(heading.part))}
    parts = [heading for heading in split if heading.part and heading.part not in totals]
    orders = {(heading.is_year_first, heading.around) for heading in split if heading.part}
    if len(parts) < 2 or len(orders) != 1:
        return None
    ordered = [_joined(heading) for heading in parts]
    rule = rule_for(ordered) or rule_with_names(ordered)
    if rule is None or rule.forms == ("year",) or not (common or totals or rule.names or is_plain_known):
        return None
    taken = [heading for heading in split if heading.part]
    pattern = _pattern(taken)
    if pattern is None:
        return None
    sources = (YEAR, PART) if taken[0].is_year_first else (PART, YEAR)
    period = PeriodRule(sources, forms=rule.forms, is_fiscal=rule.is_fiscal, languages=rule.languages, names=rule.names)
    groups = tuple(dict.fromkeys(" ".join(filter(None, (each.above, each.below))) for each in taken))
    return Headings(tuple(each.position for each in taken), pattern, period, tuple(totals.items()), groups)


def _split(
    position: int, name: str, text: str, common: set[str], above: Sequence[str], below: Sequence[str]
) -> _Heading:
    match = _YEAR.search(text)
    assert match is not None
    before, after = (
        [word for word in side.split() if word not in common] for side in (text[: match.start()], text[match.end() :])
    )
    around = " ".join(
        "\0" if word == "\0" else word
        for word in text.replace(match[0], " \0 ", 1).split()
        if word in common or word == "\0"
    )
    part = " ".join([*before, *after])
    return _Heading(
        position, name, match[0], part, not before, around, " ".join(filter(None, above)), " ".join(filter(None, below))
    )


def _joined(heading: _Heading) -> str:
    pair = (heading.year, heading.part) if heading.is_year_first else (heading.part, heading.year)
    return " ".join(pair)


def _pattern(headings: Sequence[_Heading]) -> str | None:
    """The pattern of all names, or None where it would not find year and part as they were found here."""
    shape = next((shape for shape, _ in _YEAR_SHAPES if all(re.fullmatch(shape, each.year) for each in headings)), None)
    if shape is None:
        return None
    year = f"(?P<{YEAR}>{shape})"
    alternatives = sorted({each.part for each in headings}, key=lambda text: (-len(text), text))
    part = f"(?P<{PART}>{'|'.join(map(escaped, alternatives))})"
    middle = f"{year} {part}" if headings[0].is_year_first else f"{part} {year}"
    before, _, after = headings[0].around.partition("\0")
    period = " ".join(filter(None, (escaped(before.strip()), middle, escaped(after.strip()))))
    sides = []
    for labels in ({each.above for each in headings}, {each.below for each in headings}):
        several = "|".join(map(escaped, sorted(labels, key=lambda text: (-len(text), text))))
        sides.append(several if len(labels) == 1 else f"(?P<{GROUP}>{several})")
    if all(GROUP in side for side in sides):
        return None
    pattern = " ".join(filter(None, (sides[0], period, sides[1])))
    for each in headings:
        found = re.fullmatch(pattern, each.name)
        if found is None or found[YEAR] != each.year or found[PART] != each.part:
            return None
    return pattern


def names_as_written(period: PeriodRule) -> dict[str, str]:
    """The publisher's own names to codes, as a contract writes them: Feber: M02."""
    letters = {"month": "M", "quarter": "Q", "semester": "S"}
    return {
        name: f"{letters[kind]}{number:02}" if kind == "month" else f"{letters[kind]}{number}"
        for name, (kind, number) in period.names.items()
        if folded_period(name)
    }
