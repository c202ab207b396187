"""What can be done once at installation instead of at every first run: compile the kernels, parse the dbt project.

Run by `make setup` as `python -m orchestration.preparation`. Nothing depends on it: what is missing is made when needed.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse


def compile_kernels() -> None:
    """Call every compiled function that a run uses, on a map of a few squares, with the types that a run has."""
    from geo.completions import getis_ord_interval
    from geo.hotspots import getis_ord, local_moran
    from geo.scan import circular, space_time
    from trends.breaks import change_points, joinpoint
    from trends.tests import mann_kendall, theil_sen

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
    known = np.nan_to_num(counts)
    local_moran(counts, weights, transform="R")
    for columns in (slice(0, 2), slice(0, 1)):
        getis_ord_interval(known[:, columns], (known + (known < 2))[:, columns], weights, transform="B")
    people, centres = np.full(side * side, 1000.0), np.stack([place.ravel() % side, place.ravel() // side], axis=1)
    circular(known[:, 0], people, centres.astype(float), permutations=9)
    series = np.stack([(known[:, 0] + step) % 9 for step in range(12)], axis=1)
    space_time(series, centres.astype(float), permutations=9)
    # few series are not worth the kernels: many times the same ones
    many = np.tile(series, (300, 1))
    strata, years = np.tile(np.arange(12) // 6, (len(many), 1)).astype(float), np.arange(12) / 4
    mann_kendall(many, strata=strata)
    theil_sen(many, t=years, strata=strata)
    change_points(series, "poisson", 2)
    joinpoint(series[:3] + 20, np.full((3, 12), 1000.0), 1)


def parse_project() -> None:
    from orchestration.defs.warehouse.dbt import manifest

    manifest()


if __name__ == "__main__":
    compile_kernels()
    parse_project()
