-- grain: one total or one-way split that an area reports of a period, and a parent
-- area over which it may be summed
-- An area reports where this audience sees an exact number, bounds, or that a number
-- is hidden or withheld; what was not reported, not collected or cannot exist is no
-- report. Sources are never added: a panel stays inside one dataset.
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
    cells.area_code,
    cells.area_level,
    {{ columns_of(panel_columns(), "cells") }},
    cells.period,
    cells.period_start,
    cells.period_number,
    cells.value,
    cells.lower,
    cells.upper,
    cells.missing_reason,
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
    coalesce(cells.missing_reason, '')
    not in ('not_reported', 'not_collected', 'not_applicable')
    and cells.counterpart_area = '_T'
    and cells.detail = '_T'
    -- totals and one-way splits
    and case when cells.exploitation = '_T' then 0 else 1 end
    + case when cells.sex = '_T' then 0 else 1 end
    + case when cells.age = '_T' then 0 else 1 end
    <= 1
