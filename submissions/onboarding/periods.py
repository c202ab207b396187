"""Where the periods of a sample stand in its rows, and which labels among them are totals of others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from submissions.contracts.model import PeriodRule
from submissions.onboarding.meaning import LABELS, Column, Exclusion, Meaning
from submissions.vocabulary.label_words import (
    begins_with_total,
    is_total,
    role_of_header,
    rule_for,
    rule_of_numbers,
    span_of_total,
)

if TYPE_CHECKING:
    import duckdb


def find_period(connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], meaning: Meaning) -> None:
    """One column whose every label is a period, or a year and another column that together are a finer one."""
    whole = [
        (column, rule)
        for column in columns
        if (
            rule := rule_for(parts_of(column))
            or rule_for(_without_totals(column))
            or rule_of_numbers(_without_totals(column))
        )
    ]
    years = [column for column, rule in whole if rule.forms == ("year",)]
    for year in years:
        for part in columns:
            is_named = role_of_header(part.name) == "period"
            if part is year or not (is_named or any(character.isalpha() for character in part.texts[0])):
                continue
            pairs = connection.execute(
                f"SELECT DISTINCT c{part.position} || ' ' || c{year.position} FROM source WHERE NOT is_after_end "
                f"AND c{part.position} <> '' AND c{year.position} <> '' LIMIT {LABELS}"
            ).fetchall()
            pairs = [(text,) for (text,) in pairs if span_of_total(text.rsplit(" ", 1)[0]) is None]
            backwards = [" ".join(reversed(text.rsplit(" ", 1))) for (text,) in pairs]
            for texts, order in (([text for (text,) in pairs], (part, year)), (backwards, (year, part))):
                months = [text for text in texts if rule_of_numbers([text]) is None]
                rule = rule_for(texts) or rule_of_numbers(texts) or rule_for(months)
                if rule is not None and rule.forms != ("year",):
                    meaning.period = PeriodRule(
                        tuple(column.name for column in order),
                        forms=rule.forms, is_fiscal=rule.is_fiscal, languages=rule.languages, names=rule.names,
                    )  # fmt: skip
                    meaning.roles |= {"period": order[0], "period_2": order[1]}
                    return
    named = [pair for pair in whole if role_of_header(pair[0].name) == "period"]
    for column, rule in (named or whole)[:1]:
        meaning.period = PeriodRule(
            (column.name,), forms=rule.forms, is_fiscal=rule.is_fiscal, languages=rule.languages, names=rule.names
        )
        meaning.roles["period"] = column


def parts_of(column: Column) -> list[str]:
    return [label for label in column.texts if not is_total(label)]


def _without_totals(column: Column) -> list[str]:
    return [label for label in parts_of(column) if span_with_year(label) is None]


def span_with_year(label: str) -> str | None:
    """`semester` or `year` where a label names half of a year or the whole of it in words: S1 2023, Totale 2023."""
    years = re.findall(r"(?<!\d)\d{4}(?!\d)", label)
    rest = without_year(label)
    return span_of_total(rest) if len(years) == 1 and rest else None


def without_year(label: str) -> str:
    return re.sub(r"(?<!\d)\d{4}(?!\d)", "", label).strip(" -/,.")


def control_of_rows(meaning: Meaning) -> Column | None:
    """The column of the parts of a year, where totals of it stand among the parts: the year may stand in another column."""
    if (
        "period" not in meaning.roles
        or meaning.period is None
        or meaning.period.forms == ("year",)
        or meaning.unpivot_has_period
    ):
        return None
    parts = [meaning.roles[role] for role in ("period", "period_2") if role in meaning.roles]
    if len(parts) == 1:
        return parts[0] if any(span_with_year(label) for label in parts[0].texts) else None
    named = [column for column in parts if any(span_of_total(label) for label in column.texts)]
    years = [column for column in parts if column not in named and rule_for(parts_of(column)) is not None]
    return named[0] if len(named) == 1 and len(years) == 1 else None


def exclusions_of(meaning: Meaning) -> list[Exclusion]:
    """Totals over areas and periods: their parts are read, and both together would count twice."""
    found = []
    periods = [column for role, column in meaning.roles.items() if role.startswith("period")]
    of_areas = [meaning.roles["area"], *meaning.outer_areas] if "area" in meaning.roles else []
    for columns, what in ((of_areas, "areas"), (periods, "periods")):
        for column in columns:
            totals = tuple(label for label in column.texts if is_total(label))
            if what == "periods" and column is control_of_rows(meaning):
                continue
            beginnings = tuple(sorted({word + " " for label in column.texts if (word := begins_with_total(label))}))
            if totals:
                found.append(Exclusion(column.name, totals, (), f"total of the {what}"))
            if beginnings:
                found.append(Exclusion(column.name, (), beginnings, f"sub-total of {what}"))
    return found
