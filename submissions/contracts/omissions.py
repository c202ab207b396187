"""What a contract may not leave unsaid, or say against itself: fiscal years, multipliers, suffixes, totals, corrections.

Asked of contracts that are read to take files in. Snapshots of earlier contracts, which the lake keeps, are not asked again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from submissions.contracts.located_yaml import Document, DocumentProblem, Place
from submissions.contracts.model import Dataset, PeriodRule
from submissions.vocabulary.multiplier_words import multiplier_said

# a year's group and behind it another year: T1 2019/20
_TWO_YEARS = re.compile(r"\(\?P<year>[^)]*\)(?:\[[^\]]*\]|\\?[/–-])\(?(?:\\d|\[0-9\]|\d)")
_FISCAL_WORDS = re.compile(r"\bFY\b|\bFY(?=[ ?('\\])", re.IGNORECASE)
NAMED = (
    "say how labels name a year: `named_after: start` (2023 begins in 2023) or `named_after: end` (2023 ends in 2023)"
)


def silences(document: Document, datasets: Mapping[str, Dataset]) -> Iterator[DocumentProblem]:
    for dataset in datasets.values():
        content = document.content["datasets"][dataset.name]
        place: Place = ("datasets", dataset.name)
        for inner, message in (
            *_fiscal(dataset, content),
            *_multiplier(dataset, content),
            *_suffixes(dataset),
            *_totals(dataset, content),
            *_ignored(dataset, content),
            *_revises(dataset, content, datasets),
        ):
            yield document.problem((*place, *inner), message)


Found = Iterator[tuple[Place, str]]


def _fiscal(dataset: Dataset, content: Mapping[str, Any]) -> Found:
    fiscal = content.get("fiscal_year")
    rules = [(("columns", "period"), rule) for rule in dataset.periods]
    rules += [(("control_totals",), rule.period) for rule in dataset.totals if rule.period is not None]
    if fiscal is not None and "named_after" not in fiscal:
        yield ("fiscal_year",), NAMED
    if fiscal is not None and not any(rule.is_fiscal for _, rule in rules):
        yield (
            ("fiscal_year",),
            "no period says `fiscal: true`, so it is read by none: say it at the period, or delete this",
        )
    for inner, rule in rules:
        if rule.is_fiscal and rule.values:
            yield inner, "texts that lead to periods of the calendar are not fiscal: delete `fiscal`"
        if rule.is_fiscal and fiscal is None and inner != ("columns", "period"):
            yield inner, "'fiscal: true' needs 'fiscal_year: {starts: MM-DD, named_after: start or end}' at the dataset"
        if fiscal is not None and not rule.says_fiscal and rule.constant is None and not rule.values:
            yield (
                inner,
                "the dataset declares a fiscal year: say `fiscal: true` here, or `fiscal: false` for calendar years",
            )
        if rule.pattern is None:
            continue
        if not rule.says_fiscal and (_TWO_YEARS.search(rule.pattern) or _FISCAL_WORDS.search(rule.pattern)):
            yield (
                inner,
                "the pattern names a fiscal year (two years, or FY): declare `fiscal: true` here and `fiscal_year: "
                "{starts: MM-DD, named_after: start or end}` at the dataset, or `fiscal: false` for calendar years",
            )
        if rule.is_fiscal and dataset.fiscal_named_after == "end" and _TWO_YEARS.search(rule.pattern):
            yield (
                inner,
                "the pattern takes the first of two years, and `named_after: end` says that the second names it: "
                "put the group `year` on the second, or say `named_after: start`",
            )


def _multiplier(dataset: Dataset, content: Mapping[str, Any]) -> Found:
    rule = dataset.value.multiplier if dataset.value else None
    if rule is None:
        return
    inner: Place = ("columns", "value", "multiplier")
    for label, number in rule.values.items():
        said = multiplier_said(label)
        if said is not None and said != number and not rule.reason:
            yield (
                (*inner, "values"),
                f"the label '{label}' says {said:,}, declared is {number:f}: mend it, or give a `reason`",
            )
    said = multiplier_said(dataset.value.source) if dataset.value else None
    if rule.number is not None and said is not None and said != rule.number and not rule.reason:
        yield inner, f"the column says {said:,}, declared is {rule.number:f}: mend it, or say {{number: …, reason: …}}"


def _suffixes(dataset: Dataset) -> Found:
    if dataset.value is None:
        return
    inner: Place = ("columns", "value", "suffixes")
    for text in dataset.value.suffixes:
        if not text:
            yield inner, "an empty suffix stands behind every number: delete it"
        elif re.fullmatch(r"[\d.,'+-]+", text):
            yield inner, f"'{text}' could be part of a number: a suffix needs a letter, a bracket or another sign"


def _totals(dataset: Dataset, content: Mapping[str, Any]) -> Found:
    controls = [rule for rule in dataset.totals if rule.is_control]
    for index, (rule, said) in enumerate(zip(controls, content.get("control_totals", ()), strict=True)):
        inner: Place = ("control_totals", index)
        if not {"in", "starts_with", "ends_with", "where"} & said.keys():
            yield inner, "says no label to look for: needs 'in', 'starts_with', 'ends_with' or 'where'"
        if not rule.over:
            yield (
                inner,
                f"nothing is read from '{rule.column}': say `over: […]`, which of our columns the total goes over",
            )
        if "period" in rule.over and rule.period is None:
            yield (
                inner,
                "a total over periods needs to say its own: `period: {from: …, as: year}` (or semester, quarter, a pattern)",
            )
        if rule.period is not None and "period" not in rule.over:
            yield inner, "a 'period' belongs to a total over periods: add `period` to 'over'"
        if rule.period is not None:
            yield from (((*inner, "period"), message) for message in period_questions(rule.period, "year"))
            if not rule.period.sources:
                yield (*inner, "period"), "needs 'from', the column that names the period of the total"


def period_questions(rule: PeriodRule, example: str) -> Iterator[str]:
    """What a period rule must say once, as sentences."""
    if (bool(rule.forms) + (rule.pattern is not None) + bool(rule.values)) != 1:
        yield f"needs one of 'as' ({example}, or a list), a 'pattern', or 'values' (text: period)"
    if rule.values and (rule.names or rule.languages):
        yield "'values' are whole texts: 'names' and 'language' go with 'as' or a 'pattern'"
    kinds = {kind for kind, _ in rule.names.values()}
    if rule.forms and kinds - set(rule.forms):
        yield f"'names' has a {min(kinds - set(rule.forms))}, which 'as' does not read: add it there"
    if rule.pattern is None:
        return
    try:
        groups = re.compile(rule.pattern).groupindex
    except re.error:
        return
    if "name" in groups and not rule.names and not rule.languages:
        yield "a group 'name' needs 'names' (label: M01 to M12, Q1 to Q4) or a 'language'"
    if (rule.names or rule.languages) and "name" not in groups:
        yield "with a pattern, 'names' and 'language' are looked up for a group 'name': (?P<name>…)"


def _ignored(dataset: Dataset, content: Mapping[str, Any]) -> Found:
    read = {rule.source for rules in dataset.columns.values() for rule in rules}
    read |= {source for rule in dataset.periods for source in rule.sources} | {
        dataset.value.source if dataset.value else None
    }
    for index, rule in enumerate(dataset.ignored):
        if (rule.column is None) == (rule.columns is None):
            yield ("ignored", index), "needs either 'column', a name, or 'columns', a pattern of names"
        if rule.column is not None and rule.column in read:
            yield ("ignored", index), f"the column '{rule.column}' is read under 'columns': delete one of the two"
        if rule.columns is not None:
            try:
                re.compile(rule.columns)
            except re.error as error:
                yield ("ignored", index), f"'{rule.columns}' is not a regular expression: {error}"


def _revises(dataset: Dataset, content: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> Found:
    if dataset.revises is None:
        return
    revised = datasets.get(dataset.revises)
    if revised is None or revised is dataset:
        names = ", ".join(name for name in datasets if name != dataset.name) or "there is none"
        yield ("revises",), f"'{dataset.revises}' is no other dataset of this contract: {names}"
        return
    if revised.revises:
        yield ("revises",), f"'{revised.name}' revises '{revised.revises}' itself: name the dataset that is corrected"
    if dataset.replaces != "keys":
        yield ("replaces",), "a sheet of corrections replaces the cells it names: `replaces: keys`"
    for key in ("kind", "counting_unit"):
        if getattr(dataset, key) != getattr(revised, key):
            yield ("revises",), f"'{key}' differs from that of '{revised.name}', so that no cell of it is met"
    for column in sorted(revised.columns.keys() ^ dataset.columns.keys()):
        lacking = dataset if column in revised.columns else revised
        if column not in ("obs_status", "conf_status"):
            yield (
                ("columns",),
                f"'{column}' is missing at '{lacking.name}': a correction needs the same columns as its cell",
            )
