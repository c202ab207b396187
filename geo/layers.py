"""Map layers: boundaries projected to an equal-area plane, simplified together, as plain rings to draw.

A layer is drawn as cartesian polygons, so a page needs no base map and no projection of its own. Equal-area
planes are used throughout, because the eye compares coloured surface.
"""

from __future__ import annotations

import math
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely

EQUAL_EARTH = "+proj=eqearth +lon_0=0 +datum=WGS84 +units=km +no_defs"

# wider than this (degrees) a plane centred on the data bends too much to be read as a map
WORLD_LONGITUDE_SPAN = 150.0
WORLD_LATITUDE_SPAN = 110.0


def layer(
    areas: gpd.GeoDataFrame,
    name: str,
    title: str,
    attribution: str = "",
    crs: str | pyproj.CRS | None = None,
    tolerance_km: float | None = None,
) -> dict[str, Any]:
    """Make the JSON-ready dictionary of one map layer.

    Parameters
    ----------
    areas : columns `area_code`, `area_name` and a polygon geometry; EPSG:4326 when no CRS is set.
    crs : the plane to draw on; None chooses by extent (see `choose_crs`).
    tolerance_km : shapes smaller than a square of this side are smoothed away; None takes 1/1,200 of the width.

    Returns
    -------
    dict with `layer`, `title`, `crs` (PROJ text), `attribution`, `bounds` [x0, y0, x1, y1] in kilometres and
    `areas`, sorted by code: `area_code`, `area_name`, `rings`. A ring is closed; exterior rings come first and run
    clockwise, holes run the other way, so that the non-zero fill rule leaves them open.
    """
    missing = {"area_code", "area_name"} - set(areas.columns)
    if missing:
        raise ValueError(f"layer {name}: columns missing in areas: {', '.join(sorted(missing))}")
    if areas["area_code"].duplicated().any():
        twice = sorted(set(areas.loc[areas["area_code"].duplicated(), "area_code"]))
        raise ValueError(f"layer {name}: area_code appears more than once: {', '.join(twice[:5])}")
    drawn = areas[~(areas.geometry.is_empty | areas.geometry.isna())].sort_values("area_code")
    plane = pyproj.CRS.from_user_input(crs) if crs is not None else choose_crs(drawn)
    projected = project(drawn, plane)
    width = float(np.ptp(projected.total_bounds[[0, 2]])) or 1.0
    tolerance = width / 1200 if tolerance_km is None else tolerance_km
    simplified = simplify(projected, tolerance)
    decimals = max(1, 4 - math.floor(math.log10(width)))
    records = []
    for code, label, geometry in zip(
        simplified["area_code"], simplified["area_name"], simplified.geometry, strict=True
    ):
        # an islet can vanish in rounding: it is then written with a finer step
        drawn_rings = rings(geometry, decimals) or rings(geometry, decimals + 3)
        records.append({"area_code": str(code), "area_name": str(label), "rings": drawn_rings})
    bounds = [round(float(edge), decimals) for edge in simplified.total_bounds]
    return {
        "layer": name,
        "title": title,
        "crs": plane.to_string(),
        "attribution": attribution,
        "bounds": bounds,
        "areas": records,
    }


def choose_crs(areas: gpd.GeoDataFrame) -> pyproj.CRS:
    """Equal Earth for the world, else a Lambert azimuthal equal-area plane centred on the data (kilometres)."""
    west, span = longitude_arc(areas)
    bounds = _geographic(areas).total_bounds
    south, north = float(bounds[1]), float(bounds[3])
    if span > WORLD_LONGITUDE_SPAN or north - south > WORLD_LATITUDE_SPAN:
        return pyproj.CRS.from_proj4(EQUAL_EARTH)
    longitude = round(((west + span / 2 + 180) % 360) - 180, 2)
    latitude = round((south + north) / 2, 2)
    return pyproj.CRS.from_proj4(f"+proj=laea +lat_0={latitude} +lon_0={longitude} +datum=WGS84 +units=km +no_defs")


def longitude_arc(areas: gpd.GeoDataFrame) -> tuple[float, float]:
    """Western edge and width (degrees) of the smallest arc of longitude that holds every vertex.

    Fiji's arc is a few degrees wide although its longitudes run from -180 to 180: the widest empty gap between
    neighbouring longitudes is what lies outside.
    """
    longitudes = np.unique(shapely.get_coordinates(_geographic(areas).geometry.values)[:, 0] % 360)
    if len(longitudes) < 2:
        return (float(longitudes[0]) if len(longitudes) else 0.0, 0.0)
    gaps = np.diff(np.append(longitudes, longitudes[0] + 360))
    widest = int(np.argmax(gaps))
    west = float(longitudes[(widest + 1) % len(longitudes)])
    return (west, 360.0 - float(gaps[widest]))


def project(areas: gpd.GeoDataFrame, crs: str | pyproj.CRS) -> gpd.GeoDataFrame:
    """Project to a plane in kilometres; shapes that cross the plane's own edge are cut there first.

    Long straight edges are divided before they are projected (an edge along a parallel is a curve on the plane).
    """
    plane = pyproj.CRS.from_user_input(crs)
    geographic = _geographic(areas)
    edge = _central_meridian(plane) + 180.0
    shapes = np.array([cut_at_meridian(shape, edge) for shape in geographic.geometry], dtype=object)
    shapes = shapely.segmentize(shapes, 1.0)
    transformer = pyproj.Transformer.from_crs("EPSG:4326", plane, always_xy=True)
    unit = plane.axis_info[0].unit_conversion_factor / 1000 if plane.axis_info else 1.0

    def on_plane(points: np.ndarray) -> np.ndarray:
        x, y = transformer.transform(points[:, 0], points[:, 1])
        # neighbours must keep equal vertices, and a metre is far below what is drawn
        return np.round(np.column_stack([x, y]) * unit, 4)

    shapes = shapely.transform(shapes, on_plane)
    shapes = np.array([_mend(shape) for shape in shapes], dtype=object)
    return gpd.GeoDataFrame(areas.drop(columns=areas.geometry.name), geometry=gpd.GeoSeries(shapes, index=areas.index))


