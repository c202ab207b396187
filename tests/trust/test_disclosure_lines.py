"""Every additive line a reader can write down: several trees over one code, levels that are missing, two sources, derived
beside reported totals. The attacker knows no declaration; each mutation (a tree, a source, a line left out) feeds him."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from invented_tables import BASE, GROUPS, TREES, story
from released_attack import attack

from disclosure.auditing import audit
from disclosure.found import found_lines
from disclosure.lines import build_lines
from disclosure.protection import protect
from disclosure.trees import member_parents

DIMS = ["area", "member"]


def parents_in_each_tree(members: list[str], trees) -> list[dict]:
    codes, arrays = member_parents(members, trees, "member")
    name = {code: member for member, code in codes.items()}
    return [{name[i]: name.get(int(above)) for i, above in enumerate(array)} for array in arrays]


def lines_as_text(table: pd.DataFrame, dims: list[str], hierarchies: dict) -> set[str]:
    matrix = build_lines(table[dims].reset_index(drop=True), dims, hierarchies).matrix
    names = [" ".join(map(str, key)) for key in table[dims].itertuples(index=False)]
    texts = set()
    for number in range(matrix.shape[0]):
        row = matrix[[number]]
        entries = list(zip(row.indices, row.data, strict=True))
        total = next(names[i] for i, sign in entries if sign < 0)
        texts.add(total + " = " + " + ".join(sorted(names[i] for i, sign in entries if sign > 0)))
    return texts


def nested(seed: int, coarse: str, fine: tuple[str, str], other: str, areas: int = 9) -> pd.DataFrame:
    """Areas with a small and a middling part of one member, beside a large other one: the small one needs its neighbour."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(areas):
        small, middling, large = rng.integers(1, 10), rng.integers(30, 90), rng.integers(100, 300)
        figures = {fine[0]: small, fine[1]: middling, coarse: small + middling, other: large}
        figures["_T"] = small + middling + large
        rows += [(f"q{number}", member, float(count)) for member, count in figures.items()]
    return pd.DataFrame(rows, columns=[*DIMS, "value"])


NESTED = {
    "forms": nested(1, "SEX", ("SEX-STREET", "SEX-ONLINE"), "LAB"),
    "ages": nested(2, "0-17", ("0-11", "12-17"), "18+"),
}
NESTED_TREES = {
    "forms": {"member": {"SEX-STREET": "SEX", "SEX-ONLINE": "SEX"}},
    "ages": {"member": {"0-11": "0-17", "12-17": "0-17"}},
}


@pytest.mark.parametrize("kind", list(NESTED))
def test_nested_members_declared_are_safe_and_undeclared_are_found(kind: str) -> None:
    table, trees = NESTED[kind], NESTED_TREES[kind]
    protected = protect(table, DIMS, hierarchies=trees)
    assert attack([protected], DIMS).nothing
    result = audit(protected, DIMS, trees)
    assert result.safe
    assert set(result.lines["origin"]) == {"declared"}
    # without the tree every one of the nine small counts falls, and the audit finds the sum in the figures
    careless = protect(table, DIMS)
    assert len(attack([careless], DIMS).exact) == 9
    assert audit(careless, DIMS, find=False).safe
    result = audit(careless, DIMS)
    assert not result.safe
    found = result.lines[result.lines["origin"] == "found"]
    child, above = next(iter(trees["member"].items()))
    assert (found["total"] == above).any() and found["parts"].map(lambda parts: child in parts).any()


