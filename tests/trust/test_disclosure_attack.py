"""An attacker who shares no code with the house tries to work out protected cells.

The attacker holds what a reader holds: the cells, their members, the values of the shown ones, and the belief that
parts add up to totals. For every primary cell it solves for the smallest and the largest value that fits.
"""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from disclosure.protection import protect


def equations(keys: list[tuple], parents: list[dict]) -> list[tuple[tuple, list[tuple]]]:
    """(total, parts) for each cell that has parts one level below in one dimension."""
    present = set(keys)
    groups: dict[tuple[int, tuple], list[tuple]] = defaultdict(list)
    for key in keys:
        for position, parent_of in enumerate(parents):
            if key[position] in parent_of:
                above = (*key[:position], parent_of[key[position]], *key[position + 1 :])
                if above in present:
                    groups[position, above].append(key)
    return [(above, parts) for (_, above), parts in groups.items()]


class Attacker:
    def __init__(self, shown: dict[tuple, float], hidden: list[tuple], parents: list[dict], least: float = 0.0):
        self.order = {key: i for i, key in enumerate(sorted(hidden))}
        self.least = least
        rows, right = [], []
        for total, parts in equations(sorted([*shown, *hidden]), parents):
            row, known = np.zeros(len(self.order)), 0.0
            for key, sign in [(total, -1.0), *((part, 1.0) for part in parts)]:
                if key in self.order:
                    row[self.order[key]] += sign
                else:
                    known -= sign * shown[key]
            if row.any():
                rows.append(row)
                right.append(known)
        self.system = np.array(rows).reshape(len(rows), len(self.order))
        self.right = np.array(right)
        self._split()

    def _split(self) -> None:
        """Independent groups of unknowns, so that each programme stays small."""
        group = list(range(len(self.order)))

        def top(i: int) -> int:
            while group[i] != i:
                group[i] = group[group[i]]
                i = group[i]
            return i

        for row in self.system:
            members = np.flatnonzero(row)
            for other in members[1:]:
                group[top(int(other))] = top(int(members[0]))
        self.group = np.array([top(i) for i in range(len(group))])

    def range_of(self, key: tuple) -> tuple[float, float]:
        columns = np.flatnonzero(self.group == self.group[self.order[key]])
        system = self.system[:, columns]
        used = np.flatnonzero(system.any(axis=1))
        objective = (columns == self.order[key]).astype(float)
        bounds = []
        for sign in (1, -1):
            answer = linprog(
                sign * objective,
                A_eq=system[used] if len(used) else None,
                b_eq=self.right[used] if len(used) else None,
                bounds=(self.least, None),
            )
            assert answer.status in (0, 3, 4), answer.message
            bounds.append(sign * answer.fun if answer.status == 0 else sign * -np.inf)
        return bounds[0], bounds[1]

    def determined(self) -> list[tuple]:
        """Cells fixed by the equations alone: their coordinate is zero in every vector of the null space."""
        fixed = []
        keys = {i: key for key, i in self.order.items()}
        for label in np.unique(self.group):
            columns = np.flatnonzero(self.group == label)
            system = self.system[:, columns]
            system = system[system.any(axis=1)]
            _, sizes, right = np.linalg.svd(system, full_matrices=True)
            rank = int((sizes > 1e-9).sum())
            free = np.abs(right[rank:]).max(axis=0, initial=0.0)
            fixed += [keys[int(c)] for c in columns[free < 1e-8]]
        return fixed


def attacker_of(protected: pd.DataFrame, dims: list[str], hierarchies: dict, least: float = 0.0) -> Attacker:
    rows = protected[protected["value"].notna()]
    keys = list(rows[dims].itertuples(index=False, name=None))
    marks = dict(zip(keys, rows["suppressed"], strict=True))
    values = dict(zip(keys, rows["value"], strict=True))
    shown = {key: values[key] for key in keys if marks[key] == ""}
    parents = [hierarchies.get(dim, {}) for dim in dims]
    return Attacker(shown, [key for key in keys if marks[key] != ""], parents, least)


def add_totals(base: pd.DataFrame, dims: list[str], hierarchies: dict) -> pd.DataFrame:
    table = base
    for dim in dims:
        levels = [table]
        while True:
            lower = levels[-1]
            lower = lower[lower[dim].isin(list(hierarchies.get(dim, {})))].copy()
            if lower.empty:
                break
            lower[dim] = lower[dim].map(hierarchies[dim])
            levels.append(lower.groupby(dims, as_index=False)["value"].sum())
        table = pd.concat(levels, ignore_index=True)
    return table


AREAS = {"A1": "A", "A2": "A", "A3": "A", "B1": "B", "B2": "B", "A": "_T", "B": "_T"}
QUARTERS = {f"{year}-Q{quarter}": str(year) for year in (2022, 2023) for quarter in (1, 2, 3, 4)}
SEXES = {"F": "_T", "M": "_T", "_U": "_T"}
DIMS = ["area", "period", "sex"]
HIERARCHIES = {"area": AREAS, "period": QUARTERS, "sex": SEXES}


