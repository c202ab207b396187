"""The map of the invented region: an empty stretch of the Pacific, filled with land that does not exist.

Small Voronoi cells are made over a box in the open ocean; a smooth field decides which are land; areas grow over the
land cells from seeds, and countries grow over the areas. Borders are the chains of cell edges between two areas, cut
smooth between their fixed end points, so that neighbours share every vertex and the areas are a valid coverage.

The map has a seed of its own and does not follow the seed of the counts: the area codes stand in committed contracts.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import shapely
from scipy.spatial import Voronoi, cKDTree

MAP_SEED = 41
# Open Pacific between Clipperton, the Galapagos, Pitcairn and the Marquesas: no land in the box.
WEST, EAST, SOUTH, NORTH = -129.0, -107.0, -15.0, 4.0
CELL_SPACING = 0.28  # degrees
COORDINATE_DECIMALS = 4  # about eleven metres

MAINLAND_AREAS = 234
# centre longitude, centre latitude, half width, half height (degrees), areas, country
ISLANDS = (
    (-110.0, 0.8, 1.05, 0.85, 4, "QML"),
    (-109.6, -2.3, 0.80, 1.05, 3, "QML"),
    (-110.6, -5.2, 0.95, 0.70, 3, "QML"),
    (-109.3, -8.0, 0.60, 0.60, 1, "QML"),
    (-127.4, -12.8, 0.75, 0.60, 1, "QMI"),
    (-126.9, 2.4, 0.65, 0.50, 1, "QMA"),
    (-112.6, -13.9, 0.60, 0.45, 1, "QMK"),
)
# where each mainland country starts to grow (longitude, latitude), and how fast it grows
COUNTRY_SEEDS = {
    "QMA": (-124.5, 0.6, 1.25),
    "QMB": (-119.0, 0.9, 1.15),
    "QMC": (-114.0, 0.4, 1.00),
    "QMD": (-121.3, -3.4, 1.05),
    "QME": (-116.4, -3.6, 1.05),
    "QMF": (-126.2, -3.2, 0.80),
    "QMG": (-112.7, -4.4, 0.80),
    "QMH": (-124.6, -7.6, 1.10),
    "QMI": (-124.4, -11.6, 1.00),
    "QMJ": (-118.8, -8.6, 1.10),
    "QMK": (-114.6, -10.6, 1.05),
}


@dataclass(frozen=True)
class Geography:
    """Areas of the map, ordered by code.

    codes: n area codes such as ``QMA-01``; countries: the country of each; centres: (n, 2) longitude and latitude of
    a point inside; polygons: n shapely geometries in EPSG:4326; neighbours: for each area the sorted indices of the
    areas with which it shares a border line; square_kilometres: (n,) size.
    """

    codes: tuple[str, ...]
    countries: tuple[str, ...]
    centres: np.ndarray
    polygons: np.ndarray
    neighbours: tuple[tuple[int, ...], ...]
    square_kilometres: np.ndarray

    def index(self, code: str) -> int:
        """Position of an area code."""
        return self.codes.index(code)


@lru_cache(maxsize=1)
def build() -> Geography:
    """Make the map; the same map every time."""
    generator = np.random.default_rng(MAP_SEED)
    points = _cell_centres(generator)
    voronoi = Voronoi(points)
    island_of_cell, is_mainland = _land(points, generator)
    links = _cell_links(voronoi)
    area_of_cell, islands_of_areas = _grow_areas(points, island_of_cell, is_mainland, links, generator)
    country_of_area = _grow_countries(points, area_of_cell, islands_of_areas, links)
    polygons = _polygons(voronoi, points, area_of_cell, len(country_of_area))
    return _numbered(polygons, country_of_area)


def _cell_centres(generator: np.random.Generator) -> np.ndarray:
    """A jittered hexagonal lattice over the box: (cells, 2)."""
    rows = np.arange(SOUTH, NORTH, CELL_SPACING * 0.87)
    columns = np.arange(WEST, EAST, CELL_SPACING)
    longitude, latitude = np.meshgrid(columns, rows)
    longitude = longitude + (np.arange(rows.size) % 2)[:, None] * CELL_SPACING / 2
    points = np.column_stack([longitude.ravel(), latitude.ravel()])
    return points + generator.uniform(-0.32, 0.32, points.shape) * CELL_SPACING


def _land(points: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which cells are land: island number of each cell (-1: none) and whether it is mainland."""
    waves = generator.uniform(0.35, 1.25, (14, 2)) * generator.choice([-1.0, 1.0], (14, 2))
    phases = generator.uniform(0, 2 * np.pi, 14)
    roughness = np.sin(points @ waves.T + phases).sum(axis=1) / 14

    west_east = (points[:, 0] + 119.2) / 8.6
    south_north = (points[:, 1] + 5.2) / 8.1
    distance = (np.abs(west_east) ** 2.6 + np.abs(south_north) ** 2.6) ** (1 / 2.6)
    gulf = np.exp(-(((points[:, 0] + 110.6) / 2.2) ** 2) - ((points[:, 1] + 7.6) / 1.5) ** 2)
    bay = np.exp(-(((points[:, 0] + 121.6) / 1.3) ** 2) - ((points[:, 1] + 13.6) / 2.2) ** 2)
    is_mainland = distance + 0.75 * roughness + 0.5 * gulf + 0.5 * bay < 0.93

    island_of_cell = np.full(len(points), -1)
    for number, (longitude, latitude, half_width, half_height, _, _) in enumerate(ISLANDS):
        stretched = np.hypot((points[:, 0] - longitude) / half_width, (points[:, 1] - latitude) / half_height)
        island_of_cell[stretched + 0.5 * roughness < 1.0] = number
        # a strait around every island
        is_mainland &= ~((stretched + 0.5 * roughness < 1.9) & (island_of_cell != number))
    is_mainland &= island_of_cell < 0
    inner = (points[:, 0] > WEST + 0.7) & (points[:, 0] < EAST - 0.7)
    inner &= (points[:, 1] > SOUTH + 0.6) & (points[:, 1] < NORTH - 0.6)
    return np.where(inner, island_of_cell, -1), is_mainland & inner


