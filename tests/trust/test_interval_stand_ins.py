"""Figures that a publisher gave as an interval (`<5`): what may stand for them, what is hidden, and what asks for cover."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pytest

from orchestration.defs.protection import walk
from orchestration.defs.protection.lines import Declarations

NOTHING = Declarations({}, {})
RULES = {"disclosure": {"threshold": 11}}
Given = int | tuple[int, int]


def cells(figures: Mapping[str, Given]) -> pd.DataFrame:
    """One area and year by sex, as marts have them: a figure, or the publisher's own bounds of one."""
    common = dict.fromkeys(
        ("reporter", "offence", "exploitation", "age", "counterpart_area", "detail"), "_T"
    ) | dict.fromkeys(("counterpart_role", "detail_kind"), "_Z")
    common |= {
        "source": "qma_police_national", "dataset": "victims", "measure": "victims_detected", "unit": "persons",
        "area_role": "detection", "area_code": "QMA", "period": "2023", "period_start": pd.Timestamp("2023-01-01"),
        "frequency": "A", "issued_on": pd.Timestamp("2024-01-15"), "audience": "public", "minimum_cell": 0,
        "already_public_minimum_cell": None, "derivation": "published", "labels_count": 1, "vintage": "current",
    }  # fmt: skip
    rows = []
    for sex, given in figures.items():
        lower, upper = (given, given) if isinstance(given, int) else given
        value = given if isinstance(given, int) else None
        rows.append(common | {"cell_id": sex, "sex": sex, "value": value, "lower": lower, "upper": upper})
    return pd.DataFrame(rows).astype({"value": float, "lower": float, "upper": float})


def released(tables: list[Mapping[str, Given]]) -> list[walk.Decided]:
    """Public releases of one build after the other."""
    found: list[walk.Decided] = []
    kept: list[pd.DataFrame] = []
    pairs = pd.DataFrame({"cell_id": [], "previous_cell_id": []}, dtype=object)
    for number, figures in enumerate(tables, start=1):
        earlier = None
        if kept:
            none = pd.DataFrame(columns=["source", "issued_on", "position"])
            earlier = walk.Earlier(pd.concat(kept, ignore_index=True), none, dict.fromkeys(range(1, number), 1))
        decided = walk.protected_cells(cells(figures), pairs, "public", NOTHING, RULES, earlier)
        kept.append(decided.versions.assign(first_release=number, last_release=number))
        found.append(decided)
    return found


def hidden(decided: walk.Decided) -> set[str]:
    return set(decided.cells.loc[decided.cells["is_suppressed"], "cell_id"])


ONLY_ZERO: dict[str, Given] = {"_T": 40, "F": 40, "M": (0, 4)}


def test_an_interval_that_can_only_be_zero_is_hidden_and_asks_for_no_cover() -> None:
    """Its line is an equation with 0 in it: a stand-in of 1 would make it a line that misses its total."""
    (decided,) = released([ONLY_ZERO])
    assert hidden(decided) == {"M"}, "an interval is never shown, and nobody else has to hide for a zero"
    assert decided.is_safe
    assert decided.cells.set_index("cell_id").loc["M", ["value", "lower", "upper"]].isna().all()


def test_it_asks_for_none_in_a_later_release_either() -> None:
    first, second, third = released([ONLY_ZERO, ONLY_ZERO, {**ONLY_ZERO, "_T": 90, "F": 90}])
    assert hidden(first) == hidden(second) == hidden(third) == {"M"}
    assert first.is_safe and second.is_safe and third.is_safe


def test_an_interval_that_its_line_tells_is_a_small_count_and_is_covered() -> None:
    (decided,) = released([{"_T": 43, "F": 40, "M": (0, 4)}])
    assert "M" in hidden(decided)
    assert len(hidden(decided)) == 2, "43 less 40 would be the count"
    assert decided.is_safe


@pytest.mark.parametrize("total", [41, 44])
def test_the_stand_in_is_what_the_line_says(total: int) -> None:
    (decided,) = released([{"_T": total, "F": 40, "M": (0, 4)}])
    kept = decided.versions.set_index("sex")
    assert kept.loc["M", "value"] == total - 40
    assert (kept.loc["M", "lower"], kept.loc["M", "upper"]) == (0, 4)


def test_several_intervals_share_what_is_left_of_their_total_and_a_zero_among_them_stays_hidden() -> None:
    """Three intervals under a total that leaves two persons: one of them must be 0 and none is shown."""
    (decided,) = released([{"_T": 42, "F": 40, "M": (0, 4), "X": (0, 4), "_U": (0, 4)}])
    assert {"M", "X", "_U"} <= hidden(decided)
    assert decided.versions.set_index("sex").loc[["M", "X", "_U"], "value"].sum() == 2
    assert decided.is_safe
