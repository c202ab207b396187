"""Maps the tests of geo/ share: grids, and the published maps that come with libpysal."""

import functools
from pathlib import Path

import geopandas
import libpysal
import numpy as np
from scipy import sparse


def queen_grid(rows, columns):
    """Weights of a grid whose cells touch up to eight others, row by row."""
    step = np.abs(np.subtract.outer(np.arange(rows), np.arange(rows))) <= 1
    across = np.abs(np.subtract.outer(np.arange(columns), np.arange(columns))) <= 1
    links = sparse.kron(sparse.csr_array(step.astype(float)), sparse.csr_array(across.astype(float))).tolil()
    links.setdiag(0)
    return sparse.csr_array(links)


def square_cells(rows, columns, size=1.0, crs=None):
    """The same grid as polygons."""
    from shapely import box

    cells = [box(c * size, r * size, (c + 1) * size, (r + 1) * size) for r in range(rows) for c in range(columns)]
    return geopandas.GeoDataFrame(geometry=cells, crs=crs)


@functools.cache
def shipped(name):
    """A map inside the libpysal package, read without a download."""
    path = Path(libpysal.examples.get_path(f"{name}.shp"))
    assert path.exists(), f"{name} is not shipped with this libpysal"
    return geopandas.read_file(path)


def pysal_weights(areas):
    return libpysal.weights.Queen.from_dataframe(areas, use_index=False)
