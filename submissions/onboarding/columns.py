"""What the columns of a sample probably mean: which are figures, which name a period, an area, a sex, and which persons.

The sample is read whole, by the reader that will read the partner's files, under the form proposed for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from submissions.contracts.model import trimmed
from submissions.onboarding.form import NUMBER, SampleForm, escaped, shape_of
from submissions.onboarding.headings import GROUP, Headings, headings_below, headings_of
from submissions.onboarding.meaning import LABELS, Column, Exclusion, Meaning
from submissions.onboarding.periods import find_period, parts_of
from submissions.onboarding.values import days_of
from submissions.vocabulary.country_names import resolve
from submissions.vocabulary.fields import codes
from submissions.vocabulary.label_words import (
    begins_with_total,
    code_of_label,
    is_total,
    role_of_header,
    rule_for,
    says,
)
from submissions.vocabulary.multiplier_words import multiplier_said
from submissions.vocabulary.period_names import folded_period

if TYPE_CHECKING:
    import duckdb

    from submissions.readers.table import Reading

_NO_COUNT = re.compile(r"\b(id|[a-z]?code|fips|index|rank|rate|share|percent|latitude|longitude)\b")
CODED = ("sex", "age", "exploitation")


def columns_of(
    connection: duckdb.DuckDBPyConnection, reading: Reading, exclusions: Sequence[Exclusion] = ()
) -> list[Column]:
    """The columns of the table `source`, without the rows below the declared end and those that exclusions leave out."""
    found = []
    positions = {name: f"c{index}" for index, name in enumerate(reading.header)}
    parameters: dict[str, object] = {}
    left_out = ["is_after_end"]
    for index, each in enumerate(exclusions):
        column = positions[each.column]
        parameters |= {f"labels_{index}": list(each.labels), f"starts_{index}": list(each.starts_with)}
        left_out.append(f"coalesce(list_contains($labels_{index}, {column}), false)")
        left_out.append(
            f"coalesce(len(list_filter($starts_{index}::VARCHAR[], start -> starts_with({column}, start))) > 0, false)"
        )
    taken = f"NOT ({' OR '.join(left_out)})"
    for position, name in enumerate(reading.header):
        rows = connection.execute(
            f"SELECT c{position}, count(*) FROM source WHERE {taken} AND c{position} <> '' "
            f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {LABELS}",
            parameters,
        ).fetchall()
        blanks = connection.execute(
            f"SELECT count(*) FROM source WHERE {taken} AND coalesce(c{position}, 'absent') = ''", parameters
        ).fetchone()
        found.append(Column(position, name, tuple(rows), blanks[0] if blanks else 0))
    return found


def meaning_of(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    form: SampleForm,
    areas: dict[str, str],
    personal: frozenset[int],
    issue_column: str | None,
) -> Meaning:
    """Proposes a role for every column that is not personal. `areas` are codes by folded name and by code."""
    meaning = Meaning()
    names = [column.name for column in columns]
    # a name that stands twice cannot be read, whichever of the two is meant
    columns = [
        column for column in columns
        if column.position not in personal and column.name and column.name != issue_column and names.count(column.name) == 1
    ]  # fmt: skip
    usable = [column for column in columns if column.rows]
    figures = [column for column in usable if column.is_of_figures and rule_for(column.texts) is None]
    # a column whose every cell is a mark or empty is known by its header alone
    is_wide = (
        _wide_by_headings(columns, form, meaning)
        or _wide_below_year(usable, form, meaning)
        or _wide_by_period(columns, form, meaning)
    )
    if not is_wide and not _wide_by_members(figures, form, meaning):
        _one_of_figures(figures, meaning)
    rest = [column for column in usable if column not in meaning.figures]
    meaning.issued = next((column for column in rest if says("issued", column.name) and days_of(column.texts)), None)
    rest = [column for column in rest if column is not meaning.issued]
    if meaning.period is None:
        find_period(connection, rest, meaning)
    rest = [column for column in rest if column not in meaning.roles.values()]
    _find_dimensions(rest, areas, meaning)
    used = {*(column.name for column in meaning.roles.values()), *(column.name for column in meaning.figures)}
    used |= {column.name for column in (*meaning.outer_areas, meaning.issued) if column is not None}
    meaning.unread = [column.name for column in usable if column.name not in used]
    return meaning


# --- figures ---------------------------------------------------------------------------------------------------------


def _one_of_figures(figures: Sequence[Column], meaning: Meaning) -> None:
    if len(figures) == sum(_is_flag(column) for column in figures):
        return
    counts = [
        column for column in figures
        if not _is_flag(column) and not _NO_COUNT.search(folded_period(column.name)) and not says("other_figure", column.name)
    ]  # fmt: skip
    named = [column for column in counts if role_of_header(column.name) == "value"]
    meaning.figures = [(named or counts or list(figures))[-1]]


def _is_flag(column: Column) -> bool:
    """Whether a column says yes or no of each row: then a row is a person or case, and counts nothing."""
    return {label for label in column.texts if NUMBER.fullmatch(label) and not label.startswith("-")} <= {"0", "1"}


def _levels(column: Column, form: SampleForm) -> list[str]:
    """The labels of a column's header rows, upper ones first."""
    if column.position < len(form.levels[0]) if form.levels else False:
        return [trimmed(level[column.position]) for level in form.levels]
    return [column.name]


