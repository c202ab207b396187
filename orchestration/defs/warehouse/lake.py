"""The lake as dbt sees it: schema `lake` in the database of this build, and the empty tables that Python fills later."""

import dagster as dg
import duckdb

from orchestration import building, progress
from orchestration.defs.resources import Warehouse
from orchestration.defs.warehouse.dbt import POOL

# The tables between the dbt selections. dbt reads them as sources; the assets named here fill them.
BETWEEN = {
    "protected.cells": "cell_id VARCHAR, value DECIMAL(20, 4), lower DECIMAL(20, 4), upper DECIMAL(20, 4), is_suppressed BOOLEAN, "
    "is_held_back BOOLEAN, issued_on DATE",
    "analytics.rates": "cell_id VARCHAR, rate_per_100k DOUBLE, rate_lower_per_100k DOUBLE, rate_upper_per_100k DOUBLE",
    "analytics.trends": """
        series_id VARCHAR, eligibility VARCHAR, eligibility_reason VARCHAR, first_period VARCHAR, last_period VARCHAR,
        periods_count INTEGER, regimes_count INTEGER, tau DOUBLE, s DOUBLE, z DOUBLE, p DOUBLE, q_bh DOUBLE, q_by DOUBLE,
        family_id VARCHAR, family_count INTEGER, slope_per_year DOUBLE, slope_lower_per_year DOUBLE,
        slope_upper_per_year DOUBLE, slope_of_median_per_year_share DOUBLE, trend_ratio_per_year DOUBLE, trend_ratio_lower DOUBLE,
        trend_ratio_upper DOUBLE, step_on DATE, step_ratio DOUBLE, step_ratio_lower DOUBLE, step_ratio_upper DOUBLE,
        direction VARCHAR,
        change_points VARCHAR, change_points_explained VARCHAR, change_point_ratio DOUBLE, change_points_llr DOUBLE,
        change_points_p DOUBLE, change_points_q_bh DOUBLE, change_points_family_count INTEGER,
        change_points_eligibility VARCHAR, change_points_reason VARCHAR, joinpoints VARCHAR, apc_last DOUBLE,
        apc_last_low DOUBLE, apc_last_high DOUBLE, aapc DOUBLE, aapc_low DOUBLE, aapc_high DOUBLE, bic DOUBLE,
        joinpoints_p DOUBLE, joinpoints_q_bh DOUBLE, joinpoints_family_count INTEGER, joinpoints_eligibility VARCHAR,
        joinpoints_reason VARCHAR,
        method VARCHAR, parameters VARCHAR, method_version VARCHAR""",
    "analytics.hotspots": """
        area_code VARCHAR, area_level VARCHAR, area_set VARCHAR, measure VARCHAR, exploitation VARCHAR, source VARCHAR,
        dataset VARCHAR, period VARCHAR, method VARCHAR, value DOUBLE, population_count DOUBLE, expected_count DOUBLE,
        ratio DOUBLE, z DOUBLE, p DOUBLE, p_upper_bound DOUBLE, p_normal DOUBLE, q_bh DOUBLE, q_by DOUBLE,
        family_id VARCHAR, family_count INTEGER, limit_lower_95 DOUBLE, limit_upper_95 DOUBLE, limit_lower_998 DOUBLE,
        limit_upper_998 DOUBLE, assessment VARCHAR, eligibility VARCHAR, eligibility_reason VARCHAR,
        emerging_category VARCHAR, emerging_q_bh DOUBLE, emerging_eligibility VARCHAR, emerging_reason VARCHAR,
        moran_i DOUBLE, moran_p DOUBLE, moran_q_bh DOUBLE, moran_quadrant VARCHAR, certainty VARCHAR,
        parameters VARCHAR, method_version VARCHAR""",
    "analytics.alerts": """
        series_id VARCHAR, period VARCHAR, period_start DATE, value DOUBLE, expected_count DOUBLE, limit_upper DOUBLE,
        score DOUBLE, p DOUBLE, q_bh DOUBLE, q_by DOUBLE, is_alarm BOOLEAN, family_id VARCHAR, family_count INTEGER,
        baseline_count INTEGER, eligibility VARCHAR, eligibility_reason VARCHAR, method VARCHAR, parameters VARCHAR,
        method_version VARCHAR""",
    "analytics.nowcasts": """
        series_id VARCHAR, period VARCHAR, period_start DATE, value DOUBLE, expected_count DOUBLE, median_count DOUBLE,
        low_count DOUBLE, high_count DOUBLE, completeness_share DOUBLE, reporting_completeness_share DOUBLE,
        is_incomplete BOOLEAN, vintages_count INTEGER, eligibility VARCHAR, eligibility_reason VARCHAR, method VARCHAR,
        parameters VARCHAR, method_version VARCHAR""",
    "analytics.incomplete_periods": """
        source VARCHAR, measure VARCHAR, frequency VARCHAR, period VARCHAR, completeness_share DOUBLE""",
    "analytics.clusters": """
        map_id VARCHAR, cluster_id VARCHAR, cluster_rank INTEGER, measure VARCHAR, exploitation VARCHAR,
        source_type VARCHAR, area_set VARCHAR, area_level VARCHAR, area_role VARCHAR, reporter VARCHAR, source VARCHAR,
        dataset VARCHAR, period_first VARCHAR, period_last VARCHAR, method VARCHAR, area_code VARCHAR, is_centre BOOLEAN,
        cases_count DOUBLE, expected_count DOUBLE, relative_risk DOUBLE, llr DOUBLE, p DOUBLE, radius_km DOUBLE,
        permutations INTEGER, seed INTEGER, distance VARCHAR, eligibility VARCHAR, eligibility_reason VARCHAR,
        parameters VARCHAR, method_version VARCHAR""",
    "analytics.compositions": """
        area_code VARCHAR, area_level VARCHAR, area_role VARCHAR, measure VARCHAR, unit VARCHAR, reporter VARCHAR,
        source VARCHAR, dataset VARCHAR, comparison VARCHAR, period_first VARCHAR, period_last VARCHAR,
        exploitation VARCHAR, value_first DOUBLE, value_last DOUBLE, share_first DOUBLE, share_last DOUBLE,
        share_change DOUBLE, residual DOUBLE, q DOUBLE, direction VARCHAR, total_first DOUBLE, total_last DOUBLE,
        chi_square DOUBLE, degrees DOUBLE, cramers_v DOUBLE, jensen_shannon DOUBLE, p DOUBLE, q_bh DOUBLE,
        q_by DOUBLE, family_id VARCHAR, family_count INTEGER, eligibility VARCHAR, eligibility_reason VARCHAR,
        method VARCHAR, parameters VARCHAR, method_version VARCHAR""",
    "analytics.verdicts": """
        series_id VARCHAR, period_first VARCHAR, period_last VARCHAR, value_first DOUBLE, lower_first DOUBLE,
        upper_first DOUBLE, value_last DOUBLE, lower_last DOUBLE, upper_last DOUBLE, periods_count INTEGER,
        change_ratio_a_year DOUBLE, change_low DOUBLE, change_high DOUBLE, change_word VARCHAR, level_word VARCHAR,
        level_ratio DOUBLE, level_period VARCHAR, level_method VARCHAR, level_q_bh DOUBLE, emerging_category VARCHAR,
        alert_periods VARCHAR, verdict VARCHAR, verdict_label VARCHAR, reasons VARCHAR, evidence_word VARCHAR,
        breaks_count INTEGER, bounds_share DOUBLE, coverage_share DOUBLE, is_headline BOOLEAN, p DOUBLE, q_bh DOUBLE,
        q_by DOUBLE, family_id VARCHAR, family_count INTEGER, top_contributor_1_area VARCHAR,
        top_contributor_1_share DOUBLE, top_contributor_2_area VARCHAR, top_contributor_2_share DOUBLE,
        areas_panel_count INTEGER, areas_rose_count INTEGER, areas_fell_count INTEGER,
        areas_no_clear_change_count INTEGER, areas_not_assessed_count INTEGER, survives_without_top_two BOOLEAN,
        change_word_without_top_two VARCHAR, change_ratio_without_top_two DOUBLE, change_low_without_top_two DOUBLE,
        change_high_without_top_two DOUBLE, method VARCHAR, parameters VARCHAR, method_version VARCHAR""",
    "analytics.corridors": """
        counterpart_area VARCHAR, counterpart_role VARCHAR, area_code VARCHAR, measure VARCHAR, source VARCHAR,
        dataset VARCHAR, period VARCHAR, value DOUBLE, share DOUBLE, location_quotient DOUBLE, expected_count DOUBLE,
        residual DOUBLE, p DOUBLE, q DOUBLE, family_count INTEGER, eligibility VARCHAR, eligibility_reason VARCHAR,
        method VARCHAR, parameters VARCHAR, method_version VARCHAR,
        origins_effective_number DOUBLE, origins_hhi DOUBLE, origins_top3_share DOUBLE, origins_eligibility VARCHAR,
        origins_reason VARCHAR, destinations_effective_number DOUBLE, destinations_hhi DOUBLE,
        destinations_top3_share DOUBLE, destinations_eligibility VARCHAR, destinations_reason VARCHAR""",
}


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
    from submissions import lake as lake_files

    build = warehouse.build()
    building.begin(build)
    title = f"lake at ledger position {build.ledger_position}, as of {build.as_of}"
    with progress.current().step("lake", title) as step, duckdb.connect(str(build.database)) as connection:
        lake_files.load(connection, build.home, build.ledger_position, build.as_of)
        create_between(connection)
        rows = step.rows = connection.sql("select count(*) from lake.observations").fetchall()[0][0]
    return dg.MaterializeResult(metadata={"rows": rows, "as_of": str(build.as_of), "ledger": build.ledger_position})


def create_between(connection: duckdb.DuckDBPyConnection) -> None:
    """The empty tables between the selections, so that every dbt source exists from the start."""
    for table, columns in BETWEEN.items():
        connection.execute(f"create schema if not exists {table.split('.')[0]}")
        connection.execute(f"create or replace table {table} ({columns})")


def fill(connection: duckdb.DuckDBPyConnection, table: str, frame) -> None:
    """Replace the rows of a table between the selections; `frame` must hold its columns and no others."""
    names = [row[0] for row in connection.execute(f"describe {table}").fetchall()]
    if set(frame.columns) != set(names):
        raise ValueError(f"{table} takes {sorted(names)}, not {sorted(frame.columns)}")
    connection.register("filling", frame[names])
    try:
        connection.execute("begin")
        connection.execute(f"delete from {table}")
        connection.execute(f"insert into {table} select * from filling")
        connection.execute("commit")
    finally:
        connection.unregister("filling")
