-- grain: one count of figures, sources or areas that this audience sees (statistic,
-- and the columns of the summary)
-- Sources and areas are counted by figures of the field: populations and other
-- offences
-- are what figures are held against.
{{ config(materialized="view") }}
{% set by_measure = {"measure": "measure"} %}
{% set by_level = {"area_level": "area_level"} %}
{% set by_source = {"source": "source"} %}
{% set by_dataset = {"source": "source", "dataset": "dataset"} %}
with
    cells as (
        select
            cells.*,
            cells.value is not null or cells.lower is not null as has_figure,
            measures.subject <> 'reference' as is_of_the_field
        from {{ ref("pub_observations") }} as cells
        inner join
            {{ ref("dim_measures") }} as measures on cells.measure = measures.measure
    ),

    -- where an area says anything of its whole: a figure, bounds, or that it is hidden
    totals as (
        select *
        from cells
        where
            exploitation = '_T'
            and sex = '_T'
            and age = '_T'
            and counterpart_area = '_T'
            and detail = '_T'
            and (
                has_figure
                or missing_reason
                not in ('not_reported', 'not_collected', 'not_applicable')
            )
    ),

    reasons as (select missing_reason, count(*) over () as all_count from cells),

    ends as (
        select
            *,
            min(period_start) over () as first_start,
            max(period_start) over () as last_start,
            min(period_start) over (
                partition by measure, frequency
            ) as first_start_of_measure,
            max(period_start) over (
                partition by measure, frequency
            ) as last_start_of_measure
        from cells
        where has_figure
    ),

    datasets as (select * from {{ ref("pub_datasets") }}),

    areas as (
        select areas.*, inhabited.area is not null as is_inhabited
        from {{ ref("pub_areas") }} as areas
        left join
            (select distinct area from {{ ref("int_populations") }}) as inhabited
            on areas.area_code = inhabited.area
    )

    {{
        summary_of(
            "sources",
            "datasets",
            [{}, {"word": "dataset_role"}],
            "count(distinct source)",
        )
    }}
union all
{{ summary_of("datasets", "datasets", [{}, {"word": "dataset_role"}, by_source]) }}
union all
{{
    summary_of(
        "sources_with_figures",
        "cells",
        [{}, by_measure, by_level],
        "count(distinct source)",
        where="has_figure and is_of_the_field",
    )
}}
union all
{{ summary_of("areas_known", "areas", [{}, by_level]) }}
union all
{{ summary_of("areas_inhabited", "areas", [{}, by_level], where="is_inhabited") }}
union all
{{
    summary_of(
        "areas_with_figures",
        "cells",
        [
            {},
            by_level,
            by_measure,
            {"measure": "measure", "area_level": "area_level"},
            by_source,
        ],
        "count(distinct area_code)",
        where="has_figure and is_of_the_field",
    )
}}
union all
{{
    summary_of(
        "cells_published",
        "cells",
        [{}, by_measure, by_source, by_dataset, by_level],
    )
}}
union all
{{
    summary_of(
        "figures_published",
        "cells",
        [{}, by_measure, by_source, by_dataset, by_level],
        "sum(case when has_figure then 1 else 0 end)",
        "count(*)",
    )
}}
union all
{{
    summary_of(
        "cells_hidden",
        "cells",
        [{}, by_measure, by_source, by_dataset],
        "coalesce(sum(case when missing_reason = 'suppressed' then 1 else 0 end), 0)",
        "count(*)",
    )
}}
union all
{{
    summary_of(
        "cells_without_exact_figure",
        "reasons",
        [{"word": "missing_reason"}],
        "count(*)",
        "max(all_count)",
        where="missing_reason is not null",
    )
}}
union all
{{
    summary_of(
        "first_year",
        "ends",
        [{"period": "cast(extract(year from period_start) as string)"}],
        where="period_start = first_start",
    )
}}
union all
{{
    summary_of(
        "last_year",
        "ends",
        [{"period": "cast(extract(year from period_start) as string)"}],
        where="period_start = last_start",
    )
}}
union all
{{
    summary_of(
        "first_period",
        "ends",
        [{"measure": "measure", "frequency": "frequency", "period": "period"}],
        where="period_start = first_start_of_measure",
    )
}}
union all
{{
    summary_of(
        "last_period",
        "ends",
        [{"measure": "measure", "frequency": "frequency", "period": "period"}],
        where="period_start = last_start_of_measure",
    )
}}
union all
{{
    summary_of(
        "areas_reporting",
        "totals",
        [
            {
                "measure": "measure",
                "area_level": "area_level",
                "frequency": "frequency",
                "period": "period",
            },
            {
                "measure": "measure",
                "area_level": "area_level",
                "frequency": "frequency",
            },
        ],
        "count(distinct area_code)",
    )
}}
union all
{{
    summary_of(
        "sources_reporting",
        "totals",
        [
            {
                "measure": "measure",
                "area_level": "area_level",
                "frequency": "frequency",
            },
        ],
        "count(distinct source)",
    )
}}