def _wide_by_headings(columns: Sequence[Column], form: SampleForm, meaning: Meaning) -> bool:
    """Columns whose names say a year and a part of it among other words, and totals beside the parts."""
    usable = [column for column in columns if column.is_of_figures or not column.rows]
    found = headings_of([(column.position, column.name, _levels(column, form)) for column in usable])
    if found is None:
        return False
    _take_headings(found, usable, meaning)
    return True


def _wide_below_year(columns: Sequence[Column], form: SampleForm, meaning: Meaning) -> bool:
    """Columns whose names are parts of a year, where another column says of each row which year it is."""
    years = [(column, rule) for column in columns if (rule := rule_for(parts_of(column))) and rule.forms == ("year",)]
    for column, _ in sorted(years, key=lambda pair: role_of_header(pair[0].name) != "period"):
        others = [each for each in columns if each.is_of_figures and each is not column]
        names = [(each.position, each.name, _levels(each, form)) for each in others]
        found = headings_below(parts_of(column)[0], column.name, names)
        if found is not None:
            _take_headings(found, others, meaning)
            meaning.roles["period"], meaning.year_source = column, column.name
            return True
    return False


def _take_headings(found: Headings, columns: Sequence[Column], meaning: Meaning) -> None:
    meaning.figures = [column for column in columns if column.position in found.positions]
    meaning.unpivot, meaning.period, meaning.totals = found.pattern, found.period, found.totals
    if len(found.groups) > 1:
        meaning.group_labels, meaning.group_source = found.groups, GROUP
        meaning.group_role = _role_of_members(found.groups)


def _wide_by_period(columns: Sequence[Column], form: SampleForm, meaning: Meaning) -> bool:
    """Columns whose names, or one row of whose headers, are periods; what else the names say becomes a group."""
    depth = len(form.levels) or 1
    for choice in [tuple(range(depth)), *((index,) for index in range(depth))]:
        named = [
            (column, " ".join(filter(None, (_levels(column, form)[index] for index in choice)))) for column in columns
        ]
        of_period = [(column, text) for column, text in named if text and rule_for([text])]
        rule = rule_for([text for _, text in of_period])
        if len(of_period) < 2 or rule is None or len({text for _, text in of_period}) < 2:
            continue
        if not any(column.is_of_figures for column, _ in of_period):
            continue
        others = [
            [label for index, label in enumerate(_levels(column, form)) if index not in choice and label]
            for column, _ in of_period
        ]
        groups = [" ".join(labels) for labels in others]
        meaning.figures, meaning.period = [column for column, _ in of_period], rule
        period = _shapes([text for _, text in of_period], columns, meaning.figures)
        if not any(groups):
            meaning.unpivot = period
            return True
        alternatives = list(dict.fromkeys(map(escaped, groups)))
        is_above = choice[0] == 0
        group = f"(?P<group>{'|'.join(alternatives)})" if len(alternatives) > 1 else alternatives[0]
        parts = [f"(?P<period>{period})", group]
        meaning.unpivot = " ".join(parts if is_above else reversed(parts))
        meaning.group_labels = tuple(dict.fromkeys(groups))
        meaning.group_role = _role_of_members(meaning.group_labels)
        if not all(re.fullmatch(meaning.unpivot, column.name) for column in meaning.figures):
            meaning.unpivot = "|".join(escaped(column.name) for column in meaning.figures)
        return True
    return False


