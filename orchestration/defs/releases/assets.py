"""The release as an asset: the last room of the house."""

import dagster as dg

from orchestration import publishing
from orchestration.defs.resources import AUDIENCE_PARTITIONS, Warehouse
from orchestration.defs.warehouse.dbt import manifest


def release_asset() -> dg.AssetsDefinition:
    """Built from the declared published tables, so that a new one is a new dependency without a change here."""
    published = sorted(node.name for node in manifest().nodes.values() if "published" in node.tags and node.resource_type == "model")

    @dg.asset(
        key=["releases", "release"],
        deps=[["warehouse", name] for name in published],
        partitions_def=AUDIENCE_PARTITIONS,
        group_name="releases",
        owners=["team:publishing"],
        kinds={"html", "plotly"},
        description="releases/<audience>/<as_of>-<hash12>/: pages, maps, charts and tables, built aside, verified, then one "
        "atomic switch of that audience's `latest`.",
        check_specs=[
            dg.AssetCheckSpec("verified", asset=["releases", "release"], description="Every file has the digest that the manifest states.")
        ],
    )
    def release(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        from reports.release import verify

        result = publishing.publish(warehouse.audience_build(context))
        problems = verify(result.folder)
        return dg.MaterializeResult(
            metadata={
                "release_id": result.release_id,
                "index": dg.MetadataValue.path(str(result.index)),
                "is_new": result.is_new,
                "missing": list(result.missing),
            },
            check_results=[dg.AssetCheckResult(passed=not problems, check_name="verified", metadata={"problems": problems[:10]})],
        )

    return release
