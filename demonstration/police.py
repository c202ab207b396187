"""What the twelve police partners send: victims by area and year, by area and quarter, and offences by provision."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from demonstration.counts import SLOW_COUNTRY, Counts, on_file
from demonstration.files import Row, write_parquet, write_text, write_xlsx
from demonstration.geography import Geography
from demonstration.labels import Labels
from demonstration.region import AGES, COUNTRIES, FORMS, QUARTERS, SEXES, YEARS, quarter_index, year_index

PARTNERS = {
    "QMA": "qma_police_national",
    "QMB": "qmb_police_gendarmerie",
    "QMC": "qmc_police_central",
    "QMD": "qmd_police_federal",
    "QME": "qme_police_service",
    "QMF": "qmf_police_county",
    "QMG": "qmg_police_guard",
    "QMH": "qmh_police_directorate",
    "QMI": "qmi_police_national",
    "QMJ": "qmj_police_state",
    "QMK": "qmk_police_prefecture",
    "QML": "qml_police_islands",
}
# date of issue (YYYYMMDD), first and last year in the file
YEARLY_ISSUES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "QMA": (("20200310", 2015, 2019), ("20240312", 2020, 2023), ("20250218", 2024, 2024)),
    "QMB": (("20240226", 2015, 2023), ("20250224", 2015, 2024)),
    "QMC": (("20240305", 2015, 2023), ("20250220", 2024, 2024)),
    "QMD": (("20240318", 2015, 2023), ("20250303", 2024, 2024)),
    "QME": (("20240215", 2015, 2023), ("20250214", 2024, 2024)),
    "QMF": (("20240220", 2015, 2023),),
    "QMG": (("20220315", 2015, 2021),),
    "QMH": (("20240301", 2015, 2023), ("20240902", 2022, 2022), ("20250227", 2024, 2024)),
    "QMI": (("20240320", 2015, 2023), ("20250310", 2024, 2024)),
    "QMJ": (("20240307", 2015, 2023), ("20250228", 2024, 2024)),
    "QMK": (("20240229", 2015, 2023), ("20250221", 2024, 2024)),
    "QML": (("20240311", 2015, 2023), ("20250217", 2024, 2024)),
}
# date of issue, first and last quarter in the file
QUARTERLY_ISSUES: dict[str, tuple[tuple[str, tuple[int, int], tuple[int, int]], ...]] = {
    **dict.fromkeys(COUNTRIES, (("20240212", (2015, 1), (2023, 4)), ("20250210", (2024, 1), (2024, 4)))),
    "QMB": (("20240219", (2015, 1), (2023, 4)), ("20250217", (2015, 1), (2024, 4))),
    "QMF": (("20240212", (2015, 1), (2023, 4)), ("20240513", (2024, 1), (2024, 1))),
    "QMG": (("20220214", (2015, 1), (2021, 4)),),
}
RESTATING_ISSUE = "20240902"
SLOW_QUARTERS_SHOWN = 6  # quarters in each issue of the slow partner
SLOW_FIRST_ISSUE = (2021, 1)  # the quarter after which its first kept issue came out
SLOW_ARCHIVE_UNTIL = (2022, 4)  # issues up to this one stand together in one archive file

MISMATCHES_COUNT = 12
NATIONAL_MISMATCH = {2018: 14, 2021: 23}
NOT_REPORTED_YEAR = 2015
NOT_REPORTED_AREAS_COUNT = 2
COMBINED_SHARE = 0.15
# A form that one partner began to count apart without telling: its label stands in no map.
UNMAPPED_FORM = {"country": "QMK", "label": "servitu", "first_year": 2023, "share_of": "OTH", "share": 0.5}


@dataclass(frozen=True)
class Cell:
    """One figure of a yearly table; area is a code, members are house codes."""

    area: str
    year: int
    form: str
    sex: str
    age: str
    value: int


@dataclass(frozen=True)
class PoliceTruth:
    """What the files hold on purpose, to be kept in the planted truth."""

    mismatches: list[dict]
    combined: list[dict]
    not_reported: list[dict]
    suppressed_count: int


@dataclass
class _Desk:
    """Everything one partner's writer needs."""

    country: str
    folder: Path
    labels: Labels
    areas: list[int]
    geography: Geography
    counts: Counts
    combined: np.ndarray

    def area(self, code: str, day: str, dataset: str = "victims_by_year") -> str:
        return self.labels.of(dataset, "area", code, day)

    def member(self, column: str, code: str) -> str:
        return self.labels.of("victims_by_year", column, code)


