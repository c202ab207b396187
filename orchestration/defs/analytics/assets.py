"""Analytics as assets: each reads what this audience may see, calls a pure library, and fills one table."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
import duckdb
import pandas as pd

from orchestration import progress
from orchestration.building import Build
from orchestration.defs.analytics import (
    alerts,
    clusters,
    compositions,
    corridors,
    hotspots,
    nowcasts,
    rates,
    trends,
    verdicts,
)
from orchestration.defs.analytics.completeness import masked
from orchestration.defs.resources import AUDIENCE_PARTITIONS, Warehouse
from orchestration.defs.warehouse.dbt import POOL
from orchestration.defs.warehouse.lake import fill
from orchestration.parameters import parameters
from orchestration.table_declarations import between

CELLS = """
    select cells.* exclude (value, lower, upper), seen.value::double as value, seen.lower::double as lower,
        seen.upper::double as upper, seen.is_suppressed, areas.area_set, areas.region_code
    from fct_cells as cells
    inner join protected.cells as seen using (cell_id)
    left join dim_areas as areas using (area_code)
"""


def read_rates(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    query = f"""
        select cell_id, value, lower, upper, population_count, frequency from ({CELLS})
        where unit in ('persons', 'offences', 'cases') order by cell_id
    """
    return rates.compute(connection.execute(query).df(), parameters())


def read_incomplete(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Source, measure, frequency and period whose reports are still coming in."""
    return connection.execute("select * from analytics.incomplete_periods order by all").df()


