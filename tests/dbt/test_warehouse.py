"""What the warehouse makes of a small invented lake, against figures worked out by hand."""

from __future__ import annotations

import copy

import pytest
from invented_lake import HOTLINE, NGO, POLICE, STAT, dataset, lake, rows_of, submission
from warehouse_build import Build


@pytest.fixture(scope="module")
def built(build: Build) -> Build:
    build.run(lake())
    return build


def published(build: Build, where: str, columns: str = "value") -> list[tuple]:
    return build.rows(f"select {columns} from pub_observations where {where} order by all")


def test_labels_that_no_map_holds_stay_visible_and_are_counted(built: Build) -> None:
    where = f"source = '{POLICE}' and area_code = 'QMA' and period = '2020' and counterpart_area = '_X'"
    # "<5" (0 to 4) and 3 under two labels that no map holds
    assert published(built, where, "value, lower, upper, conf_status, derivation") == [
        (None, 3, 7, "C", "sum_of_parts")
    ]
    (unmapped,) = built.rows("select unmapped_count from pub_coverage where area_code = 'QMA' and dataset = 'tables'")
    assert unmapped == (2 * 10,)


def test_published_totals_are_not_overwritten_by_their_parts(built: Build) -> None:
    where = (
        f"source = '{POLICE}' and area_code = 'QMB' and period = '2019' and exploitation || counterpart_area = '_T_T'"
    )
    assert published(built, where, "sex, value, derivation") == [
        ("F", 125, "published"),
        ("M", 125, "published"),
        ("_T", 257, "published"),
    ]
    gaps = built.rows(
        "select split, total_value, parts_lower, parts_upper, gap_lower, gap_upper, verdict from pub_reconciliation "
        "where area_code = 'QMB' and period = '2019' order by split"
    )
    assert gaps == [
        ("citizenship", 257, 15, 19, -242, -238, "under"),
        ("exploitation", 257, 270, 270, 13, 13, "over"),
        ("sex", 257, 250, 250, -7, -7, "under"),
    ]


def test_totals_are_derived_only_where_the_publisher_gives_none(built: Build) -> None:
    # province 2 in 2022-Q3: two sexes and two offences, no total in any of them: (23 + 25) * 2
    where = f"source = '{NGO}' and area_code = 'QMA-2' and period = '2022-Q3'"
    assert published(built, where, "offence, sex, value, derivation") == [("_T", "_T", 96, "sum_of_parts")]
    # overlapping forms never make a total, and no total is derived beside a published one
    assert not built.rows(f"select 1 from int_totals_derived where partner_id = '{POLICE}'")


def test_years_are_made_of_four_quarters_or_not_at_all(built: Build) -> None:
    years = dict(
        built.rows(
            f"select area_code || ' ' || period, value from pub_observations where source = '{NGO}' and frequency = 'A'"
        )
    )
    assert years["QMA-2 2022"] == sum((20 + q) * 4 + 4 for q in (1, 2, 3, 4))
    assert "QMA-3 2022" in years
    assert "QMA-3 2023" not in years


def test_quarters_and_years_are_made_of_whole_months(built: Build) -> None:
    # seventeen months from January 2022 with 21, 22, … cases: five whole quarters, one whole year, no April or May 2023
    where = f"source = '{HOTLINE}' and area_code = 'QMB'"
    found = {row[0]: row[1:] for row in published(built, where, "period, value, derivation")}
    quarters = {f"{2022 + n // 4}-Q{n % 4 + 1}": sum(20 + 3 * n + m for m in (1, 2, 3)) for n in range(5)}
    expected = quarters | {"2022": sum(range(21, 33))}
    assert found == {period: (value, "sum_of_parts") for period, value in expected.items()}


def test_rates_have_the_population_of_the_nearest_year_of_a_later_issue(built: Build) -> None:
    # no population was out at as_of: the issue of 2026 stands in, flagged; 2014, 2016, 2020 are held; sexes have none
    rows = dict(
        built.rows(
            "select period, (population_period, is_population_carried) from pub_observations "
            f"where source = '{POLICE}' and area_code = 'QMA' and sex || exploitation || counterpart_area = '_T_T_T'"
        )
    )
    assert {period: row[0] for period, row in rows.items()} == {
        "2014": "2014",
        "2015": "2014",
        "2016": "2016",
        "2017": "2016",
        "2018": "2016",
        "2019": "2020",
        "2020": "2020",
        "2021": "2020",
        "2022": "2020",
        "2023": "2020",
    }
    assert all(row[1] for row in rows.values())
    assert published(built, "area_code = 'QMA' and sex = 'F' and period = '2020'", "population_count") == [(None,)]
    assert published(
        built,
        "area_code = 'QMD' and period = '2020' and sex = '_T' and exploitation = '_T' and counterpart_area = '_T'",
        "population_count",
    ) == [(None,)]


