"""Somebody who holds several published releases and wants the counts they hide.

Written without a look at the code that hides them and without any declaration: he finds by himself which members of a
dimension add up to which others (`found_relations`, by integer programming on the figures), writes one equation for each
place where such a relation holds, over all releases together, and solves for the smallest and largest value of every
hidden cell. A cell that did not change is one unknown in all releases; hidden cells hold at least one, for zeros are shown, unless
their publisher gave an interval (nobody knows the value, it is blank): those may be zero.

He is as sharp as can be: where the hidden values are given beside the frames (never in a release: a test gives them) he
uses them for three things and no more: to find relations, to know which equations hold, and to know which hidden cells did
not change. So he is never misled, and what he finds is true.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse.csgraph import connected_components

TINY = 1e-6
WAYS = 3  # ways to divide one total that are looked for
SAMPLE = 14  # slices that an integer programme is given
EVIDENCE = 4  # slices with different totals that a relation must hold in
MOST_PARTS = 120


@dataclass(frozen=True)
class Relation:
    """In this dimension `total` is the sum of `parts`, wherever all of them stand."""

    dim: str
    total: object
    parts: frozenset

    def __str__(self) -> str:
        return f"{self.dim}: {self.total} = {' + '.join(sorted(map(str, self.parts)))}"


@dataclass(frozen=True)
class Findings:
    """What he got.

    exact: hidden cells with one possible value, but 0, which is nobody (an interval that its publisher's own lines leave
    nothing for). near: small hidden counts (1 to threshold - 1) known to within one, exact
    ones included. differences: shown cells that changed by 1 to threshold - 1 from one release to another. told_changes:
    small changes of cells that are hidden in one or both of two releases, where the change itself has one possible value.
    small_shown: shown counts of 1 to threshold - 1. Frames with the dimensions, `release` (0 is the first) and figures.
    """

    exact: pd.DataFrame
    near: pd.DataFrame
    differences: pd.DataFrame
    told_changes: pd.DataFrame
    small_shown: pd.DataFrame
    relations: tuple[Relation, ...]

    @property
    def nothing(self) -> bool:
        return not (len(self.exact) or len(self.near) or len(self.differences) or len(self.small_shown))

    def __str__(self) -> str:
        return (
            f"{len(self.exact)} exact, {len(self.near)} small within one, {len(self.differences)} small differences, "
            f"{len(self.told_changes)} small changes told, {len(self.small_shown)} small shown; {len(self.relations)} relations"
        )


def attack(
    releases: Sequence[pd.DataFrame], dims: Sequence[str], threshold: float = 11, growing: bool = False
) -> Findings:
    """Attack tables as published one after the other.

    releases: frames with the columns `dims`, `value`, `suppressed` (not empty: hidden; its value is blank, or the true one
    for the uses above). growing: believe that late reports only add, where that is so.
    """
    dims = list(dims)
    rows = pd.concat([frame[[*dims, "value", "suppressed"]].assign(release=r) for r, frame in enumerate(releases)])
    rows["value"] = pd.to_numeric(rows["value"]).astype(float)
    rows["hidden"] = (rows["suppressed"].notna() & (rows["suppressed"].astype(str) != "")).to_numpy()
    rows = rows[rows["hidden"] | rows["value"].notna()].reset_index(drop=True)
    rows["cell"] = rows.groupby(dims, sort=False, dropna=False).ngroup()
    rows["unknown"] = _unknowns(rows)
    relations = [relation for dim in dims for relation in found_relations(rows, dims, dim)]
    system, right = _equations(rows, dims, relations)
    count = int(rows["unknown"].max()) + 1 if len(rows) else 0
    known = np.full(count, np.nan)
    shown = rows[~rows["hidden"]]
    known[shown["unknown"]] = shown["value"]
    small_truth = rows["hidden"] & (rows["value"] > 0) & (rows["value"] < threshold)
    wanted = np.zeros(count, dtype=bool)
    wanted[rows.loc[rows["hidden"], "unknown"]] = True
    older, newer = _changes(rows, threshold)
    free = np.isnan(known)
    pairs = [(a, b) for a, b in zip(older["unknown"], newer["unknown"], strict=True) if free[a] or free[b]]
    increase = _growth(rows) if growing else []
    least = np.ones(count)
    least[rows.loc[rows["hidden"] & rows["value"].isna(), "unknown"]] = 0
    low, high, told = _solve(system, right, known, least, wanted, pairs, increase)

    hidden = rows[rows["hidden"]].assign(
        low=low[rows.loc[rows["hidden"], "unknown"]], high=high[rows.loc[rows["hidden"], "unknown"]]
    )
    hidden = hidden[free[hidden["unknown"]]].drop_duplicates("unknown")
    width = hidden["high"] - hidden["low"]
    columns = [*dims, "release", "value", "low", "high"]
    may_be_small = hidden["value"].isna() & (hidden["high"] < threshold) & (hidden["high"] > TINY)
    small = small_truth[hidden.index] | may_be_small
    told_rows = [i for i, (a, b) in enumerate(zip(older["unknown"], newer["unknown"], strict=True)) if (a, b) in told]
    return Findings(
        exact=hidden.loc[(width < TINY) & (hidden["high"] > TINY), columns].reset_index(drop=True),
        near=hidden.loc[small & (width <= 2 + TINY), columns].reset_index(drop=True),
        differences=_visible_differences(shown, dims, threshold),
        told_changes=newer.iloc[told_rows][[*dims, "release", "value"]].reset_index(drop=True),
        small_shown=shown.loc[(shown["value"] > 0) & (shown["value"] < threshold), [*dims, "release", "value"]],
        relations=tuple(relations),
    )


def _unknowns(rows: pd.DataFrame) -> np.ndarray:
    """One number a cell and value; a hidden cell without a value is an unknown of its own."""
    own = np.where(rows["value"].isna(), -1.0 - np.arange(len(rows)), rows["value"])
    return pd.DataFrame({"cell": rows["cell"], "value": own}).groupby(["cell", "value"], sort=False).ngroup().to_numpy()


def _visible_differences(shown: pd.DataFrame, dims: list[str], threshold: float) -> pd.DataFrame:
    pairs = shown.merge(shown[["cell", "release", "value"]], on="cell", suffixes=("", "_later"))
    step = (pairs["value_later"] - pairs["value"]).abs()
    found = pairs[(pairs["release"] < pairs["release_later"]) & (step > 0) & (step < threshold)]
    return found[[*dims, "release", "release_later", "value", "value_later"]].reset_index(drop=True)


def _changes(rows: pd.DataFrame, threshold: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(older, newer) rows of cells whose figure changed a little from one release to the next in which they stand."""
    ordered = rows.sort_values(["cell", "release"], kind="stable")
    before, after = ordered.iloc[:-1], ordered.iloc[1:]
    step = np.abs(after["value"].to_numpy() - before["value"].to_numpy())
    chosen = (before["cell"].to_numpy() == after["cell"].to_numpy()) & (step > 0) & (step < threshold)
    return before[chosen], after[chosen]