def read_nowcasts(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    vintages = connection.execute(
        """
        select vintages.*, series.series_id
        from int_vintages as vintages
        inner join (
            select distinct series_id, source, dataset, measure, area_code, area_role, reporter, unit, frequency
            from fct_series
            where offence = '_T' and exploitation = '_T' and sex = '_T' and age = '_T' and counterpart_area = '_T'
                and detail = '_T' and derivation in ('published', 'sum_of_parts')
        ) as series using (source, dataset, measure, area_code, area_role, reporter, unit, frequency)
        where measure <> 'population' and not regexp_full_match(unit, '[A-Z]{3}')
        order by series_id, period, issued_on
        """
    ).df()
    yearly = connection.execute(
        "select distinct source, measure, period, issued_on from fct_cells where frequency = 'A' order by all"
    ).df()
    found = nowcasts.compute(vintages, yearly, parameters(), build.audience)
    fill(connection, "analytics.incomplete_periods", found.incomplete)
    return found.rows


def read_alerts(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    # the chosen series of each area: an alternative source would count the same people twice in one family
    series = connection.execute(
        """
        select * from fct_series
        where is_leading and is_trend_testable and frequency in ('Q', 'M')
            and not regexp_full_match(unit, '[A-Z]{3}')
        order by series_id, period
        """
    ).df()
    breaks, parents = read_breaks(connection)
    return alerts.compute(series, breaks, parents, read_incomplete(connection), build.as_of, parameters())


def read_breaks(connection: duckdb.DuckDBPyConnection) -> tuple[pd.DataFrame, dict[str, str | None]]:
    """The breaks of areas, and the area above each area."""
    breaks = connection.execute(
        "select area_code, measure, dimension, break_on, kind, source from fct_breaks order by all"
    ).df()
    return breaks, dict(connection.execute("select area_code, parent_code from dim_areas").fetchall())


def read_trends(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    # an index has no level of its own: its panel is tested, not the index
    series = connection.execute(
        "select * from fct_series where derivation <> 'chain_linked' order by series_id, period"
    ).df()
    series.loc[masked(series, read_incomplete(connection)), "value"] = None
    breaks, parents = read_breaks(connection)
    return trends.compute(series, breaks, parents, parameters())


def read_verdicts(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    series = connection.execute(
        "select * from fct_series where derivation <> 'chain_linked' order by series_id, period"
    ).df()
    series["is_incomplete"] = masked(series, read_incomplete(connection))
    # the areas of each balanced panel in the periods of its window, with the series that each has of its own
    way = [
        "source", "dataset", "area_role", "measure", "unit", "reporter", "offence", "exploitation", "sex", "age",
        "frequency",
    ]  # fmt: skip
    same = " and ".join(f"own.{name} = cells.{name}" for name in way)
    members = connection.execute(
        f"""
        select panels.series_id, cells.area_code, own.series_id as member_id, cells.period, cells.period_start,
            cells.value::double as value
        from int_panel_cells as cells
        inner join int_panel_members using (panel_id, area_code)
        inner join (
            select distinct panel_id, series_id, period from int_panel_figures where derivation = 'balanced_panel'
        ) as panels using (panel_id, period)
        left join (
            select distinct series_id, area_code, {", ".join(way)} from fct_series
            where derivation in ('published', 'sum_of_parts')
        ) as own on own.area_code = cells.area_code and {same}
        order by all
        """
    ).df()
    members = members[~masked_members(members, series)]
    breaks = connection.execute(
        "select area_code, measure, dimension, break_on, kind, source, dataset from fct_breaks order by all"
    ).df()
    parents = dict(connection.execute("select area_code, parent_code from dim_areas").fetchall())
    found = verdicts.Found(*(connection.table(f"analytics.{name}").df() for name in ("hotspots", "clusters", "alerts")))
    seeds = ("verdict_words", "verdict_reasons", "evidence_rules")
    words = verdicts.Words(*(connection.table(name).df() for name in seeds))
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
    totals = connection.execute(
        f"""
        select * from ({CELLS})
        where area_set is not null and area_level not in ('world', 'region', 'subregion')
            and offence = '_T' and sex = '_T' and age = '_T' and counterpart_area = '_T' and detail = '_T'
            and measure in (select measure from dim_measures where is_mapped)
            and cell_id in (select cell_id from fct_series where is_leading)
        order by cell_id
        """
    ).df()
    return totals.assign(is_incomplete=masked(totals, read_incomplete(connection)))


def read_hotspots(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    from orchestration.defs.analytics.boundaries import shapes

    totals = read_mapped_totals(connection)
    wanted = sorted(totals.loc[totals["area_level"] != "country", "area_set"].unique())
    return hotspots.compute(totals, shapes(build, wanted), parameters(), between()["analytics.hotspots"])


def read_clusters(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    from orchestration.defs.analytics.boundaries import shapes

    totals = read_mapped_totals(connection)
    drawn = shapes(build, sorted(totals["area_set"].unique()))
    return clusters.compute(totals, drawn, *read_breaks(connection), parameters(), build.audience)


def read_corridors(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    flows = connection.execute(
        f"""
        select * from ({CELLS})
        where frequency = 'A' and area_level = 'country'
            and offence = '_T' and exploitation = '_T' and sex = '_T' and age = '_T' and detail = '_T'
        order by cell_id
        """
    ).df()
    return corridors.compute(flows, parameters())


def read_compositions(connection: duckdb.DuckDBPyConnection, build: Build) -> pd.DataFrame:
    forms = connection.execute(
        f"""
        select * from ({CELLS})
        where frequency = 'A' and exploitation <> '_T'
            and offence = '_T' and sex = '_T' and age = '_T' and counterpart_area = '_T' and detail = '_T'
            and not regexp_full_match(unit, '[A-Z]{{3}}')
        order by cell_id
        """
    ).df()
    forms = forms.assign(is_incomplete=masked(forms, read_incomplete(connection)))
    return compositions.compute(forms, *read_breaks(connection), parameters())


def _asset(
    name: str,
    deps: list[str],
    description: str,
    read: Callable[[duckdb.DuckDBPyConnection, Build], pd.DataFrame],
    after: Sequence[str] = (),
) -> dg.AssetsDefinition:
    @dg.asset(
        key=["analytics", name],
        deps=[["protection", "cells"], *(["warehouse", dep] for dep in deps), *(["analytics", dep] for dep in after)],
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
            table = read(connection, build)
            fill(connection, f"analytics.{name}", table)
            step.rows = len(table)
        metadata: dict[str, Any] = {"rows": len(table)}
        if "eligibility" in table:
            metadata |= {f"{code}": int(count) for code, count in table["eligibility"].value_counts().items()}
        return dg.MaterializeResult(metadata=metadata)

    return analysis


ASSETS = [
    _asset(
        "rates", ["fct_cells"], "Rates per 100,000 with exact limits, of every cell with a denominator.", read_rates
    ),
    _asset(
        "nowcasts",
        ["fct_series", "fct_cells", "int_vintages"],
        "What the newest periods will hold when all is reported, by chain ladder over the issues in the ledger; and which "
        "periods of a source are incomplete.",
        read_nowcasts,
    ),
    _asset(
        "alerts",
        ["fct_series", "fct_breaks", "dim_areas"],
        "Newest quarters and months above their own past: Farrington flexible or EARS C2, with false discovery by family.",
        read_alerts,
        after=["nowcasts"],
    ),
    _asset(
        "trends",
        ["fct_series", "fct_breaks", "dim_areas"],
        "Mann-Kendall, Theil-Sen and the known-step model for every series, with false discovery by family.",
        read_trends,
        after=["nowcasts"],
    ),
    _asset(
        "hotspots",
        ["fct_cells", "fct_series", "dim_areas", "dim_measures"],
        "Getis-Ord on standardised rates inside countries, a funnel for countries, classes of change over time.",
        read_hotspots,
        after=["nowcasts"],
    ),
    _asset(
        "clusters",
        ["fct_cells", "fct_series", "fct_breaks", "dim_areas", "dim_measures"],
        "Circular scan of the newest full year of every map and space-time scan of its newest quarters: groups of "
        "neighbours with more than an equal rate, or than their own past, gives.",
        read_clusters,
        after=["nowcasts"],
    ),
    _asset(
        "corridors",
        ["fct_cells"],
        "Flows between areas against quasi-independence, and how concentrated both ends are.",
        read_corridors,
    ),
    _asset(
        "compositions",
        ["fct_cells", "fct_breaks", "dim_areas"],
        "Whether the mix of forms shifted between the newest two years, and since the first.",
        read_compositions,
        after=["nowcasts"],
    ),
    _asset(
        "verdicts",
        ["fct_series", "fct_breaks", "dim_areas", "int_panel_cells", "int_panel_members", "int_panel_figures"],
        "One verdict on each series that speaks for its area: change, level against peers, reasons, evidence, and whether "
        "a sum over areas stands without its two main contributors.",
        read_verdicts,
        after=["trends", "hotspots", "clusters", "alerts"],
    ),
]
