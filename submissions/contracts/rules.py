"""From one rule of a contract (of a column, a period, a value, a total) to its model."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from submissions.contracts.model import (
    ColumnRule,
    Exclusion,
    Ignored,
    MapRow,
    Mark,
    Multiplier,
    PeriodRule,
    TotalRule,
    ValueRule,
    Where,
    trimmed,
)
from submissions.vocabulary.period_names import folded_period

OTHER_ROWS = "rows of another table in the same file"
KINDS_OF_NAMES = {"M": "month", "Q": "quarter", "S": "semester"}


def listed(rules: Any) -> list:
    return rules if isinstance(rules, list) else [rules]


def where_of(content: Mapping[str, Any] | None) -> Where:
    return tuple(
        (column, tuple(trimmed(label) for label in listed(labels))) for column, labels in (content or {}).items()
    )


def column_rule(column: str, rule: Mapping[str, Any]) -> ColumnRule:
    return ColumnRule(
        column=column,
        constant=rule.get("constant"),
        source=rule.get("from"),
        where=where_of(rule.get("where")),
        otherwise=rule.get("else"),
        map_file=rule.get("map"),
        values={trimmed(label): code for label, code in rule.get("values", {}).items()},
        library=rule.get("library"),
    )


def period_rule(rule: Mapping[str, Any]) -> PeriodRule:
    return PeriodRule(
        sources=tuple(listed(rule.get("from", []))),
        constant=rule.get("constant"),
        forms=tuple(listed(rule.get("as", []))),
        pattern=rule.get("pattern"),
        is_fiscal=rule.get("fiscal", False),
        says_fiscal="fiscal" in rule,
        languages=tuple(listed(rule.get("language", []))),
        where=where_of(rule.get("where")),
        names={
            folded_period(name): (KINDS_OF_NAMES[code[0]], int(code[1:]))
            for name, code in rule.get("names", {}).items()
        },
        values={trimmed(label): code for label, code in rule.get("values", {}).items()},
    )


def value_rule(rule: Mapping[str, Any], decimal: str) -> ValueRule:
    return ValueRule(
        source=rule["from"],
        thousands=rule.get("thousands", ""),
        decimal=rule.get("decimal", decimal),
        marks=tuple(_mark(trimmed(text), meaning) for text, meaning in rule.get("marks", {}).items()),
        has_corrections=rule.get("corrections", False),
        multiplier=_multiplier(rule["multiplier"]) if "multiplier" in rule else None,
        suffixes={
            trimmed(text): "" if status == "none" else status for text, status in rule.get("suffixes", {}).items()
        },
    )


def _mark(text: str, meaning: Any) -> Mark:
    if isinstance(meaning, list):
        return Mark(text, meaning[0], meaning[1])
    if isinstance(meaning, dict) and "suppressed" in meaning:
        return Mark(text, meaning["suppressed"][0], meaning["suppressed"][1], "suppressed_by_publisher")
    if isinstance(meaning, dict):
        return Mark(text, missing_reason=meaning["missing"])
    return Mark(text, meaning, meaning)


def _multiplier(rule: Any) -> Multiplier:
    if isinstance(rule, str):
        return Multiplier(Decimal(rule))
    if "number" in rule:
        return Multiplier(Decimal(rule["number"]), reason=rule["reason"])
    return Multiplier(
        source=rule["from"],
        values={trimmed(label): Decimal(number) for label, number in rule["values"].items()},
        otherwise=Decimal(rule["else"]) if "else" in rule else None,
        reason=rule.get("reason"),
    )


def total_rules(content: Mapping[str, Any], columns: Mapping[str, tuple[ColumnRule, ...]]) -> tuple[TotalRule, ...]:
    """`check_totals`, then `control_totals`; what a total goes over is by default what its column is read as."""
    periods = [
        source for rule in listed(content["columns"].get("period", [])) for source in listed(rule.get("from", []))
    ]

    def over(rule: Mapping[str, Any]) -> tuple[str, ...]:
        if "over" in rule:
            return tuple(rule["over"])
        read = [name for name, rules in columns.items() if any(each.source == rule["column"] for each in rules)]
        return (*read, *(("period",) if "period" in rule or (rule["column"] in periods and not read) else ()))

    checks = [
        TotalRule(
            rule["column"],
            (trimmed(rule["member"]),),
            over=tuple(name for name in over(rule) if name != "period"),
            tolerance=float(rule.get("tolerance", 0)),
        )
        for rule in content.get("check_totals", ())
    ]
    controls = [
        TotalRule(
            rule["column"],
            tuple(trimmed(label) for label in listed(rule.get("in", []))),
            tuple(listed(rule.get("starts_with", []))),
            tuple(listed(rule.get("ends_with", []))),
            where_of(rule.get("where")),
            over(rule),
            period_rule(rule["period"]) if "period" in rule else None,
            float(rule.get("tolerance", 0)),
            is_control=True,
        )
        for rule in content.get("control_totals", ())
    ]
    return (*checks, *controls)


def ignored(rule: Mapping[str, Any]) -> Ignored:
    column = rule.get("column")
    return Ignored(rule["reason"], trimmed(column) if column else None, rule.get("columns"))


def only(content: Mapping[str, Any] | None) -> list[Exclusion]:
    return [Exclusion(OTHER_ROWS, where=where_of(content), is_of_other_rows=True)] if content else []


def exclusion(rule: Mapping[str, Any], maps: Mapping[str, tuple[MapRow, ...]]) -> Exclusion:
    labels = rule.get("in", ())
    file = labels if isinstance(labels, str) else None
    return Exclusion(
        reason=rule["reason"],
        column=rule.get("column"),
        labels=tuple(row.source for row in maps.get(file, ())) if file else tuple(trimmed(label) for label in labels),
        starts_with=tuple(listed(rule.get("starts_with", []))),
        ends_with=tuple(listed(rule.get("ends_with", []))),
        is_blank=rule.get("blank", False),
        where=where_of(rule.get("where")),
        labels_file=file,
    )
