"""What may leave the house, decided before any analysis: counts become figures, intervals or gaps for one audience."""

import json

import dagster as dg
import duckdb
import pandas as pd

from analytics.parameters import parameters
from orchestration.defs.protection import unrecorded_releases
from orchestration.defs.protection.lines import declared
from orchestration.defs.protection.walk import Earlier, protected_cells
from orchestration.defs.resources import AUDIENCE_PARTITIONS, Warehouse
from orchestration.defs.warehouse.dbt import POOL
from orchestration.defs.warehouse.lake import fill
from orchestration.runs import builds, progress
from orchestration.runs.builds import Build
from orchestration.runs.publishing import DISCLOSURE
from submissions.store import published_cells
from submissions.store.ledger import Ledger
from submissions.store.publications import PROTECTED_AUDIENCES


@dg.asset(
    key=["protection", "cells"],
    deps=[["warehouse", name] for name in ("fct_cells", "fct_cells_previous", "fct_changes", "int_member_trees")],
    partitions_def=AUDIENCE_PARTITIONS,
    group_name="protection",
    owners=["team:disclosure-control"],
    kinds={"python", "duckdb"},
    pool=POOL,
    check_specs=[
        dg.AssetCheckSpec(
            "no_small_count_is_visible",
            asset=["protection", "cells"],
            blocking=True,
            description="No visible cell of a public build lies between 1 and the threshold.",
        ),
        dg.AssetCheckSpec(
            "audit_is_safe",
            asset=["protection", "cells"],
            blocking=True,
            description="The audit tries to undo the protection: every hidden small count keeps an interval too wide to tell.",
        ),
    ],
    description="Every declared cell as this audience may see it. Restricted: unchanged. Public: small counts and the "
    "complements that would give them away are withheld, both under one code, against this release and all earlier ones.",
)
def cells(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    audience = context.partition_key
    if audience in PROTECTED_AUDIENCES:
        unrecorded_releases.adopt(warehouse.build().home, audience)
    build = builds.fork(warehouse.build(), audience)
    with (
        progress.current().step("protection", f"protection for {audience}") as step,
        duckdb.connect(str(build.database)) as connection,
    ):
        connection.execute("update lake.build_parameters set audience = ?", [audience])
        # the previous vintage is protected too: a revision is shown with both of its figures or not at all
        frame = connection.execute(
            """
            select 'current' as vintage, * from fct_cells
            union all by name
            select 'previous' as vintage, * from fct_cells_previous
            order by cell_id
            """
        ).df()
        pairs = connection.execute(
            """
            select cell_id, previous_cell_id from fct_changes
            where previous_cell_id is not null and counterpart_area = '_T' and detail = '_T' order by all
            """
        ).df()
        decided = protected_cells(frame, pairs, audience, declared(connection), parameters(), earlier_of(build))
        fill(connection, "protected.cells", decided.cells)
        if audience in PROTECTED_AUDIENCES:
            connection.register("deciding", decided.versions)
            connection.execute("create or replace table protected.versions as select * from deciding")
            connection.unregister("deciding")
        step.rows = len(decided.cells)
        small = small_visible(connection, parameters()["disclosure"]["threshold"]) if audience == "public" else 0
    (build.folder / DISCLOSURE).write_text(json.dumps(decided.losses, indent=1, sort_keys=True), encoding="utf-8")
    hidden = int(decided.cells["is_suppressed"].sum())
    return dg.MaterializeResult(
        metadata={
            "cells": len(decided.cells),
            "withheld": hidden,
            "audience": audience,
            "earlier_releases": len(build.earlier),
            "losses": decided.losses,
        },
        check_results=[
            dg.AssetCheckResult(passed=small == 0, check_name="no_small_count_is_visible", metadata={"cells": small}),
            dg.AssetCheckResult(passed=decided.is_safe, check_name="audit_is_safe"),
        ],
    )


def earlier_of(build: Build) -> Earlier | None:
    """What is out already for the audience of a build, as the files beside the ledger and its entries say."""
    if not build.earlier:
        return None
    entries = Ledger.of(build.home).entries(build.ledger_position)
    made = {entry["submission_id"]: entry for entry in entries if entry["kind"] == "submission"}
    rows = [
        (made[entry["submission_id"]]["partner_id"], made[entry["submission_id"]]["issued_on"], entry["position"])
        for entry in entries
        if entry["kind"] in ("withdrawal", "erasure") and entry["submission_id"] in made
    ]
    return Earlier(
        published_cells.earlier(build.home, str(build.audience), [each.ordinal for each in build.earlier]),
        pd.DataFrame(rows, columns=["source", "issued_on", "position"]),
        {each.ordinal: each.built_at for each in build.earlier},
        build.as_of,
    )


def small_visible(connection: duckdb.DuckDBPyConnection, threshold: int) -> int:
    """Cells of a public build that show a count between 1 and its threshold, or a bound there. Read back from the table.

    threshold  the parameter; a partner's own minimum counts where it is larger (`walk.thresholds`).
    """
    return connection.execute(
        """
        with cells as (
            select * from fct_cells union all by name select * from fct_cells_previous
        ),
        limits as (
            select
                cell_id,
                greatest(
                    $1,
                    case
                        when derivation = 'published' and labels_count = 1 and value >= already_public_minimum_cell
                        then already_public_minimum_cell
                        else minimum_cell
                    end
                ) as k
            from cells where not regexp_full_match(unit, '[A-Z]{3}')
        )
        select count(*) from protected.cells as seen
        inner join limits using (cell_id)
        where (seen.value > 0 and seen.value < k) or (seen.upper > 0 and seen.upper < k)
        """,
        [threshold],
    ).fetchall()[0][0]
