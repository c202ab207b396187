"""A build database with the schema `lake` from small literal rows, and dbt run in process on it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "dbt_project"

LAKE_TABLES = {
    "build_parameters": "as_of DATE, ledger_position INTEGER, home_kind VARCHAR",
    "submissions": "submission_id VARCHAR, partner_id VARCHAR, dataset VARCHAR, replaces VARCHAR, issued_on DATE, "
    "issued_on_is_approximate BOOLEAN, ledger_position INTEGER, contract_digest VARCHAR, rows_in BIGINT, rows_accepted BIGINT, "
    "rows_quarantined BIGINT, rows_excluded BIGINT, file_name VARCHAR",
    "observations": "submission_id VARCHAR, partner_id VARCHAR, dataset VARCHAR, measure VARCHAR, area VARCHAR, area_role VARCHAR, "
    "counterpart_area VARCHAR, counterpart_role VARCHAR, reporter VARCHAR, period VARCHAR, period_start DATE, frequency VARCHAR, "
    "offence VARCHAR, exploitation VARCHAR, sex VARCHAR, age VARCHAR, detail_kind VARCHAR, detail VARCHAR, unit VARCHAR, "
    "value DECIMAL(20,4), lower DECIMAL(20,4), upper DECIMAL(20,4), obs_status VARCHAR, conf_status VARCHAR, "
    "missing_reason VARCHAR, source_row_count INTEGER",
    "maps": "partner_id VARCHAR, dataset VARCHAR, column_name VARCHAR, source VARCHAR, code VARCHAR, valid_from DATE, valid_to DATE, "
    "note VARCHAR, origin VARCHAR",
    "datasets": "partner_id VARCHAR, partner_name VARCHAR, sector VARCHAR, licence VARCHAR, legal_basis VARCHAR, audience VARCHAR, "
    "minimum_cell INTEGER, already_public_minimum_cell INTEGER, cadence_months INTEGER, late_after_days INTEGER, dataset VARCHAR, "
    "title VARCHAR, source_type VARCHAR, counting_unit VARCHAR, period_basis VARCHAR, age_basis VARCHAR, population_basis VARCHAR, "
    "multi_response VARCHAR, precedence INTEGER, jurisdiction VARCHAR, replaces VARCHAR, frequency VARCHAR",
    "areas": "area_set VARCHAR, area_code VARCHAR, area_name VARCHAR, area_level VARCHAR, parent_code VARCHAR, valid_from DATE, "
    "valid_to DATE, has_polygon BOOLEAN",
    "area_changes": "area_set VARCHAR, from_code VARCHAR, to_code VARCHAR, changed_on DATE, kind VARCHAR",
    "definitions": "definition_id VARCHAR, jurisdiction VARCHAR, statute VARCHAR, provision VARCHAR, provision_label VARCHAR, "
    "is_regime VARCHAR, is_instrument VARCHAR, valid_from VARCHAR, valid_to VARCHAR, valid_from_precision VARCHAR, acts VARCHAR, "
    "means_required_adult VARCHAR, means_required_child VARCHAR, child_age_limit VARCHAR, movement_required VARCHAR, "
    "purposes VARCHAR, who_covered VARCHAR, penalties VARCHAR, citation VARCHAR, source_mark VARCHAR, date_source_mark VARCHAR, "
    "review_status VARCHAR, override_grade VARCHAR, override_reason VARCHAR, override_on VARCHAR, note VARCHAR",
    "definition_map": "source_scheme VARCHAR, source_code VARCHAR, jurisdiction VARCHAR, target_scheme VARCHAR, target_code VARCHAR, "
    "relation VARCHAR, counting_rule VARCHAR, valid_from VARCHAR, valid_to VARCHAR, note VARCHAR",
    "breaks": "area_code VARCHAR, measure VARCHAR, break_on DATE, kind VARCHAR, evidence VARCHAR",
}

ANALYTICS_TABLES = {
    "rates": "cell_id VARCHAR, rate_per_100k DOUBLE, rate_lower_per_100k DOUBLE, rate_upper_per_100k DOUBLE",
    "trends": "series_id VARCHAR, eligibility VARCHAR, eligibility_reason VARCHAR, first_period VARCHAR, last_period VARCHAR, "
    "periods_count INTEGER, regimes_count INTEGER, tau DOUBLE, s DOUBLE, z DOUBLE, p DOUBLE, q_bh DOUBLE, q_by DOUBLE, "
    "family_id VARCHAR, family_count INTEGER, slope_per_year DOUBLE, slope_lower_per_year DOUBLE, slope_upper_per_year DOUBLE, "
    "change_per_year_share DOUBLE, trend_ratio_per_year DOUBLE, trend_ratio_lower DOUBLE, trend_ratio_upper DOUBLE, step_on DATE, "
    "step_ratio DOUBLE, step_ratio_lower DOUBLE, step_ratio_upper DOUBLE, direction VARCHAR, method VARCHAR, method_version VARCHAR",
    "hotspots": "area_code VARCHAR, area_level VARCHAR, area_set VARCHAR, measure VARCHAR, exploitation VARCHAR, source VARCHAR, "
    "dataset VARCHAR, period VARCHAR, method VARCHAR, value DOUBLE, population_count DOUBLE, expected_count DOUBLE, ratio DOUBLE, "
    "z DOUBLE, p DOUBLE, p_upper_bound DOUBLE, p_normal DOUBLE, q_bh DOUBLE, q_by DOUBLE, family_id VARCHAR, family_count INTEGER, "
    "limit_lower_95 DOUBLE, limit_upper_95 DOUBLE, limit_lower_998 DOUBLE, limit_upper_998 DOUBLE, assessment VARCHAR, "
    "eligibility VARCHAR, eligibility_reason VARCHAR, emerging_category VARCHAR, emerging_eligibility VARCHAR, "
    "emerging_reason VARCHAR, method_version VARCHAR",
    "corridors": "counterpart_area VARCHAR, counterpart_role VARCHAR, area_code VARCHAR, measure VARCHAR, source VARCHAR, "
    "dataset VARCHAR, period VARCHAR, value DOUBLE, share DOUBLE, location_quotient DOUBLE, expected_count DOUBLE, residual DOUBLE, "
    "p DOUBLE, q DOUBLE, family_count INTEGER, eligibility VARCHAR, eligibility_reason VARCHAR",
}

# What a literal row leaves out.
DEFAULTS: dict[str, dict[str, object]] = {
    "submissions": {"issued_on_is_approximate": False, "contract_digest": "c", "rows_in": 1, "rows_accepted": 1,
                    "rows_quarantined": 0, "rows_excluded": 0, "file_name": "file.csv"},
    "observations": {"measure": "victims_detected", "area_role": "detection", "counterpart_area": "_T", "counterpart_role": "_Z",
                     "reporter": "_T", "offence": "_T", "exploitation": "_T", "sex": "_T", "age": "_T", "detail_kind": "_Z",
                     "detail": "_T", "unit": "persons", "obs_status": "A", "conf_status": "F", "source_row_count": 1},
    "datasets": {"partner_name": "Police of Invented", "sector": "police", "licence": "open", "legal_basis": "act",
                 "audience": "public", "minimum_cell": 11, "cadence_months": 12, "late_after_days": 60, "title": "Table",
                 "source_type": "police", "counting_unit": "persons", "period_basis": "detection", "age_basis": "at_detection",
                 "population_basis": "residents", "multi_response": "", "replaces": "whole_dataset", "frequency": "A"},
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


def create_schemas(connection: duckdb.DuckDBPyConnection, prefix: str = "") -> None:
    """The empty schemas and tables that dbt reads as sources; `prefix` names another database (`build.`)."""
    for schema in ("lake", "protected", "analytics"):
        connection.execute(f"create schema if not exists {prefix}{schema}")
    for table, columns in LAKE_TABLES.items():
        connection.execute(f"create or replace table {prefix}lake.{table} ({columns})")
    connection.execute(
        f"create or replace table {prefix}protected.cells (cell_id VARCHAR, value DECIMAL(20,4), lower DECIMAL(20,4), "
        "upper DECIMAL(20,4), is_suppressed BOOLEAN)"
    )
    for table, columns in ANALYTICS_TABLES.items():
        connection.execute(f"create or replace table {prefix}analytics.{table} ({columns})")


def insert_lake(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Insert literal rows, completed with the defaults, into tables of the schema `lake`."""
    for table, given in lake.items():
        names = [column.split()[0] for column in LAKE_TABLES[table].replace("DECIMAL(20,4)", "DECIMAL").split(", ")]
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
        self.path, self.target = path, target

    def connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(self.path))

    def write(self, lake: Lake) -> None:
        self.path.unlink(missing_ok=True)
        with self.connect() as connection:
            create_schemas(connection)
            insert_lake(connection, lake)

    def dbt(self, *arguments: str, must_succeed: bool = True):
        """Invoke dbt in this process with the shipped project and profile."""
        from dbt.cli.main import dbtRunner

        os.environ["WAYMARK_BUILD"] = str(self.path)
        result = dbtRunner().invoke(
            [*arguments, "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(self.target),
             "--log-path", str(self.target / "logs"), "--log-level", "none", "--log-level-file", "none", "--no-use-colors"]
        )
        if must_succeed:
            assert result.success, explain(result)
        return result

    def protect_nothing(self) -> None:
        """What the restricted audience gets: every cell unchanged."""
        with self.connect() as connection:
            connection.execute(
                "insert into protected.cells select cell_id, value, lower, upper, false from fct_cells "
                "union all select cell_id, value, lower, upper, false from fct_cells_previous"
            )

    def run(self, lake: Lake, *extra: str) -> None:
        """All three selections with nothing suppressed and no analytics."""
        self.write(lake)
        self.dbt("build", "--select", "tag:marts", "--exclude-resource-type", "unit_test", *extra)
        self.protect_nothing()
        self.dbt("build", "--select", "tag:series", "tag:published", "--exclude-resource-type", "unit_test", *extra)

    def rows(self, query: str) -> list[tuple]:
        with self.connect() as connection:
            return connection.execute(query).fetchall()

    def frame(self, query: str):
        with self.connect() as connection:
            return connection.execute(query).df()


def explain(result) -> str:
    """Why a dbt invocation failed, in its own words."""
    if result.exception is not None:
        return str(result.exception)
    failed = [r for r in getattr(result.result, "results", []) or [] if str(r.status) not in ("success", "pass", "skipped")]
    return "\n".join(f"{r.node.unique_id}: {r.status} {r.message}" for r in failed) or "dbt failed without a message"
