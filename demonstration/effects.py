"""What is planted: how many times the base rate each area has in each quarter, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from demonstration.geography import Geography
from demonstration.region import COUNTRIES, QUARTERS, REGIONS, YEARS, quarter_index

LAW_CHANGE = {"country": "QMD", "on": "2020-01-01", "ratio": 2.0, "rate_ratio_before": 0.8, "rate_ratio_after": 1.6}
NATIONAL_TREND = {"country": "QMI", "ratio_per_year": 0.92}
REGIONAL_TREND = {"region": "QZE", "ratio_per_year": 1.04}
JUMP = {"country": "QMA", "areas_count": 2, "from": "2024-Q3", "ratio": 4.0}
# A true circle of areas around one of them: what a circular scan looks for. It is hot in every year.
CIRCLE = {"country": "QMK", "near": (-113.9, -10.4), "areas_count": 8, "ratio": 4.0, "spill": 0.25}
# What happens in a place spills over: the areas of the same country around a cluster have this share of its excess.
SPILL = 0.45

# name, country, a point near the middle (longitude, latitude), areas, category that an emerging hot spot analysis of
# the ten years should give, and the rate ratio of each year against the same areas without the effect
CLUSTERS = (
    ("growing", "QMJ", (-119.2, -10.0), 8, "intensifying", tuple(3.0 * (5.0 / 3.0) ** (t / 9) for t in range(10))),
    ("fading", "QME", (-116.9, -4.2), 8, "diminishing", tuple(5.6 * (3.8 / 5.6) ** (t / 9) for t in range(10))),
    ("sudden", "QMB", (-118.5, -0.1), 6, "new", (1.0,) * 9 + (4.0,)),
)


@dataclass(frozen=True)
class Cluster:
    """A contiguous group of areas with a raised rate, and the areas around it that it spills over to.

    ratios and surrounding_ratios have one entry a year.
    """

    name: str
    country: str
    areas: tuple[int, ...]
    surroundings: tuple[int, ...]
    category: str
    ratios: tuple[float, ...]
    surrounding_ratios: tuple[float, ...]


@dataclass(frozen=True)
class Effects:
    """Rate ratio of each area and quarter (areas, quarters), and the pieces it is made of."""

    ratio: np.ndarray
    clusters: tuple[Cluster, ...]
    circle_centre: int
    circle_radius_km: float
    jump_areas: tuple[int, ...]


def build(geography: Geography) -> Effects:
    """Multiply all planted effects together."""
    countries = np.array(geography.countries)
    years = np.array([year for year, _ in QUARTERS])
    ratio = np.ones((len(geography.codes), len(QUARTERS)))

    centre, circle, radius = _circle(geography)
    steady = (CIRCLE["ratio"],) * len(YEARS)
    clusters = (
        _cluster(geography, "persistent", circle, "persistent", steady, CIRCLE["spill"]),
        *(
            _cluster(geography, name, _compact(geography, country, point, count), category, ratios, SPILL)
            for name, country, point, count, category, ratios in CLUSTERS
        ),
    )
    for cluster in clusters:
        ratio[list(cluster.areas)] *= np.repeat(cluster.ratios, 4)
        ratio[list(cluster.surroundings)] *= np.repeat(cluster.surrounding_ratios, 4)

    is_after = years >= int(LAW_CHANGE["on"][:4])
    law = np.where(is_after, LAW_CHANGE["rate_ratio_after"], LAW_CHANGE["rate_ratio_before"])
    ratio[countries == LAW_CHANGE["country"]] *= law

    ratio[countries == NATIONAL_TREND["country"]] *= _trend(NATIONAL_TREND["ratio_per_year"])
    ratio[np.isin(countries, REGIONS[REGIONAL_TREND["region"]][1])] *= _trend(REGIONAL_TREND["ratio_per_year"])

    jump = _jump_areas(geography)
    first = quarter_index(int(JUMP["from"][:4]), int(JUMP["from"][-1]))
    ratio[list(jump), first:] *= JUMP["ratio"]
    return Effects(ratio, clusters, centre, radius, jump)


def _trend(ratio_per_year: float) -> np.ndarray:
    """Steady change, one step a year, with 1 in the middle of the ten years: (quarters,)."""
    return np.repeat(ratio_per_year ** (np.arange(len(YEARS)) - (len(YEARS) - 1) / 2), 4)


def centroids(geography: Geography) -> np.ndarray:
    """Centroid longitude and latitude of each area: (areas, 2)."""
    points = shapely.centroid(geography.polygons)
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])


def kilometres(points: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Great-circle distance of points (n, 2) from an origin on a sphere of 6,371 km."""
    longitude, latitude = np.radians(points).T
    origin_longitude, origin_latitude = np.radians(origin)
    half = np.sin((latitude - origin_latitude) / 2) ** 2
    half += np.cos(latitude) * np.cos(origin_latitude) * np.sin((longitude - origin_longitude) / 2) ** 2
    return 6371.0 * 2 * np.arcsin(np.sqrt(half))


