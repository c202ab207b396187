"""The shipped contracts, maps and area sets, on real files where they are at hand.

The files are no part of the project: they are looked for in WAYMARK_SHARED_DATA, else beside the repository, and the
tests that need them are skipped with a reason where they are absent. What the contracts give is compared with figures
counted from the same files by pandas, which knows nothing of contracts.
"""

from __future__ import annotations

import csv
import functools
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from submissions.contracts import loading
from submissions.readers import table as reading
from submissions.reception import examination
from submissions.validation import row_rules, screening
from submissions.vocabulary.country_names import resolve

REPOSITORY = Path(__file__).resolve().parents[2]
PARTNERS = REPOSITORY / "contracts" / "partners"
AREAS = REPOSITORY / "contracts" / "areas"
SEEDS = REPOSITORY / "dbt_project" / "seeds"
SHARED = Path(os.environ.get("WAYMARK_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
INBOX = SHARED / "inbox"
REFERENCE = SHARED / "reference"

needs_inbox = pytest.mark.skipif(
    not INBOX.is_dir(), reason=f"real files are not at hand ({INBOX}); set WAYMARK_SHARED_DATA"
)
needs_reference = pytest.mark.skipif(
    not REFERENCE.is_dir(), reason=f"reference files are not at hand ({REFERENCE}); set WAYMARK_SHARED_DATA"
)

GLOTIP_2024 = "unodc_glotip_data_vintage_2024_04.xlsx"
GLOTIP_2025 = "unodc_glotip_data_vintage_2025_04_14.xlsx"
NRM_POLICE = "uk_nrm_referrals_police_2022q2_2023q4.csv"
FBI = "us_fbi_ucr_human_trafficking_2013_2020.csv"


def rows(file: Path) -> list[dict[str, str]]:
    with open(file, encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def members(seed: str, column: str) -> set[str]:
    return {row[column] for row in rows(SEEDS / f"{seed}.csv")}


def area_codes() -> set[str]:
    return {row["area_code"] for file in AREAS.glob("*.csv") for row in rows(file)}


@dataclass(frozen=True)
class Result:
    checked: row_rules.Checked
    observations: pd.DataFrame

    def total(self, name: str) -> int:
        return sum(counts[name] for counts in self.checked.counts.values())


@functools.cache
def result(partner: str, file_name: str) -> Result:
    """What the shipped contract makes of a real file: fates of the rows and observations with the labels mapped."""
    found = loading.load(PARTNERS / partner)
    path = INBOX / partner / file_name
    dataset, rule = next(
        (dataset, rule) for dataset in found.datasets.values() if (rule := dataset.file_rule(path.name))
    )
    connection = duckdb.connect()
    read = reading.read(path, rule.format, connection)
    layout = row_rules.layout(dataset, rule, read)
    checked = row_rules.check_rows(connection, found, dataset, rule, read, layout, path.name)
    observations = connection.execute("SELECT * FROM observations").df()
    for column, rules in dataset.columns.items():
        if column in observations:
            codes = {row.source: row.code for column_rule in rules for _, row in found.map_rows(column_rule)}
            has_library = any(column_rule.library for column_rule in rules)
            mapped = {}
            for label in observations[column].unique():
                library = resolve(label) if has_library else None
                is_mapped = any(column_rule.is_mapped for column_rule in rules)
                mapped[label] = codes.get(label, library or (label if not is_mapped or label.startswith("_") else "_X"))
            observations[column] = observations[column].map(mapped)
    return Result(checked, observations)


@functools.cache
def glotip(file_name: str, header: int) -> pd.DataFrame:
    path = INBOX / "int_io_unodc" / file_name
    table = pd.read_excel(
        path, sheet_name="data_glotip_1", header=header, dtype=str, keep_default_na=False, engine="calamine"
    )
    table["number"] = pd.to_numeric(table["txtVALUE"].str.replace(",", ""), errors="coerce")
    return table


# --- the maps, without any file ---


def contracts() -> Iterator[loading.Contract]:
    for folder in sorted(PARTNERS.iterdir()):
        yield loading.load(folder)


@pytest.mark.parametrize("found", contracts(), ids=lambda found: found.partner)
def test_every_code_of_a_map_is_a_declared_member(found: loading.Contract) -> None:
    lists = {
        "measure": members("measures", "measure"),
        "exploitation": members("exploitation", "exploitation"),
        "sex": members("sex", "sex"),
        "age": members("age", "age"),
        "reporter": members("reporters", "reporter"),
        "area_role": members("roles", "role"),
        "counterpart_role": members("roles", "role"),
        "unit": members("units", "unit"),
        "area": area_codes() | {"_X"},
        "counterpart_area": area_codes() | members("counterpart_members", "counterpart_area"),
    }
    for dataset in found.datasets.values():
        assert dataset.source_type in members("source_types", "source_type")
        for column, rules in dataset.columns.items():
            # an item of a panel of laws is named by its publisher
            if column not in lists or (column == "measure" and dataset.kind == "evidence"):
                continue
            for rule in rules:
                given = {row.code for _, row in found.map_rows(rule)} | {
                    code for code in (rule.constant, rule.otherwise) if code
                }
                assert given <= lists[column], (
                    f"{found.partner}/{dataset.name}/{column}: {sorted(given - lists[column])}"
                )


@pytest.mark.parametrize("found", contracts(), ids=lambda found: found.partner)
def test_a_definition_map_names_only_partners_and_offences_that_exist(found: loading.Contract) -> None:
    labels = {
        row.source
        for dataset in found.datasets.values()
        for rules in dataset.columns.values()
        for rule in rules
        for _, row in found.map_rows(rule)
    }
    for row in rows(SEEDS / "definition_map.csv"):
        assert row["source_scheme"] == "exploitation" or (PARTNERS / row["source_scheme"] / "contract.yml").is_file(), (
            row
        )
        if row["source_scheme"] == found.partner and row["source_code"] != "_T":
            assert row["source_code"] in labels, row


def test_each_map_file_is_sorted_and_read_by_its_contract() -> None:
    for found in contracts():
        files = {file.name for file in found.file.parent.glob("*.csv")}
        assert files == set(found.snapshot_files), found.partner


def test_area_sets_form_one_tree_and_no_code_stands_in_two_sets() -> None:
    everything = [row for file in sorted(AREAS.glob("*.csv")) for row in rows(file)]
    assert max(Counter(row["area_code"] for row in everything).values()) == 1
    parents = {row["area_code"]: row["parent_code"] for row in everything}
    for code in parents:
        steps = 0
        while code != "WLD":
            code, steps = parents[code], steps + 1
            assert steps < 7
    levels = Counter(row["area_level"] for row in everything)
    assert levels == {
        "world": 1,
        "region": 5,
        "subregion": 17,
        "country": 251,
        "police_force": 51,
        "admin1": 51 + 13,
        "nuts0": 37,
        "nuts2": 334,
        "nuts3": 1_514,
    }


def test_world_boundaries_are_valid_small_and_cut_at_the_date_line() -> None:
    import geopandas

    file = AREAS / "world_boundaries.topojson"
    assert file.stat().st_size < 1_000_000
    world = geopandas.read_file(file, layer="areas")
    countries = {row["area_code"] for row in rows(AREAS / "world.csv") if row["area_level"] == "country"}
    assert world["area_code"].is_unique
    assert set(world["area_code"]) <= countries
    assert len(world) == 238
    assert world.is_valid.all()
    assert set(world.geom_type) <= {"Polygon", "MultiPolygon"}
    # a ring that jumps from 180 to -180 would make a polygon wider than half the world
    for code in ("RUS", "FJI", "USA", "NZL", "KIR"):
        assert all(
            part.bounds[2] - part.bounds[0] < 180
            for part in world.loc[world["area_code"] == code, "geometry"].explode()
        )
    area = world.set_crs(4326).to_crs(6933).set_index("area_code").area / 1e6
    # published land areas in 1,000 km², to the accuracy of a map at 1:50 million
    for code, published in {
        "FRA": 633,
        "NOR": 385,
        "XKX": 10.9,
        "AUS": 7_690,
        "RUS": 17_000,
        "DEU": 357,
        "CYP": 9.25,
    }.items():
        assert area[code] / 1000 == pytest.approx(published, rel=0.05), code


@needs_reference
def test_the_world_agrees_with_iso_3166_and_m49() -> None:
    reference = {row["alpha-3"]: row for row in rows(REFERENCE / "iso3166_countries_un_m49.csv")}
    world = {row["area_code"]: row for row in rows(AREAS / "world.csv")}
    countries = {code: row for code, row in world.items() if row["area_level"] == "country"}
    assert set(countries) - set(reference) == {"XKX", "CRQ"}
    assert set(reference) <= set(countries)
    for code, row in reference.items():
        assert countries[code]["numeric_code"] == row["country-code"]
        if row["sub-region-code"]:
            assert countries[code]["parent_code"] == row["sub-region-code"]
            assert world[row["sub-region-code"]]["parent_code"] == row["region-code"]


@needs_reference
@pytest.mark.parametrize(
    ("area_set", "file", "column", "where", "without"),
    [
        ("uk_police_forces", "uk_police_force_areas_2020_ew.geojson", "PFA20CD", {}, 8),
        ("us_states", "ne_50m_admin1_states.geojson", "iso_3166_2", {"adm0_a3": "USA"}, 0),
        ("canada_provinces", "ne_50m_admin1_states.geojson", "iso_3166_2", {"adm0_a3": "CAN"}, 0),
    ],
)
def test_boundaries_given_from_outside_belong_to_members(
    area_set: str, file: str, column: str, where: dict, without: int
) -> None:
    import geopandas

    shapes = geopandas.read_file(REFERENCE / file)
    for name, value in where.items():
        shapes = shapes[shapes[name] == value]
    codes = {row["area_code"] for row in rows(AREAS / f"{area_set}.csv")}
    assert set(shapes[column]) <= codes
    assert not shapes[column].duplicated().any()
    assert len(codes) - len(shapes) == without


# --- UNODC ---


@needs_inbox
@pytest.mark.parametrize(
    ("file", "header", "rows_in", "issued", "excluded"),
    [(GLOTIP_2024, 0, 46_556, date(2024, 4, 25), 957 + 2), (GLOTIP_2025, 2, 58_769, date(2025, 4, 14), 128 + 6)],
)
def test_unodc_loses_no_row(file: str, header: int, rows_in: int, issued: date, excluded: int) -> None:
    found, table = result("int_io_unodc", file), glotip(file, header)
    assert len(table) == rows_in == found.total("rows_in")
    assert found.checked.issues == (issued,)
    assert found.total("rows_quarantined") == 0
    assert found.total("rows_excluded") == excluded
    assert found.observations["source_row_count"].sum() == rows_in - excluded
    # blank country names mark the pseudo-areas; Sark has a name and no code, and stays
    assert (table["Country"] == "").sum() == (957 if file == GLOTIP_2024 else 0)
    sark = found.observations[found.observations["area"] == "CRQ"]
    assert sark["source_row_count"].sum() == (table["Country"] == "Sark").sum() == 26


@needs_inbox
@pytest.mark.parametrize(("file", "header"), [(GLOTIP_2024, 0), (GLOTIP_2025, 2)])
def test_unodc_totals_are_those_of_the_table(file: str, header: int) -> None:
    found, table = result("int_io_unodc", file).observations, glotip(file, header)
    is_total = (
        (table["Indicator"] == "Detected trafficking victims")
        & (table["Dimension"] == "Total")
        & (table["Sex"] == "Total")
        & (table["Age"] == "Total")
    )
    expected = table[is_total & (table["Country"] != "")]
    # <5 is an interval and is not in the sum; 2025 names all countries
    wanted = found[
        (found["measure"] == "victims_detected")
        & (found[["sex", "age", "exploitation", "counterpart_area"]] == "_T").all(axis=1)
    ]
    assert int(wanted["value"].sum()) == int(expected["number"].sum())
    assert wanted["source_row_count"].sum() == len(expected)
    intervals = wanted[wanted["value"].isna()]
    assert len(intervals) == (expected["txtVALUE"] == "<5").sum()
    assert set(zip(intervals["lower"], intervals["upper"], strict=True)) == {(0, 4)}
    sums = wanted.groupby("period")["value"].sum()
    assert int(sums["2019"]) == (49_572 if file == GLOTIP_2024 else 82_291)
    assert set(found["measure"]) == {
        "victims_detected",
        "persons_suspected",
        "persons_prosecuted",
        "persons_convicted",
        "offences_recorded",
    }
    assert not (found == "_X").drop(columns="counterpart_area").any().any()


@needs_inbox
def test_unodc_collapsed_sub_forms_are_summed_and_not_dropped() -> None:
    table, found = glotip(GLOTIP_2024, 0), result("int_io_unodc", GLOTIP_2024).observations
    form = table[
        (table["Iso3_code"] == "ALB") & (table["Year"] == "2017") & (table["Category"] == "Other forms of exploitation")
    ]
    ours = found[(found["area"] == "ALB") & (found["period"] == "2017") & (found["exploitation"] == "OTH")]
    keys = form.groupby(["Indicator", "Sex", "Age"])["number"].agg(["size", "sum"])
    assert keys["size"].max() == 5, "five rows of one key"
    assert ours["source_row_count"].sum() == len(form)
    assert float(ours["lower"].sum()) == form["number"].sum()
    assert float(ours["upper"].sum()) == form["number"].sum() + 4 * (form["txtVALUE"] == "<5").sum()


@needs_inbox
@pytest.mark.parametrize(("file", "header"), [(GLOTIP_2024, 0), (GLOTIP_2025, 2)])
def test_citizenship_labels_are_mapped_or_listed_with_their_counts(file: str, header: int) -> None:
    table, found = glotip(file, header), result("int_io_unodc", file)
    split = found.observations[found.observations["counterpart_role"] != "_Z"]
    not_mapped = split.loc[split["counterpart_area"] == "_X", "source_row_count"].sum()
    assert not_mapped / split["source_row_count"].sum() < 0.01
    left = {label: number for column, label, number in found.checked.unmapped if column == "counterpart_area"}
    kept = table[table["Dimension"].isin(["by citizenship", "by country of repatriation"]) & (table["Country"] != "")]
    assert left
    assert all(number == (kept["Category"] == label).sum() for label, number in left.items())


@needs_inbox
@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("Czeck Republic", "CZE"),
        ("EGYBT", "EGY"),
        ("Nigerians", "NGA"),
        ("Nigerin", "NER"),
        ("roumain", "ROU"),
        ("ESPA\ufffdA", "ESP"),
        ("T\ufffdrkiye", "TUR"),
        ("TÃ¼rkiye", "TUR"),
        ("Cina Popolare", "CHN"),
        ("3 nigériens et 1 tunisien", "_X"),
        ("Congolese", "_X"),
        ("Nationals", "_OWN"),
        ("", "_U"),
    ],
)
def test_hard_spellings(label: str, code: str) -> None:
    found = {row["source"]: row["code"] for row in rows(PARTNERS / "int_io_unodc" / "map_countries.csv")}
    assert found[label] == code
    assert label in set(glotip(GLOTIP_2025, 2)["Category"]) | set(glotip(GLOTIP_2024, 0)["Category"])


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("Allemagne", "DEU"),
        ("Marocco", "MAR"),
        ("Ägypten", "EGY"),
        ("EL SALVADOR", "SLV"),
        ("Perú", "PER"),
        ("Brasil", "BRA"),
    ],
)
def test_names_in_other_languages_come_from_the_library(label: str, code: str) -> None:
    assert resolve(label) == code


