"""What makes releases happen: each finished build is released, and once a week all is looked at again."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from orchestration.defs.resources import AS_OF_TAG, LEDGER_TAG, STATE_TAG, Warehouse
from orchestration.defs.submissions.sensors import FIRST_HALF, busy
from orchestration.runs import up_to_date

WEEKLY = "0 5 * * 1"
DAILY = "0 6 * * *"


def follow_build(monitored: Sequence[Any], release: Any) -> dg.SensorDefinition:
    """The sensor that releases what a build has finished: one run an audience, at its date and ledger position."""

    @dg.run_status_sensor(
        name="release_what_was_built",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=monitored,
        request_job=release,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="After a build that succeeded, which means that its blocking checks passed: `release` for each "
        "audience, at "
        "the date and ledger position of the build. A real home has the audience `restricted` only.",
    )
    def release_what_was_built(
        context: dg.RunStatusSensorContext, warehouse: Warehouse
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        tags = context.dagster_run.tags
        if AS_OF_TAG not in tags:
            yield dg.SkipReason("the build says neither its date nor its ledger position")
            return
        run_config = warehouse.run_config(tags[AS_OF_TAG], int(tags[LEDGER_TAG]))
        for audience in up_to_date.audiences_of(warehouse.request().home):
            yield dg.RunRequest(
                run_key=f"{context.dagster_run.run_id}/{audience}",
                partition_key=audience,
                run_config=run_config,
                tags={name: tags[name] for name in (STATE_TAG, AS_OF_TAG, LEDGER_TAG)},
            )

    return release_what_was_built


@dg.schedule(
    name="weekly_release",
    cron_schedule=WEEKLY,
    job_name=FIRST_HALF[0],
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Mondays at five: a release if anything would change it, a new version of the code among it; else "
    "nothing.",
)
def weekly_release(context: dg.ScheduleEvaluationContext, warehouse: Warehouse) -> dg.RunRequest | dg.SkipReason:
    request = warehouse.request()
    audiences = up_to_date.audiences_of(request.home)
    if busy(context.instance):
        return dg.SkipReason("a run is at work")
    if up_to_date.released(request.home, up_to_date.state_of(request, audiences), audiences) is not None:
        return dg.SkipReason("nothing new: what there is has been released")
    return dg.RunRequest(run_key=None)


daily_check = dg.ScheduleDefinition(
    name="daily_check_of_partners",
    cron_schedule=DAILY,
    job_name="check_partners",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Each morning: who is late.",
)