def wide_enough(low: float, high: float, threshold: int = 11) -> bool:
    return high - low >= threshold - 1 - 1e-5 and high >= threshold - 1e-5


@st.composite
def small_tables(draw: st.DrawFn) -> pd.DataFrame:
    """Hierarchical tables of a few hundred cells, some with whole margins left out."""
    areas = ["A1", "A2", "A3", "B1", "B2"][: draw(st.integers(2, 5))]
    periods = list(QUARTERS)[: draw(st.integers(1, 5))]
    sexes = ["F", "M", "_U"][: draw(st.integers(1, 3))]
    cells = list(itertools.product(areas, periods, sexes))
    size = draw(st.sampled_from([3, 12, 40]))
    counts = draw(st.lists(st.integers(0, size), min_size=len(cells), max_size=len(cells)))
    base = pd.DataFrame(cells, columns=DIMS).assign(value=np.array(counts, dtype=float))
    table = add_totals(base, DIMS, HIERARCHIES)
    dropped = draw(st.sampled_from(["nothing", "quarters by sex", "areas by sex", "middle areas"]))
    if dropped == "quarters by sex":
        table = table[~(table["period"].str.contains("Q") & (table["sex"] != "_T"))]
    elif dropped == "areas by sex":
        table = table[~(table["area"].str.contains(r"\d") & (table["sex"] != "_T"))]
    elif dropped == "middle areas":
        table = table[~table["area"].isin(["A", "B"])]
    return table.reset_index(drop=True)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(table=small_tables(), threshold=st.sampled_from([3, 5, 11]))
def test_no_primary_cell_can_be_worked_out(table: pd.DataFrame, threshold: int) -> None:
    protected = protect(table, DIMS, threshold=threshold, hierarchies=HIERARCHIES)
    hierarchies = HIERARCHIES
    if (
        not table["area"].isin(["A", "B"]).any()
    ):  # without the middle level the attacker adds regions to the grand total
        hierarchies = {**HIERARCHIES, "area": dict.fromkeys(AREAS, "_T")}
    # zeros are shown, so the sharper attacker knows that hidden cells hold at least one
    attacker = attacker_of(protected, DIMS, hierarchies, least=1.0)
    for row in protected[protected["suppressed"] != ""].itertuples(index=False):
        low, high = attacker.range_of((row.area, row.period, row.sex))
        assert low - 1e-6 <= row.value <= high + 1e-6
        if row.suppressed == "primary":
            assert wide_enough(low, high, threshold), (row, low, high)
        else:
            assert low < row.value - 1 or high > row.value + 1, (row, low, high)


def plain_rule(table: pd.DataFrame, hierarchies: dict, dims: list[str], threshold: int) -> pd.DataFrame:
    """The rule that looks right: hide until no line has exactly one hidden cell."""
    keys = list(table[dims].itertuples(index=False, name=None))
    values = dict(zip(keys, table["value"], strict=True))
    primary = {key for key in keys if 0 < values[key] < threshold}
    hidden = set(primary)
    lines = [[total, *parts] for total, parts in equations(keys, [hierarchies.get(dim, {}) for dim in dims])]
    while True:
        single = [line for line in lines if sum(key in hidden for key in line) == 1]
        choices = [[key for key in line if key not in hidden and values[key] > 0] for line in single]
        choices = [choice for choice in choices if choice]
        if not choices:
            break
        hidden.add(min(choices[0], key=lambda key: (values[key], key)))
    marks = ["primary" if key in primary else "secondary" if key in hidden else "" for key in keys]
    return table.assign(suppressed=marks)


BRIDGE = {
    "r1": [3, 4, 60, 70],
    "r2": [5, 2, 6, 80],
    "r3": [90, 40, 7, 3],
    "r4": [50, 30, 8, 4],
}


def bridged_table() -> tuple[pd.DataFrame, list[str], dict]:
    """Two blocks of four small cells and one small cell (r2, c3) between them.

    Every row and column with a gap has two or more, so the plain rule adds nothing. But rows r1 + r2 less columns
    c1 + c2 is the cell between the blocks.
    """
    hierarchies = {"row": dict.fromkeys(BRIDGE, "_T"), "column": dict.fromkeys(["c1", "c2", "c3", "c4"], "_T")}
    cells = [(row, f"c{i + 1}", float(v)) for row, counts in BRIDGE.items() for i, v in enumerate(counts)]
    base = pd.DataFrame(cells, columns=["row", "column", "value"])
    return add_totals(base, ["row", "column"], hierarchies), ["row", "column"], hierarchies


