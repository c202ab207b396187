"""What the twelve police partners send: victims by area and year, by area and quarter, and offences by provision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from demonstration import police_quarters, police_years
from demonstration.counts import Counts
from demonstration.files import Row, write_text, write_xlsx
from demonstration.geography import Geography
from demonstration.labels import Labels
from demonstration.police_desk import HEADERS, LANGUAGES, PARTNERS, Desk, xlsx_date
from demonstration.region import FORMS, YEARS, year_index

COMBINED_COUNTRY, COMBINED_SHARE = "QMJ", 0.15


@dataclass(frozen=True)
class PoliceTruth:
    """What the files hold on purpose, to be kept in the planted truth."""

    mismatches: list[dict]
    combined: list[dict]
    not_reported: list[dict]
    suppressed_count: int


def write(folder: Path, geography: Geography, counts: Counts, generator: np.random.Generator) -> PoliceTruth:
    """Write all police partners' files under folder/<partner>/."""
    countries = np.array(geography.countries)
    is_combining = countries == COMBINED_COUNTRY
    sexual = counts.people[:, :, FORMS.index("SEX")]
    combined = np.where(is_combining[:, None, None, None], generator.binomial(sexual, COMBINED_SHARE), 0)
    moved = police_years.moved_totals(geography, generator)
    mismatches: list[dict] = []
    suppressed = 0
    for country, partner in PARTNERS.items():
        areas = np.flatnonzero(countries == country).tolist()
        desk = Desk(country, folder / partner, Labels(partner), areas, geography, counts, combined)
        gaps, hidden = police_years.write(desk, moved)
        mismatches += gaps
        suppressed += hidden
        police_quarters.write(desk)
        if country in _PROVISIONS:
            _write_offences(desk)
    combined_truth = [
        {"area": geography.codes[area], "year": year, "persons": int(combined[area, index].sum())}
        for area in np.flatnonzero(is_combining).tolist()
        for index, year in enumerate(YEARS)
    ]
    return PoliceTruth(mismatches, combined_truth, police_years.not_reported(geography), suppressed)


# country: file stem and ending, and for each provision its share of the year's detections and the years it holds
_PROVISIONS: dict[str, tuple[str, dict[str, tuple[float, range]]]] = {
    "QMA": ("lexan_20250225.csv", {"144": (0.5, range(2015, 2025)), "145": (0.3, range(2015, 2025)),
                                   "146": (0.2, range(2015, 2025))}),
    "QMB": ("gesatz_20250224.csv", {"33.2": (0.8, range(2015, 2025))}),
    "QMD": ("parag_20250303.xlsx", {"214": (0.7, range(2015, 2020)), "214a": (0.7, range(2020, 2025))}),
    "QMJ": ("artigu_20250228.csv", {"88": (0.7, range(2015, 2025)), "89": (0.2, range(2015, 2025))}),
}  # fmt: skip


def _write_offences(desk: Desk) -> None:
    """Recorded offences of the country and its areas by national provision: a fixed share of the detections."""
    name, provisions = _PROVISIONS[desk.country]
    language = LANGUAGES[desk.country]
    area_name, year_name, *_, count_name = HEADERS[language]
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
        write_xlsx(desk.folder / name, "Tabela", [xlsx_date(issue), [], *rows])
    else:
        delimiter, encoding = (";", "cp1252") if desk.country == "QMB" else (",", "utf-8")
        write_text(desk.folder / name, rows, delimiter=delimiter, encoding=encoding)
