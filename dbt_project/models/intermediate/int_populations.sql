-- grain: one population of an area, year, sex and age, by declared precedence of its
-- sources
with
    candidates as (
        select
            observations.area,
            cast(extract(year from observations.period_start) as integer) as year,
            observations.sex,
            observations.age,
            observations.value,
            observations.vintage = 'later' as is_later_vintage,
            row_number() over (
                partition by
                    observations.area,
                    observations.period_start,
                    observations.sex,
                    observations.age
                order by
                    case when observations.vintage = 'later' then 2 else 1 end,
                    coalesce(datasets.precedence, precedence.precedence, 1000),
                    observations.issued_on desc,
                    observations.partner_id,
                    observations.dataset,
                    observations.area_role,
                    observations.reporter,
                    observations.unit
            ) as choice
        from {{ ref("int_observations_complete") }} as observations
        inner join
            {{ ref("stg_lake__datasets") }} as datasets
            on observations.partner_id = datasets.partner_id
            and observations.dataset = datasets.dataset
        left join
            {{ ref("source_precedence") }} as precedence
            on precedence.measure = 'population'
            and datasets.source_type = precedence.source_type
        where
            observations.measure = 'population'
            and observations.vintage in ('current', 'later')
            and observations.frequency = 'A'
            and observations.value > 0
            and observations.counterpart_area = '_T'
            and observations.exploitation = '_T'
            and observations.detail = '_T'
    )

select area, year, sex, age, value as population_count, is_later_vintage
from candidates
where choice = 1
