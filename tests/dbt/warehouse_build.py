"""A build database with the schema `lake` from small literal rows, and dbt run in process on it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from orchestration.defs.warehouse.empty_build import create_sources, lake_tables

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"


# What a literal row leaves out.
DEFAULTS: dict[str, dict[str, object]] = {
    "submissions": {
        "issued_on_is_approximate": False,
        "contract_digest": "c",
        "rows_in": 1,
        "rows_accepted": 1,
        "rows_quarantined": 0,
        "rows_excluded": 0,
        "file_name": "file.csv",
    },
    "observations": {
        "measure": "victims_detected",
        "area_role": "detection",
        "counterpart_area": "_T",
        "counterpart_role": "_Z",
        "reporter": "_T",
        "offence": "_T",
        "exploitation": "_T",
        "sex": "_T",
        "age": "_T",
        "detail_kind": "_Z",
        "detail": "_T",
        "unit": "persons",
        "obs_status": "A",
        "conf_status": "F",
        "source_row_count": 1,
    },
    "datasets": {
        "partner_name": "Police of Invented",
        "sector": "police",
        "licence": "open",
        "legal_basis": "act",
        "audience": "public",
        "minimum_cell": 11,
        "cadence_months": 12,
        "late_after_days": 60,
        "title": "Table",
        "source_type": "police",
        "counting_unit": "persons",
        "period_basis": "detection",
        "age_basis": "at_detection",
        "population_basis": "residents",
        "multi_response": "",
        "replaces": "whole_dataset",
        "frequency": "A",
    },
    "areas": {"area_set": "world", "area_level": "country", "has_polygon": True},
    "maps": {"origin": "file"},
}

Row = Mapping[str, object]
Lake = Mapping[str, Sequence[Row]]


def period_columns(period: str) -> dict[str, object]:
    """`period_start` and `frequency` of an ISO period (`2023`, `2023-Q2`, `2023-04`)."""
    if "-Q" in period:
        year, quarter = period.split("-Q")
        return {"period_start": f"{year}-{3 * int(quarter) - 2:02d}-01", "frequency": "Q"}
    if "-" in period:
        return {"period_start": f"{period}-01", "frequency": "M"}
    return {"period_start": f"{period}-01-01", "frequency": "A"}


def observation(**given: object) -> dict[str, object]:
    """An observation with its period columns, and exact bounds unless others are given."""
    row = {**given, **period_columns(str(given["period"]))}
    if row.get("value") is not None:
        row = {"lower": row["value"], "upper": row["value"], **row}
    return row


def insert_lake(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Insert literal rows, completed with the defaults, into tables of the schema `lake`."""
    for table, given in lake.items():
        names = list(lake_tables()[table])
        rows = [{**DEFAULTS.get(table, {}), **row} for row in given]
        for row in rows:
            unknown = set(row) - set(names)
            assert not unknown, f"lake.{table} has no columns {sorted(unknown)}"
        if rows:
            marks = ", ".join("?" for _ in names)
            connection.executemany(
                f"insert into lake.{table} values ({marks})", [[row.get(name) for name in names] for row in rows]
            )


class Build:
    """One build database and the project run on it; paths are those of the test session."""

    def __init__(self, path: Path, target: Path) -> None:
        self.path, self.target, self.manifest = path, target, None

    def connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(self.path))

    def write(self, lake: Lake) -> None:
        _let_go_of_the_file()
        self.path.unlink(missing_ok=True)
        with self.connect() as connection:
            create_sources(connection)
            insert_lake(connection, lake)

    def dbt(self, *arguments: str, must_succeed: bool = True):
        """Invoke dbt in this process with the shipped project and profile; the project is parsed once."""
        from dbt.cli.main import dbtRunner

        os.environ["WAYMARK_BUILD"] = str(self.path)
        settings = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(self.target)]
        settings += ["--log-path", str(self.target / "logs"), "--log-level", "none", "--log-level-file", "none"]
        if self.manifest is None:
            parsed = dbtRunner().invoke(["parse", *settings])
            assert parsed.success, explain(parsed)
            self.manifest = parsed.result
        result = dbtRunner(manifest=self.manifest).invoke([*arguments, *settings, "--no-use-colors"])
        if must_succeed:
            assert result.success, explain(result)
        return result

    def protect_nothing(self) -> None:
        """What the restricted audience gets: every cell unchanged."""
        with self.connect() as connection:
            connection.execute(
                "insert into protected.cells select cell_id, value, lower, upper, false, false, issued_on from fct_cells "
                "union all select cell_id, value, lower, upper, false, false, issued_on from fct_cells_previous"
            )

    def run(self, lake: Lake, with_checks: bool = False) -> None:
        """All three selections with nothing suppressed and no analytics; data tests only where they are the subject."""
        self.write(lake)
        left_out = ("unit_test",) if with_checks else ("unit_test", "test")
        self.dbt("build", "--select", "tag:marts", "--exclude-resource-type", *left_out)
        self.protect_nothing()
        self.dbt("build", "--select", "tag:protected", "tag:published", "--exclude-resource-type", *left_out)

    def rows(self, query: str) -> list[tuple]:
        with self.connect() as connection:
            return connection.execute(query).fetchall()

    def frame(self, query: str):
        with self.connect() as connection:
            return connection.execute(query).df()


def _let_go_of_the_file() -> None:
    """dbt may keep a database open after a command, and a file opened again by its name would be the deleted one."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager._ENV.close()


def explain(result) -> str:
    """Why a dbt invocation failed, in its own words."""
    if result.exception is not None:
        return str(result.exception)
    failed = [
        r for r in getattr(result.result, "results", []) or [] if str(r.status) not in ("success", "pass", "skipped")
    ]
    return "\n".join(f"{r.node.unique_id}: {r.status} {r.message}" for r in failed) or "dbt failed without a message"
