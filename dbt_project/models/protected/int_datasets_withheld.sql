-- grain: one dataset that has cells and that this audience may not know of: none of its
-- cells has a row in protected.cells
select source, dataset
from {{ ref("fct_cells") }}
group by source, dataset

except

select source, dataset
from {{ ref("int_cells_protected") }}
group by source, dataset
