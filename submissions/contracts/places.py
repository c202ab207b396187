"""Where in contract.yml the declaration stands that a problem of a file is about, so that its cure names a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import wraps
from typing import Any

from submissions.contracts.model import Contract, Dataset, FileRule
from submissions.validation.problems import Problem, Refusal

# problem -> keys of the dataset, most telling first; `form.x` is a key of the file's form, `{column}` one of our columns
_KEYS: dict[str, tuple[str, ...]] = {
    "F-encoding": ("form.encoding",),
    "F-quoting": ("form.quote", "form.delimiter"),
    "F-header-missing": ("form.header_rows", "form.delimiter", "form.type"),
    "F-header-twice": ("form.header_rows",),
    "F-type": ("form.type",),
    "F-sheet": ("form.sheet", "form.sheets"),
    "F-person-data": ("not_personal", "columns"),
    "F-issue-date": ("form.issued_on", "issued_on"),
    "F-unpivot": ("form.header_rows", "unpivot.columns"),
    "F-period-names": ("columns.period", "unpivot.columns"),
    "F-multiplier": ("columns.value.multiplier", "columns.value"),
    "F-fiscal": ("fiscal_year", "columns.period"),
    "F-undeclared-columns": ("ignored", "columns"),
    "F-no-row-accepted": ("columns",),
    "R-cells": ("form.split", "form.delimiter"),
    "R-value": ("columns.value.thousands", "columns.value.decimal", "form.decimal", "columns.value"),
    "R-value-empty": ("columns.value.marks", "columns.value"),
    "R-negative": ("columns.value.corrections", "columns.value"),
    "R-range": ("columns.value.multiplier", "counting_unit"),
    "R-fraction": ("columns.value.multiplier", "columns.value.thousands", "form.decimal", "counting_unit"),
    "R-multiplier": ("columns.value.multiplier", "columns.value"),
    "R-suffix": ("columns.value.suffixes", "columns.value"),
    "R-period": ("columns.period",),
    "R-period-after-issue": ("form.issued_on", "issued_on"),
    "R-duplicate": ("duplicates", "columns"),
    "R-issue": ("form.issued_on", "issued_on"),
    "R-status": ("columns.value.suffixes", "columns.obs_status", "columns.value.marks"),
    "R-label-empty": ("columns.{column}",),
    "R-no-alternative": ("columns.{column}",),
    "W-unmapped": ("columns.{column}",),
    "W-total": ("control_totals", "check_totals"),
    "W-total-alone": ("control_totals",),
    "W-total-undeclared": ("control_totals", "columns.{column}"),
    "W-offence-undefined": ("columns.offence",),
    "W-unread-parts": ("form.stop_at",),
    "W-decimal": ("columns.value.thousands", "columns.value.decimal", "form.decimal", "columns.value"),
    "W-sum-with-missing": ("duplicates",),
    "W-vanished": ("replaces",),
    "H-vanished": ("hold_above_vanished_share", "replaces"),
}


def located(problem: Problem, contract: Contract, dataset: Dataset, rule: FileRule | None = None) -> Problem:
    """The problem with the line and key of the declaration it is about; unchanged where it is about none."""
    if problem.declared or problem.code not in _KEYS:
        return problem
    known = [key for key in _candidates(problem, contract, dataset, rule) if key in contract.lines]
    # a header that lacks a name: the name may be wrong, the row of the header, or the delimiter
    chosen = list(dict.fromkeys(known))[: 3 if problem.code == "F-header-missing" else 1]
    named = ", ".join(f"{contract.file.name} line {contract.lines[key]} ({key})" for key in chosen)
    return replace(problem, declared=named) if named else problem


def _candidates(problem: Problem, contract: Contract, dataset: Dataset, rule: FileRule | None) -> Iterator[str]:
    base = f"datasets.{dataset.name}"
    files = [index for index, each in enumerate(dataset.files) if rule is None or each is rule]
    forms = [*(f"{base}.files[{index + 1}]" for index in files), f"{base}.format"]
    if problem.code in ("F-header-missing", "F-header-twice"):
        yield from list(_reading(problem.columns, contract, dataset))[:1]
    if problem.code.startswith("W-total") or problem.column == "total":
        yield from (f"{base}.{key}" for key in _totals(problem.columns, dataset))
    ours = [name for name, rules in dataset.columns.items() if any(each.source in problem.columns for each in rules)]
    for key in _KEYS[problem.code]:
        if key.startswith("form."):
            yield from (f"{form}.{key.removeprefix('form.')}" for form in forms)
        elif "{column}" in key:
            yield from (f"{base}.{key.format(column=column)}" for column in (problem.column or "", *ours))
        else:
            yield f"{base}.{key}"
    yield from (f"{base}.format", base)


def _totals(columns: Iterable[str], dataset: Dataset) -> Iterator[str]:
    """The entries of control_totals and check_totals that look at one of the columns."""
    for is_control, key in ((True, "control_totals"), (False, "check_totals")):
        rules = [rule for rule in dataset.totals if rule.is_control == is_control]
        yield from (f"{key}[{index + 1}]" for index, rule in enumerate(rules) if rule.column in columns)


def _reading(names: Iterable[str], contract: Contract, dataset: Dataset) -> Iterator[str]:
    base = f"datasets.{dataset.name}.columns"
    for name in names:
        for column, rules in dataset.columns.items():
            if any(name == each.source or name in dict(each.where) for each in rules):
                yield f"{base}.{column}"
        if any(name in each.sources for each in dataset.periods):
            yield f"{base}.period"
        if dataset.value is not None and name == dataset.value.source:
            yield f"{base}.value"


def naming_the_declaration(examine: Callable[..., Any]) -> Callable[..., Any]:
    """Makes the refusals of `examine(connection, contract, dataset, rule, …)` name their declaration."""

    @wraps(examine)
    def examined(
        connection: Any, contract: Contract, dataset: Dataset, rule: FileRule, *rest: Any, **named: Any
    ) -> Any:
        try:
            return examine(connection, contract, dataset, rule, *rest, **named)
        except Refusal as refusal:
            refusal.problem = located(refusal.problem, contract, dataset, rule)
            raise

    return examined
