"""Two tables as authorities publish them, with the numbers that were put into them: nothing in them exists.

The first is a French-style text file: cp1252, title lines, thousands of euros beside persons by row, suffix marks, fiscal
quarters with yearly totals and a line of totals, footnotes. The second is a workbook with merged heads, publisher's own
month names, and a sheet of revisions in another order and with other labels than the table it corrects.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import openpyxl

REGIONS = ("Górskie", "Łąkowe", "Nadmorskie")
FRENCH_REGIONS = ("Nord", "Littoral", "Est et Sud")
FRENCH_AREAS = ("QNA-01", "QNA-02", "QNA-03")
YEARS = (2022, 2023)
MONTHS = ("Jän", "Feber", "März", "April", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez")
GERMAN_AREAS = {"Oberes Tal": "QNB-1", "Unteres Tal": "QNB-2", "Salzmarsch": "QNB-3"}


# --- the French table ----------------------------------------------------------------------------------------------------


def assets(region: int, year: int, quarter: int) -> Decimal:
    """Assets seized, in thousands of euros with one place."""
    return Decimal(12_345 * (region == 0) + 900 * region + 77 * quarter + 13 * year + 5) / 10


def victims(region: int, year: int, quarter: int) -> int:
    return 1_100 * (region == 1) + 12 + 5 * region + 3 * quarter + year


def french_number(number: Decimal | int) -> str:
    whole, _, rest = f"{number:,}".partition(".")
    return whole.replace(",", "\u00a0") + (f",{rest}" if rest and rest.strip("0") else "")


SUFFIXES = {(0, 1, 3): " p", (1, 0, 2): "*", (2, 1, 4): " p*", (0, 0, 1): "e"}
"""What stands behind the number of (region, year, quarter), in both kinds of row."""
STATUSES = {(0, 1, 3): "P", (2, 1, 4): "P", (0, 0, 1): "E"}
MISSING = (1, 1, 2)


def write_french(path: Path, wrong_total: bool = False) -> Path:
    lines: list[list[str]] = [
        ["Ministère de l’Intérieur – Traite des êtres humains"],
        ["Avoirs saisis, en milliers d’euros, et victimes identifiées"],
        ["Exercice budgétaire : d’avril à mars"],
        ["Publié le 15/06/2024"],
        [],
        ["Région", "Indicateur", "Unité", "Exercice 2022/23", "", "", "", "", "Exercice 2023/24", "", "", "", ""],
        ["", "", "", *["T1", "T2", "T3", "T4", "Total"] * 2],
    ]
    for region, name in enumerate((*FRENCH_REGIONS, "Ensemble")):
        for indicator, unit, count in (
            ("Avoirs saisis", "Milliers d’euros", assets),
            ("Victimes identifiées", "Personnes", victims),
        ):
            cells = []
            for year in range(2):
                shown = []
                for quarter in range(1, 5):
                    places = range(3) if name == "Ensemble" else (region,)
                    number = sum(count(each, year, quarter) for each in places if (each, year, quarter) != MISSING)
                    text = french_number(number) + SUFFIXES.get((region, year, quarter), "")
                    shown.append("n.d." if (region, year, quarter) == MISSING else text)
                places = range(3) if name == "Ensemble" else (region,)
                total = sum(
                    count(each, year, quarter)
                    for each in places
                    for quarter in range(1, 5)
                    if (each, year, quarter) != MISSING
                )
                wrong = 1_000 * (wrong_total and name == "Ensemble" and year == 0)
                cells += [*shown, french_number(total + wrong)]
            lines.append([name, indicator, unit, *cells])
    lines += [
        [],
        ["p : chiffre provisoire ; e : estimation ; n.d. : non disponible"],
        ["* : périmètre modifié au 1er janvier"],
        ["Source : ministère de l’Intérieur"],
    ]
    width = max(map(len, lines))
    text = "\r\n".join(";".join([*line, *[""] * (width - len(line))]) for line in lines) + "\r\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("cp1252"))
    return path


def french_cells() -> dict[tuple[str, str, str, str], tuple[Decimal | None, str]]:
    """(measure label, area label, period, unit label) to (value in units, OBS_STATUS), of every cell that is a figure."""
    found: dict[tuple[str, str, str, str], tuple[Decimal | None, str]] = {}
    for region, name in enumerate(FRENCH_REGIONS):
        for year, first in enumerate(YEARS):
            for quarter in range(1, 5):
                # the fiscal year begins in April: its first quarter is the second of the calendar
                period = f"{first}-Q{quarter + 1}" if quarter < 4 else f"{first + 1}-Q1"
                for indicator, unit, number in (
                    ("Avoirs saisis", "Milliers d’euros", assets(region, year, quarter) * 1000),
                    ("Victimes identifiées", "Personnes", Decimal(victims(region, year, quarter))),
                ):
                    key = (indicator, name, period, unit)
                    status = STATUSES.get((region, year, quarter), "A")
                    found[key] = (None, "O") if (region, year, quarter) == MISSING else (number, status)
    return found


FRENCH_CONTRACT = r"""
partner: qna_police_judiciaire
name: Police judiciaire
sector: police
audience: restricted
minimum_cell: 11
datasets:
  traite:
    title: Avoirs saisis et victimes identifiées
    source_type: police
    counting_unit: persons
    period_basis: registration
    replaces: periods
    format:
      type: csv
      encoding: cp1252
      delimiter: ";"
      decimal: ","
      header_rows: [6, 7]
      fill_labels_right: true
      stop_at: {column: Région, starts_with: "p : "}
    files: [{pattern: "traite_*.csv", issued_on: {cell: A4, date_format: "Publié le %d/%m/%Y"}}]
    fiscal_year: {starts: 04-01, named_after: start}
    unpivot: {columns: "(?P<exercice>Exercice \\d{4}/\\d{2}) (?P<trimestre>T[1-4]|Total)", into: {name: heading, value: figure}}
    control_totals:
      - {column: trimestre, in: Total, period: {from: exercice, pattern: "Exercice (?P<year>\\d{4})/\\d{2}", fiscal: true}}
      - {column: Région, in: Ensemble, over: [area]}
    columns:
      measure: {from: Indicateur, values: {Avoirs saisis: assets_frozen, Victimes identifiées: victims_identified}}
      unit: {from: Unité, values: {"Milliers d’euros": EUR, Personnes: persons}}
      area: {from: Région, values: {Nord: QNA-01, Littoral: QNA-02, Est et Sud: QNA-03}}
      area_role: {constant: detection}
      period: {from: heading, pattern: "Exercice (?P<year>\\d{4})/\\d{2} T(?P<quarter>[1-4])", fiscal: true}
      value:
        from: figure
        thousands: " "
        multiplier: {from: Unité, values: {"Milliers d’euros": 1000, Personnes: 1}}
        suffixes: {p: P, e: E, "*": none}
        marks: {n.d.: {missing: not_reported}}
