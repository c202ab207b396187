"""The lake as dbt sees it: schema `lake` in the database of this build, and the empty tables that Python fills later."""

from typing import TYPE_CHECKING

import dagster as dg
import duckdb

from orchestration.defs.resources import Warehouse
from orchestration.defs.warehouse.dbt import POOL
from orchestration.runs import builds, progress, table_declarations

if TYPE_CHECKING:
    import pandas as pd


@dg.asset(
    key=["warehouse", "lake"],
    deps=[["submissions", "received"], ["lake", "submissions"]],
    group_name="lake",
    owners=["team:data-engineering"],
    kinds={"duckdb"},
    pool=POOL,
    description="Every vintage in force at the ledger position, with the contracts, maps, areas and definitions of that "
    "position, as schema `lake` of this build's database. The as-of date selects among them one step later, in SQL.",
)
def lake(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    from submissions.store import lake as lake_files

    build = warehouse.build()
    builds.begin(build)
    title = f"lake at ledger position {build.ledger_position}, as of {build.as_of}"
    with progress.current().step("lake", title) as step, duckdb.connect(str(build.database)) as connection:
        lake_files.load(connection, build.home, build.ledger_position, build.as_of)
        create_between(connection)
        rows = step.rows = connection.sql("select count(*) from lake.observations").fetchall()[0][0]
    return dg.MaterializeResult(metadata={"rows": rows, "as_of": str(build.as_of), "ledger": build.ledger_position})


def create_between(connection: duckdb.DuckDBPyConnection) -> None:
    """The empty tables between the selections, so that every dbt source exists from the start."""
    for table, columns in table_declarations.between().items():
        definition = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"create schema if not exists {table.split('.')[0]}")
        connection.execute(f"create or replace table {table} ({definition})")


def fill(connection: duckdb.DuckDBPyConnection, table: str, frame: "pd.DataFrame") -> None:
    """Replace the rows of a table between the selections by the declared columns of `frame`; what else it has stays out.

    Raises ValueError where a declared column is missing. A frame without rows needs none.
    """
    names = list(table_declarations.between()[table])
    if missing := [name for name in names if name not in frame.columns and len(frame)]:
        raise ValueError(f"{table} is declared with {missing}, and what should fill it has no such columns")
    connection.execute("begin")
    connection.execute(f"delete from {table}")
    if len(frame):
        connection.register("filling", frame[names])
        try:
            connection.execute(f"insert into {table} select * from filling")
        finally:
            connection.unregister("filling")
    connection.execute("commit")
