"""SQL for what stands in a value cell: a number in the declared form, a declared mark, and the status with it.

Statuses follow SDMX. The seed `statuses` says which of them goes with an exact value, an interval or none, and which
reason a gap then has; anything else is a contradiction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from submissions.contracts.model import Contract, Dataset, ValueRule
from submissions.readers.layout import Parameters
from submissions.readers.records import BLANKS
from submissions.vocabulary.fields import count_units, seed

if TYPE_CHECKING:
    import duckdb

# above twice the people of the world nothing is a count
MAXIMUM_COUNT = 20_000_000_000
MAXIMUM_AMOUNT = 10_000_000_000_000
FIGURE = "DECIMAL(20, 4)"
_GAPS = "('O', 'L', 'M', 'Q')"
# what distinct texts of value cells are told apart by: the same text means another figure in another unit
VALUE_TEXTS = ("value_text", "multiplier_text", "obs_status", "conf_status", "unit")
# what a publisher may write behind a number: a letter or three, signs, a number in brackets; never a digit of its own
_SUFFIX = r"[ \x{00A0}\x{2009}\x{202F}]*(\(?\p{L}{1,3}[.)]*|[^\s\w.,'<>=+-]{1,3}|[(\[]\w{1,3}[)\]]|[¹²³⁰-⁹]{1,2})"


@dataclass(frozen=True)
class ValueColumns:
    """Comma-separated SQL columns, in steps that build on each other, and cases that give a problem's code.

    A column that another is made from stands in an earlier step: in one step DuckDB would write it out at each use, and
    plan for longer than it works.
    """

    bare: str
    read: str
    stated: str
    obs_status: str
    conf_status: str
    reasons: str
    problems: tuple[str, ...]


def value_columns(contract: Contract, dataset: Dataset, parameters: Parameters) -> ValueColumns:
    """Columns mark, is_number, number, low, high, missing_reason, obs_status_code and conf_status_code of a cell.

    `number`, `low` and `high` are in the unit of the figure: what the cell says, times the declared multiplier.
    """
    bare, of_suffix, suffix_is_unclear = _suffixes(dataset, parameters)
    factor = _factor(dataset, parameters)
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
        {mark} AS mark, {is_number} AS is_number, {factor} AS factor, {number} AS stated_number,
        coalesce({of_suffix}, {obs}) AS given_obs_status, {conf} AS given_conf_status,
        {obs_is_unknown} OR {conf_is_unknown} OR {suffix_is_unclear}
        OR coalesce({of_suffix} <> {obs}, false) AS status_is_unknown"""
    stated = f"""
        CASE WHEN abs(stated_number) <= {MAXIMUM_AMOUNT} THEN stated_number * factor END AS number,
        {_of_mark([entry.lower for entry in marks], parameters)} * factor AS low,
        {_of_mark([entry.upper for entry in marks], parameters)} * factor AS high,
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
    return ValueColumns(
        bare, read, stated, obs_status, conf_status, reasons_of_state, _problems(contract, dataset, parameters)
    )


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
        WITH distinct_texts AS (SELECT DISTINCT {", ".join(VALUE_TEXTS)} FROM ({cells})),
        bare AS (SELECT *{columns.bare} FROM distinct_texts),
        read AS (SELECT *, {columns.read} FROM bare),
        stated AS (SELECT *, {columns.stated} FROM read),
        observed AS (SELECT *, {columns.obs_status} FROM stated),
        confidential AS (SELECT *, {columns.conf_status} FROM observed),
        statuses AS (SELECT *, {columns.reasons} FROM confidential)
        SELECT {", ".join(VALUE_TEXTS)}, missing_reason, obs_status_code, conf_status_code,
               try_cast(CASE WHEN mark IS NULL THEN number WHEN value_state = 'exact' THEN low END AS {FIGURE}) AS value,
               try_cast(CASE WHEN mark IS NULL THEN number ELSE low END AS {FIGURE}) AS lower,
               try_cast(CASE WHEN mark IS NULL THEN number ELSE high END AS {FIGURE}) AS upper,
               concat_ws(' ', NULL{"".join(f", {problem}" for problem in columns.problems)}) AS value_codes
        FROM statuses
        """,
        parameters,
    )
    shape = _shape_of_number(dataset.value, f"(?:{_SUFFIX})") if dataset.value else ""
    connection.execute(
        """
        CREATE OR REPLACE TABLE undeclared_suffixes AS
        SELECT DISTINCT trim(regexp_extract(value_text, $tail), $blanks) AS suffix
        FROM value_texts WHERE contains(value_codes, 'R-suffix') AND regexp_matches(value_text, $shape)
        """,
        {"tail": f"(?:{_SUFFIX})$", "blanks": BLANKS, "shape": shape},
    )


