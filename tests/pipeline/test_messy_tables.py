"""Tables as authorities publish them go from the sample to the release by YAML alone, cell for cell.

The files and the numbers in them are made up (messy_tables.py); their contracts are text there. What stands in the lake
and in the published table is compared with what the generator put in, counted here independently of the program.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import duckdb
import messy_tables as tables
import newcomers
import pytest
from command_under_test import Ran
from newcomers import POLICE, SERVICE

pytestmark = pytest.mark.xdist_group("newcomers")


@pytest.fixture(scope="module")
def released(made_once) -> tuple[Path, Ran]:
    """With two more partners in the same home (test_onboarding.py)."""
    made = made_once("home-newcomers", newcomers.make)
    return made.path, made.runs[6].ok()


def lake(home: Path, partner: str, *columns: str) -> list[tuple]:
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT {', '.join(columns)} FROM read_parquet($files, hive_partitioning = false) ORDER BY ALL",
            {"files": str(home / "lake" / "observations" / f"partner_id={partner}" / "*.parquet")},
        ).fetchall()


def warehouse(home: Path, partner: str) -> dict[tuple[str, ...], tuple[Decimal | None, str]]:
    """Every figure of a partner in the newest build: (measure, area, period, unit, sex) to (value, OBS_STATUS)."""
    files = sorted((home / "builds").glob("*/warehouse.duckdb"), key=lambda file: file.stat().st_mtime)
    with duckdb.connect(str(files[-1]), read_only=True) as connection:
        rows = connection.execute(
            "SELECT measure, area_code, period, unit, sex, value, obs_status FROM main.fct_observations WHERE source = $partner",
            {"partner": partner},
        ).fetchall()
    found = {row[:5]: row[5:] for row in rows}
    assert len(found) == len(rows), "a cell stands twice"
    return found


def published(home: Path, measure: str) -> dict[tuple[str, str, str], str]:
    """Values of the totals over sex in the latest release, by area, period and reporter."""
    file = (home / "releases" / "restricted" / "latest").resolve() / "tables" / "observations.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["measure"] == measure and row["sex"] == "_T"]
    found = {(row["source"], row["area_code"], row["period"]): row["value"] for row in rows}
    assert len(found) == len(rows), "a cell stands twice"
    return found


def test_the_french_table_is_in_the_lake_cell_for_cell(released: tuple[Path, Ran]) -> None:
    home, _ = released
    rows = lake(home, POLICE, "measure", "area", "period", "unit", "value", "obs_status", "missing_reason")
    found = {row[:4]: row[4:6] for row in rows}
    assert len(rows) == len(found) == 3 * 2 * 2 * 4
    assert found == tables.french_cells()
    assert {row[6] for row in rows if row[4] is None} == {"not_reported"}


def test_its_quarters_are_figures_in_units_and_no_total_is_one(released: tuple[Path, Ran]) -> None:
    home, _ = released
    measures = {"Avoirs saisis": ("assets_frozen", "EUR"), "Victimes identifiées": ("victims_identified", "persons")}
    areas = dict(zip(tables.FRENCH_REGIONS, tables.FRENCH_AREAS, strict=True))
    expected = {
        (measures[measure][0], areas[area], period, measures[measure][1], "_T"): cell
        for (measure, area, period, _), cell in tables.french_cells().items()
    }
    quarters = {key: cell for key, cell in warehouse(home, POLICE).items() if "-Q" in key[2]}
    assert quarters == expected
    shown = {
        key: value
        for key, value in published(home, "victims_identified").items()
        if key[0] == POLICE and "-Q" in key[2]
    }
    assert shown == {
        (POLICE, area, period): str(int(value)) if value is not None else ""
        for (measure, area, period, *_), (value, _) in expected.items()
        if measure == "victims_identified"
    }


def test_the_workbook_and_its_revisions_are_in_the_lake_each_under_its_own_issue(released: tuple[Path, Ran]) -> None:
    home, _ = released
    table = {
        row[1:4]: row[4]
        for row in lake(home, SERVICE, "dataset", "area", "sex", "period", "value")
        if row[0] == "monate"
    }
    assert table == {
        (name, sex, f"2023-{month + 1:02}"): tables.assisted(area, index, month)
        for area, name in enumerate(tables.GERMAN_AREAS)
        for index, sex in enumerate(("Frauen", "Männer"))
        for month in range(12)
    }
    revised = {
        row[1:4]: row[4]
        for row in lake(home, SERVICE, "dataset", "area", "sex", "period", "value")
        if row[0] == "berichtigungen"
    }
    assert revised == {
        (list(tables.GERMAN_AREAS)[area].upper(), "wm"[sex], f"2023-{month + 1:02}"): tables.corrected(area, sex, month)
        for area, sex, month in tables.REVISED
    }


def test_quarters_and_years_are_made_of_the_corrected_months(released: tuple[Path, Ran]) -> None:
    home, _ = released
    found, shown = warehouse(home, SERVICE), published(home, "victims_identified")
    for area in range(3):
        code = f"QNB-{area + 1}"
        both = [sum(tables.corrected(area, sex, month) for sex in (0, 1)) for month in range(12)]
        for sex, name in enumerate("FM"):
            for month in range(12):
                key = ("victims_identified", code, f"2023-{month + 1:02}", "persons", name)
                assert found[key] == (tables.corrected(area, sex, month), "A")
        for quarter in range(4):
            assert shown[SERVICE, code, f"2023-Q{quarter + 1}"] == str(sum(both[3 * quarter : 3 * quarter + 3]))
        assert shown[SERVICE, code, "2023"] == str(sum(both))