def write(folder: Path, geography: Geography, counts: Counts, generator: np.random.Generator) -> PoliceTruth:
    """Write all police partners' files under folder/<partner>/."""
    countries = np.array(geography.countries)
    sexual = counts.people[:, :, FORMS.index("SEX")]
    combined = np.where((countries == "QMJ")[:, None, None, None], generator.binomial(sexual, COMBINED_SHARE), 0)
    moved = _moved_totals(geography, generator)
    mismatches: list[dict] = []
    suppressed = 0
    for country, partner in PARTNERS.items():
        areas = np.flatnonzero(countries == country).tolist()
        desk = _Desk(country, folder / partner, Labels(partner), areas, geography, counts, combined)
        for issue, first, last in YEARLY_ISSUES[country]:
            cells = list(_yearly_cells(desk, issue, range(first, last + 1)))
            if country == "QMI":
                cells = _with_moved_totals(cells, moved)
                mismatches += _gaps(cells)
            suppressed += _YEARLY_WRITERS.get(country, _write_yearly_rows)(desk, issue, cells) or 0
        if country == SLOW_COUNTRY:
            _write_slow_quarters(desk)
        else:
            for issue, start, end in QUARTERLY_ISSUES[country]:
                span = range(quarter_index(*start), quarter_index(*end) + 1)
                _QUARTERLY_WRITERS.get(country, _write_quarterly_rows)(desk, issue, span)
        if country in _PROVISIONS:
            _write_offences(desk)
    combined_truth = [
        {"area": geography.codes[area], "year": year, "persons": int(combined[area, index].sum())}
        for area in np.flatnonzero(countries == "QMJ").tolist()
        for index, year in enumerate(YEARS)
    ]
    return PoliceTruth(mismatches, combined_truth, _not_reported(geography), suppressed)


# --- yearly tables --------------------------------------------------------------------------------------------------


def _yearly_cells(desk: _Desk, issue: str, years: range) -> Iterator[Cell]:
    """Areas by total and form; the country by every one- to three-way table of form, sex and age."""
    people = desk.counts.people if issue == RESTATING_ISSUE else desk.counts.first_people
    forms = (*FORMS, "LAB+SEX") if desk.country == "QMJ" else FORMS
    for year in years:
        table = people[desk.areas, year_index(year)]
        if desk.country == "QMJ":
            both = desk.combined[desk.areas, year_index(year)]
            table = np.concatenate([table, both[:, None]], axis=1)
            table[:, FORMS.index("SEX")] -= both
        for position, area in enumerate(desk.areas):
            code = desk.geography.codes[area]
            yield Cell(code, year, "_T", "_T", "_T", int(table[position].sum()))
            for form, value in zip(forms, table[position].sum(axis=(1, 2)).tolist(), strict=True):
                yield Cell(code, year, form, "_T", "_T", value)
        yield from _national_cells(desk.country, year, table.sum(axis=0), forms)


def _national_cells(country: str, year: int, table: np.ndarray, forms: Sequence[str]) -> Iterator[Cell]:
    for split in ((), (0,), (1,), (2,), (1, 2), (0, 2), (0, 1), (0, 1, 2)):
        summed = table.sum(axis=tuple(axis for axis in range(3) if axis not in split), keepdims=True)
        for position in np.ndindex(summed.shape):
            members = [
                codes[position[axis]] if axis in split else "_T" for axis, codes in enumerate((forms, SEXES, AGES))
            ]
            yield Cell(country, year, *members, int(summed[position]))


def _row(desk: _Desk, cell: Cell) -> list[object]:
    return [
        desk.area(cell.area, f"{cell.year}-01-01"),
        cell.year,
        desk.member("exploitation", cell.form),
        desk.member("sex", cell.sex),
        desk.member("age", cell.age),
    ]


def _thousands(value: int, mark: str) -> str:
    return f"{value:,}".replace(",", mark)


