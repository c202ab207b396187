"""Analytics as assets: each reads what this audience may see, calls a pure library, and fills one table."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
import duckdb
import pandas as pd

from analytics import alerts, clusters, compositions, corridors, hotspots, nowcasts, rates, trends, verdicts
from analytics.completeness import masked
from analytics.parameters import parameters
from orchestration.defs.resources import AUDIENCE_PARTITIONS, Warehouse
from orchestration.defs.warehouse.dbt import POOL
from orchestration.defs.warehouse.lake import fill
from orchestration.runs import progress
from orchestration.runs.builds import Build
from orchestration.runs.table_declarations import between

# what the words of verdicts are and when each is said
VERDICT_LISTS = ("verdict_words", "verdict_reasons", "evidence_rules")


def read(connection: duckdb.DuckDBPyConnection, model: str, *order: str) -> pd.DataFrame:
    """The rows of a model of the warehouse in the order of columns that tell them apart; by default of all columns."""
    return connection.execute(f"select * from {model} order by {', '.join(order) or 'all'}").df()


def read_rates(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    return rates.compute(read(connection, "int_rate_counts", "cell_id"), parameters())


def read_incomplete(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Source, measure, frequency and period whose reports are still coming in."""
    return read(connection, "analytics.incomplete_periods")


def read_nowcasts(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    vintages = read(connection, "int_nowcast_vintages", "series_id", "period", "issued_on")
    yearly = read(connection, "int_nowcast_years")
    found = nowcasts.compute(vintages, yearly, parameters(), build.audience)
    fill(connection, "analytics.incomplete_periods", found.incomplete)
    return found.rows


def read_alerts(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    series = read(connection, "int_alert_counts", "series_id", "period")
    breaks, parents = read_breaks(connection)
    return alerts.compute(series, breaks, parents, read_incomplete(connection), build.as_of, parameters())


def read_breaks(connection: duckdb.DuckDBPyConnection) -> tuple[pd.DataFrame, dict[str, str | None]]:
    """The breaks of areas, and the area above each area."""
    breaks = connection.execute(
        "select area_code, measure, dimension, break_on, kind, source from fct_breaks order by all"
    ).df()
    return breaks, dict(connection.execute("select area_code, parent_code from dim_areas").fetchall())


def read_trends(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    series = read(connection, "int_trend_points", "series_id", "period")
    series.loc[masked(series, read_incomplete(connection)), "value"] = None
    breaks, parents = read_breaks(connection)
    return trends.compute(series, breaks, parents, parameters())


def read_verdicts(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    series = read(connection, "int_trend_points", "series_id", "period")
    series["is_incomplete"] = masked(series, read_incomplete(connection))
    members = read(connection, "int_panel_contributions")
    members = members[~masked_members(members, series)]
    breaks = connection.execute(
        "select area_code, measure, dimension, break_on, kind, source, dataset from fct_breaks order by all"
    ).df()
    parents = dict(connection.execute("select area_code, parent_code from dim_areas").fetchall())
    found = verdicts.Found(*(connection.table(f"analytics.{name}").df() for name in ("hotspots", "clusters", "alerts")))
    words = verdicts.Words(*(connection.table(name).df() for name in VERDICT_LISTS))
    tested = connection.table("analytics.trends").df()
    return verdicts.compute(series, tested, members, found, breaks, parents, words, parameters())


def masked_members(members: pd.DataFrame, series: pd.DataFrame) -> pd.Series:
    """Whether each figure of a panel's area lies in a period of the panel that is in no test."""
    open_ = series.loc[series["is_incomplete"], ["series_id", "period"]]
    rows = pd.MultiIndex.from_frame(members[["series_id", "period"]])
    return pd.Series(rows.isin(pd.MultiIndex.from_frame(open_)), index=members.index)


def read_mapped_totals(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Totals of areas in the measures that are put on maps: one figure an area and period, chosen by precedence.

    `is_incomplete` marks figures whose reporting is still coming in.
    """
    totals = read(connection, "int_map_totals", "cell_id")
    return totals.assign(is_incomplete=masked(totals, read_incomplete(connection)))


def read_hotspots(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    from orchestration.runs.boundaries import shapes

    totals = read_mapped_totals(connection)
    wanted = sorted(totals.loc[totals["area_level"] != "country", "area_set"].unique())
    return hotspots.compute(totals, shapes(build, wanted), parameters(), between()["analytics.hotspots"])


def read_clusters(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    from orchestration.runs.boundaries import shapes

    totals = read_mapped_totals(connection)
    drawn = shapes(build, sorted(totals["area_set"].unique()))
    return clusters.compute(totals, drawn, *read_breaks(connection), parameters(), build.audience)


def read_corridors(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    return corridors.compute(read(connection, "int_flows", "cell_id"), parameters())


def read_compositions(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    forms = read(connection, "int_forms", "cell_id")
    forms = forms.assign(is_incomplete=masked(forms, read_incomplete(connection)))
    return compositions.compute(forms, *read_breaks(connection), parameters())


def _asset(
    name: str,
    deps: list[str],
    description: str,
    compute: Callable[[duckdb.DuckDBPyConnection, Build], pd.DataFrame],
    after: Sequence[str] = (),
    lists: Sequence[str] = (),
) -> dg.AssetsDefinition:
    @dg.asset(
        key=["analytics", name],
        deps=[
            ["protection", "cells"],
            *(["warehouse", dep] for dep in deps),
            *(["analytics", dep] for dep in after),
            *(["definitions", each] for each in lists),
        ],
        partitions_def=AUDIENCE_PARTITIONS,
        group_name="analytics",
        owners=["team:statistics"],
        kinds={"python", "duckdb"},
        pool=POOL,
        description=description,
    )
    def analysis(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        build = warehouse.audience_build(context)
        with (
            progress.current().step("analytics", f"analytics: {name}") as step,
            duckdb.connect(str(build.database)) as connection,
        ):
            table = compute(connection, build)
            fill(connection, f"analytics.{name}", table)
            step.rows = len(table)
        return dg.MaterializeResult(metadata=described(table))

    return analysis


def described(table: pd.DataFrame) -> dict[str, Any]:
    """What Dagster shows of an analysis: rows, columns, and how many were assessed or why not. No figure of a row: what a
    restricted audience may see stands in its release, not in the records of runs."""
    columns = [dg.TableColumn(str(name), str(kind)) for name, kind in table.dtypes.items()]
    metadata: dict[str, Any] = {
        "dagster/row_count": len(table),
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }
    if "eligibility" not in table:
        return metadata
    metadata |= {f"{code}": int(count) for code, count in table["eligibility"].value_counts().items()}
    reasons = table.loc[table["eligibility"] != "assessed"].get("eligibility_reason", pd.Series(dtype=object))
    lines = [f"| {reason} | {count:,} |" for reason, count in reasons.dropna().value_counts().items()]
    return metadata | {
        "why_not_assessed": dg.MetadataValue.md(
            "\n".join(["| reason | rows |", "|---|---|", *lines]) if lines else "none"
        )
    }


ASSETS = [
    _asset(
        "rates",
        ["int_rate_counts"],
        "Rates per 100,000 with exact limits, of every cell with a denominator.",
        read_rates,
    ),
    _asset(
        "nowcasts",
        ["int_nowcast_vintages", "int_nowcast_years"],
        "What the newest periods will hold when all is reported, by chain ladder over the issues in the ledger; and which "
        "periods of a source are incomplete.",
        read_nowcasts,
    ),
    _asset(
        "alerts",
        ["int_alert_counts", "fct_breaks", "dim_areas"],
        "Newest quarters and months above their own past: Farrington flexible or EARS C2, with false discovery by family.",
        read_alerts,
        after=["nowcasts"],
    ),
    _asset(
        "trends",
        ["int_trend_points", "fct_breaks", "dim_areas"],
        "Mann-Kendall, Theil-Sen and the known-step model for every series, with false discovery by family.",
        read_trends,
        after=["nowcasts"],
    ),
    _asset(
        "hotspots",
        ["int_map_totals"],
        "Getis-Ord on standardised rates inside countries, a funnel for countries, classes of change over time.",
        read_hotspots,
        after=["nowcasts"],
    ),
    _asset(
        "clusters",
        ["int_map_totals", "fct_breaks", "dim_areas"],
        "Circular scan of the newest full year of every map and space-time scan of its newest quarters: groups of "
        "neighbours with more than an equal rate, or than their own past, gives.",
        read_clusters,
        after=["nowcasts"],
    ),
    _asset(
        "corridors",
        ["int_flows"],
        "Flows between areas against quasi-independence, and how concentrated both ends are.",
        read_corridors,
    ),
    _asset(
        "compositions",
        ["int_forms", "fct_breaks", "dim_areas"],
        "Whether the mix of forms shifted between the newest two years, and since the first.",
        read_compositions,
        after=["nowcasts"],
    ),
    _asset(
        "verdicts",
        ["int_trend_points", "int_panel_contributions", "fct_breaks", "dim_areas"],
        "One verdict on each series that speaks for its area: change, level against peers, reasons, evidence, and whether "
        "a sum over areas stands without its two main contributors.",
        read_verdicts,
        after=["trends", "hotspots", "clusters", "alerts"],
        lists=VERDICT_LISTS,
    ),
]