def _cluster(
    geography: Geography, name: str, areas: tuple[int, ...], category: str, ratios: tuple[float, ...], spill: float
) -> Cluster:
    """A cluster with the areas of its country that border it."""
    country = geography.countries[areas[0]]
    border = {other for area in areas for other in geography.neighbours[area]} - set(areas)
    surroundings = tuple(sorted(area for area in border if geography.countries[area] == country))
    spilled = tuple(1 + (ratio - 1) * spill for ratio in ratios)
    return Cluster(name, country, areas, surroundings, category, ratios, spilled)


def _compact(geography: Geography, country: str, point: tuple[float, float], count: int) -> tuple[int, ...]:
    """The areas of a country nearest to a point that hang together."""
    distance = kilometres(centroids(geography), np.array(point))
    distance = np.where(np.array(geography.countries) == country, distance, np.inf)
    chosen = [int(np.argmin(distance))]
    while len(chosen) < count:
        border = {other for area in chosen for other in geography.neighbours[area]} - set(chosen)
        chosen.append(min(border, key=lambda area: (distance[area], area)))
    return tuple(sorted(chosen))


def _circle(geography: Geography) -> tuple[int, tuple[int, ...], float]:
    """Centre area, members and radius of a true circle: centroids within the radius, no other within 15 km of it."""
    points = centroids(geography)
    countries = np.array(geography.countries)
    start = kilometres(points, np.array(CIRCLE["near"]))
    for centre in np.argsort(start, kind="stable")[:8].tolist():
        if countries[centre] != CIRCLE["country"]:
            continue
        distance = kilometres(points, points[centre])
        order = np.argsort(distance, kind="stable")
        members = order[: CIRCLE["areas_count"]]
        gap = distance[order[CIRCLE["areas_count"]]] - distance[members[-1]]
        if gap > 15 and np.all(countries[members] == CIRCLE["country"]):
            return centre, tuple(sorted(members.tolist())), float(np.ceil(distance[members[-1]]))
    raise ValueError("no circle of areas fits the map; choose another point or number of areas in CIRCLE")


def _jump_areas(geography: Geography) -> tuple[int, ...]:
    """Areas of the jump's country that border other areas, first by code."""
    members = [area for area, country in enumerate(geography.countries) if country == JUMP["country"]]
    return tuple([area for area in members if geography.neighbours[area]][: JUMP["areas_count"]])


def country_ratio_per_year(expected: np.ndarray, geography: Geography) -> dict[str, float]:
    """Log-linear change a year of each country's expected yearly total: what a trend method should find."""
    yearly = expected.reshape(expected.shape[0], len(YEARS), 4).sum(axis=2)
    countries = np.array(geography.countries)
    found = {}
    for country in COUNTRIES:
        total = yearly[countries == country].sum(axis=0)
        found[country] = float(np.exp(np.polyfit(np.arange(len(YEARS)), np.log(total), 1)[0]))
    return found
