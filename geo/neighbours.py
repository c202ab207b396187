"""Which areas are neighbours: sparse n x n weights of ones, rows in the order of the areas, no links to oneself.

`areas` is a GeoDataFrame (or GeoSeries). An area without a polygon, and an island, keeps its place with an empty row.
Distances are great-circle kilometres (sphere of 6371.0088 km) between centres for coordinates in degrees, plane
kilometres for a projected system. The centre is the area's centroid, on the sphere for degrees, so that a country cut
by the 180th meridian has its centre where it lies.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

if TYPE_CHECKING:
    import geopandas

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the Earth (IUGG)."""


def contiguity(areas: "geopandas.GeoDataFrame | geopandas.GeoSeries") -> sparse.csr_array:
    """Queen contiguity: areas that share a vertex of their borders, or touch anywhere along them.

    Either is enough, so that neither a border drawn with vertices on one side only nor a sliver of overlap separates
    two areas. On a clean coverage both agree.
    """
    from libpysal import graph

    geometry = areas.geometry.reset_index(drop=True)
    drawn = np.flatnonzero(~_without_geometry(geometry))
    if drawn.size == 0:
        raise ValueError("contiguity needs at least one area with a polygon")
    if not set(np.asarray(geometry.iloc[drawn].geom_type)) <= {"Polygon", "MultiPolygon"}:
        raise ValueError("contiguity needs polygons; use k_nearest or distance_band for points")
    focal, neighbour = [], []
    for touching in (False, True):
        links = graph.Graph.build_contiguity(geometry.iloc[drawn], rook=False, strict=touching).adjacency
        links = links[links > 0]
        focal.append(links.index.get_level_values("focal").to_numpy())
        neighbour.append(links.index.get_level_values("neighbor").to_numpy())
    return _links(np.concatenate(focal), np.concatenate(neighbour), len(geometry))


def k_nearest(areas: "geopandas.GeoDataFrame | geopandas.GeoSeries", k: int) -> sparse.csr_array:
    """The `k` areas whose centres are nearest; of equally near ones those that stand first. Not symmetric."""
    centres, _ = _centres(areas)
    drawn = np.flatnonzero(~np.isnan(centres[:, 0]))
    if not 1 <= k < drawn.size:
        raise ValueError(f"k must be from 1 to {drawn.size - 1} for {drawn.size} areas with a geometry, not {k}")
    from scipy.spatial import KDTree

    tree = KDTree(centres[drawn])
    # A few more than k, so that ties at the edge are seen and settled by position; a wider tie asks for all areas.
    asked = min(k + 9, drawn.size)
    distance, found = tree.query(centres[drawn], k=asked)
    limit = distance[:, k] * (1 + 1e-12)
    if asked < drawn.size and np.any(distance[:, -1] <= limit):
        distance, found = tree.query(centres[drawn], k=drawn.size)
    rows = np.arange(drawn.size)
    # equal up to rounding is equal, and the area itself goes first whatever shares its place
    farthest = distance.max()
    if farthest > 0:
        distance = np.round(distance / farthest, 11)
    distance[found == rows[:, None]] = -1.0
    order = np.lexsort((found, distance), axis=1)[:, 1 : k + 1]
    nearest = np.take_along_axis(found, order, axis=1)
    return _links(drawn[np.repeat(rows, k)], drawn[nearest.ravel()], len(centres))


