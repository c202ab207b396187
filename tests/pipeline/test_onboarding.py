"""Two partners that the house has never seen join by `contract new`, a look at its guesses, and YAML in the home only.

Both files are written by the test (onboarding_files.py). Their contracts are confirmed as a person would, by deleting
what was looked at; one `waymark run` then takes both, and the tables are compared with what was put into the files.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import newcomers
import onboarding_files as files
import pytest
from command_under_test import Ran, waymark
from newcomers import POLISH, SHELTERS

pytestmark = pytest.mark.xdist_group("newcomers")


@dataclass(frozen=True)
class Onboarded:
    home: Path
    samples: dict[str, Path]
    proposed: dict[str, Ran]
    unconfirmed: dict[str, Ran]
    checked: dict[str, Ran]
    run: Ran


@pytest.fixture(scope="module")
def onboarded(made_once) -> Onboarded:
    """With two more partners in the same home (test_messy_tables.py)."""
    made = made_once("home-newcomers", newcomers.make)
    said = [dict(zip((POLISH, SHELTERS), made.runs[place:6:3], strict=True)) for place in range(3)]
    return Onboarded(made.path, newcomers.samples(made.path), *said, made.runs[6])


def lake(onboarded: Onboarded, partner: str, *columns: str) -> list[tuple]:
    files_of_partner = str(onboarded.home / "lake" / "observations" / f"partner_id={partner}" / "*.parquet")
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT {', '.join(columns)} FROM read_parquet($files, hive_partitioning = false) ORDER BY ALL",
            {"files": files_of_partner},
        ).fetchall()


def published(onboarded: Onboarded) -> list[dict[str, str]]:
    (table,) = (onboarded.home / "releases" / "restricted" / "latest").resolve().glob("tables/observations.csv")
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("partner", [POLISH, SHELTERS])
def test_nothing_is_read_before_the_guesses_are_confirmed(onboarded: Onboarded, partner: str) -> None:
    onboarded.proposed[partner].ok()
    refused = onboarded.unconfirmed[partner]
    assert refused.code == 2
    assert "a guess that is not confirmed" in refused.err


def test_both_files_are_accepted_and_every_row_has_a_fate(onboarded: Onboarded) -> None:
    counts = {}
    for partner, ran in onboarded.checked.items():
        receipt = ran.ok().json()
        counts[partner] = tuple(receipt[f"rows_{fate}"] for fate in ("in", "accepted", "quarantined", "excluded"))
        assert receipt["outcome"] == "accepted"
    # 3 voivodeships of 6 months, 2 quarters and a sum, and the note; 2 sheets of 3 regions with 2 sexes and a total
    assert counts == {POLISH: (28, 24, 0, 4), SHELTERS: (20, 12, 0, 8)}
    document = onboarded.run.ok().json()
    assert json.dumps(document).count('"accepted"') >= 2


def test_the_polish_months_and_quarters_are_in_the_lake(onboarded: Onboarded) -> None:
    found = {row[:3]: row[3:] for row in lake(onboarded, POLISH, "area", "period", "sex", "value", "lower", "upper")}
    assert len(found) == 3 * 8 * 2
    for region, name in enumerate(files.REGIONS):
        for month in range(6):
            women = files.women(region, month)
            assert found[name, f"2023-{month + 1:02}", "kobiety"] == (women, women, women)
        for quarter in (1, 2):
            men = sum(files.men(region, month) for month in range(3 * quarter - 3, 3 * quarter))
            assert found[name, f"2023-Q{quarter}", "mężczyźni"] == (men, men, men)
    assert found["Łąkowe", "2023-03", "mężczyźni"] == (None, 0, 4)
    assert found["Nadmorskie", "2023-05", "mężczyźni"] == (None, None, None)


def test_each_sheet_is_an_issue_with_the_years_it_has(onboarded: Onboarded) -> None:
    rows = lake(onboarded, SHELTERS, "submission_id", "area", "sex", "period", "value")
    by_issue: dict[str, dict[tuple, int]] = {}
    for submission, area, sex, period, value in rows:
        by_issue.setdefault(submission, {})[area, sex, period] = int(value)
    earlier, later = sorted(by_issue.values(), key=len)
    for issue, (figures, years) in enumerate(((earlier, 3), (later, 4))):
        assert figures == {
            (region, label, str(2019 + year)): files.shelter_count(area, sex, year, issue)
            for area, region in enumerate(("Upper Vale", "Lower Vale", "Saltmarsh"))
            for sex, label in enumerate(("Women", "Men"))
            for year in range(years)
        }


def test_the_release_shows_the_figures_of_both(onboarded: Onboarded) -> None:
    found = {
        (row["area_code"], row["period"], row["measure"]): (row["value"], row["issued_on"])
        for row in published(onboarded)
        if row["sex"] == "_T"
    }
    for area in range(3):
        for year in range(4):
            total = sum(files.shelter_count(area, sex, year, 1) for sex in (0, 1))
            assert found[f"QNB-{area + 1}", str(2019 + year), "victims_assisted"] == (str(total), "2023-06-01")
        for quarter in (1, 2):
            months = range(3 * quarter - 3, 3 * quarter)
            total = sum(files.women(area, month) + files.men(area, month) for month in months)
            assert found[f"QNA-0{area + 1}", f"2023-Q{quarter}", "victims_detected"] == (str(total), "2023-08-31")


def test_the_contracts_are_in_the_home_only(onboarded: Onboarded) -> None:
    everything = waymark("contract", "check", "--home", onboarded.home, "--json").ok().json()
    own = {each["name"] for each in everything if each["kind"] == "contract" and str(onboarded.home) in each["file"]}
    assert own == {POLISH, SHELTERS}
    refused = waymark(
        "contract", "new", POLISH, "--sample", onboarded.samples[POLISH], "--home", onboarded.home, "--no-ask"
    )
    assert refused.code == 2
    assert "nothing is overwritten" in refused.err