def _growth(rows: pd.DataFrame) -> list[tuple[int, int]]:
    ordered = rows.sort_values(["cell", "release"], kind="stable")
    cell, value, unknown = (ordered[name].to_numpy() for name in ("cell", "value", "unknown"))
    up = (cell[:-1] == cell[1:]) & (value[1:] > value[:-1])
    return list(zip(unknown[:-1][up], unknown[1:][up], strict=True))


def found_relations(rows: pd.DataFrame, dims: Sequence[str], dim: str) -> list[Relation]:
    """Which members of one dimension are sums of others, judged by the figures alone.

    For each member that is never smaller than some others: a least set of these with the same sum in all of a sample of
    slices (integer programme), confirmed in all slices; again without the sets found, for other ways to divide it. Where a
    part has parts of its own, the total is also the sum with these in its place.
    """
    rest = [name for name in dims if name != dim]
    slice_of = (
        rows.groupby([*rest, "release"], sort=False, dropna=False).ngroup().to_numpy()
        if rest
        else rows["release"].to_numpy()
    )
    member, members = pd.factorize(rows[dim], use_na_sentinel=False)
    if len(members) < 2:
        return []
    grid = np.full((slice_of.max() + 1, len(members)), np.nan)
    there = np.zeros(grid.shape, dtype=bool)
    grid[slice_of, member] = rows["value"]
    there[slice_of, member] = True
    found: dict[tuple[int, frozenset], None] = {}
    patterns, kind = np.unique(there, axis=0, return_inverse=True)
    kind = kind.ravel()
    for p in np.argsort(-np.bincount(kind), kind="stable")[:40]:
        if patterns[p].sum() < 2:
            continue
        # all slices in which at least these members stand are evidence for relations among them
        have = np.flatnonzero(patterns[p])
        use = there[:, have].all(axis=1)
        part = grid[use][:, have]
        for place, total in enumerate(have.tolist()):
            for parts in _divisions(part, place):
                found[total, frozenset(have[list(parts)].tolist())] = None
    for _ in range(2):
        for (total, parts), (inner, finer) in [(a, b) for a in found for b in found if b[0] in a[1]]:
            if not finer & (parts - {inner}):
                found.setdefault((total, (parts - {inner}) | finer), None)
    return [Relation(dim, members[total], frozenset(members[i] for i in parts)) for total, parts in found]


