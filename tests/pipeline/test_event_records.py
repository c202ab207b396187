"""The faster records of events hold what the library's own hold, in the library's own files."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from orchestration.runs import running
from orchestration.runs.event_storage import EventRecords
from submissions.store.home import Home


@dg.asset(check_specs=[dg.AssetCheckSpec("holds", asset="figures")])
def figures() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={"rows": 7}, check_results=[dg.AssetCheckResult(passed=True, check_name="holds")]
    )


def test_the_library_reads_what_the_faster_records_wrote(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home with 'quotes': and colon", kind="demonstration", create=True)
    with running.instance_of(home) as instance:
        assert isinstance(instance.event_log_storage, EventRecords)
        result = dg.materialize([figures], instance=instance)
        mine = instance.event_log_storage.get_records_for_run(result.run_id).records
    library = SqliteEventLogStorage(str(home.logs / "dagster" / "history" / "runs"))
    theirs = library.get_records_for_run(result.run_id).records
    assert [record.event_log_entry for record in theirs] == [record.event_log_entry for record in mine]
    kinds = {record.event_log_entry.dagster_event_type for record in theirs}
    assert {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION} <= kinds
    with running.instance_of(home) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("figures"))
        assert event is not None
        assert event.run_id == result.run_id
        [check] = instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [dg.AssetCheckKey(dg.AssetKey("figures"), "holds")]
        ).values()
        assert check.run_id == result.run_id
