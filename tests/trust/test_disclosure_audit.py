"""The audit against bounds solved independently, and against tables somebody tampered with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_disclosure_attack import DIMS, HIERARCHIES, attacker_of, bridged_table, plain_rule, small_tables

from disclosure.auditing import audit
from disclosure.protection import protect


def square(hidden: dict[tuple[str, str], str]) -> pd.DataFrame:
    """A 3 x 3 table with totals; hand-checked: the four corners a/b x c/d can trade up to 4."""
    counts = {("a", "c"): 4, ("a", "d"): 20, ("b", "c"): 30, ("b", "d"): 8, ("e", "c"): 50, ("e", "d"): 60}
    for row in "abe":
        counts[row, "f"] = 100
    for row in "abe":
        counts[row, "_T"] = sum(counts[row, column] for column in "cdf")
    for column in ("c", "d", "f", "_T"):
        counts["_T", column] = sum(counts[row, column] for row in "abe")
    table = pd.DataFrame(list(counts), columns=["row", "column"]).assign(value=[float(v) for v in counts.values()])
    codes = [hidden.get((row, column), "") for row, column in table[["row", "column"]].itertuples(index=False)]
    return table.assign(suppressed=codes)


CORNERS = {("a", "c"): "primary", ("a", "d"): "secondary", ("b", "c"): "secondary", ("b", "d"): "primary"}


def test_intervals_worked_out_by_hand() -> None:
    """a/c can rise by at most 20 (a/d falls to 0) and fall by 4; b/d moves with it, a/d and b/c against it."""
    result = audit(square(CORNERS), ["row", "column"])
    intervals = result.intervals.set_index(["row", "column"])
    assert intervals.loc[("a", "c")].tolist() == [0.0, 24.0]
    assert intervals.loc[("a", "d")].tolist() == [0.0, 24.0]
    assert intervals.loc[("b", "c")].tolist() == [10.0, 34.0]
    assert intervals.loc[("b", "d")].tolist() == [4.0, 28.0]
    assert result.safe
    assert list(result.intervals.columns) == ["row", "column", "low", "high"]


@pytest.mark.parametrize("revealed", list(CORNERS))
def test_a_hidden_cell_revealed_by_hand_is_found(revealed: tuple[str, str]) -> None:
    table = square({cell: code for cell, code in CORNERS.items() if cell != revealed})
    result = audit(table, ["row", "column"])
    assert not result.safe
    assert (result.intervals["low"] == result.intervals["high"]).all()


def test_every_revealing_that_matters_is_found_in_a_protected_table() -> None:
    """Reveal each secondary in turn: the audit must agree with the independent attacker."""
    table, dims, hierarchies = bridged_table()
    protected = protect(table, dims, hierarchies=hierarchies)
    assert audit(protected, dims, hierarchies).safe
    verdicts = []
    for row in protected.index[protected["suppressed"] == "secondary"]:
        tampered = protected.copy()
        tampered.loc[row, "suppressed"] = ""
        attacker = attacker_of(tampered, dims, hierarchies)
        small = tampered[tampered["suppressed"] == "primary"]
        ranges = [attacker.range_of(cell) for cell in small[dims].itertuples(index=False, name=None)]
        expected = all(high - low >= 10 - 1e-6 and (high >= 11 - 1e-6 or low <= 1e-6) for low, high in ranges)
        assert audit(tampered, dims, hierarchies).safe == expected
        verdicts.append(expected)
    assert not all(verdicts)


def test_the_plain_rule_does_not_pass() -> None:
    table, dims, hierarchies = bridged_table()
    plain = plain_rule(table, hierarchies, dims, 11)
    result = audit(plain, dims, hierarchies)
    assert not result.safe
    bridge = result.intervals.set_index(dims).loc[("r2", "c3")]
    assert bridge.tolist() == [6.0, 6.0]


def test_a_small_count_left_in_the_open_is_found() -> None:
    table = square({cell: "secondary" for cell in CORNERS if cell != ("a", "c")})
    assert not audit(table, ["row", "column"]).safe


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(table=small_tables(), data=st.data())
def test_intervals_are_those_of_independent_programmes(table: pd.DataFrame, data: st.DataObject) -> None:
    """Any pattern of hidden cells, not only safe ones, with hidden values present or blank."""
    if not table["area"].isin(["A", "B"]).any():
        table = table[table["area"] != "_T"].reset_index(drop=True)  # the attacker's lines need the middle level
    share = data.draw(st.sampled_from([0.2, 0.5, 0.8]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    table = table.assign(suppressed=np.where(rng.random(len(table)) < share, "primary", ""))
    result = audit(table, DIMS, HIERARCHIES)
    attacker = attacker_of(table, DIMS, HIERARCHIES)
    expected = [attacker.range_of(cell) for cell in result.intervals[DIMS].itertuples(index=False, name=None)]
    found = result.intervals[["low", "high"]].to_numpy()
    np.testing.assert_allclose(found, np.array(expected).reshape(-1, 2), atol=1e-5)
    blank = table.assign(value=table["value"].where(table["suppressed"] == ""))
    from_outside = audit(blank, DIMS, HIERARCHIES)
    np.testing.assert_allclose(from_outside.intervals[["low", "high"]].to_numpy(), found, atol=1e-5)


def test_audit_knows_the_parameters_of_protect() -> None:
    table = square({}).drop(columns="suppressed").rename(columns={"value": "persons"})
    protected = protect(table, ["row", "column"], value="persons", threshold=4)
    assert set(protected["suppressed"]) == {""}
    assert audit(protected, ["row", "column"]).safe
    assert not audit(protected, ["row", "column"], threshold=11).safe


def test_what_an_earlier_release_showed_is_known() -> None:
    first = square({})
    second = square(CORNERS)
    assert audit(second, ["row", "column"]).safe
    result = audit(second, ["row", "column"], released=[first])
    assert not result.safe
    assert (result.intervals["low"] == result.intervals["high"]).all()


def test_a_release_that_opens_an_earlier_one_is_not_safe() -> None:
    """Both small cells have grown: alone the second table needs no gap, but it would show the covers of the first."""
    first = square(CORNERS)
    second = square({}).drop(columns="suppressed").set_index(["row", "column"])
    for row, column in (("a", "c"), ("b", "d")):
        for cell in ((row, column), (row, "_T"), ("_T", column), ("_T", "_T")):
            second.loc[cell, "value"] += 50
    second = second.reset_index()
    alone = protect(second, ["row", "column"])
    assert set(alone["suppressed"]) == {""}
    assert not audit(alone, ["row", "column"], released=[first]).safe
    together = protect(second, ["row", "column"], released=[first])
    assert audit(together, ["row", "column"], released=[first]).safe


def test_one_public_code_for_both_kinds() -> None:
    table = square(dict.fromkeys(CORNERS, "c"))
    assert audit(table, ["row", "column"]).safe
    blank = table.assign(value=table["value"].where(table["suppressed"] == ""))
    result = audit(blank, ["row", "column"])
    assert result.intervals.set_index(["row", "column"]).loc[("a", "c")].tolist() == [0.0, 24.0]
