-- grain: one total of an area and period that a map shows, chosen by precedence
{{ config(materialized="view") }}
with chosen as (select cell_id from {{ ref("fct_series") }} where is_leading)

select {{ analysed_columns("cells", "areas") }}
from {{ ref("int_cells_protected") }} as cells
inner join {{ ref("dim_areas") }} as areas on cells.area_code = areas.area_code
inner join
    {{ ref("dim_measures") }} as measures
    on cells.measure = measures.measure
    and measures.is_mapped
inner join chosen on cells.cell_id = chosen.cell_id
where
    areas.area_set is not null
    and cells.area_level not in ('world', 'region', 'subregion')
    and {{
        is_total_in(
            ["offence", "sex", "age", "counterpart_area", "detail"],
            "cells",
        )
    }}
