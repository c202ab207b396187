-- grain: one flow of a year from a counterpart area to a country, or the country's
-- total
{{ config(materialized="view") }}
select {{ analysed_columns("cells", "areas") }}
from {{ ref("int_cells_protected") }} as cells
left join {{ ref("dim_areas") }} as areas on cells.area_code = areas.area_code
where
    cells.frequency = 'A'
    and cells.area_level = 'country'
    and {{
        is_total_in(
            ["offence", "exploitation", "sex", "age", "detail"],
            "cells",
        )
    }}
