"""Rows below zero that take back an earlier row: only where the contract says so, and never below zero in sum."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from partner_files import HEADER, PARTNER, changed, run, write_contract, write_file

from submissions.contracts import loading
from submissions.contracts.located_yaml import DocumentError

VALUE = {"from": "count", "corrections": True}


def observed(tmp_path: Path, body: str):
    root = write_contract(tmp_path / "contracts", changed(duplicates="sum", columns={"value": VALUE}))
    return run(root, write_file(tmp_path / "inbox", HEADER + body))


def test_a_correction_is_part_of_the_sum(tmp_path: Path) -> None:
    found = observed(tmp_path, "QMA,2022,all,12\nQMA,2022,all,-1\nQMB,2022,all,3\n")
    rows = found.connection.execute("SELECT area, value, lower, upper, source_row_count FROM observations ORDER BY 1")
    assert rows.fetchall() == [("QMA", 11, 11, 11, 2), ("QMB", 3, 3, 3, 1)]
    assert not found.checked.problems


def test_a_key_below_zero_goes_to_quarantine_with_all_its_rows(tmp_path: Path) -> None:
    found = observed(tmp_path, "QMA,2022,all,1\nQMA,2022,all,-2\nQMB,2022,all,3\n")
    assert found.connection.execute("SELECT area FROM observations").fetchall() == [("QMB",)]
    (problem,) = found.checked.problems
    assert (problem.code, problem.count, problem.lines, problem.columns) == ("R-negative", 2, (2, 3), ("count",))


def test_corrections_mean_nothing_where_rows_are_not_summed(tmp_path: Path) -> None:
    root = write_contract(tmp_path, changed(columns={"value": VALUE}))
    with pytest.raises(DocumentError, match="corrections need 'duplicates: sum'"):
        loading.load(root / "partners" / PARTNER)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(-9, 9)), min_size=1, max_size=20))
def test_every_row_is_in_a_sum_or_in_quarantine(tmp_path: Path, numbers: list[tuple[str, int]]) -> None:
    found = observed(tmp_path, "".join(f"QM{area},2022,all,{number}\n" for area, number in numbers))
    sums = {area: sum(number for place, number in numbers if place == area) for area, _ in numbers}
    rows = dict(found.connection.execute("SELECT area, value FROM observations").fetchall())
    assert rows == {f"QM{area}": total for area, total in sums.items() if total >= 0}
    below = sum(1 for area, _ in numbers if sums[area] < 0)
    counts = next(iter(found.checked.counts.values()))
    assert (counts["rows_quarantined"], counts["rows_accepted"]) == (below, len(numbers) - below)
