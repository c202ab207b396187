"""What needs a person, said once: the sensor that reads ledger, calendar and Dagster's own events."""

import json
import os
from datetime import UTC, datetime

import dagster as dg

from orchestration.defs.resources import Warehouse
from orchestration.operations import lateness
from orchestration.operations.alerts import Alert, watch
from orchestration.runs import orphaned_runs

SECONDS_BETWEEN_LOOKS = 60
RUNS_AT_ONCE = 100
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
# refused files and late partners are said by name, from the ledger and the calendar
SAID_OTHERWISE = {"nothing_refused", "partners_on_time"}


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Refused files, held submissions, late partners, new early-warning signals, failed checks and failed "
    "runs, of the command line too: a line each in logs/alerts.jsonl, and to the webhook in WAYMARK_ALERT_WEBHOOK if "
    "that is set. Runs whose process was killed are reported as failed here, so that the queue goes on.",
)
def alerts_sensor(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SkipReason:
    lost = orphaned_runs.settle(context.instance)
    home = warehouse.request().home
    cursor = json.loads(context.cursor) if context.cursor else {"runs": 0.0}
    found, runs = of_runs(context.instance, cursor["runs"])
    # who is late is read from the lake: once a day, and when something has come in
    ledger = home.ledger / "ledger.jsonl"
    calendar = f"{lateness.today_of(home)} {ledger.stat().st_size if ledger.exists() else 0}"
    latest = sorted(f"{link.parent.name}/{os.readlink(link)}" for link in home.releases.glob("*/latest"))
    new = watch(
        home,
        found,
        calendar=calendar != cursor.get("calendar"),
        releases_changed=latest != cursor.get("latest"),
    )
    context.update_cursor(json.dumps({"runs": runs, "calendar": calendar, "latest": latest}))
    said = "; ".join(each.text for each in new) or "nothing new to say"
    return dg.SkipReason(f"{len(lost)} lost runs settled; {said}" if lost else said)


def of_runs(instance: dg.DagsterInstance, after: float) -> tuple[list[Alert], float]:
    """Failed runs and failed checks of the runs that ended after a time (seconds since 1970); the newest such time.

    A run that is looked at twice makes the same alerts, and those are said once.
    """
    ended = dg.RunsFilter(statuses=ENDED, updated_after=datetime.fromtimestamp(after, UTC))
    found: list[Alert] = []
    for record in instance.get_run_records(ended, limit=RUNS_AT_ONCE, order_by="update_timestamp", ascending=True):
        run = record.dagster_run
        after = max(after, record.update_timestamp.timestamp())
        look_at = f"run {run.run_id} in `waymark ui`"
        if run.status == dg.DagsterRunStatus.FAILURE:
            name = "a run of the command line" if run.job_name.startswith("__") else run.job_name
            found.append(Alert("failed_run", run.run_id, f"{name} failed; what was released stands", look_at))
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            event = entry.dagster_event
            check = event.asset_check_evaluation_data if event is not None else None
            if check is None or check.passed or check.check_name in SAID_OTHERWISE:
                continue
            name = f"{check.asset_key.to_user_string()}:{check.check_name}"
            goes_on = "nothing is released from this build" if check.blocking else "releases go on"
            found.append(Alert("failed_check", f"{name}@{run.run_id}", f"the check {name} failed; {goes_on}", look_at))
    return found, after
