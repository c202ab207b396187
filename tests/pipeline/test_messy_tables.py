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
import onboarding_files as files
import pytest
from command_under_test import Ran, waymark

POLICE, SERVICE = "qna_police_judiciaire", "qnb_ngo_taldienst"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    home = tmp_path_factory.mktemp("messy") / "home"
    files.write_areas(home / "contracts")
    for text in (tables.FRENCH_CONTRACT, tables.WORKBOOK_CONTRACT):
        tables.write_contract(home / "contracts", text)
    tables.write_french(home / "inbox" / POLICE / "traite_2024.csv")
    tables.write_workbook(home / "inbox" / SERVICE / "taldienst_2024.xlsx")
    return home, waymark("run", "--home", home, "--json").ok()


def lake(home: Path, partner: str, *columns: str) -> list[tuple]:
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT {', '.join(columns)} FROM read_parquet($files, hive_partitioning = false) ORDER BY ALL",
            {"files": str(home / "lake" / "observations" / f"partner_id={partner}" / "*.parquet")},
        ).fetchall()


def published(home: Path) -> list[dict[str, str]]:
    file = (home / "releases" / "restricted" / "latest").resolve() / "tables" / "observations.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_french_table_is_in_the_lake_cell_for_cell(released: tuple[Path, Ran]) -> None:
    home, _ = released
    rows = lake(home, POLICE, "measure", "area", "period", "unit", "value", "obs_status", "missing_reason")
    found = {row[:4]: row[4:6] for row in rows}
    assert len(rows) == len(found) == 3 * 2 * 2 * 4
    assert found == tables.french_cells()
    assert {row[6] for row in rows if row[4] is None} == {"not_reported"}


def test_its_quarters_are_published_in_units_and_no_total_is_a_figure(released: tuple[Path, Ran]) -> None:
    home, _ = released
    measures = {"Avoirs saisis": "assets_frozen", "Victimes identifiées": "victims_identified"}
    areas = dict(zip(tables.FRENCH_REGIONS, tables.FRENCH_AREAS, strict=True))
    own = [row for row in published(home) if row["source"] == POLICE and row["derivation"] == "reported"]
    found = {(row["measure"], row["area_code"], row["period"], row["unit"]): row for row in own}
    expected = {
        (measures[measure], areas[area], period, {"Personnes": "persons"}.get(unit, "EUR")): cell
        for (measure, area, period, unit), cell in tables.french_cells().items()
    }
    assert len(own) == len(found)
    assert found.keys() == expected.keys()
    for key, (value, status) in expected.items():
        assert (Decimal(found[key]["value"]) if found[key]["value"] else None) == value, key
        assert found[key]["obs_status"] == status, key


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
    own = [
        row for row in published(home) if row["measure"] == "victims_assisted" and row["area_code"].startswith("QNB-")
    ]
    found = {(row["area_code"], row["sex"], row["period"]): row["value"] for row in own}
    assert len(found) == len(own), "a cell stands twice"
    for area in range(3):
        for sex, code in enumerate("FM"):
            months = [tables.corrected(area, sex, month) for month in range(12)]
            for quarter in range(4):
                expected = sum(months[3 * quarter : 3 * quarter + 3])
                assert found[f"QNB-{area + 1}", code, f"2023-Q{quarter + 1}"] == str(expected)
            assert found[f"QNB-{area + 1}", code, "2023"] == str(sum(months))


def test_before_the_corrections_were_out_the_first_figures_are_seen(released: tuple[Path, Ran]) -> None:
    home, _ = released
    waymark("run", "--home", home, "--as-of", "2024-03-31", "--json").ok()
    shelf = home / "releases" / "restricted"
    (earlier,) = [folder for folder in shelf.iterdir() if folder.name.startswith("2024-03-31")]
    with (earlier / "tables" / "observations.csv").open(encoding="utf-8", newline="") as stream:
        rows = [
            row
            for row in csv.DictReader(stream)
            if row["measure"] == "victims_assisted" and row["area_code"] == "QNB-1"
        ]
    first = {(row["sex"], row["period"]): row["value"] for row in rows}
    assert first["F", "2023-Q1"] == str(sum(tables.assisted(0, 0, month) for month in range(3)))
    assert first["F", "2023-Q1"] != str(sum(tables.corrected(0, 0, month) for month in range(3)))
