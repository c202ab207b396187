-- grain: one jurisdiction and first day of a period, with the legal regime in force
-- on that day
with
    days as (
        select distinct
            coalesce(datasets.jurisdiction, areas.country_code) as jurisdiction,
            observations.period_start
        from {{ ref("int_observations_mapped") }} as observations
        inner join
            {{ ref("stg_lake__datasets") }} as datasets
            on observations.partner_id = datasets.partner_id
            and observations.dataset = datasets.dataset
        left join {{ ref("dim_areas") }} as areas on observations.area = areas.area_code
    ),

    regimes as (
        select
            days.jurisdiction,
            days.period_start,
            definitions.definition_id,
            definitions.comparability,
            row_number() over (
                partition by days.jurisdiction, days.period_start
                order by definitions.valid_from desc, definitions.definition_id
            ) as choice
        from days
        inner join
            {{ ref("dim_definitions") }} as definitions
            on days.jurisdiction = definitions.jurisdiction
            and definitions.is_regime
            -- an instrument is a reference and never the law behind a count
            and not definitions.is_instrument
            and days.period_start >= coalesce(definitions.valid_from, date '0001-01-01')
            and days.period_start < coalesce(definitions.valid_to, date '9999-12-31')
    )

select jurisdiction, period_start, definition_id, comparability
from regimes
where choice = 1