_YEARLY_HEADERS = {
    "1": ("velda", "ennar", "dorrun", "miral", "ettar", "sumrel"),
    "2": ("Gebrik", "Jahrun", "Gestel", "Gesleck", "Altring", "Anzal"),
    "3": ("okrasz", "rokal", "sposzeb", "polava", "vežek", "čisel"),
    "4": ("prevana", "anio", "forna", "sessu", "edata", "numeru"),
}
_LANGUAGES = dict(zip(COUNTRIES, "123331241444", strict=True))
# file stem, ending, delimiter, encoding of the yearly and quarterly tables written as plain rows
_YEARLY_FILES = {
    "QMA": ("sumrel_ennar", "csv", ",", "utf-8"),
    "QMC": ("rokal", "tsv", "\t", "utf-8"),
    "QME": ("rokal", "csv", ";", "iso-8859-2"),
    "QMF": ("ennar", "csv", ",", "utf-8"),
    "QMG": ("jahrun", "csv", ",", "utf-8"),
    "QMH": ("anio", "csv", "|", "utf-8"),
    "QMI": ("ennar", "csv", ";", "utf-8"),
    "QMJ": ("anio", "csv", ",", "utf-8"),
    "QMK": ("anio", "csv", ",", "utf-8"),
}


def _write_yearly_rows(desk: _Desk, issue: str, cells: list[Cell]) -> int:
    stem, ending, delimiter, encoding = _YEARLY_FILES[desk.country]
    header = _YEARLY_HEADERS[_LANGUAGES[desk.country]]
    rows: list[Row] = [header]
    suppressed = 0
    for cell in cells:
        value: object = cell.value
        if desk.country == "QMH":
            value = _thousands(cell.value, ".")
        elif desk.country == "QMK" and cell.form != "_T" and cell.value < 5:
            value = "<5"
            suppressed += 1
        apart = _counted_apart(desk, cell)
        if apart is not None:
            suppressed += apart < 5
            value = cell.value - apart
            suppressed += (value < 5) - (cell.value < 5)
            labels = [*_row(desk, cell)]
            labels[2] = UNMAPPED_FORM["label"]
            rows.append([*labels, "<5" if apart < 5 else apart])
            value = "<5" if value < 5 else value
        rows.append([*_row(desk, cell), value])
    if desk.country == "QME":
        rows += _subtotals(desk, cells)
    write_text(desk.folder / f"{stem}_{issue}.{ending}", rows, delimiter=delimiter, encoding=encoding)
    return suppressed


def _counted_apart(desk: _Desk, cell: Cell) -> int | None:
    """Persons of a cell under the label that no map holds; None where that label is not in use."""
    rule = UNMAPPED_FORM
    if (desk.country, cell.form) != (rule["country"], rule["share_of"]) or cell.year < rule["first_year"]:
        return None
    return int(cell.value * rule["share"])


def _subtotals(desk: _Desk, cells: list[Cell]) -> Iterator[Row]:
    """Sums of the northern and the southern districts, which the contract leaves out with a reason."""
    total = [desk.member(column, "_T") for column in ("exploitation", "sex", "age")]
    half = len(desk.areas) // 2
    for label, areas in (("sever", desk.areas[:half]), ("jich", desk.areas[half:])):
        codes = {desk.geography.codes[area] for area in areas}
        for year in sorted({cell.year for cell in cells}):
            value = sum(cell.value for cell in cells if cell.area in codes and cell.year == year and cell.form == "_T")
            yield [label, year, *total, value]


def _write_yearly_wide(desk: _Desk, issue: str, cells: list[Cell]) -> int:
    """Years as columns; small parts starred out, two areas without a first year."""
    years = sorted({cell.year for cell in cells})
    missing = {(entry["area"], entry["year"]) for entry in _not_reported(desk.geography)}
    table: dict[tuple[str, ...], dict[int, str]] = {}
    suppressed = 0
    for cell in cells:
        text = _thousands(cell.value, ".")
        if (cell.area, cell.year) in missing:
            text = ".."
        elif cell.form != "_T" and 0 < cell.value < 5:
            text = "*"
            suppressed += 1
        table.setdefault((cell.area, cell.form, cell.sex, cell.age), {})[cell.year] = text
    rows: list[Row] = [["Opfrun in Brenmark"], [f"Standag {issue}"], ["Gebrik", "Gestel", "Gesleck", "Altring", *years]]
    for (area, form, sex, age), values in table.items():
        labels = [desk.area(area, f"{years[0]}-01-01"), desk.member("exploitation", form), desk.member("sex", sex)]
        rows.append([*labels, desk.member("age", age), *(values[year] for year in years)])
    rows += [["Kwelle: Gendarmerie, invented"], ["* 1 til 4"]]
    write_text(desk.folder / f"jahrun_{issue}.csv", rows, delimiter=";", encoding="cp1252")
    return suppressed


