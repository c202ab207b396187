"""The expectation suite of an accepted batch (Great Expectations 1.x), made from the field registry and the contract.

It is the last gate before the lake and shares no code with the row rules: it looks at the batch as a whole, at
observation grain. Up to a million rows it runs on a pandas frame; above, every rule is counted in DuckDB first and the
suite runs on that profile. Results are true or false; no observed value is kept. `begin` does it in a process of its
own, so that loading and validating cost no time while the next file is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submissions.contracts.model import STATUSES, Contract, Dataset
from submissions.readers.figures import MAXIMUM_AMOUNT
from submissions.validation import process
from submissions.validation.batches import batch_of, outcomes, suite_of, validate, validate_counts
from submissions.vocabulary.fields import codes, registry
from submissions.vocabulary.observations import KEY

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
            {"column_list": ["batch", "issue", *KEY]},
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
    """Validates the table `observations` here and now. Returns (expectation, whether it holds) in the suite's order."""
    suite, rows = rules(dataset), _rows(connection)
    if rows > profile_above:
        found = validate_counts(_name(contract, dataset), _failing(connection, suite))
    else:
        frame = connection.execute(f"SELECT *, 0 AS batch, {_COMPUTED} FROM observations").df()
        found = validate(_name(contract, dataset), frame, [(rule.expectation, rule.arguments) for rule in suite])
    return _results(suite, rows, found)


def begin(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    dataset: Dataset,
    folder: Path,
    profile_above: int = PROFILE_ABOVE_ROWS,
) -> Callable[[], tuple[Result, ...]]:
    """The same in the validation process: begins, and gives a function that waits for the results.

    The batch goes over as a file in `folder`, which is taken away when its results are there.
    """
    suite, rows, name = rules(dataset), _rows(connection), _name(contract, dataset)
    if rows > profile_above:
        waiting = process.submit({"rows": 1, "name": name, "failing": _failing(connection, suite)}, outcomes)
        return lambda: _results(suite, rows, waiting())
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{os.getpid()}-{next(_numbers)}.parquet"
    connection.execute(f"COPY (SELECT *, {_COMPUTED} FROM observations) TO '{_quoted(file)}' (FORMAT parquet)")
    expectations = [(rule.expectation, rule.arguments) for rule in suite]
    task = {"rows": rows, "name": name, "file": str(file), "expectations": expectations}
    waiting = process.submit(task, outcomes)

    def results() -> tuple[Result, ...]:
        try:
            return _results(suite, rows, waiting())
        finally:
            file.unlink(missing_ok=True)

    return results


def _rows(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("SELECT count(*) FROM observations").fetchone()
    assert row is not None
    return row[0]


def _name(contract: Contract, dataset: Dataset) -> str:
    return f"{contract.partner}.{dataset.name}"


def _results(suite: Sequence[Rule], rows: int, found: Sequence[bool]) -> tuple[Result, ...]:
    named = ((rule.name, outcome) for rule, outcome in zip(suite, found, strict=True))
    return (("the batch is not empty", rows > 0), *named)


def _quoted(file: Path) -> str:
    return str(file).replace("'", "''")


_numbers = count()
_COMPUTED = (
    "((lower IS NOT NULL AND upper IS NOT NULL) OR missing_reason IS NOT NULL) AS is_explained, "
    f"({' AND '.join(f'{column} IS NOT NULL' for column in (*KEY, *STATUSES))}) AS is_complete"
)


def _failing(connection: duckdb.DuckDBPyConnection, suite: Sequence[Rule]) -> list[int]:
    """How many observations break each rule."""
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
    return counts


def suite(name: str, dataset: Dataset) -> Any:
    """The suite of a dataset as Great Expectations has it; each expectation's note is the name of its rule."""
    return suite_of(name, [(rule.expectation, {**rule.arguments, "notes": rule.name}) for rule in rules(dataset)])


def results_of_file(
    file: Path, name: str, dataset: Dataset, profile_above: int = PROFILE_ABOVE_ROWS
) -> tuple[Any, list[str]]:
    """Great Expectations' own result of a batch in the lake, with no observed value, and the rules' names in its order."""
    import duckdb

    found = rules(dataset)
    with duckdb.connect() as connection:
        # a file of the lake is one issue
        connection.execute(
            "CREATE VIEW observations AS SELECT *, NULL::DATE AS issue "
            f"FROM read_parquet('{_quoted(file)}', hive_partitioning = false)"
        )
        if _rows(connection) > profile_above:
            columns, failing = [f"rule_{index}" for index in range(len(found))], _failing(connection, found)
            import pandas as pd

            frame: Any = pd.DataFrame([failing], columns=columns)
            expected = [
                ("ExpectColumnMaxToBeBetween", {"column": column, "max_value": 0, "notes": rule.name})
                for column, rule in zip(columns, found, strict=True)
            ]
        else:
            frame = connection.execute(f"SELECT *, 0 AS batch, {_COMPUTED} FROM observations").df()
            expected = [(rule.expectation, {**rule.arguments, "notes": rule.name}) for rule in found]
    result = batch_of(frame).validate(suite_of(name, expected), result_format="BOOLEAN_ONLY")
    return result, [str(each.expectation_config.notes) for each in result.results]


def _members(column: str, dataset: Dataset) -> list[str]:
    if column != "unit":
        return sorted(codes(column))
    constants = [rule.constant for rule in dataset.columns.get("unit", ())]
    if not constants:
        return [dataset.counting_unit]
    return sorted({constant for constant in constants if constant}) if all(constants) else []
