"""Where each name of a contract is found in a file, and the SQL that brings a partner's columns into ours.

Column names are positional and everything else is a bound parameter, so no text of a partner becomes SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from submissions.contracts.model import (
    DEFAULT_MEMBERS,
    DIMENSIONS,
    STATUSES,
    ColumnRule,
    Contract,
    Dataset,
    Exclusion,
    FileRule,
    PeriodRule,
    TotalRule,
    Where,
)
from submissions.readers.table import Reading
from submissions.validation.problems import Refusal
from submissions.vocabulary.periods import form_of, issue_of_label, looks_fiscal, parse
from submissions.vocabulary.personal_texts import shown

if TYPE_CHECKING:
    import duckdb


class Parameters(dict[str, Any]):
    """Values bound into one statement; `bind` gives the placeholder."""

    def bind(self, value: Any) -> str:
        name = f"p{len(self)}"
        self[name] = value
        return f"${name}"


@dataclass(frozen=True)
class Layout:
    """Where each name that the contract uses is found: a column of the file, or a part of what `unpivot` made."""

    positions: Mapping[str, int]
    unpivoted: tuple[tuple[int, str], ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)

    def expression(self, name: str) -> str:
        return self.made[name] if name in self.made else f"c{self.positions[name]}"


def layout(dataset: Dataset, rule: FileRule, reading: Reading) -> Layout:
    """Finds every column that the contract reads. Raises Refusal, naming all that are missing."""
    unpivoted: list[tuple[int, str]] = []
    groups: dict[str, tuple[str, ...]] = {}
    made: dict[str, str] = {}
    if dataset.unpivot is not None:
        pattern = re.compile(dataset.unpivot.columns)
        matches = [(index, found) for index, name in enumerate(reading.header) if (found := pattern.fullmatch(name))]
        if not matches:
            raise Refusal("F-unpivot")
        unpivoted = [(index, reading.header[index]) for index, _ in matches]
        made = {dataset.unpivot.name: "u_name", dataset.unpivot.value: "u_value"}
        for number, group in enumerate(pattern.groupindex):
            groups[group] = tuple(found[group] or "" for _, found in matches)
            made.setdefault(group, f"u_group_{number}")
    names = [name for name in _names_used(dataset, rule) if name not in made]
    missing = tuple(name for name in names if name not in reading.header)
    if missing:
        raise Refusal(
            "F-header-missing", f"the header has {len(reading.header)} columns", columns=missing, count=len(missing)
        )
    return Layout({name: reading.position(name) for name in names}, tuple(unpivoted), groups, made)


def undeclared_columns(
    contract: Contract, dataset: Dataset, rule: FileRule, file_name: str, reading: Reading
) -> list[int]:
    """Positions of the file's columns that no dataset of the contract reads in this form, and none names under `ignored`.

    Datasets that read the same table share what they declare: a column needs its reason once.
    """
    sharing = [
        (each, own)
        for each in contract.datasets.values()
        if (own := rule if each is dataset else each.file_rule(file_name)) and own.format == rule.format
    ]
    read = {name for each, own in sharing for name in _names_read(each, own)}
    patterns = [re.compile(each.unpivot.columns) for each, _ in sharing if each.unpivot]
    return [
        position
        for position, name in enumerate(reading.header)
        if name not in read
        and not any(pattern.fullmatch(name) for pattern in patterns)
        and not any(entry.names(name) for each, _ in sharing for entry in each.ignored)
    ]


def _names_read(dataset: Dataset, rule: FileRule) -> set[str]:
    """The columns that the contract reads, for its columns or to find the table's end and labels."""
    form = rule.format
    names = {*_names_used(dataset, rule), *form.fill_labels_down}
    names |= {form.stop_at[0]} if form.stop_at else set()
    # what the name of a sheet says is no column of the file
    names |= set(re.compile(form.sheets).groupindex) if form.sheets else set()
    return names


def _names_used(dataset: Dataset, rule: FileRule) -> list[str]:
    names: list[str] = []
    for rules in dataset.columns.values():
        for column in rules:
            names += [column.source] if column.source else []
            names += [name for name, _ in column.where]
    for period in dataset.period_rules:
        names += [*period.sources, *(name for name, _ in period.where)]
    names += [dataset.value.source] if dataset.value else []
    multiplier = dataset.value.multiplier if dataset.value else None
    names += [multiplier.source] if multiplier and multiplier.source else []
    for exclusion in dataset.exclusions:
        names += [exclusion.column] if exclusion.column else []
        names += [name for name, _ in exclusion.where]
    for total in dataset.totals:
        names += [total.column, *(name for name, _ in total.where)]
    names += [rule.issued_on.column] if rule.issued_on.column else []
    return list(dict.fromkeys(names))


