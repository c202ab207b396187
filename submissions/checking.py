"""Row rules: from the table of text to accepted observations, as SQL over positional columns.

Every source row gets one fate: accepted, quarantined with codes, or excluded with a reason; rows in = their sum. Texts
of partners and of contracts are bound as parameters or compared as data, and never become identifiers or SQL.
Distinct period and issue texts are parsed in Python and joined; nothing else runs row by row outside DuckDB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from submissions.contract import (
    DEFAULT_MEMBERS,
    DIMENSIONS,
    STATUSES,
    ColumnRule,
    Contract,
    Dataset,
    FileRule,
    Where,
)
from submissions.periods import issue_of_file, issue_of_label, parse
from submissions.problems import Problem, Refusal
from submissions.reading import BLANKS, Reading

if TYPE_CHECKING:
    import duckdb

KEY = (
    "measure", "area", "area_role", "counterpart_area", "counterpart_role", "reporter", "period", "period_start",
    "frequency", "offence", "exploitation", "sex", "age", "detail_kind", "detail", "unit",
)  # fmt: skip
VALUES = ("value", "lower", "upper", "obs_status", "conf_status", "missing_reason")

# C0 and C1 controls, and the characters that embed, override or isolate a direction of writing.
_CONTROL = r"[\x{0000}-\x{001F}\x{007F}-\x{009F}\x{202A}-\x{202E}\x{2066}-\x{2069}]"
_COUNT_UNITS = ("persons", "cases", "offences", "decisions", "places", "permits", "reports", "contacts", "sessions", "operations", "orders")  # fmt: skip
MAXIMUM_COUNT = 100_000_000_000
MAXIMUM_AMOUNT = 10_000_000_000_000
MAXIMUM_LABEL_CHARACTERS = 200
AFTER_END = -1
FOOTER_ROWS = 20

# SDMX: O no value, L not collected, M cannot exist, Q suppressed.
MISSING_STATUS = {"not_reported": "O", "not_collected": "L", "not_applicable": "M", "withheld": "Q", "suppressed_by_publisher": "Q"}
CONFIDENTIAL = {"withheld": "N", "suppressed_by_publisher": "C"}


@dataclass(frozen=True)
class Checked:
    """Fates of the rows, by date of issue; the rows themselves stand in the tables `fates` and `observations`."""

    issues: tuple[date, ...]
    problems: tuple[Problem, ...]
    exclusions: tuple[tuple[str, int], ...] = ()
    unmapped: tuple[tuple[str, str, int], ...] = ()
    counts: Mapping[date, Mapping[str, int]] = field(default_factory=dict)


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
        return self.made[name] if name in self.made else f"t{self.positions[name]}"


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
        raise Refusal("F-header-missing", f"the header has {len(reading.header)} columns", columns=missing, count=len(missing))
    return Layout({name: reading.position(name) for name in names}, tuple(unpivoted), groups, made)


def _names_used(dataset: Dataset, rule: FileRule) -> list[str]:
    names: list[str] = []
    for rules in dataset.columns.values():
        for column in rules:
            names += [column.source] if column.source else []
            names += [name for name, _ in column.where]
    for period in dataset.periods:
        names += [*period.sources, *(name for name, _ in period.where)]
    names += [dataset.value.source] if dataset.value else []
    for exclusion in dataset.exclusions:
        names += [exclusion.column] if exclusion.column else []
        names += [name for name, _ in exclusion.where]
    names += [check.column for check in dataset.total_checks]
    names += [rule.issued_on.column] if rule.issued_on.column else []
    return list(dict.fromkeys(names))


def check_rows(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    dataset: Dataset,
    rule: FileRule,
    reading: Reading,
    found: Layout,
    file_name: str,
) -> Checked:
    """Gives every row of `source` its fate and fills `observations`. Raises Refusal when the whole file fails."""
    issue = issue_of_file(rule, file_name, reading)
    _texts(connection, dataset, reading, found)
    _cells(connection, dataset, found, rule)
    _period_texts(connection, dataset)
    issues = _issues(connection, rule, issue)
    _parsed(connection, contract, dataset, issue)
    _fates(connection, issues)
    _duplicates(connection, dataset)
    _observations(connection, dataset)
    counts = _balance(connection, reading, issues)
    problems = [*_row_problems(connection, dataset), *_total_problems(connection, dataset)]
    exclusions, after_end = _exclusion_counts(connection, dataset)
    if after_end:
        exclusions.append(("after the declared end of the table", after_end))
    if after_end > FOOTER_ROWS:
        problems.append(Problem("W-unread-parts", "", after_end))
    unmapped = unmapped_labels(connection, contract, dataset)
    problems += _unmapped_problems(unmapped, dataset)
    if dataset.duplicates == "sum":
        problems += _sums_with_gaps(connection)
    return Checked(issues, tuple(problems), tuple(exclusions), tuple(unmapped), counts)


# --- text ------------------------------------------------------------------------------------------------------------


def _texts(connection: duckdb.DuckDBPyConnection, dataset: Dataset, reading: Reading, found: Layout) -> None:
    """`texts`: trimmed cells that the contract reads, whether the row is ragged or hostile, which exclusion it meets."""
    parameters = Parameters()
    blanks = parameters.bind(BLANKS)
    positions = sorted({*found.positions.values(), *(index for index, _ in found.unpivoted)})
    cells = [f"trim(c{position}, {blanks}) AS t{position}" for position in positions]
    is_ragged = f"(width <> {len(reading.header)} OR more IS NOT NULL)"
    control = " OR ".join(f"regexp_matches(t{position}, {parameters.bind(_CONTROL)})" for position in positions) or "false"
    conditions = [
        f"WHEN {_exclusion_condition(exclusion, found, parameters)} THEN {index}"
        for index, exclusion in enumerate(dataset.exclusions)
    ]
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE texts AS
        WITH trimmed AS (
            SELECT row_id, line, is_after_end, {is_ragged} AS is_ragged, {", ".join(cells) or "NULL AS nothing"} FROM source
        )
        SELECT *, NOT is_ragged AND ({control}) AS is_hostile,
               CASE WHEN is_after_end THEN {AFTER_END} WHEN is_ragged THEN NULL {" ".join(conditions)} END AS exclusion
        FROM trimmed
        """,
        parameters,
    )


