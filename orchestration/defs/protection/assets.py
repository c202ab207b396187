"""What may leave the house, decided before any analysis: counts become figures, intervals or gaps for one audience."""

from collections.abc import Mapping, Sequence
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

# Figures about the same people, whoever sends them and in whichever table they stand, are protected together: what one
# source hides another must not give away, nor a quarter's table what the year's table hides.
GROUP = ("vintage", "measure", "unit", "area_role", "detail_kind")
DIMENSIONS = ("area_code", "period", "reporter", "offence", "exploitation", "sex", "age", "counterpart_area", "detail")


@dg.asset(
    key=["protection", "cells"],
    deps=[["warehouse", name] for name in ("fct_cells", "fct_cells_previous", "fct_changes", "dim_areas")],
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
    "complements that would give them away are withheld, both under one code.",
)
def cells(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    audience = context.partition_key
    build = building.fork(warehouse.build(), audience)
    with (
        progress.current().step("protection", f"protection for {audience}") as step,
        duckdb.connect(str(build.database)) as connection,
    ):
        connection.execute("alter table lake.build_parameters add column if not exists audience varchar")
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
            "select cell_id, previous_cell_id from fct_changes where cell_id is not null and previous_cell_id is not null"
        ).df()
        areas = connection.execute(
            "select area_code, parent_code from dim_areas where parent_code is not null"
        ).fetchall()
        table, is_safe = protected_cells(frame, pairs, audience, dict(areas), parameters())
        fill(connection, "protected.cells", table)
        step.rows = len(table)
        small = small_visible(connection, parameters()["disclosure"]["threshold"]) if audience == "public" else 0
    return dg.MaterializeResult(
        metadata={"cells": len(table), "withheld": int(table["is_suppressed"].sum()), "audience": audience},
        check_results=[
            dg.AssetCheckResult(passed=small == 0, check_name="no_small_count_is_visible", metadata={"cells": small}),
            dg.AssetCheckResult(passed=is_safe, check_name="audit_is_safe"),
        ],
    )


def small_visible(connection: duckdb.DuckDBPyConnection, threshold: int) -> int:
    """Cells of a public build that show a count between 1 and the threshold, or a bound there. Read back from the table."""
    return connection.execute(
        """
        select count(*) from protected.cells as seen
        inner join (select cell_id, unit from fct_cells union all select cell_id, unit from fct_cells_previous) using (cell_id)
        where not regexp_full_match(unit, '[A-Z]{3}')
            and ((seen.value > 0 and seen.value < $1) or (seen.upper > 0 and seen.upper < $1))
        """,
        [threshold],
    ).fetchall()[0][0]


def protected_cells(
    cells: pd.DataFrame, pairs: pd.DataFrame, audience: str, parents: Mapping[str, str], parameters: Mapping[str, Any]
) -> tuple[pd.DataFrame, bool]:
    """cell_id, value, lower, upper, is_suppressed of every cell this audience may know of, ordered by cell_id; and whether
    the audit, which tries to undo the protection, found it safe.

    cells    fct_cells and fct_cells_previous: cell_id, the columns of `GROUP` and `DIMENSIONS`, value, lower, upper,
             minimum_cell, audience.
    pairs    cell_id, previous_cell_id of figures in two vintages.
    parents  area_code -> code of the area above it.

    Restricted: unchanged. Public: datasets whose contract opens them no further than `restricted` are left out whole. A
    count that the publisher gave as an interval (`<5`) is a small count like any other. A figure whose change since the
    previous vintage is a small count shows no previous figure.
    """
    columns = ["cell_id", "value", "lower", "upper"]
    if audience != "public":
        return cells[columns].assign(is_suppressed=False).sort_values("cell_id", ignore_index=True), True
    cells = cells[cells["audience"] == "public"].reset_index(drop=True)
    out = cells[columns].assign(is_suppressed=False)
    is_count = ~cells["unit"].str.fullmatch(r"[A-Z]{3}").to_numpy(bool)
    threshold = int(max(parameters["disclosure"]["threshold"], cells["minimum_cell"].max() if len(cells) else 0))
    hidden = np.zeros(len(cells), dtype=bool)
    hidden[is_count], is_safe = _suppressed(cells[is_count], threshold, parents)
    place = pd.Series(np.arange(len(cells)), index=cells["cell_id"])
    both = pairs[pairs["cell_id"].isin(place.index) & pairs["previous_cell_id"].isin(place.index)]
    now, before = place[both["cell_id"]].to_numpy(), place[both["previous_cell_id"]].to_numpy()
    value = cells["value"].astype(float).to_numpy()
    change = np.abs(value[now] - value[before])
    hidden[before] |= hidden[now] | ((change > 0) & (change < threshold))
    out["is_suppressed"] = hidden
    out.loc[hidden, ["value", "lower", "upper"]] = None
    return out.sort_values("cell_id", ignore_index=True), is_safe


