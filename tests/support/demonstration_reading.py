"""The demonstration's files as a stranger would read them: with the contracts' maps, not with the generator's code."""

import csv
import io
import math
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow.parquet as pq
import yaml

from demonstration.generator import CONTRACTS, PlantedTruth

TOTAL = ("_T", "_T", "_T")
# header names of (area, year, form, sex, age, value) in the yearly tables written as rows
COLUMNS = {
    "A": ("velda", "ennar", "dorrun", "miral", "ettar", "sumrel"),
    "F": ("velda", "ennar", "dorrun", "miral", "ettar", "sumrel"),
    "I": ("velda", "ennar", "dorrun", "miral", "ettar", "sumrel"),
    "G": ("Gebrik", "Jahrun", "Gestel", "Gesleck", "Altring", "Anzal"),
    "C": ("okrasz", "rokal", "sposzeb", "polava", "vežek", "čisel"),
    "D": ("okrasz", "rokal", "sposzeb", "polava", "vežek", "čisel"),
    "E": ("okrasz", "rokal", "sposzeb", "polava", "vežek", "čisel"),
    "H": ("prevana", "anio", "forna", "sessu", "edata", "numeru"),
    "J": ("prevana", "anio", "forna", "sessu", "edata", "numeru"),
    "K": ("prevana", "anio", "forna", "sessu", "edata", "numeru"),
    "L": ("prevana", "anio", "forna", "sessu", "edata", "numeru"),
}
FORMS = {  # delimiter and encoding of the text files
    "A": (",", "utf-8"), "B": (";", "cp1252"), "C": ("\t", "utf-8"), "E": (";", "iso-8859-2"), "F": (",", "utf-8"),
    "G": (",", "utf-8"), "H": ("|", "utf-8"), "I": (";", "utf-8"), "J": (",", "utf-8"),
    "K": (",", "utf-8"),
}  # fmt: skip
# how the names of the yearly and of the quarterly tables begin
YEARLY_STEMS = {
    "A": "sumrel_ennar", "B": "jahrun", "C": "rokal", "D": "rokal", "E": "rokal", "F": "ennar",
    "G": "jahrun", "H": "anio", "I": "ennar", "J": "anio", "K": "anio", "L": "islas_anio",
}  # fmt: skip
QUARTERLY_STEMS = {
    "A": "sumrel_tessar", "B": "vartel", "D": "kvarta", "E": "kvarta", "F": "tessar", "G": "vartel",
    "H": "trimena", "I": "tessar", "J": "trimena", "K": "trimena", "L": "islas_trimena",
}  # fmt: skip


class Written:
    """The files of one run of the generator and the truth that came with them."""

    def __init__(self, folder: Path, truth: PlantedTruth):
        self.inbox = folder / "inbox"
        self.truth = truth.content

    def partner(self, letter: str) -> str:
        return self.truth["police_partners"][f"QM{letter}"]

    def table(self, file: Path, letter: str) -> list[list[str]]:
        if file.suffix == ".xlsx":
            sheet = openpyxl.load_workbook(file, read_only=True)["Tabela"]
            return [["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            return [table.column_names, *([str(cell) for cell in row.values()] for row in table.to_pylist())]
        delimiter, encoding = FORMS[letter]
        return list(csv.reader(io.StringIO(file.read_bytes().decode(encoding), newline=""), delimiter=delimiter))

    def codes(self, letter: str, column: str) -> dict[str, str]:
        """Label to code; where a label changed over time both labels have the same code."""
        folder = CONTRACTS / "partners" / self.partner(letter)
        contract = yaml.safe_load((folder / "contract.yml").read_text(encoding="utf-8"))
        rule = contract["datasets"]["victims_by_year"]["columns"][column]
        found = {str(label): str(code) for label, code in rule.get("values", {}).items()}
        if "map" in rule:
            with (folder / rule["map"]).open(encoding="utf-8", newline="") as stream:
                found |= {row["source"]: row["code"] for row in csv.DictReader(stream)}
        return found

    def yearly_file(self, letter: str, file: Path) -> dict[tuple, str]:
        """(area, year, form, sex, age) to the text of the value."""
        area, form, sex, age = (self.codes(letter, name) for name in ("area", "exploitation", "sex", "age"))
        rows = self.table(file, letter)
        found: dict[tuple, str] = {}
        if letter == "B":
            header = rows[2]
            for row in rows[3:]:
                if len(row) == len(header):
                    key = (form[row[1]], sex[row[2]], age[row[3]])
                    for year, text in zip(header[4:], row[4:], strict=True):
                        found[area[row[0]], int(year), *key] = text
            return found
        start = next(at for at, row in enumerate(rows) if row and row[0] in (COLUMNS[letter][0], "prevana"))
        place = [rows[start].index(name) for name in COLUMNS[letter]]
        for row in rows[start + 1 :]:
            where, year, *members, text = (row[at] for at in place)
            if where in area:  # sub-totals of districts stand in one partner's files
                members = [codes.get(label, label) for codes, label in zip((form, sex, age), members, strict=True)]
                key = (area[where], int(year), *members)
                assert key not in found
                found[key] = text
        return found

    def yearly_files(self, letter: str) -> list[Path]:
        """Files of the yearly table in the order of their issue."""
        form = re.compile(rf"{YEARLY_STEMS[letter]}_\d{{8}}\.")
        return sorted(file for file in (self.inbox / self.partner(letter)).iterdir() if form.match(file.name))

    def yearly(self, letter: str) -> dict[tuple, str]:
        """The figures in force at the end: a later file wins for the years it holds."""
        merged: dict[tuple, str] = {}
        for file in self.yearly_files(letter):
            part = self.yearly_file(letter, file)
            years = {key[1] for key in part}
            merged = {key: text for key, text in merged.items() if key[1] not in years} | part
        return merged

    def quarterly(self, letter: str) -> dict[tuple[str, int, int], int]:
        """(area, year, quarter) to the figure."""
        area = self.codes(letter, "area")
        found: dict[tuple[str, int, int], int] = {}
        stem = QUARTERLY_STEMS[letter]
        for file in sorted((self.inbox / self.partner(letter)).glob(f"{stem}_*")):
            rows = self.table(file, letter)
            if letter == "B":
                for row in rows[4:]:
                    if len(row) == len(rows[3]) and row[0] in area:
                        for at, text in enumerate(row[1:]):
                            found[area[row[0]], 2015 + at // 4, at % 4 + 1] = number(text.removesuffix(",0"))
                continue
            for row in rows:
                if row and row[0] in area:
                    period = " ".join(row[1:-1])
                    year = int(re.search(r"20\d\d", period)[0])
                    quarter = int(re.search(r"(?<!\d)[1-4](?!\d)", period)[0])
                    found[area[row[0]], year, quarter] = number(row[-1])
        return found

    def area_years(self) -> dict[str, np.ndarray]:
        """Every area's yearly totals as counted from the files in force; NaN where none."""
        values = {code: np.full(10, np.nan) for code in self.truth["areas"]}
        for letter in YEARLY_STEMS:
            sums: dict[tuple[str, int], float] = defaultdict(float)
            for (area, year, *members), text in self.yearly(letter).items():
                if "-" in area and (letter == "L" or tuple(members) == TOTAL):
                    sums[area, year] += math.nan if text == ".." else number(text)
            for (area, year), value in sums.items():
                values[area][year - 2015] = value
        return values


def number(text: str) -> int:
    """A whole number, perhaps with points between thousands."""
    return int(text.replace(".", ""))