def distance_band(areas: "geopandas.GeoDataFrame | geopandas.GeoSeries", km: float) -> sparse.csr_array:
    """Areas whose centres lie at most `km` kilometres apart."""
    if not km > 0:
        raise ValueError(f"km must be above 0, not {km}")
    centres, unit_km = _centres(areas)
    if unit_km is None:
        raise ValueError("distance_band needs a coordinate reference system to know kilometres: set_crs() on the areas")
    drawn = np.flatnonzero(~np.isnan(centres[:, 0]))
    from scipy.spatial import KDTree

    on_sphere = centres.shape[1] == 3
    reach = 2 * np.sin(min(km / EARTH_RADIUS_KM, np.pi) / 2) if on_sphere else km / unit_km
    pairs = KDTree(centres[drawn]).query_pairs(reach * (1 + 1e-12), output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    return _links(drawn[both[:, 0]], drawn[both[:, 1]], len(centres))


def checked_weights(weights, n: int, transform: str) -> sparse.csr_array:
    """Weights as csr floats with sorted columns: `binary` ones at every link, `given`, or `row` (rows sum to 1).

    ValueError for another size, negative or missing weights, or links to oneself.
    """
    weights = getattr(weights, "sparse", weights)
    if not sparse.issparse(weights):
        raise ValueError(f"weights must be a scipy sparse array, not {type(weights).__name__}")
    links = sparse.csr_array(weights, dtype=float, copy=True)
    if links.shape != (n, n):
        raise ValueError(f"weights have shape {links.shape}, but there are {n} areas: they must be ({n}, {n})")
    if not np.all(links.data >= 0) or np.any(np.isinf(links.data)):
        raise ValueError("weights must be finite and not negative")
    links.sum_duplicates()
    links.eliminate_zeros()
    if np.any(links.diagonal() != 0):
        raise ValueError("weights link an area to itself; pass weights without self links (star=True adds them)")
    if n and links.nnz == 0:
        raise ValueError("no area has a neighbour: every row of the weights is empty")
    if transform == "binary":
        links.data[:] = 1.0
    elif transform == "row":
        total = np.repeat(links.sum(axis=1), np.diff(links.indptr))
        links.data /= total
    return links


def equal_in_rows(links: sparse.csr_array) -> bool:
    """Whether the weights of each row are all the same."""
    filled = links.indptr[:-1][np.diff(links.indptr) > 0]
    most, least = np.maximum.reduceat(links.data, filled), np.minimum.reduceat(links.data, filled)
    return bool(np.allclose(most, least, rtol=1e-12))


def great_circle_vectors(longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit vectors (n, 3) of places in degrees; chords between them grow with great-circle distance."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _links(focal: NDArray, neighbour: NDArray, n: int) -> sparse.csr_array:
    links = sparse.csr_array((np.ones(len(focal)), (focal, neighbour)), shape=(n, n))
    links.sum_duplicates()
    links.data[:] = 1.0
    return links


def _without_geometry(geometry) -> NDArray[np.bool_]:
    return geometry.isna().to_numpy() | geometry.is_empty.to_numpy()


def _centres(areas) -> tuple[NDArray[np.float64], float | None]:
    """Centres as (n, 2) plane or (n, 3) unit vectors, NaN without geometry, and kilometres per plane unit."""
    geometry = areas.geometry.reset_index(drop=True)
    crs = geometry.crs
    if crs is not None and crs.is_geographic:
        return _sphere_centroids(geometry), EARTH_RADIUS_KM
    missing = _without_geometry(geometry)
    centres = np.full((len(geometry), 2), np.nan)
    centroid = geometry[~missing].centroid
    centres[~missing] = np.column_stack([centroid.x, centroid.y])
    unit_km = None if crs is None else crs.axis_info[0].unit_conversion_factor / 1000
    return centres, unit_km


def _sphere_centroids(geometry) -> NDArray[np.float64]:
    """Centroids on the sphere: the area integral of the place vector, which is half the sum, over all border edges, of
    arc length times edge normal (Stokes). Points, and polygons too thin for it, use the mean of their vertices.
    """
    import shapely

    coordinates, owner = shapely.get_coordinates(shapely.orient_polygons(geometry.to_numpy()), return_index=True)
    vectors = great_circle_vectors(coordinates[:, 0], coordinates[:, 1])
    n = len(geometry)

    def per_area(values: NDArray, index: NDArray) -> NDArray:
        return np.stack([np.bincount(index, values[:, axis], minlength=n) for axis in range(3)], axis=1)

    rings, ring_owner = _rings(geometry)
    ring_points, ring_index = shapely.get_coordinates(rings, return_index=True)
    corner = great_circle_vectors(ring_points[:, 0], ring_points[:, 1])
    same_ring = ring_index[1:] == ring_index[:-1]
    start, end = corner[:-1][same_ring], corner[1:][same_ring]
    normal = np.cross(start, end)
    sine = np.linalg.norm(normal, axis=1)
    arc = np.arctan2(sine, (start * end).sum(axis=1))
    edge = np.divide(normal * arc[:, None], sine[:, None], out=np.zeros_like(normal), where=sine[:, None] > 0)
    total = per_area(edge / 2, ring_owner[ring_index[:-1][same_ring]]) if len(edge) else np.zeros((n, 3))
    mean = per_area(vectors, owner)
    size = np.linalg.norm(total, axis=1)
    centre = np.where(size[:, None] > 1e-13, total, mean)
    length = np.linalg.norm(centre, axis=1, keepdims=True)
    return np.divide(centre, length, out=np.full_like(centre, np.nan), where=length > 1e-12)


def _rings(geometry):
    """All rings, shells anticlockwise and holes clockwise, with the position of their area."""
    import shapely

    parts, part_owner = shapely.get_parts(shapely.orient_polygons(geometry.to_numpy()), return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    return rings, part_owner[ring_part]