def _problems(contract: Contract, dataset: Dataset, parameters: Parameters) -> tuple[str, ...]:
    if dataset.value is None:
        return ()
    is_count = _is_count(contract, dataset, parameters)
    limit = f"CASE WHEN {is_count} THEN {MAXIMUM_COUNT} ELSE {MAXIMUM_AMOUNT} END"
    fraction = f"WHEN {is_count} AND number <> trunc(number) THEN 'R-fraction:value'"
    is_suffixed = f"regexp_matches(value_text, {parameters.bind(_shape_of_number(dataset.value, _SUFFIX))})"
    # a row that takes back an earlier one is below zero; checking looks at the sum of its key
    negative = "" if dataset.value.has_corrections else "WHEN number < 0 THEN 'R-negative:value'"
    return (
        f"""CASE WHEN (mark IS NOT NULL AND factor IS NOT NULL) OR is_stated_gap THEN NULL
                 WHEN value_text = '' THEN 'R-value-empty:value'
                 WHEN factor IS NULL THEN 'R-multiplier:value'
                 WHEN NOT is_number AND {is_suffixed} THEN 'R-suffix:value'
                 WHEN NOT is_number THEN 'R-value:value'
                 WHEN number IS NULL OR abs(number) > {limit} THEN 'R-range:value'
                 {negative} {fraction} END""",
        """CASE WHEN status_is_unknown THEN 'R-status:obs_status'
                WHEN (mark IS NOT NULL OR number IS NOT NULL OR is_stated_gap)
                     AND (NOT status_is_allowed OR coalesce(mark_reason <> state_reason, mark_reason IS NOT NULL))
                THEN 'R-status:obs_status' END""",
    )


def _suffixes(dataset: Dataset, parameters: Parameters) -> tuple[str, str, str]:
    """SQL for bare_text and suffix_statuses, for the status that suffixes say, and for whether they contradict.

    What is bare stands in a step of its own, which is empty where nothing is declared. A text that is a mark as a whole
    is no number with a suffix. A suffix that begins with a digit stands apart from the number.
    """
    rule = dataset.value
    if rule is None or not rule.suffixes:
        return "", "NULL::VARCHAR", "false"
    longest_first = sorted(rule.suffixes, key=lambda text: (-len(text), text))
    blank = r"[ \x{00A0}\x{2007}\x{2009}\x{202F}]"
    one = "|".join(f"{blank}{'+' if text[0].isdigit() else '*'}{re.escape(text)}" for text in longest_first)
    tail = f"regexp_extract(value_text, {parameters.bind(f'(?:{one})+$')})"
    marks = parameters.bind([mark.text for mark in rule.marks])
    said = {text: status for text, status in rule.suffixes.items() if status}
    # what is bound and not used is refused by DuckDB: footnotes alone say no status
    status = _lookup(f"trim(suffix, {parameters.bind(BLANKS)})", said, parameters) if said else "NULL::VARCHAR"
    bare = f""",
        CASE WHEN list_contains({marks}, value_text) THEN value_text
             ELSE substr(value_text, 1, length(value_text) - length({tail})) END AS bare_text,
        CASE WHEN list_contains({marks}, value_text) THEN []::VARCHAR[]
             ELSE list_distinct(list_filter(
                 list_transform(regexp_extract_all({tail}, {parameters.bind(one)}), suffix -> {status}),
                 status -> status IS NOT NULL)) END AS suffix_statuses"""
    return bare, "suffix_statuses[1]", "len(suffix_statuses) > 1"


def _factor(dataset: Dataset, parameters: Parameters) -> str:
    """SQL for how many units one of the cell's figures is; NULL where the label is not listed."""
    rule = dataset.value.multiplier if dataset.value else None
    if rule is None:
        return "1"
    if rule.number is not None:
        return f"{rule.number:f}"
    labels = [f"WHEN {parameters.bind(label)} THEN {number:f}::DECIMAL(14, 4)" for label, number in rule.values.items()]
    otherwise = f"{rule.otherwise:f}" if rule.otherwise is not None else "NULL"
    return f"CASE multiplier_text {' '.join(labels)} ELSE {otherwise} END"


_ALIKE = {" ": r"[ \x{00A0}\x{2007}\x{2009}\x{202F}]", "'": r"['\x{2019}]"}
"""A blank or apostrophe between thousands may be any of those that typesetters use."""


def _shape_of_number(rule: ValueRule, suffix: str = "") -> str:
    thousands = _ALIKE.get(rule.thousands, re.escape(rule.thousands))
    whole = rf"(\d{{1,3}}({thousands}\d{{3}})+|\d+)" if rule.thousands else r"\d+"
    return rf"^[+-]?{whole}({re.escape(rule.decimal)}[0-9]+)?{suffix}$"


def _number(dataset: Dataset, parameters: Parameters) -> tuple[str, str, str]:
    """SQL for whether the text is a number by the declared marks, for the number, and for the index of its mark."""
    rule = dataset.value
    if rule is None:
        return "true", "NULL::DECIMAL(38, 10)", "NULL::INTEGER"
    marks = [f"WHEN {parameters.bind(entry.text)} THEN {index}" for index, entry in enumerate(rule.marks)]
    text = "bare_text" if rule.suffixes else "value_text"
    mark = f"CASE {text} {' '.join(marks)} END" if marks else "NULL::INTEGER"
    thousands = _ALIKE.get(rule.thousands, re.escape(rule.thousands))
    is_number = f"regexp_matches({text}, {parameters.bind(_shape_of_number(rule))})"
    digits = f"regexp_replace({text}, {parameters.bind(thousands)}, '', 'g')" if rule.thousands else text
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


def _is_count(contract: Contract, dataset: Dataset, parameters: Parameters) -> str:
    """SQL for whether a row's figure counts something, by its unit: then it is whole."""
    rules = dataset.columns.get("unit", ())
    constants = {rule.constant for rule in rules} if rules else {dataset.counting_unit}
    if None not in constants and len({constant in count_units() for constant in constants}) == 1:
        return "true" if constants <= count_units() else "false"
    codes = {row.source: row.code for rule in rules for _, row in contract.map_rows(rule)}
    counted = count_units() | {label for label, code in codes.items() if code in count_units()}
    counted -= {label for label, code in codes.items() if code not in count_units()}
    return f"coalesce(list_contains({parameters.bind(sorted(counted))}, unit), false)"
