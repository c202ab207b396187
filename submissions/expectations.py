"""The expectation suite of an accepted batch (Great Expectations 1.x), made from the field registry and the contract.

It is the last gate before the lake and shares no code with the row rules: it looks at the batch as a whole, at
observation grain. Up to a million rows it runs on a pandas frame; above, every rule is counted in DuckDB first and the
suite runs on that profile. Results are true or false; no observed value is kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from submissions.checking import KEY
from submissions.contract import STATUSES, Contract, Dataset
from submissions.fields import codes, registry
from submissions.values import MAXIMUM_AMOUNT

if TYPE_CHECKING:
    import duckdb

PROFILE_ABOVE_ROWS = 1_000_000
CHECKED_LISTS = (*STATUSES, "missing_reason", "frequency", "unit")

Result = tuple[str, bool]


@dataclass(frozen=True)
class Rule:
    """One expectation: its name, its class and arguments in Great Expectations, and SQL that is true where it fails."""

    name: str
    expectation: str
    arguments: Mapping[str, Any]
    fails: str
    parameters: Mapping[str, Any]


def rules(dataset: Dataset) -> list[Rule]:
    """The suite of a dataset, from the field registry (formats, lists) and the contract (unit, kind)."""
    found = [
        Rule(
            "no part of the key or status is missing",
            "ExpectColumnValuesToBeInSet",
            {"column": "is_complete", "value_set": [True]},
            "NOT is_complete",
            {},
        )
    ]
    for column in CHECKED_LISTS:
        members = _members(column, dataset)
        if members:
            found.append(
                Rule(
                    f"{column} is in its code list",
                    "ExpectColumnValuesToBeInSet",
                    {"column": column, "value_set": members},
                    f"NOT list_contains($members, {column})",
                    {"members": members},
                )
            )
    pattern = f"^({registry()['period']['format']})$"
    found.append(
        Rule(
            "period is ISO 8601",
            "ExpectColumnValuesToMatchRegex",
            {"column": "period", "regex": pattern},
            "NOT regexp_matches(period, $pattern)",
            {"pattern": pattern},
        )
    )
    for column in ("value", "lower", "upper"):
        found.append(
            Rule(
                f"{column} is within bounds",
                "ExpectColumnValuesToBeBetween",
                {"column": column, "min_value": 0, "max_value": MAXIMUM_AMOUNT * 1000},
                f"{column} < 0 OR {column} > $most",
                {"most": MAXIMUM_AMOUNT * 1000},
            )
        )
    found += [
        _at_least("upper", "lower"),
        _at_least("upper", "value"),
        _at_least("value", "lower"),
        Rule(
            "a figure, bounds or a reason is given",
            "ExpectColumnValuesToBeInSet",
            {"column": "is_explained", "value_set": [True]},
            "NOT is_explained",
            {},
        ),
        Rule(
            "the key is unique",
            "ExpectCompoundColumnsToBeUnique",
            {"column_list": ["issue", *KEY]},
            f"count(*) OVER (PARTITION BY {', '.join(('issue', *KEY))}) > 1",
            {},
        ),
    ]
    return found


def _at_least(greater: str, smaller: str) -> Rule:
    return Rule(
        f"{greater} is at least {smaller}",
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {"column_A": greater, "column_B": smaller, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
        f"{greater} < {smaller}",
        {},
    )


def run(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    dataset: Dataset,
    profile_above: int = PROFILE_ABOVE_ROWS,
) -> tuple[Result, ...]:
    """Validates the table `observations`. Returns (expectation, whether it holds) in the order of the suite."""
    row = connection.execute("SELECT count(*) FROM observations").fetchone()
    assert row is not None
    suite = rules(dataset)
    name = f"{contract.partner}.{dataset.name}"
    if row[0] > profile_above:
        frame = _profile(connection, suite)
        expectations = [
            ("ExpectColumnMaxToBeBetween", {"column": f"rule_{index}", "max_value": 0}) for index in range(len(suite))
        ]
    else:
        frame = connection.execute(f"SELECT *, {_COMPUTED} FROM observations").df()
        expectations = [(rule.expectation, rule.arguments) for rule in suite]
    outcomes = _validate(name, frame, expectations)
    return (
        ("the batch is not empty", row[0] > 0),
        *((rule.name, outcome) for rule, outcome in zip(suite, outcomes, strict=True)),
    )


_COMPUTED = (
    "((lower IS NOT NULL AND upper IS NOT NULL) OR missing_reason IS NOT NULL) AS is_explained, "
    f"({' AND '.join(f'{column} IS NOT NULL' for column in (*KEY, *STATUSES))}) AS is_complete"
)


def _profile(connection: duckdb.DuckDBPyConnection, suite: Sequence[Rule]) -> Any:
    """One row: how many observations break each rule."""
    counts = []
    for rule in suite:
        row = connection.execute(
            f"""
            SELECT count(*) FROM (
                SELECT {rule.fails} AS fails FROM (SELECT *, {_COMPUTED} FROM observations)
            ) WHERE fails
            """,
            dict(rule.parameters),
        ).fetchone()
        counts.append(row[0] if row else 0)
    import pandas as pd

    return pd.DataFrame([counts], columns=[f"rule_{index}" for index in range(len(suite))])


def _validate(name: str, frame: Any, expectations: Sequence[tuple[str, Mapping[str, Any]]]) -> list[bool]:
    context = _context()
    import great_expectations as gx
    import great_expectations.expectations as gxe

    suite = gx.ExpectationSuite(
        name=name, expectations=[getattr(gxe, kind)(**arguments) for kind, arguments in expectations]
    )
    asset = context.data_sources.get("batches").get_asset("batch")
    batch = asset.get_batch_definition("whole").get_batch(batch_parameters={"dataframe": frame})
    found = batch.validate(suite, result_format="BOOLEAN_ONLY")
    outcomes = {
        _identity(result.expectation_config.type, result.expectation_config.kwargs): bool(result.success)
        for result in found.results
    }
    return [
        outcomes[_identity(_snake(kind), getattr(gxe, kind)(**arguments).configuration.kwargs)]
        for kind, arguments in expectations
    ]


@cache
def _context() -> Any:
    """One context a process, in memory, without telemetry, files or progress bars."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    context.data_sources.add_pandas("batches").add_dataframe_asset("batch").add_batch_definition_whole_dataframe(
        "whole"
    )
    return context


def _identity(kind: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    kept = {key: value for key, value in arguments.items() if key not in ("batch_id",)}
    return kind, repr(sorted(kept.items()))


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")


def _members(column: str, dataset: Dataset) -> list[str]:
    if column != "unit":
        return sorted(codes(column))
    constants = [rule.constant for rule in dataset.columns.get("unit", ())]
    if not constants:
        return [dataset.counting_unit]
    return sorted({constant for constant in constants if constant}) if all(constants) else []
