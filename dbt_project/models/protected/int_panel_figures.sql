-- grain: one figure of a panel (panel, derivation, period): sum over reporting areas,
-- balanced panel, chain-linked index
-- The sum is over all areas that report, and a sum of bounds is bounds: what is hidden
-- or withheld leaves it open above. Balanced panel and index say how the same areas
-- moved; they are no figure of the area above.
{% set carried = [
    "parent_area_code",
    "parent_area_level",
    "area_level",
] + panel_columns() %}
with
    cells as (select * from {{ ref("int_panel_cells") }}),

    panels as (select distinct panel_id, {{ columns_of(carried) }} from cells),

    areas_a_panel as (
        select
            panel_id,
            count(distinct area_code) as areas_count,
            count(
                distinct case when value is not null then area_code end
            ) as exact_areas_count
        from cells
        group by panel_id
    ),

    -- areas that can report in a year: those with a population within five years of it,
    -- and those that report; all declared ones where no population is known of any
    inhabited as (
        select area, min(year) - 5 as first_year, max(year) + 5 as last_year
        from {{ ref("int_populations") }}
        group by area
    ),

    declared as (
        select
            parents.parent_area_code,
            parents.area_level,
            parents.area_code,
            inhabited.first_year,
            inhabited.last_year,
            max(case when inhabited.area is not null then 1 else 0 end) over (
                partition by parents.parent_area_code, parents.area_level
            )
            = 1 as has_populations
        from {{ ref("int_panel_parents") }} as parents
        left join inhabited on parents.area_code = inhabited.area
    ),

    reporters as (select distinct parent_area_code, area_level, area_code from cells),

    years as (
        select distinct
            parent_area_code,
            area_level,
            cast(extract(year from period_start) as integer) as year
        from cells
    ),

    areas_possible as (
        select
            years.parent_area_code,
            years.area_level,
            years.year,
            cast(count(*) as integer) as areas_possible_count
        from years
        inner join
            declared
            on years.parent_area_code = declared.parent_area_code
            and years.area_level = declared.area_level
        left join
            reporters
            on declared.parent_area_code = reporters.parent_area_code
            and declared.area_level = reporters.area_level
            and declared.area_code = reporters.area_code
        where
            not declared.has_populations
            or years.year between declared.first_year and declared.last_year
            or reporters.area_code is not null
        group by years.parent_area_code, years.area_level, years.year
    ),

    ranked as (
        select
            cells.*,
            cells.value is not null
            and members.area_code is not null
            and cells.period_number
            between windows.first_number and windows.last_number as is_balanced,
            row_number() over (
                partition by cells.panel_id, cells.period_number
                order by coalesce(cells.lower, 0) desc, cells.area_code
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
            case
                when count(value) = count(*) then cast(sum(value) as decimal(20, 4))
            end as value,
            case
                when count(lower) > 0
                then cast(sum(coalesce(lower, 0)) as decimal(20, 4))
            end as lower,
            case
                when count(upper) = count(*) then cast(sum(upper) as decimal(20, 4))
            end as upper,
            cast(sum(value) as decimal(20, 4)) as exact_value,
            max(case when upper is null then missing_reason end) as open_reason,
            cast(count(*) as integer) as areas_reporting_count,
            cast(count(lower) as integer) as areas_known_count,
            cast(count(value) as integer) as areas_exact_count,
            max(case when place = 1 then area_code end) as top_area,
            max(case when place = 1 then lower end) as top_value,
            max(case when place = 2 then area_code end) as second_area,
            max(case when place = 2 then lower end) as second_value,
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
            max(case when balanced_place = 2 then area_code end) as second_area,
            max(case when balanced_place = 2 then value end) as second_value,
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

    -- a panel of areas that report none, beside areas that report some, tells of its
    -- choice of areas and of nothing else
    empty_panels as (
        select distinct balanced.panel_id
        from balanced
        inner join
            reporting
            on balanced.panel_id = reporting.panel_id
            and balanced.period_number = reporting.period_number
        where balanced.value = 0 and coalesce(reporting.value, 1) <> 0
    ),

    balanced_index as (
        select
            balanced.*,
            first_value(balanced.value) over (
                partition by balanced.panel_id
                order by balanced.period_number
                rows between unbounded preceding and unbounded following
            ) as base_value
        from balanced
        left join empty_panels on balanced.panel_id = empty_panels.panel_id
        where empty_panels.panel_id is null
    ),

    -- each link compares the areas that report in both of two neighbouring periods
    exact_cells as (select * from cells where value is not null),

    links as (
        select
            later.panel_id,
            later.period_number,
            sum(later.value) as later_value,
            sum(earlier.value) as earlier_value,
            cast(count(*) as integer) as areas_count
        from exact_cells as later
        inner join
            exact_cells as earlier
            on later.panel_id = earlier.panel_id
            and later.area_code = earlier.area_code
            and later.period_number = earlier.period_number + 1
        group by later.panel_id, later.period_number
    ),

    first_periods as (
        select panel_id, min(period_number) as first_number
        from exact_cells
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
        where reporting.exact_value is not null
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
            lower,
            upper,
            open_reason,
            areas_reporting_count,
            areas_known_count as areas_panel_count,
            top_area,
            top_value,
            second_area,
            second_value,
            upper as whole_value,
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
            balanced.value as lower,
            balanced.value as upper,
            cast(null as string) as open_reason,
            reporting.areas_reporting_count,
            balanced.areas_count as areas_panel_count,
            balanced.top_area,
            balanced.top_value,
            balanced.second_area,
            balanced.second_value,
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
            cast(null as decimal(20, 4)) as lower,
            cast(null as decimal(20, 4)) as upper,
            -- an index has no level
            'not_applicable' as open_reason,
            areas_reporting_count,
            coalesce(link_areas_count, areas_exact_count) as areas_panel_count,
            top_area,
            top_value,
            second_area,
            second_value,
            upper as whole_value,
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
    figures.lower,
    figures.upper,
    figures.open_reason as missing_reason,
    figures.areas_reporting_count,
    figures.areas_panel_count,
    areas_possible.areas_possible_count,
    {{
        nine_digits(
            "cast(figures.areas_panel_count as double) / areas_possible.areas_possible_count"
        )
    }}
    as coverage_share,
    {% for place in ["top", "second"] %}
        figures.{{ place }}_area as {{ place }}_contributor_area,
        -- where the sum is known between bounds, the least that the part can be
        case
            when figures.whole_value > 0
            then
                {{
                    nine_digits(
                        "cast(figures."
                        ~ place
                        ~ "_value as double) / cast(figures.whole_value as double)"
                    )
                }}
        end as {{ place }}_contributor_share,
    {% endfor %}
    {{ nine_digits("figures.index_value") }} as index_value,
    figures.definition_id,
    figures.comparability,
    figures.issued_on
from figures
inner join panels on figures.panel_id = panels.panel_id
inner join areas_a_panel on figures.panel_id = areas_a_panel.panel_id
inner join
    areas_possible
    on panels.parent_area_code = areas_possible.parent_area_code
    and panels.area_level = areas_possible.area_level
    and extract(year from figures.period_start) = areas_possible.year
-- a sum over one area that ever reports is that area, not a panel
where
    case
        figures.derivation
        when 'sum_of_reporting'
        then areas_a_panel.areas_count
        else areas_a_panel.exact_areas_count
    end
    >= 2