def test_the_library_takes_whole_names_only() -> None:
    assert resolve("Romanian") is None
    assert resolve("3 nigériens et 1 tunisien") is None
    assert resolve("Niger") == "NER"
    assert resolve("Nigeria") == "NGA"
    assert resolve("Guinea") == "GIN"
    assert resolve("Guinea-Bissau") == "GNB"
    assert resolve("Dominica") == "DMA"


# --- National Referral Mechanism ---


@needs_inbox
def test_nrm_is_seven_issues_and_its_leaves_add_up_to_its_total() -> None:
    found = result("gbr_immigration_nrm", NRM_POLICE)
    table = pd.read_csv(INBOX / "gbr_immigration_nrm" / NRM_POLICE, dtype=str, keep_default_na=False)
    table["people"] = table["people"].astype(float)
    assert found.total("rows_in") == found.total("rows_accepted") == len(table) == 21_408
    assert found.checked.issues == (
        date(2022, 8, 4),
        date(2022, 11, 3),
        date(2023, 3, 2),
        date(2023, 5, 4),
        date(2023, 8, 3),
        date(2023, 11, 2),
        date(2024, 3, 7),
    )
    assert not found.checked.unmapped
    splits = ["exploitation", "age", "sex", "counterpart_area"]
    ours = found.observations[found.observations["period"] == "2023-Q4"]
    total = ours[(ours["area"] == "GBR") & (ours[splits] == "_T").all(axis=1)]
    forces = ours[(ours["area"] != "GBR") & (ours[splits] == "_T").all(axis=1)]
    leaves = ours[(ours["area"] != "GBR") & (ours[splits] != "_T").all(axis=1)]
    wanted = table[
        (table["quarter"] == "2023-Q4")
        & (table.iloc[:, 2:7] != "Total").all(axis=1)
        & (table["first_responder"] != "Police total")
    ]
    assert (
        int(total["value"].iloc[0])
        == int(forces["value"].sum())
        == int(leaves["value"].sum())
        == int(wanted["people"].sum())
        == 995
    )


