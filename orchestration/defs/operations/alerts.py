"""What needs a person, said once: the sensor that reads ledger, calendar and Dagster's own events."""

import json
from collections.abc import Iterator

import dagster as dg

from orchestration import lost_runs
from orchestration.alerts import Alert, watch
from orchestration.defs.resources import Warehouse

SECONDS_BETWEEN_LOOKS = 60
EVENTS_AT_ONCE = 500
# refused files and late partners are said by name, from the ledger and the calendar
SAID_OTHERWISE = {"nothing_refused", "partners_on_time"}


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Refused files, held submissions, late partners, failed checks and failed runs, of the command line "
    "too: a line "
    "each in logs/alerts.jsonl, and to the webhook in WAYMARK_ALERT_WEBHOOK if that is set. Runs whose process was "
    "killed "
    "are reported as failed here, so that the queue goes on.",
)
def alerts_sensor(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SkipReason:
    lost = lost_runs.settle(context.instance)
    cursor = json.loads(context.cursor) if context.cursor else {"checks": 0, "runs": 0}
    found = [*_checks(context.instance, cursor), *_runs(context.instance, cursor)]
    new = watch(warehouse.request().home, found)
    context.update_cursor(json.dumps(cursor))
    said = "; ".join(each.text for each in new) or "nothing new to say"
    return dg.SkipReason(f"{len(lost)} lost runs settled; {said}" if lost else said)


def _checks(instance: dg.DagsterInstance, cursor: dict[str, int]) -> Iterator[Alert]:
    """Checks that failed since the cursor, which moves on; read from Dagster's events."""
    records = instance.get_event_records(
        dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION, after_cursor=cursor["checks"]),
        limit=EVENTS_AT_ONCE, ascending=True,
    )  # fmt: skip
    for record in records:
        cursor["checks"] = max(cursor["checks"], record.storage_id)
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        check = event.asset_check_evaluation_data
        if check.passed or check.check_name in SAID_OTHERWISE:
            continue
        name = f"{check.asset_key.to_user_string()}:{check.check_name}"
        stops = "nothing is released from this build" if check.blocking else "releases go on"
        yield Alert(
            "failed_check",
            f"{name}@{record.run_id}",
            f"the check {name} failed; {stops}",
            f"run {record.run_id} in `waymark ui`",
        )


def _runs(instance: dg.DagsterInstance, cursor: dict[str, int]) -> Iterator[Alert]:
    changes = instance.fetch_run_status_changes(
        dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_FAILURE, after_storage_id=cursor["runs"]),
        limit=EVENTS_AT_ONCE, ascending=True,
    )  # fmt: skip
    for record in changes.records:
        cursor["runs"] = max(cursor["runs"], record.storage_id)
        run = instance.get_run_by_id(record.run_id)
        name = run.job_name if run is not None and not run.job_name.startswith("__") else "a run of the command line"
        yield Alert(
            "failed_run",
            record.run_id,
            f"{name} failed; what was released stands",
            f"run {record.run_id} in `waymark ui`",
        )
