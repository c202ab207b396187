"""Areas: are the boundaries sound, does the hierarchy hold, where is an area's middle and how large is it.

All functions take frames and return arrays or frames of findings; nothing is repaired silently.
"""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from geo.layers import choose_crs

FINDING_COLUMNS = ["area_code", "finding", "detail"]

# from the widest to the narrowest; levels that are not listed are allowed anywhere under their parent
LEVEL_ORDER = ("world", "region", "subregion", "country", "admin1", "admin2")


def area_km2(areas: gpd.GeoDataFrame) -> np.ndarray:
    """Surface of each area in square kilometres on the WGS84 ellipsoid (geodesic polygons; Karney 2013). Shape (n,).

    An edge is a straight line in longitude and latitude, as boundary files mean it: long ones are divided first.
    """
    geod = pyproj.Geod(ellps="WGS84")
    shapes = shapely.segmentize(_geographic(areas).geometry.to_numpy(), 0.25)
    surface = [
        sum(abs(geod.geometry_area_perimeter(shapely.orient_polygons(part))[0]) for part in shapely.get_parts(shape))
        for shape in shapes
    ]
    return np.asarray(surface, dtype=float) / 1e6


def centroids(areas: gpd.GeoDataFrame) -> np.ndarray:
    """Centre of gravity (longitude, latitude) of each area, taken on an equal-area plane. Shape (n, 2)."""
    plane = choose_crs(areas)
    transformer = pyproj.Transformer.from_crs("EPSG:4326", plane, always_xy=True)
    projected = shapely.transform(
        _geographic(areas).geometry.to_numpy(),
        lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1])),
    )
    x, y = shapely.get_coordinates(shapely.centroid(projected)).T
    longitude, latitude = transformer.transform(x, y, direction="INVERSE")
    return np.column_stack([longitude, latitude])


def representative_points(areas: gpd.GeoDataFrame) -> np.ndarray:
    """A point (longitude, latitude) inside the largest part of each area: for labels and marks. Shape (n, 2)."""
    points = []
    for shape in _geographic(areas).geometry:
        parts = shapely.get_parts(shape)
        points.append(shapely.point_on_surface(parts[int(np.argmax(shapely.area(parts)))]))
    return shapely.get_coordinates(np.array(points, dtype=object))


def check_geometry(areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """Findings on single shapes: missing, not a polygon, invalid (with the reason), outside the globe."""
    findings = []
    for code, shape in zip(areas["area_code"], areas.geometry, strict=True):
        if shape is None or shape.is_empty:
            findings.append((code, "geometry_missing", "no polygon"))
            continue
        if shape.geom_type not in ("Polygon", "MultiPolygon"):
            findings.append((code, "not_a_polygon", shape.geom_type))
        if not shape.is_valid:
            findings.append((code, "geometry_invalid", shapely.is_valid_reason(shape)))
        west, south, east, north = shape.bounds
        if (areas.crs is None or areas.crs.is_geographic) and (west < -180 or east > 180 or south < -90 or north > 90):
            findings.append((code, "outside_the_globe", f"{west:g} {south:g} {east:g} {north:g}"))
    return pd.DataFrame(findings, columns=FINDING_COLUMNS)


def check_coverage(areas: gpd.GeoDataFrame, tolerance_share: float = 0.001) -> pd.DataFrame:
    """Overlaps between areas of one level, as findings with the share of the smaller area that is counted twice.

    Overlaps below `tolerance_share` are taken for digitising noise. An overlap matters: a point in it belongs to two
    areas and contiguity is wrong there.
    """
    sound = areas[areas.geometry.notna() & ~areas.geometry.is_empty]
    shapes = shapely.make_valid(sound.geometry.to_numpy())
    codes = sound["area_code"].astype(str).to_numpy()
    tree = shapely.STRtree(shapes)
    left, right = tree.query(shapes, predicate="intersects")
    once = left < right
    findings = []
    for i, j in zip(left[once], right[once], strict=True):
        shared = shapely.area(shapely.intersection(shapes[i], shapes[j]))
        smaller = min(shapely.area(shapes[i]), shapely.area(shapes[j]))
        if smaller > 0 and shared / smaller > tolerance_share:
            findings.append((codes[i], "overlap", f"{shared / smaller:.1%} of the smaller area, with {codes[j]}"))
    return pd.DataFrame(sorted(findings), columns=FINDING_COLUMNS)


def check_hierarchy(areas: pd.DataFrame) -> pd.DataFrame:
    """Findings on the tree of areas: columns area_code, parent_code, and if present area_level, valid_from, valid_to.

    Codes valid twice at one time, parents that are missing, loops, a parent of a narrower level, validity that ends
    before it begins or reaches beyond the parent's. `valid_to` is the first day on which the area is gone.
    """
    table = areas.reset_index(drop=True)
    start = _dates(table, "valid_from", pd.Timestamp.min)
    end = _dates(table, "valid_to", pd.Timestamp.max)
    level = table["area_level"] if "area_level" in table else pd.Series([None] * len(table))
    findings: list[tuple[str, str, str]] = []
    by_code: dict[str, list[int]] = {}
    for row, code in enumerate(table["area_code"]):
        by_code.setdefault(code, []).append(row)
        if start[row] >= end[row]:
            findings.append((code, "validity_empty", f"{start[row]:%Y-%m-%d} to {end[row]:%Y-%m-%d}"))
    for code, rows in by_code.items():
        ordered = sorted(rows, key=lambda row: start[row])
        if any(start[b] < end[a] for a, b in itertools.pairwise(ordered)):
            findings.append((code, "valid_twice", f"{len(rows)} rows overlap in time"))
    for row, (code, parent) in enumerate(zip(table["area_code"], table["parent_code"], strict=True)):
        if _blank(parent):
            continue
        if parent not in by_code:
            findings.append((code, "parent_missing", str(parent)))
            continue
        if not any(start[p] < end[row] and start[row] < end[p] for p in by_code[parent]):
            findings.append((code, "parent_not_valid", f"{parent} is not valid at the same time"))
        upper, lower = level[by_code[parent][0]], level[row]
        if upper in LEVEL_ORDER and lower in LEVEL_ORDER and LEVEL_ORDER.index(upper) >= LEVEL_ORDER.index(lower):
            findings.append((code, "level_order", f"{lower} under {upper} {parent}"))
    findings.extend(_loops(table))
    return pd.DataFrame(sorted(set(findings)), columns=FINDING_COLUMNS)


def _loops(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    parents = {
        code: parent
        for code, parent in zip(table["area_code"], table["parent_code"], strict=True)
        if not _blank(parent)
    }
    findings = []
    for code in parents:
        seen = [code]
        while seen[-1] in parents and parents[seen[-1]] not in seen:
            seen.append(parents[seen[-1]])
        if parents.get(seen[-1]) == code:
            findings.append((code, "loop", " under ".join([*seen, code])))
    return findings


def _dates(table: pd.DataFrame, column: str, default: pd.Timestamp) -> list[pd.Timestamp]:
    if column not in table:
        return [default] * len(table)
    return [default if _blank(value) else pd.Timestamp(value) for value in table[column]]


def _blank(value: object) -> bool:
    return value is None or value != value or value == "" or value is pd.NaT


def _geographic(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return areas if areas.crs is None or areas.crs == "EPSG:4326" else areas.to_crs("EPSG:4326")