@needs_inbox
def test_nrm_combinations_become_one_sorted_member() -> None:
    ours = result("gbr_immigration_nrm", NRM_POLICE).observations
    combined = {form for form in ours["exploitation"].unique() if "+" in form}
    assert "CRIM+LAB" in combined
    assert all(form == "+".join(sorted(form.split("+"))) for form in combined)
    table = pd.read_csv(INBOX / "gbr_immigration_nrm" / NRM_POLICE, keep_default_na=False)
    wanted = table.loc[table["exploitation_type"] == "Labour & Criminal", "people"].sum()
    assert int(ours.loc[ours["exploitation"] == "CRIM+LAB", "value"].sum()) == int(wanted)


@needs_inbox
def test_nrm_totals_since_2009_are_the_last_vintage() -> None:
    found = result("gbr_immigration_nrm", "uk_nrm_referrals_longitudinal.csv")
    assert found.total("rows_in") == found.total("rows_accepted") == 885
    totals = found.observations[found.observations["detail"] == "_T"].groupby("period")["value"].sum()
    assert len(totals) == 59
    assert totals.index.min() == "2009-Q2"
    # the published figures of the last vintage, which differ from those first published
    published = {
        "2022-Q2": 4_157,
        "2022-Q3": 4_578,
        "2022-Q4": 4_413,
        "2023-Q1": 4_738,
        "2023-Q2": 3_993,
        "2023-Q3": 4_131,
        "2023-Q4": 4_142,
    }
    assert {period: int(totals[period]) for period in published} == published
    parts = found.observations[found.observations["detail_kind"] == "location"].groupby("period")["value"].sum()
    assert (parts == totals).all()