def _exclusion_condition(exclusion: Any, found: Layout, parameters: Parameters) -> str:
    tests = [_where_condition(exclusion.where, found, parameters)] if exclusion.where else []
    if exclusion.column is not None:
        column = found.expression(exclusion.column)
        choices = [f"list_contains({parameters.bind(list(exclusion.labels))}, {column})"] if exclusion.labels else []
        choices += [f"{column} = ''"] if exclusion.is_blank else []
        tests += [f"({' OR '.join(choices)})"] if choices else ["false"]
    return " AND ".join(tests)


def _where_condition(where: Where, found: Layout, parameters: Parameters) -> str:
    tests = [f"list_contains({parameters.bind(list(labels))}, {found.expression(name)})" for name, labels in where]
    return f"({' AND '.join(tests)})"


# --- our columns -----------------------------------------------------------------------------------------------------


def _cells(connection: duckdb.DuckDBPyConnection, dataset: Dataset, found: Layout, rule: FileRule) -> None:
    """`cells`: one row an observation-to-be, with our columns still as the partner's text."""
    parameters = Parameters()
    made = ""
    if found.unpivoted:
        labels = parameters.bind([name for _, name in found.unpivoted])
        values = ", ".join(f"t{index}" for index, _ in found.unpivoted)
        groups = [
            f"unnest({parameters.bind(list(labels_of_group))}) AS {found.made[group]}"
            for group, labels_of_group in found.groups.items()
            if found.made[group].startswith("u_group_")
        ]
        made = ", " + ", ".join([f"unnest({labels}) AS u_name", f"unnest([{values}]) AS u_value", *groups])
    checks = [
        f"{found.expression(check.column)} = {parameters.bind(check.member)} AS is_total_{index}"
        for index, check in enumerate(dataset.total_checks)
    ]
    columns = [
        f"{_label(dataset.columns.get(column, ()), column, dataset, found, parameters)} AS {column}"
        for column in (*DIMENSIONS, *STATUSES)
    ]
    period_rule, period_text = _period_text(dataset, found, parameters)
    value = found.expression(dataset.value.source) if dataset.value else "NULL"
    issue = found.expression(rule.issued_on.column) if rule.issued_on.column else "NULL"
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE cells AS
        WITH long AS (SELECT *{made} FROM texts WHERE NOT is_ragged)
        SELECT row_id, exclusion, is_hostile, {"".join(f"{check}, " for check in checks)}
               {period_rule} AS period_rule, {period_text} AS period_text, {value} AS value_text,
               {issue} AS issue_text, {", ".join(columns)}
        FROM long
        """,
        parameters,
    )


def _label(rules: Sequence[ColumnRule], column: str, dataset: Dataset, found: Layout, parameters: Parameters) -> str:
    """SQL for a column's label: the first alternative whose `where` holds; `else` where none does."""
    if not rules:
        default = {"unit": dataset.counting_unit, **dict.fromkeys(STATUSES)}.get(column, DEFAULT_MEMBERS.get(column))
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
    for index, rule in enumerate(dataset.periods):
        condition = _where_condition(rule.where, found, parameters) if rule.where else "true"
        if rule.constant is not None:
            text = f"{parameters.bind(rule.constant)}::VARCHAR"
        else:
            text = f"concat_ws(' ', {', '.join(found.expression(name) for name in rule.sources)})"
        numbers.append(f"WHEN {condition} THEN {index}")
        texts.append(f"WHEN {condition} THEN {text}")
    if not numbers:
        return "NULL::INTEGER", "NULL::VARCHAR"
    return f"CASE {' '.join(numbers)} END", f"CASE {' '.join(texts)} END"


