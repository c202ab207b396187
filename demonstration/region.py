"""The invented region's fixed frame: countries, years and quarters, code lists of its partners, and populations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demonstration.geography import Geography

# Codes from the range that ISO 3166-1 leaves to users (QMA to QZZ); none of them is or will be a real country.
COUNTRIES = {
    "QMA": "Aldavia",
    "QMB": "Brenmark",
    "QMC": "Cordavia",
    "QMD": "Drevania",
    "QME": "Eskaria",
    "QMF": "Fenholm",
    "QMG": "Galdora",
    "QMH": "Harvonia",
    "QMI": "Ilvania",
    "QMJ": "Jorvania",
    "QMK": "Kelmora",
    "QML": "Lumara Isles",
}
WHOLE_REGION = "QZZ"
REGIONS = {
    "QZE": ("East", ("QMC", "QMG", "QML")),
    "QZN": ("North and Centre", ("QMA", "QMB", "QMD", "QME", "QMF")),
    "QZS": ("South", ("QMH", "QMI", "QMJ", "QMK")),
}

FIRST_YEAR = 2015
YEARS = tuple(range(FIRST_YEAR, FIRST_YEAR + 10))
QUARTERS = tuple((year, quarter) for year in YEARS for quarter in (1, 2, 3, 4))
SEASON = np.array([0.22, 0.27, 0.28, 0.23])  # share of a year's detections in each quarter

FORMS = ("SEX", "LAB", "BEG", "CRIM", "OTH")
SEXES = ("F", "M", "_U")
AGES = ("0-17", "18+", "_U")
POPULATION_SEXES = ("F", "M")
POPULATION_AGES = ("0-17", "18+")

# Detections a year per 100,000 people where nothing is planted.
BASE_RATE = 10.0


@dataclass(frozen=True)
class Population:
    """Residents, shape (areas, years, sexes, ages), and each area's reference population (areas,)."""

    counts: np.ndarray
    reference: np.ndarray


def population(geography: Geography, generator: np.random.Generator) -> Population:
    """Draw populations: most areas 200,000 to 1,000,000 people, about one in ten small."""
    count = len(geography.codes)
    reference = np.exp(generator.normal(np.log(430_000), 0.38, count))
    is_small = generator.random(count) < 0.10
    reference = np.where(is_small, generator.uniform(45_000, 110_000, count), reference)
    reference = np.clip(reference, 45_000, 1_400_000)
    growth = 1 + generator.uniform(-0.002, 0.010, count)
    totals = reference[:, None] * growth[:, None] ** np.arange(len(YEARS))
    children = generator.uniform(0.19, 0.27, count)
    women = generator.uniform(0.495, 0.52, count)
    by_sex = np.stack([women, 1 - women], axis=1)
    by_age = np.stack([children, 1 - children], axis=1)
    counts = np.rint(totals[:, :, None, None] * by_sex[:, None, :, None] * by_age[:, None, None, :])
    return Population(counts=counts.astype(np.int64), reference=reference)


def year_index(year: int) -> int:
    """Position of a year in arrays over years."""
    return year - FIRST_YEAR


def quarter_index(year: int, quarter: int) -> int:
    """Position of a quarter in arrays over quarters."""
    return (year - FIRST_YEAR) * 4 + quarter - 1
