"""SQL for what stands in a value cell: a number in the declared form, a declared mark, and the status with it.

Statuses follow SDMX. The seed `statuses` says which of them goes with an exact value, an interval or none, and which
reason a gap then has; anything else is a contradiction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from submissions.contract_model import Contract, Dataset
from submissions.fields import count_units, seed
from submissions.layout import Parameters

if TYPE_CHECKING:
    import duckdb

MAXIMUM_COUNT = 100_000_000_000
MAXIMUM_AMOUNT = 10_000_000_000_000
_GAPS = "('O', 'L', 'M', 'Q')"


@dataclass(frozen=True)
class ValueColumns:
    """Comma-separated SQL columns, in steps that build on each other, and cases that give a problem's code.

    A column that another is made from stands in an earlier step: in one step DuckDB would write it out at each use, and
    plan for longer than it works.
    """

    read: str
    stated: str
    obs_status: str
    conf_status: str
    reasons: str
    problems: tuple[str, ...]


def value_columns(contract: Contract, dataset: Dataset, parameters: Parameters) -> ValueColumns:
    """Columns mark, is_number, number, low, high, missing_reason, obs_status_code and conf_status_code of a cell."""
    is_number, number, mark = _number(dataset, parameters)
    marks = dataset.value.marks if dataset.value else ()
    obs, obs_is_unknown = _given_status(contract, dataset, "obs_status", parameters)
    conf, conf_is_unknown = _given_status(contract, dataset, "conf_status", parameters)
    reasons = {row["missing_reason"]: row for row in seed("missing_reasons")}
    obs_of_reason = _lookup("mark_reason", {reason: row["obs_status"] for reason, row in reasons.items()}, parameters)
    conf_of_reason = _lookup("mark_reason", {reason: row["conf_status"] for reason, row in reasons.items()}, parameters)
    rows = [row for row in seed("statuses") if row["is_allowed"] == "true"]
    combination = "concat_ws('|', obs_status_code, conf_status_code, value_state)"
    keys = {
        "|".join((row["obs_status"], row["conf_status"], row["value_state"])): row["missing_reason"] for row in rows
    }
    reason = _lookup(combination, {key: reason for key, reason in keys.items() if reason}, parameters)
    read = f"""
        {mark} AS mark, {is_number} AS is_number, {number} AS number, {obs} AS given_obs_status,
        {conf} AS given_conf_status, {obs_is_unknown} OR {conf_is_unknown} AS status_is_unknown"""
    stated = f"""
        {_of_mark([entry.lower for entry in marks], parameters)} AS low,
        {_of_mark([entry.upper for entry in marks], parameters)} AS high,
        {_of_mark([entry.missing_reason for entry in marks], parameters, "VARCHAR")} AS mark_reason"""
    obs_status = f"""
        CASE WHEN coalesce(number, low) IS NULL THEN 'none'
             WHEN mark IS NULL OR (low = high AND mark_reason IS NULL) THEN 'exact' ELSE 'interval' END AS value_state,
        coalesce(given_obs_status, {obs_of_reason}, 'A') AS obs_status_code"""
    conf_status = f"""
        coalesce(given_conf_status, {conf_of_reason}, CASE WHEN obs_status_code = 'Q' THEN 'C'
                 WHEN value_state = 'interval' AND obs_status_code <> 'E' THEN 'C' END, 'F') AS conf_status_code"""
    reasons_of_state = f"""
        {reason} AS state_reason, coalesce(mark_reason, state_reason) AS missing_reason,
        list_contains({parameters.bind(sorted(keys))}, {combination}) AS status_is_allowed,
        mark IS NULL AND value_text = '' AND coalesce(given_obs_status IN {_GAPS}, false) AS is_stated_gap"""
    return ValueColumns(read, stated, obs_status, conf_status, reasons_of_state, _problems(contract, dataset))


def make_value_texts(
    connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset, cells: str, parameters: Parameters
) -> None:
    """`value_texts`: what each distinct text of a value cell, with its status labels, means and what is wrong with it.

    `cells` is the query of layout.cells_query, and `parameters` are its own.
    """
    columns = value_columns(contract, dataset, parameters)
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE value_texts AS
        WITH distinct_texts AS (SELECT DISTINCT value_text, obs_status, conf_status FROM ({cells})),
        read AS (SELECT *, {columns.read} FROM distinct_texts),
        stated AS (SELECT *, {columns.stated} FROM read),
        observed AS (SELECT *, {columns.obs_status} FROM stated),
        confidential AS (SELECT *, {columns.conf_status} FROM observed),
        statuses AS (SELECT *, {columns.reasons} FROM confidential)
        SELECT value_text, obs_status, conf_status, missing_reason, obs_status_code, conf_status_code,
               CASE WHEN mark IS NULL THEN try_cast(number AS DECIMAL(20, 4)) WHEN value_state = 'exact' THEN low END AS value,
               CASE WHEN mark IS NULL THEN try_cast(number AS DECIMAL(20, 4)) ELSE low END AS lower,
               CASE WHEN mark IS NULL THEN try_cast(number AS DECIMAL(20, 4)) ELSE high END AS upper,
               concat_ws(' ', NULL{"".join(f", {problem}" for problem in columns.problems)}) AS value_codes
        FROM statuses
        """,
        parameters,
    )