def _period_texts(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """`period_texts`: what each distinct text of a period rule means."""
    distinct = connection.execute(
        "SELECT DISTINCT period_rule, period_text FROM cells WHERE period_rule IS NOT NULL"
    ).fetchall()
    rows = []
    for number, text in distinct:
        period = parse(text, dataset.periods[number], dataset)
        if period is not None:
            rows.append((number, text, period.code, period.start, period.frequency))
    connection.execute(
        "CREATE OR REPLACE TABLE period_texts "
        "(period_rule INTEGER, period_text VARCHAR, period VARCHAR, period_start DATE, frequency VARCHAR)"
    )
    insert_rows(connection, "period_texts", rows)


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple]) -> None:
    """Fills a small table from Python rows in one statement."""
    if not rows:
        return
    import pyarrow as pa

    columns = list(zip(*rows, strict=True))
    connection.register("rows_to_insert", pa.table([pa.array(column) for column in columns], names=[f"x{index}" for index in range(len(columns))]))
    connection.execute(f"INSERT INTO {table} SELECT * FROM rows_to_insert")
    connection.unregister("rows_to_insert")


def _issues(connection: duckdb.DuckDBPyConnection, rule: FileRule, issue: date | None) -> tuple[date, ...]:
    """`issue_texts` and the dates of issue in the file, earliest first. Refuses a file in which no row has one."""
    connection.execute("CREATE OR REPLACE TABLE issue_texts (issue_text VARCHAR, issue DATE)")
    if issue is not None:
        return (issue,)
    texts = [text for (text,) in connection.execute("SELECT DISTINCT issue_text FROM cells").fetchall()]
    rows = [(text, found) for text in texts if (found := issue_of_label(text, rule.issued_on))]
    if not rows:
        raise Refusal("F-issue-date", "no row states a declared date", columns=(rule.issued_on.column or "",))
    insert_rows(connection, "issue_texts", rows)
    return tuple(sorted({found for _, found in rows}))


