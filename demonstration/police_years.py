"""Yearly tables of the police partners: victims by area and form, and the country by form, sex and age."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from demonstration.files import Row, write_parquet, write_text, write_xlsx
from demonstration.geography import Geography
from demonstration.police_desk import HEADERS, LANGUAGES, Desk, thousands, xlsx_date
from demonstration.region import AGES, FORMS, SEXES, YEARS, year_index

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
RESTATING_ISSUE = "20240902"
MISMATCHES_COUNT = 12
NATIONAL_MISMATCH = {2018: 14, 2021: 23}
NOT_REPORTED_YEAR = 2015
NOT_REPORTED_AREAS_COUNT = 2
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


def write(desk: Desk, moved: dict[tuple[str, int], int]) -> tuple[list[dict], int]:
    """Write one partner's yearly files; returns totals that differ from their parts, and how many figures it hid."""
    gaps: list[dict] = []
    hidden = 0
    for issue, first, last in YEARLY_ISSUES[desk.country]:
        cells = _with_moved_totals(list(_cells(desk, issue, range(first, last + 1))), moved)
        if moved.keys() & {(cell.area, cell.year) for cell in cells}:
            gaps += _gaps(cells)
        hidden += _WRITERS.get(desk.country, _write_rows)(desk, issue, cells)
    return gaps, hidden


def _cells(desk: Desk, issue: str, years: range) -> Iterator[Cell]:
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


def _row(desk: Desk, cell: Cell) -> list[object]:
    return [
        desk.area(cell.area, f"{cell.year}-01-01"),
        cell.year,
        desk.member("exploitation", cell.form),
        desk.member("sex", cell.sex),
        desk.member("age", cell.age),
    ]


# file stem, ending, delimiter, encoding of the yearly and quarterly tables written as plain rows
_FILES = {
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


def _write_rows(desk: Desk, issue: str, cells: list[Cell]) -> int:
    stem, ending, delimiter, encoding = _FILES[desk.country]
    header = HEADERS[LANGUAGES[desk.country]]
    rows: list[Row] = [header]
    suppressed = 0
    for cell in cells:
        value: object = cell.value
        if desk.country == "QMH":
            value = thousands(cell.value, ".")
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


def _counted_apart(desk: Desk, cell: Cell) -> int | None:
    """Persons of a cell under the label that no map holds; None where that label is not in use."""
    rule = UNMAPPED_FORM
    if (desk.country, cell.form) != (rule["country"], rule["share_of"]) or cell.year < rule["first_year"]:
        return None
    return int(cell.value * rule["share"])


def _subtotals(desk: Desk, cells: list[Cell]) -> Iterator[Row]:
    """Sums of the northern and the southern districts, which the contract leaves out with a reason."""
    total = [desk.member(column, "_T") for column in ("exploitation", "sex", "age")]
    half = len(desk.areas) // 2
    for label, areas in (("sever", desk.areas[:half]), ("jich", desk.areas[half:])):
        codes = {desk.geography.codes[area] for area in areas}
        for year in sorted({cell.year for cell in cells}):
            value = sum(cell.value for cell in cells if cell.area in codes and cell.year == year and cell.form == "_T")
            yield [label, year, *total, value]


def _write_wide(desk: Desk, issue: str, cells: list[Cell]) -> int:
    """Years as columns; small parts starred out, two areas without a first year."""
    years = sorted({cell.year for cell in cells})
    missing = {(entry["area"], entry["year"]) for entry in not_reported(desk.geography)}
    table: dict[tuple[str, ...], dict[int, str]] = {}
    suppressed = 0
    for cell in cells:
        text = thousands(cell.value, ".")
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


def _write_xlsx_sheet(desk: Desk, issue: str, cells: list[Cell]) -> int:
    rows: list[Row] = [xlsx_date(issue), [], HEADERS["3"]]
    rows += [[*_row(desk, cell), cell.value] for cell in cells]
    write_xlsx(desk.folder / f"rokal_{issue}.xlsx", "Tabela", rows)
    return 0


def _write_parts(desk: Desk, issue: str, cells: list[Cell]) -> int:
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
    write_parquet(desk.folder / f"islas_anio_{issue}.parquet", HEADERS["4"], rows)
    return 0


_WRITERS: dict[str, Callable[[Desk, str, list[Cell]], int]] = {
    "QMB": _write_wide,
    "QMD": _write_xlsx_sheet,
    "QML": _write_parts,
}


# --- planted faults ---------------------------------------------------------------------------------------------------


def moved_totals(geography: Geography, generator: np.random.Generator) -> dict[tuple[str, int], int]:
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


def not_reported(geography: Geography) -> list[dict]:
    """Cells that one partner leaves out with a mark: area and year."""
    codes = [code for code in geography.codes if code.startswith("QMB")]
    return [{"area": code, "year": NOT_REPORTED_YEAR} for code in codes[-NOT_REPORTED_AREAS_COUNT:]]