def test_law_is_read_as_of_the_period_counted(built: Build) -> None:
    rows = built.rows(
        f"select period, definition_id, comparability from pub_observations where source = '{POLICE}' "
        "and area_code = 'QMA' and sex = 'F' and period in ('2017', '2018') order by period"
    )
    assert rows == [("2017", "QMA-OLD", "C"), ("2018", "QMA-NEW", "A")]
    unknown = "select distinct definition_id, comparability from pub_observations where area_code = 'QMB'"
    assert built.rows(f"{unknown} and source <> '{HOTLINE}'") == [("_U", "_U")]
    law = built.rows(
        "select break_on::varchar, measure, definition_before_id, definition_after_id, treatment from pub_breaks "
        "where kind = 'law' order by measure"
    )
    assert law == [
        ("2018-01-01", measure, "QMA-OLD", "QMA-NEW", "stratum") for measure in ("victims_detected", "victims_referred")
    ]


def test_changes_compare_the_last_two_vintages(built: Build) -> None:
    revised = built.rows(
        "select area_code, period, sex, exploitation, previous_value, value, difference, "
        "previous_issued_on::varchar, issued_on::varchar from pub_changes where kind = 'revised'"
    )
    assert revised == [("QMB", "2019", "_T", "_T", 250, 257, 7, "2023-06-30", "2024-06-30")]
    assert built.rows("select distinct kind, period from pub_changes where kind <> 'revised'") == [("new", "2023")]


def test_panel_and_chain(built: Build) -> None:
    figures = built.frame(
        "select derivation, period, value, areas_reporting_count, areas_panel_count, coverage_share, index_value "
        "from pub_series where area_code = 'WLD' and sex = '_T' and exploitation = '_T' order by derivation, period"
    )
    balanced = figures[figures.derivation == "balanced_panel"].set_index("period")
    # QMA to QMC report in all ten years, QMD since 2018
    assert list(balanced.value) == [600 + 30 * n + (7 if n == 5 else 0) for n in range(10)]
    assert set(balanced.areas_panel_count) == {3}
    assert set(balanced.coverage_share) == {0.75}
    reporting = figures[figures.derivation == "sum_of_reporting"].set_index("period")
    assert reporting.loc["2018", "value"] - reporting.loc["2017", "value"] == 30 + 440
    chained = figures[figures.derivation == "chain_linked"].set_index("period").index_value
    # the arrival of QMD moves no index
    assert chained["2018"] == pytest.approx(100 * 720 / 600)
    assert chained["2019"] == pytest.approx(100 * 720 / 600 * 1207 / 1160)


def test_coverage_and_lateness_at_as_of(built: Build) -> None:
    rows = built.rows(
        "select area_code, last_period, periods_reported_count, periods_expected_count, due_on::varchar, is_late, "
        "days_late from pub_coverage where dataset = 'quarters' and area_code in ('QMA-1', 'QMA-3') order by area_code"
    )
    # due 60 days after the end of the next quarter; at 2025-12-31 the quarters up to 2025-Q3 are due
    assert rows == [
        ("QMA-1", "2023-Q4", 12, 19, "2024-05-30", True, 580),
        ("QMA-3", "2023-Q3", 11, 19, "2024-02-29", True, 671),
    ]


