"""Every example of the language's page is read as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from partner_files import BASE, changed, write_contract

from submissions.contracts.loading import load
from submissions.contracts.located_yaml import DocumentError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "contract-language.md"
DATASET_KEYS = {
    "format", "files", "issued_on", "unpivot", "exclude", "only", "duplicates", "check_totals", "control_totals", "ignored", "revises", "not_personal", "fiscal_year", "kind",
}  # fmt: skip


def entries() -> list[str]:
    """The entries of all examples, one a test; those with … stand for what is left out."""
    found = []
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        found += re.findall(r"^\S.*\n(?:[ \t].*\n)*", block, re.MULTILINE)
    return [entry for entry in found if "…" not in entry]


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.split("\n")[0][:60])
def test_an_example_of_the_page_is_read(tmp_path: Path, entry: str) -> None:
    (key, value) = next(iter(yaml.load(entry, Loader=yaml.BaseLoader).items()))
    more = {"fiscal_year": {"starts": "04-01", "named_after": "start"}} if "fiscal: true" in entry else {}
    if key in DATASET_KEYS:
        content = changed(**{key: value}, **more)
        if key == "revises":
            content["datasets"][value] = changed()["datasets"]["victims"]
            content["datasets"]["victims"]["replaces"] = "keys"
        if "xlsx" in entry and key == "format":
            content["datasets"]["victims"]["files"] = [{"pattern": "*.xlsx", "issued_on": "2024-12-31"}]
        if value == "cases":
            del content["datasets"]["victims"]["columns"]["value"]
    else:
        assert key in {*BASE["datasets"]["victims"]["columns"], "area_role", "counterpart_area", "counterpart_role"}, (
            key
        )
        columns = {key: value} | (
            {"counterpart_role": {"constant": "citizenship"}} if key == "counterpart_area" else {}
        )
        content = changed(columns=columns, **more)
    if "format" not in entry and ("sheets" in entry or "column: issue" in entry):
        content["datasets"]["victims"]["format"] = {"type": "xlsx", "sheets": "Issue (?P<issue>.*)"}
    if 'decimal: ","' in entry and key == "format":
        del content["datasets"]["victims"]["columns"]["value"]["thousands"]
    maps = dict.fromkeys(re.findall(r"(\w+)\.csv", entry), "source,code\n")
    root = write_contract(tmp_path, content, **maps)
    try:
        load(next(root.rglob("contract.yml")))
    except DocumentError as error:
        pytest.fail(str(error))


def test_the_page_has_examples_of_every_part() -> None:
    said = "\n".join(entries())
    for key in (
        "fill_labels_down",
        "sheets",
        "jsonl",
        "language",
        "fiscal",
        "starts_with",
        "ends_with",
        "split",
        "marks",
    ):
        assert key in said, key
