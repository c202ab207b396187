"""The declared assets, checks, jobs, sensors and schedules against a list in the repository: none may come or go unseen.

After a wanted change: `.venv/bin/python tests/pipeline/test_definitions.py` writes the list anew, and the diff is reviewed.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import dagster as dg

pytestmark = pytest.mark.xdist_group("definitions")

SNAPSHOT = Path(__file__).with_name("definitions_keys.txt")


def loaded() -> dg.Definitions:
    from orchestration.definitions import definitions

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return definitions() if callable(definitions) else definitions


def keys(definitions: dg.Definitions) -> list[str]:
    """`asset <key>`, `check <asset key>:<name>`, and `job`, `sensor` or `schedule <name>`, sorted."""
    graph = definitions.resolve_asset_graph()
    assets = [
        f"asset {key.to_user_string()}"
        for key in graph.get_all_asset_keys()
        if graph.get(key).is_materializable or graph.get(key).is_observable
    ]
    external = [
        f"external {key.to_user_string()}"
        for key in graph.get_all_asset_keys()
        if f"asset {key.to_user_string()}" not in set(assets)
    ]
    checks = [f"check {check.asset_key.to_user_string()}:{check.name}" for check in graph.asset_check_keys]
    jobs = [f"job {job.name}" for job in definitions.jobs or ()]
    sensors = [f"sensor {sensor.name}" for sensor in definitions.sensors or ()]
    schedules = [f"schedule {schedule.name}" for schedule in definitions.schedules or ()]
    return sorted([*assets, *external, *checks, *jobs, *sensors, *schedules])


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return loaded()


def test_assets_and_checks_are_the_listed_ones(definitions: dg.Definitions) -> None:
    listed = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    assert listed == sorted(set(listed))
    found = keys(definitions)
    gone, new = sorted(set(listed) - set(found)), sorted(set(found) - set(listed))
    assert not gone, f"no longer defined: {gone}"
    assert not new, f"not listed (the head of this file says how to list them): {new}"


def test_every_asset_says_whose_it_is_and_what_it_is(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        name = key.to_user_string()
        assert node.group_name not in (None, "", "default"), f"{name} has no group"
        assert node.owners, f"{name} has no owner"
        description = (node.description or "").strip()
        assert len(description) > 15, f"{name} has no description"
        assert not description.startswith(("model ", "seed ")), f"{name} has no description"


def test_what_starts_runs_says_what_it_does(definitions: dg.Definitions) -> None:
    for each in (*(definitions.jobs or ()), *(definitions.sensors or ()), *(definitions.schedules or ())):
        assert len(each.description or "") > 20, each.name


@pytest.mark.parametrize("kind", ["jobs", "sensors", "schedules", "asset_checks"])
def test_a_dropped_trigger_is_noticed(kind: str, definitions: dg.Definitions) -> None:
    import dagster as dg

    held = {
        name: list(getattr(definitions, name) or ())
        for name in ("assets", "asset_checks", "jobs", "sensors", "schedules")
    }
    assert held[kind], kind
    for dropped in held[kind]:
        left = dg.Definitions(
            **{**held, kind: [each for each in held[kind] if each is not dropped]},
            resources=definitions.resources,
            executor=dg.in_process_executor,
        )
        try:
            found = keys(left)
        except dg.DagsterInvalidDefinitionError:
            continue  # a sensor or schedule starts this job: nothing loads without it
        assert found != SNAPSHOT.read_text(encoding="utf-8").splitlines()


def test_every_check_says_what_it_looks_at(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    assert len(graph.asset_check_keys) > 30
    for key in graph.asset_check_keys:
        description = graph.get(key).description if hasattr(graph.get(key), "description") else None
        assert description, f"{key.asset_key.to_user_string()}:{key.name} has no description"


def test_the_walk_is_connected(definitions: dg.Definitions) -> None:
    """Each step hangs on the one before it, from the inbox to the release."""
    import dagster as dg

    graph = definitions.resolve_asset_graph()
    reached, waiting = set(), [dg.AssetKey(["releases", "release"])]
    while waiting:
        key = waiting.pop()
        if key not in reached:
            reached.add(key)
            waiting += graph.get(key).parent_keys
    for step in (
        ["submissions", "received"],
        ["warehouse", "lake"],
        ["protection", "cells"],
        ["analytics", "trends"],
        ["analytics", "hotspots"],
    ):
        assert dg.AssetKey(step) in reached, step


@pytest.mark.parametrize("room", ["for_audience", "before_audience"])
def test_a_dropped_asset_is_noticed(room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration import definitions as assembly

    whole = getattr(assembly, room)
    dropped = whole()[-1]
    monkeypatch.setattr(assembly, room, lambda: whole()[:-1])
    import dagster as dg

    left = dg.Definitions(
        assets=[*assembly.before_audience(), *assembly.for_audience()],
        resources={"warehouse": assembly.Warehouse(home=""), "report": assembly.report_of_run},
        executor=dg.in_process_executor,
    )
    found = keys(left)
    listed = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    names = {f"asset {key.to_user_string()}" for key in dropped.keys}
    assert names <= set(listed)
    assert not names & set(found)


def test_a_dropped_check_is_noticed(definitions: dg.Definitions) -> None:
    """The blocking checks that keep the promise are on the list by name."""
    listed = SNAPSHOT.read_text(encoding="utf-8").splitlines()
    for check in (
        "check submissions/received:rows_balance",
        "check submissions/received:expectations_hold",
        "check protection/cells:no_small_count_is_visible",
        "check protection/cells:audit_is_safe",
        "check releases/release:verified",
    ):
        assert check in listed
    found = keys(definitions)
    for check in [line for line in listed if line.startswith("check ")]:
        assert [line for line in found if line != check] != listed


def test_every_check_that_a_finished_run_planned_was_made(demonstration_home) -> None:
    """A check that is promised and not made hides what it would have found."""
    import dagster as dg

    from orchestration.runs.running import instance_of
    from submissions.store.home import Home

    with instance_of(Home.open(demonstration_home.path)) as instance:
        runs = instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
        assert runs
        for run in runs:
            planned, made = (
                {
                    (event.dagster_event.event_specific_data.asset_key.to_user_string(), name_of_check(event))
                    for event in instance.all_logs(run.run_id, of_type=kind)
                }
                for kind in (
                    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
                    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
                )
            )
            assert planned <= made, (run.job_name, planned - made)


def name_of_check(event: Any) -> str:
    return event.dagster_event.event_specific_data.check_name


def test_a_planned_check_that_dbt_left_out_fails_the_run() -> None:
    from orchestration.defs.warehouse import dbt

    tests = dbt._tests(dbt._selected("published"))
    (left_out,) = [key for key in tests if "status_is_allowed_pub_observations" in key]
    results = [SimpleNamespace(node=SimpleNamespace(unique_id=key)) for key in tests if key != left_out]
    with pytest.raises(dbt.WarehouseFailed, match="1 planned checks did not run: status_is_allowed"):
        dbt._raise_for_left_out(results, set(tests), "published")
    dbt._raise_for_left_out(results, set(tests) - {left_out}, "published")


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(keys(loaded())) + "\n", encoding="utf-8")
    print(f"{SNAPSHOT}: {len(SNAPSHOT.read_text().splitlines())} keys")
