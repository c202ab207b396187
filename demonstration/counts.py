"""The draws: how many people were detected where and when, who they were, and what followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demonstration.effects import Effects
from demonstration.geography import Geography
from demonstration.region import AGES, BASE_RATE, COUNTRIES, FORMS, QUARTERS, SEASON, SEXES, YEARS, Population

AREA_VARIATION = 0.10  # spread of the areas' own lasting level, unrelated to neighbours
YEAR_VARIATION = 0.04  # spread of an area's years around that level

FORM_SHARES = np.array([0.46, 0.32, 0.08, 0.08, 0.06])
WOMEN_SHARES = np.array([0.86, 0.34, 0.52, 0.22, 0.50])
CHILDREN_SHARES = np.array([0.24, 0.12, 0.48, 0.42, 0.20])
UNKNOWN_SEX, UNKNOWN_AGE = 0.02, 0.03

COMPOSITION_CHANGE = {"country": "QMH", "form": "LAB", "share_first": 0.22, "share_last": 0.46}
CORRIDOR = {"citizenship": "QMF", "detected_in": "QMB", "ratio": 6.0}
OWN_CITIZENS = 0.42
OUTSIDE_REGION = 0.05

RESTATEMENT = {"country": "QMH", "year": 2022, "areas_count": 5, "share_on_time": 0.72}

# Share of a quarter's detections that a partner with slow registration has on file 0, 1, 2, 3, 4 quarters later.
SLOW_COUNTRY = "QMC"
COMPLETENESS = (0.60, 0.80, 0.91, 0.97, 1.00)


@dataclass(frozen=True)
class Counts:
    """All drawn counts. Country arrays follow the order of COUNTRIES.

    expected (areas, quarters): mean of the draw; quarterly (areas, quarters); people (areas, years, forms, sexes,
    ages), which adds up to quarterly; citizens (countries, years, countries + 1): last member is outside the region;
    arrivals (areas, quarters, delays): registrations by quarters of delay, adding up to quarterly;
    prosecuted, convicted (countries, years, sexes F and M). first_people: people as first put out, where late
    registrations (RESTATEMENT) and slow registration in the last year (SLOW_COUNTRY) are not in yet.
    """

    expected: np.ndarray
    quarterly: np.ndarray
    people: np.ndarray
    first_people: np.ndarray
    citizens: np.ndarray
    arrivals: np.ndarray
    prosecuted: np.ndarray
    convicted: np.ndarray

    @property
    def yearly(self) -> np.ndarray:
        """Detections by area and year: (areas, years)."""
        return self.quarterly.reshape(self.quarterly.shape[0], len(YEARS), 4).sum(axis=2)


def draw(
    geography: Geography, effects: Effects, population: Population, generator: np.random.Generator, scale: float
) -> Counts:
    """Draw everything once; scale multiplies every expected count of persons detected."""
    count = len(geography.codes)
    level = np.exp(generator.normal(-(AREA_VARIATION**2) / 2, AREA_VARIATION, count))
    yearly_level = np.exp(generator.normal(-(YEAR_VARIATION**2) / 2, YEAR_VARIATION, (count, len(YEARS))))
    base = population.reference * BASE_RATE / 100_000 * scale
    planted = base[:, None] * effects.ratio * np.tile(SEASON, len(YEARS))
    expected = planted * level[:, None] * np.repeat(yearly_level, 4, axis=1)
    quarterly = generator.poisson(expected)

    people = _people(geography, quarterly, generator)
    countries = np.array(geography.countries)
    by_country = np.stack([people[countries == country].sum(axis=0) for country in COUNTRIES])
    country_years = by_country.sum(axis=(2, 3, 4))
    citizens = np.stack(
        [generator.multinomial(country_years[row], _citizen_shares(row)) for row in range(len(COUNTRIES))]
    )
    arrivals = generator.multinomial(quarterly, np.diff((0.0, *COMPLETENESS)))
    prosecuted = generator.binomial(
        generator.poisson(np.maximum(country_years, 1) * 0.35)[..., None], np.array([0.27, 0.0])
    )
    prosecuted[..., 1] = generator.poisson(np.maximum(country_years, 1) * 0.25)
    convicted = generator.binomial(prosecuted, 0.55)
    first_people = _first_people(geography, people, arrivals, generator)
    return Counts(planted, quarterly, people, first_people, citizens, arrivals, prosecuted, convicted)


def _people(geography: Geography, quarterly: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Split each area's year over forms, sexes and ages."""
    yearly = quarterly.reshape(quarterly.shape[0], len(YEARS), 4).sum(axis=2)
    shares = np.tile(FORM_SHARES, (len(geography.codes), len(YEARS), 1))
    changing = np.array(geography.countries) == COMPOSITION_CHANGE["country"]
    position = FORMS.index(COMPOSITION_CHANGE["form"])
    path = np.linspace(COMPOSITION_CHANGE["share_first"], COMPOSITION_CHANGE["share_last"], len(YEARS))
    others = FORM_SHARES / (1 - FORM_SHARES[position])
    changed = others[None, :] * (1 - path)[:, None]
    changed[:, position] = path
    shares[changing] = changed
    forms = generator.multinomial(yearly, shares)

    sexes = np.stack([WOMEN_SHARES, 1 - WOMEN_SHARES], axis=1) * (1 - UNKNOWN_SEX)
    sexes = np.column_stack([sexes, np.full(len(FORMS), UNKNOWN_SEX)])
    ages = np.stack([CHILDREN_SHARES, 1 - CHILDREN_SHARES], axis=1) * (1 - UNKNOWN_AGE)
    ages = np.column_stack([ages, np.full(len(FORMS), UNKNOWN_AGE)])
    cells = (sexes[:, :, None] * ages[:, None, :]).reshape(len(FORMS), -1)
    cells /= cells.sum(axis=1, keepdims=True)
    split = generator.multinomial(forms, cells)
    return split.reshape(*forms.shape, len(SEXES), len(AGES))


