-- grain: one area, year, sex and age that a cell needs a population for, with the
-- nearest year up to five years away
with
    needed as (
        select distinct
            cells.area,
            cast(extract(year from cells.period_start) as integer) as year,
            cells.sex,
            cells.age
        from {{ ref("int_cells") }} as cells
        inner join
            {{ ref("dim_measures") }} as measures
            on cells.measure = measures.measure
            and measures.is_mapped
    ),

    candidates as (
        select
            needed.*,
            populations.year as population_year,
            populations.population_count,
            populations.is_later_vintage,
            row_number() over (
                partition by needed.area, needed.year, needed.sex, needed.age
                order by abs(populations.year - needed.year), populations.year
            ) as choice
        from needed
        inner join
            {{ ref("int_populations") }} as populations
            on needed.area = populations.area
            and needed.sex = populations.sex
            and needed.age = populations.age
            and abs(populations.year - needed.year) <= 5
    )

select area, year, sex, age, population_year, population_count, is_later_vintage
from candidates
where choice = 1
