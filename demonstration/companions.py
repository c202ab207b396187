"""What partners beside the police send: shelters, a help line, prosecutors, immigration, statistics, an observatory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demonstration.counts import Counts
from demonstration.files import Row, write_text, write_xlsx
from demonstration.geography import Geography
from demonstration.labels import Labels
from demonstration.region import (
    COUNTRIES,
    FORMS,
    POPULATION_AGES,
    POPULATION_SEXES,
    QUARTERS,
    REGIONS,
    SEXES,
    WHOLE_REGION,
    YEARS,
    Population,
    year_index,
)

SHELTER_SHARE_OF_POLICE = 0.55  # of the people police detect, also seen first by a shelter
SHELTER_OWN_SHARE = 0.15  # seen by a shelter only, against the police count
LANTERN_SHARE = 0.4
LANTERN_SECOND_FORM_SHARE = 0.3
OBSERVATORY_ISSUES = (("20240422", 2022), ("20250320", 2023))
OBSERVATORY_REVISED = (("QMD", 2021, 0.88), ("QMJ", 2022, 0.90), ("QMA", 2022, 0.95))
UNMAPPED_CITIZENSHIP = "Stateless"  # stands in no map
HELD_FILE = "lantern_20250312.csv"
HELD_COUNTRIES_COUNT = 5
POPULATION_ISSUES = (("20230630", 2022), ("20250115", 2024))


@dataclass(frozen=True)
class CompanionTruth:
    """What the files hold on purpose."""

    shelter_overlap: list[dict]
    lantern: list[dict]
    observatory_revisions: list[dict]
    suppressed_count: int


def write(
    folder: Path, geography: Geography, population: Population, counts: Counts, generator: np.random.Generator
) -> CompanionTruth:
    """Write all files of these partners under folder/<partner>/."""
    national = np.stack([counts.people[np.array(geography.countries) == country].sum(axis=0) for country in COUNTRIES])
    overlap = _write_shelters(folder, geography, counts, generator)
    lantern = _write_lantern(folder, national, generator)
    _write_help_line(folder, geography, counts, generator)
    _write_prosecutors(folder, counts)
    _write_permits(folder, geography, counts, generator)
    _write_population(folder, geography, population)
    revisions, suppressed = _write_observatory(folder, national, counts)
    return CompanionTruth(overlap, lantern, revisions, suppressed)


def _write_shelters(folder: Path, geography: Geography, counts: Counts, generator: np.random.Generator) -> list[dict]:
    """Most of these people are in the police figures too: the two are never added."""
    partner = "qma_ngo_shelters"
    labels = Labels(partner)
    areas = [area for area, country in enumerate(geography.countries) if country == "QMA"]
    both = generator.binomial(counts.yearly[areas], SHELTER_SHARE_OF_POLICE)
    only = generator.poisson(counts.yearly[areas] * SHELTER_OWN_SHARE)
    rows: list[Row] = [["velda", "ennar", "sumrel"]]
    truth = []
    for index, year in enumerate(YEARS):
        for position, area in enumerate(areas):
            label = labels.of("detected_by_area", "area", geography.codes[area])
            rows.append([label, year, int(both[position, index] + only[position, index])])
        rows.append([labels.of("detected_by_area", "area", "QMA"), year, int((both + only)[:, index].sum())])
        police = int(counts.yearly[areas, index].sum())
        seen = {"shelters": int((both + only)[:, index].sum()), "in_both": int(both[:, index].sum())}
        truth.append({"country": "QMA", "year": year, "police": police, **seen})
    write_text(folder / partner / "schelter_20250228.csv", rows)
    return truth


def _write_lantern(folder: Path, national: np.ndarray, generator: np.random.Generator) -> list[dict]:
    """Persons in all, and under each form: who has two forms stands under both."""
    partner = "int_ngo_lantern"
    labels = Labels(partner)
    persons = generator.binomial(national.sum(axis=(3, 4)), LANTERN_SHARE)
    second = np.rint(persons * LANTERN_SECOND_FORM_SHARE).astype(int)
    any_of = persons + np.roll(second, 1, axis=2)
    rows: list[Row] = [["country", "year", "form", "assisted"]]
    truth = []
    for row, country in enumerate(COUNTRIES):
        name = labels.of("assisted_by_form", "area", country)
        for index, year in enumerate(YEARS):
            total = int(persons[row, index].sum())
            rows.append([name, year, labels.of("assisted_by_form", "exploitation", "_T"), total])
            for form, value in zip(FORMS, any_of[row, index].tolist(), strict=True):
                rows.append([name, year, labels.of("assisted_by_form", "exploitation", form), value])
            truth.append(
                {"country": country, "year": year, "persons": total, "sum_of_forms": int(any_of[row, index].sum())}
            )
    write_text(folder / partner / "lantern_20250305.csv", rows)
    kept = set([labels.of("assisted_by_form", "area", country) for country in COUNTRIES][:HELD_COUNTRIES_COUNT])
    write_text(folder / partner / HELD_FILE, [rows[0], *(row for row in rows[1:] if row[0] in kept)])
    return truth


def _write_help_line(folder: Path, geography: Geography, counts: Counts, generator: np.random.Generator) -> None:
    """Calls follow the true number of victims, not the law: they do not double when the law changes."""
    from demonstration.effects import LAW_CHANGE

    members = np.array(geography.countries) == LAW_CHANGE["country"]
    expected = counts.expected[members].sum(axis=0)
    is_after = np.array([year for year, _ in QUARTERS]) >= int(LAW_CHANGE["on"][:4])
    calls = generator.poisson(np.where(is_after, expected / LAW_CHANGE["ratio"], expected) * 1.5).tolist()
    rows: list[Row] = [["kvarta", "čisel"]]
    rows += [[f"{year}-Q{quarter}", value] for (year, quarter), value in zip(QUARTERS, calls, strict=True)]
    write_text(folder / "qmd_hotline_line" / "linka_20250212.csv", rows, delimiter=";")


def _write_prosecutors(folder: Path, counts: Counts) -> None:
    """Persons prosecuted and convicted by sex, with a total."""
    offices = (
        ("QMA", "qma_prosecution_office", ("stadun", "ennar", "miral", "sumrel")),
        ("QMD", "qmd_prosecution_general", ("stupen", "rokal", "polava", "čisel")),
        ("QMJ", "qmj_prosecution_chamber", ("fasa", "anio", "sessu", "numeru")),
    )
    for country, partner, header in offices:
        labels = Labels(partner)
        row = list(COUNTRIES).index(country)
        rows: list[Row] = [header]
        for measure, table in (("persons_prosecuted", counts.prosecuted), ("persons_convicted", counts.convicted)):
            step = labels.of("persons", "measure", measure)
            for index, year in enumerate(YEARS):
                women, men = table[row, index].tolist()
                for sex, value in (("_T", women + men), ("F", women), ("M", men)):
                    rows.append([step, year, labels.of("persons", "sex", sex), value])
        if country == "QMJ":
            write_xlsx(folder / partner / "fasa_2025.xlsx", "Dados", [["publicatu", "2025-03-06"], [], *rows])
        else:
            delimiter = "," if country == "QMA" else ";"
            write_text(folder / partner / f"{header[0]}_20250304.csv", rows, delimiter=delimiter)


def _write_permits(folder: Path, geography: Geography, counts: Counts, generator: np.random.Generator) -> None:
    """Permits granted and refused by citizenship: quarterly in one country, yearly in the other."""
    offices = (
        ("QMB", "qmb_immigration_office", ("Erluss", "Herkun", "Vartel", "Anzal"), "erluss_20250220.csv", "cp1252"),
        ("QME", "qme_immigration_service", ("vyrok", "narod", "rokal", "čisel"), "vyrok_20250313.csv", "utf-8"),
    )
    names = list(COUNTRIES)
    for country, partner, header, file, encoding in offices:
        labels = Labels(partner)
        row = names.index(country)
        foreign = counts.citizens[row, :, : len(names)].copy()
        foreign[:, row] = 0
        granted = generator.binomial(foreign, 0.45)
        refused = generator.binomial(foreign - granted, 0.3)
        rows: list[Row] = [header]
        for measure, table in (("permits_granted", granted), ("permits_refused", refused)):
            verdict = labels.of("permits", "measure", measure)
            if country == "QMB":
                split = generator.multinomial(table, np.full(4, 0.25))
                periods = [
                    (f"{year}-Q{q}", split[index, :, q - 1]) for index, year in enumerate(YEARS) for q in (1, 2, 3, 4)
                ]
            else:
                periods = [(str(year), table[index]) for index, year in enumerate(YEARS)]
            for period, values in periods:
                rows.append([verdict, labels.of("permits", "counterpart_area", "_T"), period, int(values.sum())])
                for citizenship, value in zip(names, values.tolist(), strict=True):
                    if citizenship != country and value:
                        label = labels.of("permits", "counterpart_area", citizenship)
                        rows.append([verdict, label, period, value])
        write_text(folder / partner / file, rows, delimiter=";", encoding=encoding)


def _write_population(folder: Path, geography: Geography, population: Population) -> None:
    """Residents of areas, countries, regions and the whole region, with totals of sex and age."""
    partner = "int_stat_commission"
    labels = Labels(partner)
    countries = np.array(geography.countries)
    tables = dict(zip(geography.codes, population.counts, strict=True))
    for country in COUNTRIES:
        tables[country] = population.counts[countries == country].sum(axis=0)
    for region, (_, members) in REGIONS.items():
        tables[region] = np.sum([tables[country] for country in members], axis=0)
    tables[WHOLE_REGION] = population.counts.sum(axis=0)
    sexes = {code: labels.of("population", "sex", code) for code in ("_T", *POPULATION_SEXES)}
    ages = {code: labels.of("population", "age", code) for code in ("_T", *POPULATION_AGES)}
    for issue, last in POPULATION_ISSUES:
        rows: list[Row] = [["area", "year", "sex", "age", "residents"]]
        for code, table in tables.items():
            cube = np.pad(table, ((0, 0), (1, 0), (1, 0)))
            cube[:, 0, 1:] = table.sum(axis=1)
            cube[:, 1:, 0] = table.sum(axis=2)
            cube[:, 0, 0] = table.sum(axis=(1, 2))
            for year in YEARS[: year_index(last) + 1]:
                values = cube[year_index(year)].tolist()
                for sex, line in zip(sexes.values(), values, strict=True):
                    for age, value in zip(ages.values(), line, strict=True):
                        rows.append([code, year, sex, age, value])
        write_text(folder / partner / f"residents_{issue}.csv", rows)


def _write_observatory(folder: Path, national: np.ndarray, counts: Counts) -> tuple[list[dict], int]:
    """Country tables in two releases: small counts hidden, a few figures of the first restated in the second."""
    partner = "int_io_observatory"
    labels = Labels(partner)
    suppressed = 0
    first = {(country, year): share for country, year, share in OBSERVATORY_REVISED}
    revisions = []
    for number, (issue, last) in enumerate(OBSERVATORY_ISSUES):
        rows: list[Row] = [["Country", "Indicator", "Dimension", "Category", "Sex", "Year", "Value"]]
        for row, country in enumerate(COUNTRIES):
            for year in YEARS[: year_index(last) + 1]:
                share = first.get((country, year), 1.0) if number == 0 else 1.0
                for entry in _observatory_lines(labels, row, year, national, counts):
                    *texts, value = entry
                    value = round(value * share)
                    suppressed += value < 5
                    rows.append(
                        [labels.of("country_tables", "area", country), *texts, "<5" if value < 5 else f"{value:,}"]
                    )
                if (country, year) in first and number == 1:
                    final = int(national[row, year_index(year)].sum())
                    before = round(final * first[country, year])
                    entry = {"partner": partner, "area": country, "year": year, "first": before, "final": final}
                    revisions.append(entry)
        write_text(folder / partner / f"observatory_{issue}.csv", rows)
    return revisions, suppressed


def _observatory_lines(
    labels: Labels, row: int, year: int, national: np.ndarray, counts: Counts
) -> Iterator[tuple[str, str, str, str, int, int]]:
    """Indicator, dimension, category, sex, year and value of one country and year."""
    at = year_index(year)
    people = national[row, at]
    detected = labels.of("country_tables", "measure", "victims_detected")
    sexes = {code: labels.of("country_tables", "sex", code) for code in ("_T", *SEXES)}
    yield detected, "Total", "Total", sexes["_T"], year, int(people.sum())
    for sex, value in zip(SEXES, people.sum(axis=(0, 2)).tolist(), strict=True):
        yield detected, "Total", "Total", sexes[sex], year, value
    for form, value in zip(FORMS, people.sum(axis=(1, 2)).tolist(), strict=True):
        yield detected, "by form", labels.of("country_tables", "exploitation", form), sexes["_T"], year, value
    citizenships = [labels.of("country_tables", "counterpart_area", code) for code in (*COUNTRIES, "_U")]
    *inside, outside = counts.citizens[row, at].tolist()
    stateless = outside // 3
    values = [*inside, outside - stateless, stateless]
    for label, value in zip([*citizenships, UNMAPPED_CITIZENSHIP], values, strict=True):
        yield detected, "by citizenship", label, sexes["_T"], year, value
    for measure, table in (("persons_prosecuted", counts.prosecuted), ("persons_convicted", counts.convicted)):
        indicator = labels.of("country_tables", "measure", measure)
        yield indicator, "Total", "Total", sexes["_T"], year, int(table[row, at].sum())