def _divisions(grid: np.ndarray, total: int) -> list[frozenset]:
    """Sets of columns that add up to one column wherever no figure is missing."""
    value = grid[:, total]
    usable = ~np.isnan(value)
    with np.errstate(invalid="ignore"):
        below = ~((grid > value[:, None]).any(axis=0))
    # a member that is hidden wherever the total is known gives no evidence
    seen = (~np.isnan(grid) & usable[:, None] & (grid > 0)).any(axis=0)
    candidates = np.flatnonzero(below & seen & (np.arange(grid.shape[1]) != total))
    if not len(candidates) or len(candidates) > MOST_PARTS:
        return []
    whole = usable & ~np.isnan(grid[:, candidates]).any(axis=1)
    if len(np.unique(value[whole & (value > 0)])) < EVIDENCE:
        return []
    order = np.flatnonzero(whole)[np.argsort(-value[whole], kind="stable")]
    _, distinct = np.unique(value[order], return_index=True)
    sample = order[np.sort(distinct)][:SAMPLE]
    matrix, right = grid[np.ix_(sample, candidates)], value[sample]
    answers: list[frozenset] = []
    constraints = [LinearConstraint(matrix, right, right)]
    for _ in range(WAYS):
        answer = milp(
            np.ones(len(candidates)),
            integrality=np.ones(len(candidates)),
            bounds=Bounds(0, 1),
            constraints=constraints,
            options={"time_limit": 5.0},
        )
        if answer.x is None:
            break
        chosen = np.flatnonzero(answer.x > 0.5)
        if not len(chosen):
            break
        holds = np.abs(grid[np.ix_(np.flatnonzero(whole), candidates[chosen])].sum(axis=1) - value[whole]) < TINY
        if holds.mean() >= 0.8:
            answers.append(frozenset(candidates[chosen].tolist()))
        taken = np.zeros(len(candidates))
        taken[chosen] = 1.0
        constraints.append(LinearConstraint(taken[None, :], -np.inf, len(chosen) - 1))
    return answers


def _equations(
    rows: pd.DataFrame, dims: list[str], relations: Sequence[Relation]
) -> tuple[sparse.csr_array, np.ndarray]:
    """One row an equation over the unknowns (parts less total = 0), where a relation's members all stand and it holds."""
    value = rows["value"].to_numpy()
    unknown = rows["unknown"].to_numpy()
    r, c, s = [], [], []
    number = 0
    for dim in dims:
        mine = [relation for relation in relations if relation.dim == dim]
        if not mine:
            continue
        rest = [name for name in dims if name != dim]
        group = rows.groupby([*rest, "release"], sort=False, dropna=False).ngroup() if rest else rows["release"]
        slices: dict[int, dict] = defaultdict(dict)
        for row, (g, m) in enumerate(zip(group, rows[dim], strict=True)):
            slices[g][m] = row
        for here in slices.values():
            for relation in mine:
                if relation.total not in here or not relation.parts <= here.keys():
                    continue
                parts = [here[part] for part in relation.parts]
                gap = value[parts].sum() - value[here[relation.total]]
                if abs(gap) > TINY:  # NaN (nobody knows) is believed
                    continue
                r += [number] * (len(parts) + 1)
                c += [*unknown[parts], unknown[here[relation.total]]]
                s += [1.0] * len(parts) + [-1.0]
                number += 1
    width = int(unknown.max()) + 1 if len(unknown) else 0
    matrix = sparse.csr_array((s, (r, c)), shape=(number, width)) if number else sparse.csr_array((0, width))
    return matrix, np.zeros(number)


