"""The habits and faults of the invented partners are in their files exactly as the planted truth says."""

import csv
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from demonstration_reading import TOTAL, Written, number

from demonstration.generator import CONTRACTS, generate


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("demonstration")
    return Written(folder, generate(folder))


def records(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def test_late_and_stopped_partners(written):
    late, stopped = written.truth["late_partner"], written.truth["stopped_partner"]
    assert late["partner_id"] == written.partner("F")
    assert stopped["partner_id"] == written.partner("G")
    assert str(max(key[1] for key in written.yearly("F"))) == late["last_yearly"]
    assert "{}-Q{}".format(*max(key[1:] for key in written.quarterly("F"))) == late["last_quarterly"]
    assert str(max(key[1] for key in written.yearly("G"))) == stopped["last_yearly"]
    assert "{}-Q{}".format(*max(key[1:] for key in written.quarterly("G"))) == stopped["last_quarterly"]


def test_totals_that_do_not_add_up_are_exactly_the_stated_ones(written):
    figures = {key: number(text) for key, text in written.yearly("I").items()}
    found = []
    for (area, year, *members), total in figures.items():
        if tuple(members) != TOTAL:
            continue
        for split, at in (("exploitation", 2), ("sex", 3), ("age", 4)):
            parts = [
                value
                for key, value in figures.items()
                if key[:2] == (area, year) and key[at] != "_T" and all(key[k] == "_T" for k in (2, 3, 4) if k != at)
            ]
            if parts and sum(parts) != total:
                found.append((area, year, split, total - sum(parts)))
        if "-" not in area:
            parts = [value for key, value in figures.items() if "-" in key[0] and key[1] == year and key[2:] == TOTAL]
            if sum(parts) != total:
                found.append((area, year, "area", total - sum(parts)))
    gaps = written.truth["totals_not_adding_up"]
    stated = [(entry["area"], entry["year"], entry["split"], entry["gap"]) for entry in gaps]
    assert sorted(found) == sorted(stated)
    assert len([entry for entry in stated if "-" in entry[0]]) == 12


def test_resubmission_corrects_the_stated_areas(written):
    truth = written.truth["restatement"]
    first, corrected = written.yearly_files("H")[:2]
    before, after = written.yearly_file("H", first), written.yearly_file("H", corrected)
    changed = {
        area: (number(before[area, truth["year"], *TOTAL]), number(text))
        for (area, year, *members), text in after.items()
        if tuple(members) == TOTAL and "-" in area and before[area, year, *TOTAL] != text
    }
    assert changed == {entry["area"]: (entry["first"], entry["final"]) for entry in truth["areas"]}
    assert {key[1] for key in after} == {truth["year"]}
    assert truth["corrected_on"].replace("-", "") in corrected.name


def test_late_registrations_fill_up_issue_by_issue(written):
    delays = written.truth["reporting_delays"]
    folder = written.inbox / delays["partner_id"]
    national = next(label for label, code in written.codes("C", "area").items() if code == "QMC")
    shown: dict[str, dict[str, int]] = defaultdict(dict)
    for row in written.table(folder / "kvarta_archiv.tsv", "C")[1:]:
        if row[1] == national:
            day, month, year = row[0].split(".")
            shown[f"{year}-{month}-{day}"][row[2]] = int(row[3])
    for file in sorted(folder.glob("kvarta_2*.tsv")):
        date = file.stem[-8:]
        for row in written.table(file, "C")[1:]:
            if row[0] == national:
                shown[f"{date[:4]}-{date[4:6]}-{date[6:]}"][row[1]] = int(row[2])
    assert len(shown) == len(delays["issues"]) == 12
    for issue in delays["issues"]:
        assert issue["shown"].items() <= shown[issue["issued_on"]].items()
    history: dict[str, list[int]] = defaultdict(list)
    for date in sorted(shown):
        for quarter, value in shown[date].items():
            history[quarter].append(value)
    assert all(
        values == sorted(values) and values[-1] <= delays["final"][quarter] for quarter, values in history.items()
    )
    fresh = [history[quarter][0] / delays["final"][quarter] for quarter in history if quarter >= "2022-Q2"]
    assert np.mean(fresh) == pytest.approx(delays["completeness_by_quarters_of_delay"][0], abs=0.04)
    assert history["2023-Q1"][-1] == delays["final"]["2023-Q1"]
    assert history["2024-Q4"][-1] < 0.75 * delays["final"]["2024-Q4"]


def test_hidden_and_missing_marks(written):
    hidden = 0
    for file in written.yearly_files("B"):
        hidden += sum(text == "*" for text in written.yearly_file("B", file).values())
    for file in written.yearly_files("K"):
        hidden += sum(text == "<5" for text in written.yearly_file("K", file).values())
    for file in (written.inbox / "int_io_observatory").iterdir():
        hidden += sum(row["Value"] == "<5" for row in records(file))
    assert hidden == written.truth["suppressed_by_publisher"]["rows_count"] > 500
    missing = {key[:2] for key, text in written.yearly("B").items() if text == ".."}
    assert missing == {(entry["area"], entry["year"]) for entry in written.truth["not_reported"]["cells"]}


def test_several_forms_of_one_person(written):
    figures = written.yearly("J")
    for entry in written.truth["several_forms"]["persons"]:
        assert int(figures[entry["area"], entry["year"], "LAB+SEX", "_T", "_T"]) == entry["persons"]
    rows = records(written.inbox / "int_ngo_lantern" / "lantern_20250305.csv")
    persons = sum(int(row["assisted"]) for row in rows if row["form"] == "all")
    assert 1.2 < sum(int(row["assisted"]) for row in rows if row["form"] != "all") / persons < 1.4


def test_shelters_count_people_whom_the_police_count_too(written):
    rows = [list(row.values()) for row in records(written.inbox / "qma_ngo_shelters" / "schelter_20250228.csv")]
    for entry in written.truth["overlapping_sources"]["persons"]:
        assert ["ommul land", str(entry["year"]), str(entry["shelters"])] in rows
        assert entry["in_both"] > 0.4 * entry["police"]


def test_corridor_stands_out(written):
    corridor = written.truth["corridor"]
    share = defaultdict(float)
    names = {row["area_name"]: row["area_code"] for row in records(CONTRACTS / "areas" / "invented_region.csv")}
    totals = defaultdict(float)
    for row in records(written.inbox / "int_io_observatory" / "observatory_20250320.csv"):
        country, citizenship = names[row["Country"]], names.get(row["Category"])
        if row["Dimension"] == "by citizenship" and citizenship == corridor["citizenship"] != country:
            share[country] += 0 if row["Value"] == "<5" else int(row["Value"].replace(",", ""))
        if row["Dimension"] == "Total" and row["Sex"] == "Total" and row["Indicator"] == "Detected victims":
            totals[country] += int(row["Value"].replace(",", ""))
    rates = {country: share[country] / totals[country] for country in share}
    top, second = sorted(rates, key=rates.__getitem__)[-1:-3:-1]
    assert top == corridor["detected_in"]
    assert rates[top] > 3 * rates[second]


def test_composition_changes_in_one_country(written):
    change = written.truth["composition_change"]
    figures = written.yearly("H")
    for year, stated in ((2015, change["share_first"]), (2024, change["share_last"])):
        total = number(figures[change["country"], year, *TOTAL])
        shown = number(figures[change["country"], year, change["form"], "_T", "_T"]) / total
        assert shown == pytest.approx(stated, abs=0.05)


def test_withdrawn_values_stand_in_their_file_only(written):
    for entry in written.truth["withdrawals"]:
        target = written.inbox / entry["partner_id"] / entry["file_name"]
        marks = [str(value) for value in entry["values"]]
        text = target.read_text(encoding="utf-8")
        assert all(re.search(rf"\b{mark}\b", text) for mark in marks)
        for file in written.inbox.rglob("*.*"):
            if file != target and file.suffix in (".csv", ".tsv"):
                content = file.read_bytes().decode("latin-1")
                assert not any(re.search(rf"\b{mark}\b", content) for mark in marks), file


def test_renamed_area_changes_its_label(written):
    truth = written.truth["renamed_area"]
    rows = [row for file in written.yearly_files("H") for row in written.table(file, "H")[1:]]
    old = {row[1] for row in rows if row[0] == truth["old_label"]}
    assert max(old) == truth["until"]
    assert min(old) == "2015"
    areas = written.codes("H", "area")
    later = {row[0] for row in rows if areas[row[0]] == truth["area"] and row[1] > truth["until"]}
    assert len(later) == 1
    assert truth["old_label"] not in later


def test_default_as_of_is_the_latest_date_of_issue(written):
    dates = re.findall(r"_(20\d{6})\.", " ".join(file.name for file in written.inbox.rglob("*.*")))
    assert max(dates) == written.truth["default_as_of"].replace("-", "")