def restated_areas(geography: Geography) -> list[int]:
    """Areas whose figures for the restated year came late, first by code."""
    members = [area for area, country in enumerate(geography.countries) if country == RESTATEMENT["country"]]
    return members[: RESTATEMENT["areas_count"]]


def _first_people(
    geography: Geography, people: np.ndarray, arrivals: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Take away who was not on file yet at the first issue."""
    first = people.copy()
    late, year = restated_areas(geography), RESTATEMENT["year"] - YEARS[0]
    first[late, year] = generator.binomial(people[late, year], RESTATEMENT["share_on_time"])
    last_year = range(len(QUARTERS) - 4, len(QUARTERS))
    for area, country in enumerate(geography.countries):
        if country == SLOW_COUNTRY:
            shown = sum(int(arrivals[area, quarter, : len(QUARTERS) - quarter].sum()) for quarter in last_year)
            cells = people[area, -1]
            first[area, -1] = generator.multivariate_hypergeometric(cells.ravel(), shown).reshape(cells.shape)
    return first


def _citizen_shares(row: int) -> np.ndarray:
    """Citizenship of people detected in one country: own citizens, the other countries by their pull, outside."""
    names = list(COUNTRIES)
    pull = np.linspace(1.0, 2.1, len(names))[np.argsort([(7 * number + 3) % 12 for number in range(len(names))])]
    pull[row] = 0.0
    if names[row] == CORRIDOR["detected_in"]:
        pull[names.index(CORRIDOR["citizenship"])] *= CORRIDOR["ratio"]
    shares = pull / pull.sum() * (1 - OWN_CITIZENS - OUTSIDE_REGION)
    shares[row] = OWN_CITIZENS
    return np.append(shares, OUTSIDE_REGION)


def on_file(counts: Counts, quarter: int, issue: int) -> np.ndarray:
    """What slow registration shows of a quarter in the issue that follows quarter number `issue`: (areas,)."""
    return counts.arrivals[:, quarter, : max(0, issue - quarter + 1)].sum(axis=1)


def multiple_forms(people: np.ndarray, generator: np.random.Generator, share: float) -> np.ndarray:
    """Persons by area, year and form who were exploited in a second form too: (areas, years, forms)."""
    return generator.binomial(people.sum(axis=(3, 4)), share)
