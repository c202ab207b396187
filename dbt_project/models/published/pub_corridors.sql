-- grain: one flow between two areas (counterpart, role, area, measure, source,
-- period) against quasi-independence
with
    figures as (
        select
            area_code,
            counterpart_area,
            counterpart_role,
            measure,
            source,
            dataset,
            period,
            lower,
            upper,
            issued_on,
            row_number() over (
                partition by
                    area_code,
                    counterpart_area,
                    counterpart_role,
                    measure,
                    source,
                    dataset,
                    period
                order by offence, area_role, reporter, unit
            ) as choice
        from {{ ref("int_cells_protected") }}
        where sex = '_T' and age = '_T' and exploitation = '_T' and detail = '_T'
    )

select
    {{ frame_columns("corridors") }},
    case
        when corridors.eligibility <> 'assessed'
        then null
        when corridors.q < 0.05 and corridors.residual > 0
        then 'above'
        when corridors.q < 0.05 and corridors.residual < 0
        then 'below'
        else 'within'
    end as assessment,
    areas.area_name,
    counterparts.area_name as counterpart_area_name,
    figures.lower,
    figures.upper,
    figures.issued_on,
    parameters.as_of
from {{ source("analytics", "corridors") }} as corridors
inner join {{ ref("dim_areas") }} as areas on corridors.area_code = areas.area_code
inner join
    {{ ref("dim_areas") }} as counterparts
    on corridors.counterpart_area = counterparts.area_code
left join
    figures
    on figures.choice = 1
    and {{
        same(
            [
                "area_code",
                "counterpart_area",
                "counterpart_role",
                "measure",
                "source",
                "dataset",
                "period",
            ],
            "corridors",
            "figures",
        )
    }}
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    corridors.measure,
    corridors.source,
    corridors.dataset,
    corridors.period,
    corridors.area_code,
    corridors.counterpart_role,
    corridors.counterpart_area
