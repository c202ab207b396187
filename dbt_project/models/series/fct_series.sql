-- grain: one point of a series (series, period); every source and way of deriving
-- stands beside the others, one is selected
{% set concept = [
    "area_code",
    "place_role",
    "measure",
    "unit",
    "offence",
    "exploitation",
    "sex",
    "age",
    "counterpart_area",
    "counterpart_role",
    "detail_kind",
    "detail",
    "frequency",
] %}
with
    cell_points as (
        select
            series_id,
            {{ columns_of(dimension_columns()) }},
            period_start,
            frequency,
            area_name,
            area_level,
            value,
            lower,
            upper,
            obs_status,
            conf_status,
            missing_reason,
            derivation,
            source,
            dataset,
            source_type,
            definition_id,
            comparability,
            issued_on,
            cast(null as integer) as areas_reporting_count,
            cast(null as integer) as areas_panel_count,
            cast(null as double) as coverage_share,
            cast(null as string) as top_contributor_area,
            cast(null as double) as top_contributor_share,
            cast(null as double) as index_value,
            cell_id
        from {{ ref("int_cells_protected") }}
        where counterpart_area = '_T' and detail = '_T'
    ),

    panel_points as (
        select
            figures.series_id,
            figures.parent_area_code as area_code,
            {{ columns_of(dimension_columns(), "figures", leave_out=["area_code"]) }},
            figures.period_start,
            figures.frequency,
            areas.area_name,
            areas.area_level,
            figures.value,
            figures.value as lower,
            figures.value as upper,
            case when figures.value is null then 'M' else 'A' end as obs_status,
            'F' as conf_status,
            -- an index has no level
            case when figures.value is null then 'not_applicable' end as missing_reason,
            figures.derivation,
            figures.source,
            figures.dataset,
            figures.source_type,
            figures.definition_id,
            figures.comparability,
            figures.issued_on,
            figures.areas_reporting_count,
            figures.areas_panel_count,
            figures.coverage_share,
            figures.top_contributor_area,
            figures.top_contributor_share,
            figures.index_value,
            cast(null as string) as cell_id
        from {{ ref("int_panel_figures") }} as figures
        inner join
            {{ ref("dim_areas") }} as areas
            on figures.parent_area_code = areas.area_code
    ),

    points as (
        select *
        from cell_points
        union all
        select *
        from panel_points
    ),

    precedences as (
        select
            points.*,
            -- where a person was found, counted or judged is one question; where
            -- exploited, recruited or living are others
            case
                when points.area_role in ('exploitation', 'recruitment', 'residence')
                then points.area_role
                else 'counted'
            end as place_role,
            coalesce(datasets.precedence, precedence.precedence, 1000) as precedence
        from points
        inner join
            {{ ref("dim_datasets") }} as datasets
            on points.source = datasets.source
            and points.dataset = datasets.dataset
        left join
            {{ ref("source_precedence") }} as precedence
            on points.measure = precedence.measure
            and points.source_type = precedence.source_type
    ),

    -- a series whose points are partly published and partly derived is as derived as
    -- its most derived point
    every_series as (
        select
            series_id,
            {{ columns_of(concept) }},
            source,
            dataset,
            min(precedence) as precedence,
            max(
                case
                    derivation
                    when 'published'
                    then 1
                    when 'sum_of_parts'
                    then 2
                    when 'balanced_panel'
                    then 3
                    when 'sum_of_reporting'
                    then 4
                    else 5
                end
            ) as derivation_order
        from precedences
        group by series_id, {{ columns_of(concept) }}, source, dataset
    ),

    ranked as (
        select
            series_id,
            row_number() over (
                partition by {{ columns_of(concept) }}
                order by precedence, derivation_order, source, dataset, series_id
            ) as choice
        from every_series
    )

select
    precedences.series_id,
    {{ columns_of(dimension_columns(), "precedences") }},
    precedences.period_start,
    precedences.frequency,
    precedences.area_name,
    precedences.area_level,
    precedences.value,
    precedences.lower,
    precedences.upper,
    precedences.obs_status,
    precedences.conf_status,
    precedences.missing_reason,
    precedences.derivation,
    precedences.source,
    precedences.dataset,
    precedences.source_type,
    precedences.definition_id,
    precedences.comparability,
    precedences.issued_on,
    cast(precedences.precedence as integer) as precedence,
    ranked.choice = 1 as is_selected,
    precedences.areas_reporting_count,
    precedences.areas_panel_count,
    precedences.coverage_share,
    precedences.top_contributor_area,
    precedences.top_contributor_share,
    precedences.index_value,
    precedences.cell_id
from precedences
inner join ranked on precedences.series_id = ranked.series_id
