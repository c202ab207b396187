"""Which sums of published cells a reader can write down, from the declarations of areas, periods, code lists and datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from orchestration.runs.table_declarations import tables

TOTAL = "_T"
# Each dataset of each source adds up for a reader by itself, so where a figure comes from is a dimension without a total.
ORIGIN, SUBJECT = "origin", "subject"
# dimensions that are coded before lines are drawn: periods by where their year begins, members by the kind of their split
CODED = {"period": "time", "counterpart_area": "counterpart", "detail": "split"}
# the dimensions over which published figures may be added, as their table declares them
DIMENSIONS = (ORIGIN, SUBJECT, *(CODED.get(name, name) for name in tables()["observations"].over))
POOLED = DIMENSIONS[1:]
NO_END = 1000

Tree = dict[str, str]


@dataclass(frozen=True)
class Declarations:
    """trees: dimension -> child -> parent, one mapping a way to divide. ages: age group -> first and last year of age."""

    trees: Mapping[str, Sequence[Tree]]
    ages: Mapping[str, tuple[int, int]]


def declared(connection: duckdb.DuckDBPyConnection) -> Declarations:
    """The declarations of a build: `int_member_trees` and the bounds of age groups."""
    rows = connection.execute("select dimension, tree, member, parent from int_member_trees order by all").fetchall()
    trees: dict[str, dict[str, Tree]] = {}
    for dimension, tree, member, parent in rows:
        trees.setdefault(dimension, {}).setdefault(tree, {})[member] = parent
    ages = connection.execute(
        "select age, age_from, coalesce(age_to, $1) from age where age_from is not null order by all", [NO_END]
    ).fetchall()
    return Declarations(
        {dimension: list(found.values()) for dimension, found in trees.items()},
        {age: (int(first), int(last)) for age, first, last in ages},
    )


def coded(cells: pd.DataFrame) -> pd.DataFrame:
    """The columns of `DIMENSIONS` for cells as `fct_cells` has them, same rows and index.

    A year that does not begin in January is another member than the calendar year of its name; members of a second
    kind of split (repatriation beside citizenship) are others than those of the first.
    """
    month = pd.to_datetime(cells["period_start"]).dt.month
    moved = (cells["frequency"] == "A") & (month != 1)
    time = cells["period"].where(~moved, cells["period"] + "/" + month.astype(str).str.zfill(2))
    return pd.DataFrame(
        {
            ORIGIN: cells["source"] + "|" + cells["dataset"],
            SUBJECT: cells["measure"] + "|" + cells["unit"] + "|" + cells["area_role"],
            "area_code": cells["area_code"],
            "time": time,
            **{name: cells[name] for name in ("reporter", "offence", "exploitation", "sex", "age")},
            "counterpart": _of_kind(cells["counterpart_role"], cells["counterpart_area"]),
            "split": _of_kind(cells["detail_kind"], cells["detail"]),
        },
        index=cells.index,
    )


def _of_kind(kind: pd.Series, member: pd.Series) -> pd.Series:
    return member.where(kind == "_Z", kind + ":" + member)


def hierarchies(table: pd.DataFrame, declarations: Declarations) -> dict[str, list[Tree]]:
    """The trees of each dimension as far as the members of the table need them; table has the columns of `DIMENSIONS`."""
    members = {name: set(table[name].unique()) for name in DIMENSIONS}
    found = {
        name: _needed(declarations.trees.get(name, ()), members[name])
        for name in ("area_code", "offence", "exploitation")
    }
    found["time"] = period_trees(sorted(members["time"]))
    found["age"] = age_trees({age: span for age, span in declarations.ages.items() if age in members["age"]})
    areas = declarations.trees.get("area_code", ())
    found["counterpart"] = _kind_trees(members["counterpart"], areas)
    found["split"] = _kind_trees(members["split"], ())
    return {name: trees for name, trees in found.items() if trees}


def _needed(trees: Sequence[Tree], members: set[str]) -> list[Tree]:
    """The trees cut to what lies above members that are there; equal ones once."""
    found: list[Tree] = []
    for tree in trees:
        cut: Tree = {}
        for member in sorted(members & tree.keys()):
            step = member
            while step in tree and step not in cut:
                cut[step] = tree[step]
                step = tree[step]
        if cut and not any(cut.items() <= other.items() for other in found):
            found = [other for other in found if not other.items() <= cut.items()] + [cut]
    return found


def _kind_trees(members: set[str], areas: Sequence[Tree]) -> list[Tree]:
    """A tree for each kind of split, `kind:member`: its members, below their areas where they are areas, make its total."""
    kinds: dict[str, list[str]] = {}
    for member in sorted(members):
        kind, mark, name = member.partition(":")
        if mark:
            kinds.setdefault(kind, []).append(name)
    found: list[Tree] = []
    for kind, names in kinds.items():
        above = _needed(areas, set(names)) or [{}]
        for tree in above:
            own = {f"{kind}:{child}": f"{kind}:{parent}" for child, parent in tree.items()}
            tops = {*own.values(), *(f"{kind}:{name}" for name in names)} - own.keys()
            total = f"{kind}:{TOTAL}"
            own |= {top: total for top in sorted(tops) if top != total}
            found.append({**own, total: TOTAL})
    return found


def period_trees(periods: Sequence[str]) -> list[Tree]:
    """Months in quarters in years, one tree for each month in which the years of the table begin.

    periods: `2023`, `2023/04` (a year from April 2023), `2023-Q2`, `2023-04`.
    """
    starts = sorted({int(period[5:]) if len(period) > 4 else 1 for period in periods if _is_year(period)} or {1})
    trees: list[Tree] = []
    for start in starts:
        tree: Tree = {}
        for period in periods:
            if _is_year(period):
                continue
            year, rest = int(period[:4]), period[5:]
            month = 3 * int(rest[1]) - 2 if rest.startswith("Q") else int(rest)
            first = year if month >= start else year - 1
            above = f"{first:04}" if start == 1 else f"{first:04}/{start:02}"
            if not rest.startswith("Q") and start % 3 == 1:
                quarter = f"{year:04}-Q{(month + 2) // 3}"
                tree[period], tree[quarter] = quarter, above
            else:
                tree[period] = above
        if tree:
            trees.append(tree)
    return trees


def _is_year(period: str) -> bool:
    return len(period) == 4 or period[4] == "/"


def age_trees(ages: Mapping[str, tuple[int, int]]) -> list[Tree]:
    """Every way in which age groups of the table fill another one, or all ages, without a gap or an overlap.

    A way that uses the parts of a part is left to the tree of that part.
    """
    trees: list[Tree] = []
    containers = [*sorted(ages.items(), key=lambda item: (item[1][0] - item[1][1], item[0])), (TOTAL, (0, NO_END))]
    for container, span in containers:
        inside = {age: other for age, other in ages.items() if age != container}
        for parts in _tilings(inside, span[0], span[1]):
            if _uses_parts_of_a_part(parts, inside, span):
                continue
            new = dict.fromkeys(parts, container)
            for tree in trees:
                if container not in tree.values() and not tree.keys() & new.keys():
                    tree |= new
                    break
            else:
                trees.append(new)
    return trees


def _tilings(ages: Mapping[str, tuple[int, int]], first: int, last: int) -> Iterator[list[str]]:
    for age, (begin, end) in sorted(ages.items()):
        if begin != first or end > last:
            continue
        if end == last:
            yield [age]
        else:
            for rest in _tilings(ages, end + 1, last):
                yield [age, *rest]


def _uses_parts_of_a_part(parts: Sequence[str], ages: Mapping[str, tuple[int, int]], whole: tuple[int, int]) -> bool:
    spans = set(ages.values()) - {whole}
    return any(
        (ages[parts[i]][0], ages[parts[j]][1]) in spans for i in range(len(parts)) for j in range(i + 1, len(parts))
    )


def blocks(table: pd.DataFrame, hierarchies: Mapping[str, Sequence[Tree]]) -> np.ndarray:
    """(rows,) a number a block: no line runs from one block to another. Lines stay within a subject, within areas below one
    area, and within periods of one longest period."""
    numbers = [pd.factorize(table[SUBJECT])[0]]
    for name in ("area_code", "time"):
        codes, members = pd.factorize(table[name])
        place = {member: number for number, member in enumerate(members)}
        edges = []
        for tree in hierarchies.get(name, ()):
            for member in members:
                step = tree.get(member)
                while step is not None and step not in place:
                    step = tree.get(step)
                if step is not None:
                    edges.append((place[member], place[step]))
        first, second = np.array(edges, dtype=int).reshape(-1, 2).T
        graph = csr_array((np.ones(len(edges)), (first, second)), shape=(len(members), len(members)))
        numbers.append(connected_components(graph, directed=False)[1][codes])
    return pd.factorize(pd.MultiIndex.from_arrays(numbers))[0]


def lines_between(
    table: pd.DataFrame, hierarchies: Mapping[str, Sequence[Tree]], threshold: pd.Series | np.ndarray
) -> pd.DataFrame:
    """The lines that run between datasets: `DIMENSIONS`, line, sign.

    table      columns of `DIMENSIONS`, value; unique in `DIMENSIONS`; only reported rows.
    threshold  (rows,) the least number of persons of each row that may be shown.

    Two kinds. The same cell in two datasets: equal figures are of the same persons, and figures that differ by less than
    the threshold would be believed to be. A total in one dataset and its parts in another that has no such total
    (quarters beside the year's table, referrals by body beside those of all): where they add up, or within one source
    nearly so.
    """
    from disclosure.lines import build_lines

    rows = table.reset_index(drop=True)
    rows["k"] = np.asarray(threshold, dtype=float)
    rows["cell"] = rows.groupby(list(POOLED), sort=False).ngroup()
    rows["row"] = np.arange(len(rows))
    rows["partner"] = rows[ORIGIN].str.partition("|")[0]
    facts = rows[["cell", "row", ORIGIN, "partner", "value", "k"]]
    pairs = facts.merge(facts, on="cell", suffixes=("", "_other"))
    pairs = pairs[pairs["row"] < pairs["row_other"]]
    step = (pairs["value"] - pairs["value_other"]).abs()
    # nobody takes a count for the same as none
    alike = (step == 0) | ((step < pairs["k"]) & (pairs["value"] > 0) & (pairs["value_other"] > 0))
    pairs = pairs[alike]
    number = np.arange(len(pairs))
    entries = [
        pd.DataFrame({"row": pairs["row"].to_numpy(), "line": number, "sign": -1.0}),
        pd.DataFrame({"row": pairs["row_other"].to_numpy(), "line": number, "sign": 1.0}),
    ]

    pooled = rows.drop_duplicates("cell").sort_values("cell")
    system = build_lines(pooled[list(POOLED)].reset_index(drop=True), POOLED, hierarchies).signed().tocoo()
    of_lines = pd.DataFrame({"between": system.row, "cell": system.col, "sign": system.data}).merge(facts, on="cell")
    parts, totals = of_lines[of_lines["sign"] > 0], of_lines[of_lines["sign"] < 0]
    sums = parts.groupby(["between", ORIGIN], sort=False).agg(parts=("value", "sum"), partner=("partner", "first"))
    sums = sums.reset_index()
    own = pd.MultiIndex.from_frame(totals[["between", ORIGIN]])
    sums = sums[~pd.MultiIndex.from_frame(sums[["between", ORIGIN]]).isin(own)]
    both = sums.merge(totals, on="between", suffixes=("", "_total"))
    gap = (both["parts"] - both["value"]).abs()
    both = both[(gap < 1e-6) | ((both["partner"] == both["partner_total"]) & (gap < both["k"]))]
    both = both.assign(line=len(pairs) + np.arange(len(both)))
    entries.append(both[["row", "line"]].assign(sign=-1.0))
    entries.append(
        parts.merge(both[["between", ORIGIN, "line"]], on=["between", ORIGIN])[["row", "line"]].assign(sign=1.0)
    )

    found = pd.concat(entries, ignore_index=True).sort_values(["line", "row"], kind="stable", ignore_index=True)
    named = rows[list(DIMENSIONS)].iloc[found["row"].to_numpy()].reset_index(drop=True)
    return named.assign(line=found["line"].to_numpy(), sign=found["sign"].to_numpy())