# --- values and rules ------------------------------------------------------------------------------------------------


def _parsed(
    connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset, file_issue: date | None
) -> None:
    """`parsed`: cells with numbers, bounds, status, period, issue, and the codes of what is wrong."""
    parameters = Parameters()
    number, mark = _number(dataset, parameters)
    marks = dataset.value.marks if dataset.value else ()
    lower = _of_mark([entry.lower for entry in marks], parameters)
    upper = _of_mark([entry.upper for entry in marks], parameters)
    reason = _of_mark([entry.missing_reason for entry in marks], parameters, "VARCHAR")
    is_count = _is_count(contract, dataset)
    limit = MAXIMUM_COUNT if is_count else MAXIMUM_AMOUNT
    status = _status_code("obs_status", dataset, parameters)
    conf = _status_code("conf_status", dataset, parameters)
    issue = f"{parameters.bind(file_issue)}::DATE" if file_issue else "issue_texts.issue"
    join_issue = "" if file_issue else "LEFT JOIN issue_texts USING (issue_text)"
    codes = [
        "CASE WHEN is_hostile THEN 'R-control' END",
        "CASE WHEN issue IS NULL THEN 'R-issue' END",
        "CASE WHEN period IS NULL THEN 'R-period:period' WHEN period_start > issue THEN 'R-period-after-issue:period' END",
    ]
    for column in DIMENSIONS:
        rules = dataset.columns.get(column, ())
        if not any(rule.source for rule in rules):
            continue
        empty = "" if _allows_blank(contract, rules) else f"WHEN {column} = '' THEN 'R-label-empty:{column}' "
        codes.append(
            f"CASE WHEN {column} IS NULL THEN 'R-no-alternative:{column}' {empty}"
            f"WHEN length({column}) > {MAXIMUM_LABEL_CHARACTERS} THEN 'R-label-long:{column}' END"
        )
    if dataset.value is not None:
        fraction = "WHEN number <> trunc(number) THEN 'R-fraction:value'" if is_count else ""
        codes += [
            f"""CASE WHEN mark IS NOT NULL THEN NULL
                     WHEN value_text = '' THEN 'R-value-empty:value'
                     WHEN NOT is_number THEN 'R-value:value'
                     WHEN number IS NULL OR abs(number) > {limit} THEN 'R-range:value'
                     WHEN number < 0 THEN 'R-negative:value'
                     {fraction} END""",
            "CASE WHEN status_is_unknown OR (obs_status_code IN ('O', 'L', 'M') AND (number IS NOT NULL OR low IS NOT NULL)) "
            "THEN 'R-status:obs_status' END",
        ]
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE parsed AS
        WITH read AS (
            SELECT cells.* EXCLUDE (obs_status, conf_status), period, period_start, frequency, {issue} AS issue,
                   {mark} AS mark, {number} AS is_number_and_number,
                   {status[0]} AS given_obs_status, {conf[0]} AS given_conf_status, {status[1]} OR {conf[1]} AS status_is_unknown
            FROM cells LEFT JOIN period_texts USING (period_rule, period_text) {join_issue}
        ),
        stated AS (
            SELECT *, is_number_and_number.is_number AS is_number, is_number_and_number.number AS number,
                   {lower} AS low, {upper} AS high, {reason} AS missing_reason
            FROM read
        ),
        statuses AS (
            SELECT *, coalesce(given_obs_status, {_status_of_reason(MISSING_STATUS)}, 'A') AS obs_status_code,
                   coalesce(given_conf_status, {_status_of_reason(CONFIDENTIAL)},
                            CASE WHEN low < high THEN 'C' END, 'F') AS conf_status_code
            FROM stated
        )
        SELECT * EXCLUDE (is_number_and_number), list_filter([{", ".join(codes)}], code -> code IS NOT NULL) AS codes
        FROM statuses
        """,
        parameters,
    )


def _number(dataset: Dataset, parameters: Parameters) -> tuple[str, str]:
    """SQL for {is_number, number} of value_text by the declared marks, and for the index of the mark it is."""
    rule = dataset.value
    if rule is None:
        return "{'is_number': true, 'number': NULL::DECIMAL(38, 10)}", "NULL::INTEGER"
    marks = [f"WHEN {parameters.bind(entry.text)} THEN {index}" for index, entry in enumerate(rule.marks)]
    mark = f"CASE value_text {' '.join(marks)} END" if marks else "NULL::INTEGER"
    point = re.escape(rule.decimal)
    blank = r"[ \x{00A0}\x{2009}\x{202F}]"
    thousands = blank if rule.thousands == " " else re.escape(rule.thousands)
    whole = rf"(\d{{1,3}}({thousands}\d{{3}})+|\d+)" if rule.thousands else r"\d+"
    pattern = parameters.bind(rf"^[+-]?{whole}({point}\d+)?$")
    digits = f"regexp_replace(value_text, {parameters.bind(thousands)}, '', 'g')" if rule.thousands else "value_text"
    plain = f"replace({digits}, {parameters.bind(rule.decimal)}, '.')"
    number = f"CASE WHEN regexp_matches(value_text, {pattern}) THEN try_cast({plain} AS DECIMAL(38, 10)) END"
    return f"{{'is_number': regexp_matches(value_text, {pattern}), 'number': {number}}}", mark


def _of_mark(contents: Iterable[Any], parameters: Parameters, kind: str = "DECIMAL(20, 4)") -> str:
    cases = [f"WHEN {index} THEN {parameters.bind(content)}" for index, content in enumerate(contents) if content is not None]
    return f"(CASE mark {' '.join(cases)} END)::{kind}" if cases else f"NULL::{kind}"


def _status_of_reason(statuses: Mapping[str, str]) -> str:
    cases = " ".join(f"WHEN '{reason}' THEN '{status}'" for reason, status in statuses.items())
    return f"CASE missing_reason {cases} END"


def _status_code(column: str, dataset: Dataset, parameters: Parameters) -> tuple[str, str]:
    """SQL for the SDMX code of a status label (values apply here: a status is not harmonised later), and 'unknown'."""
    values: dict[str, str] = {}
    for rule in dataset.columns.get(column, ()):
        values |= rule.values
    known = ("A", "B", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "S", "T", "U", "V", "W", "X")
    if not dataset.columns.get(column):
        return "NULL::VARCHAR", "false"
    label = f"nullif({column}, '')"
    cases = " ".join(f"WHEN {parameters.bind(name)} THEN {parameters.bind(code)}" for name, code in values.items())
    code = f"coalesce(CASE {column} {cases} END, {label})" if cases else label
    return code, f"coalesce(NOT list_contains({parameters.bind(list(known))}, {code}), false)"


def _is_count(contract: Contract, dataset: Dataset) -> bool:
    """Whether every number of the dataset counts something: then it is whole."""
    units = {dataset.counting_unit}
    for rule in dataset.columns.get("unit", ()):
        codes = {row.code for _, row in contract.map_rows(rule)}
        units = (units - {dataset.counting_unit}) | ({rule.constant} if rule.constant else codes or {"?"})
    return all(unit in _COUNT_UNITS for unit in units)


def _allows_blank(contract: Contract, rules: Sequence[ColumnRule]) -> bool:
    return any(row.source == "" for rule in rules for _, row in contract.map_rows(rule))


# --- fates -----------------------------------------------------------------------------------------------------------


def _fates(connection: duckdb.DuckDBPyConnection, issues: Sequence[date]) -> None:
    """`fates`: one row a source row: its issue, the exclusion it met, the codes of what is wrong."""
    connection.execute(
        """
        CREATE OR REPLACE TABLE fates AS
        WITH wrong AS (
            SELECT row_id, list_sort(list_distinct(flatten(list(codes)))) AS codes
            FROM parsed WHERE exclusion IS NULL AND len(codes) > 0 GROUP BY row_id
        ),
        issued AS (SELECT row_id, min(issue) AS issue FROM parsed GROUP BY row_id)
        SELECT row_id, line, coalesce(issue, $first) AS issue, exclusion,
               CASE WHEN exclusion IS NOT NULL THEN []::VARCHAR[] WHEN is_ragged THEN ['R-cells'] ELSE coalesce(codes, []) END AS codes,
               false AS is_replaced
        FROM texts LEFT JOIN wrong USING (row_id) LEFT JOIN issued USING (row_id)
        """,
        {"first": issues[0]},
    )


def _duplicates(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """`candidates`: cells of rows without problems. Rows with a key in common are put in quarantine or replaced."""
    _candidates(connection)
    if dataset.kind == "cases" or dataset.duplicates == "sum":
        return
    key = ", ".join(("issue", *KEY))
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE repeated AS
        SELECT {key}, max(row_id) AS last_row_id FROM candidates GROUP BY {key} HAVING count(*) > 1
        """
    )
    if connection.execute("SELECT count(*) FROM repeated").fetchone() == (0,):
        return
    if dataset.duplicates == "error":
        connection.execute(
            f"""
            UPDATE fates SET codes = ['R-duplicate']
            WHERE row_id IN (SELECT row_id FROM candidates SEMI JOIN repeated USING ({key}))
            """
        )
        _candidates(connection)
        return
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE candidates AS
        SELECT candidates.* FROM candidates LEFT JOIN repeated USING ({key})
        WHERE last_row_id IS NULL OR last_row_id = row_id
        """
    )
    connection.execute(
        """
        UPDATE fates SET is_replaced = true
        WHERE exclusion IS NULL AND len(codes) = 0 AND row_id NOT IN (SELECT row_id FROM candidates)
        """
    )


def _candidates(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE candidates AS
        SELECT row_id, issue, {", ".join(KEY)},
               CASE WHEN mark IS NULL THEN number::DECIMAL(20, 4) WHEN low = high AND missing_reason IS NULL THEN low END AS value,
               CASE WHEN mark IS NULL THEN number::DECIMAL(20, 4) ELSE low END AS lower,
               CASE WHEN mark IS NULL THEN number::DECIMAL(20, 4) ELSE high END AS upper,
               obs_status_code AS obs_status, conf_status_code AS conf_status, missing_reason
        FROM parsed SEMI JOIN (SELECT row_id FROM fates WHERE exclusion IS NULL AND len(codes) = 0) USING (row_id)
        """
    )