def _solve(
    system: sparse.csr_array,
    right: np.ndarray,
    known: np.ndarray,
    least: np.ndarray,
    wanted: np.ndarray,
    pairs: list[tuple[int, int]],
    increase: list[tuple[int, int]],
) -> tuple[np.ndarray, np.ndarray, set[tuple[int, int]]]:
    """(low, high) of the unknowns, exact where the range is 2 or narrower, else any range that wide; pairs whose
    difference has one value."""
    free = np.flatnonzero(np.isnan(known))
    place = np.full(len(known), -1)
    place[free] = np.arange(len(free))
    fixed = np.nan_to_num(known)
    equal = system[:, free].tocsr()
    equal_right = right - system @ fixed
    r, c, s, bound = [], [], [], []
    for older, newer in increase:
        if place[older] < 0 and place[newer] < 0:
            continue
        for index, sign in ((older, 1.0), (newer, -1.0)):
            if place[index] >= 0:
                r.append(len(bound)), c.append(place[index]), s.append(sign)
        bound.append(fixed[newer] - fixed[older])
    above = sparse.csr_array((s, (r, c)), shape=(len(bound), len(free))) if bound else sparse.csr_array((0, len(free)))
    together = sparse.vstack([equal, above]).tocsr()
    _, group = connected_components(together.T @ together if len(free) else sparse.csr_array((0, 0)), directed=False)
    low, high = known.copy(), known.copy()
    told: set[tuple[int, int]] = set()
    by_group: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for a, b in pairs:
        by_group[group[place[a] if place[a] >= 0 else place[b]]].append((a, b))
    order = np.argsort(group, kind="stable")
    for columns in np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(order) else []:
        a_eq, a_ub = equal[:, columns].tocsr(), above[:, columns].tocsr()
        used, used_ub = np.flatnonzero(np.diff(a_eq.indptr)), np.flatnonzero(np.diff(a_ub.indptr))
        inner = np.full(len(free), -1)
        inner[columns] = np.arange(len(columns))
        seen: list[np.ndarray] = []
        floor = [(low_of, None) for low_of in least[free[columns]]]

        def extreme(
            cost: np.ndarray, a_eq=a_eq, a_ub=a_ub, used=used, used_ub=used_ub, seen=seen, floor=floor
        ) -> float:
            answer = linprog(
                cost,
                A_eq=a_eq[used] if len(used) else None,
                b_eq=equal_right[used] if len(used) else None,
                A_ub=a_ub[used_ub] if len(used_ub) else None,
                b_ub=np.array(bound)[used_ub] if len(used_ub) else None,
                bounds=floor,
                method="highs",
            )
            if answer.status == 0:
                seen.append(answer.x)
                return float(answer.fun)
            if answer.status == 3 or (answer.status == 4 and answer.x is None):
                return -np.inf
            raise AssertionError(f"the published figures contradict each other: {answer.message}")

        width = len(columns)
        for direction in np.random.default_rng(7).normal(size=(min(4, width), width)):
            extreme(np.abs(direction))
            extreme(-np.abs(direction))
        for position, column in enumerate(columns):
            index = free[column]
            if not wanted[index]:
                continue
            points = [x[position] for x in seen]
            if points and max(points) - min(points) > 2.5:
                low[index], high[index] = min(points), max(points)
                continue
            cost = (np.arange(width) == position).astype(float)
            low[index], high[index] = extreme(cost), -extreme(-cost)
        for a, b in by_group.get(int(group[columns[0]]), []):
            cost = np.zeros(width)
            for index, sign in ((a, -1.0), (b, 1.0)):
                if place[index] >= 0 and inner[place[index]] >= 0:
                    cost[inner[place[index]]] += sign
            points = [float(x @ cost) for x in seen]
            if points and max(points) - min(points) > TINY * 10:
                continue
            if -extreme(-cost) - extreme(cost) < TINY * 10:
                told.add((a, b))
    return low, high, told
