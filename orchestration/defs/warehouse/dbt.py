"""dbt inside Dagster's process: an asset for every model, a check for every test, one parse for all selections.

dbt's runner parses once; its manifest gives the specs and is handed to every `build`. A subprocess for each call would
cost about ten seconds, most of it start-up. dbt must not run twice at once in one process: the pool sees to it.
"""

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from orchestration.runs import progress
from orchestration.runs.code_identity import ROOT

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PROJECT = ROOT / "dbt_project"
POOL = "warehouse_writer"
SELECTIONS = ("marts", "protected", "published")
# tests that hold of how a model is made, whatever the data: they run in the tests of the house and in no build
PROOF = "proof"
# which Python asset fills the tables of a dbt source
SOURCE_ASSETS = {"lake": ["warehouse", "lake"], "protected": ["protection", "cells"]}
LAYERS = {"stg": "staging", "int": "intermediate", "dim": "marts", "fct": "marts", "pub": "published"}


class WarehouseFailed(Exception):
    """A model or a blocking test failed; the message names each, for a person."""


def _arguments(target: Path) -> list[str]:
    return [
        "--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target),
        "--log-path", str(target / "logs"), "--log-level", "none", "--log-level-file", "none",
        "--no-use-colors", "--no-send-anonymous-usage-stats", "--no-version-check",
    ]  # fmt: skip


@cache
def manifest() -> "Manifest":
    """The parsed project. The parse is kept in the project's target folder, so a second process parses in part."""
    from dbt.cli.main import dbtRunner

    # the profile names the database through the environment; parsing needs a name, never a file
    os.environ.setdefault("WAYMARK_BUILD", "warehouse.duckdb")
    with progress.current().step("start-up", "reading the dbt project"):
        result = dbtRunner().invoke(["parse", *_arguments(target_folder())])
    if not result.success or result.result is None:
        raise WarehouseFailed(f"the dbt project in {PROJECT} does not parse: {result.exception}")
    return result.result  # pyright: ignore[reportReturnType]


def target_folder() -> Path:
    """Where dbt keeps its parse: beside the project, or in the temporary folder of this user where that is read-only."""
    beside = PROJECT / "target"
    if os.access(PROJECT, os.W_OK):
        return beside
    import tempfile

    return Path(tempfile.gettempdir()) / f"waymark-dbt-{os.getuid()}"


def _selected(selection: str) -> dict[str, Any]:
    """Models and seeds of one selection, by unique id. Seeds belong to the first."""
    nodes = {
        key: node
        for key, node in manifest().nodes.items()
        if node.resource_type in ("model", "seed")
        and (selection in node.tags or (selection == "marts" and node.resource_type == "seed"))
    }
    return dict(sorted(nodes.items()))


def asset_key(node: Any) -> dg.AssetKey:
    """Models are `warehouse/<name>`, seeds `definitions/<name>`: what is written by people stands apart."""
    return dg.AssetKey(["definitions" if node.resource_type == "seed" else "warehouse", node.name])


def _group(node: Any) -> str:
    """The room of the house that a node stands in. What is made after protection never stands with what is made before."""
    if node.resource_type == "seed":
        return "definitions"
    return "protected" if "protected" in node.tags else LAYERS.get(node.name[:3], "marts")


def _dependencies(node: Any) -> list[dg.AssetKey]:
    keys: set[dg.AssetKey] = set()
    for upstream in getattr(node.depends_on, "nodes", []):
        if upstream in manifest().sources:
            source = manifest().sources[upstream]
            if source.source_name == "analytics":
                keys.add(dg.AssetKey(["analytics", source.name]))
            else:
                keys.add(dg.AssetKey(SOURCE_ASSETS[source.source_name]))
        elif upstream in manifest().nodes:
            keys.add(asset_key(manifest().nodes[upstream]))
    return sorted(keys)


def _tests(models: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """Data tests that look at these models: test id -> (model id, test). A test of several models belongs to the last."""
    found: dict[str, tuple[str, Any]] = {}
    node: Any
    for key, node in sorted(manifest().nodes.items()):
        if node.resource_type != "test" or PROOF in node.tags:
            continue
        attached = getattr(node, "attached_node", None)
        if attached not in models:
            attached = next((up for up in reversed(node.depends_on.nodes) if up in models), None)
        # dbt runs a test with the last selection that builds one of its models
        if attached is not None and all(up in models or up not in _all_later(models) for up in node.depends_on.nodes):
            found[key] = (attached, node)
    return found


@cache
def _order() -> dict[str, int]:
    return {key: place for place, selection in enumerate(SELECTIONS) for key in _selected(selection)}


def _all_later(models: dict[str, Any]) -> set[str]:
    place = max((_order()[key] for key in models), default=0)
    return {key for key, order in _order().items() if order > place}


def _check_name(test: Any) -> str:
    return test.name.replace(".", "_")[:100]


def _description(node: Any) -> str:
    """What the project says of a model, and its grain, which stands in the first lines of every model."""
    head = itertools.takewhile(lambda line: line.startswith("--"), node.raw_code.lstrip().splitlines())
    grain = " ".join(line.removeprefix("--").strip() for line in head)
    grain = f"G{grain[1:].rstrip('.')}." if grain.startswith("grain:") else ""
    return " ".join(text for text in (node.description.strip(), grain) if text) or f"{node.resource_type} {node.name}"


def _columns(node: Any) -> dict[str, Any]:
    """The columns that the project declares, as Dagster shows them."""
    declared = [
        dg.TableColumn(each.name, each.data_type or "", description=each.description or None)
        for each in node.columns.values()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=declared)} if declared else {}


