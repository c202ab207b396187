"""What protect does with edges: thresholds, zeros, gaps in the table, totals that do not add up, earlier releases."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pandas as pd
import pytest

from disclosure import protection, simplex
from disclosure.auditing import audit
from disclosure.protection import protect

DIMS = ["area", "sex"]


def frame(cells: dict[tuple[str, str], float], dims: list[str] | None = None) -> pd.DataFrame:
    table = pd.DataFrame(list(cells), columns=dims or DIMS)
    return table.assign(value=list(cells.values()))


def marks(protected: pd.DataFrame, dims: list[str] | None = None) -> dict[tuple, str]:
    keys = protected[dims or DIMS].itertuples(index=False, name=None)
    return dict(zip(keys, protected["suppressed"], strict=True))


def region_table(seed: int = 0, scale: float = 12.0) -> tuple[pd.DataFrame, list[str], dict]:
    """Regions in countries by quarters in years by sex, with all totals; period has no grand total."""
    rng = np.random.default_rng(seed)
    hierarchies = {
        "area": {f"{c}-0{i}": c for c in ("QMA", "QMB", "QMC") for i in range(1, 5)}
        | dict.fromkeys(("QMA", "QMB", "QMC"), "_T"),
        "period": {f"{year}-Q{q}": str(year) for year in (2022, 2023) for q in (1, 2, 3, 4)},
    }
    regions = [area for area, parent in hierarchies["area"].items() if parent != "_T"]
    rows = list(itertools.product(regions, hierarchies["period"], ["F", "M"]))
    level = {area: rng.gamma(1.5, scale) for area in regions}
    table = pd.DataFrame(rows, columns=["area", "period", "sex"])
    table["value"] = [float(rng.poisson(level[area] / 2)) for area, _, _ in rows]
    for dim, tree in (*hierarchies.items(), ("sex", {"F": "_T", "M": "_T"})):
        levels = [table]
        while (above := levels[-1][levels[-1][dim].isin(list(tree))]).size:
            dims = ["area", "period", "sex"]
            levels.append(above.assign(**{dim: above[dim].map(tree)}).groupby(dims, as_index=False)["value"].sum())
        table = pd.concat(levels, ignore_index=True)
    return table, ["area", "period", "sex"], hierarchies


def test_threshold_edges_and_zeros() -> None:
    table = frame({("a", "_T"): 0, ("b", "_T"): 1, ("c", "_T"): 10, ("d", "_T"): 11, ("e", "_T"): 400})
    codes = marks(protect(table, DIMS))
    assert codes[("a", "_T")] == ""  # nobody to protect
    assert codes[("b", "_T")] == codes[("c", "_T")] == "primary"
    assert codes[("d", "_T")] == codes[("e", "_T")] == ""
    assert marks(protect(table, DIMS, threshold=10))[("c", "_T")] == ""
    assert marks(protect(table, DIMS, threshold=12))[("d", "_T")] == "primary"


def test_zeros_are_never_complements() -> None:
    table, dims, hierarchies = region_table(scale=4.0)
    protected = protect(table, dims, hierarchies=hierarchies)
    assert (table["value"] == 0).any()
    assert (protected.loc[protected["value"] == 0, "suppressed"] == "").all()


def test_a_lone_small_part_gets_the_cheapest_company() -> None:
    table = frame({("_T", "x"): 100, ("a", "x"): 4, ("b", "x"): 30, ("c", "x"): 25, ("d", "x"): 41})
    assert marks(protect(table, DIMS)) == {
        ("_T", "x"): "", ("a", "x"): "primary", ("b", "x"): "", ("c", "x"): "secondary", ("d", "x"): "",
    }  # fmt: skip
    priced = table.assign(cost=[1000, 1, 5, 50, 500])
    assert marks(protect(priced, DIMS, weight="cost"))[("b", "x")] == "secondary"


def test_two_small_parts_alone_do_not_protect_each_other() -> None:
    """3 and 4 under a shown total leave 7 between them: both stay known to be small."""
    table = frame({("_T", "x"): 107, ("a", "x"): 3, ("b", "x"): 4, ("c", "x"): 100})
    assert marks(protect(table, DIMS))[("c", "x")] == "secondary"


def test_not_reported_is_neither_a_cell_nor_a_zero() -> None:
    table = frame({("_T", "x"): 60, ("a", "x"): 4, ("b", "x"): np.nan, ("c", "x"): 56})
    codes = marks(protect(table, DIMS))
    assert codes[("b", "x")] == ""
    assert codes[("a", "x")] == "primary"
    assert codes[("c", "x")] == "secondary"  # 60 - 56 would give the 4 away
    # a missing total in the middle does not cut regions from the grand total
    tree = {"area": {"r1": "C", "r2": "C", "C": "_T", "D": "_T"}}
    table = frame({("_T", "x"): 90, ("C", "x"): np.nan, ("r1", "x"): 5, ("r2", "x"): 45, ("D", "x"): 40})
    codes = marks(protect(table, DIMS, hierarchies=tree))
    assert codes[("D", "x")] == "secondary"
    assert codes[("C", "x")] == ""


def test_parts_that_are_not_all_listed_bound_but_do_not_determine() -> None:
    """Two of many parts: the outsider only knows that they do not exceed the total."""
    table = frame({("_T", "x"): 500, ("a", "x"): 4, ("b", "x"): 30})
    assert marks(protect(table, DIMS)) == {("_T", "x"): "", ("a", "x"): "primary", ("b", "x"): ""}
    close = frame({("_T", "x"): 36, ("a", "x"): 4, ("b", "x"): 30})  # 2 short: "about 6" is too close to 4
    assert "secondary" in marks(protect(close, DIMS)).values()


def test_parts_that_exceed_their_total_are_protected_as_if_they_added_up() -> None:
    table = frame({("_T", "x"): 100, ("a", "x"): 4, ("b", "x"): 57, ("c", "x"): 40})
    assert marks(protect(table, DIMS))[("c", "x")] == "secondary"


@pytest.mark.parametrize("seed", range(12))
def test_tables_with_errors_and_holes_pass_the_audit(seed: int) -> None:
    """Totals that are off by a few either way, missing rows, values not reported."""
    rng = np.random.default_rng(seed)
    table, dims, hierarchies = region_table(seed, scale=(3.0, 10.0, 40.0)[seed % 3])
    wrong = rng.random(len(table)) < 0.15
    table = table.assign(value=np.maximum(0, table["value"] + wrong * rng.integers(-6, 20, len(table))))
    table = table[rng.random(len(table)) < 0.8]
    table = table.assign(value=table["value"].where(rng.random(len(table)) < 0.9)).reset_index(drop=True)
    protected = protect(table, dims, hierarchies=hierarchies)
    assert audit(protected, dims, hierarchies).safe
    assert (protected.loc[table["value"].isna(), "suppressed"] == "").all()


def test_dimension_without_total_links_nothing() -> None:
    table, dims, hierarchies = region_table()
    alone = protect(table, dims, hierarchies=hierarchies)["suppressed"]
    other = table.assign(measure="m1", value=table["value"] * 3)
    stacked = pd.concat([table.assign(measure="m0"), other], ignore_index=True)
    both = protect(stacked, ["measure", *dims], hierarchies=hierarchies)
    assert both.loc[both["measure"] == "m0", "suppressed"].tolist() == alone.tolist()


def test_same_rows_same_order_and_input_untouched() -> None:
    table, dims, hierarchies = region_table()
    table.index = pd.RangeIndex(7, 7 + len(table))
    before = table.copy(deep=True)
    protected = protect(table, dims, hierarchies=hierarchies)
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_frame_equal(protected.drop(columns="suppressed"), before)
    assert set(protected["suppressed"]) == {"", "primary", "secondary"}
    small = (table["value"] > 0) & (table["value"] < 11)
    assert ((protected["suppressed"] == "primary") == small).all()


def test_same_input_same_bytes() -> None:
    table, dims, hierarchies = region_table(seed=4)
    texts = {protect(table, dims, hierarchies=hierarchies).to_csv(index=False) for _ in range(3)}
    assert len(texts) == 1


@pytest.mark.parametrize("seed", range(3))
def test_row_order_and_member_names_do_not_matter(seed: int) -> None:
    table, dims, hierarchies = region_table(seed=seed)
    expected = protect(table, dims, hierarchies=hierarchies)
    shuffled = table.sample(frac=1, random_state=seed)
    again = protect(shuffled, dims, hierarchies=hierarchies).loc[table.index]
    assert again["suppressed"].tolist() == expected["suppressed"].tolist()

    def renamed(member: str) -> str:
        return member if member == "_T" else "n" + member[::-1]

    other_tree = {dim: {renamed(c): renamed(p) for c, p in tree.items()} for dim, tree in hierarchies.items()}
    other = protect(table.assign(**{dim: table[dim].map(renamed) for dim in dims}), dims, hierarchies=other_tree)
    changed = other["suppressed"] != expected["suppressed"]
    # only cells that nothing but their name tells apart may swap places
    assert sorted(other.loc[changed, "value"]) == sorted(expected.loc[changed, "value"])
    assert (other["suppressed"] != "").sum() == (expected["suppressed"] != "").sum()
    assert other.loc[other["suppressed"] == "secondary", "value"].sum() == pytest.approx(
        expected.loc[expected["suppressed"] == "secondary", "value"].sum()
    )


def test_the_loss_is_bounded_and_stated() -> None:
    for scale in (4.0, 12.0, 60.0):
        table, dims, hierarchies = region_table(scale=scale)
        protected = protect(table, dims, hierarchies=hierarchies)
        primary = (protected["suppressed"] == "primary").mean()
        hidden = (protected["suppressed"] != "").mean()
        lost = table.loc[protected["suppressed"] != "", "value"].sum() / table["value"].sum()
        print(f"\nscale {scale}: {primary:.1%} primary, {hidden:.1%} hidden, {lost:.1%} of the counts")
        assert hidden <= 3 * primary + 0.02


def test_earlier_releases_bind() -> None:
    table, dims, hierarchies = region_table(seed=1)
    first = protect(table, dims, hierarchies=hierarchies)
    again = protect(table, dims, hierarchies=hierarchies, released=[first])
    assert (again["suppressed"] == first["suppressed"]).all()
    # with other prices the cheapest choice would be another one; what is out stays out, what is hidden stays hidden
    priced = table.assign(cost=table["value"].rank(ascending=False))
    free = protect(priced, dims, hierarchies=hierarchies, weight="cost")
    bound = protect(priced, dims, hierarchies=hierarchies, weight="cost", released=[first])
    assert ((free["suppressed"] != "") != (first["suppressed"] != "")).any()
    assert ((bound["suppressed"] != "") == (first["suppressed"] != "")).all()
    # the same from the tables as readers have them, hidden values blank
    blank = first.assign(value=first["value"].where(first["suppressed"] == ""))
    bound = protect(priced, dims, hierarchies=hierarchies, weight="cost", released=[blank])
    assert ((bound["suppressed"] != "") == (first["suppressed"] != "")).all()


def test_a_small_revision_of_a_shown_cell_is_not_shown() -> None:
    """57 then 60 is a table of three persons."""
    cells = {("_T", "x"): 237, ("a", "x"): 57, ("b", "x"): 80, ("c", "x"): 100}
    first = protect(frame(cells), DIMS)
    assert set(first["suppressed"]) == {""}
    late = frame({**cells, ("a", "x"): 60, ("_T", "x"): 240})
    second = protect(late, DIMS, released=[first])
    assert marks(second)[("a", "x")] == marks(second)[("_T", "x")] == "secondary"
    large = frame({**cells, ("a", "x"): 97, ("_T", "x"): 277})
    assert set(protect(large, DIMS, released=[first])["suppressed"]) == {""}


def test_without_the_warm_solver_the_answer_is_as_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    table, dims, hierarchies = region_table(seed=2, scale=20.0)
    table = table[table["area"].str.startswith("QMA")].reset_index(drop=True)
    warm = protect(table, dims, hierarchies=hierarchies)
    warm_audit = audit(warm, dims, hierarchies)
    monkeypatch.setattr(simplex, "_highs", None)
    cold = protect(table, dims, hierarchies=hierarchies)
    assert audit(cold, dims, hierarchies).safe
    cold_audit = audit(warm, dims, hierarchies)
    for bound in ("low", "high"):
        np.testing.assert_allclose(cold_audit.intervals[bound], warm_audit.intervals[bound], atol=1e-6)


def test_errors_say_what_and_where() -> None:
    table = frame({("_T", "x"): 10, ("a", "x"): 4})
    with pytest.raises(ValueError, match="no column 'period'"):
        protect(table, ["area", "period"])
    with pytest.raises(ValueError, match="negative"):
        protect(table.assign(value=[10, -4]), DIMS)
    with pytest.raises(ValueError, match=r"repeat a cell.*'area': 'a'"):
        protect(pd.concat([table, table.iloc[1:]]), DIMS)
    with pytest.raises(ValueError, match="not among the dimensions"):
        protect(table, DIMS, hierarchies={"period": {}})
    with pytest.raises(ValueError, match="circle"):
        protect(table, DIMS, hierarchies={"area": {"a": "b", "b": "a"}})
    with pytest.raises(ValueError, match="weights in 'cost'"):
        protect(table.assign(cost=[1, np.nan]), DIMS, weight="cost")
    with pytest.raises(ValueError, match="threshold"):
        protect(table, DIMS, threshold=0)


def test_empty_and_wholly_unreported_tables() -> None:
    empty = frame({("a", "x"): 1.0}).iloc[:0]
    assert list(protect(empty, DIMS).columns) == ["area", "sex", "value", "suppressed"]
    blank = frame({("a", "x"): np.nan, ("_T", "x"): np.nan})
    assert set(protect(blank, DIMS)["suppressed"]) == {""}
    assert audit(protect(blank, DIMS), DIMS).safe


def test_public_names() -> None:
    assert (protection.PRIMARY, protection.SECONDARY, protection.SHOWN) == ("primary", "secondary", "")


def test_twenty_thousand_cells_take_seconds() -> None:
    """Independent measures stacked along one dimension; processor time, so that a busy machine does not matter."""
    tables = [region_table(seed, scale=15.0) for seed in range(42)]
    dims, hierarchies = ["measure", *tables[0][1]], tables[0][2]
    table = pd.concat([t.assign(measure=f"m{i:02d}") for i, (t, _, _) in enumerate(tables)], ignore_index=True)
    assert len(table) > 20_000
    start = time.process_time()
    protected = protect(table, dims, hierarchies=hierarchies)
    assert audit(protected, dims, hierarchies).safe
    seconds = time.process_time() - start
    print(f"\n{len(table)} cells, {(protected['suppressed'] != '').mean():.0%} hidden: {seconds:.1f} s")
    assert seconds < 30
