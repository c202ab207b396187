"""The inbox watched: when something new waits, and has come to rest, one run takes all of it."""

import hashlib
import json
from collections.abc import Iterable

import dagster as dg

from orchestration.defs.resources import STATE_TAG, Warehouse
from orchestration.runs import up_to_date

SECONDS_BETWEEN_LOOKS = 15
FIRST_HALF = ("receive_and_build", "back_fill")
OURS = (*FIRST_HALF, "release")
NOT_ENDED = [
    dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING,
]  # fmt: skip


@dg.sensor(
    name="inbox",
    job_name="receive_and_build",
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks at the names, sizes and times of inbox, contracts, boundaries and ledger. When they differ "
    "from what was "
    "last released, and two looks agree (nothing is still being copied), one run takes all that waits.",
)
def inbox_sensor(context: dg.SensorEvaluationContext, warehouse: Warehouse) -> dg.SensorResult | dg.SkipReason:
    request = warehouse.request()
    seen = _digest(up_to_date.listing(request))
    cursor = json.loads(context.cursor) if context.cursor else {}
    if seen == cursor.get("settled"):
        return dg.SkipReason("nothing has changed")
    if seen != cursor.get("seen"):
        context.update_cursor(json.dumps({**cursor, "seen": seen}))
        return dg.SkipReason("something has changed; the next look tells whether it has come to rest")
    if busy(context.instance):
        return dg.SkipReason("a run is at work; it is looked at again when that has ended")
    settled = json.dumps({"seen": seen, "settled": seen})
    audiences = up_to_date.audiences_of(request.home)
    state = up_to_date.state_of(request, audiences)
    if up_to_date.released(request.home, state, audiences) is not None:
        context.update_cursor(settled)
        return dg.SkipReason("nothing new: what there is has been released")
    if received_by_us(context.instance, state):
        context.update_cursor(settled)
        return dg.SkipReason(
            "all of it has been received; its release follows, or its failure is for a person to look at"
        )
    if up_to_date.is_empty(request):
        context.update_cursor(settled)
        return dg.SkipReason("the inbox is empty and nothing is in force yet")
    return dg.SensorResult([dg.RunRequest(run_key=state)], cursor=settled)


def busy(instance: dg.DagsterInstance) -> bool:
    """Whether one of our runs waits or works."""
    return any(instance.get_runs(dg.RunsFilter(job_name=name, statuses=NOT_ENDED), limit=1) for name in OURS)


def received_by_us(instance: dg.DagsterInstance, state: str) -> bool:
    """Whether a job received this very state: then its releases follow it without us."""
    return any(instance.get_runs(dg.RunsFilter(job_name=name, tags={STATE_TAG: state}), limit=1) for name in FIRST_HALF)


def _digest(listing: Iterable[tuple[str, int, int]]) -> str:
    total = hashlib.sha256()
    for line in listing:
        total.update(repr(line).encode())
    return total.hexdigest()