def _write_yearly_xlsx(desk: _Desk, issue: str, cells: list[Cell]) -> None:
    rows: list[Row] = [_xlsx_date(issue), [], _YEARLY_HEADERS["3"]]
    rows += [[*_row(desk, cell), cell.value] for cell in cells]
    write_xlsx(desk.folder / f"rokal_{issue}.xlsx", "Tabela", rows)


def _write_yearly_parquet(desk: _Desk, issue: str, cells: list[Cell]) -> None:
    """Parts only: each area by form, sex and age together, no totals."""
    rows = []
    for year in sorted({cell.year for cell in cells}):
        for area in desk.areas:
            table = desk.counts.first_people[area, year_index(year)]
            for position in np.argwhere(table > 0).tolist():
                form, sex, age = (codes[at] for codes, at in zip((FORMS, SEXES, AGES), position, strict=True))
                cell = Cell(desk.geography.codes[area], year, form, sex, age, int(table[tuple(position)]))
                label, *members = _row(desk, cell)
                rows.append([int(str(label)), *members, cell.value])
    write_parquet(desk.folder / f"islas_anio_{issue}.parquet", _YEARLY_HEADERS["4"], rows)


def _xlsx_date(issue: str) -> Row:
    return ["Vydáno:", f"{issue[6:]}.{issue[4:6]}.{issue[:4]}"]


_YEARLY_WRITERS: dict[str, Callable[[_Desk, str, list[Cell]], int | None]] = {
    "QMB": _write_yearly_wide,
    "QMD": _write_yearly_xlsx,
    "QML": _write_yearly_parquet,
}


# --- quarterly tables -----------------------------------------------------------------------------------------------


def _quarterly_values(desk: _Desk, quarter: int) -> Iterator[tuple[str, int]]:
    values = desk.counts.quarterly[desk.areas, quarter].tolist()
    yield from zip((desk.geography.codes[area] for area in desk.areas), values, strict=True)
    yield desk.country, sum(values)


_QUARTER_FORMS = {
    "QMA": ("sumrel_tessar", "csv", ",", "utf-8", "{1}/{0}"),
    "QME": ("kvarta", "csv", ";", "iso-8859-2", "{0}/{1}"),
    "QMF": ("tessar", "csv", ",", "utf-8", ""),
    "QMG": ("vartel", "csv", ",", "utf-8", "V{1} {0}"),
    "QMH": ("trimena", "csv", "|", "utf-8", "{0}-Q{1}"),
    "QMI": ("tessar", "csv", ";", "utf-8", "{0}-Q{1}"),
    "QMJ": ("trimena", "csv", ",", "utf-8", "{0}-Q{1}"),
    "QMK": ("trimena", "csv", ",", "utf-8", "{0}-Q{1}"),
}
_QUARTER_NAMES = {"1": "tessar", "2": "Vartel", "3": "kvarta", "4": "trimena"}


def _write_quarterly_rows(desk: _Desk, issue: str, span: range) -> None:
    stem, ending, delimiter, encoding, form = _QUARTER_FORMS[desk.country]
    language = _LANGUAGES[desk.country]
    header = _YEARLY_HEADERS[language]
    names = [_QUARTER_NAMES[language]] if form else [header[1], _QUARTER_NAMES[language]]
    rows: list[Row] = [[header[0], *names, header[-1]]]
    for quarter in span:
        year, number = QUARTERS[quarter]
        period: list[object] = [form.format(year, number)] if form else [year, number]
        for code, value in _quarterly_values(desk, quarter):
            text = _thousands(value, ".") if desk.country == "QMH" else value
            rows.append([desk.area(code, f"{year}-01-01", "victims_by_quarter"), *period, text])
    write_text(desk.folder / f"{stem}_{issue}.{ending}", rows, delimiter=delimiter, encoding=encoding)