def _problems(contract: Contract, dataset: Dataset) -> tuple[str, ...]:
    if dataset.value is None:
        return ()
    is_count = is_count_only(contract, dataset)
    limit = MAXIMUM_COUNT if is_count else MAXIMUM_AMOUNT
    fraction = "WHEN number <> trunc(number) THEN 'R-fraction:value'" if is_count else ""
    # a row that takes back an earlier one is below zero; checking looks at the sum of its key
    negative = "" if dataset.value.has_corrections else "WHEN number < 0 THEN 'R-negative:value'"
    return (
        f"""CASE WHEN mark IS NOT NULL OR is_stated_gap THEN NULL
                 WHEN value_text = '' THEN 'R-value-empty:value'
                 WHEN NOT is_number THEN 'R-value:value'
                 WHEN number IS NULL OR abs(number) > {limit} THEN 'R-range:value'
                 {negative} {fraction} END""",
        """CASE WHEN status_is_unknown THEN 'R-status:obs_status'
                WHEN (mark IS NOT NULL OR number IS NOT NULL OR is_stated_gap)
                     AND (NOT status_is_allowed OR coalesce(mark_reason <> state_reason, mark_reason IS NOT NULL))
                THEN 'R-status:obs_status' END""",
    )


def _number(dataset: Dataset, parameters: Parameters) -> tuple[str, str, str]:
    """SQL for whether value_text is a number by the declared marks, for the number, and for the index of its mark."""
    rule = dataset.value
    if rule is None:
        return "true", "NULL::DECIMAL(38, 10)", "NULL::INTEGER"
    marks = [f"WHEN {parameters.bind(entry.text)} THEN {index}" for index, entry in enumerate(rule.marks)]
    mark = f"CASE value_text {' '.join(marks)} END" if marks else "NULL::INTEGER"
    point = re.escape(rule.decimal)
    # a blank or apostrophe between thousands may be any of those that typesetters use
    alike = {" ": r"[ \x{00A0}\x{2007}\x{2009}\x{202F}]", "'": r"['\x{2019}]"}
    thousands = alike.get(rule.thousands, re.escape(rule.thousands))
    whole = rf"(\d{{1,3}}({thousands}\d{{3}})+|\d+)" if rule.thousands else r"\d+"
    is_number = f"regexp_matches(value_text, {parameters.bind(rf'^[+-]?{whole}({point}[0-9]+)?$')})"
    digits = f"regexp_replace(value_text, {parameters.bind(thousands)}, '', 'g')" if rule.thousands else "value_text"
    plain = f"replace({digits}, {parameters.bind(rule.decimal)}, '.')"
    return is_number, f"CASE WHEN {is_number} THEN try_cast({plain} AS DECIMAL(38, 10)) END", mark


def _of_mark(contents: Iterable[Any], parameters: Parameters, kind: str = "DECIMAL(20, 4)") -> str:
    cases = [
        f"WHEN {index} THEN {parameters.bind(content)}" for index, content in enumerate(contents) if content is not None
    ]
    return f"try_cast((CASE mark {' '.join(cases)} END) AS {kind})" if cases else f"NULL::{kind}"


def _lookup(expression: str, values: dict[str, str], parameters: Parameters) -> str:
    cases = [f"WHEN {parameters.bind(key)} THEN {parameters.bind(value)}" for key, value in values.items()]
    return f"CASE {expression} {' '.join(cases)} END"


def _given_status(contract: Contract, dataset: Dataset, column: str, parameters: Parameters) -> tuple[str, str]:
    """SQL for the SDMX code of a status label, and for 'no known code'.

    Values and maps apply here: a status is part of the figure and is not harmonised later.
    """
    rules = dataset.columns.get(column, ())
    if not rules:
        return "NULL::VARCHAR", "false"
    values = {row.source: row.code for rule in rules for _, row in contract.map_rows(rule)}
    label = f"nullif({column}, '')"
    code = f"coalesce({_lookup(column, values, parameters)}, {label})" if values else label
    known = sorted({row[column] for row in seed("statuses")})
    return code, f"coalesce(NOT list_contains({parameters.bind(known)}, {code}), false)"


def is_count_only(contract: Contract, dataset: Dataset) -> bool:
    """Whether every number of the dataset counts something: then it is whole."""
    units: set[str] = set()
    for rule in dataset.columns.get("unit", ()):
        units |= {rule.constant} if rule.constant else {row.code for _, row in contract.map_rows(rule)} or {""}
    return (units or {dataset.counting_unit}) <= count_units()
