"""The order in which workers take groups of tests names groups that there are, and keeps each together."""

from dataclasses import dataclass

import pytest
from order_of_tests import LONGEST_FIRST, ROOT, declared_group, in_order


@dataclass(frozen=True)
class Named:
    nodeid: str


def test_every_long_group_is_declared_by_a_file() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    assert set(LONGEST_FIRST) - {declared_group(file) for file in files} == set()


@pytest.mark.parametrize("turn", [0, 3, 9])
def test_long_groups_come_first_and_a_group_stays_together(turn: int) -> None:
    few, same, many = "tests/unit/test_seeds.py", "tests/unit/test_loopback.py", "tests/unit/test_geo_layers.py"
    long = "tests/trust/test_damage.py"
    assert declared_group(long) == "damage"
    items = [Named(f"{file}::{number}") for number in range(4) for file in (few, many, same, many, long)]
    ordered = [item.nodeid.split("::")[0] for item in in_order([*items[turn:], *items[:turn]])]
    assert ordered[:12] == [long] * 4 + [many] * 8
    assert ordered[12:] in ([few] * 4 + [same] * 4, [same] * 4 + [few] * 4)
