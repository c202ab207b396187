"""The release as an asset: the last room of the house."""

from datetime import timedelta

import dagster as dg

from orchestration.defs.resources import AS_OF_TAG, AUDIENCE_PARTITIONS, LEDGER_TAG, RELEASE_TAG, STATE_TAG, Warehouse
from orchestration.defs.warehouse.dbt import POOL, manifest
from orchestration.runs import publishing, up_to_date


def release_asset() -> dg.AssetsDefinition:
    """Built from the declared published tables, so that a new one is a new dependency without a change here."""
    published = sorted(
        node.name for node in manifest().nodes.values() if "published" in node.tags and node.resource_type == "model"
    )

    @dg.asset(
        key=["releases", "release"],
        deps=[["warehouse", name] for name in published],
        partitions_def=AUDIENCE_PARTITIONS,
        group_name="releases",
        owners=["team:publishing"],
        kinds={"html", "plotly"},
        pool=POOL,
        # who is late is told by the contracts' cadence (operations/freshness.py); a release nobody renews goes stale all the same
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=timedelta(days=400), warn_window=timedelta(days=100)
        ),
        # the browser that draws the pictures is the one part of a run that may fail by chance
        retry_policy=dg.RetryPolicy(max_retries=1, delay=10),
        description="`releases/<audience>/<as_of>-<hash12>/`: pages, maps, charts and tables, built aside, verified, "
        "then one "
        "atomic switch of that audience's `latest`.",
        check_specs=[
            dg.AssetCheckSpec(
                "verified",
                asset=["releases", "release"],
                description="Every file has the digest that the manifest states.",
            )
        ],
    )
    def release(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        from reports.packages.manifest import verify

        build = warehouse.audience_build(context)
        result = publishing.publish(build)
        problems = verify(result.folder)
        tags = {RELEASE_TAG: result.release_id, AS_OF_TAG: str(build.as_of), LEDGER_TAG: str(build.ledger_position)}
        context.instance.add_run_tags(context.run_id, tags)
        if not problems and STATE_TAG in context.run_tags:
            release = {
                "audience": result.audience,
                "release_id": result.release_id,
                "index": str(result.index),
                "is_new": result.is_new,
            }
            up_to_date.remember_release(build.home, context.run_tags[STATE_TAG], release)
        return dg.MaterializeResult(
            metadata={
                "release_id": result.release_id,
                "as_of": str(build.as_of),
                "ledger_position": build.ledger_position,
                "pages": dg.MetadataValue.url(result.index.as_uri()),
                "index": dg.MetadataValue.path(str(result.index)),
                "is_new": result.is_new,
                "missing": list(result.missing),
            },
            check_results=[
                dg.AssetCheckResult(passed=not problems, check_name="verified", metadata={"problems": problems[:10]})
            ],
        )

    return release