def _suppressed(cells: pd.DataFrame, threshold: int, parents: Mapping[str, str]) -> tuple[np.ndarray, bool]:
    """Whether each cell is hidden: small, or a complement; and the audit's word. Cells of one key are hidden together."""
    from disclosure.auditing import audit
    from disclosure.protection import protect

    key = [*GROUP, *DIMENSIONS]
    exact, lower, upper = (cells[name].astype(float) for name in ("value", "lower", "upper"))
    interval = exact.isna() & lower.notna() & upper.notna()
    # an interval is never an exact zero, so its stand-in is a small count even where its middle is none
    lowest, highest = lower.clip(lower=1, upper=threshold - 1), upper.clip(lower=1, upper=threshold - 1)
    table = cells[key].assign(
        value=exact.where(~interval, (lowest + highest) / 2), lowest=lowest, highest=highest, is_interval=interval
    )
    # two tables may give two figures for one key: an exact one says more than an interval, and the smallest that is not
    # zero decides whether it is small
    table["rank"] = table["value"].where(table["value"] != 0, np.inf)
    one = table.sort_values(["is_interval", "rank"], kind="stable").drop_duplicates(key)
    one = one.drop(columns="rank").sort_values(key, ignore_index=True)
    years = {period: period[:4] for period in one["period"].unique() if len(period) > 4}
    present = set(one["area_code"])
    areas = {area: above for area, above in parents.items() if area in present or area in parents.values()}
    group = one.groupby(list(GROUP), sort=True).ngroup().astype(str)
    dims, hierarchies = ["group", *DIMENSIONS], {"area_code": areas, "period": years}
    one = with_fitting_stand_ins(one.assign(group=group), dims, hierarchies)
    protected = protect(
        one[[*dims, "value"]],
        dims=dims,
        value="value",
        threshold=threshold,
        hierarchies=hierarchies,
    )
    is_safe = audit(protected, dims=dims, hierarchies=hierarchies).safe
    hidden = one[key].assign(hidden=(protected["suppressed"] != "").to_numpy())
    every = (
        cells[key].merge(hidden, on=key, how="left", validate="many_to_one")["hidden"].to_numpy(bool)
        | interval.to_numpy()
    )
    return every, bool(is_safe)


def with_fitting_stand_ins(
    table: pd.DataFrame, dims: Sequence[str], hierarchies: Mapping[str, Mapping[object, object]]
) -> pd.DataFrame:
    """The table with stand-ins for intervals that make the lines they stand in add up as far as whole numbers can.

    table  unique in `dims`; value, is_interval, lowest, highest.

    The true counts add up, and an outsider knows it. With stand-ins that do not, a line would seem to miss its total,
    and protection would treat as a bound what is an equation. Least sum of gaps, by linear programming.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    from disclosure.lines import build_lines

    reported = table[table["value"].notna()]
    open_cells = np.flatnonzero(reported["is_interval"])
    value = reported["value"].to_numpy(float, copy=True)
    signed = build_lines(reported[list(dims)].reset_index(drop=True), dims, hierarchies).signed()
    system = signed[:, open_cells].tocsr()
    rows = np.flatnonzero(np.diff(system.indptr))
    if not len(rows):
        return table
    gap = sparse.eye_array(len(rows))
    known = np.where(reported["is_interval"], 0.0, value)
    answer = linprog(
        np.concatenate([np.zeros(len(open_cells)), np.ones(2 * len(rows))]),
        A_eq=sparse.hstack([system[rows], gap, -gap]).tocsc(),
        b_eq=-(signed[rows] @ known),
        bounds=[
            *reported.iloc[open_cells][["lowest", "highest"]].itertuples(index=False, name=None),
            *[(0, None)] * (2 * len(rows)),
        ],
        method="highs",
    )
    if answer.x is None:
        return table
    value[open_cells] = np.round(answer.x[: len(open_cells)])
    return table.assign(value=pd.Series(value, index=reported.index).reindex(table.index))
