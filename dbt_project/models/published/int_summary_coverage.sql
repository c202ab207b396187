-- grain: one count of what datasets cover and what is late at as_of (statistic, and
-- the columns of the summary)
-- Late and awaited are of figures of the field; years and quarters are never mixed.
{{ config(materialized="view") }}
{% set by_dataset = {
    "source": "source",
    "dataset": "dataset",
    "frequency": "frequency",
} %}
with
    seen as (
        select distinct area_code
        from {{ ref("pub_observations") }} as cells
        inner join
            {{ ref("dim_measures") }} as measures on cells.measure = measures.measure
        where
            measures.subject <> 'reference'
            and (cells.value is not null or cells.lower is not null)
    ),

    coverage as (
        select
            coverage.*,
            coverage.dataset_role = 'figures' as is_of_the_field,
            coverage.due_on is not null as is_expected,
            case
                when seen.area_code is null then 'without_figures' else 'with_figures'
            end as figures_word,
            min(coverage.first_period) over (
                partition by coverage.source, coverage.dataset, coverage.frequency
            ) as first_of_dataset,
            max(coverage.last_period) over (
                partition by coverage.source, coverage.dataset, coverage.frequency
            ) as last_of_dataset,
            min(coverage.due_on) over (
                partition by coverage.source, coverage.dataset, coverage.frequency
            ) as due_on_of_dataset
        from {{ ref("pub_coverage") }} as coverage
        left join seen on coverage.area_code = seen.area_code
    )

    {{
        summary_of(
            "coverage_areas", "coverage", [by_dataset], "count(distinct area_code)"
        )
    }}
union all
{{
    summary_of(
        "coverage_periods",
        "coverage",
        [by_dataset],
        "sum(periods_reported_count)",
        "sum(periods_expected_count)",
    )
}}
union all
{{
    summary_of(
        "coverage_unmapped_rows",
        "coverage",
        [{}, by_dataset],
        "coalesce(sum(unmapped_count), 0)",
    )
}}
union all
{{
    summary_of(
        "coverage_first_period",
        "coverage",
        [
            {
                "source": "source",
                "dataset": "dataset",
                "frequency": "frequency",
                "period": "first_period",
            },
        ],
        "count(distinct area_code)",
        where="first_period = first_of_dataset",
    )
}}
union all
{{
    summary_of(
        "coverage_last_period",
        "coverage",
        [
            {
                "source": "source",
                "dataset": "dataset",
                "frequency": "frequency",
                "period": "last_period",
            },
        ],
        "count(distinct area_code)",
        where="last_period = last_of_dataset",
    )
}}
union all
{{
    summary_of(
        "coverage_next_due",
        "coverage",
        [
            {
                "source": "source",
                "dataset": "dataset",
                "frequency": "frequency",
                "word": "cast(due_on as string)",
            },
        ],
        "count(distinct area_code)",
        where="due_on = due_on_of_dataset",
    )
}}
union all
{{
    summary_of(
        "areas_late",
        "coverage",
        [{}, {"word": "figures_word"}, by_dataset],
        "count(distinct case when is_late then area_code end)",
        "count(distinct area_code)",
        where="is_of_the_field and is_expected",
    )
}}
union all
{{
    summary_of(
        "sources_late",
        "coverage",
        [{}],
        "count(distinct case when is_late then source end)",
        "count(distinct source)",
        where="is_of_the_field and is_expected",
    )
}}
union all
{{
    summary_of(
        "areas_with_missing_periods",
        "coverage",
        [{}, by_dataset],
        "count(distinct case when periods_reported_count < periods_expected_count then area_code end)",
        "count(distinct area_code)",
        where="is_of_the_field",
    )
}}