def exclusion_condition(exclusion: Exclusion, found: Layout, parameters: Parameters) -> str:
    tests = [_where_condition(exclusion.where, found, parameters)] if exclusion.where else []
    if exclusion.is_of_other_rows:
        return f"NOT coalesce({tests[0]}, false)"
    if exclusion.column is not None:
        column = found.expression(exclusion.column)
        choices = [f"list_contains({parameters.bind(list(exclusion.labels))}, {column})"] if exclusion.labels else []
        choices += [f"starts_with({column}, {parameters.bind(text)})" for text in exclusion.starts_with]
        choices += [f"ends_with({column}, {parameters.bind(text)})" for text in exclusion.ends_with]
        choices += [f"{column} = ''"] if exclusion.is_blank else []
        tests += [f"({' OR '.join(choices)})"] if choices else ["false"]
    return " AND ".join(tests)


def total_condition(total: TotalRule, found: Layout, parameters: Parameters) -> str:
    column = found.expression(total.column)
    choices = [f"list_contains({parameters.bind(list(total.labels))}, {column})"] if total.labels else []
    choices += [f"starts_with({column}, {parameters.bind(text)})" for text in total.starts_with]
    choices += [f"ends_with({column}, {parameters.bind(text)})" for text in total.ends_with]
    tests = [f"({' OR '.join(choices)})"] if choices else []
    tests += [_where_condition(total.where, found, parameters)] if total.where else []
    return f"coalesce({' AND '.join(tests)}, false)"


def _where_condition(where: Where, found: Layout, parameters: Parameters) -> str:
    tests = [f"list_contains({parameters.bind(list(labels))}, {found.expression(name)})" for name, labels in where]
    return f"({' AND '.join(tests)})"


# --- our columns -----------------------------------------------------------------------------------------------------


def cells_query(dataset: Dataset, found: Layout, rule: FileRule, parameters: Parameters) -> str:
    """SQL for `cells`: one row an observation-to-be, with our columns still as the partner's text.

    Besides our dimensions and statuses: row_id, exclusion, is_hostile, total_mask (the n-th total of the contract has
    bit n), period_rule, period_text, value_text, multiplier_text, issue_text. Texts that a contract leaves out are empty.
    """
    made = absent = ""
    if found.unpivoted:
        # a sheet of several may lack a column of the others: what it does not have is no figure, not an empty one
        absent = " WHERE u_value IS NOT NULL"
        labels = parameters.bind([name for _, name in found.unpivoted])
        values = ", ".join(f"c{index}" for index, _ in found.unpivoted)
        groups = [
            f"unnest({parameters.bind(list(labels_of_group))}) AS {found.made[group]}"
            for group, labels_of_group in found.groups.items()
            if found.made[group].startswith("u_group_")
        ]
        made = ", " + ", ".join([f"unnest({labels}) AS u_name", f"unnest([{values}]) AS u_value", *groups])
    bits = [
        f"CASE WHEN {total_condition(total, found, parameters)} THEN {1 << index} ELSE 0 END"
        for index, total in enumerate(dataset.totals)
    ]
    columns = [
        f"{_label(dataset.columns.get(column, ()), column, dataset, found, parameters)} AS {column}"
        for column in (*DIMENSIONS, *STATUSES)
    ]
    period_rule, period_text = _period_text(dataset, found, parameters)
    value = found.expression(dataset.value.source) if dataset.value else "''"
    multiplier = dataset.value.multiplier.source if dataset.value and dataset.value.multiplier else None
    multiplier_text = found.expression(multiplier) if multiplier else "''"
    issue = found.expression(rule.issued_on.column) if rule.issued_on.column else "''"
    return f"""
        SELECT row_id, exclusion, is_hostile, {" + ".join(bits) or "0"} AS total_mask,
               {period_rule} AS period_rule, {period_text} AS period_text, {value} AS value_text,
               {multiplier_text} AS multiplier_text,
               {issue} AS issue_text, {", ".join(columns)}
        FROM (SELECT *{made} FROM source JOIN texts USING (row_id, line) WHERE NOT is_ragged){absent}
        """


def _label(rules: Sequence[ColumnRule], column: str, dataset: Dataset, found: Layout, parameters: Parameters) -> str:
    """SQL for a column's label: the first alternative whose `where` holds; `else` where none does."""
    if not rules:
        default = {"unit": dataset.counting_unit, **dict.fromkeys(STATUSES, "")}.get(column) or DEFAULT_MEMBERS.get(
            column, ""
        )
        return parameters.bind(default) + "::VARCHAR"
    cases, fallback = [], "NULL"
    for rule in rules:
        if rule.constant is not None:
            label = f"{parameters.bind(rule.constant)}::VARCHAR"
        else:
            label = found.expression(rule.source or "")
            if rule.otherwise is not None and not rule.where and "" not in rule.values:
                label = f"coalesce(nullif({label}, ''), {parameters.bind(rule.otherwise)})"
        if not rule.where:
            fallback = label
            break
        cases.append(f"WHEN {_where_condition(rule.where, found, parameters)} THEN {label}")
        if rule.otherwise is not None:
            fallback = f"{parameters.bind(rule.otherwise)}::VARCHAR"
    return f"CASE {' '.join(cases)} ELSE {fallback} END" if cases else fallback