def _write_quarterly_wide(desk: _Desk, issue: str, span: range) -> None:
    """Quarters as columns under the year that spans them, decimals, sub-totals between the rows, a footer."""
    years = [QUARTERS[quarter][0] for quarter in span]
    upper = ["", *(str(year) if QUARTERS[quarter][1] == 1 else "" for year, quarter in zip(years, span, strict=True))]
    lower = ["Gebrik", *(f"V{QUARTERS[quarter][1]}" for quarter in span)]
    rows: list[Row] = [["Opfrun in Brenmark, pro Vartel"], [f"Standag {issue}"], upper, lower]

    def figures(areas: list[int]) -> list[str]:
        return [f"{_thousands(int(desk.counts.quarterly[areas, quarter].sum()), '.')},0" for quarter in span]

    half = len(desk.areas) // 2
    for label, areas in (("Zwissensumme Nord", desk.areas[:half]), ("Zwissensumme Suud", desk.areas[half:])):
        for area in areas:
            name = desk.area(desk.geography.codes[area], f"{years[0]}-01-01", "victims_by_quarter")
            rows.append([name, *figures([area])])
        rows.append([label, *figures(areas)])
    rows.append([desk.area("QMB", f"{years[0]}-01-01", "victims_by_quarter"), *figures(desk.areas)])
    rows.append(["Kwelle: Gendarmerie, invented"])
    write_text(desk.folder / f"vartel_{issue}.csv", rows, delimiter=";", encoding="cp1252")


def _write_quarterly_xlsx(desk: _Desk, issue: str, span: range) -> None:
    rows: list[Row] = [_xlsx_date(issue), [], ["okrasz", "rokal", "kvarta", "čisel"]]
    for quarter in span:
        for code, value in _quarterly_values(desk, quarter):
            year, number = QUARTERS[quarter]
            rows.append([desk.area(code, f"{year}-01-01", "victims_by_quarter"), year, number, value])
    write_xlsx(desk.folder / f"kvarta_{issue}.xlsx", "Tabela", rows)


def _write_quarterly_parquet(desk: _Desk, issue: str, span: range) -> None:
    rows = []
    for quarter in span:
        year, number = QUARTERS[quarter]
        for code, value in _quarterly_values(desk, quarter):
            rows.append([desk.area(code, f"{year}-01-01", "victims_by_quarter"), f"{year}-Q{number}", value])
    write_parquet(desk.folder / f"islas_trimena_{issue}.parquet", ("prevana", "trimena", "numeru"), rows)


_QUARTERLY_WRITERS: dict[str, Callable[[_Desk, str, range], None]] = {
    "QMB": _write_quarterly_wide,
    "QMD": _write_quarterly_xlsx,
    "QML": _write_quarterly_parquet,
}


def slow_issues() -> list[tuple[str, int, range]]:
    """Issues of the slow partner: date (YYYYMMDD), the last quarter in it, and the quarters it shows."""
    issues = []
    for last in range(quarter_index(*SLOW_FIRST_ISSUE), len(QUARTERS)):
        year, number = QUARTERS[last]
        date = f"{year + 1}0214" if number == 4 else f"{year}{ {1: '0515', 2: '0814', 3: '1114'}[number] }"
        first = 0 if not issues else last - SLOW_QUARTERS_SHOWN + 1
        issues.append((date, last, range(first, last + 1)))
    return issues


def _write_slow_quarters(desk: _Desk) -> None:
    """Each issue shows the last quarters as far as they are registered; older issues stand in one archive file."""
    archive: list[Row] = [["vydán", "okrasz", "kvarta", "čisel"]]
    until = quarter_index(*SLOW_ARCHIVE_UNTIL)
    for issue, last, span in slow_issues():
        rows: list[Row] = []
        for quarter in span:
            year, number = QUARTERS[quarter]
            values = on_file(desk.counts, quarter, last)[desk.areas].tolist()
            codes = [*(desk.geography.codes[area] for area in desk.areas), desk.country]
            for code, value in zip(codes, [*values, sum(values)], strict=True):
                rows.append([desk.area(code, f"{year}-01-01", "victims_by_quarter"), f"{year}-Q{number}", value])
        if last <= until:
            archive += [[f"{issue[6:]}.{issue[4:6]}.{issue[:4]}", *row] for row in rows]
        else:
            write_text(desk.folder / f"kvarta_{issue}.tsv", [["okrasz", "kvarta", "čisel"], *rows], delimiter="\t")
    write_text(desk.folder / "kvarta_archiv.tsv", archive, delimiter="\t")


# --- offences by provision ------------------------------------------------------------------------------------------

# country: file stem and ending, and for each provision its share of the year's detections and the years it holds
_PROVISIONS: dict[str, tuple[str, dict[str, tuple[float, range]]]] = {
    "QMA": ("lexan_20250225.csv", {"144": (0.5, range(2015, 2025)), "145": (0.3, range(2015, 2025)),
                                   "146": (0.2, range(2015, 2025))}),
    "QMB": ("gesatz_20250224.csv", {"33.2": (0.8, range(2015, 2025))}),
    "QMD": ("parag_20250303.xlsx", {"214": (0.7, range(2015, 2020)), "214a": (0.7, range(2020, 2025))}),
    "QMJ": ("artigu_20250228.csv", {"88": (0.7, range(2015, 2025)), "89": (0.2, range(2015, 2025))}),
}  # fmt: skip


