-- grain: one point of a series (series, period); every source and way of deriving
-- stands beside the others, one is selected
-- Selected is the whole figure of the area alone: a published total goes before a sum
-- over areas, and a part (one body's count, one offence), the same areas only, or an
-- index never stands for the area.
{% set part_key = ["source", "dataset", "measure", "reporter", "offence"] %}
{% set concept = [
    "area_code",
    "place_role",
    "measure",
    "unit",
    "whole_offence",
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
            cast(null as integer) as areas_possible_count,
            cast(null as double) as coverage_share,
            cast(null as string) as top_contributor_area,
            cast(null as double) as top_contributor_share,
            cast(null as string) as second_contributor_area,
            cast(null as double) as second_contributor_share,
            cast(null as double) as index_value,
            population_count,
            population_period,
            is_population_carried,
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
            figures.lower,
            figures.upper,
            coalesce(reasons.obs_status, 'A') as obs_status,
            coalesce(reasons.conf_status, 'F') as conf_status,
            figures.missing_reason,
            figures.derivation,
            figures.source,
            figures.dataset,
            figures.source_type,
            figures.definition_id,
            figures.comparability,
            figures.issued_on,
            figures.areas_reporting_count,
            figures.areas_panel_count,
            figures.areas_possible_count,
            figures.coverage_share,
            figures.top_contributor_area,
            figures.top_contributor_share,
            figures.second_contributor_area,
            figures.second_contributor_share,
            figures.index_value,
            cast(null as decimal(20, 4)) as population_count,
            cast(null as string) as population_period,
            false as is_population_carried,
            cast(null as string) as cell_id
        from {{ ref("int_panel_figures") }} as figures
        inner join
            {{ ref("dim_areas") }} as areas
            on figures.parent_area_code = areas.area_code
        left join
            {{ ref("missing_reasons") }} as reasons
            on figures.missing_reason = reasons.missing_reason
    ),

    points as (
        select *
        from cell_points
        union all
        select *
        from panel_points
    ),

    area_parts as (
        select {{ columns_of(part_key) }}, min(part) as part
        from {{ ref("int_series_parts") }}
        group by {{ columns_of(part_key) }}
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
            coalesce(datasets.precedence, precedence.precedence, 1000) as precedence,
            -- of a sum over areas, the part that its areas are
            coalesce(parts.part, area_parts.part, 'whole') as part,
            case
                when points.offence = '0204' then '_T' else points.offence
            end as whole_offence
        from points
        inner join
            {{ ref("dim_datasets") }} as datasets
            on points.source = datasets.source
            and points.dataset = datasets.dataset
        left join
            {{ ref("source_precedence") }} as precedence
            on points.measure = precedence.measure
            and points.source_type = precedence.source_type
        left join
            {{ ref("int_series_parts") }} as parts
            on {{ same(part_key + ["area_code"], "points", "parts") }}
        left join area_parts on {{ same(part_key, "points", "area_parts") }}
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
            min(part) as part,
            max(
                case
                    derivation
                    when 'published'
                    then 1
                    when 'sum_of_parts'
                    then 2
                    when 'sum_of_reporting'
                    then 3
                    when 'balanced_panel'
                    then 4
                    else 5
                end
            ) as derivation_order
        from precedences
        group by series_id, {{ columns_of(concept) }}, source, dataset
    ),

    classed as (
        select
            *,
            -- what a series may stand for: 1 the area by a figure of its own, 2 the
            -- area by a sum over areas, 3 a part of it, 4 the course of the same areas
            case
                when derivation_order > 3
                then 4
                when part <> 'whole'
                then 3
                when derivation_order = 3
                then 2
                else 1
            end as standing
        from every_series
    ),

    ranked as (
        select
            *,
            row_number() over (
                partition by {{ columns_of(concept) }}
                order by
                    standing, precedence, derivation_order, source, dataset, series_id
            ) as choice,
            min(standing) over (partition by {{ columns_of(concept) }}) as best_standing
        from classed
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
    ranked.choice = 1 and ranked.standing <= 2 as is_selected,
    case
        when ranked.derivation_order = 5
        then 'index'
        when ranked.derivation_order = 4
        then 'same_areas_only'
        when ranked.part = 'reporter'
        then 'one_body_only'
        when ranked.part = 'offence'
        then 'one_offence_only'
        when ranked.choice = 1
        then 'selected'
        when ranked.standing = 2 and ranked.best_standing = 1
        then 'figure_of_its_own_first'
        else 'other_source_first'
    end as selection,
    ranked.part,
    -- where there is no whole figure, the first of the parts is shown, as what it is
    ranked.choice = 1 and ranked.standing <= 3 as is_leading,
    -- a sum of those who happen to report changes with who reports, an index is no
    -- count
    precedences.derivation
    not in ('sum_of_reporting', 'chain_linked') as is_trend_testable,
    precedences.areas_reporting_count,
    precedences.areas_panel_count,
    precedences.areas_possible_count,
    precedences.coverage_share,
    precedences.top_contributor_area,
    precedences.top_contributor_share,
    precedences.second_contributor_area,
    precedences.second_contributor_share,
    precedences.index_value,
    precedences.population_count,
    precedences.population_period,
    precedences.is_population_carried,
    precedences.cell_id
from precedences
inner join ranked on precedences.series_id = ranked.series_id