# --- FBI and populations ---


@needs_inbox
def test_fbi_rows_are_summed_and_never_dropped() -> None:
    found = result("usa_police_fbi", FBI)
    table = pd.read_csv(INBOX / "usa_police_fbi" / FBI, dtype={"OFFENSE_SUBCAT_ID": str}, keep_default_na=False)
    assert table["ACTUAL_COUNT"].sum() == 9_599
    assert table.duplicated().sum() == 927
    # one row of -1 corrects an earlier report
    below_zero = table.loc[table["ACTUAL_COUNT"] < 0, "ACTUAL_COUNT"]
    assert list(below_zero) == [-1]
    assert found.total("rows_in") == len(table) == 4_417
    assert found.total("rows_accepted") == 4_417
    assert int(found.observations["value"].sum()) == 9_599
    table.loc[table["STATE_ABBR"] == "NB", "STATE_ABBR"] = "NE"
    wanted = table.groupby(["STATE_ABBR", "DATA_YEAR", "OFFENSE_SUBCAT_ID"])["ACTUAL_COUNT"].sum()
    ours = {
        (row.area.removeprefix("US-"), int(row.period), row.offence): int(row.value)
        for row in found.observations.itertuples()
    }
    assert ours == wanted.to_dict()
    assert sum(1 for state, _, _ in ours if state == "NE") > 0
    assert set(zip(found.observations["offence"], found.observations["exploitation"], strict=True)) == {
        ("81", "SEX"),
        ("82", "LAB"),
    }