def _wide_by_members(figures: Sequence[Column], form: SampleForm, meaning: Meaning) -> bool:
    """Columns whose names, or one row of whose headers, are the members of one dimension, such as women and men."""
    depth = len(form.levels) or 1
    for role in CODED:
        for level in range(depth):
            labels = {column.name: _levels(column, form)[level] for column in figures}
            members = [column for column in figures if code_of_label(role, labels[column.name], codes(role))]
            specific = {labels[column.name] for column in members if not is_total(labels[column.name])}
            others = {_without(_levels(column, form), level) for column in members}
            if len(specific) < 2 or len(others) > 1:
                continue
            meaning.figures, meaning.group_role = members, role
            meaning.group_labels = tuple(dict.fromkeys(labels[column.name] for column in members))
            alternatives = "|".join(map(escaped, meaning.group_labels))
            before, after = (_without(_levels(members[0], form), level, part) for part in (-1, 1))
            group = f"(?P<group>{alternatives})" if before or after else alternatives
            meaning.unpivot = " ".join(filter(None, (escaped(before), group, escaped(after))))
            return True
    return False


def _without(labels: Sequence[str], level: int, part: int = 0) -> str:
    """The other labels of a header: all of them, or those above (-1) or below (1) the level."""
    above, below = labels[:level], labels[level + 1 :]
    return " ".join(filter(None, [*above, *below] if not part else above if part < 0 else below))


def _role_of_members(labels: Sequence[str]) -> str | None:
    for role in CODED:
        if any(code_of_label(role, label, codes(role)) not in ("", "_T", "_U") for label in labels):
            return role
    return None


def _shapes(texts: Sequence[str], figures: Sequence[Column], chosen: Sequence[Column]) -> str:
    """A pattern that also takes next year's columns; the names themselves where it would take other columns as well."""

    pattern = "|".join(dict.fromkeys(map(shape_of, texts)))
    others = [column.name for column in figures if column not in chosen]
    if any(re.search(pattern, name) for name in others):
        return "|".join(dict.fromkeys(map(escaped, texts)))
    return pattern


# --- dimensions ------------------------------------------------------------------------------------------------------


def _find_dimensions(columns: Sequence[Column], areas: dict[str, str], meaning: Meaning) -> None:
    candidates: list[tuple[float, str, Column, str]] = []
    for column in columns:
        labels = [label for label in column.texts if not is_total(label) and not begins_with_total(label)]
        if not labels or column.is_of_figures:
            continue
        by_header = role_of_header(column.name)
        if by_header in ("measure", "unit") or any(map(multiplier_said, labels)):
            role = "measure" if by_header == "measure" else "unit"
            candidates.append((3, role, column, "by its header" if by_header else "its labels say units"))
            continue
        for role in CODED:
            known = codes(role)
            share = _share(labels, [bool(code_of_label(role, label, known)) for label in labels])
            if share > 0.5 or by_header == role:
                candidates.append((share + 2 * (by_header == role), role, column, _why(share, by_header == role)))
        in_sets = _share(labels, [folded_period(label) in areas or label in areas for label in labels])
        countries = _share(labels, [resolve(label) is not None for label in labels])
        if by_header == "counterpart_area" or (countries > 0.6 and by_header != "area" and in_sets <= countries):
            is_named = by_header == "counterpart_area"
            candidates.append((countries + 2 * is_named, "counterpart_area", column, _why(countries, is_named)))
        if by_header == "area" or in_sets > 0.6:
            candidates.append((in_sets + 2 * (by_header == "area"), "area", column, _why(in_sets, by_header == "area")))
    taken: set[str] = set()
    for _, role, column, why in sorted(candidates, key=lambda each: (-each[0], each[2].position)):
        if column.name in taken:
            continue
        if role in meaning.roles:
            if role == "area":
                taken.add(column.name)
                meaning.outer_areas.append(column)
            continue
        taken.add(column.name)
        meaning.roles[role], meaning.why[role] = column, why
    _finest_area(meaning)


def _finest_area(meaning: Meaning) -> None:
    """Of several columns of areas the one with most labels is read: the others are what it is part of."""
    if not meaning.outer_areas:
        return
    together = sorted([meaning.roles["area"], *meaning.outer_areas], key=lambda column: len(column.labels))
    if together[-1] is not meaning.roles["area"]:
        meaning.why["area"] = "the finest of several columns of areas"
    meaning.roles["area"], meaning.outer_areas = together[-1], together[:-1]


def _share(labels: Sequence[str], hits: Sequence[bool]) -> float:
    return sum(hits) / len(labels)


def _why(share: float, is_named: bool) -> str:
    known = f"{share:.0%} of its labels are known"
    return f"by its header; {known}" if is_named else known
