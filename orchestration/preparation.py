"""What can be done once at installation instead of at every first run: compile the kernels, parse the dbt project.

Run by `make setup` as `python -m orchestration.preparation`. Nothing depends on it: what is missing is made when needed.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse


def compile_kernels() -> None:
    """Call every compiled function that a run uses, on a map of a few squares, with the types that a run has."""
    from geo.hotspots import getis_ord

    side = 6
    place = np.arange(side * side).reshape(side, side)
    pairs = np.concatenate(
        [np.stack([place[:, 1:].ravel(), place[:, :-1].ravel()]), np.stack([place[1:].ravel(), place[:-1].ravel()])],
        axis=1,
    )
    rows, columns = np.concatenate([pairs, pairs[::-1]], axis=1)
    weights = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(side * side, side * side))
    counts = np.arange(side * side * 2, dtype=float).reshape(-1, 2) % 7
    counts[0, 0] = np.nan
    expected = np.full_like(counts, 3.0)
    expected[0, 0] = np.nan
    getis_ord(counts, weights, expected=expected, transform="B", window="period")


def parse_project() -> None:
    from orchestration.defs.warehouse.dbt import manifest

    manifest()


if __name__ == "__main__":
    compile_kernels()
    parse_project()
