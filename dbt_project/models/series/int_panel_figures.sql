-- grain: one figure of a panel (panel, derivation, period): sum over reporting areas,
-- balanced panel, chain-linked index
{% set carried = [
    "parent_area_code",
    "parent_area_level",
    "areas_in_parent_count",
    "area_level",
] + panel_columns() %}
with
    cells as (select * from {{ ref("int_panel_cells") }}),

    panels as (select distinct panel_id, {{ columns_of(carried) }} from cells),

    areas_a_panel as (
        select panel_id, count(distinct area_code) as areas_count
        from cells
        group by panel_id
    ),

    ranked as (
        select
            cells.*,
            members.area_code is not null
            and cells.period_number
            between windows.first_number and windows.last_number as is_balanced,
            row_number() over (
                partition by cells.panel_id, cells.period_number
                order by cells.value desc, cells.area_code
            ) as place
        from cells
        left join
            {{ ref("int_panel_windows") }} as windows
            on cells.panel_id = windows.panel_id
        left join
            {{ ref("int_panel_members") }} as members
            on cells.panel_id = members.panel_id
            and cells.area_code = members.area_code
    ),

    balanced_ranked as (
        select
            *,
            row_number() over (
                partition by panel_id, period_number order by value desc, area_code
            ) as balanced_place
        from ranked
        where is_balanced
    ),

    reporting as (
        select
            panel_id,
            period,
            period_start,
            period_number,
            cast(sum(value) as decimal(20, 4)) as value,
            cast(count(*) as integer) as areas_reporting_count,
            max(case when place = 1 then area_code end) as top_area,
            max(case when place = 1 then value end) as top_value,
            case
                when min(definition_id) = max(definition_id)
                then min(definition_id)
                else '_T'
            end as definition_id,
            max(comparability) as comparability,
            max(issued_on) as issued_on
        from ranked
        group by panel_id, period, period_start, period_number
    ),

    balanced as (
        select
            panel_id,
            period_number,
            cast(sum(value) as decimal(20, 4)) as value,
            cast(count(*) as integer) as areas_count,
            max(case when balanced_place = 1 then area_code end) as top_area,
            max(case when balanced_place = 1 then value end) as top_value,
            case
                when min(definition_id) = max(definition_id)
                then min(definition_id)
                else '_T'
            end as definition_id,
            max(comparability) as comparability,
            max(issued_on) as issued_on
        from balanced_ranked
        group by panel_id, period_number
    ),

    balanced_index as (
        select
            *,
            first_value(value) over (
                partition by panel_id
                order by period_number
                rows between unbounded preceding and unbounded following
            ) as base_value
        from balanced
    ),

    -- each link compares the areas that report in both of two neighbouring periods
    links as (
        select
            later.panel_id,
            later.period_number,
            sum(later.value) as later_value,
            sum(earlier.value) as earlier_value,
            cast(count(*) as integer) as areas_count
        from cells as later
        inner join
            cells as earlier
            on later.panel_id = earlier.panel_id
            and later.area_code = earlier.area_code
            and later.period_number = earlier.period_number + 1
        group by later.panel_id, later.period_number
    ),

    first_periods as (
        select panel_id, min(period_number) as first_number
        from reporting
        group by panel_id
    ),

    linked as (
        select
            reporting.*,
            links.areas_count as link_areas_count,
            case
                when reporting.period_number = first_periods.first_number
                then 0
                when links.later_value > 0 and links.earlier_value > 0
                then
                    ln(
                        cast(links.later_value as double)
                        / cast(links.earlier_value as double)
                    )
            end as log_ratio
        from reporting
        inner join first_periods on reporting.panel_id = first_periods.panel_id
        left join
            links
            on reporting.panel_id = links.panel_id
            and reporting.period_number = links.period_number
    ),

    -- a link without common areas breaks the chain for good: what follows has no
    -- relation to the base
    chained as (
        select
            *,
            sum(case when log_ratio is null then 1 else 0 end) over (
                partition by panel_id
                order by period_number
                rows between unbounded preceding and current row
            ) as broken_count,
            sum(coalesce(log_ratio, 0)) over (
                partition by panel_id
                order by period_number
                rows between unbounded preceding and current row
            ) as log_index
        from linked
    ),

    figures as (
        select
            panel_id,
            'sum_of_reporting' as derivation,
            period,
            period_start,
            value,
            areas_reporting_count,
            areas_reporting_count as areas_panel_count,
            top_area,
            top_value,
            value as whole_value,
            cast(null as double) as index_value,
            definition_id,
            comparability,
            issued_on
        from reporting

        union all

        select
            reporting.panel_id,
            'balanced_panel' as derivation,
            reporting.period,
            reporting.period_start,
            balanced.value,
            reporting.areas_reporting_count,
            balanced.areas_count as areas_panel_count,
            balanced.top_area,
            balanced.top_value,
            balanced.value as whole_value,
            case
                when balanced.base_value > 0
                then
                    100.0
                    * cast(balanced.value as double)
                    / cast(balanced.base_value as double)
            end as index_value,
            balanced.definition_id,
            balanced.comparability,
            balanced.issued_on
        from reporting
        inner join
            balanced_index as balanced
            on reporting.panel_id = balanced.panel_id
            and reporting.period_number = balanced.period_number

        union all

        select
            panel_id,
            'chain_linked' as derivation,
            period,
            period_start,
            cast(null as decimal(20, 4)) as value,
            areas_reporting_count,
            coalesce(link_areas_count, areas_reporting_count) as areas_panel_count,
            top_area,
            top_value,
            value as whole_value,
            100.0 * exp(log_index) as index_value,
            definition_id,
            comparability,
            issued_on
        from chained
        where broken_count = 0
    )

select
    figures.panel_id,
    md5(concat_ws('|', figures.derivation, figures.panel_id)) as series_id,
    {{ columns_of(carried, "panels") }},
    figures.derivation,
    figures.period,
    figures.period_start,
    figures.value,
    figures.areas_reporting_count,
    figures.areas_panel_count,
    {{
        nine_digits(
            "cast(figures.areas_panel_count as double) / panels.areas_in_parent_count"
        )
    }} as coverage_share,
    figures.top_area as top_contributor_area,
    case
        when figures.whole_value > 0
        then
            {{
                nine_digits(
                    "cast(figures.top_value as double) / cast(figures.whole_value as double)"
                )
            }}
    end as top_contributor_share,
    {{ nine_digits("figures.index_value") }} as index_value,
    figures.definition_id,
    figures.comparability,
    figures.issued_on
from figures
inner join panels on figures.panel_id = panels.panel_id
inner join areas_a_panel on figures.panel_id = areas_a_panel.panel_id
-- a sum over one area that ever reports is that area, not a panel
where areas_a_panel.areas_count >= 2
