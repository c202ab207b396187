"""Row rules: from the table of text to accepted observations, as SQL over positional columns.

Every source row gets one fate: accepted, quarantined with codes, or excluded with a reason; rows in = their sum. Texts
of partners and of contracts are bound as parameters or compared as data, and never become identifiers or SQL.
Distinct period and issue texts are parsed in Python and joined; nothing else runs row by row outside DuckDB.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from submissions.contracts.model import DIMENSIONS, Contract, Dataset, FileRule
from submissions.errors import BalanceError
from submissions.readers.figures import VALUE_TEXTS, make_value_texts
from submissions.readers.issue_dates import issue_of_file
from submissions.readers.layout import (
    Layout,
    Parameters,
    cells_query,
    exclusion_condition,
    layout,
    make_issues,
    make_period_texts,
)
from submissions.readers.table import Reading, compact
from submissions.validation.control_totals import control_bits
from submissions.validation.findings import AFTER_END, CONTROL, Findings, find
from submissions.validation.problems import Problem
from submissions.validation.stated_units import check_what_is_said
from submissions.vocabulary.observations import KEY, VALUES

if TYPE_CHECKING:
    import duckdb

__all__ = ["Checked", "check_rows", "layout"]

# C0 and C1 controls, and the characters that embed, override or isolate a direction of writing.
_CONTROL = r"[\x{0000}-\x{001F}\x{007F}-\x{009F}\x{202A}-\x{202E}\x{2066}-\x{2069}]"
MAXIMUM_LABEL_CHARACTERS = 200


@dataclass(frozen=True)
class Checked:
    """Fates of the rows, by date of issue; the rows themselves stand in the tables `fates` and `observations`."""

    issues: tuple[date, ...]
    problems: tuple[Problem, ...]
    exclusions: tuple[tuple[str, int], ...] = ()
    unmapped: tuple[tuple[str, str, int], ...] = ()
    counts: Mapping[date, Mapping[str, int]] = field(default_factory=dict)
    by_issue: Mapping[date, Findings] = field(default_factory=dict)


def check_rows(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    dataset: Dataset,
    rule: FileRule,
    reading: Reading,
    found: Layout,
    file_name: str,
    suspects: Collection[str] = (),
) -> Checked:
    """Gives every row of `source` its fate and fills `observations`. Raises Refusal when the whole file fails.

    `suspects` are texts that look like names of persons (screening): a row with one among its codes is set aside.
    """
    issue = issue_of_file(rule, file_name, reading)
    check_what_is_said(connection, dataset, rule, reading, found)
    _texts(connection, dataset, reading, found)
    make_period_texts(connection, dataset, found, rule)
    issues = make_issues(connection, dataset, found, rule, issue)
    _parsed(connection, contract, dataset, rule, found, issue, suspects)
    _fates(connection, issues)
    _duplicates(connection, dataset)
    _observations(connection, dataset)
    counts = _balance(connection, reading, issues)
    found_in_all = find(connection, contract, dataset)
    by_issue = {issues[0]: found_in_all}
    if len(issues) > 1:
        by_issue = {each: find(connection, contract, dataset, each) for each in issues}
    return Checked(issues, found_in_all.problems, found_in_all.exclusions, found_in_all.unmapped, counts, by_issue)


# --- text ------------------------------------------------------------------------------------------------------------


def _texts(connection: duckdb.DuckDBPyConnection, dataset: Dataset, reading: Reading, found: Layout) -> None:
    """`texts`: whether a row is ragged, or hostile in a cell that the contract reads, and the exclusion it meets."""
    parameters = Parameters()
    positions = sorted({*found.positions.values(), *(index for index, _ in found.unpivoted)})
    is_ragged = f"(width <> {len(reading.header)} OR more IS NOT NULL OR broken IS NOT NULL)"
    together = f"concat_ws(' ', {', '.join(f'c{position}' for position in positions)})" if positions else "''"
    conditions = [
        f"WHEN {exclusion_condition(exclusion, found, parameters)} THEN {index}"
        for index, exclusion in enumerate(dataset.exclusions)
    ]
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE texts AS
        SELECT row_id, line, {is_ragged} AS is_ragged,
               NOT is_ragged AND regexp_matches({together}, {parameters.bind(_CONTROL)}) AS is_hostile,
               coalesce(broken, 'R-cells') AS ragged_code,
               CASE WHEN is_after_end THEN {AFTER_END} WHEN is_ragged THEN NULL {" ".join(conditions)} END AS exclusion
        FROM source
        """,
        parameters,
    )


# --- values and rules ------------------------------------------------------------------------------------------------


