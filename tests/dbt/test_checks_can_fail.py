"""Each of the project's own checks is fed a table that breaks it, and must say so."""

from __future__ import annotations

import shutil

import pytest
from invented_lake import lake
from warehouse_build import PROJECT, Build

# check -> (the test that runs it, what breaks the tables it looks at)
BREAKING = {
    "rows_balance": (
        "source_rows_balance_lake_submissions_",
        "update lake.submissions set rows_quarantined = rows_quarantined + 1 where ledger_position = 1",
    ),
    "nothing_lost": (
        "nothing_lost_int_observations_mapped*",
        "delete from int_observations_mapped where area = 'QMA' and period = '2014' and sex = 'F'",
    ),
    "unique_key": ("unique_key_fct_cells_cell_id", "insert into fct_cells select * from fct_cells limit 1"),
    "complete_columns": (
        "complete_columns_fct_cells*",
        "update fct_cells set comparability = null where area_code = 'QMA' and period = '2014'",
    ),
    "missing_has_a_reason": (
        "missing_has_a_reason_fct_cells_",
        "update fct_cells set value = null, lower = null, upper = null where area_code = 'QMA' and period = '2014'",
    ),
    "status_is_allowed": (
        "status_is_allowed_pub_observations_",
        "update pub_observations set conf_status = 'C' where value is not null",
    ),
    "one_source_a_series": (
        "one_source_a_series_fct_series_",
        "update fct_series set source = 'qma_ngo_refuge' where area_code = 'WLD' and period = '2020'",
    ),
    "one_selected_source": ("one_selected_source_fct_series_", "update fct_series set is_selected = true"),
    "parts_are_not_counted_twice": (
        "parts_are_not_counted_twice_fct_observations*",
        "insert into int_observations_harmonised select * replace ('summed_labels' as derivation) "
        "from int_observations_harmonised where vintage = 'current' limit 1",
    ),
    "known_member": (
        "known_member_fct_observations_sex__sex__ref_sex_",
        "update int_observations_harmonised set sex = 'female' where sex = 'F'",
    ),
    "share": (
        "share_pub_series_coverage_share",
        "update pub_series set coverage_share = 1.5 where coverage_share is not null",
    ),
    "no_overlap_in_time": (
        "no_overlap_in_time_dim_definitions_",
        "update dim_definitions set valid_to = null where definition_id = 'QMA-OLD'",
    ),
    "bounds_contain_value": (
        "bounds_contain_value_pub_series_",
        "update pub_series set upper = lower - 1 where derivation = 'sum_of_reporting' and upper is not null",
    ),
    # a panel of the same areas is selected for the world, as it was before sums were in bounds
    "selected_is_whole": (
        "selected_is_whole_fct_series_",
        "update fct_series set is_selected = (derivation = 'balanced_panel') where area_code = 'WLD'",
    ),
    # the areas that report some are hidden, and what is left over is summed to nothing
    "no_sum_of_nothing": (
        "no_sum_of_nothing_fct_series_",
        "update fct_series set value = 0, lower = 0, upper = 0, missing_reason = null "
        "where derivation = 'sum_of_reporting' and area_code = 'WLD'",
    ),
    # a second dataset of the same people is added
    "sums_within_one_dataset": (
        "sums_within_one_dataset_fct_series_",
        "update fct_series set value = 2 * value, lower = 2 * lower, upper = 2 * upper "
        "where derivation = 'sum_of_reporting' and area_code = 'WLD'",
    ),
    "one_headline": (
        "one_headline_pub_verdicts_",
        "insert into pub_verdicts by name "
        "select 'WLD' as area_code, 'victims_detected' as measure, true as is_headline from range(2)",
    ),
    # the word says that it rose, the ratio that it fell
    "verdict_agrees": (
        "verdict_agrees_pub_verdicts_",
        "insert into pub_verdicts by name "
        "select 'rose' as change_word, 0.9::double as change_ratio_a_year, 'trend_test' as reasons",
    ),
    "hidden_stays_hidden": (
        "hidden_stays_hidden_pub_observations_",
        "update pub_observations set missing_reason = 'suppressed' where value is not null and period = '2020'",
    ),
}


@pytest.fixture(scope="module")
def sound(build: Build, tmp_path_factory: pytest.TempPathFactory):
    """A build in which every check passes (`run` would have raised), kept aside to start each case from."""
    build.run(lake(), with_checks=True)
    kept = tmp_path_factory.mktemp("sound") / "build.duckdb"
    shutil.copy(build.path, kept)
    return kept


def test_every_check_has_a_table_that_breaks_it() -> None:
    assert {path.stem for path in (PROJECT / "tests" / "generic").glob("*.sql")} == set(BREAKING)


@pytest.mark.parametrize("check", BREAKING)
def test_check_fails_on_a_broken_table(build: Build, sound, check: str) -> None:
    test, breaking = BREAKING[check]
    shutil.copy(sound, build.path)
    with build.connect() as connection:
        connection.execute(breaking)
    result = build.dbt("test", "--select", test, must_succeed=False)
    statuses = [str(r.status) for r in result.result.results]
    assert statuses, f"no test is called {test}"
    assert set(statuses) == {"fail"}, f"{test}: {statuses}"