@needs_inbox
def test_world_bank_keeps_countries_and_the_world() -> None:
    found = result("int_io_worldbank", "worldbank_population_country_year.csv")
    table = pd.read_csv(INBOX / "int_io_worldbank" / "worldbank_population_country_year.csv", keep_default_na=False)
    kept = set(found.observations["area"])
    assert {"WLD", "XKX", "NAM"} <= kept <= area_codes()
    assert len(kept) == 217
    assert found.total("rows_in") == len(table) == 17_195
    assert int(found.observations["value"].sum()) == table.loc[table["Country Code"].isin(kept), "Value"].sum()


@needs_inbox
def test_us_states_are_unpivoted() -> None:
    found = result("usa_stat_census", "us_state_population_2013_2020_wide.csv")
    table = pd.read_csv(INBOX / "usa_stat_census" / "us_state_population_2013_2020_wide.csv")
    assert found.total("rows_accepted") == 8
    assert len(found.observations) == 8 * 51
    assert int(found.observations["value"].sum()) == int(table.iloc[:, 1:].to_numpy().sum())
    texas = found.observations[(found.observations["area"] == "US-TX") & (found.observations["period"] == "2013")]
    assert int(texas["value"].iloc[0]) == int(table.loc[table["index"] == 2013, " TX"].iloc[0])


