"""Flows between areas as a chart and a page show them alike: which ends, and what stands for a flow without a figure."""

from __future__ import annotations

from typing import Any

from reports.wording import cells
from reports.wording.words import name_order


def largest_ends(summary: Any, statistic: str, place: dict[str, str], names: dict[str, str], count: int) -> list[str]:
    """The areas at one end with the largest sums of flows, as the table `summary` has them, in the order of names."""
    rows = {row["area_code"]: row["lower"] for row in summary.rows(statistic, **place)}
    largest = sorted(
        names, key=lambda code: (-(rows.get(code, 0) if rows.get(code, 0) == rows.get(code, 0) else 0), code)
    )
    return sorted(largest[:count], key=lambda code: (name_order(names[code]), code))


def unshown(row: dict[str, Any]) -> str:
    """What stands for a flow without an exact figure: its upper bound where that may be shown."""
    upper = row.get("upper")
    return f"≤ {cells.number(row, 'upper')}" if upper is not None and upper == upper else "×"
