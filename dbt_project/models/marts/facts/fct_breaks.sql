-- grain: one break of an area's measure (area, measure, dimension, date, kind,
-- source, dataset)
-- law, code list, counting rule and area are known steps for the trend methods;
-- source mix, coverage and restatement are drawn
{% set counted_alike = [
    "measure",
    "unit",
    "area_role",
    "reporter",
    "offence",
    "area_level",
    "frequency",
] %}
with
    parameters as (select as_of from {{ ref("stg_lake__build_parameters") }}),

    cells as (select * from {{ ref("int_cells") }} where vintage = 'current'),

    totals as (
        select
            cells.*,
            areas.country_code,
            {{ period_number("cells.period_start", "cells.frequency") }}
            as period_number
        from cells
        inner join {{ ref("dim_areas") }} as areas on cells.area = areas.area_code
        where
            cells.exploitation = '_T'
            and cells.sex = '_T'
            and cells.age = '_T'
            and cells.counterpart_area = '_T'
            and cells.detail = '_T'
            and cells.missing_reason is null
    ),

    used as (
        select distinct country_code, measure, partner_id, dataset
        from totals
        where country_code is not null
    ),

    regimes as (
        select
            jurisdiction,
            definition_id,
            valid_from,
            statute,
            provision,
            concat_ws(
                '|',
                acts,
                means_required_adult,
                means_required_child,
                child_age_limit,
                movement_required,
                purposes,
                who_covered
            ) as elements,
            row_number() over (
                partition by jurisdiction order by valid_from, definition_id
            ) as place
        from {{ ref("dim_definitions") }}
        where is_regime and not is_instrument and valid_from is not null
    ),

    law as (
        select distinct
            later.jurisdiction as area_code,
            used.measure,
            '_T' as dimension,
            later.valid_from as break_on,
            'law' as kind,
            '_T' as source,
            '_T' as dataset,
            later.statute || ', ' || later.provision || ' in force' as evidence,
            earlier.definition_id as definition_before_id,
            later.definition_id as definition_after_id
        from regimes as later
        inner join
            regimes as earlier
            on later.jurisdiction = earlier.jurisdiction
            and later.place = earlier.place + 1
            and later.elements <> earlier.elements
        inner join used on later.jurisdiction = used.country_code
        inner join
            {{ ref("dim_measures") }} as measures
            on used.measure = measures.measure
            and measures.follows_law
    ),

    map_steps as (
        select
            partner_id,
            dataset,
            column_name,
            source,
            code,
            valid_from,
            lag(code) over (
                partition by partner_id, dataset, column_name, source
                order by coalesce(valid_from, date '0001-01-01'), code
            ) as code_before
        from {{ ref("stg_lake__maps") }}
    ),

    code_list as (
        select
            used.country_code as area_code,
            used.measure,
            map_steps.column_name as dimension,
            map_steps.valid_from as break_on,
            'code list' as kind,
            used.partner_id as source,
            used.dataset,
            map_steps.column_name
            || ': '
            || cast(count(distinct map_steps.source) as string)
            || ' labels count under another code, for example '
            || min(
                map_steps.source
                || ' ('
                || map_steps.code_before
                || ' to '
                || map_steps.code
                || ')'
            ) as evidence,
            cast(null as string) as definition_before_id,
            cast(null as string) as definition_after_id
        from map_steps
        inner join
            used
            on map_steps.partner_id = used.partner_id
            and map_steps.dataset = used.dataset
        where
            map_steps.valid_from is not null and map_steps.code_before <> map_steps.code
        group by
            used.country_code,
            used.measure,
            map_steps.column_name,
            map_steps.valid_from,
            used.partner_id,
            used.dataset
    ),

    area_changes as (
        select
            changes.to_code as area_code,
            '_T' as measure,
            '_T' as dimension,
            changes.changed_on as break_on,
            'area' as kind,
            '_T' as source,
            '_T' as dataset,
            min(changes.kind || ' of ' || changes.from_code) as evidence,
            cast(null as string) as definition_before_id,
            cast(null as string) as definition_after_id
        from {{ ref("stg_lake__area_changes") }} as changes
        -- a new name or code is the same area
        where changes.kind in ('split', 'merge')
        group by changes.to_code, changes.changed_on
    ),

    -- who reports is counted as the sums over areas count it (int_panel_cells), from
    -- the issues that the series are made of: what a publisher wrote of the reporters
    -- of an older issue is not told beside the figures of a newer one
    reporters_a_period as (
        select
            parents.parent_area_code as area_code,
            cells.partner_id,
            cells.dataset,
            {{ columns_of(counted_alike, "cells") }},
            {{ period_number("cells.period_start", "cells.frequency") }}
            as period_number,
            min(cells.period_start) as period_start,
            count(distinct cells.area) as areas_count
        from cells
        inner join
            {{ ref("int_panel_parents") }} as parents on cells.area = parents.area_code
        where
            cells.exploitation = '_T'
            and cells.sex = '_T'
            and cells.age = '_T'
            and cells.counterpart_area = '_T'
            and cells.detail = '_T'
            and coalesce(cells.missing_reason, '')
            not in ('not_reported', 'not_collected', 'not_applicable')
        group by
            parents.parent_area_code,
            cells.partner_id,
            cells.dataset,
            {{ columns_of(counted_alike, "cells") }},
            {{ period_number("cells.period_start", "cells.frequency") }}
    ),

    reporters_before as (
        select
            *,
            lag(areas_count) over (
                partition by
                    area_code, partner_id, dataset, {{ columns_of(counted_alike) }}
                order by period_number
            ) as areas_before_count
        from reporters_a_period
    ),

    coverage as (
        select
            area_code,
            measure,
            '_T' as dimension,
            period_start as break_on,
            'coverage' as kind,
            partner_id as source,
            dataset,
            min(
                'areas that report a total went from '
                || cast(areas_before_count as string)
                || ' to '
                || cast(areas_count as string)
            ) as evidence,
            cast(null as string) as definition_before_id,
            cast(null as string) as definition_after_id
        from reporters_before
        -- a seventh more or fewer areas, where there are enough of them for that to
        -- mean something
        where
            greatest(areas_count, areas_before_count) >= 10
            and 7 * abs(areas_count - areas_before_count)
            > greatest(areas_count, areas_before_count)
        group by area_code, measure, period_start, partner_id, dataset
    ),

    declared as (
        select
            area_code,
            measure,
            '_T' as dimension,
            break_on,
            kind,
            '_T' as source,
            '_T' as dataset,
            min(coalesce(evidence, 'declared')) as evidence,
            cast(null as string) as definition_before_id,
            cast(null as string) as definition_after_id
        from {{ ref("stg_lake__breaks") }}
        group by area_code, measure, break_on, kind
    ),

    source_spans as (
        select
            totals.country_code,
            totals.measure,
            totals.partner_id,
            totals.dataset,
            totals.frequency,
            min(totals.period_number) as first_number,
            max(totals.period_number) as last_number
        from totals
        where totals.country_code is not null
        group by
            totals.country_code,
            totals.measure,
            totals.partner_id,
            totals.dataset,
            totals.frequency
    ),

    spans_of_all as (
        select
            country_code,
            measure,
            frequency,
            min(first_number) as first_number,
            max(last_number) as last_number
        from source_spans
        group by country_code, measure, frequency
        having count(*) > 1
    ),

    source_mix as (
        select
            spans.country_code as area_code,
            spans.measure,
            '_T' as dimension,
            {{ period_first_day("spans.first_number", "spans.frequency") }} as break_on,
            'source mix' as kind,
            spans.partner_id as source,
            spans.dataset,
            'figures of this source begin' as evidence,
            cast(null as string) as definition_before_id,
            cast(null as string) as definition_after_id
        from source_spans as spans
        inner join
            spans_of_all
            on {{
                same(
                    ["country_code", "measure", "frequency"],
                    "spans",
                    "spans_of_all",
                )
            }}
        where spans.first_number > spans_of_all.first_number

        union all

        -- a source that stopped, and not one that is only on its way
        select
            spans.country_code as area_code,
            spans.measure,
            '_T' as dimension,
            {{ period_first_day("spans.last_number + 1", "spans.frequency") }}
            as break_on,
            'source mix' as kind,
            spans.partner_id as source,
            spans.dataset,
            'figures of this source end' as evidence,
            cast(null as string) as definition_before_id,
            cast(null as string) as definition_after_id
        from source_spans as spans
        inner join
            spans_of_all
            on {{
                same(
                    ["country_code", "measure", "frequency"],
                    "spans",
                    "spans_of_all",
                )
            }}
        inner join
            {{ ref("stg_lake__datasets") }} as datasets
            on spans.partner_id = datasets.partner_id
            and spans.dataset = datasets.dataset
        cross join parameters
        where
            spans.last_number < spans_of_all.last_number
            and {{
                date_plus(
                    period_first_day("spans.last_number + 2", "spans.frequency"),
                    "coalesce(datasets.late_after_days, 0)",
                    "day",
                )
            }} < parameters.as_of
    ),

    restatement as (
        select
            area_code,
            measure,
            '_T' as dimension,
            period_start as break_on,
            'restatement' as kind,
            source,
            dataset,
            min(
                'restated by more than a fifth in the issue of '
                || cast(issued_on as string)
            ) as evidence,
            cast(null as string) as definition_before_id,
            cast(null as string) as definition_after_id
        from {{ ref("fct_changes") }}
        where
            kind = 'revised'
            and exploitation = '_T'
            and sex = '_T'
            and age = '_T'
            and counterpart_area = '_T'
            and detail = '_T'
            and greatest(value, previous_value) >= 50
            and 5 * abs(difference) > previous_value
        group by area_code, measure, period_start, source, dataset
    ),

    declared_keys as (select distinct area_code, measure, break_on, kind from declared),

    -- how many areas report is counted here, on the figures as they stand at as_of: a
    -- declared count of an older issue stands only where there is nothing to count
    -- on both sides, or where a source begins or ends, which counts of areas do not
    -- tell
    counted as (
        select distinct
            reporters_before.area_code,
            reporters_before.measure,
            reporters_before.period_start as break_on,
            source_mix.area_code is not null as has_other_sources
        from reporters_before
        left join
            source_mix
            on reporters_before.area_code = source_mix.area_code
            and reporters_before.measure = source_mix.measure
            and reporters_before.period_start = source_mix.break_on
        where reporters_before.areas_before_count is not null
    ),

    every_break as (
        {% for kind in [
            "law",
            "code_list",
            "area_changes",
            "declared",
            "coverage",
            "source_mix",
            "restatement",
        ] %}
            select *, {{ "true" if kind == "declared" else "false" }} as is_declared
            from {{ kind }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select
    every_break.area_code,
    coalesce(areas.area_name, every_break.area_code) as area_name,
    every_break.measure,
    every_break.dimension,
    every_break.break_on,
    every_break.kind,
    every_break.source,
    every_break.dataset,
    every_break.evidence,
    every_break.definition_before_id,
    every_break.definition_after_id,
    case when kinds.is_known_step then 'stratum' else 'drawn' end as treatment
from every_break
left join {{ ref("dim_areas") }} as areas on every_break.area_code = areas.area_code
left join {{ ref("break_kinds") }} as kinds on every_break.kind = kinds.break_kind
left join
    declared_keys
    on {{
        same(
            ["area_code", "measure", "break_on", "kind"],
            "every_break",
            "declared_keys",
        )
    }}
left join
    counted
    on every_break.area_code = counted.area_code
    and every_break.measure = counted.measure
    and every_break.break_on = counted.break_on
where
    case
        when every_break.kind = 'coverage' and counted.area_code is not null
        then not every_break.is_declared or counted.has_other_sources
        -- what a person declared with evidence is not repeated by the machine
        else declared_keys.area_code is null or every_break.is_declared
    end