def hierarchical_table() -> tuple[pd.DataFrame, list[str], dict]:
    """About 5,000 cells: regions in countries, quarters in years, forms, sexes, with all totals."""
    rng = np.random.default_rng(5)
    dims = ["area", "period", "form", "sex"]
    hierarchies = {
        "area": {f"{c}{i}": c for c in "ABCD" for i in range(5)} | dict.fromkeys("ABCD", "_T"),
        "period": {f"{year}-Q{q}": str(year) for year in (2021, 2022, 2023) for q in (1, 2, 3, 4)},
        "form": dict.fromkeys(["LAB", "SEX", "OTH"], "_T"),
        "sex": dict.fromkeys(["F", "M"], "_T"),
    }
    members = [[m for m in tree if m not in tree.values()] for tree in hierarchies.values()]
    cells = list(itertools.product(*members))
    level = {area: rng.gamma(2.0, 20.0) for area in members[0]}
    counts = [rng.poisson(level[cell[0]] * rng.gamma(3.0, 0.33)) for cell in cells]
    base = pd.DataFrame(cells, columns=dims).assign(value=np.array(counts, dtype=float))
    return add_totals(base, dims, hierarchies), dims, hierarchies


@pytest.fixture(scope="module")
def medium() -> tuple[pd.DataFrame, pd.DataFrame, list[str], dict]:
    table, dims, hierarchies = hierarchical_table()
    return table, protect(table, dims, hierarchies=hierarchies), dims, hierarchies


def test_the_plain_rule_leaks_where_protect_does_not() -> None:
    table, dims, hierarchies = bridged_table()
    plain = plain_rule(table, hierarchies, dims, 11)
    assert attacker_of(plain, dims, hierarchies).determined() == [("r2", "c3")]
    protected = protect(table, dims, hierarchies=hierarchies)
    attacker = attacker_of(protected, dims, hierarchies, least=1.0)
    assert attacker.determined() == []
    low, high = attacker.range_of(("r2", "c3"))
    assert wide_enough(low, high)


def test_medium_table_keeps_every_sampled_range_wide(medium) -> None:
    table, protected, dims, hierarchies = medium
    share = (protected["suppressed"] != "").mean()
    secondary = protected["suppressed"] == "secondary"
    print(
        f"\n{len(table)} cells: {(protected['suppressed'] == 'primary').mean():.1%} primary, {share:.1%} hidden,"
        f" {protected.loc[secondary, 'value'].sum() / table['value'].sum():.2%} of the counts in secondaries"
    )
    assert 4_000 <= len(table) <= 6_000
    assert share <= 4 * (protected["suppressed"] == "primary").mean()
    attacker = attacker_of(protected, dims, hierarchies, least=1.0)
    assert attacker.determined() == []
    primary = protected[protected["suppressed"] == "primary"].sample(60, random_state=1)
    for row in primary.itertuples(index=False):
        low, high = attacker.range_of(tuple(getattr(row, dim) for dim in dims))
        assert wide_enough(low, high), (row, low, high)


def test_two_releases_together_give_nothing_away() -> None:
    """A cell that became visible, or a total that moved, must not open what the first release kept shut."""
    rng = np.random.default_rng(3)
    cells = list(itertools.product(["A1", "A2", "A3", "B1", "B2"], list(QUARTERS)[:4], ["F", "M", "_U"]))
    counts = rng.poisson(rng.gamma(1.5, 12.0, len(cells)))
    first = add_totals(pd.DataFrame(cells, columns=DIMS).assign(value=counts.astype(float)), DIMS, HIERARCHIES)
    late = counts + (rng.random(len(cells)) < 0.2) * rng.poisson(25.0, len(cells))
    second = add_totals(pd.DataFrame(cells, columns=DIMS).assign(value=late.astype(float)), DIMS, HIERARCHIES)
    one = protect(first, DIMS, hierarchies=HIERARCHIES)
    two = protect(second, DIMS, hierarchies=HIERARCHIES, released=[one])

    both = one.merge(two, on=DIMS, suffixes=("_1", "_2"))
    same = both["value_1"] == both["value_2"]
    assert ((both["suppressed_1"] != "") == (both["suppressed_2"] != ""))[same].all()
    # the joint attacker: unrevised cells are one unknown, revised ones two
    shown, hidden, release_of = {}, [], {}
    parents = [{}, *(HIERARCHIES[dim] for dim in DIMS)]
    for name, frame in (("1", one), ("2", two)):
        for row in frame.itertuples(index=False):
            key = (name, row.area, row.period, row.sex)
            if row.suppressed == "":
                shown[key] = row.value
            else:
                hidden.append(key)
            release_of[key] = row
    attacker = Attacker(shown, hidden, parents)
    for key in list(hidden):
        twin = ("1", *key[1:])
        if key[0] == "2" and release_of[twin].value == release_of[key].value:
            row = np.zeros(len(attacker.order))
            row[attacker.order[key]], row[attacker.order[twin]] = 1.0, -1.0
            attacker.system = np.vstack([attacker.system, row])
            attacker.right = np.append(attacker.right, 0.0)
    attacker._split()
    assert not {key for key in attacker.determined() if release_of[key].suppressed == "primary"}
    for key in hidden:
        row = release_of[key]
        if row.suppressed == "primary":
            low, high = attacker.range_of(key)
            assert wide_enough(low, high), (key, row.value, low, high)