@needs_inbox
def test_ons_prefers_the_estimate_and_keeps_the_census_of_wales() -> None:
    found = result("gbr_stat_ons", "uk_police_force_population.csv")
    table = pd.read_csv(INBOX / "gbr_stat_ons" / "uk_police_force_population.csv")
    assert found.total("rows_in") == len(table) == 472
    assert found.total("rows_excluded") == 39
    year = found.observations[found.observations["period"] == "2011"].set_index("area")["value"]
    assert len(year) == 43
    assert year.index.is_unique
    of_2011 = table[table["year"] == 2011].set_index(["pfa20nm", "source"])["population"]
    assert int(year["E23000013"]) == of_2011["Cleveland", "ONS mid-year estimates"]
    assert int(year["W15000001"]) == of_2011["North Wales", "Census 2011"]


@needs_inbox
@pytest.mark.parametrize("found", contracts(), ids=lambda found: found.partner)
def test_no_column_of_a_real_file_is_taken_for_personal_data(found: loading.Contract) -> None:
    for path in sorted((INBOX / found.partner).iterdir()):
        for dataset in found.datasets.values():
            if rule := dataset.file_rule(path.name):
                connection = duckdb.connect()
                read = reading.read(path, rule.format, connection)
                layout = row_rules.layout(dataset, rule, read)
                roles = examination.roles_of(found, dataset, rule, layout, ())
                screened = screening.screen(connection, read, roles, dataset.not_personal)
                assert not screened.findings, (path.name, screened.findings)
                assert not screened.suspects, path.name