def cut_at_meridian(geometry: shapely.Geometry, edge: float) -> shapely.Geometry:
    """Cut a geometry where it crosses the meridian `edge` (degrees), so that no ring jumps across the plane.

    A ring whose neighbouring vertices lie more than 180 degrees apart is taken to go the short way round. Rings
    around a pole cannot be cut like this and stay as they are.
    """
    centre = edge - 180.0
    pieces: list[shapely.Geometry] = []
    for polygon in _polygons(geometry):
        points = shapely.get_coordinates(polygon.exterior)
        jumps = np.abs(np.diff(points[:, 0])).max(initial=0.0) > 180
        outside = points[:, 0].min() < centre - 180 - 1e-9 or points[:, 0].max() > centre + 180 + 1e-9
        if not jumps and not outside:
            pieces.append(polygon)
            continue
        shell = _unwrapped(points)
        if abs(shell[-1, 0] - shell[0, 0]) > 1e-6:
            pieces.append(polygon)
            continue
        middle = float(shell[:, 0].mean())
        holes = []
        for interior in polygon.interiors:
            hole = _unwrapped(shapely.get_coordinates(interior))
            hole[:, 0] += 360 * round((middle - hole[:, 0].mean()) / 360)
            holes.append(hole)
        whole = shapely.make_valid(shapely.Polygon(shell, holes))
        for turn in range(-2, 3):
            window = shapely.box(centre - 180 + 360 * turn, -90, centre + 180 + 360 * turn, 90)
            piece = shapely.intersection(whole, window)
            pieces.extend(
                shapely.transform(part, lambda p, shift=360 * turn: p - np.array([shift, 0.0]))
                for part in _polygons(piece)
            )
    return shapely.MultiPolygon(pieces) if pieces else shapely.MultiPolygon()


def simplify(projected: gpd.GeoDataFrame, tolerance_km: float) -> gpd.GeoDataFrame:
    """Simplify all areas together, so that neighbours keep one shared edge (Visvalingam-Whyatt, GEOS coverage).

    Parts below the tolerance are dropped, but never the largest part of an area: every area stays on the map.
    """
    if tolerance_km <= 0 or projected.empty:
        return projected
    shapes = shapely.coverage_simplify(projected.geometry.to_numpy(), tolerance_km)
    kept = []
    for before, after in zip(projected.geometry, shapes, strict=True):
        parts = sorted(_polygons(after), key=lambda part: part.area, reverse=True)
        if not parts or parts[0].area == 0:
            parts = sorted(_polygons(before), key=lambda part: part.area, reverse=True)[:1]
        large = [part for part in parts if part.area >= tolerance_km**2] or parts[:1]
        kept.append(shapely.MultiPolygon(large))
    return projected.set_geometry(gpd.GeoSeries(kept, index=projected.index))


def rings(geometry: shapely.Geometry, decimals: int = 1) -> list[list[list[float]]]:
    """Rings of a polygon geometry: exteriors (clockwise) first, then holes (counter-clockwise), rounded and closed."""
    exteriors, holes = [], []
    for polygon in _polygons(geometry):
        exteriors.append(_ring(polygon.exterior, clockwise=True, decimals=decimals))
        holes.extend(_ring(interior, clockwise=False, decimals=decimals) for interior in polygon.interiors)
    return [ring for ring in exteriors + holes if len(ring) >= 4]


def _ring(line: shapely.LinearRing, clockwise: bool, decimals: int) -> list[list[float]]:
    points = shapely.get_coordinates(line)
    if shapely.is_ccw(line) == clockwise:
        points = points[::-1]
    points = np.round(points, decimals) + 0.0
    keep = np.append(True, np.any(np.diff(points, axis=0) != 0, axis=1))
    return points[keep].tolist()


def _unwrapped(points: np.ndarray) -> np.ndarray:
    unwrapped = points.copy()
    unwrapped[:, 0] = np.unwrap(points[:, 0], period=360)
    return unwrapped


def _mend(shape: shapely.Geometry) -> shapely.Geometry:
    """Join the halves of an area that was cut where the plane is whole, and repair what rounding broke."""
    if not shape.is_valid:
        shape = shapely.make_valid(shape, method="structure", keep_collapsed=False)
    parts = _polygons(shape)
    return shapely.MultiPolygon(_polygons(shapely.union_all(parts))) if len(parts) > 1 else shapely.MultiPolygon(parts)


def _polygons(geometry: shapely.Geometry | None) -> list[shapely.Polygon]:
    if geometry is None:
        return []
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]


def _geographic(areas: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if areas.crs is None or areas.crs == "EPSG:4326":
        return areas
    return areas.to_crs("EPSG:4326")


def _central_meridian(plane: pyproj.CRS) -> float:
    parameters = plane.coordinate_operation.params if plane.coordinate_operation else []
    origins = [parameter.value for parameter in parameters if "ongitude of" in parameter.name]
    return float(origins[0]) if origins else 0.0
