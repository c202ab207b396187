"""Four tables as authorities publish them, with the numbers that were put into them: nothing in them exists.

The first is a French-style text file: cp1252, title lines, thousands of euros beside persons by row, suffix marks, fiscal
quarters with yearly totals and a line of totals, footnotes. The second is a workbook with merged heads, publisher's own
month names, and a sheet of revisions in another order and with other labels than the table it corrects. The third is Polish,
cp1250: quarters, half-years and the year across, the year itself in a column, millions of zloty. The fourth is a Spanish
workbook: parts of a year down the rows, sexes across, thousands of persons, and a sheet of corrections whose new figures
stand before the old ones.
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
    period_basis: detection
    replaces: whole_dataset
    format: {type: xlsx, sheet: Monatswerte, header_rows: [4, 5, 6], fill_labels_right: true, stop_at: {column: Region, starts_with: "1)"}}
    files: [{pattern: "taldienst_*.xlsx", issued_on: {cell: A2, date_format: "Stand %Y-%m-%d"}}]
    unpivot: {columns: "Betreute (?P<year>\\d{4}) (?P<monat>[^ ]+) (?P<geschlecht>Frauen|Männer)", into: {name: heading, value: count}}
    control_totals:
      - {column: monat, in: Jahr, period: {from: year, as: year}}
      - {column: Region, in: Insgesamt, over: [area]}
    columns:
      measure: {constant: victims_identified}
      area: {from: Region, values: {Oberes Tal: QNB-1, Unteres Tal: QNB-2, Salzmarsch: QNB-3}}
      area_role: {constant: reporting body}
      sex: {from: geschlecht, values: {Frauen: F, Männer: M}}
      period: {from: [monat, year], as: month, language: de, names: {Jän: M01, Feber: M02}}
      value: {from: count}
  berichtigungen:
    title: Berichtigte Werte
    source_type: ngo
    counting_unit: persons
    period_basis: detection
    replaces: keys
    revises: monate
    format: {type: xlsx, sheet: Revisionen, header_rows: [2]}
    files: [{pattern: "taldienst_*.xlsx", issued_on: {column: berichtigt am, date_format: "%Y-%m-%d"}}]
    ignored: [{column: Wert alt, reason: what the table said before}]
    columns:
      measure: {constant: victims_identified}
      area: {from: Gebiet, values: {OBERES TAL: QNB-1, UNTERES TAL: QNB-2, SALZMARSCH: QNB-3}}
      area_role: {constant: reporting body}
      sex: {from: Geschlecht, values: {w: F, m: M}}
      period: {from: Monat, as: month, language: de, names: {Jän: M01, Feber: M02}}
      value: {from: Wert neu}
"""


# --- the Polish table ----------------------------------------------------------------------------------------------------

POLISH_AREAS = dict(zip(REGIONS, FRENCH_AREAS, strict=True))
POLISH_SUFFIXES = {(1, 0, 1): " a)", (2, 1, 3): " b)"}
POLISH_STATUSES = {(1, 0, 1): "E", (2, 1, 3): "A"}
POLISH_MISSING = {(0, 1, 4), (2, 0, 2)}


def seized(region: int, year: int, quarter: int) -> Decimal:
    """Property seized, in millions of zloty with two places."""
    return Decimal(125 + 1_150_000 * (region == 2) + 31 * region + 9 * quarter + 4 * year) / 100


def polish_number(number: Decimal) -> str:
    return f"{number:,.2f}".replace(",", " ").replace(".", ",")


def write_polish(path: Path) -> Path:
    lines: list[list[str]] = [
        ["Straż Pograniczna Tarnowii"],
        ["Mienie zajęte w sprawach o handel ludźmi"],
        ["Stan na 30.06.2024"],
        [],
        ["Rok", "Województwo", "Wartość mienia (mln zł)", "", "", "", "", "", ""],
        ["", "", "I kw.", "II kw.", "I półrocze", "III kw.", "IV kw.", "II półrocze", "Ogółem"],
    ]
    for year, number in enumerate(YEARS):
        for region, name in enumerate((*REGIONS, "Razem")):
            places = range(3) if name == "Razem" else (region,)
            known = {
                quarter: [seized(each, year, quarter) for each in places if (each, year, quarter) not in POLISH_MISSING]
                for quarter in range(1, 5)
            }
            cells = {
                quarter: "x"
                if (region, year, quarter) in POLISH_MISSING
                else polish_number(sum(known[quarter], Decimal(0))) + POLISH_SUFFIXES.get((region, year, quarter), "")
                for quarter in range(1, 5)
            }
            first, second = (
                sum((figure for quarter in half for figure in known[quarter]), Decimal(0)) for half in ((1, 2), (3, 4))
            )
            halves = (cells[1], cells[2], polish_number(first), cells[3], cells[4], polish_number(second))
            lines.append([str(number) if region == 0 else "", name, *halves, polish_number(first + second)])
    lines += [[], ["a) dane szacunkowe"], ["b) bez mienia zwróconego"], ["Źródło: ewidencja Straży"]]
    width = max(map(len, lines))
    text = "\r\n".join(";".join([*line, *[""] * (width - len(line))]) for line in lines) + "\r\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("cp1250"))
    return path


