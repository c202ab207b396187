-- grain: one published total or split that differs from the vintage before it, both
-- as this audience may see them
select
    changes.area_code,
    changes.area_name,
    changes.area_level,
    changes.measure,
    changes.exploitation,
    changes.sex,
    changes.age,
    changes.source,
    changes.dataset,
    changes.period,
    changes.unit,
    changes.issued_on,
    changes.previous_issued_on,
    seen.value,
    seen.lower,
    seen.upper,
    seen_before.value as previous_value,
    seen_before.lower as previous_lower,
    seen_before.upper as previous_upper,
    cast(seen.value - seen_before.value as decimal(20, 4)) as difference,
    changes.kind,
    parameters.as_of
from {{ ref("fct_changes") }} as changes
cross join {{ ref("stg_lake__build_parameters") }} as parameters
left join {{ source("protected", "cells") }} as seen on changes.cell_id = seen.cell_id
left join
    {{ source("protected", "cells") }} as seen_before
    on changes.previous_cell_id = seen_before.cell_id
where
    changes.counterpart_area = '_T'
    and changes.detail = '_T'
    -- a figure that this audience does not get has no change either, and a change is
    -- shown with both of its figures or not at all
    and (
        changes.cell_id is null
        or not coalesce(seen.is_suppressed or seen.is_held_back, true)
    )
    and (
        changes.previous_cell_id is null
        or not coalesce(seen_before.is_suppressed, true)
    )
order by
    changes.measure,
    changes.area_code,
    changes.period,
    changes.source,
    changes.dataset,
    changes.unit,
    changes.exploitation,
    changes.sex,
    changes.age,
    changes.key_id