@pytest.mark.parametrize(
    ("reporter", "chosen"),
    [
        ("_T", {"qma_immigration_office": "selected", POLICE: "other_source_first"}),
        # what one body counts is a part of what all count, whatever the precedence of its source
        ("immigration", {"qma_immigration_office": "one_body_only", POLICE: "selected"}),
    ],
)
def test_sources_are_chosen_by_precedence_and_never_added(build: Build, reporter: str, chosen: dict[str, str]) -> None:
    given = copy.deepcopy(lake())
    second = "qma_immigration_office"
    given["datasets"] = [*given["datasets"], dataset(second, "own", source_type="immigration", precedence=1)]
    given["submissions"] = [*given["submissions"], submission(second, "own", 5, "2024-05-01")]
    given["observations"] = [
        *given["observations"],
        *(
            rows_of(
                second,
                "own",
                5,
                area="QMA",
                area_role="reporting body",
                reporter=reporter,
                period=str(year),
                value=900,
            )
            for year in range(2016, 2024)
        ),
    ]
    build.run(given)
    found = build.rows(
        "select source, selection, is_selected, count(*), sum(value) from pub_series where area_code = 'QMA' "
        "and measure = 'victims_detected' and sex = '_T' and exploitation = '_T' group by all order by all"
    )
    assert found == [
        (second, chosen[second], chosen[second] == "selected", 8, 7200),
        (POLICE, chosen[POLICE], chosen[POLICE] == "selected", 10, 1450),
    ]
    assert not build.rows(
        "select 1 from pub_series where value >= 1000 and area_code = 'QMA' and measure = 'victims_detected'"
    )
    kinds = build.rows(
        "select kind, break_on::varchar, evidence from pub_breaks where area_code = 'QMA' and kind = 'source mix'"
    )
    assert kinds == [("source mix", "2016-01-01", "figures of this source begin")]


def test_hidden_cells_reach_no_table(build: Build) -> None:
    build.write(lake())
    build.dbt("build", "--select", "tag:marts", "--exclude-resource-type", "unit_test", "test")
    build.protect_nothing()
    with build.connect() as connection:
        connection.execute(
            "update protected.cells set value = null, lower = null, upper = null, is_suppressed = true "
            "where cell_id in (select cell_id from fct_cells where area_code = 'QMB' and period = '2019')"
        )
    build.dbt("build", "--select", "tag:protected", "tag:published", "--exclude-resource-type", "unit_test", "test")
    hidden = build.rows(
        "select distinct value, lower, upper, obs_status, conf_status, missing_reason from pub_observations "
        "where area_code = 'QMB' and period = '2019'"
    )
    assert hidden == [(None, None, None, "Q", "D", "suppressed")]
    for table in ("pub_changes", "pub_series", "pub_observations"):
        assert not build.rows(
            f"select 1 from {table} where area_code = 'QMB' and period = '2019' and value is not null"
        ), table
    totals = build.rows(
        "select verdict, total_value from pub_reconciliation where area_code = 'QMB' and period = '2019'"
    )
    assert set(totals) == {("undecided", None)}
    # QMB reports and is hidden: the world is at least 150 + 350 + 450 of QMA, QMC and QMD, and open above
    world = build.rows(
        "select value, lower, upper, missing_reason, areas_reporting_count, areas_panel_count from pub_series where area_code = 'WLD' and period = '2019' "
        "and sex = '_T' and exploitation = '_T' and derivation = 'sum_of_reporting'"
    )
    assert world == [(None, 150 + 350 + 450, None, "suppressed", 4, 3)]


def test_an_earlier_as_of_knows_less(build: Build) -> None:
    build.run(lake(as_of="2023-12-31"))
    assert build.rows("select max(period) from pub_observations") == [("2022",)]
    assert build.rows("select distinct source from pub_datasets") == [(POLICE,)]
    assert build.rows("select count(*) from pub_changes") == [(0,)]
    assert build.rows("select distinct as_of::varchar from pub_observations") == [("2023-12-31",)]
    assert not build.rows(f"select 1 from pub_datasets where source = '{STAT}'")


def test_same_input_same_tables(build: Build) -> None:
    """Published tables are equal, row by row and in order, when the lake arrives in another order."""
    tables = (
        "pub_observations",
        "pub_series",
        "pub_breaks",
        "pub_coverage",
        "pub_changes",
        "pub_reconciliation",
        "pub_areas",
    )
    build.run(lake())
    first = {table: build.rows(f"select * from {table}") for table in tables}
    given = {table: list(reversed(rows)) for table, rows in lake().items()}
    build.run(given)
    for table in tables:
        assert build.rows(f"select * from {table}") == first[table], table


def test_an_empty_lake_builds(build: Build) -> None:
    empty = {
        "build_parameters": [
            {"as_of": "2025-12-31", "ledger_position": 0, "home_kind": "demonstration", "audience": "restricted"}
        ]
    }
    build.run(empty, with_checks=True)
    assert build.rows("select count(*) from pub_observations") == [(0,)]
