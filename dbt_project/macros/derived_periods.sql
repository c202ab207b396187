{# Longer periods of a partner that publishes none of that length: the sum of all its quarters or months, or nothing. #}
{% macro derived_periods(frequency, parts) %}
    {% set others = key_dimensions() | reject("equalto", "period") | list %}
    with
        observations as (
            select {{ columns_of(observation_columns()) }}
            from {{ ref("int_observations_harmonised") }}
            where is_additive
            union all
            select {{ columns_of(observation_columns()) }}
            from {{ ref("int_totals_derived") }}
        ),

        -- a partner that publishes such periods, in whatever table, has said them
        -- itself
        partners_with_their_own as (
            select distinct partner_id, measure
            from observations
            where frequency = '{{ frequency }}'
        ),

        parts as (
            select
                observations.*,
                {{ period_number("observations.period_start", "'" ~ frequency ~ "'") }}
                as whole_number
            from observations
            inner join
                {{ ref("dim_measures") }} as measures
                on observations.measure = measures.measure
                and measures.is_additive_over_time
            left join
                partners_with_their_own as published
                on {{ same(["partner_id", "measure"], "observations", "published") }}
            where
                observations.frequency in ('{{ parts | join("', '") }}')
                and published.partner_id is null
        ),

        wholes as (
            select
                vintage,
                partner_id,
                dataset,
                {{ columns_of(others) }},
                {{ period_label("whole_number", "'" ~ frequency ~ "'") }} as period,
                min(period_start) as period_start,
                '{{ frequency }}' as frequency,
                {{ summed_observations() }},
                {{ carried_from_parts("sum_of_periods") }},
                count(*) as parts_count,
                max(
                    ({{ months_in("'" ~ frequency ~ "'") }})
                    / ({{ months_in("frequency") }})
                ) as expected_count,
                count(distinct frequency) as frequencies_count
            from parts
            group by
                vintage, partner_id, dataset, {{ columns_of(others) }}, whole_number
        )

    select {{ columns_of(observation_columns()) }}
    from wholes
    where parts_count = expected_count and frequencies_count = 1
{% endmacro %}
