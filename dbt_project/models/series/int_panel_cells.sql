-- grain: one exact figure of an area, a period and a parent area over which it may be
-- summed
-- An area counts as reporting where this audience sees an exact number: an interval
-- or a gap is no number to sum. Sources are
-- never added: a panel stays inside one dataset.
select
    md5(
        concat_ws(
            '|',
            parents.parent_area_code,
            cells.area_level,
            {{ columns_of(panel_columns(), "cells") }}
        )
    ) as panel_id,
    parents.parent_area_code,
    parents.parent_area_level,
    parents.areas_in_parent_count,
    cells.area_code,
    cells.area_level,
    {{ columns_of(panel_columns(), "cells") }},
    cells.period,
    cells.period_start,
    cells.period_number,
    cells.value,
    cells.definition_id,
    cells.comparability,
    cells.issued_on
from {{ ref("int_cells_protected") }} as cells
inner join
    {{ ref("int_panel_parents") }} as parents on cells.area_code = parents.area_code
inner join
    {{ ref("dim_measures") }} as measures
    on cells.measure = measures.measure
    and measures.is_count
where
    cells.value is not null
    and cells.counterpart_area = '_T'
    and cells.detail = '_T'
    -- totals and one-way splits
    and case when cells.exploitation = '_T' then 0 else 1 end
    + case when cells.sex = '_T' then 0 else 1 end
    + case when cells.age = '_T' then 0 else 1 end
    <= 1
