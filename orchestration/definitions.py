"""All assets, checks, jobs, sensors, schedules and resources, assembled. Nothing is defined here."""

from __future__ import annotations

import os

import dagster as dg

from orchestration.defs.analytics.assets import ASSETS as ANALYTICS
from orchestration.defs.operations.alerts import alerts_sensor
from orchestration.defs.operations.automation import automation_sensor, following
from orchestration.defs.operations.freshness import partners_on_time
from orchestration.defs.operations.jobs import jobs_and_triggers
from orchestration.defs.protection.assets import cells
from orchestration.defs.releases.assets import release_asset
from orchestration.defs.resources import AUDIENCE_PARTITIONS, Warehouse, report_of_run
from orchestration.defs.submissions.assets import inbox, lake_of_submissions, received
from orchestration.defs.submissions.data_docs import data_docs
from orchestration.defs.warehouse.dbt import warehouse_assets
from orchestration.defs.warehouse.lake import lake


def before_audience() -> list[dg.AssetsDefinition]:
    """From the inbox to the marts: the same for every audience."""
    return following([received, lake_of_submissions, lake, warehouse_assets("marts")])


def for_audience() -> list[dg.AssetsDefinition]:
    """From protection to the release: once for each audience, a partition each."""
    return following(
        [
            cells,
            warehouse_assets("protected", AUDIENCE_PARTITIONS),
            *ANALYTICS,
            warehouse_assets("published", AUDIENCE_PARTITIONS),
            release_asset(),
        ]
    )


@dg.definitions
def definitions() -> dg.Definitions:
    first, second = before_audience(), for_audience()
    return dg.Definitions.merge(
        dg.Definitions(
            assets=[inbox, *following([data_docs]), *first, *second],
            asset_checks=[partners_on_time],
            sensors=[alerts_sensor, automation_sensor],
            resources={"warehouse": Warehouse.of_environment(os.environ), "report": report_of_run},
            executor=dg.in_process_executor,
        ),
        jobs_and_triggers(first, second),
    )
