"""What Dagster runs by itself or at a press: the two halves of the walk, a back-fill, and the calendar's check."""

from collections.abc import Sequence

import dagster as dg

from orchestration.defs.operations.freshness import ON_TIME
from orchestration.defs.releases.schedules import daily_check, follow_build, weekly_release
from orchestration.defs.resources import AUDIENCE_PARTITIONS, QUIET
from orchestration.defs.submissions.partitions import LAKE
from orchestration.defs.submissions.sensors import inbox_sensor

# a run that was cut off starts over: what an earlier step left in the build may be of an older ledger
TAGS = {"dagster/retry_strategy": "ALL_STEPS"}


def jobs_and_triggers(
    before_audience: Sequence[dg.AssetsDefinition | dg.AssetSpec],
    for_audience: Sequence[dg.AssetsDefinition | dg.AssetSpec],
) -> dg.Definitions:
    """The jobs over the assets of the two halves, and the sensors and schedules that start them.

    before_audience  from the inbox to the marts; the lake's partitions are left out, they follow the ledger.
    for_audience     from protection to the release, a partition an audience.
    """
    first = dg.AssetSelection.assets(
        *(each for each in before_audience if isinstance(each, dg.AssetsDefinition) and each.keys != {LAKE})
    )
    # a new delivery may be the one that was late
    on_time = dg.AssetSelection.checks(ON_TIME)
    receive_and_build = dg.define_asset_job(
        "receive_and_build",
        selection=first | on_time,
        config=QUIET,
        tags=TAGS,
        description="Takes all that waits in the inbox and builds the warehouse up to the marts. When it has "
        "succeeded, "
        "`release` follows for each audience.",
    )
    back_fill = dg.define_asset_job(
        "back_fill",
        selection=first | on_time,
        # the place to write partners' ids into
        config={**QUIET, "ops": {"submissions__received": {"config": {"read_again": []}}}},
        tags=TAGS,
        description="Reads the landed files of partners again under the contracts of today, then goes on as "
        "`receive_and_build`. In the launchpad: ops, submissions__received, config, read_again: [partner ids].",
    )
    release = dg.define_asset_job(
        "release",
        selection=dg.AssetSelection.assets(*for_audience),
        partitions_def=AUDIENCE_PARTITIONS,
        config=QUIET,
        tags=TAGS,
        description="From the finished marts to a release for one audience: protection, analytics, published tables, "
        "pages.",
    )
    check_partners = dg.define_asset_job(
        "check_partners",
        selection=on_time,
        description="Asks who is late, against the cadence of each partner's contract.",
    )
    return dg.Definitions(
        jobs=[receive_and_build, back_fill, release, check_partners],
        sensors=[inbox_sensor, follow_build([receive_and_build, back_fill], release)],
        schedules=[weekly_release, daily_check],
    )
