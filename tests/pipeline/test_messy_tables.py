"""Tables as authorities publish them go from the sample to the release by YAML alone, cell for cell.

The files and the numbers in them are made up (messy_tables.py). The contracts of the first two are text there; for all four
one is proposed by `contract new` and completed as a person would: guesses mended in the YAML, codes written into the maps,
`to_confirm` emptied. What stands in the lake and in the published table is compared with what the generator put in, counted
here independently of the program.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import messy_tables as tables
import onboarding_files as files
import pytest
from command_under_test import Ran, waymark

POLICE, SERVICE = "qna_police_judiciaire", "qnb_ngo_taldienst"


@dataclass(frozen=True)
class Newcomer:
    """A partner whose contract is proposed: what the caller tells, what is mended (part of a line, what it becomes), codes."""

    file: str
    write: Callable[[Path], Path]
    told: dict[str, str]
    mended: tuple[tuple[str, str], ...]
    codes: dict[str, str]


NEWCOMERS = {
    "qna_police_nouvelle": Newcomer(
        "traite_2024.csv",
        tables.write_french,
        {},
        (),
        {"Avoirs saisis": "assets_frozen", "Victimes identifiées": "victims_identified"}
        | dict(zip(tables.FRENCH_REGIONS, tables.FRENCH_AREAS, strict=True)),
    ),
    "qnb_ngo_neu": Newcomer(
        "taldienst_2024.xlsx",
        tables.write_workbook,
        {"measure": "victims_identified"},
        (),
        tables.GERMAN_AREAS | {name.upper(): code for name, code in tables.GERMAN_AREAS.items()},
    ),
    "qna_police_straz": Newcomer(
        "mienie_2024.csv",
        tables.write_polish,
        {"measure": "assets_frozen"},
        (("x: {suppressed: [1, 4]}", "x: {missing: not_reported}"), ('"a)": none', '"a)": E')),
        {},
    ),
    "qnb_ngo_ayuda": Newcomer(
        "atendidas_2024.xlsx",
        tables.write_spanish,
        {"measure": "victims_assisted"},
        (
            ("header_rows: [4]", 'decimal: ","\n      header_rows: [4]'),
            ("header_rows: [3]", 'decimal: ","\n      header_rows: [3]'),
        ),
        tables.SPANISH_AREAS,
    ),
}


def complete(contract: Path, newcomer: Newcomer) -> None:
    """What a person does: each line marked as a guess is mended or left, maps get their codes, nothing stays to confirm."""
    text, _, guesses = contract.read_text(encoding="utf-8").partition("\nto_confirm:\n")
    assert guesses
    for old, new in newcomer.mended:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    contract.write_text(text + "\n", encoding="utf-8")
    for map_file in contract.parent.glob("map_*.csv"):
        with map_file.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        with map_file.open("w", encoding="utf-8", newline="") as stream:
            filled = [[label, code or newcomer.codes[label], *rest] for label, code, *rest in rows]
            csv.writer(stream, lineterminator="\n").writerows([header, *filled])


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ran]:
    home = tmp_path_factory.mktemp("messy") / "home"
    files.write_areas(home / "contracts")
    for partner, newcomer in NEWCOMERS.items():
        sample = newcomer.write(home / "inbox" / partner / newcomer.file)
        options = [text for key, value in newcomer.told.items() for text in (f"--{key}", value)]
        waymark("contract", "new", partner, "--sample", sample, "--home", home, "--no-ask", *options).ok()
        assert "not confirmed" in waymark("check", sample, "--partner", partner, "--home", home).err
        complete(home / "contracts" / "partners" / partner / "contract.yml", newcomer)
        waymark("contract", "check", partner, "--home", home).ok()
        # a file with a row in quarantine, or with any warning, would not be the whole table
        receipt = waymark("check", sample, "--partner", partner, "--home", home, "--json").json()
        assert (receipt["outcome"], receipt["rows_quarantined"], receipt["problems"]) == ("accepted", 0, []), receipt
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


# --- from the sample, by what `contract new` proposed --------------------------------------------------------------------


def test_the_french_table_by_its_proposal_is_what_it_is_by_the_written_contract(released: tuple[Path, Ran]) -> None:
    home, _ = released
    found = {key: cell for key, cell in warehouse(home, "qna_police_nouvelle").items() if "-Q" in key[2]}
    assert len(found) == 3 * 2 * 2 * 4
    assert found == {key: cell for key, cell in warehouse(home, POLICE).items() if "-Q" in key[2]}


def test_the_workbook_by_its_proposal_is_corrected_as_by_the_written_contract(released: tuple[Path, Ran]) -> None:
    home, _ = released
    found = warehouse(home, "qnb_ngo_neu")
    assert found == warehouse(home, SERVICE)
    for (area, sex, month), _change in tables.REVISED.items():
        key = ("victims_identified", f"QNB-{area + 1}", f"2023-{month + 1:02}", "persons", "FM"[sex])
        assert found[key] == (tables.corrected(area, sex, month), "A")


def test_quarters_across_and_their_year_in_a_column_are_figures_in_zloty(released: tuple[Path, Ran]) -> None:
    home, _ = released
    found = {key: cell for key, cell in warehouse(home, "qna_police_straz").items() if "-Q" in key[2]}
    assert found == {
        ("assets_frozen", area, period, "PLN", "_T"): cell for (area, period), cell in tables.polish_cells().items()
    }
    assert {period[4:6] for (period,) in lake(home, "qna_police_straz", "period")} == {"-Q"}, "no half-year is a figure"


def test_parts_of_a_year_down_the_rows_are_persons_and_corrected(released: tuple[Path, Ran]) -> None:
    home, _ = released
    found = {key: cell for key, cell in warehouse(home, "qnb_ngo_ayuda").items() if "-Q" in key[2]}
    expected = {
        ("victims_assisted", area, period, "persons", sex): cell
        for (area, sex, period), cell in tables.spanish_cells().items()
    }
    assert {key: cell for key, cell in found.items() if key[4] != "_T"} == expected
    shown = published(home, "victims_assisted")
    both: dict[tuple[str, str], Decimal] = {}
    for (area, _, period), (value, _) in tables.spanish_cells().items():
        both[area, period] = both.get((area, period), Decimal(0)) + (value or 0)
    assert shown == {("qnb_ngo_ayuda", *key): str(int(value)) for key, value in both.items()}