def warehouse_assets(selection: str, partitions: dg.PartitionsDefinition | None = None) -> dg.AssetsDefinition:
    """One Dagster definition for one dbt selection: `marts`, `protected` or `published`."""
    models = _selected(selection)
    tests = _tests(models)
    specs = [
        dg.AssetSpec(
            asset_key(node),
            deps=_dependencies(node),
            description=_description(node),
            group_name=_group(node),
            kinds={"dbt", "duckdb"},
            owners=["team:data-engineering"],
            skippable=True,
            partitions_def=partitions,
            metadata=_columns(node),
        )
        for node in models.values()
    ]
    checks = [
        dg.AssetCheckSpec(
            _check_name(test),
            asset=asset_key(models[model]),
            blocking=str(test.config.severity).lower() == "error",
            description=(test.description or test.name),
        )
        for model, test in tests.values()
    ]

    @dg.multi_asset(
        name=f"warehouse_{selection}", specs=specs, check_specs=checks, can_subset=True, pool=POOL,
        required_resource_keys={"warehouse"},
    )  # fmt: skip
    def build(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        database = context.resources.warehouse.database(context, selection)
        chosen = [node for node in models.values() if asset_key(node) in context.selected_asset_keys]
        names = None if len(chosen) == len(models) else [node.name for node in chosen]
        results = run(database, selection, names)
        yield from _events(results, models, tests, set(context.selected_asset_keys), row_counts(database))
        _raise_for(results, selection)
        _raise_for_left_out(results, {key for key, (model, _) in tests.items() if models[model] in chosen}, selection)

    return build


def run(database: Path, selection: str, names: Sequence[str] | None = None) -> list[Any]:
    """Build one selection (or only `names` of it) in `database`; dbt's results in the order in which they ended.

    The tests that run are those that the assets promise as checks, by name: what dbt would choose by itself leaves out a
    test of a model and a seed between which a Python asset stands.
    """
    from dbt.cli.main import dbtRunner

    parsed = manifest()
    os.environ["WAYMARK_BUILD"] = str(database)
    shown = progress.current()

    def tell(event: Any) -> None:
        if event.info.name == "NodeStart":
            shown.tick(f"dbt: {event.data.node_info.node_name}")

    chosen = (
        list(names)
        if names is not None
        else [f"tag:{selection}", *(["resource_type:seed"] if selection == "marts" else [])]
    )
    models = _selected(selection)
    chosen += [test.name for model, test in _tests(models).values() if names is None or models[model].name in names]
    command = [
        "--quiet",
        "build",
        "--select",
        *chosen,
        "--indirect-selection",
        "empty",
        "--exclude",
        f"tag:{PROOF}",
        "--exclude-resource-type",
        "unit_test",
    ]
    with shown.step(f"dbt {selection}", f"dbt: {selection}"):
        outcome = dbtRunner(manifest=parsed, callbacks=[tell]).invoke([*command, *_arguments(target_folder())])
    if outcome.result is None:
        # what an exception says may quote a figure or a name
        raise WarehouseFailed(f"dbt could not run {selection}: {type(outcome.exception).__name__}")
    return list(outcome.result)


def row_counts(database: Path) -> dict[str, int]:
    """Rows of each table of a build, as its catalogue has them; views are not counted."""
    import duckdb

    with duckdb.connect(str(database)) as connection:
        rows = connection.execute("select table_name, estimated_size from duckdb_tables() where schema_name = 'main'")
        return dict(rows.fetchall())


def _events(
    results: list[Any],
    models: dict[str, Any],
    tests: dict[str, tuple[str, Any]],
    wanted: set[dg.AssetKey],
    counts: Mapping[str, int],
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    checks: dict[str, list[dg.AssetCheckResult]] = {}
    for result in results:
        if result.node.unique_id in tests:
            model, test = tests[result.node.unique_id]
            if asset_key(models[model]) in wanted:
                checks.setdefault(model, []).append(_check(result, models[model], test))
    for result in results:
        node = models.get(result.node.unique_id)
        if node is not None and str(result.status) == "success" and asset_key(node) in wanted:
            yield dg.MaterializeResult(
                asset_key=asset_key(node),
                metadata={"seconds": round(result.execution_time, 3), **_rows(node, counts)},
                check_results=checks.pop(result.node.unique_id, []),
            )
    for left in checks.values():
        yield from left


def _rows(node: Any, counts: Mapping[str, int]) -> dict[str, int]:
    return {"dagster/row_count": counts[node.name]} if node.name in counts else {}


def _check(result: Any, node: Any, test: Any) -> dg.AssetCheckResult:
    failing = str(test.config.severity).lower() == "error"
    return dg.AssetCheckResult(
        asset_key=asset_key(node),
        check_name=_check_name(test),
        passed=str(result.status) == "pass",
        severity=dg.AssetCheckSeverity.ERROR if failing else dg.AssetCheckSeverity.WARN,
        # how many rows fail is said, which rows never: a small count would leave the house through a check
        metadata={"failing_rows": int(result.failures or 0)},
    )


def _raise_for_left_out(results: list[Any], planned: set[str], selection: str) -> None:
    """A check that was promised and not made is no check: nothing is published on it."""
    left_out = sorted(planned - {result.node.unique_id for result in results})
    if left_out:
        names = ", ".join(manifest().nodes[key].name for key in left_out[:5])
        raise WarehouseFailed(f"dbt {selection}: {len(left_out)} planned checks did not run: {names}")


def _raise_for(results: list[Any], selection: str) -> None:
    bad = [result for result in results if str(result.status) in ("error", "fail", "runtime error")]
    if bad:
        lines = [
            f"  {result.node.name}: {(result.message or str(result.status)).strip().splitlines()[0]}" for result in bad
        ]
        raise WarehouseFailed(f"dbt {selection}: {len(bad)} models or checks failed\n" + "\n".join(lines[:20]))