def _parsed(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    dataset: Dataset,
    rule: FileRule,
    found: Layout,
    file_issue: date | None,
    suspects: Collection[str],
) -> None:
    """`parsed`: cells with period, issue, figures and status, and the codes of what is wrong, separated by blanks."""
    parameters = Parameters()
    make_value_texts(connection, contract, dataset, cells_query(dataset, found, rule, parameters), parameters)
    parameters = Parameters()
    cells = cells_query(dataset, found, rule, parameters)
    is_control = f"total_mask & {control_bits(dataset)} <> 0"
    issue = f"{parameters.bind(file_issue)}::DATE" if file_issue else "issue_texts.issue"
    join_issue = "" if file_issue else "LEFT JOIN issue_texts USING (issue_text)"
    codes = [
        "CASE WHEN is_hostile THEN 'R-control' END",
        "CASE WHEN issue IS NULL THEN 'R-issue' END",
        f"""CASE WHEN period IS NULL AND period_rule >= {len(dataset.periods)} THEN 'R-period:total'
                WHEN period IS NULL THEN 'R-period:period'
                WHEN period_start > issue THEN 'R-period-after-issue:period' END""",
        # a total may leave empty what it goes over
        *(
            f"CASE WHEN NOT is_control THEN {problem} END"
            for problem in _label_problems(contract, dataset, suspects, parameters)
        ),
        "nullif(value_codes, '')",
        "CASE WHEN row_id IN (FROM contradicted) THEN 'R-multiplier:value' END",
    ]
    unread = (
        "period_rule, period_text, value_text, multiplier_text, issue_text, obs_status, conf_status, obs_status_code, "
        "conf_status_code"
    )
    same_text = " AND ".join(f"cells.{name} IS NOT DISTINCT FROM value_texts.{name}" for name in VALUE_TEXTS)
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE parsed AS
        WITH found AS (
            SELECT cells.*, {is_control} AS is_control, period, period_start, frequency, {issue} AS issue, value, lower,
                   upper, missing_reason,
                   obs_status_code, conf_status_code, value_codes
            FROM ({cells}) AS cells
            LEFT JOIN period_texts USING (period_rule, period_text)
            LEFT JOIN value_texts ON {same_text} {join_issue}
        )
        SELECT * EXCLUDE ({unread}, is_hostile, value_codes), obs_status_code AS obs_status,
               conf_status_code AS conf_status, concat_ws(' ', {", ".join(codes)}) AS codes
        FROM found
        """,
        parameters,
    )
    compact(connection)


def _label_problems(
    contract: Contract, dataset: Dataset, suspects: Collection[str], parameters: Parameters
) -> list[str]:
    cases = []
    looks_like_name = parameters.bind(sorted(suspects)) if suspects else None
    for column in DIMENSIONS:
        rules = dataset.columns.get(column, ())
        if not any(rule.source or rule.where for rule in rules):
            continue
        allows_blank = any(row.source == "" for rule in rules for _, row in contract.map_rows(rule))
        empty = "" if allows_blank else f"WHEN {column} = '' THEN 'R-label-empty:{column}'"
        cases.append(
            f"CASE WHEN {column} IS NULL THEN 'R-no-alternative:{column}' {empty} "
            f"WHEN length({column}) > {MAXIMUM_LABEL_CHARACTERS} THEN 'R-label-long:{column}' END"
        )
        if looks_like_name:
            cases.append(f"CASE WHEN list_contains({looks_like_name}, {column}) THEN 'R-label-person:{column}' END")
    return cases


# --- fates -----------------------------------------------------------------------------------------------------------


def _fates(connection: duckdb.DuckDBPyConnection, issues: Sequence[date]) -> None:
    """`fates`: one row a source row: its issue, the exclusion it met, the codes of what is wrong."""
    connection.execute(
        """
        CREATE OR REPLACE TABLE fates AS
        WITH wrong AS (
            SELECT row_id, list_sort(list_distinct(string_split(string_agg(codes, ' '), ' '))) AS codes
            FROM parsed WHERE exclusion IS NULL AND codes <> '' GROUP BY row_id
        ),
        issued AS (SELECT row_id, min(issue) AS issue FROM parsed WHERE issue <> $first GROUP BY row_id),
        controls AS (
            SELECT row_id, true AS is_control FROM parsed WHERE exclusion IS NULL
            GROUP BY row_id HAVING bool_and(is_control)
        )
        SELECT row_id, line, coalesce(issue, $first) AS issue,
               CASE WHEN exclusion IS NULL AND is_control AND codes IS NULL THEN $control ELSE exclusion END AS exclusion,
               CASE WHEN exclusion IS NOT NULL THEN []::VARCHAR[] WHEN is_ragged THEN [ragged_code]
                    ELSE coalesce(codes, []) END AS codes,
               false AS is_replaced
        FROM texts LEFT JOIN wrong USING (row_id) LEFT JOIN issued USING (row_id) LEFT JOIN controls USING (row_id)
        """,
        {"first": issues[0], "control": CONTROL},
    )
    connection.execute(
        "CREATE OR REPLACE TABLE unaccepted AS SELECT row_id FROM fates WHERE exclusion IS NOT NULL OR len(codes) > 0"
    )


def _duplicates(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """`candidates`: cells of rows without problems. Rows with a key in common are put in quarantine or replaced."""
    key = ", ".join(("issue", *KEY))
    _candidates(connection)
    if dataset.kind == "cases" or dataset.duplicates == "sum":
        if dataset.value is not None and dataset.value.has_corrections:
            _quarantine_below_zero(connection, key)
        return
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
            f"CREATE TABLE twice AS SELECT DISTINCT row_id FROM candidates SEMI JOIN repeated USING ({key})"
        )
        connection.execute("UPDATE fates SET codes = ['R-duplicate'] WHERE row_id IN (FROM twice)")
        connection.execute("INSERT INTO unaccepted FROM twice")
        return
    _candidates(connection, f"LEFT JOIN repeated USING ({key})", "AND coalesce(last_row_id, row_id) = row_id")
    connection.execute(
        """
        UPDATE fates SET is_replaced = true
        WHERE exclusion IS NULL AND len(codes) = 0 AND row_id NOT IN (SELECT row_id FROM candidates)
        """
    )


def _quarantine_below_zero(connection: duckdb.DuckDBPyConnection, key: str) -> None:
    """A correction takes back what was counted before: where it takes back more, the whole key is in doubt."""
    connection.execute(
        f"""
        CREATE TABLE below_zero AS
        WITH keys AS (SELECT {key} FROM candidates GROUP BY {key} HAVING sum(lower) < 0)
        SELECT DISTINCT row_id FROM candidates SEMI JOIN keys USING ({key})
        """
    )
    connection.execute("UPDATE fates SET codes = ['R-negative:value'] WHERE row_id IN (FROM below_zero)")
    connection.execute("INSERT INTO unaccepted FROM below_zero")


def _candidates(connection: duckdb.DuckDBPyConnection, join: str = "", condition: str = "") -> None:
    connection.execute(
        f"""
        CREATE OR REPLACE VIEW candidates AS
        SELECT row_id, issue, {", ".join((*KEY, *VALUES))}
        FROM parsed ANTI JOIN unaccepted USING (row_id) {join}
        WHERE exclusion IS NULL AND NOT is_control {condition}
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
        gap_status = "arg_min(obs_status, (missing_reason, obs_status)) FILTER (missing_reason IS NOT NULL)"
        values = f"""
            CASE WHEN count(value) = count(*) THEN try_cast(sum(value) AS DECIMAL(20, 4)) END AS value,
            CASE WHEN count(lower) = count(*) THEN try_cast(sum(lower) AS DECIMAL(20, 4)) END AS lower,
            CASE WHEN count(upper) = count(*) THEN try_cast(sum(upper) AS DECIMAL(20, 4)) END AS upper,
            CASE WHEN count(missing_reason) > 0 THEN {gap_status}
                 WHEN count(DISTINCT obs_status) = 1 THEN min(obs_status) ELSE 'A' END AS obs_status,
            coalesce(min(conf_status) FILTER (missing_reason IS NOT NULL), min(conf_status) FILTER (conf_status <> 'F'),
                     'F') AS conf_status,
            min(missing_reason) AS missing_reason"""
    else:
        connection.execute(
            f"""
            CREATE OR REPLACE VIEW observations AS
            SELECT {key}, {", ".join(VALUES)}, 1 AS source_row_count FROM candidates
            """
        )
        return
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE observations AS
        SELECT {key}, {values}, count(*)::INTEGER AS source_row_count FROM candidates GROUP BY {key}
        """
    )


def _balance(
    connection: duckdb.DuckDBPyConnection, reading: Reading, issues: Sequence[date]
) -> dict[date, dict[str, int]]:
    """Rows in, accepted, quarantined and excluded by issue. Raises BalanceError when a row has no fate or two."""
    rows = connection.execute(
        """
        SELECT issue, count(*), count(*) FILTER (exclusion IS NULL AND len(codes) = 0 AND NOT is_replaced),
               count(*) FILTER (exclusion IS NULL AND len(codes) > 0),
               count(*) FILTER (exclusion IS NOT NULL OR is_replaced)
        FROM fates GROUP BY issue
        """
    ).fetchall()
    names = ("rows_in", "rows_accepted", "rows_quarantined", "rows_excluded")
    counts: dict[date, dict[str, int]] = {issue: dict.fromkeys(names, 0) for issue in issues}
    counts |= {issue: dict(zip(names, numbers, strict=True)) for issue, *numbers in rows}
    with_value = connection.execute("SELECT count(DISTINCT row_id) FROM candidates").fetchone()
    assert with_value is not None
    total = {name: sum(count[name] for count in counts.values()) for name in names}
    balanced = total["rows_in"] == total["rows_accepted"] + total["rows_quarantined"] + total["rows_excluded"]
    if not balanced or total["rows_in"] != reading.rows or total["rows_accepted"] != with_value[0]:
        raise BalanceError(
            f"the balance does not hold: {reading.rows:,} rows read, {total['rows_accepted']:,} accepted "
            f"({with_value[0]:,} in the lake) + {total['rows_quarantined']:,} quarantined + "
            f"{total['rows_excluded']:,} excluded",
            hint="This is an error of the program, not of the file. Nothing of the file was taken.",
        )
    return counts
