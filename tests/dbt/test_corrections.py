"""A sheet of corrections acts on the cells of the dataset that it revises, before anything is derived from them."""

from __future__ import annotations

import pytest
from warehouse_build import Build, observation

PARTNER = "qma_police_national"
MONTHS = {"2023-01": 2000, "2023-02": 2001, "2023-03": 2098}
QUARTER = "select value::int from fct_observations where dataset = 'monthly' and period = '2023-Q1'"


def lake(as_of: str, sheet: list[dict], later: list[dict] = ()) -> dict[str, list[dict]]:
    """Three months of one area, issued in May, and a sheet of corrections issued in August that calls the area otherwise."""
    rows = [
        observation(submission_id="base", partner_id=PARTNER, dataset="monthly", area="QMA", period=period, value=value)
        for period, value in MONTHS.items()
    ]
    submissions = [
        {"submission_id": "base", "dataset": "monthly", "issued_on": "2023-05-01", "ledger_position": 1},
        # one file, two datasets: the same moment in the ledger's order, dates of their own
        {"submission_id": "sheet", "dataset": "corrections", "issued_on": "2023-08-01", "ledger_position": 2},
        *later,
    ]
    return {
        "build_parameters": [
            {"as_of": as_of, "ledger_position": 3, "home_kind": "demonstration", "audience": "restricted"}
        ],
        "areas": [{"area_code": "QMA", "area_name": "Invented"}],
        "submissions": [{"partner_id": PARTNER, "replaces": "whole_dataset", **each} for each in submissions],
        "datasets": [
            {"partner_id": PARTNER, "dataset": "monthly", "frequency": "M"},
            {"partner_id": PARTNER, "dataset": "corrections", "frequency": "M", "revises": "monthly"},
        ],
        "maps": [
            {"partner_id": PARTNER, "dataset": "corrections", "column_name": "area", "source": "inv.", "code": "QMA"}
        ],
        "observations": [*rows, *sheet],
    }


def correction(submission: str = "sheet", value: int = 2006, period: str = "2023-02", **given) -> dict:
    return observation(
        submission_id=submission,
        partner_id=PARTNER,
        dataset="corrections",
        area="inv.",
        period=period,
        value=value,
        **given,
    )


def months(build: Build) -> list[tuple]:
    return build.rows(
        "select period, value::int, cast(issued_on as varchar) from fct_observations where frequency = 'M' "
        "and dataset = 'monthly' order by period"
    )


def test_a_correction_replaces_the_cell_and_all_that_is_made_of_it(build: Build) -> None:
    build.run(lake("2023-12-31", [correction()]), with_checks=True)
    assert months(build) == [
        ("2023-01", 2000, "2023-05-01"),
        ("2023-02", 2006, "2023-08-01"),
        ("2023-03", 2098, "2023-05-01"),
    ]
    assert build.rows(QUARTER) == [(6104,)]
    assert build.rows("select count(*) from fct_observations where dataset = 'corrections'") == [(0,)]
    before = "select value::int from int_observations_complete where vintage = 'previous' and period = '2023-02'"
    assert build.rows(before) == [(2001,)]


def test_before_its_day_a_correction_is_not_known(build: Build) -> None:
    build.run(lake("2023-07-31", [correction()]))
    assert build.rows(QUARTER) == [(6099,)]


def test_the_dataset_issued_anew_after_a_correction_speaks_for_itself(build: Build) -> None:
    anew = [{"submission_id": "anew", "dataset": "monthly", "issued_on": "2023-10-01", "ledger_position": 3}]
    rows = [
        observation(submission_id="anew", partner_id=PARTNER, dataset="monthly", area="QMA", period=period, value=value)
        for period, value in (MONTHS | {"2023-02": 2009}).items()
    ]
    build.run(lake("2023-12-31", [correction(), *rows], anew))
    assert build.rows(QUARTER) == [(6107,)]


@pytest.mark.parametrize("day", ["2023-05-01", "2023-08-01"])
def test_of_one_day_the_correction_counts(build: Build, day: str) -> None:
    rows = lake("2023-12-31", [correction()])
    for each in rows["submissions"]:
        each["issued_on"] = day
    # the base entered the ledger last
    rows["submissions"][0]["ledger_position"] = 9
    build.run(rows)
    assert build.rows(QUARTER) == [(6104,)]


def test_a_correction_of_a_cell_that_was_missing_adds_it(build: Build) -> None:
    build.run(lake("2023-12-31", [correction(), correction(period="2023-04", value=7)]))
    assert [row[1] for row in months(build)] == [2000, 2006, 2098, 7]
