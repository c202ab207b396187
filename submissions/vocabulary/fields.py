"""The field registry (contracts/fields.yml) and the code lists it points to (seeds of the warehouse)."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT / "dbt_project" / "seeds"
RESERVED = ("_T", "_U", "_Z", "_X")


@cache
def registry() -> dict[str, dict[str, Any]]:
    """A column's name to its description, type, unit, privacy, code list, members and format."""
    import yaml

    return yaml.safe_load((ROOT / "contracts" / "fields.yml").read_text(encoding="utf-8"))["fields"]


@cache
def seed(name: str) -> tuple[dict[str, str], ...]:
    """The rows of a seed, every cell as text."""
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream, strict=True))


@cache
def codes(column: str) -> frozenset[str]:
    """All codes that a column may hold; empty when the registry names no list for it."""
    field = registry()[column]
    if "members" in field:
        return frozenset(field["members"])
    listed = field.get("codes")
    if listed is None:
        return frozenset()
    name, key = (listed["seed"], listed["column"]) if isinstance(listed, dict) else (listed, column)
    return frozenset(row[key] for row in seed(name) if row[key])


@cache
def labels() -> dict[str, dict[str, str]]:
    """Column -> code -> the words for it, of every column whose codes have words: from the registry and the code lists.

    A code list has them in `<column>_label` (of the column of the table, else of its own column).
    """
    found = {column: _labels(column, field) for column, field in registry().items()}
    return {column: words for column, words in found.items() if words}


def _labels(column: str, field: dict[str, Any]) -> dict[str, str]:
    own = dict(field.get("labels", {}))
    members = field.get("members", {})
    words = {**(members if isinstance(members, dict) else {})}
    listed = {"seed": own.pop("seed"), "column": own.pop("column")} if "seed" in own else field.get("codes")
    if listed is not None:
        name, key = (listed["seed"], listed["column"]) if isinstance(listed, dict) else (listed, column)
        rows = seed(name)
        label = next((each for each in (f"{column}_label", f"{key}_label") if each in rows[0]), None)
        words |= {row[key]: row[label] for row in rows if label and row[key]}
    return {**words, **own}


@cache
def count_units() -> frozenset[str]:
    """Units that count something, so that their figures are whole numbers; hours, scores and currencies do not."""
    return frozenset(row["unit"] for row in seed("units") if row["unit_kind"] not in ("currency", "hours", "score"))
