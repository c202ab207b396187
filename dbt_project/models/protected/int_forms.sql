-- grain: one form of exploitation of an area and year, for the mix of forms
{{ config(materialized="view") }}
select {{ analysed_columns("cells", "areas") }}
from {{ ref("int_cells_protected") }} as cells
left join {{ ref("dim_areas") }} as areas on cells.area_code = areas.area_code
where
    cells.frequency = 'A'
    and cells.exploitation <> '_T'
    and {{
        is_total_in(
            ["offence", "sex", "age", "counterpart_area", "detail"],
            "cells",
        )
    }}
    and not {{ is_money("cells.unit") }}