def _period_text(dataset: Dataset, found: Layout, parameters: Parameters) -> tuple[str, str]:
    numbers, texts = [], []
    totals = [total for total in dataset.totals if total.period is not None]
    spans = [
        (len(dataset.periods) + index, total.period, total_condition(total, found, parameters))
        for index, total in enumerate(totals)
    ]
    usual = [
        (index, rule, _where_condition(rule.where, found, parameters) if rule.where else "true")
        for index, rule in enumerate(dataset.periods)
    ]
    # a total over periods is read by its own rule, before those of the figures
    for index, rule, condition in (*spans, *usual):
        assert rule is not None
        if rule.constant is not None:
            text = f"{parameters.bind(rule.constant)}::VARCHAR"
        else:
            text = f"concat_ws(' ', {', '.join(found.expression(name) for name in rule.sources)})"
        numbers.append(f"WHEN {condition} THEN {index}")
        texts.append(f"WHEN {condition} THEN {text}")
    if not numbers:
        return "NULL::INTEGER", "NULL::VARCHAR"
    return f"CASE {' '.join(numbers)} END", f"CASE {' '.join(texts)} END"


def make_period_texts(connection: duckdb.DuckDBPyConnection, dataset: Dataset, found: Layout, rule: FileRule) -> None:
    """`period_texts`: what each distinct text of a period rule means."""
    parameters = Parameters()
    cells = cells_query(dataset, found, rule, parameters)
    distinct = connection.execute(
        f"SELECT DISTINCT period_rule, period_text FROM ({cells}) WHERE period_rule IS NOT NULL", parameters
    ).fetchall()
    rows: list[tuple] = []
    unread: list[str] = []
    fiscal = 0
    for number, text in distinct:
        rule_of_text = dataset.period_rules[number]
        if looks_fiscal(text, rule_of_text):
            fiscal += 1
            continue
        period = parse(text, rule_of_text, dataset)
        if period is not None:
            rows.append((number, text, period.code, period.start, period.frequency))
        elif _is_of_header(rule_of_text, dataset):
            unread.append(text)
    if fiscal:
        raise Refusal("F-fiscal", "labels such as 2019/20 or FY20", columns=dataset.periods[0].sources, count=fiscal)
    if unread:
        form = form_of(dataset.periods[0])
        raise Refusal(
            "F-period-names", f"expected {form}", columns=tuple(sorted(map(shown, unread))), count=len(unread)
        )
    connection.execute(
        "CREATE OR REPLACE TABLE period_texts "
        "(period_rule INTEGER, period_text VARCHAR, period VARCHAR, period_start DATE, frequency VARCHAR)"
    )
    insert_rows(connection, "period_texts", rows)


def _is_of_header(rule: PeriodRule, dataset: Dataset) -> bool:
    """Whether the rule reads nothing but the names of the columns that `unpivot` turns into rows."""
    return dataset.unpivot is not None and rule.sources == (dataset.unpivot.name,)


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple]) -> None:
    """Fills a small table from Python rows in one statement."""
    if not rows:
        return
    import pyarrow as pa

    columns = list(zip(*rows, strict=True))
    connection.register(
        "rows_to_insert",
        pa.table([pa.array(column) for column in columns], names=[f"x{index}" for index in range(len(columns))]),
    )
    connection.execute(f"INSERT INTO {table} SELECT * FROM rows_to_insert")
    connection.unregister("rows_to_insert")


def make_issues(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, found: Layout, rule: FileRule, issue: date | None
) -> tuple[date, ...]:
    """`issue_texts` and the dates of issue in the file, earliest first. Refuses a file in which no row has one."""
    connection.execute("CREATE OR REPLACE TABLE issue_texts (issue_text VARCHAR, issue DATE)")
    if issue is not None:
        return (issue,)
    parameters = Parameters()
    cells = cells_query(dataset, found, rule, parameters)
    texts = [
        text for (text,) in connection.execute(f"SELECT DISTINCT issue_text FROM ({cells})", parameters).fetchall()
    ]
    rows = [(text, day) for text in texts if (day := issue_of_label(text, rule.issued_on))]
    if not rows:
        raise Refusal("F-issue-date", "no row states a declared date", columns=(rule.issued_on.column or "",))
    insert_rows(connection, "issue_texts", rows)
    return tuple(sorted({day for _, day in rows}))


def partner_columns(dataset: Dataset, column: str) -> tuple[str, ...]:
    """The partner's names of the columns that one of ours is read from."""
    if not column:
        return ()
    if column == "period":
        names = [name for rule in dataset.periods for name in rule.sources]
    elif column == "total":
        names = [rule.column for rule in dataset.totals if rule.period is not None]
    elif column == "value":
        names = [dataset.value.source] if dataset.value else []
    else:
        names = [rule.source for rule in dataset.columns.get(column, ()) if rule.source]
    return tuple(dict.fromkeys(names)) or (column,)