def _cell_links(voronoi: Voronoi) -> list[list[int]]:
    """Neighbouring cells of each cell."""
    links: list[list[int]] = [[] for _ in range(len(voronoi.points))]
    for a, b in voronoi.ridge_points.tolist():
        links[a].append(b)
        links[b].append(a)
    return [sorted(cells) for cells in links]


def _component(start: int, is_member: np.ndarray, links: list[list[int]]) -> np.ndarray:
    """Members that can be reached from a cell over members."""
    reached = np.zeros(is_member.size, dtype=bool)
    reached[start] = True
    waiting = [start]
    while waiting:
        for cell in links[waiting.pop()]:
            if is_member[cell] and not reached[cell]:
                reached[cell] = True
                waiting.append(cell)
    return reached


def _grow(
    starts: list[tuple[int, int, float]], is_member: np.ndarray, links: list[list[int]], lengths: np.ndarray
) -> np.ndarray:
    """Owner of each member after growth from (cell, owner, speed) over links; -1 where nothing came."""
    owner = np.full(is_member.size, -1)
    waiting = [(0.0, cell, number, speed) for cell, number, speed in starts]
    heapq.heapify(waiting)
    while waiting:
        travelled, cell, number, speed = heapq.heappop(waiting)
        if owner[cell] >= 0:
            continue
        owner[cell] = number
        for other in links[cell]:
            if is_member[other] and owner[other] < 0:
                step = (lengths[cell] + lengths[other]) / 2 / speed
                heapq.heappush(waiting, (travelled + step, other, number, speed))
    return owner


def _spread_seeds(points: np.ndarray, members: np.ndarray, count: int, generator: np.random.Generator) -> list[int]:
    """Cells spread evenly over the members: a few rounds of k-means from a random start."""
    centres = points[generator.choice(members, count, replace=False)]
    for _ in range(12):
        nearest = cKDTree(centres).query(points[members])[1]
        sums = np.stack([np.bincount(nearest, points[members, axis], count) for axis in (0, 1)], axis=1)
        sizes = np.bincount(nearest, minlength=count)[:, None]
        centres = np.where(sizes > 0, sums / np.maximum(sizes, 1), centres)
    return [int(members[cell]) for cell in cKDTree(points[members]).query(centres)[1]]


