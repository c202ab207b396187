"""The desk of one police partner: its language, its labels and what it counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demonstration.counts import Counts
from demonstration.files import Row
from demonstration.geography import Geography
from demonstration.labels import Labels
from demonstration.region import COUNTRIES

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
# header of a yearly table in each of the four invented languages: area, year, form, sex, age, number
HEADERS = {
    "1": ("velda", "ennar", "dorrun", "miral", "ettar", "sumrel"),
    "2": ("Gebrik", "Jahrun", "Gestel", "Gesleck", "Altring", "Anzal"),
    "3": ("okrasz", "rokal", "sposzeb", "polava", "vežek", "čisel"),
    "4": ("prevana", "anio", "forna", "sessu", "edata", "numeru"),
}
LANGUAGES = dict(zip(COUNTRIES, "123331241444", strict=True))


@dataclass(frozen=True)
class Desk:
    """Everything one partner's writer needs."""

    country: str
    folder: Path
    labels: Labels
    areas: list[int]
    geography: Geography
    counts: Counts
    combined: np.ndarray

    def area(self, code: str, day: str, dataset: str = "victims_by_year") -> str:
        """The partner's name of an area on a day."""
        return self.labels.of(dataset, "area", code, day)

    def member(self, column: str, code: str) -> str:
        """The partner's name of a member of a column."""
        return self.labels.of("victims_by_year", column, code)


def thousands(value: int, mark: str) -> str:
    """A whole number with a mark between thousands."""
    return f"{value:,}".replace(",", mark)


def xlsx_date(issue: str) -> Row:
    """First row of a workbook: a word and the date of issue."""
    return ["Vydáno:", f"{issue[6:]}.{issue[4:6]}.{issue[:4]}"]
