-- grain: one member of a split of a total (source, dataset, key of the total, split,
-- member), as this audience may see both
-- Shares are of the total that stands in the tables, never of what happens to be
-- visible. Whom no part holds is told once: as the publisher's own unknown or, where
-- there is none, as the rest of the total (derivation `residual`). A member inside
-- another one is shown with its container and counted in none of the sums.
{% set dimensions = ["sex", "age", "exploitation"] %}
{% set key = dimension_columns() + ["source", "dataset"] %}
with
    cells as (
        select
            *,
            case when exploitation = '_T' then 0 else 1 end
            + case when sex = '_T' then 0 else 1 end
            + case when age = '_T' then 0 else 1 end as splits_count
        from {{ ref("int_cells_protected") }}
        where counterpart_area = '_T' and detail = '_T'
    ),

    totals as (select * from cells where splits_count = 0 and lower is not null),

    nesting as (select * from {{ ref("int_member_nesting") }}),

    {% for dimension in dimensions %}
        {% set others = key | reject("equalto", dimension) | list %}
        {{ dimension }}_parts as (
            select * from cells where splits_count = 1 and {{ dimension }} <> '_T'
        ),

        {{ dimension }}_nested as (
            select parts.cell_id, min(outer_parts.{{ dimension }}) as container
            from {{ dimension }}_parts as parts
            inner join
                nesting
                on nesting.dimension = '{{ dimension }}'
                and parts.{{ dimension }} = nesting.member
            inner join
                {{ dimension }}_parts as outer_parts
                on outer_parts.{{ dimension }} = nesting.container
                and {{ same(others, "outer_parts", "parts") }}
            group by parts.cell_id
        ),
    {% endfor %}

    members as (
        {% for dimension in dimensions %}
            {% set others = key | reject("equalto", dimension) | list %}
            select
                totals.cell_id as total_cell_id,
                '{{ dimension }}' as split,
                parts.{{ dimension }} as member,
                nested.container,
                parts.derivation,
                parts.value,
                parts.lower,
                parts.upper,
                parts.missing_reason,
                parts.is_overlapping,
                totals.lower as total_lower,
                totals.upper as total_upper
            from totals
            inner join
                {{ dimension }}_parts as parts on {{ same(others, "totals", "parts") }}
            left join {{ dimension }}_nested as nested on parts.cell_id = nested.cell_id
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    sums as (
        select
            total_cell_id,
            split,
            max(case when is_overlapping then 1 else 0 end) = 1 as is_overlapping,
            max(case when member = '_U' then 1 else 0 end) = 1 as has_unknown,
            cast(
                sum(case when container is null then 1 else 0 end) as integer
            ) as parts_count,
            cast(
                sum(
                    case when container is null and lower is null then 1 else 0 end
                ) as integer
            ) as parts_hidden_count,
            max(total_lower) as total_lower,
            max(total_upper) as total_upper,
            sum(case when container is null then coalesce(lower, 0) end) as parts_lower,
            case
                when
                    sum(case when container is null and upper is null then 1 else 0 end)
                    = 0
                then sum(case when container is null then upper end)
            end as parts_upper
        from members
        group by total_cell_id, split
    ),

    residuals as (
        select
            *,
            case
                when is_overlapping
                then null
                else cast(greatest(total_lower - parts_upper, 0) as decimal(20, 4))
            end as least_residual,
            case
                when is_overlapping
                then null
                else cast(greatest(total_upper - parts_lower, 0) as decimal(20, 4))
            end as residual_upper
        from sums
    ),

    bounded as (
        select
            *,
            case
                when is_overlapping
                then null
                else coalesce(least_residual, cast(0 as decimal(20, 4)))
            end as residual_lower
        from residuals
    ),

    every_member as (
        select
            total_cell_id,
            split,
            member,
            container,
            derivation,
            value,
            lower,
            upper,
            missing_reason
        from members

        union all

        select
            total_cell_id,
            split,
            '_U' as member,
            cast(null as string) as container,
            'residual' as derivation,
            case when residual_lower = residual_upper then residual_lower end as value,
            residual_lower as lower,
            residual_upper as upper,
            cast(null as string) as missing_reason
        from bounded
        where not has_unknown and not is_overlapping and coalesce(residual_upper, 1) > 0
    ),

    chosen as (select cell_id, is_selected from {{ ref("fct_series") }})

select
    totals.area_code,
    totals.area_name,
    totals.area_level,
    totals.area_role,
    totals.period,
    totals.period_start,
    totals.frequency,
    totals.measure,
    totals.unit,
    totals.reporter,
    totals.offence,
    totals.source,
    totals.dataset,
    members.split,
    members.member,
    members.container,
    members.derivation,
    members.value,
    members.lower,
    members.upper,
    members.missing_reason,
    totals.value as total_value,
    totals.lower as total_lower,
    totals.upper as total_upper,
    case
        when members.value is not null and totals.value > 0
        then
            {{
                nine_digits(
                    "cast(members.value as double) / cast(totals.value as double)"
                )
            }}
    end as share,
    case
        when totals.upper > 0
        then
            {{
                nine_digits(
                    "cast(members.lower as double) / cast(totals.upper as double)"
                )
            }}
    end as share_lower,
    case
        when totals.lower > 0
        then
            {{
                nine_digits(
                    "cast(members.upper as double) / cast(totals.lower as double)"
                )
            }}
    end as share_upper,
    bounded.parts_count,
    bounded.parts_hidden_count,
    bounded.residual_lower,
    bounded.residual_upper,
    bounded.is_overlapping,
    coalesce(chosen.is_selected, false) as is_selected
from every_member as members
inner join totals on members.total_cell_id = totals.cell_id
inner join
    bounded
    on members.total_cell_id = bounded.total_cell_id
    and members.split = bounded.split
left join chosen on totals.cell_id = chosen.cell_id
