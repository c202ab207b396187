"""The additive structure of a published table: which cells are totals of which other cells.

A *cell* is one reported row of the table. A *line* is a total with its parts along one dimension, everything else
held fixed. Protection and audit both work on these lines; nothing here knows which cells are hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

TOTAL = "_T"


@dataclass(frozen=True)
class Lines:
    """The lines of a table of n cells.

    parent: (m,) cell index of each line's total.
    parts: (m, n) csr array, 1 where the cell is a part of the line.
    """

    parent: np.ndarray
    parts: sp.csr_array

    @property
    def count(self) -> int:
        return len(self.parent)

    def signed(self) -> sp.csr_array:
        """(m, n) matrix of the equations: +1 for a part, -1 for the total."""
        total = sp.csr_array((-np.ones(self.count), (np.arange(self.count), self.parent)), shape=self.parts.shape)
        return (self.parts + total).tocsr()

    def members(self) -> sp.csr_array:
        """(m, n) incidence matrix: 1 where the cell is the total or a part of the line."""
        return abs(self.signed())


def member_parents(
    members: Sequence[object], hierarchy: Mapping[object, object] | None, dim: str
) -> tuple[dict[object, int], np.ndarray]:
    """Code the members of one dimension and point each at its parent.

    Members without a declared parent are parts of `_T` where the dimension has `_T`; otherwise they have none, so a
    dimension with neither `_T` nor a hierarchy links nothing. Returns {member: code} and an integer array of parent
    codes (-1: none). Raises ValueError where the hierarchy runs in a circle.
    """
    hierarchy = dict(hierarchy or {})
    known = list(dict.fromkeys([*members, *hierarchy.keys(), *hierarchy.values()]))
    codes = {member: code for code, member in enumerate(known)}
    parents = np.full(len(known), -1, dtype=np.int64)
    for child, parent in hierarchy.items():
        if child == parent:
            raise ValueError(f"hierarchy of {dim!r}: member {child!r} is its own parent")
        parents[codes[child]] = codes[parent]
    if TOTAL in codes:
        roots = parents < 0
        roots[codes[TOTAL]] = False
        parents[roots] = codes[TOTAL]
    ancestor = parents.copy()
    for _ in known:
        above = ancestor >= 0
        ancestor[above] = parents[ancestor[above]]
    if (ancestor >= 0).any():
        raise ValueError(f"hierarchy of {dim!r} runs in a circle: no member may be above itself")
    return codes, parents


def build_lines(
    cells: pd.DataFrame, dims: Sequence[str], hierarchies: Mapping[str, Mapping[object, object]] | None
) -> Lines:
    """Find all lines of a table.

    cells: one row a reported cell, unique in `dims`. The table need not be complete: a cell is a part of its nearest
    ancestor that is in the table, so a missing middle level does not cut the link between parts and grand total.
    """
    n = len(cells)
    hierarchies = hierarchies or {}
    unknown = sorted(set(hierarchies) - set(dims))
    if unknown:
        raise ValueError(f"hierarchies for {unknown}, which are not among the dimensions {list(dims)}")
    coded = [pd.factorize(cells[dim], use_na_sentinel=False) for dim in dims]
    total_cell, part_cell, line_dim = [], [], []
    for position, dim in enumerate(dims):
        own, uniques = coded[position]
        codes, parents = member_parents(list(uniques), hierarchies.get(dim), dim)
        if (parents < 0).all():
            continue
        rest = group_ids([c for i, (c, _) in enumerate(coded) if i != position], n)
        width = len(codes)
        index = pd.Index(rest * width + own)
        ancestor = parents[own]
        found = np.full(n, -1, dtype=np.int64)
        pending = np.flatnonzero(ancestor >= 0)
        while len(pending):
            hit = index.get_indexer(rest[pending] * width + ancestor[pending])
            found[pending] = hit
            pending = pending[hit < 0]
            ancestor[pending] = parents[ancestor[pending]]
            pending = pending[ancestor[pending] >= 0]
        parts = np.flatnonzero(found >= 0)
        part_cell.append(parts)
        total_cell.append(found[parts])
        line_dim.append(np.full(len(parts), position))
    if not part_cell or n == 0:
        return Lines(np.empty(0, dtype=np.int64), sp.csr_array((0, n)))
    part, total, along = map(np.concatenate, (part_cell, total_cell, line_dim))
    line, keys = pd.factorize(along * n + total, sort=True)
    matrix = sp.csr_array((np.ones(len(part)), (line, part)), shape=(len(keys), n))
    return Lines(np.asarray(keys) % n, matrix)


def group_ids(codes: Sequence[np.ndarray], n: int) -> np.ndarray:
    """One dense integer a distinct combination of the given codes (renumbered at each step, so it cannot overflow)."""
    ids = np.zeros(n, dtype=np.int64)
    for code in codes:
        ids, _ = pd.factorize(ids * (int(code.max(initial=0)) + 1) + code)
    return ids
