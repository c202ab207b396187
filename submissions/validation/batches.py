"""Great Expectations on batches of observations: suites in, true or false out. The one module that calls the library.

No observed value is kept. It knows neither contracts nor fields, so the process that validates loads nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any


def outcomes(task: Mapping[str, Any]) -> list[bool]:
    """What `expectations.begin` hands over, done: name with file and expectations, or with how many rows fail each rule."""
    if "failing" in task:
        return validate_counts(task["name"], task["failing"])
    return validate(task["name"], _frame([task["file"]]), task["expectations"])


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
            together = validate(first["name"], frame, first["expectations"])
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


def validate_counts(name: str, failing: Sequence[int]) -> list[bool]:
    """The suite on a profile of one row: no rule may have a failing row."""
    import pandas as pd

    columns = [f"rule_{index}" for index in range(len(failing))]
    expectations = [("ExpectColumnMaxToBeBetween", {"column": column, "max_value": 0}) for column in columns]
    return validate(name, pd.DataFrame([failing], columns=columns), expectations)


def validate(name: str, frame: Any, expected: Sequence[tuple[str, Mapping[str, Any]]]) -> list[bool]:
    import great_expectations.expectations as gxe

    found = batch_of(frame).validate(suite_of(name, expected), result_format="BOOLEAN_ONLY")
    outcomes = {
        _identity(result.expectation_config.type, result.expectation_config.kwargs): bool(result.success)
        for result in found.results
    }
    return [
        outcomes[_identity(_snake(kind), getattr(gxe, kind)(**arguments).configuration.kwargs)]
        for kind, arguments in expected
    ]


def suite_of(name: str, expected: Sequence[tuple[str, Mapping[str, Any]]]) -> Any:
    _context()
    import great_expectations as gx
    import great_expectations.expectations as gxe

    return gx.ExpectationSuite(
        name=name, expectations=[getattr(gxe, kind)(**arguments) for kind, arguments in expected]
    )


def batch_of(frame: Any) -> Any:
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
