-- grain: one area, measure, form, source, period and method with the answer of the
-- hotspot methods
with
    -- where several sources each cover some of the areas, a map shows each area by this
    -- one
    chosen as (
        select distinct area_code, measure, exploitation, frequency, source, dataset
        from {{ ref("fct_series") }}
        where is_leading
    ),

    figures as (
        select
            cells.area_code,
            cells.area_level,
            cells.measure,
            cells.exploitation,
            cells.source,
            cells.dataset,
            cells.period,
            cells.frequency,
            cells.reporter,
            cells.population_period,
            cells.is_population_carried,
            parts.part,
            rates.rate_per_100k,
            rates.rate_lower_per_100k,
            rates.rate_upper_per_100k,
            cells.comparability,
            cells.issued_on,
            row_number() over (
                partition by
                    cells.area_code,
                    cells.measure,
                    cells.exploitation,
                    cells.source,
                    cells.dataset,
                    cells.period
                order by cells.offence, cells.area_role, cells.reporter, cells.unit
            ) as choice
        from {{ ref("int_cells_protected") }} as cells
        left join
            {{ source("analytics", "rates") }} as rates on cells.cell_id = rates.cell_id
        inner join
            {{ ref("int_series_parts") }} as parts
            on {{
                same(
                    [
                        "source",
                        "dataset",
                        "measure",
                        "reporter",
                        "offence",
                        "area_code",
                    ],
                    "cells",
                    "parts",
                )
            }}
        where
            cells.sex = '_T'
            and cells.age = '_T'
            and cells.counterpart_area = '_T'
            and cells.detail = '_T'
    )

select
    {{ frame_columns("hotspots") }},
    areas.area_name,
    areas.parent_code,
    figures.rate_per_100k,
    figures.rate_lower_per_100k,
    figures.rate_upper_per_100k,
    figures.reporter,
    figures.frequency,
    figures.population_period,
    figures.is_population_carried,
    {{ rate_basis("figures.rate_upper_per_100k", "figures.frequency") }} as rate_basis,
    figures.part,
    figures.comparability,
    figures.issued_on,
    chosen.area_code is not null as is_leading,
    parameters.as_of
from {{ source("analytics", "hotspots") }} as hotspots
inner join {{ ref("dim_areas") }} as areas on hotspots.area_code = areas.area_code
left join
    figures
    on figures.choice = 1
    and {{
        same(
            [
                "area_code",
                "measure",
                "exploitation",
                "source",
                "dataset",
                "period",
            ],
            "hotspots",
            "figures",
        )
    }}
left join
    chosen
    on chosen.frequency = case
        when length(hotspots.period) = 4
        then 'A'
        when substring(hotspots.period, 6, 1) = 'Q'
        then 'Q'
        else 'M'
    end
    and {{
        same(
            ["area_code", "measure", "exploitation", "source", "dataset"],
            "hotspots",
            "chosen",
        )
    }}
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    hotspots.measure,
    hotspots.exploitation,
    hotspots.area_set,
    hotspots.area_code,
    hotspots.source,
    hotspots.dataset,
    hotspots.period,
    hotspots.method
