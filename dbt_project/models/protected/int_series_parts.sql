-- grain: one dataset, measure, reporter, offence and area that has series, with what
-- part of the area's figure they are
-- The whole of a measure is what all bodies count, or what the one body counts that
-- the measure is defined by (`measures.counted_by`), or what the only body counts that
-- is known to count it in that country; and all offences of trafficking together.
with
    keys as (
        select distinct
            cells.source,
            cells.dataset,
            cells.measure,
            cells.reporter,
            cells.offence,
            cells.area_code
        from {{ ref("int_cells_protected") }} as cells
    ),

    placed as (
        select keys.*, coalesce(areas.country_code, keys.area_code) as country_code
        from keys
        inner join {{ ref("dim_areas") }} as areas on keys.area_code = areas.area_code
    ),

    bodies as (
        select measure, country_code, count(distinct reporter) as bodies_count
        from placed
        group by measure, country_code
    )

select
    placed.source,
    placed.dataset,
    placed.measure,
    placed.reporter,
    placed.offence,
    placed.area_code,
    case
        when
            placed.reporter <> '_T'
            and placed.reporter <> coalesce(measures.counted_by, '_T')
            and bodies.bodies_count > 1
        then 'reporter'
        when placed.offence not in ('_T', '0204')
        then 'offence'
        else 'whole'
    end as part
from placed
inner join
    bodies
    on placed.measure = bodies.measure
    and placed.country_code = bodies.country_code
inner join {{ ref("dim_measures") }} as measures on placed.measure = measures.measure