def two_sources(seed: int = 3, slices: int = 18) -> tuple[pd.DataFrame, list[str], pd.DataFrame]:
    """Two sources with the same figures of x and y in each of 18 slices, while their z and so their totals differ."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(slices):
        x, y, z = int(rng.integers(1, 9)), int(rng.integers(20, 60)), int(rng.integers(60, 90))
        for source, more in (("police", 0), ("observatory", int(rng.integers(25, 60)))):
            figures = {"x": x, "y": y, "z": z + more, "_T": x + y + z + more}
            rows += [(source, f"s{number}", form, float(count)) for form, count in figures.items()]
    dims = ["source", "slice", "form"]
    table = pd.DataFrame(rows, columns=[*dims, "value"])
    both = table[table["form"].isin(["x", "y"])]
    lines = both[dims].assign(line=both["slice"] + both["form"], sign=np.where(both["source"] == "police", 1, -1))
    return table, dims, lines


def test_two_sources_with_one_key_and_different_totals() -> None:
    """What one source hides the other must hide too: each is a table of its own with its own total."""
    table, dims, lines = two_sources()
    protected = protect(table, dims, lines=lines)
    assert attack([protected], dims).nothing
    assert audit(protected, dims, lines=lines).safe
    # protected source by source with other prices, what one hides the other shows
    priced = table.assign(cost=np.where((table["source"] == "police") == (table["form"] == "y"), 1.0, 500.0))
    apart = protect(priced, dims, weight="cost")
    assert audit(apart, dims).safe
    assert not audit(apart, dims, lines=lines).safe
    together = protect(priced, dims, weight="cost", lines=lines)
    assert audit(together, dims, lines=lines).safe


def test_sources_pooled_into_one_key_leak_and_side_by_side_do_not() -> None:
    """The smallest figure of each key is no source's table: it misses its total, so a lone gap looks safe, while both
    sources add up for whoever reads them."""
    rng = np.random.default_rng(4)
    rows = []
    for number in range(9):
        for source, x, y in (
            ("police", int(rng.integers(1, 9)), 150 + number),
            ("observatory", 30 + number, 100 + number),
        ):
            rows += [(source, f"s{number}", form, float(n)) for form, n in (("x", x), ("y", y), ("_T", x + y))]
    dims = ["source", "slice", "form"]
    table = pd.DataFrame(rows, columns=[*dims, "value"])
    pooled = table.sort_values("value", kind="stable").drop_duplicates(dims[1:])
    marks = protect(pooled, dims[1:])[[*dims[1:], "suppressed"]]
    assert len(attack([table.merge(marks)], dims).exact) == 18
    protected = protect(table, dims)
    assert attack([protected], dims).nothing
    assert audit(protected, dims).safe


def test_two_trees_over_one_code() -> None:
    calendar = {"2023-01": "2023-Q1", "2023-Q1": "2023", "2023-Q2": "2023", "2024-Q1": "2024"}
    fiscal = {"2023-Q2": "FY2023", "2024-Q1": "FY2023"}
    first, second = parents_in_each_tree([*calendar, "2023", "2024", "FY2023", "_T"], [calendar, fiscal])
    assert first["2023-Q2"] == "2023" and first["2023"] == "_T" and first["FY2023"] is None
    assert second["2023-Q2"] == "FY2023" and second["FY2023"] == "_T" and second["2023"] is None
    # a group of another tree that this one divides between its own has no place; what neither divides stays
    forms = parents_in_each_tree(
        ["LAB", "_T"], [{"S1": "SEX", "S2": "SEX", "S3": "SEX"}, {"S1": "ADULT", "S2": "ADULT"}]
    )
    assert forms[1] == {"LAB": "_T", "_T": None, "S1": "ADULT", "S2": "ADULT", "S3": "_T", "SEX": None, "ADULT": "_T"}
    # one tree given twice, or in two that say the same, is one
    assert len(parents_in_each_tree(["a", "A", "_T"], [{"a": "A"}, {"a": "A", "A": "_T"}])) == 1


def test_the_right_line_comes_out_where_a_level_is_missing() -> None:
    rows = [("x", age) for age in ("_T", "0-17", "18+", "0-11", "12-17")] + [
        ("y", age) for age in ("_T", "18+", "0-11", "12-17")
    ]
    table = pd.DataFrame(rows, columns=["area", "age"])
    assert lines_as_text(table, ["area", "age"], {"age": [{"0-11": "0-17", "12-17": "0-17"}]}) == {
        "x _T = x 0-17 + x 18+",
        "x 0-17 = x 0-11 + x 12-17",
        "y _T = y 0-11 + y 12-17 + y 18+",
    }
    # with a second way to divide the missing member there are two sums that make the total
    more = pd.concat([table, pd.DataFrame([("y", "0-14"), ("y", "15-17")], columns=["area", "age"])])
    trees = [{"0-11": "0-17", "12-17": "0-17", "18+": "_T"}, {"0-14": "0-17", "15-17": "0-17"}]
    texts = lines_as_text(more[more["area"] == "y"], ["area", "age"], {"age": trees})
    assert texts == {"y _T = y 0-11 + y 12-17 + y 18+", "y _T = y 0-14 + y 15-17 + y 18+"}


def test_all_lines_of_the_invented_trees_hold_and_none_is_missing() -> None:
    """The trees say what the groups say: each line adds up, and each group is the sum of its members."""
    for dim, members in BASE.items():
        table = pd.DataFrame({dim: [*members, *GROUPS[dim]]})
        count = {member: float(2**i) for i, member in enumerate(members)}
        table["value"] = [count.get(m, sum(count[p] for p in GROUPS[dim].get(m, ()))) for m in table[dim]]
        built = build_lines(table[[dim]], [dim], {dim: TREES[dim]})
        gap = built.matrix @ table["value"].to_numpy()
        totals = {
            table[dim][row.indices[row.data < 0][0]] for row in (built.matrix[[i]] for i in np.flatnonzero(gap == 0))
        }
        assert totals == set(GROUPS[dim]), (dim, totals)


def derived_beside_reported() -> tuple[pd.DataFrame, list[str], pd.DataFrame]:
    """Quarters and a reported year that is 12 more than their sum; a derived year that is the sum."""
    rows, entries = [], []
    for number in range(6):
        quarters = [4 + number % 3, 30 + number, 25, 41]
        figures = {f"q{i}": float(count) for i, count in enumerate(quarters)}
        rows += [(f"a{number}", period, "reported", count) for period, count in figures.items()]
        rows.append((f"a{number}", "_T", "reported", sum(quarters) + 12.0))
        rows.append((f"a{number}", "_T", "derived", float(sum(quarters))))
        entries += [(f"a{number}", period, "reported", f"a{number}", 1) for period in figures]
        entries.append((f"a{number}", "_T", "derived", f"a{number}", -1))
    dims = ["area", "period", "derivation"]
    return pd.DataFrame(rows, columns=[*dims, "value"]), dims, pd.DataFrame(entries, columns=[*dims, "line", "sign"])


def test_derived_totals_beside_reported_ones() -> None:
    """The reported year bounds the quarters; the derived one determines them."""
    table, dims, lines = derived_beside_reported()
    assert audit(protect(table, dims), dims).safe
    assert not audit(protect(table, dims), dims, lines=lines).safe
    protected = protect(table, dims, lines=lines)
    result = audit(protected, dims, lines=lines)
    assert result.safe
    assert result.lines.query("origin == 'given'")["slices"].tolist() == [6]


def test_given_lines_with_absent_cells() -> None:
    table = pd.DataFrame([("a", 4.0), ("b", 40.0), ("sum", 44.0)], columns=["cell", "value"])
    whole = pd.DataFrame([("a", "l", 1), ("b", "l", 1), ("sum", "l", -1)], columns=["cell", "line", "sign"])
    assert set(protect(table, ["cell"])["suppressed"]) == {"primary", ""}
    assert (protect(table, ["cell"], lines=whole)["suppressed"] != "").sum() == 2
    # a part that is not listed: what is left bounds, and as it adds up it is closed like a whole line
    partly = pd.concat([whole, pd.DataFrame([("z", "l", 1)], columns=whole.columns)])
    assert (protect(table, ["cell"], lines=partly)["suppressed"] != "").sum() == 2
    # a side that is absent whole says nothing, and is counted
    other = whole.assign(cell=["a", "b", "elsewhere"])
    protected = protect(table, ["cell"], lines=other)
    assert set(protected["suppressed"]) == {"primary", ""}
    assert protected.attrs["disclosure"]["lines_passed_over"] == 1
    # the factor of a unit: thousands beside units
    scaled = pd.DataFrame([("a", 4000.0), ("k", 4.0)], columns=["cell", "value"])
    units = pd.DataFrame([("a", 0, 1), ("k", 0, -1000)], columns=["cell", "line", "sign"])
    assert set(protect(scaled, ["cell"], lines=units)["suppressed"]) == {"secondary", "primary"}
    for wrong, message in (
        (whole.drop(columns="sign"), "no column 'sign'"),
        (whole.assign(sign=0), "must be"),
        (pd.concat([whole, whole]), "names a cell twice"),
    ):
        with pytest.raises(ValueError, match=message):
            protect(table, ["cell"], lines=wrong)
    with pytest.raises(ValueError, match="list of such"):
        protect(table, ["cell"], hierarchies={"cell": ["a"]})


def test_each_row_has_its_own_threshold() -> None:
    table = pd.DataFrame(
        [(who, form, count) for who in "pr" for form, count in (("_T", 100.0), ("a", 7.0), ("b", 40.0), ("c", 53.0))],
        columns=["partner", "form", "value"],
    ).assign(least=[5.0] * 4 + [11.0] * 4)
    protected = protect(table, ["partner", "form"], threshold="least")
    assert protected["suppressed"].tolist() == ["", "", "", "", "", "primary", "secondary", ""]
    assert audit(protected, ["partner", "form"]).safe
    assert not audit(protected, ["partner", "form"], threshold=11).safe
    same = protect(table.assign(least=11.0), ["partner", "form"], threshold="least")
    assert same["suppressed"].tolist() == protect(table, ["partner", "form"])["suppressed"].tolist()
    with pytest.raises(ValueError, match="above 0 in every row"):
        protect(table.assign(least=np.nan), ["partner", "form"], threshold="least")


@pytest.mark.parametrize("seed", range(30))
def test_thirty_tables_with_several_trees(seed: int) -> None:
    invented = story(seed)
    table, dims = invented.tables[0], invented.dims
    protected = protect(table, dims, hierarchies=invented.trees, lines=invented.lines)
    found = attack([protected], dims)
    assert found.nothing, found
    assert audit(protected, dims, invented.trees, invented.lines).safe


def test_without_a_tree_or_without_the_lines_of_two_sources_the_attacker_gets_cells() -> None:
    opened = {"trees": 0, "lines": 0}
    for seed in (1, 5, 9):
        invented = story(seed, with_sources=True)
        table, dims = invented.tables[0], invented.dims
        one_tree = {dim: trees[0] for dim, trees in invented.trees.items()}
        without_trees = protect(table, dims, hierarchies=one_tree, lines=invented.lines)
        without_lines = protect(table, dims, hierarchies=invented.trees)
        opened["trees"] += not attack([without_trees], dims).nothing
        opened["lines"] += not attack([without_lines], dims).nothing
    assert min(opened.values()) >= 2, opened


def test_found_relations_are_not_chance() -> None:
    """Members that make up nothing are not taken for parts, however many there are, and what is declared is not found."""
    rng = np.random.default_rng(8)
    rows = [(f"s{s}", f"m{m:02d}", float(v)) for s in range(40) for m, v in enumerate(rng.poisson(6.0, 25))]
    assert found_lines(pd.DataFrame(rows, columns=[*DIMS, "value"]), DIMS) == []
    table = NESTED["ages"]
    names = {(r.total, r.parts) for r in found_lines(table, DIMS)}
    assert names == {("0-17", ("0-11", "12-17")), ("_T", ("0-17", "18+"))}
    assert found_lines(table, DIMS, NESTED_TREES["ages"]) == []
    # in nearly all slices is enough, in most is not
    off = table["member"].eq("0-17") & table["area"].isin(["q1", "q2", "q3"])
    assert ("0-17", ("0-11", "12-17")) not in {
        (r.total, r.parts) for r in found_lines(table.assign(value=table["value"] - 7 * off), DIMS)
    }
    once = pd.concat(
        [
            nested(seed, "0-17", ("0-11", "12-17"), "18+").assign(area=lambda t, s=seed: t["area"] + str(s))
            for seed in range(4)
        ]
    )
    wrong = once["member"].eq("0-17") & once["area"].eq("q10")
    assert ("0-17", ("0-11", "12-17")) in {
        (r.total, r.parts) for r in found_lines(once.assign(value=once["value"] + 7 * wrong), DIMS)
    }