def polish_cells() -> dict[tuple[str, str], tuple[Decimal | None, str]]:
    """(area code, period) to (value in zloty, OBS_STATUS)."""
    return {
        (code, f"{number}-Q{quarter}"): (None, "O")
        if (region, year, quarter) in POLISH_MISSING
        else (seized(region, year, quarter) * 1_000_000, POLISH_STATUSES.get((region, year, quarter), "A"))
        for region, code in enumerate(POLISH_AREAS.values())
        for year, number in enumerate(YEARS)
        for quarter in range(1, 5)
    }


# --- the Spanish workbook ------------------------------------------------------------------------------------------------

SPANISH_AREAS = {"Valle Alto": "QNB-1", "Valle Bajo": "QNB-2", "Salinas": "QNB-3"}
SPANISH_QUARTERS = ("1.er trimestre", "2.º trimestre", "3.er trimestre", "4.º trimestre")
SPANISH_REVISED = {(0, 0, 1, 2): 6, (2, 1, 0, 4): -11}
"""Change of the figure by (area, sex, year, quarter), told in the sheet of corrections."""


def attended(area: int, sex: int, year: int, quarter: int) -> int:
    return 1_040 + 250 * (area == 1) + 31 * area + 7 * sex + 3 * quarter + 17 * year


def write_spanish(path: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Datos"
    sheet.append(["Personas atendidas, en miles"])
    sheet.append(["Publicado el 31/03/2024"])
    sheet.append([])
    sheet.append(["Año", "Provincia", "Periodo", "Mujeres", "Hombres"])
    for year, number in enumerate(YEARS):
        for area, name in enumerate(SPANISH_AREAS):
            counts = [[attended(area, sex, year, quarter) for sex in (0, 1)] for quarter in range(1, 5)]
            sums = [
                [sum(pair) for pair in zip(*counts[first:last], strict=True)]
                for first, last in ((0, 2), (2, 4), (0, 4))
            ]
            rows = [*counts[:2], sums[0], *counts[2:], sums[1], sums[2]]
            labels = [*SPANISH_QUARTERS[:2], "1.er semestre", *SPANISH_QUARTERS[2:], "2.º semestre", "Total anual"]
            for place, (label, pair) in enumerate(zip(labels, rows, strict=True)):
                shown: list[object] = [number if area == place == 0 else None, name if place == 0 else None, label]
                shown += [count / 1000 for count in pair]
                if (area, year, place) == (1, 1, 4):
                    shown[-1] = f"{pair[-1] / 1000:.3f} (P)".replace(".", ",")
                sheet.append(shown)
    sheet.append(["(P) Dato provisional"])
    corrections = book.create_sheet("Rectificaciones")
    corrections.append(["Datos rectificados, en miles"])
    corrections.append([])
    corrections.append(
        ["Provincia", "Trimestre", "Sexo", "Dato rectificado", "Dato anterior", "Fecha de rectificación"]
    )
    for (area, sex, year, quarter), change in SPANISH_REVISED.items():
        old = attended(area, sex, year, quarter)
        when = f"{SPANISH_QUARTERS[quarter - 1]} {YEARS[year]}"
        name = list(SPANISH_AREAS)[area]
        corrections.append([name, when, "MH"[sex], (old + change) / 1000, old / 1000, "2024-05-31"])
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def spanish_cells() -> dict[tuple[str, str, str], tuple[Decimal | None, str]]:
    """(area code, sex, period) to (persons after the corrections, OBS_STATUS)."""
    return {
        (code, "FM"[sex], f"{number}-Q{quarter}"): (
            Decimal(attended(area, sex, year, quarter) + SPANISH_REVISED.get((area, sex, year, quarter), 0)),
            "P" if (area, sex, year, quarter) == (1, 1, 1, 4) else "A",
        )
        for area, code in enumerate(SPANISH_AREAS.values())
        for sex in (0, 1)
        for year, number in enumerate(YEARS)
        for quarter in range(1, 5)
    }


def write_contract(contracts: Path, text: str) -> Path:
    partner = text.split("partner: ", 1)[1].split("\n", 1)[0]
    file = contracts / "partners" / partner / "contract.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.lstrip("\n"), encoding="utf-8")
    return file