def _observations(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """`observations`: accepted rows at observation grain; sums add bounds, and a gap in a sum leaves a gap."""
    key = ", ".join(("issue", *KEY))
    if dataset.kind == "cases":
        values = """
            count(*)::DECIMAL(20, 4) AS value, count(*)::DECIMAL(20, 4) AS lower, count(*)::DECIMAL(20, 4) AS upper,
            'A' AS obs_status, 'F' AS conf_status, NULL::VARCHAR AS missing_reason"""
    elif dataset.duplicates == "sum":
        values = """
            CASE WHEN count(value) = count(*) THEN try_cast(sum(value) AS DECIMAL(20, 4)) END AS value,
            CASE WHEN count(lower) = count(*) THEN try_cast(sum(lower) AS DECIMAL(20, 4)) END AS lower,
            CASE WHEN count(upper) = count(*) THEN try_cast(sum(upper) AS DECIMAL(20, 4)) END AS upper,
            CASE WHEN count(missing_reason) > 0 THEN arg_min(obs_status, (missing_reason, obs_status)) FILTER (missing_reason IS NOT NULL)
                 WHEN count(DISTINCT obs_status) = 1 THEN min(obs_status) ELSE 'A' END AS obs_status,
            max(CASE conf_status WHEN 'F' THEN 'A' ELSE conf_status END) AS conf_status,
            min(missing_reason) AS missing_reason"""
    else:
        connection.execute(
            f"CREATE OR REPLACE TABLE observations AS SELECT {key}, {', '.join(VALUES)}, 1 AS source_row_count FROM candidates"
        )
        return
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE observations AS
        SELECT * REPLACE (CASE conf_status WHEN 'A' THEN 'F' ELSE conf_status END AS conf_status)
        FROM (SELECT {key}, {values}, count(*)::INTEGER AS source_row_count FROM candidates GROUP BY {key})
        """
    )


def _balance(connection: duckdb.DuckDBPyConnection, reading: Reading, issues: Sequence[date]) -> dict[date, dict[str, int]]:
    """Rows in, accepted, quarantined and excluded by issue. Raises BalanceError when a row has no fate or two."""
    from submissions.errors import BalanceError

    rows = connection.execute(
        """
        SELECT issue, count(*), count(*) FILTER (exclusion IS NULL AND len(codes) = 0 AND NOT is_replaced),
               count(*) FILTER (exclusion IS NULL AND len(codes) > 0), count(*) FILTER (exclusion IS NOT NULL OR is_replaced)
        FROM fates GROUP BY issue
        """
    ).fetchall()
    names = ("rows_in", "rows_accepted", "rows_quarantined", "rows_excluded")
    counts = {issue: dict.fromkeys(names, 0) for issue in issues}
    counts |= {issue: dict(zip(names, numbers, strict=True)) for issue, *numbers in rows}
    with_value = connection.execute("SELECT count(DISTINCT row_id) FROM candidates").fetchone()
    assert with_value is not None
    total = {name: sum(count[name] for count in counts.values()) for name in names}
    balanced = total["rows_in"] == total["rows_accepted"] + total["rows_quarantined"] + total["rows_excluded"]
    if not balanced or total["rows_in"] != reading.rows or total["rows_accepted"] != with_value[0]:
        raise BalanceError(
            f"the balance does not hold: {reading.rows:,} rows read, {total['rows_accepted']:,} accepted "
            f"({with_value[0]:,} in the lake) + {total['rows_quarantined']:,} quarantined + {total['rows_excluded']:,} excluded",
            hint="This is an error of the program, not of the file. Nothing of the file was taken.",
        )
    return counts


# --- what to say about it --------------------------------------------------------------------------------------------


def _row_problems(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> list[Problem]:
    rows = connection.execute(
        """
        WITH wrong AS (SELECT line, unnest(codes) AS code FROM fates WHERE len(codes) > 0)
        SELECT code, count(*), list(line ORDER BY line)[:20] FROM wrong GROUP BY code ORDER BY code
        """
    ).fetchall()
    problems = []
    for code, number, lines in rows:
        name, _, column = code.partition(":")
        problems.append(Problem(name, "", number, tuple(lines), partner_columns(dataset, column)))
    return problems


def partner_columns(dataset: Dataset, column: str) -> tuple[str, ...]:
    """The partner's names of the columns that one of ours is read from."""
    if not column:
        return ()
    if column == "period":
        names = [name for rule in dataset.periods for name in rule.sources]
    elif column == "value":
        names = [dataset.value.source] if dataset.value else []
    else:
        names = [rule.source for rule in dataset.columns.get(column, ()) if rule.source]
    return tuple(dict.fromkeys(names)) or (column,)


def _exclusion_counts(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> tuple[list[tuple[str, int]], int]:
    rows = dict(
        connection.execute("SELECT exclusion, count(*) FROM fates WHERE exclusion IS NOT NULL GROUP BY exclusion").fetchall()
    )
    counts = [(exclusion.reason, rows[index]) for index, exclusion in enumerate(dataset.exclusions) if index in rows]
    replaced = connection.execute("SELECT count(*) FROM fates WHERE is_replaced").fetchone()
    if replaced and replaced[0]:
        counts.append(("replaced by a later row of the same key in this file", replaced[0]))
    return counts, rows.get(AFTER_END, 0)


def _total_problems(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> list[Problem]:
    """Compares the parts of each split with its published total, as intervals; what the bounds allow is no problem."""
    problems = []
    for index, check in enumerate(dataset.total_checks):
        split = {column for column, rules in dataset.columns.items() if any(rule.source == check.column for rule in rules)}
        key = ", ".join(column for column in KEY if column not in split)
        row = connection.execute(
            f"""
            WITH numbers AS (
                SELECT {key}, row_id, is_total_{index} AS is_total, exclusion,
                       CASE WHEN mark IS NULL THEN number ELSE low END AS lower,
                       CASE WHEN mark IS NULL THEN number ELSE high END AS upper
                FROM parsed WHERE period IS NOT NULL AND len(codes) = 0
            ),
            compared AS (
                SELECT {key}, any_value(lower) FILTER (is_total) AS total_lower, any_value(upper) FILTER (is_total) AS total_upper,
                       min(row_id) FILTER (is_total) AS row_id,
                       sum(lower) FILTER (NOT is_total AND exclusion IS NULL) AS lower,
                       sum(upper) FILTER (NOT is_total AND exclusion IS NULL) AS upper,
                       count(*) FILTER (NOT is_total AND exclusion IS NULL AND upper IS NULL) AS gaps
                FROM numbers GROUP BY {key}
            )
            SELECT count(*), list(texts.line ORDER BY texts.line)[:20] FROM compared JOIN texts USING (row_id)
            WHERE total_upper < lower - $tolerance OR (gaps = 0 AND total_lower > upper + $tolerance)
            """,
            {"tolerance": check.tolerance},
        ).fetchone()
        if row and row[0]:
            problems.append(Problem("W-total", "", row[0], tuple(row[1]), (check.column,)))
    return problems


def unmapped_labels(connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset) -> list[tuple[str, str, int]]:
    """(our column, label, rows) of labels that no map, value list or library knows, most frequent first."""
    unmapped: list[tuple[str, str, int]] = []
    for column, rules in dataset.columns.items():
        if column in STATUSES or not any(rule.is_mapped for rule in rules):
            continue
        if any(rule.source and not rule.where and rule.otherwise for rule in rules):
            continue
        known = {row.source for rule in rules for _, row in contract.map_rows(rule)}
        known |= {code for rule in rules for code in (rule.constant, rule.otherwise) if code is not None}
        rows = connection.execute(
            f"SELECT {column}, count(*) FROM candidates WHERE NOT list_contains($known, {column}) GROUP BY 1 ORDER BY 2 DESC, 1",
            {"known": sorted(known)},
        ).fetchall()
        if any(rule.library == "country_names" for rule in rules):
            from submissions.country_names import resolve

            rows = [row for row in rows if resolve(row[0]) is None]
        unmapped += [(column, label, number) for label, number in rows]
    return unmapped


def _unmapped_problems(unmapped: Sequence[tuple[str, str, int]], dataset: Dataset) -> list[Problem]:
    problems = []
    for column in dict.fromkeys(column for column, _, _ in unmapped):
        labels = [(label, number) for name, label, number in unmapped if name == column]
        detail = f"{len(labels):,} label{'s' if len(labels) != 1 else ''} of {column}"
        problems.append(Problem("W-unmapped", detail, sum(number for _, number in labels), (), partner_columns(dataset, column)))
    return problems


def _sums_with_gaps(connection: duckdb.DuckDBPyConnection) -> list[Problem]:
    key = ", ".join(("issue", *KEY))
    row = connection.execute(
        f"""
        WITH sums AS (SELECT {key} FROM candidates GROUP BY {key} HAVING count(*) > 1 AND count(upper) BETWEEN 1 AND count(*) - 1)
        SELECT count(*) FROM sums
        """
    ).fetchone()
    return [Problem("W-sum-with-missing", "", row[0])] if row and row[0] else []
