"""The project itself: contracts, column documentation, tags, exposures, and no silent target."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from warehouse_build import PROJECT, Build

from orchestration.operations import column_docs
from orchestration.runs import table_declarations
from submissions.vocabulary import fields

PUBLISHED = {path.stem for path in (PROJECT / "models" / "published").glob("pub_*.sql")}


@pytest.fixture(scope="module")
def manifest(build: Build):
    build.dbt("ls", "--select", "tag:marts")
    return build.manifest


def models(manifest):
    return {node.name: node for node in manifest.nodes.values() if node.resource_type == "model"}


def test_every_published_column_has_the_description_of_the_registry(manifest) -> None:
    known = fields.registry()
    for name in PUBLISHED:
        for column, info in models(manifest)[name].columns.items():
            assert column in known, f"{name}.{column} is not in contracts/fields.yml"
            assert info.description == column_docs.description(known[column]), f"{name}.{column}"


def test_dims_facts_and_published_tables_have_enforced_contracts(manifest) -> None:
    for name, node in models(manifest).items():
        if name.startswith(("dim_", "fct_", "pub_")):
            assert node.contract.enforced, f"{name} has no contract"


def test_every_model_is_described_and_has_a_data_test(manifest) -> None:
    tested = {
        upstream
        for node in manifest.nodes.values()
        if node.resource_type == "test"
        for upstream in [getattr(node, "attached_node", None)]
    }
    for name, node in models(manifest).items():
        assert node.description, f"{name} has no description"
        assert node.unique_id in tested, f"{name} has no data test"


def test_every_seed_is_read(manifest) -> None:
    """By a model or a test of the project, or as the code list of a column."""
    read = {
        key
        for node in manifest.nodes.values()
        for key in getattr(node.depends_on, "nodes", [])
        if not _is_of_seed(node, key)
    }
    read |= {
        f"seed.waymark.{listed['seed'] if isinstance(listed, dict) else listed}"
        for field in fields.registry().values()
        for listed in (field.get("codes"), field.get("labels"))
        if isinstance(listed, str) or (listed and "seed" in listed)
    }
    seeds = {key for key, node in manifest.nodes.items() if node.resource_type == "seed"}
    assert seeds <= read, sorted(seeds - read)


def _is_of_seed(node, key: str) -> bool:
    return node.resource_type == "test" and getattr(node, "attached_node", None) == key


def test_dbt_and_the_house_read_the_same_declaration(manifest) -> None:
    """The loader of the house reads the YAML as dbt does: names, types, meta."""
    declared = table_declarations.tables()
    assert {f"pub_{name}" for name in declared} == PUBLISHED
    for name, table in declared.items():
        node = models(manifest)[f"pub_{name}"]
        assert {column: info.data_type for column, info in node.columns.items()} == table.columns
        assert tuple(node.config.meta["key"]) == table.key
    for name, columns in table_declarations.between().items():
        assert f"source.waymark.{name}" in manifest.sources
        assert columns


def test_series_dimensions_are_those_that_stand_beside_the_frames(manifest) -> None:
    series = set(models(manifest)["dim_series"].columns) - {"series_id"}
    for name in ("trends", "alerts", "nowcasts", "verdicts"):
        beside = models(manifest)[f"pub_{name}"].config.meta["frame"]["beside"]
        assert set(beside) == series | {"as_of"}


def test_every_model_states_its_grain_in_the_first_line() -> None:
    for path in (PROJECT / "models").rglob("*.sql"):
        assert path.read_text().startswith("-- grain: "), path


def test_layers_and_tags(manifest) -> None:
    tags = {"stg": "marts", "pub": "published"}
    for name, node in models(manifest).items():
        assert len({"marts", "protected", "published"} & set(node.tags)) == 1, name
        assert tags.get(name[:3], node.tags[0]) in node.tags, name
        upstream = {manifest.nodes[key].tags[0] for key in node.depends_on.nodes if key in manifest.nodes}
        order = ["marts", "protected", "published"]
        assert all(order.index(tag) <= order.index(node.tags[0]) for tag in upstream), name
        sources = {manifest.sources[key].source_name for key in node.depends_on.nodes if key in manifest.sources}
        allowed = {"marts": {"lake"}, "protected": {"protected"}, "published": {"protected", "analytics"}}[node.tags[0]]
        assert sources <= allowed, f"{name} reads {sources - allowed}"


def test_nothing_of_a_build_comes_from_variables_or_the_clock() -> None:
    for path in [*(PROJECT / "models").rglob("*.sql"), *(PROJECT / "macros").rglob("*.sql")]:
        text = path.read_text()
        assert not re.search(r"env_var|var\(|current_date|current_timestamp|now\(\)|random\(", text), path


def test_every_published_table_belongs_to_a_page(manifest) -> None:
    used = {key.split(".")[-1] for exposure in manifest.exposures.values() for key in exposure.depends_on.nodes}
    assert used == PUBLISHED
    for exposure in manifest.exposures.values():
        assert exposure.owner.name
        assert exposure.description


def test_there_is_no_default_database() -> None:
    profile = yaml.safe_load((PROJECT / "profiles.yml").read_text())["waymark"]
    assert profile["outputs"][profile["target"]]["path"] == "{{ env_var('WAYMARK_BUILD', ':memory:') }}"


def test_the_project_builds_and_is_documented_on_an_empty_build(build: Build) -> None:
    """Every model, data test and unit test: what CONTRIBUTING says of dbt by hand."""
    build.write({})
    result = build.dbt("build")
    assert sum(each.node.resource_type == "unit_test" for each in result.result.results) >= 7
    build.dbt("docs", "generate")


def test_dbt_lists_the_project_with_nothing_set(tmp_path: Path) -> None:
    """`dbt ls` in a fresh clone, in a process of its own: no variable, no database."""
    environment = {name: value for name, value in os.environ.items() if name != "WAYMARK_BUILD"}
    command = [str(Path(sys.executable).with_name("dbt")), "--quiet", "ls", "--resource-type", "model"]
    command += ["--target-path", str(tmp_path), "--log-path", str(tmp_path)]
    listed = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert {line.split(".")[-1] for line in listed.stdout.split()} >= PUBLISHED
