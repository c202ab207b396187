-- grain: one derived year of a vintage (partner, dataset, key): four quarters or
-- twelve months of a partner that publishes no years
{% set key = key_dimensions() %}
{% set others = key | reject("equalto", "period") | list %}
with
    observations as (
        select {{ columns_of(observation_columns()) }}
        from {{ ref("int_observations_harmonised") }}
        where is_additive
        union all
        select {{ columns_of(observation_columns()) }}
        from {{ ref("int_totals_derived") }}
    ),

    -- a partner that publishes years, in whatever table, has said them itself
    partners_with_years as (
        select distinct partner_id, measure from observations where frequency = 'A'
    ),

    parts as (
        select observations.*, extract(year from observations.period_start) as year
        from observations
        inner join
            {{ ref("dim_measures") }} as measures
            on observations.measure = measures.measure
            and measures.is_additive_over_time
        left join
            partners_with_years as published
            on {{ same(["partner_id", "measure"], "observations", "published") }}
        where observations.frequency in ('Q', 'M') and published.partner_id is null
    ),

    years as (
        select
            vintage,
            partner_id,
            dataset,
            {{ columns_of(others) }},
            cast(year as string) as period,
            min(period_start) as period_start,
            'A' as frequency,
            {{ summed_observations() }},
            {{ carried_from_parts("sum_of_periods") }},
            count(*) as parts_count,
            max(case frequency when 'Q' then 4 else 12 end) as expected_count,
            count(distinct frequency) as frequencies_count
        from parts
        group by vintage, partner_id, dataset, {{ columns_of(others) }}, year
    )

select {{ columns_of(observation_columns()) }}
from years
where parts_count = expected_count and frequencies_count = 1
