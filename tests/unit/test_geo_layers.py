"""Map layers and area checks: equal area, shared edges, rings, the antimeridian, hierarchies."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import areas as area_checks
from geo import layers


def frame(shapes, codes=None, crs="EPSG:4326"):
    codes = codes or [f"QM{index}" for index in range(len(shapes))]
    return gpd.GeoDataFrame({"area_code": codes, "area_name": codes}, geometry=list(shapes), crs=crs)


def ring_area(ring):
    """Signed area of a closed ring: positive when it runs counter-clockwise."""
    x, y = np.array(ring).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)


def drawn_area(record):
    return sum(-ring_area(ring) for ring in record["rings"])


def test_drawn_surface_is_the_surface_on_the_ellipsoid():
    boxes = frame([shapely.box(0, latitude, 4, latitude + 4) for latitude in (-60, -20, 0, 30, 66)])
    truth = area_checks.area_km2(boxes)
    for crs in (None, layers.EQUAL_EARTH):
        drawn = layers.layer(boxes, "boxes", "Boxes", crs=crs, tolerance_km=0.01)
        assert [drawn_area(record) for record in drawn["areas"]] == pytest.approx(truth, rel=2e-3)


def test_surface_agrees_with_a_known_one():
    # a lune of one degree is 1/360 of the ellipsoid (510,065,621.7 km2)
    lune = frame([shapely.segmentize(shapely.box(0, -90, 1, 90), 0.5)])
    assert area_checks.area_km2(lune)[0] == pytest.approx(510_065_621.7 / 360, rel=1e-5)


def test_regions_get_a_plane_centred_on_them_and_the_world_equal_earth():
    region = frame([shapely.box(10, 40, 20, 50)])
    world = frame([shapely.box(-170, -50, -10, 60), shapely.box(10, -50, 175, 60)])
    assert "+proj=laea" in layers.layer(region, "r", "R")["crs"]
    assert "+lon_0=15" in layers.layer(region, "r", "R")["crs"]
    assert "+proj=eqearth" in layers.layer(world, "w", "W")["crs"]


def test_holes_run_against_their_exterior_and_come_last():
    outer = shapely.box(0, 0, 10, 10)
    holed = outer.difference(shapely.box(4, 4, 6, 6))
    island = shapely.box(12, 0, 14, 2)
    drawn = layers.layer(frame([shapely.union_all([holed, island])]), "holes", "Holes", tolerance_km=0.01)
    signs = [np.sign(ring_area(ring)) for ring in drawn["areas"][0]["rings"]]
    assert signs == [-1, -1, 1]
    assert all(ring[0] == ring[-1] for ring in drawn["areas"][0]["rings"])


def test_an_area_on_the_antimeridian_stays_in_one_piece_on_its_own_plane():
    west, east = shapely.box(177, -20, 180, -15), shapely.box(-180, -20, -176, -15)
    fiji = frame([shapely.MultiPolygon([west, east])])
    assert layers.longitude_arc(fiji) == pytest.approx((177, 7))
    drawn = layers.layer(fiji, "fiji", "Fiji", tolerance_km=0.01)
    assert len(drawn["areas"][0]["rings"]) == 1
    width = drawn["bounds"][2] - drawn["bounds"][0]
    assert 700 < width < 800


@pytest.mark.parametrize("written", ["jumping", "beyond 180"])
def test_a_ring_across_the_antimeridian_is_cut_for_the_world(written):
    if written == "jumping":
        ring = shapely.Polygon([(170, 60), (-170, 60), (-170, 70), (170, 70)])
    else:
        ring = shapely.Polygon([(170, 60), (190, 60), (190, 70), (170, 70)])
    other = shapely.box(-150, -50, 150, 50)
    drawn = layers.layer(frame([ring, other]), "world", "World", crs=layers.EQUAL_EARTH, tolerance_km=0.01)
    crossing = drawn["areas"][0]
    assert len(crossing["rings"]) == 2
    spans = [np.ptp(np.array(ring)[:, 0]) for ring in crossing["rings"]]
    assert max(spans) < 2000, "no ring may reach across the map"
    truth = area_checks.area_km2(frame([shapely.box(170, 60, 180, 70), shapely.box(-180, 60, -170, 70)])).sum()
    assert drawn_area(crossing) == pytest.approx(truth, rel=2e-3)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(3, 30))
def test_neighbours_keep_one_edge_when_simplified(seed, count):
    random = np.random.default_rng(seed)
    points = shapely.MultiPoint(random.uniform((0, 0), (10, 8), (count, 2)))
    cells = shapely.get_parts(shapely.voronoi_polygons(points))
    wavy = shapely.segmentize(shapely.intersection(cells, shapely.box(0, 0, 10, 8)), 0.1)
    projected = layers.project(frame(wavy), layers.choose_crs(frame(wavy)))
    simplified = layers.simplify(projected, 8.0)
    shapes = simplified.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes)
    assert simplified.geometry.area.sum() == pytest.approx(projected.geometry.area.sum(), rel=0.02)
    assert len(shapely.get_coordinates(shapes)) < len(shapely.get_coordinates(projected.geometry.to_numpy()))


def test_every_area_stays_on_the_map_however_small():
    islet, land = shapely.Point(60, 10).buffer(0.003), shapely.box(0, 0, 50, 40)
    drawn = layers.layer(frame([land, islet]), "islet", "Islet")
    assert all(record["rings"] for record in drawn["areas"])


def test_layers_are_the_same_bytes_in_any_order():
    shapes = frame([shapely.box(x, 0, x + 1, 1) for x in range(5)])
    assert layers.layer(shapes, "a", "A") == layers.layer(shapes.iloc[::-1], "a", "A")


def test_duplicate_codes_are_refused():
    with pytest.raises(ValueError, match="more than once: QMA"):
        layers.layer(frame([shapely.box(0, 0, 1, 1)] * 2, ["QMA", "QMA"]), "twice", "Twice")


def test_centroids_and_representative_points():
    horseshoe = shapely.box(0, 0, 10, 10).difference(shapely.box(2, 2, 8, 10))
    shapes = frame([shapely.box(-1, -1, 1, 1), horseshoe])
    assert area_checks.centroids(shapes)[0] == pytest.approx((0, 0), abs=0.01)
    inside = area_checks.representative_points(shapes)
    assert horseshoe.contains(shapely.Point(inside[1]))
    assert not horseshoe.contains(shapely.Point(area_checks.centroids(shapes)[1]))


def test_geometry_findings():
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    shapes = frame([bow, None, shapely.Point(0, 0), shapely.box(170, 0, 185, 1), shapely.box(0, 0, 1, 1)])
    found = area_checks.check_geometry(shapes)
    assert list(zip(found["area_code"], found["finding"], strict=True)) == [
        ("QM0", "geometry_invalid"),
        ("QM1", "geometry_missing"),
        ("QM2", "not_a_polygon"),
        ("QM3", "outside_the_globe"),
    ]


def test_overlaps_are_found_and_shared_edges_are_not():
    clean = frame([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])
    overlapping = frame([shapely.box(0, 0, 1, 1), shapely.box(0.8, 0, 2, 1)])
    assert area_checks.check_coverage(clean).empty
    found = area_checks.check_coverage(overlapping)
    assert list(found["finding"]) == ["overlap"]
    assert "20.0%" in found["detail"].iloc[0]


def test_hierarchy_findings():
    table = pd.DataFrame(
        [
            ("WLD", None, "world", None, None),
            ("QMA", "WLD", "country", None, None),
            ("QMA-01", "QMA", "admin1", "2000-01-01", "2010-01-01"),
            ("QMA-01", "QMA", "admin1", "2010-01-01", None),
            ("QMB", "QMC", "country", None, None),
            ("QMC", "QMB", "country", None, None),
            ("QMD", "NOWHERE", "country", None, None),
            ("QME", "QMA-01", "country", None, None),
            ("QMF", "WLD", "country", "2020-01-01", "2019-01-01"),
            ("QMG", "WLD", "country", "2000-01-01", None),
            ("QMG", "WLD", "country", "2005-01-01", None),
        ],
        columns=["area_code", "parent_code", "area_level", "valid_from", "valid_to"],
    )
    found = area_checks.check_hierarchy(table)
    pairs = set(zip(found["area_code"], found["finding"], strict=True))
    assert pairs == {
        ("QMB", "loop"),
        ("QMB", "level_order"),
        ("QMC", "loop"),
        ("QMC", "level_order"),
        ("QMD", "parent_missing"),
        ("QME", "level_order"),
        ("QMF", "validity_empty"),
        ("QMG", "valid_twice"),
    }
