"""Neighbours against libpysal, brute-force distances, and places on the sphere that plane geometry gets wrong."""

import geopandas
import libpysal
import numpy as np
import pytest
from geo_maps import pysal_weights, queen_grid, shipped, square_cells
from pyproj import Geod
from scipy import sparse
from shapely import MultiPolygon, Point, box

from geo.neighbours import checked_weights, contiguity, distance_band, equal_in_rows, k_nearest


@pytest.mark.parametrize("name", ["columbus", "sids2"])
def test_contiguity_is_that_of_libpysal(name):
    areas = shipped(name)
    ours = contiguity(areas)
    assert abs(ours - pysal_weights(areas).sparse).nnz == 0
    assert ours.format == "csr"
    assert isinstance(ours, sparse.csr_array)
    assert set(ours.data) == {1.0}
    assert ours.diagonal().sum() == 0


def test_contiguity_does_not_depend_on_index_or_order():
    areas = shipped("columbus")
    order = np.random.default_rng(0).permutation(len(areas))
    moved = contiguity(areas.iloc[order].set_index("POLYID"))
    assert abs(moved - contiguity(areas)[order][:, order]).nnz == 0


def test_islands_and_areas_without_polygon_keep_empty_rows():
    cells = square_cells(2, 2)
    areas = geopandas.GeoDataFrame(geometry=[*cells.geometry, box(9, 9, 10, 10), None])
    links = contiguity(areas)
    assert links.shape == (6, 6)
    assert np.diff(links.indptr).tolist() == [3, 3, 3, 3, 0, 0]


def test_borders_drawn_with_different_vertices_and_slivers_still_join():
    split = geopandas.GeoDataFrame(geometry=[box(0, 0, 2, 1), box(0.5, 1, 1.5, 2)])
    assert contiguity(split).nnz == 2
    overlap = geopandas.GeoDataFrame(geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1).union(box(0.999, 0, 1, 0.5))])
    assert contiguity(overlap).nnz == 2


def test_contiguity_of_a_grid():
    assert abs(contiguity(square_cells(4, 5)) - queen_grid(4, 5)).nnz == 0


@pytest.mark.parametrize("k", [1, 4, 9])
def test_k_nearest_in_the_plane_is_that_of_libpysal(k):
    areas = shipped("columbus")
    theirs = libpysal.weights.KNN.from_dataframe(areas, k=k, use_index=False)
    assert abs(k_nearest(areas, k) - theirs.sparse).nnz == 0


def test_ties_go_to_the_area_that_stands_first():
    links = k_nearest(square_cells(3, 3), 2)
    assert links[[4]].indices.tolist() == [1, 3]
    row = k_nearest(geopandas.GeoDataFrame(geometry=[Point(0, 0)] * 12), 3)
    assert row[[5]].indices.tolist() == [0, 1, 2]
    assert row.diagonal().sum() == 0


def geodesic_neighbours(lon, lat, km):
    geod = Geod(a=6371008.8, b=6371008.8)
    far = np.array(
        [[geod.inv(a, b, c, d)[2] for c, d in zip(lon, lat, strict=True)] for a, b in zip(lon, lat, strict=True)]
    )
    return far, (far <= km * 1000) & ~np.eye(len(lon), dtype=bool)


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(-180, 180, 60), np.degrees(np.arcsin(rng.uniform(-1, 1, 60)))
    return lon, lat, geopandas.GeoDataFrame(geometry=[Point(*p) for p in zip(lon, lat, strict=True)], crs=4326)


def test_distances_in_degrees_are_great_circles(world):
    lon, lat, areas = world
    far, near = geodesic_neighbours(lon, lat, 3000)
    assert np.array_equal(distance_band(areas, 3000).toarray() > 0, near)
    nearest = np.argsort(far + np.eye(60) * 1e12, axis=1)[:, :5]
    expected = np.zeros((60, 60), bool)
    np.put_along_axis(expected, nearest, True, axis=1)
    assert np.array_equal(k_nearest(areas, 5).toarray() > 0, expected)


def test_the_180th_meridian_does_not_move_a_country():
    """A country of two halves on both sides of the line lies at the line, not at longitude 0."""
    fiji = MultiPolygon([box(178, -19, 180, -16), box(-180, -19, -178, -16)])
    areas = geopandas.GeoDataFrame(geometry=[fiji, Point(179.9, -17.5), Point(0, -17.5)], crs=4326)
    assert k_nearest(areas, 1)[[0]].indices.tolist() == [1]
    assert distance_band(areas, 100)[[0]].indices.tolist() == [1]


def test_sphere_centroid_of_small_polygons_is_the_plane_one():
    areas = shipped("sids2").set_crs(4326, allow_override=True)
    plane = areas.to_crs(32119)
    assert abs(k_nearest(areas, 3) - k_nearest(plane, 3)).nnz <= 6


def test_holes_and_direction_of_rings_do_not_matter():
    ring = box(10, 10, 14, 14).difference(box(11, 11, 13.5, 13.5))
    turned = ring.reverse()
    other = Point(12.3, 12.3)
    for shape in (ring, turned):
        areas = geopandas.GeoDataFrame(geometry=[shape, other, Point(40, 40)], crs=4326)
        assert distance_band(areas, 120)[[0]].indices.tolist() == [1]


def test_bands_follow_the_unit_of_the_reference_system():
    metres = square_cells(3, 3, size=1000, crs=32633)
    assert distance_band(metres, 1.0).sum() == 24
    assert distance_band(metres, 1.5).sum() == queen_grid(3, 3).sum()
    assert distance_band(metres, 0.5).nnz == 0
    feet = square_cells(3, 3, size=1000, crs=2264)
    assert distance_band(feet, 0.3049).sum() == 24
    assert distance_band(feet, 0.3047).nnz == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: distance_band(square_cells(2, 2), 1), "coordinate reference system"),
        (lambda: distance_band(square_cells(2, 2, crs=32633), 0), "above 0"),
        (lambda: k_nearest(square_cells(2, 2), 4), "k must be from 1 to 3"),
        (lambda: contiguity(geopandas.GeoDataFrame(geometry=[Point(0, 0), Point(1, 1)])), "needs polygons"),
        (lambda: contiguity(geopandas.GeoDataFrame(geometry=[None])), "at least one"),
        (lambda: checked_weights(np.eye(3), 3, "given"), "scipy sparse"),
        (lambda: checked_weights(queen_grid(2, 2), 5, "given"), "must be \\(5, 5\\)"),
        (lambda: checked_weights(sparse.eye_array(3).tocsr(), 3, "given"), "itself"),
        (lambda: checked_weights(-queen_grid(2, 2), 4, "given"), "not negative"),
        (lambda: checked_weights(sparse.csr_array((3, 3)), 3, "given"), "every row"),
    ],
)
def test_wrong_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_checked_weights_leave_the_given_ones_alone():
    given = queen_grid(3, 3)
    given.data[:] = 2.5
    row = checked_weights(given, 9, "row")
    np.testing.assert_allclose(row.sum(axis=1), 1)
    assert set(checked_weights(given, 9, "binary").data) == {1.0}
    assert set(given.data) == {2.5}
    assert equal_in_rows(row)
    assert equal_in_rows(given)
    given.data[0] = 1
    assert not equal_in_rows(given)
