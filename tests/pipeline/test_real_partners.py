"""Real public statistics through the real command, against figures that pandas counts from the same files.

The files are no part of the project: without them these tests are skipped, with the reason printed.
"""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import duckdb
import page_numbers
import pandas as pd
import pytest
from command_under_test import REPOSITORY, manifest, waymark

pytestmark = [pytest.mark.xdist_group("real"), pytest.mark.shared_data]

DATES = ("2024-12-31", "2025-12-31")
WORKBOOKS = ("unodc_glotip_data_vintage_2024_04.xlsx", "unodc_glotip_data_vintage_2025_04_14.xlsx")


@pytest.fixture(scope="module")
def summaries(real_home) -> list[dict]:
    return [run.json() for run in real_home.runs]


@pytest.fixture(scope="module")
def folders(real_home, summaries: list[dict]) -> dict[str, Path]:
    """The release of each date."""
    return {summary["as_of"]: Path(summary["releases"][0]["index"]).parent for summary in summaries}


@pytest.fixture(scope="module")
def totals(shared_data: Path) -> list[pd.Series]:
    """Detected victims by (country code, year) in each workbook as the publisher gave them: exact numbers only."""
    return [country_totals(shared_data / "inbox" / "int_io_unodc" / name) for name in WORKBOOKS]


def country_totals(path: Path) -> pd.Series:
    raw = pd.read_excel(path, header=None, dtype=str, engine="calamine", keep_default_na=False)
    first = raw.index[raw[0] == "Iso3_code"][0]
    table = raw.loc[first + 1 :].set_axis(raw.loc[first].tolist(), axis=1)
    chosen = table[
        (table["Indicator"] == "Detected trafficking victims") & (table["Dimension"] == "Total") & (table["Sex"] == "Total")
        & (table["Age"] == "Total") & (table["Country"].str.strip() != "") & (table["Iso3_code"].str.len() == 3)
    ]  # fmt: skip
    numbers = pd.to_numeric(chosen["txtVALUE"].str.replace(",", ""), errors="coerce")
    return numbers.groupby([chosen["Iso3_code"], chosen["Year"].astype(int)]).sum(min_count=1).dropna()


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "tables" / f"{name}.parquet")


def is_total(frame: pd.DataFrame) -> pd.Series:
    splits = [name for name in ("exploitation", "sex", "age", "counterpart_area", "offence", "detail") if name in frame]
    return (frame[splits] == "_T").all(axis=1)


def published_totals(folder: Path) -> pd.Series:
    observations = table(folder, "observations")
    mine = observations[
        (observations["source"] == "int_io_unodc")
        & (observations["measure"] == "victims_detected")
        & is_total(observations)
    ]
    mine = mine[mine["value"].notna() & (mine["area_level"] == "country")]
    assert not mine.duplicated(["area_code", "period"]).any()
    return mine.set_index([mine["area_code"], mine["period"].astype(int)])["value"].astype(float)


# ---- what came in


