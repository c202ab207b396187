"""Every compiled model is said in Spark SQL too, so that the move to a cluster is no rewrite."""

from __future__ import annotations

import pytest
import sqlglot
from warehouse_build import Build

# model -> the construct that Spark has no word for, and which macro of macros/engine says it there; may only shrink
EXCEPTIONS: dict[str, str] = {}
# functions that sqlglot passes on as they stand, and why Spark knows them or is given others
KNOWN_FUNCTIONS = {
    "printf": "Spark has it, with the formats of Java: %.8e is the same",
    "to_months": "date_plus (macros/engine/dialect.sql) says add_months on Spark",
}


@pytest.fixture(scope="module")
def compiled(build: Build) -> dict[str, str]:
    """Model -> its SQL as DuckDB gets it."""
    build.write({})
    results = build.dbt("compile", "--select", "resource_type:model").result.results
    found = {each.node.name: each.node.compiled_code for each in results if each.node.resource_type == "model"}
    assert all(found.values())
    assert len(found) == sum(node.resource_type == "model" for node in build.manifest.nodes.values())
    return found


def unsupported(sql: str) -> str | None:
    """Why Spark cannot be given a query, by sqlglot; None where it can."""
    try:
        sqlglot.transpile(sql, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except (sqlglot.errors.SqlglotError, ValueError) as error:
        return str(error)
    return None


def test_every_model_is_turned_into_spark_sql(compiled: dict[str, str]) -> None:
    found = {name: reason for name, sql in compiled.items() if (reason := unsupported(sql))}
    assert not {name: reason for name, reason in found.items() if name not in EXCEPTIONS}
    assert not EXCEPTIONS.keys() - found.keys(), "take them off the list"


def test_functions_that_are_passed_on_are_known_to_spark(compiled: dict[str, str]) -> None:
    passed_on = {
        (call.name.lower(), name)
        for name, sql in compiled.items()
        for call in sqlglot.parse_one(sql, read="duckdb").find_all(sqlglot.exp.Anonymous)
    }
    assert sorted(each for each in passed_on if each[0] not in KNOWN_FUNCTIONS) == []
    assert {function for function, _ in passed_on} == set(KNOWN_FUNCTIONS), "take them off the list"


def test_what_cannot_be_said_is_found() -> None:
    assert "'count' is not supported" in str(unsupported("select arg_max(area, value, 3) from cells"))
    assert [call.name for call in sqlglot.parse_one("select no_such_thing(1)").find_all(sqlglot.exp.Anonymous)]
