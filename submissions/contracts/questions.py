"""Questions that the schema of contracts cannot ask: keys that need each other, patterns, codes that are in no list."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from submissions.contracts.located_yaml import Document, DocumentProblem, Place
from submissions.contracts.model import Dataset, FileRule, MapRow
from submissions.contracts.omissions import period_questions
from submissions.vocabulary.fields import RESERVED, codes
from submissions.vocabulary.period_names import is_language

EXCLUSION_KEYS = frozenset(("in", "starts_with", "ends_with", "blank", "where"))
PERIOD_GROUPS = frozenset(("year", "quarter", "month", "name"))


def compiled_pattern(
    document: Document, place: Place, pattern: str, groups: Iterable[str], problems: list
) -> re.Pattern | None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        problems.append(document.problem(place, f"'{pattern}' is not a regular expression: {error}"))
        return None
    for group in groups:
        if group not in compiled.groupindex:
            problems.append(document.problem(place, f"the pattern needs a group named {group}: (?P<{group}>…)"))
    return compiled


def questions(
    document: Document, dataset: Dataset, maps: Mapping[str, tuple[MapRow, ...]]
) -> Iterator[DocumentProblem]:
    place: Place = ("datasets", dataset.name)
    problems: list[DocumentProblem] = []

    def wrong(message: str, *inner: str | int) -> None:
        problems.append(document.problem((*place, *inner), message))

    known_sources = codes("source_type")
    if dataset.source_type not in known_sources:
        wrong(unknown_code(dataset.source_type, "source_type", known_sources), "source_type")
    for column in ("measure", "area"):
        if column not in dataset.columns:
            wrong(f"the column '{column}' is missing", "columns")
    if not dataset.periods:
        wrong("the column 'period' is missing", "columns")
    if dataset.kind != "cases" and dataset.value is None:
        wrong("the column 'value' is missing (rows that are cases need kind: cases)", "columns")
    if dataset.kind == "cases" and dataset.value is not None:
        wrong("cases are counted: they have no 'value'", "columns", "value")
    if "detail" in dataset.columns and "detail_kind" not in dataset.columns:
        wrong("a detail needs a 'detail_kind' that says what it splits by", "columns", "detail")
    for column, rules in dataset.columns.items():
        several = isinstance(document.content["datasets"][dataset.name]["columns"][column], list)
        for index, rule in enumerate(rules):
            inner = (index,) if several else ()
            if (rule.constant is None) == (rule.source is None):
                wrong("needs either 'constant' or 'from'", "columns", column, *inner)
            if rule.constant is not None and (rule.is_mapped or rule.otherwise):
                wrong("a constant is not mapped", "columns", column, *inner)
        sourced = [rule for rule in rules if rule.source is not None]
        if len({rule.is_mapped for rule in sourced}) > 1:
            wrong("either all alternatives that read a column have a map or values, or none", "columns", column)
        if sum(1 for rule in sourced if not rule.where and rule.otherwise) > 1:
            wrong("only one alternative may have 'else' without 'where'", "columns", column)
    for rule in dataset.periods:
        if (rule.constant is None) == (not rule.sources):
            wrong("needs either 'constant' or 'from'", "columns", "period")
        for message in period_questions(rule, "year, quarter, month"):
            wrong(message, "columns", "period")
        if rule.languages and rule.forms and not {"quarter", "month"} & set(rule.forms):
            wrong("a 'language' names months or quarters: it needs 'as: month' or 'as: quarter'", "columns", "period")
        for language in rule.languages:
            if not is_language(language):
                wrong(
                    f"'{language}' is no language of the Unicode CLDR: an ISO 639 code such as pl, fr or de",
                    *("columns", "period", "language"),
                )
        if rule.pattern is not None:
            compiled = compiled_pattern(document, (*place, "columns", "period"), rule.pattern, ("year",), problems)
            unknown = set(compiled.groupindex) - PERIOD_GROUPS if compiled else set()
            if unknown:
                wrong(
                    f"unknown groups in the pattern: {', '.join(sorted(unknown))}; known: month, name, quarter, year",
                    "columns",
                    "period",
                )
        if rule.is_fiscal and "fiscal_year" not in document.content["datasets"][dataset.name]:
            wrong(
                "'fiscal: true' needs 'fiscal_year: {starts: MM-DD, named_after: start or end}' at the dataset",
                *("columns", "period"),
            )
        has_quarters = "quarter" in rule.forms or (rule.pattern is not None and "quarter" in rule.pattern)
        if rule.is_fiscal and has_quarters and dataset.fiscal_starts not in ((1, 1), (4, 1), (7, 1), (10, 1)):
            wrong("fiscal quarters need a fiscal year that starts with a quarter", "fiscal_year")
    if dataset.value is not None:
        for mark in dataset.value.marks:
            if mark.lower is not None and mark.upper is not None and not 0 <= mark.lower <= mark.upper:
                wrong(f"the bounds of '{mark.text}' are not in order", "columns", "value", "marks")
        if dataset.value.has_corrections and dataset.duplicates != "sum":
            wrong("corrections need 'duplicates: sum': a negative row means nothing alone", "columns", "value")
        if dataset.value.thousands and dataset.value.thousands == dataset.value.decimal:
            wrong("the thousands mark and the decimal mark are the same", "columns", "value")
    if dataset.unpivot is not None:
        compiled_pattern(document, (*place, "unpivot", "columns"), dataset.unpivot.columns, (), problems)
    if dataset.unpivot is not None:
        made = {dataset.unpivot.name, dataset.unpivot.value}
        for exclusion in dataset.exclusions:
            names = {exclusion.column, *(name for name, _ in exclusion.where)} & made
            if names:
                wrong(f"whole rows are left out, and '{min(names)}' is what unpivot makes of a row", "exclude")
    for index, rule in enumerate(document.content["datasets"][dataset.name].get("exclude", ())):
        if not EXCLUSION_KEYS & rule.keys():
            wrong(
                "says nothing to look for: needs 'in', 'starts_with', 'ends_with', 'blank' or 'where'", "exclude", index
            )
        if rule.keys() & (EXCLUSION_KEYS - {"where"}) and "column" not in rule:
            wrong("'in', 'starts_with', 'ends_with' and 'blank' need a 'column'", "exclude", index)
    for index, rule in enumerate(dataset.files):
        file_place = ("files", index)
        for message in _form_questions(rule):
            wrong(message, *file_place)
        if rule.format.sheets is not None:
            compiled_pattern(document, (*place, *file_place, "sheets"), rule.format.sheets, (), problems)
    yield from problems
    yield from _unknown_codes(document, dataset, maps)


def _form_questions(rule: FileRule) -> Iterator[str]:
    """What a form cannot have, as sentences."""
    form = rule.format
    if form.type == "xlsx" and (form.sheet is None) == (form.sheets is None):
        yield "an xlsx file needs either the name of its 'sheet' or 'sheets', a pattern of several names"
    if form.type != "xlsx" and (form.sheet is not None or form.sheets is not None):
        yield f"only an xlsx file has sheets, and the type is {form.type}"
    if rule.issued_on.kind == "cell" and form.type in ("parquet", "jsonl"):
        yield f"a {form.type} file has no cells outside its columns to read the date of issue from"
    if rule.issued_on.kind == "cell" and form.sheets is not None:
        yield "with several sheets the date of issue is a named group of 'sheets' or a column, not one cell"
    if form.type in ("parquet", "jsonl") and (form.header_rows != (1,) or form.fill_labels_down):
        yield f"a {form.type} file has no header rows and no labels to fill"
    if form.type == "parquet" and form.split:
        yield "a parquet file has no column that packs several"


def _unknown_codes(
    document: Document, dataset: Dataset, maps: Mapping[str, tuple[MapRow, ...]]
) -> Iterator[DocumentProblem]:
    """Codes that are in no code list: a slip that would otherwise end, unseen, under 'not mapped'."""
    for column, rules in dataset.columns.items():
        known = codes(column)
        if not known or column == "unit" or (dataset.kind, column) == ("evidence", "measure"):
            continue
        for rule in rules:
            given = [rule.constant, rule.otherwise, *rule.values.values()]
            for code in dict.fromkeys(code for code in given if code and code not in known and code not in RESERVED):
                place = ("datasets", dataset.name, "columns", column)
                yield document.problem(place, unknown_code(code, column, known))
            for row in maps.get(rule.map_file or "", ()):
                if row.code not in known and row.code not in RESERVED:
                    file = document.file.parent / (rule.map_file or "")
                    place = ("datasets", dataset.name, "columns", column, "map")
                    yield document.problem(place, unknown_code(row.code, column, known), file=file, line=row.line)


def unknown_code(code: str, column: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(code, known, 1)
    advice = f"; did you mean '{close[0]}'?" if close else ""
    few = f" Known: {', '.join(sorted(known))}" if len(known) <= 16 else ""
    return f"'{code}' is no code of {column}{advice}{few}"
