"""What may leave the house, decided before any analysis: counts become figures, intervals or gaps for one audience."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import duckdb
import numpy as np
import pandas as pd

from orchestration import building, progress
from orchestration.defs.resources import AUDIENCE_PARTITIONS, Warehouse
from orchestration.defs.warehouse.dbt import POOL
from orchestration.defs.warehouse.lake import fill
from orchestration.parameters import parameters

# cells of different groups are never added, so the group is a dimension without a total
DIMENSIONS = (
    "protection_group", "area_code", "period", "offence", "exploitation", "sex", "age", "counterpart_area", "detail",
)  # fmt: skip


@dg.asset(
    key=["protection", "cells"],
    deps=[["warehouse", "fct_cells"], ["warehouse", "dim_areas"]],
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
        )
    ],
    description="Every declared cell as this audience may see it. Restricted: unchanged. Public: small counts and the "
    "complements that would give them away are withheld, both under one code.",
)
def cells(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    audience = context.partition_key
    build = building.fork(warehouse.build(), audience)
    with progress.current().step("protection", f"protection for {audience}"), duckdb.connect(str(build.database)) as connection:
        connection.execute("alter table lake.build_parameters add column if not exists audience varchar")
        connection.execute("update lake.build_parameters set audience = ?", [audience])
        # analysis reads what is protected here, never fct_cells' own values
        frame = connection.execute("select * from fct_cells order by cell_id").df()
        areas = connection.execute("select area_code, parent_code from dim_areas where parent_code is not null").fetchall()
        table = protected_cells(frame, audience, dict(areas), parameters())
        fill(connection, "protected.cells", table)
    visible = table["value"].astype(float)
    limit = np.maximum(frame["minimum_cell"].fillna(0), parameters()["disclosure"]["threshold"])
    small = int(((visible > 0) & (visible < limit.to_numpy())).sum()) if audience == "public" else 0
    return dg.MaterializeResult(
        metadata={"cells": len(table), "withheld": int(table["is_suppressed"].sum()), "audience": audience},
        check_results=[dg.AssetCheckResult(passed=small == 0, check_name="no_small_count_is_visible", metadata={"cells": small})],
    )


def protected_cells(
    cells: pd.DataFrame, audience: str, parents: Mapping[str, str], parameters: Mapping[str, Any]
) -> pd.DataFrame:
    """cell_id, value, lower, upper, is_suppressed of every cell, ordered by cell_id.

    cells    fct_cells: cell_id, the columns of `DIMENSIONS`, value, lower, upper, minimum_cell, unit, frequency.
    parents  area_code -> code of the area above it.

    A count that the publisher gave as an interval (`<5`) is a small count like any other: it enters the protection at
    the middle of its bounds, and leaves it withheld.
    """
    out = cells[["cell_id", "value", "lower", "upper"]].copy()
    out["is_suppressed"] = False
    if audience == "public":
        is_count = ~cells["unit"].str.fullmatch(r"[A-Z]{3}").to_numpy(bool)
        limits = cells["minimum_cell"].fillna(0).clip(lower=parameters["disclosure"]["threshold"]).to_numpy()
        for limit in np.unique(limits[is_count]):
            chosen = is_count & (limits == limit)
            out.loc[chosen, "is_suppressed"] = _suppressed(cells[chosen], int(limit), parents)
        out.loc[out["is_suppressed"], ["value", "lower", "upper"]] = None
    return out.sort_values("cell_id", ignore_index=True)


def _suppressed(cells: pd.DataFrame, threshold: int, parents: Mapping[str, str]) -> np.ndarray:
    from disclosure.protection import protect

    table = cells[list(DIMENSIONS)].copy()
    exact = cells["value"].astype(float)
    middle = (cells["lower"].astype(float) + cells["upper"].astype(float)) / 2
    interval = exact.isna() & middle.notna()
    # an interval is never shown as an exact zero, so its stand-in is a small count even where its middle is one
    table["value"] = exact.where(~interval, middle.clip(lower=1, upper=threshold - 1))
    years = {period: period[:4] for period in table["period"].unique() if len(period) > 4}
    present = set(table["area_code"])
    areas = {area: above for area, above in parents.items() if area in present or area in parents.values()}
    protected = protect(
        table, dims=list(DIMENSIONS), value="value", threshold=threshold, hierarchies={"area_code": areas, "period": years}
    )
    return (protected["suppressed"] != "").to_numpy() | interval.to_numpy()