def _grow_areas(
    points: np.ndarray,
    island_of_cell: np.ndarray,
    is_mainland: np.ndarray,
    links: list[list[int]],
    generator: np.random.Generator,
) -> tuple[np.ndarray, list[int]]:
    """Area of each cell (-1: sea) and the island of each area (-1: mainland)."""
    lengths = generator.uniform(0.5, 1.8, len(points))
    middle = int(np.argmin(np.hypot(points[:, 0] + 119.2, points[:, 1] + 5.2)))
    parts = [(_component(middle, is_mainland, links), MAINLAND_AREAS, -1)]
    for number, (longitude, latitude, _, _, count, _) in enumerate(ISLANDS):
        centre = int(np.argmin(np.hypot(points[:, 0] - longitude, points[:, 1] - latitude)))
        parts.append((_component(centre, island_of_cell == number, links), count, number))

    area_of_cell = np.full(len(points), -1)
    islands_of_areas: list[int] = []
    for members, count, island in parts:
        seeds = _spread_seeds(points, np.flatnonzero(members), count, generator)
        starts = [(cell, len(islands_of_areas) + number, 1.0) for number, cell in enumerate(seeds)]
        grown = _grow(starts, members, links, lengths)
        area_of_cell = np.where(grown >= 0, grown, area_of_cell)
        islands_of_areas += [island] * count
    return area_of_cell, islands_of_areas


def _grow_countries(
    points: np.ndarray, area_of_cell: np.ndarray, islands_of_areas: list[int], links: list[list[int]]
) -> list[str]:
    """Country of each area, grown over bordering areas from each country's start."""
    count = len(islands_of_areas)
    area_links: list[set[int]] = [set() for _ in range(count)]
    for cell, area in enumerate(area_of_cell.tolist()):
        if area >= 0:
            area_links[area].update(
                int(area_of_cell[other]) for other in links[cell] if area_of_cell[other] not in (-1, area)
            )
    sizes = np.maximum(np.bincount(area_of_cell[area_of_cell >= 0], minlength=count), 1)
    centres = np.stack(
        [np.bincount(area_of_cell[area_of_cell >= 0], points[area_of_cell >= 0, axis], count) for axis in (0, 1)],
        axis=1,
    )
    centres /= sizes[:, None]
    is_mainland = np.array(islands_of_areas) < 0
    names = sorted(COUNTRY_SEEDS)
    starts = []
    for number, name in enumerate(names):
        longitude, latitude, speed = COUNTRY_SEEDS[name]
        distance = np.hypot(centres[:, 0] - longitude, centres[:, 1] - latitude)
        starts.append((int(np.argmin(np.where(is_mainland, distance, np.inf))), number, speed))
    owner = _grow(starts, is_mainland, [sorted(areas) for areas in area_links], np.ones(count))
    return [names[owner[area]] if island < 0 else ISLANDS[island][5] for area, island in enumerate(islands_of_areas)]


def _polygons(voronoi: Voronoi, points: np.ndarray, area_of_cell: np.ndarray, count: int) -> list[shapely.Geometry]:
    """One geometry an area from the smoothed chains of cell edges between different areas."""
    edges: dict[int, list[int]] = {}
    for (a, b), (u, v) in zip(voronoi.ridge_points.tolist(), voronoi.ridge_vertices, strict=True):
        if area_of_cell[a] != area_of_cell[b]:
            edges.setdefault(u, []).append(v)
            edges.setdefault(v, []).append(u)
    chains = [_smooth(voronoi.vertices[chain]) for chain in _chains(edges)]
    faces = list(shapely.polygonize([shapely.LineString(chain) for chain in chains]).geoms)
    inside = np.array([(point.x, point.y) for point in (face.representative_point() for face in faces)])
    owners = area_of_cell[cKDTree(points).query(inside)[1]]
    pieces: list[list[shapely.Polygon]] = [[] for _ in range(count)]
    for face, owner in zip(faces, owners.tolist(), strict=True):
        if owner >= 0:
            pieces[owner].append(face)
    return [group[0] if len(group) == 1 else shapely.MultiPolygon(group) for group in pieces]