"""


# --- the workbook --------------------------------------------------------------------------------------------------------


def assisted(area: int, sex: int, month: int) -> int:
    return 200 + 31 * area + 7 * sex + 3 * month


REVISED = {(0, 0, 2): 4, (0, 1, 2): 1, (2, 1, 11): -9}
"""Change of the figure by (area, sex, month): what the sheet of revisions says, one quarter after the table."""


def write_workbook(path: Path) -> Path:
    book = openpyxl.Workbook()
    notes = book.active
    assert notes is not None
    notes.title = "Hinweise"
    notes.append(["Betreute Personen, nichts davon gibt es"])
    sheet = book.create_sheet("Monatswerte")
    sheet.append(["Betreute Personen nach Region, Geschlecht und Monat"])
    sheet.append(["Stand 2024-02-29"])
    sheet.append([])
    sheet.append(["Region", "Betreute 2023"])
    sheet.append([None, *(text for month in MONTHS for text in (month, None)), "Jahr", None])
    sheet.append([None, *["Frauen", "Männer"] * 13])
    sheet.merge_cells("A4:A6")
    sheet.merge_cells(start_row=4, end_row=4, start_column=2, end_column=27)
    for position in range(13):
        sheet.merge_cells(start_row=5, end_row=5, start_column=2 + 2 * position, end_column=3 + 2 * position)
    for area, name in enumerate(GERMAN_AREAS):
        counts = [assisted(area, sex, month) for month in range(12) for sex in (0, 1)]
        sheet.append([name, *counts, sum(counts[0::2]), sum(counts[1::2])])
    sheet.append(["Insgesamt", *(
        sum(row) for row in zip(*([cell.value for cell in line[1:27]] for line in sheet.iter_rows(min_row=7, max_row=9)), strict=True)
    )])  # fmt: skip
    sheet.append(["1) ohne Durchreisende"])
    revisions = book.create_sheet("Revisionen")
    revisions.append(["Berichtigte Werte"])
    revisions.append(["Monat", "Geschlecht", "Wert alt", "Wert neu", "Gebiet", "berichtigt am"])
    for (area, sex, month), change in REVISED.items():
        old = assisted(area, sex, month)
        region = list(GERMAN_AREAS)[area].upper()
        revisions.append([f"{MONTHS[month]} 2023", "wm"[sex], old, old + change, region, "2024-05-31"])
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def corrected(area: int, sex: int, month: int) -> int:
    return assisted(area, sex, month) + REVISED.get((area, sex, month), 0)


WORKBOOK_CONTRACT = r"""
partner: qnb_ngo_taldienst
name: Taldienst
sector: ngo
audience: restricted
minimum_cell: 11
datasets:
  monate:
    title: Betreute Personen nach Monat
    source_type: ngo
    counting_unit: persons
    period_basis: service
    replaces: whole_dataset
    format: {type: xlsx, sheet: Monatswerte, header_rows: [4, 5, 6], fill_labels_right: true, stop_at: {column: Region, starts_with: "1)"}}
    files: [{pattern: "taldienst_*.xlsx", issued_on: {cell: A2, date_format: "Stand %Y-%m-%d"}}]
    unpivot: {columns: "Betreute (?P<year>\\d{4}) (?P<monat>[^ ]+) (?P<geschlecht>Frauen|Männer)", into: {name: heading, value: count}}
    control_totals:
      - {column: monat, in: Jahr, period: {from: year, as: year}}
      - {column: Region, in: Insgesamt, over: [area]}
    columns:
      measure: {constant: victims_assisted}
      area: {from: Region, values: {Oberes Tal: QNB-1, Unteres Tal: QNB-2, Salzmarsch: QNB-3}}
      area_role: {constant: reporting body}
      sex: {from: geschlecht, values: {Frauen: F, Männer: M}}
      period: {from: [monat, year], as: month, language: de, names: {Jän: M01, Feber: M02}}
      value: {from: count}
  berichtigungen:
    title: Berichtigte Werte
    source_type: ngo
    counting_unit: persons
    period_basis: service
    replaces: keys
    revises: monate
    format: {type: xlsx, sheet: Revisionen, header_rows: [2]}
    files: [{pattern: "taldienst_*.xlsx", issued_on: {column: berichtigt am, date_format: "%Y-%m-%d"}}]
    ignored: [{column: Wert alt, reason: what the table said before}]
    columns:
      measure: {constant: victims_assisted}
      area: {from: Gebiet, values: {OBERES TAL: QNB-1, UNTERES TAL: QNB-2, SALZMARSCH: QNB-3}}
      area_role: {constant: reporting body}
      sex: {from: Geschlecht, values: {w: F, m: M}}
      period: {from: Monat, as: month, language: de, names: {Jän: M01, Feber: M02}}
      value: {from: Wert neu}
"""


def write_contract(contracts: Path, text: str) -> Path:
    partner = text.split("partner: ", 1)[1].split("\n", 1)[0]
    file = contracts / "partners" / partner / "contract.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.lstrip("\n"), encoding="utf-8")
    return file
