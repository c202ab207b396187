"""Additive relations that nobody declared and that hold in the figures all the same.

A reader needs no declaration to see that 0-17 is 0-11 and 12-17, or that two sources count the same persons: where a sum
comes out in slice after slice he will believe it in the slices where a part is hidden. So the audit looks for such sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from disclosure.lines import LINE, SIGN, Lines, build_lines, group_ids
from disclosure.trees import Hierarchies

SLICES = 5  # slices with different totals in which a relation must come out
NEARLY_ALL = 0.95
CHANCE_BITS = 20  # how much more the slices must say than the choice of parts could take up by chance
PATTERNS = 6  # groups of members that stand together, tried a total
ROWS = 200  # slices that the search looks at (all are checked)


@dataclass(frozen=True)
class Relation:
    """Along `dim` the figure of member `total` is the sum of those of `parts`: it came out in `held` of `slices` slices."""

    dim: str
    total: object
    parts: tuple
    slices: int
    held: int


def found_lines(
    table: pd.DataFrame,
    dims: Sequence[str],
    hierarchies: Hierarchies | None = None,
    value: str = "value",
    declared: Lines | None = None,
) -> list[Relation]:
    """Relations among the members of one dimension that hold in nearly all slices and follow from no declared tree.

    table: one row a cell; all values given are used, hidden or not, for a reader may know a relation by its names that he
    cannot check. Looked for are sums with each part once, a single part (equal figures of two sources) among them. A
    relation counts when it comes out in at least 5 slices with different totals (with two parts above zero, where it has
    several) and 95 of 100 slices in which all its members stand, and when its slices say more than chance could: the
    digits of the totals that come out (in bits) must outnumber the members that might have been parts by 20.
    declared: the lines of the rows that have a value (`build_lines`), where the caller has them.
    """
    dims = list(dims)
    values = pd.to_numeric(table[value]).to_numpy(dtype=float, na_value=np.nan)
    keep = np.flatnonzero(~np.isnan(values))
    cells, values = table.iloc[keep][dims].reset_index(drop=True), values[keep]
    if not len(cells):
        return []
    declared = build_lines(cells, dims, hierarchies) if declared is None else declared
    coded = [pd.factorize(cells[dim], use_na_sentinel=False) for dim in dims]
    found = []
    for position, dim in enumerate(dims):
        member, members = coded[position]
        if len(members) < 2:
            continue
        rest = group_ids([code for i, (code, _) in enumerate(coded) if i != position], len(cells))
        explained = _explained(declared, position, values, member, len(members))
        grid = np.full((int(rest.max()) + 1, len(members)), np.nan)
        grid[rest, member] = values
        grid = grid[(~np.isnan(grid)).sum(axis=1) > 1]
        seen: set[frozenset] = set()
        for total, parts, slices, held in _relations(grid, explained):
            both = frozenset([total, *parts]) if len(parts) == 1 else frozenset([(total, parts)])
            if both not in seen:
                seen.add(both)
                names = tuple(sorted((members[i] for i in parts), key=str))
                found.append(Relation(dim, members[total], names, slices, held))
    return sorted(found, key=lambda r: (dims.index(r.dim), str(r.total), tuple(map(str, r.parts))))


def lines_where(relations: Sequence[Relation], table: pd.DataFrame, dims: Sequence[str]) -> pd.DataFrame:
    """The `lines` (see `protect`) that relations make in a table: one for each slice in which all their members stand."""
    dims = list(dims)
    parts = [pd.DataFrame(columns=[*dims, LINE, SIGN])]
    for number, relation in enumerate(relations):
        rest = [dim for dim in dims if dim != relation.dim]
        here = table.loc[table[relation.dim].isin([relation.total, *relation.parts]), dims]
        group = group_ids([pd.factorize(here[dim], use_na_sentinel=False)[0] for dim in rest], len(here))
        whole = np.bincount(group, minlength=1)[group] == 1 + len(relation.parts) if len(here) else []
        sign = np.where(here[relation.dim] == relation.total, -1.0, 1.0)
        parts.append(here.assign(**{LINE: [f"found {number}.{g}" for g in group], SIGN: sign})[whole])
    parts = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(parts, ignore_index=True)


def described(lines: Lines, cells: pd.DataFrame, dims: Sequence[str]) -> pd.DataFrame:
    """One row a declared relation among members: dimension, total, parts, slices (lines of the table that it makes)."""
    entries = lines.matrix.tocoo()
    rows = []
    for position, dim in enumerate(dims):
        mine = lines.dimension == position
        if not mine.any():
            continue
        member, members = pd.factorize(cells[dim], use_na_sentinel=False)
        codes = np.random.default_rng(0).integers(1, 2**40, size=len(members))
        on = mine[entries.row]
        is_part = on & (entries.data > 0)
        print_of = np.zeros(len(mine), dtype=np.int64)
        np.add.at(print_of, entries.row[is_part], codes[member[entries.col[is_part]]])
        total = np.full(len(mine), -1)
        is_total = on & (entries.data < 0)
        total[entries.row[is_total]] = member[entries.col[is_total]]
        kinds = pd.DataFrame({"line": np.flatnonzero(mine), "total": total[mine], "parts": print_of[mine]})
        for first, slices in kinds.groupby(["total", "parts"], sort=False)["line"].agg(["min", "size"]).to_numpy():
            of_line = lines.matrix[[first]]
            parts = sorted(
                (members[member[i]] for i, s in zip(of_line.indices, of_line.data, strict=True) if s > 0), key=str
            )
            rows.append((dim, members[total[first]], tuple(parts), int(slices)))
    return pd.DataFrame(rows, columns=["dimension", "total", "parts", "slices"])


def _explained(declared: Lines, position: int, values: np.ndarray, member: np.ndarray, count: int) -> list[set[int]]:
    """For each member the members that declared lines, which hold nearly always, make it of."""
    mine = np.flatnonzero(declared.dimension == position)
    matrix = declared.matrix[mine]
    entries = matrix.tocoo()
    total = np.zeros(len(mine), dtype=np.int64)
    is_total = entries.data < 0
    total[entries.row[is_total]] = member[entries.col[is_total]]
    holds = np.abs(matrix @ values) < 0.5
    share = pd.Series(holds).groupby(total).mean()
    trusted = set(share.index[share >= NEARLY_ALL])
    parts: list[set[int]] = [set() for _ in range(count)]
    pairs = pd.DataFrame({"total": total[entries.row], "part": member[entries.col]})[~is_total].drop_duplicates()
    for whole, part in pairs.itertuples(index=False, name=None):
        if whole in trusted:
            parts[whole].add(part)
    for _ in range(count):
        grown = [own.union(*(parts[part] for part in own)) for own in parts]
        if grown == parts:
            break
        parts = grown
    return parts


def _relations(grid: np.ndarray, explained: list[set[int]]) -> Iterator[tuple[int, frozenset, int, int]]:
    """(total, parts, slices, slices in which it comes out). grid: (slices, members), NaN where there is no cell."""
    there = ~np.isnan(grid)
    mark = np.random.default_rng(0).integers(1, 2**40, size=grid.shape[1]).astype(float)
    for total in range(grid.shape[1]):
        rows = np.flatnonzero(there[:, total] & (np.nan_to_num(grid[:, total]) > 0))
        if len(rows) < SLICES:
            continue
        value = grid[rows, total]
        with np.errstate(invalid="ignore"):
            exceeds = (grid[rows] > value[:, None]).mean(axis=0)
        never = np.nan_to_num(grid[rows]).max(axis=0) == 0
        possible = (exceeds <= 1 - NEARLY_ALL) & ~never
        possible[[total, *explained[total]]] = False
        if not possible.any():
            continue
        columns = np.flatnonzero(possible)
        together = there[np.ix_(rows, columns)]
        _, example, count = np.unique(together @ mark[columns], return_index=True, return_counts=True)
        tried: set[frozenset] = set()
        for p in np.lexsort((example, -count))[:PATTERNS]:
            candidates = columns[together[example[p]]]
            while len(candidates) and frozenset(candidates.tolist()) not in tried:
                tried.add(frozenset(candidates.tolist()))
                found = _sum(grid, rows, total, candidates)
                if found is None:
                    break
                parts, slices, held = found
                yield total, frozenset(parts.tolist()), slices, held
                candidates = np.setdiff1d(candidates, parts)  # another way to divide it


def _sum(grid: np.ndarray, rows: np.ndarray, total: int, candidates: np.ndarray) -> tuple[np.ndarray, int, int] | None:
    """(parts, slices, slices in which it comes out) of one sum among the candidates that makes the total."""
    rows = rows[~np.isnan(grid[rows][:, candidates]).any(axis=1)]
    value = grid[rows, total]
    distinct, first = np.unique(value, return_index=True)
    if len(distinct) < SLICES or np.log2(1 + distinct).sum() < len(candidates) + CHANCE_BITS:
        return None
    chosen = rows[first[np.argsort(-distinct, kind="stable")][:ROWS]]
    matrix = grid[np.ix_(chosen, candidates)]
    if (matrix.sum(axis=1) < grid[chosen, total] - 0.5).mean() > 1 - NEARLY_ALL:
        return None  # all of them together do not make it
    weight = 1.0 / np.sqrt(1.0 + grid[chosen, total])  # a few large slices must not decide alone
    try:
        share, _ = nnls(matrix * weight[:, None], grid[chosen, total] * weight)
    except RuntimeError:  # no end found: no clear sum either
        return None
    parts = candidates[share > 0.5]
    if not len(parts) or np.abs(share - (share > 0.5)).max() > 0.25:
        return None
    whole = ~np.isnan(grid[:, [total, *parts]]).any(axis=1) & (np.nan_to_num(grid[:, total]) > 0)
    sums = grid[np.ix_(whole, parts)]
    right = np.abs(sums.sum(axis=1) - grid[whole, total]) < 0.5
    telling = right & ((sums > 0).sum(axis=1) > 1) if len(parts) > 1 else right
    said = np.unique(grid[whole, total][telling])
    if right.mean() < NEARLY_ALL or len(said) < SLICES or np.log2(1 + said).sum() < len(candidates) + CHANCE_BITS:
        return None
    return parts, int(whole.sum()), int(right.sum())
