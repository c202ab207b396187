"""The invented map: a valid coverage in an empty ocean, with codes and names that belong to nobody."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import shapely
from babel import Locale

from demonstration import geography
from demonstration.generator import CONTRACTS, generate
from demonstration.region import COUNTRIES, REGIONS, WHOLE_REGION


@pytest.fixture(scope="module")
def land() -> geography.Geography:
    return geography.build()


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("demonstration")
    generate(folder)
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted((folder / "areas").iterdir())}


def shapes_of(layer: dict) -> dict[str, shapely.Geometry]:
    return {
        feature["properties"]["area_code"]: shapely.from_geojson(json.dumps(feature["geometry"]))
        for feature in layer["features"]
    }


def members() -> list[dict[str, str]]:
    with (CONTRACTS / "areas" / "invented_region.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_size_and_islands(land):
    assert 150 <= len(land.codes) <= 250
    assert len(set(land.countries)) == 12
    assert min(land.countries.count(country) for country in COUNTRIES) >= 8
    assert sum(not neighbours for neighbours in land.neighbours) >= 3


def test_written_areas_are_a_valid_coverage(layers):
    shapes = np.array(list(shapes_of(layers["invented_areas"]).values()))
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)


def test_countries_are_exactly_their_areas(layers):
    areas, countries = shapes_of(layers["invented_areas"]), shapes_of(layers["invented_countries"])
    assert list(countries) == list(COUNTRIES)
    assert shapely.coverage_is_valid(np.array(list(countries.values())))
    for country, shape in countries.items():
        parts = [area for code, area in areas.items() if code.startswith(country)]
        assert shapely.union_all(parts).symmetric_difference(shape).area < 1e-9


def test_rings_are_wound_as_geojson_asks(layers):
    for shape in shapes_of(layers["invented_areas"]).values():
        for part in shapely.get_parts(shape):
            assert shapely.is_ccw(part.exterior)
            assert not any(shapely.is_ccw(ring) for ring in part.interiors)


def test_map_lies_in_empty_ocean(land):
    west, south, east, north = shapely.total_bounds(land.polygons)
    assert -130 < west < east < -106
    assert -16 < south < north < 5


def test_neighbours_are_those_that_share_a_line(land):
    tree = shapely.STRtree(land.polygons)
    left, right = tree.query(land.polygons, predicate="intersects")
    shared = shapely.length(shapely.intersection(land.polygons[left], land.polygons[right])) > 0
    lined = {(int(a), int(b)) for a, b, is_line in zip(left, right, shared, strict=True) if is_line and a != b}
    assert lined == {(area, other) for area, others in enumerate(land.neighbours) for other in others}


def test_centres_lie_inside(land):
    assert shapely.contains_xy(land.polygons, land.centres[:, 0], land.centres[:, 1]).all()


def test_area_set_names_every_area_of_the_map_and_nothing_else(land):
    rows = members()
    assert {row["area_code"] for row in rows if row["area_level"] == "admin1"} == set(land.codes)
    assert {row["area_code"] for row in rows if row["area_level"] == "country"} == set(COUNTRIES)
    codes = {row["area_code"] for row in rows}
    assert len(codes) == len(rows)
    assert {row["parent_code"] for row in rows} - codes == {""}
    assert {code for region in REGIONS.values() for code in region[1]} == set(COUNTRIES)


def test_codes_are_from_the_range_left_to_users():
    """ISO 3166-1 leaves QMA to QZZ to users for ever; no country can get one."""
    for row in members():
        assert re.fullmatch(r"Q[M-Z][A-Z](-\d\d)?", row["area_code"])
    assert WHOLE_REGION not in COUNTRIES
    world = Path(__file__).resolve().parents[2] / "contracts" / "areas" / "world.csv"
    if world.is_file():
        assigned = {line.split(",")[0] for line in world.read_text(encoding="utf-8").splitlines()}
        assert not assigned & {row["area_code"] for row in members()}


def test_no_name_is_the_name_of_a_real_country():
    languages = ("en", "fr", "es", "de", "it", "pt", "pl")
    real = {name.casefold() for language in languages for name in Locale(language).territories.values()}
    names = [row["area_name"].casefold() for row in members()]
    assert not real & set(names)
    assert len(set(names)) == len(names)
