"""Which tests belong together in one worker, and in which order workers take such groups."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar

ROOT = Path(__file__).resolve().parents[2]
# Groups that take a minute or more, in the order in which workers take them: what makes a home stands before what only
# looks at it, and what is short fills the time until the last worker ends.
LONGEST_FIRST = (
    "demonstration",
    "variation",
    "public releases",
    "sequences",
    "many",
    "real",
    "tests/pipeline/test_operations_upgrade.py",
    "tests/trust/test_intake_crash.py",
    "damage",
    "tests/statistics/test_null_families.py",
    "tests/trust/test_disclosure_campaign.py",
    "tests/pipeline/test_messy_tables.py",
    "newcomers",
    "notebooks",
    "page numbers",
    "public safety",
    "watching",
    "records",
    "tests/unit/test_analytics_trends.py",
    "tests/dbt/test_warehouse.py",
    "tests/dbt/test_real_figures.py",
    "tests/browser/test_pages.py",
)


class Named(Protocol):
    @property
    def nodeid(self) -> str: ...


Item = TypeVar("Item", bound=Named)


def in_order(items: Sequence[Item]) -> list[Item]:
    """Long groups, then the others, those with many tests first; within a group as given."""
    groups = [declared_group(item.nodeid.split("::", 1)[0]) for item in items]
    count = Counter(groups)
    rank = {group: place for place, group in enumerate(LONGEST_FIRST)}
    first = {group: -place for place, group in enumerate(reversed(groups))}

    def place(number: int) -> tuple[int, int, int]:
        group = groups[number]
        return rank.get(group, len(rank)), -count[group], first[group]

    return [items[number] for number in sorted(range(len(items)), key=place)]


@cache
def declared_group(file: str) -> str:
    """The group of `pytestmark = pytest.mark.xdist_group("…")` in a test file; the file itself where it declares none."""
    path = ROOT / file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(r"^pytestmark = .*xdist_group\(\"([^\"]+)\"\)", text, re.MULTILINE)
    return found[1] if found else file
