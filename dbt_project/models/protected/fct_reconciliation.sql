-- grain: one published total with the parts that stand beside it in one dimension;
-- the total is never overwritten
-- Computed from what this audience may see, so that a gap never gives a hidden part
-- away. Counts are at least 0, so a missing
-- part bounds the sum from below only.
{% set splits = {
    "sex": "sex",
    "age": "age",
    "exploitation": "exploitation",
    "counterpart_area": "counterpart_role",
} %}
{% set key = dimension_columns() + ["source", "dataset"] %}
with
    cells as (
        select
            *,
            case when exploitation = '_T' then 0 else 1 end
            + case when sex = '_T' then 0 else 1 end
            + case when age = '_T' then 0 else 1 end
            + case when counterpart_area = '_T' then 0 else 1 end
            + case when detail = '_T' then 0 else 1 end as splits_count
        from {{ ref("int_cells_protected") }}
    ),

    totals as (select * from cells where splits_count = 0 and derivation = 'published'),

    nesting as (select * from {{ ref("int_member_nesting") }}),

    {% for dimension in splits %}
        {{ dimension }}_parts as (
            select
                parts.*,
                {% if dimension == "counterpart_area" %} parts.counterpart_role
                {% else %} '{{ dimension }}'
                {% endif %} as split
            from cells as parts
            where
                parts.splits_count = 1 and parts.{{ dimension }} <> '_T'
                {% if dimension in ["age", "exploitation"] %}
                    {% set others = key | reject("equalto", dimension) | list %}
                    and not exists (
                        select 1
                        from cells as outer_parts
                        inner join
                            nesting
                            on nesting.dimension = '{{ dimension }}'
                            and nesting.container = outer_parts.{{ dimension }}
                        where
                            nesting.member = parts.{{ dimension }}
                            and outer_parts.splits_count = 1
                            and {{ same(others, "outer_parts", "parts") }}
                    )
                {% endif %}
        ),
    {% endfor %}

    area_parts as (
        select cells.*, 'area' as split from cells where cells.splits_count = 0
    ),

    compared as (
        {% for dimension in splits %}
            {% set others = (
                key
                | reject("equalto", dimension)
                | reject("equalto", "counterpart_role")
                | list
            ) %}
            select
                {{ columns_of(key, "totals") }},
                totals.value,
                totals.lower,
                totals.upper,
                parts.split,
                parts.lower as part_lower,
                parts.upper as part_upper
            from totals
            inner join
                {{ dimension }}_parts as parts on {{ same(others, "totals", "parts") }}

            union all
        {% endfor %}
        {% set others = key | reject("equalto", "area_code") | list %}
        select
            {{ columns_of(key, "totals") }},
            totals.value,
            totals.lower,
            totals.upper,
            parts.split,
            parts.lower as part_lower,
            parts.upper as part_upper
        from totals
        inner join
            area_parts as parts
            on parts.parent_code = totals.area_code
            and {{ same(others, "totals", "parts") }}
    ),

    sums as (
        select
            {{ columns_of(key) }},
            split,
            max(value) as total_value,
            max(lower) as total_lower,
            max(upper) as total_upper,
            cast(count(*) as integer) as parts_count,
            cast(sum(coalesce(part_lower, 0)) as decimal(20, 4)) as parts_lower,
            case
                when count(part_upper) = count(*)
                then cast(sum(part_upper) as decimal(20, 4))
            end as parts_upper
        from compared
        group by {{ columns_of(key) }}, split
    ),

    gaps as (
        select
            *,
            cast(parts_lower - total_upper as decimal(20, 4)) as gap_lower,
            cast(parts_upper - total_lower as decimal(20, 4)) as gap_upper
        from sums
    )

select
    {{ columns_of(key, "gaps") }},
    areas.area_name,
    gaps.split,
    gaps.total_value,
    gaps.parts_count,
    gaps.parts_lower,
    gaps.parts_upper,
    gaps.gap_lower,
    gaps.gap_upper,
    case
        when gaps.gap_lower = 0 and gaps.gap_upper = 0
        then 'equal'
        when gaps.gap_lower > 0
        then 'over'
        when gaps.gap_upper < 0
        then 'under'
        else 'undecided'
    end as verdict
from gaps
inner join {{ ref("dim_areas") }} as areas on gaps.area_code = areas.area_code
