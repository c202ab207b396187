-- grain: one derived total of a vintage (partner, dataset, key), for dimensions in
-- which the publisher gives no total at all
{% set key = key_dimensions() %}
{% set columns = observation_columns() %}
{% set nested = ["exploitation", "age", "offence"] %}
with
    splits as (select * from {{ ref("int_dataset_splits") }} where is_total_derived),

    nesting as (select * from {{ ref("int_member_nesting") }}),

    rows_0 as (
        select {{ columns_of(columns, "observations") }}
        from {{ ref("int_observations_harmonised") }} as observations
        where
            observations.is_additive
            and exists (
                select 1
                from splits
                where
                    {{
                        same(
                            ["partner_id", "dataset", "measure"],
                            "splits",
                            "observations",
                        )
                    }}
            )
    ),

    {% for dimension in split_dimensions() %}
        {% set others = (
            ["vintage", "partner_id", "dataset"] + key
            | reject("equalto", dimension)
            | list
        ) %}
        {% if dimension == "counterpart_area" %}
            {% set others = others | reject("equalto", "counterpart_role") | list %}
        {% endif %}
        {% if dimension == "detail" %}
            {% set others = others | reject("equalto", "detail_kind") | list %}
        {% endif %}
        parts_{{ loop.index }} as (
            select observations.*
            from rows_{{ loop.index0 }} as observations
            inner join
                splits
                on splits.dimension = '{{ dimension }}'
                and {{
                    same(
                        ["partner_id", "dataset", "measure"],
                        "splits",
                        "observations",
                    )
                }}
                {% if dimension == "counterpart_area" %}
                    and observations.counterpart_role = splits.main_kind
                {% elif dimension == "detail" %}
                    and observations.detail_kind = splits.main_kind
                {% endif %}
            where observations.{{ dimension }} <> '_T'
        ),

        totals_{{ loop.index }} as (
            select
                {% for column in ["vintage", "partner_id", "dataset"] + key %}
                    {% if column == dimension %} '_T' as {{ column }},
                    {% elif column not in others %} '_Z' as {{ column }},
                    {% else %} {{ column }},
                    {% endif %}
                {% endfor %}
                period_start,
                frequency,
                {{ summed_observations() }},
                {{ carried_from_parts("sum_of_parts") }}
            from parts_{{ loop.index }} as parts
            {% if dimension in nested %}
                -- a part inside another part of the same group is counted there already
                where
                    not exists (
                        select 1
                        from parts_{{ loop.index }} as outer_parts
                        inner join
                            nesting
                            on nesting.dimension = '{{ dimension }}'
                            and nesting.container = outer_parts.{{ dimension }}
                        where
                            nesting.member = parts.{{ dimension }}
                            and {{ same(others, "outer_parts", "parts") }}
                    )
            {% endif %}
            group by {{ columns_of(others) }}, period_start, frequency
        ),

        rows_{{ loop.index }} as (
            select {{ columns_of(columns) }}
            from rows_{{ loop.index0 }}
            union all
            select {{ columns_of(columns) }}
            from totals_{{ loop.index }}
        )
        {% if not loop.last %},{% endif %}
    {% endfor %}

select {{ columns_of(columns) }}
from rows_{{ split_dimensions() | length }}
where derivation = 'sum_of_parts'