def _write_offences(desk: _Desk) -> None:
    """Recorded offences of the country and its areas by national provision: a fixed share of the detections."""
    name, provisions = _PROVISIONS[desk.country]
    language = _LANGUAGES[desk.country]
    area_name, year_name, *_, count_name = _YEARLY_HEADERS[language]
    offence_name = {"1": "lexan", "2": "Gesatz", "3": "parag", "4": "artigu"}[language]
    rows: list[Row] = [[area_name, year_name, offence_name, count_name]]
    for year in YEARS:
        values = desk.counts.yearly[desk.areas, year_index(year)]
        for code, (share, holds) in provisions.items():
            if year in holds:
                label = desk.labels.of("offences_by_year", "offence", code)
                counted = np.rint(values * share).astype(int).tolist()
                for area, value in zip(desk.areas, counted, strict=True):
                    place = desk.area(desk.geography.codes[area], f"{year}-01-01", "offences_by_year")
                    rows.append([place, year, label, value])
                rows.append([desk.area(desk.country, f"{year}-01-01", "offences_by_year"), year, label, sum(counted)])
    if name.endswith(".xlsx"):
        issue = name.split("_")[1].split(".")[0]
        write_xlsx(desk.folder / name, "Tabela", [_xlsx_date(issue), [], *rows])
    else:
        delimiter, encoding = (";", "cp1252") if desk.country == "QMB" else (",", "utf-8")
        write_text(desk.folder / name, rows, delimiter=delimiter, encoding=encoding)


# --- planted faults -------------------------------------------------------------------------------------------------


def _moved_totals(geography: Geography, generator: np.random.Generator) -> dict[tuple[str, int], int]:
    """By how much published totals of one country are moved away from their parts, by area and year."""
    codes = [code for code in geography.codes if code.startswith("QMI")]
    pairs = [(code, year) for code in codes for year in YEARS]
    chosen = generator.choice(len(pairs), MISMATCHES_COUNT, replace=False).tolist()
    moves = generator.integers(3, 10, MISMATCHES_COUNT) * generator.choice([1, 1, -1], MISMATCHES_COUNT)
    moved = {pairs[at]: int(move) for at, move in sorted(zip(chosen, moves.tolist(), strict=True))}
    return moved | {("QMI", year): move for year, move in NATIONAL_MISMATCH.items()}


def _with_moved_totals(cells: list[Cell], moved: dict[tuple[str, int], int]) -> list[Cell]:
    """The same cells with some totals moved, never below zero."""
    return [
        replace(cell, value=max(cell.value + moved.get((cell.area, cell.year), 0), 0))
        if (cell.form, cell.sex, cell.age) == ("_T", "_T", "_T")
        else cell
        for cell in cells
    ]


def _gaps(cells: list[Cell]) -> list[dict]:
    """Every published total that differs from the sum of its one-way parts: gap is the total less its parts."""
    totals: dict[tuple[str, int], int] = {}
    parts: dict[tuple[str, int, str], int] = {}
    for cell in cells:
        splits = [
            name
            for name, member in (("exploitation", cell.form), ("sex", cell.sex), ("age", cell.age))
            if member != "_T"
        ]
        if not splits:
            totals[cell.area, cell.year] = cell.value
            if cell.area != cell.area[:3]:
                key = (cell.area[:3], cell.year, "area")
                parts[key] = parts.get(key, 0) + cell.value
        elif len(splits) == 1:
            key = (cell.area, cell.year, splits[0])
            parts[key] = parts.get(key, 0) + cell.value
    return [
        {"area": area, "year": year, "split": split, "total": totals[area, year], "parts": value}
        | {"gap": totals[area, year] - value}
        for (area, year, split), value in sorted(parts.items())
        if totals[area, year] != value
    ]


def _not_reported(geography: Geography) -> list[dict]:
    codes = [code for code in geography.codes if code.startswith("QMB")]
    return [{"area": code, "year": NOT_REPORTED_YEAR} for code in codes[-NOT_REPORTED_AREAS_COUNT:]]
