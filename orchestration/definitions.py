"""All assets, checks, resources and jobs, assembled. Nothing is defined here."""

from __future__ import annotations

import os

import dagster as dg

from orchestration.defs.analytics.assets import ASSETS as ANALYTICS
from orchestration.defs.protection.assets import cells
from orchestration.defs.releases.assets import release_asset
from orchestration.defs.resources import AUDIENCE_PARTITIONS, Warehouse
from orchestration.defs.submissions.assets import received
from orchestration.defs.warehouse.dbt import warehouse_assets
from orchestration.defs.warehouse.lake import lake


def before_audience() -> list[dg.AssetsDefinition]:
    """From the inbox to the marts: the same for every audience."""
    return [received, lake, warehouse_assets("marts")]


def for_audience() -> list[dg.AssetsDefinition]:
    """From protection to the release: once for each audience, a partition each."""
    return [
        cells,
        warehouse_assets("series", AUDIENCE_PARTITIONS),
        *ANALYTICS,
        warehouse_assets("published", AUDIENCE_PARTITIONS),
        release_asset(),
    ]


@dg.definitions
def definitions() -> dg.Definitions:
    return dg.Definitions(
        assets=[*before_audience(), *for_audience()],
        resources={"warehouse": Warehouse(home=os.environ.get("WAYMARK_HOME", ""), inbox=os.environ.get("WAYMARK_INBOX", ""))},
        executor=dg.in_process_executor,
    )
