"""Invented tables with several trees, two sources and late changes, for the tests of disclosure control.

Made from single base counts by adding up, with nothing of the house: what is a sum of what is written here once, as
groups over base members, and the trees and lines that `protect` is given are the same groups in its language.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

# group -> base members, for each dimension; base members are what a person is counted under
GROUPS: dict[str, dict[str, list[str]]] = {
    "area": {"A": ["A1", "A2", "A3"], "B": ["B1", "B2"], "_T": ["A1", "A2", "A3", "B1", "B2"]},
    "age": {
        "0-14": ["0-11", "12-14"],
        "12-17": ["12-14", "15-17"],
        "0-17": ["0-11", "12-14", "15-17"],
        "_T": ["0-11", "12-14", "15-17", "18+"],
    },
    "form": {
        "SEX": ["SEX-STREET", "SEX-ONLINE"],
        "LAB": ["LAB-FARM", "LAB-HOME", "LAB-SEA"],
        "INDOORS": ["SEX-ONLINE", "LAB-HOME"],
        "_T": ["SEX-STREET", "SEX-ONLINE", "LAB-FARM", "LAB-HOME", "LAB-SEA"],
    },
    "period": {
        "2023": ["2023-Q1", "2023-Q2", "2023-Q3", "2023-Q4"],
        "FY2023": ["2023-Q2", "2023-Q3", "2023-Q4", "2024-Q1"],
    },
}
BASE = {
    "area": ["A1", "A2", "A3", "B1", "B2"],
    "age": ["0-11", "12-14", "15-17", "18+"],
    "form": ["SEX-STREET", "SEX-ONLINE", "LAB-FARM", "LAB-HOME", "LAB-SEA"],
    "period": ["2023-Q1", "2023-Q2", "2023-Q3", "2023-Q4", "2024-Q1"],
}
TREES = {
    "area": [{"A1": "A", "A2": "A", "A3": "A", "B1": "B", "B2": "B"}],
    "age": [
        {"0-11": "0-17", "12-17": "0-17", "12-14": "12-17", "15-17": "12-17"},
        {"0-14": "0-17", "15-17": "0-17", "0-11": "0-14", "12-14": "0-14"},
    ],
    "form": [
        {"SEX-STREET": "SEX", "SEX-ONLINE": "SEX", "LAB-FARM": "LAB", "LAB-HOME": "LAB", "LAB-SEA": "LAB"},
        {"SEX-ONLINE": "INDOORS", "LAB-HOME": "INDOORS"},
    ],
    "period": [
        dict.fromkeys(GROUPS["period"]["2023"], "2023"),
        dict.fromkeys(GROUPS["period"]["FY2023"], "FY2023"),
    ],
}


@dataclass(frozen=True)
class Story:
    """Tables of successive releases with their dimensions, trees and given lines."""

    tables: list[pd.DataFrame]
    dims: list[str]
    trees: dict[str, list[dict]]
    lines: pd.DataFrame | None


def added_up(base: pd.DataFrame, dims: list[str], groups: dict[str, dict[str, list[str]]]) -> pd.DataFrame:
    """The base counts with all groups of all dimensions."""
    table = base
    for dim in dims:
        parts = [table]
        for group, members in groups.get(dim, {}).items():
            inside = table[table[dim].isin(members)]
            parts.append(inside.assign(**{dim: group}).groupby(dims, as_index=False, sort=False)["value"].sum())
        table = pd.concat(parts, ignore_index=True)
    return table


def story(
    seed: int, releases: int = 1, with_sources: bool | None = None, late: int = 6, with_holes: bool = True
) -> Story:
    """Two or three of the four dimensions, each with all its trees; some levels missing; late changes of 1 to 60 persons and
    a withdrawal of what one area said of one period between the first release and the second; two sources that tell the
    same persons in some of the cells."""
    rng = np.random.default_rng(seed)
    dims = sorted(rng.choice(list(BASE), size=int(rng.integers(2, 4)), replace=False).tolist())
    keep = {dim: BASE[dim] for dim in dims}
    base = pd.DataFrame(list(itertools.product(*keep.values())), columns=dims)
    level = {
        dim: dict(zip(members, rng.gamma(1.2, 1.0, len(members)) + 0.05, strict=True)) for dim, members in keep.items()
    }
    mean = np.prod([base[dim].map(level[dim]) for dim in dims], axis=0) * rng.choice([8.0, 25.0, 80.0])
    base["value"] = rng.poisson(mean).astype(float)
    groups = {dim: dict(GROUPS[dim]) for dim in dims}
    if with_holes:
        for dim in dims:  # a level that is not published at all
            middle = [group for group in groups[dim] if group != "_T"]
            if rng.random() < 0.4 and len(middle) > 1:
                del groups[dim][str(rng.choice(middle))]
    missing = [(dim, str(rng.choice(list(GROUPS[dim])))) for dim in dims if rng.random() < 0.4]
    tables = []
    for number in range(releases):
        if number:
            rows = rng.choice(len(base), min(late, len(base)), replace=False)
            step = rng.choice([1, 2, 3, 5, 9, 15, 60], len(rows)) * rng.choice([1, 1, 1, -1], len(rows))
            base.loc[rows, "value"] = np.maximum(0, base.loc[rows, "value"] + step)
        if number == 1:
            gone = np.ones(len(base), dtype=bool)
            for dim in dims[:2]:
                gone &= (base[dim] == rng.choice(base[dim].unique())).to_numpy()
            base = base[~gone].reset_index(drop=True)
        table = added_up(base, dims, groups)
        if with_holes:  # a member that is left out beside one member of another dimension
            for dim, group in missing:
                other = dims[(dims.index(dim) + 1) % len(dims)]
                table = table[~((table[dim] == group) & (table[other] == BASE[other][0]))]
        tables.append(table.reset_index(drop=True))
    trees = {dim: TREES[dim] for dim in dims}
    if with_sources is None:
        with_sources = bool(rng.random() < 0.5)
    if not with_sources:
        return Story(tables, dims, trees, None)
    return _two_sources(tables, dims, trees, rng)


def _two_sources(tables: list[pd.DataFrame], dims: list[str], trees: dict, rng: np.random.Generator) -> Story:
    """A second source that gives the same figures for some members of the first dimension, and nothing else."""
    dim = dims[0]
    told = [member for member in tables[0][dim].unique() if rng.random() < 0.5] or [tables[0][dim].iloc[0]]
    doubled = []
    for table in tables:
        second = table[table[dim].isin(told)].assign(source="observatory")
        doubled.append(pd.concat([table.assign(source="police"), second], ignore_index=True))
    every = pd.concat(doubled)[["source", *dims]].drop_duplicates()
    pair = every.groupby(dims, sort=False).ngroup()
    both = every[pair.map(pair.value_counts()).to_numpy() == 2]
    sign = np.where(both["source"] == "police", 1, -1)
    lines = both.assign(line=both.groupby(dims, sort=False).ngroup(), sign=sign)
    return Story(doubled, ["source", *dims], trees, lines)