def test_every_file_balances_and_no_row_is_lost(shared_data: Path, real_home, summaries: list[dict]) -> None:
    """Rows counted here from the files; a file whose rows several datasets read is counted once for each of them."""
    datasets: dict[tuple[str, str], set[str]] = {}
    for entry in waymark("submissions", "--home", real_home.path, "--json").ok().json():
        datasets.setdefault((entry["partner"], entry["file"]), set()).add(entry["dataset"])
    received = {(row["partner"], row["file"]): row for row in summaries[0]["files"]}
    assert {partner for partner, _ in received} >= {
        "int_io_unodc",
        "gbr_immigration_nrm",
        "usa_police_fbi",
        "int_io_worldbank",
    }
    for row in received.values():
        assert row["rows_in"] == row["accepted"] + row["quarantined"] + row["excluded"], row
    for (partner, name), row in received.items():
        path = shared_data / "inbox" / partner / name
        if path.suffix in (".csv", ".tsv"):
            with path.open(encoding="utf-8-sig", newline="") as stream:
                rows = csv.reader(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
                counted = sum(1 for record in rows if any(record)) - 1
        else:
            raw = pd.read_excel(path, header=None, dtype=str, engine="calamine", keep_default_na=False)
            first = raw.index[raw[0] == "Iso3_code"][0]
            counted = int((raw.loc[first + 1 :] != "").any(axis=1).sum())
        assert row["rows_in"] == counted * len(datasets[partner, name]), name
    assert summaries[1]["files"] == []
    assert summaries[1]["already_held"] == len(received)


def test_what_is_in_the_lake_is_what_was_accepted(real_home, summaries: list[dict]) -> None:
    """The lake's own count of source rows behind its observations, submission by submission, against the receipts."""
    rows = waymark("submissions", "--home", real_home.path, "--json").ok().json()
    accepted = {
        row["submission"]: row["accepted"]
        for row in rows
        if row["standing"] not in ("refused", "held_for_confirmation")
    }
    # evidence, such as a panel of laws, is kept as reference
    lake = [
        str(real_home.path / "lake" / shelf / "*" / "*.parquet") for shelf in ("observations", "reference/evidence")
    ]
    held = dict(
        duckdb.sql(
            "select regexp_extract(filename, 'submission_id=([se][0-9a-f]{16})', 1), sum(source_row_count) "
            f"from read_parquet({lake}, filename = true, hive_partitioning = false, union_by_name = true) group by 1"
        ).fetchall()
    )
    assert set(accepted) == set(held)
    for submission, count in accepted.items():
        # a wide row becomes one observation for each of its columns, so the lake may count a row several times
        assert held[submission] >= count > 0
    narrow = [row["submission"] for row in rows if row["partner"] in ("int_io_unodc", "usa_police_fbi")]
    assert narrow
    assert {each: int(held[each]) for each in narrow} == {each: accepted[each] for each in narrow}


def test_files_without_a_contract_are_listed_and_left_alone(
    shared_data: Path, real_home, summaries: list[dict]
) -> None:
    every = {
        path.relative_to(shared_data / "inbox").as_posix()
        for path in (shared_data / "inbox").rglob("*")
        if path.is_file()
    }
    received = {f"{row['partner']}/{row['file']}" for row in summaries[0]["files"]}
    left = {entry.split(": ")[0] for entry in summaries[0]["files_without_contract"]}
    assert received | left == every
    assert not received & left
    with_contract = {path.parent.name for path in (REPOSITORY / "contracts" / "partners").glob("*/contract.yml")}
    without = {name for name in left if name.split("/")[0] not in with_contract}
    for entry in summaries[0]["files_without_contract"]:
        reason = entry.split(": ", 1)[1]
        assert (
            reason.startswith("no contract for the partner") if entry.split(": ")[0] in without else "pattern" in reason
        )
    landed = {path.name.split(".")[0] for path in (real_home.path / "landing").rglob("*") if path.is_file()}
    digests = {name: hashlib.sha256((shared_data / "inbox" / name).read_bytes()).hexdigest() for name in every}
    assert landed == {digests[name] for name in received}
    assert summaries[1]["files_without_contract"] == summaries[0]["files_without_contract"]


def test_unmapped_names_are_counted_and_stay_in_the_tables(
    shared_data: Path, folders: dict[str, Path], summaries: list[dict]
) -> None:
    names = summaries[0]["unmapped"]
    assert names
    assert sum(each["rows"] for each in names) <= summaries[0]["warnings"]["W-unmapped"]
    labels = {each["label"] for each in names if each["partner"] == "int_io_unodc"}
    counted = 0
    for workbook in WORKBOOKS:
        raw = pd.read_excel(
            shared_data / "inbox" / "int_io_unodc" / workbook,
            header=None,
            dtype=str,
            engine="calamine",
            keep_default_na=False,
        )
        counted += int(raw[6].isin(labels).sum()) if (raw[6] == "Category").any() else 0
    assert counted == sum(each["rows"] for each in names if each["partner"] == "int_io_unodc")
    observations = table(folders[DATES[1]], "observations")
    hidden_bucket = observations[
        (observations["source"] == "int_io_unodc") & (observations["counterpart_area"] == "_X")
    ]
    assert len(hidden_bucket)


def test_releases_of_real_partners_are_restricted_and_say_so(real_home, folders: dict[str, Path]) -> None:
    assert not (real_home.path / "releases" / "public").exists() or not list(
        (real_home.path / "releases" / "public").iterdir()
    )
    for folder in folders.values():
        assert folder.parent.name == "restricted"
        for name in ("index", "hotspots", "coverage"):
            assert "restricted" in (folder / f"{name}.html").read_text(encoding="utf-8").lower()
        assert "invented" not in (folder / "index.html").read_text(encoding="utf-8").lower()
    refused = waymark("run", "--home", real_home.path, "--audience", "public")
    assert refused.code == 2
    assert "Traceback" not in refused.err


def test_the_releases_verify(real_home, folders: dict[str, Path]) -> None:
    assert list(folders) == list(DATES)
    for folder in folders.values():
        waymark("release", "verify", folder.name, "--home", real_home.path).ok()


# ---- two dates, two pictures


def test_each_date_shows_the_release_that_was_out(folders: dict[str, Path], totals: list[pd.Series]) -> None:
    """Every country total of each release, number by number."""
    for date, expected in zip(DATES, totals, strict=True):
        shown = published_totals(folders[date])
        both = pd.concat([expected.rename("file"), shown.rename("release")], axis=1)
        different = both[both["file"] != both["release"]]
        assert len(expected) > 1_000
        assert different.empty, f"as of {date}: {len(different)} of {len(both)} differ\n{different.head(15)}"


def test_the_two_dates_give_different_series_for_2019(folders: dict[str, Path], totals: list[pd.Series]) -> None:
    world = []
    for date in DATES:
        series = table(folders[date], "series")
        row = series[
            (series["area_code"] == "WLD") & (series["period"] == "2019") & (series["derivation"] == "sum_of_reporting")
            & (series["measure"] == "victims_detected") & (series["source"] == "int_io_unodc") & is_total(series)
        ]  # fmt: skip
        assert len(row) == 1
        # areas known as `<5` are in the sum: at least 0 of each
        world.append(float(row["lower"].iloc[0]))
    by_hand = [each.xs(2019, level=1).sum() for each in totals]
    assert world == by_hand
    # the two sums that the publisher's tables give, counted independently of this test
    assert by_hand == [49_572, 82_291]


def test_the_changes_explain_the_largest_differences_by_area(folders: dict[str, Path], totals: list[pd.Series]) -> None:
    """What the changes table says of each country for 2019 against the difference of the two workbooks."""
    changes = table(folders[DATES[1]], "changes")
    mine = changes[
        (changes["source"] == "int_io_unodc") & (changes["measure"] == "victims_detected") & (changes["period"] == "2019")
        & (changes["area_level"] == "country") & is_total(changes)
    ]  # fmt: skip
    said = (
        (mine["value"].astype(float).fillna(0) - mine["previous_value"].astype(float).fillna(0))
        .groupby(mine["area_code"])
        .sum()
    )
    before, after = (each.xs(2019, level=1) for each in totals)
    true = after.subtract(before, fill_value=0)
    true = true[true != 0].sort_values(key=abs, ascending=False)
    assert true.index[0] == "PAK"
    assert true.iloc[0] == 32_022
    top = true.head(12)
    print(pd.concat([top.rename("workbooks"), said.reindex(top.index).rename("changes table")], axis=1).to_string())
    assert said.reindex(true.index).tolist() == true.tolist()
    both = before.index.intersection(after.index)
    revised = mine[mine["kind"] == "revised"]
    exact = revised[revised["difference"].notna()]
    assert set(exact["area_code"]) == {area for area in both if before[area] != after[area]}
    # 30 countries had another figure in 2024: 26 exact ones, and 4 that were or are given as "<5"
    assert (len(revised), len(exact)) == (30, 26)
    page = (folders[DATES[1]] / "changes.html").read_text(encoding="utf-8")
    for area in top.index[:5]:
        name = mine[mine["area_code"] == area]["area_name"].iloc[0]
        assert name in page, area
    assert "32,022" in page, "the largest difference is told with its figure"


def test_as_of_the_end_of_2024_nothing_later_is_known(folders: dict[str, Path]) -> None:
    folder = folders[DATES[0]]
    for name in ("observations", "series", "hotspots", "corridors"):
        frame = table(folder, name)
        later = frame[frame["issued_on"].astype(str) > DATES[0]]
        # populations alone may come from a later issue, and they are no rows of these tables
        assert later.empty, (name, later["source"].unique())
    inputs = manifest(folder)["provenance"]["inputs"]
    assert max(each["issued_on"] for each in inputs) <= DATES[0]


# ---- too little to judge is said


def test_seven_quarters_are_too_short_for_a_trend(folders: dict[str, Path]) -> None:
    trends = table(folders[DATES[1]], "trends")
    forces = trends[(trends["source"] == "gbr_immigration_nrm") & (trends["area_level"] == "police_force")]
    assert len(forces) > 40
    assert set(forces["eligibility"]) == {"too_short"}
    assert forces["direction"].isna().all()
    assert forces["eligibility_reason"].str.len().min() > 10


def test_forces_with_an_old_population_get_no_rate(folders: dict[str, Path]) -> None:
    """Four Welsh forces have a population of 2011 only: eleven years are too far for a denominator."""
    observations = table(folders[DATES[1]], "observations")
    forces = observations[
        (observations["source"] == "gbr_immigration_nrm")
        & (observations["area_level"] == "police_force")
        & is_total(observations)
    ]
    population = pd.to_numeric(forces["population_period"].str[:4], errors="coerce")
    age = forces["period"].str[:4].astype(int) - population
    assert forces[forces["rate_per_100k"].notna()].index.isin(age[age <= 5].index).all()
    without = forces[forces["rate_per_100k"].isna() & forces["value"].notna()]["area_name"].nunique()
    assert without >= 4
    hotspots = table(folders[DATES[1]], "hotspots")
    reasons = hotspots[(hotspots["area_level"] == "police_force") & (hotspots["eligibility"] == "not_assessed")]
    assert reasons["eligibility_reason"].str.len().min() > 10


def test_no_country_is_called_a_hotspot(folders: dict[str, Path]) -> None:
    hotspots = table(folders[DATES[1]], "hotspots")
    countries = hotspots[hotspots["area_level"] == "country"]
    assert len(countries)
    assert set(countries["method"]) == {"funnel"}
    assert not countries["assessment"].isin(["hot", "cold"]).any()


def test_bounds_of_the_publishers_own_marks_are_kept(folders: dict[str, Path]) -> None:
    """`<5` in the workbook is an interval from 0 to 4 here, never a number and never a hole."""
    observations = table(folders[DATES[1]], "observations")
    mine = observations[observations["source"] == "int_io_unodc"]
    intervals = mine[mine["value"].isna()]
    assert len(intervals) > 1_000
    assert intervals[["lower", "upper"]].notna().all(axis=None) or intervals["missing_reason"].notna().all()
    single = intervals[(intervals["derivation"] == "published") & intervals["upper"].notna()]
    assert (single["lower"].astype(float) == 0).mean() > 0.9
    assert (single["upper"].astype(float) == 4).mean() > 0.9


def test_receipts_name_the_rows_that_vanished(real_home) -> None:
    """The release of 2025 no longer has the unnamed groups of 2024: the receipt lists what went, and it was not held."""
    receipts = [
        json.loads(path.read_text(encoding="utf-8")) for path in (real_home.path / "quarantine").rglob("receipt.json")
    ]
    later = [each for each in receipts if each["file_name"] == WORKBOOKS[1]]
    assert len(later) == 1
    assert any(problem["code"] == "W-vanished" for problem in later[0]["problems"])
    assert later[0]["outcome"] == "accepted_with_warnings"


def test_every_number_on_the_pages_is_a_cell_of_the_tables(folders: dict[str, Path]) -> None:
    found = page_numbers.recompute(folders[DATES[1]])
    assert found.differ == []
    assert found.unexplained == []
    assert sum(found.checked.values()) > 20_000
