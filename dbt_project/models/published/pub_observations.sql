-- grain: one cell of the declared published tables, as this audience may see it
select
    {{ common_columns("cells", "rates") }},
    cells.table_id,
    cells.frequency,
    cells.parent_code,
    rates.rate_lower_per_100k,
    rates.rate_upper_per_100k,
    cells.population_count,
    cells.population_period,
    cells.is_population_carried,
    {{ rate_basis("rates.rate_upper_per_100k", "cells.frequency") }} as rate_basis,
    cells.is_overlapping
from {{ ref("int_cells_protected") }} as cells
cross join {{ ref("stg_lake__build_parameters") }} as parameters
left join {{ source("analytics", "rates") }} as rates on cells.cell_id = rates.cell_id
order by {{ published_order("cells") }}
