"""An empty build database, for dbt by hand: every source that the project reads is there, without rows.

`python -m orchestration.defs.warehouse.empty_build` makes dbt_project/target/empty/warehouse.duckdb anew and prints its path, so that
`WAYMARK_BUILD=$(python -m orchestration.defs.warehouse.empty_build) dbt build` works in a fresh clone.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.defs.warehouse.lake import create_between
from orchestration.runs.code_identity import ROOT
from submissions.contracts import definitions
from submissions.store import lake
from submissions.vocabulary.observations import KEY, VALUES

PATH = ROOT / "dbt_project" / "target" / "empty" / "warehouse.duckdb"


def lake_tables() -> dict[str, dict[str, str]]:
    """The tables of the schema `lake` as the intake makes them: table -> column -> type."""
    observations = ("submission_id", "partner_id", "dataset", *KEY, *VALUES, "source_row_count")
    types = {"source_row_count": "INTEGER"} | lake.OBSERVATION_TYPES
    return {
        **lake.TABLES,
        "observations": {column: types.get(column, "VARCHAR") for column in observations},
        "definitions": dict.fromkeys(definitions.columns("definitions"), "VARCHAR"),
        "definition_map": dict.fromkeys(definitions.columns("definition_map"), "VARCHAR"),
    }


def create_sources(connection: duckdb.DuckDBPyConnection) -> None:
    """The empty schemas and tables that dbt reads as sources."""
    connection.execute("create schema if not exists lake")
    for table, columns in lake_tables().items():
        definition = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"create or replace table lake.{table} ({definition})")
    create_between(connection)


def write(path: Path = PATH) -> Path:
    """Make the database anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        create_sources(connection)
    return path


if __name__ == "__main__":
    print(write())
