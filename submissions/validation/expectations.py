"""The expectation suite of an accepted batch (Great Expectations 1.x), made from the field registry and the contract.

It is the last gate before the lake and shares no code with the row rules: it looks at the batch as a whole, at
observation grain. Up to a million rows it runs on a pandas frame; above, every rule is counted in DuckDB first and the
suite runs on that profile. Results are true or false; no observed value is kept. `begin` does it in a process of its
own, so that loading and validating cost no time while the next file is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submissions.contracts.loading import STATUSES, Contract, Dataset
from submissions.readers.figures import MAXIMUM_AMOUNT
from submissions.validation.row_rules import KEY
from submissions.vocabulary.fields import codes, registry

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
        found = _validate_counts(_name(contract, dataset), _failing(connection, suite))
    else:
        frame = connection.execute(f"SELECT *, 0 AS batch, {_COMPUTED} FROM observations").df()
        found = _validate(_name(contract, dataset), frame, [(rule.expectation, rule.arguments) for rule in suite])
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
    from submissions.validation import process

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


def outcomes(task: Mapping[str, Any]) -> list[bool]:
    """What `begin` hands over, done: name with file and expectations, or with how many rows fail each rule."""
    if "failing" in task:
        return _validate_counts(task["name"], task["failing"])
    return _validate(task["name"], _frame([task["file"]]), task["expectations"])


def outcomes_of_all(tasks: Sequence[Mapping[str, Any]]) -> list[list[bool]]:
    """`outcomes` of several tasks. Batches under one suite are validated as one: where all of it holds, it holds for each
    of them (every rule looks at a row, or at the rows of a batch); where not, each is validated for itself."""
    found: list[list[bool] | None] = [None] * len(tasks)
    groups: dict[str, list[int]] = {}
    for index, task in enumerate(tasks):
        groups.setdefault(json.dumps(task.get("expectations", index)), []).append(index)
    for indexes in groups.values():
        if len(indexes) > 1:
            first = tasks[indexes[0]]
            frame = _frame([tasks[index]["file"] for index in indexes])
            together = _validate(first["name"], frame, first["expectations"])
            if all(together):
                for index in indexes:
                    found[index] = together
    return [outcomes(task) if known is None else known for task, known in zip(tasks, found, strict=True)]


def _frame(files: Sequence[str]) -> Any:
    """The rows of batches; `batch` tells them apart."""
    import duckdb

    with duckdb.connect() as connection:
        return connection.execute(
            "SELECT * EXCLUDE (filename), list_position($files, filename) AS batch "
            "FROM read_parquet($files, filename = true)",
            {"files": list(files)},
        ).df()


def prepare() -> None:
    """Loads Great Expectations."""
    _context()


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


def _validate_counts(name: str, failing: Sequence[int]) -> list[bool]:
    """The suite on a profile of one row: no rule may have a failing row."""
    import pandas as pd

    columns = [f"rule_{index}" for index in range(len(failing))]
    expectations = [("ExpectColumnMaxToBeBetween", {"column": column, "max_value": 0}) for column in columns]
    return _validate(name, pd.DataFrame([failing], columns=columns), expectations)


def suite(name: str, dataset: Dataset) -> Any:
    """The suite of a dataset as Great Expectations has it; each expectation's note is the name of its rule."""
    return _suite(name, [(rule.expectation, {**rule.arguments, "notes": rule.name}) for rule in rules(dataset)])


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
    result = _batch(frame).validate(_suite(name, expected), result_format="BOOLEAN_ONLY")
    return result, [str(each.expectation_config.notes) for each in result.results]


def _validate(name: str, frame: Any, expected: Sequence[tuple[str, Mapping[str, Any]]]) -> list[bool]:
    import great_expectations.expectations as gxe

    found = _batch(frame).validate(_suite(name, expected), result_format="BOOLEAN_ONLY")
    outcomes = {
        _identity(result.expectation_config.type, result.expectation_config.kwargs): bool(result.success)
        for result in found.results
    }
    return [
        outcomes[_identity(_snake(kind), getattr(gxe, kind)(**arguments).configuration.kwargs)]
        for kind, arguments in expected
    ]


def _suite(name: str, expected: Sequence[tuple[str, Mapping[str, Any]]]) -> Any:
    _context()
    import great_expectations as gx
    import great_expectations.expectations as gxe

    return gx.ExpectationSuite(
        name=name, expectations=[getattr(gxe, kind)(**arguments) for kind, arguments in expected]
    )


def _batch(frame: Any) -> Any:
    asset = _context().data_sources.get("batches").get_asset("batch")
    return asset.get_batch_definition("whole").get_batch(batch_parameters={"dataframe": frame})


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
