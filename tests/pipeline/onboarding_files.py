"""Two tables that no contract of the house describes, made up for a newcomer to take in: nothing in them exists."""

from __future__ import annotations

from pathlib import Path

import openpyxl

AREAS = """area_code,area_name,area_level,parent_code
QZZ,Invented region,world,
QZN,North,region,QZZ
QNA,Tarnowia,country,QZN
QNA-01,Górskie,admin1,QNA
QNA-02,Łąkowe,admin1,QNA
QNA-03,Nadmorskie,admin1,QNA
QNB,Ostmark,country,QZN
QNB-1,Upper Vale,admin1,QNB
QNB-2,Lower Vale,admin1,QNB
QNB-3,Saltmarsh,admin1,QNB
"""
AREA_SET = (
    "area_set: invented_neighbours\ntitle: Two invented countries and their regions\nlicence: none needed\n"
    "attribution: Nothing of it exists\nmembers: invented_neighbours.csv\n"
)
MONTHS = ["styczeń", "luty", "marzec", "kwiecień", "maj", "czerwiec"]
REGIONS = ["Górskie", "Łąkowe", "Nadmorskie"]
FISCAL = ["2019/20", "2020/21", "2021/22", "2022/23"]


def write_areas(contracts: Path) -> None:
    """The area set of the two countries, in the contracts folder of a home."""
    folder = contracts / "areas"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "invented_neighbours.yml").write_text(AREA_SET, encoding="utf-8")
    (folder / "invented_neighbours.csv").write_text(AREAS, encoding="utf-8")


def women(region: int, month: int) -> int:
    return 1_000 * (region == 0) + 12 + 7 * region + 3 * month


def men(region: int, month: int) -> int:
    return 20 + region + month


def write_polish(path: Path) -> Path:
    """UTF-16, tabs, two header rows, months and quarters in Polish, the voivodeship only in the first of its rows.

    Each voivodeship has six months of 2023 by sex and the two quarters they make; a sum stands below them, and a note
    below the table. Thousands have a blank that does not break, shares a decimal comma; one count is hidden, one missing.
    """
    lines = [
        ["Ofiary ujawnione przez Straż Graniczną Tarnowii", "", "", "", ""],
        ["Stan na 2023-08-31", "", "", "", ""],
        [""],
        ["Województwo", "Okres", "Liczba ofiar", "", "Odsetek małoletnich"],
        ["", "", "kobiety", "mężczyźni", ""],
    ]
    for region, name in enumerate(REGIONS):
        for month, word in enumerate(MONTHS):
            hidden = {(1, 2): "<5", (2, 4): "-"}.get((region, month))
            shown = hidden or _polish_number(men(region, month))
            label = name if month == 0 else ""
            lines.append([label, f"{word} 2023", _polish_number(women(region, month)), shown, f"{10 + month},5"])
            if month % 3 == 2:
                months = range(month - 2, month + 1)
                counts = [sum(count(region, each) for each in months) for count in (women, men)]
                quarter = "I" * (month // 3 + 1)
                lines.append(["", f"{quarter} kwartał 2023", *map(_polish_number, counts), "11,5"])
        lines.append(["", "Razem", _polish_number(sum(women(region, month) for month in range(6))), "99", "12,5"])
    lines += [[""], ["Uwaga: dane wstępne; znak „-” oznacza brak danych.", "", "", "", ""]]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\r\n".join("\t".join(line) for line in lines).encode("utf-16"))
    return path


def _polish_number(number: int) -> str:
    return f"{number:,}".replace(",", "\u00a0")


def shelter_count(area: int, sex: int, year: int, issue: int) -> int:
    return 30 + 11 * area + 5 * sex + 4 * year + issue


def write_revisions(path: Path) -> Path:
    """A workbook of two issues of one table: fiscal years across, merged labels down, sub-totals, a column that is new."""
    book = openpyxl.Workbook()
    notes = book.active
    assert notes is not None
    notes.title = "Notes"
    notes.append(["Persons assisted in shelters, Ostmark"])
    for issue, (name, years) in enumerate((("Issue 2022-06", FISCAL[:3]), ("Issue 2023-06", FISCAL))):
        sheet = book.create_sheet(name)
        sheet.append(["Persons assisted in shelters"])
        sheet.append([])
        sheet.append(["Region", "Sex", *years])
        for area, region in enumerate(("Upper Vale", "Lower Vale", "Saltmarsh")):
            first = sheet.max_row + 1
            for sex, label in enumerate(("Women", "Men")):
                counts = [shelter_count(area, sex, year, issue) for year in range(len(years))]
                sheet.append([region if sex == 0 else None, label, *counts])
            sheet.merge_cells(start_row=first, end_row=first + 1, start_column=1, end_column=1)
            totals = [sum(shelter_count(area, sex, year, issue) for sex in (0, 1)) for year in range(len(years))]
            sheet.append([f"Total {region}", None, *totals])
        sheet.append(["Source: register of shelters"])
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path