def _chains(edges: dict[int, list[int]]) -> list[list[int]]:
    """Vertex chains between junctions (vertices that do not have exactly two edges), and closed rings."""
    used: set[tuple[int, int]] = set()
    junctions = sorted(vertex for vertex, others in edges.items() if len(others) != 2)
    chains = []
    for start in junctions + sorted(set(edges) - set(junctions)):
        for following in sorted(edges[start]):
            if (start, following) in used:
                continue
            chain = [start, following]
            while len(edges[chain[-1]]) == 2 and chain[-1] != start:
                first, second = edges[chain[-1]]
                chain.append(second if first == chain[-2] else first)
            for u, v in pairwise(chain):
                used.update(((u, v), (v, u)))
            chains.append(chain)
    return chains


def _smooth(chain: np.ndarray) -> np.ndarray:
    """Chaikin's corner cutting, twice; the ends stay where they are, a ring is cut all round."""
    is_ring = bool(np.all(chain[0] == chain[-1]))
    for _ in range(2):
        cut = np.empty((2 * (len(chain) - 1), 2))
        cut[0::2] = 0.75 * chain[:-1] + 0.25 * chain[1:]
        cut[1::2] = 0.25 * chain[:-1] + 0.75 * chain[1:]
        chain = np.vstack([cut, cut[:1]]) if is_ring else np.vstack([chain[:1], cut[1:-1], chain[-1:]])
    chain = np.round(chain, COORDINATE_DECIMALS) + 0.0
    kept = np.r_[True, np.any(np.diff(chain, axis=0) != 0, axis=1)]
    return chain[kept]


def _numbered(polygons: list[shapely.Geometry], country_of_area: list[str]) -> Geography:
    """Give codes from north-west to south-east within each country and order everything by code."""
    inside = shapely.point_on_surface(np.array(polygons))
    centres = np.column_stack([shapely.get_x(inside), shapely.get_y(inside)])
    order: list[int] = []
    codes: list[str] = []
    for country in sorted(set(country_of_area)):
        members = [area for area, name in enumerate(country_of_area) if name == country]
        members.sort(key=lambda area: (-round(centres[area, 1] / 1.4), centres[area, 0]))
        codes += [f"{country}-{number:02d}" for number in range(1, len(members) + 1)]
        order += members
    ordered = shapely.orient_polygons(shapely.normalize(np.array([polygons[area] for area in order])))
    return Geography(
        codes=tuple(codes),
        countries=tuple(code[:3] for code in codes),
        centres=np.round(centres[order], COORDINATE_DECIMALS),
        polygons=ordered,
        neighbours=_neighbours(ordered),
        square_kilometres=_square_kilometres(ordered),
    )


def _neighbours(polygons: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Areas that share a border line: in a coverage they share at least two vertices that follow each other."""
    owners: dict[tuple[tuple[float, float], ...], list[int]] = {}
    for area, polygon in enumerate(polygons):
        for part in shapely.get_parts(polygon):
            for ring in (part.exterior, *part.interiors):
                vertices = shapely.get_coordinates(ring).tolist()
                for first, second in pairwise(vertices):
                    owners.setdefault(tuple(sorted((tuple(first), tuple(second)))), []).append(area)
    found: list[set[int]] = [set() for _ in polygons]
    for areas in owners.values():
        for area in areas:
            found[area].update(other for other in areas if other != area)
    return tuple(tuple(sorted(areas)) for areas in found)


def _square_kilometres(polygons: np.ndarray) -> np.ndarray:
    """Size on a sphere of 6,371 km after the cylindrical equal-area projection."""
    radius = 6371.0
    projected = shapely.transform(
        polygons,
        lambda xy: np.column_stack([np.radians(xy[:, 0]) * radius, np.sin(np.radians(xy[:, 1])) * radius]),
    )
    return np.round(shapely.area(projected), 1)
