"""A small partner for tests of intake: one contract whose parts a test replaces, and files written beside it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import yaml

from submissions.contracts import loading
from submissions.readers import table
from submissions.validation import row_rules
from submissions.validation.row_rules import Checked

PARTNER = "qma_police_test"
FILE_NAME = "victims_2024.csv"
BASE: dict[str, Any] = {
    "partner": PARTNER,
    "name": "Police of the test",
    "sector": "police",
    "audience": "restricted",
    "minimum_cell": 11,
    "datasets": {
        "victims": {
            "title": "Victims",
            "source_type": "police",
            "counting_unit": "persons",
            "period_basis": "detection",
            "replaces": "whole_dataset",
            "format": {"type": "csv"},
            "files": [{"pattern": "victims_*", "issued_on": "2024-12-31"}],
            "columns": {
                "area": {"from": "area"},
                "measure": {"constant": "victims_detected"},
                "period": {"from": "year", "as": "year"},
                "sex": {"from": "sex", "values": {"all": "_T", "women": "F", "men": "M"}},
                "value": {
                    "from": "count",
                    "thousands": ",",
                    "marks": {"<5": [0, 4], "..": {"missing": "not_reported"}},
                },
            },
        }
    },
}  # fmt: skip
HEADER = "area,year,sex,count\n"
ROWS = HEADER + "QMA,2022,all,12\nQMA,2022,women,7\nQMA,2022,men,5\nQMB,2022,all,<5\n"


def changed(**dataset: Any) -> dict[str, Any]:
    """The base contract with keys of its dataset replaced; a key set to None is taken out; `columns` are merged."""
    content = copy.deepcopy(BASE)
    target = content["datasets"]["victims"]
    for key, value in dataset.items():
        if key == "columns":
            target["columns"] = {name: rule for name, rule in (target["columns"] | value).items() if rule is not None}
        elif value is None:
            target.pop(key, None)
        else:
            target[key] = value
    if dataset.get("fiscal_year") and isinstance(target["columns"]["period"], dict):
        # a contract with a fiscal year says of each period whether it is one
        target["columns"]["period"].setdefault("fiscal", True)
    return content


def write_contract(root: Path, content: dict[str, Any] | str | None = None, **files: str) -> Path:
    """Writes a contract (a dictionary or YAML text) and the CSV files beside it. Returns the contracts root."""
    content = BASE if content is None else content
    partner = PARTNER if isinstance(content, str) else content["partner"]
    folder = root / "partners" / partner
    folder.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (folder / "contract.yml").write_text(text, encoding="utf-8")
    for name, body in files.items():
        (folder / f"{name}.csv").write_text(body, encoding="utf-8")
    return root


def write_file(inbox: Path, body: str | bytes = ROWS, name: str = FILE_NAME, partner: str = PARTNER) -> Path:
    path = inbox / partner / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


@dataclass(frozen=True)
class Run:
    """What the row rules made of a file: fates, and observations as dictionaries ordered by their key."""

    checked: Checked
    connection: duckdb.DuckDBPyConnection

    @property
    def codes(self) -> dict[str, tuple[int, ...]]:
        return {problem.code: problem.lines for problem in self.checked.problems}

    def count(self, name: str) -> int:
        return sum(counts[name] for counts in self.checked.counts.values())

    def observations(self, *columns: str) -> list[tuple]:
        names = ", ".join(columns)
        return self.connection.execute(f"SELECT {names} FROM observations ORDER BY ALL").fetchall()


def run(root: Path, path: Path) -> Run:
    """Reads and checks a file under the test contract of a root, without screen, home or ledger."""
    found = loading.load(root / "partners" / path.parent.name)
    dataset = next(dataset for dataset in found.datasets.values() if dataset.file_rule(path.name))
    rule = dataset.file_rule(path.name)
    assert rule is not None
    connection = duckdb.connect()
    read = table.read(path, rule.format, connection)
    places = row_rules.layout(dataset, rule, read)
    return Run(row_rules.check_rows(connection, found, dataset, rule, read, places, path.name), connection)
