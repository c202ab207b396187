"""The partners' own words, read backwards from their contracts: from a house code to the label that stands in a file.

The labels stand once, in the committed contracts; the generator writes files with them, so that files and contracts
cannot drift apart.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

CONTRACTS = Path(__file__).resolve().parent / "contracts"


@dataclass(frozen=True)
class Label:
    """A partner's label for a code and the days for which it holds (ISO dates, empty: no limit; valid_to is not in)."""

    text: str
    valid_from: str
    valid_to: str


class Labels:
    """All labels of one partner, by dataset column and code."""

    def __init__(self, partner: str):
        self.partner = partner
        self._folder = CONTRACTS / "partners" / partner
        text = (self._folder / "contract.yml").read_text(encoding="utf-8")
        self._datasets = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))["datasets"]
        self._found: dict[tuple[str, str], dict[str, list[Label]]] = {}

    def of(self, dataset: str, column: str, code: str, day: str = "") -> str:
        """The label for a code on a day (ISO date). Raises KeyError when the contract has none."""
        key = (dataset, column)
        if key not in self._found:
            self._found[key] = self._read(dataset, column)
        for label in self._found[key].get(code, ()):
            if (label.valid_from or day) <= day and (not label.valid_to or day < label.valid_to):
                return label.text
        raise KeyError(f"{self.partner} {dataset}: no label for {column} {code} on {day or 'any day'}")

    def _read(self, dataset: str, column: str) -> dict[str, list[Label]]:
        rules = self._datasets[dataset]["columns"][column]
        found: dict[str, list[Label]] = {}
        for rule in rules if isinstance(rules, list) else [rules]:
            for text, code in rule.get("values", {}).items():
                found.setdefault(str(code), []).append(Label(str(text), "", ""))
            if "map" in rule:
                for row in _map_rows(self._folder / rule["map"]):
                    found.setdefault(row["code"], []).append(Label(row["source"], row["valid_from"], row["valid_to"]))
        return found


def _map_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@lru_cache(maxsize=1)
def area_names() -> dict[str, tuple[str, str, str]]:
    """Name, level and parent of every member of the invented area set, by code."""
    rows = {}
    with (CONTRACTS / "areas" / "invented_region.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            rows[row["area_code"]] = (row["area_name"], row["area_level"], row["parent_code"])
    return rows
