-- grain: one form of one comparison of an area's mix of forms; a comparison that was
-- not
-- assessed has one row, of form _T
select {{ frame_columns("compositions") }}, areas.area_name, parameters.as_of
from {{ source("analytics", "compositions") }} as compositions
inner join {{ ref("dim_areas") }} as areas on compositions.area_code = areas.area_code
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    compositions.measure,
    compositions.area_level,
    compositions.area_code,
    compositions.source,
    compositions.dataset,
    compositions.area_role,
    compositions.reporter,
    compositions.unit,
    compositions.comparison,
    compositions.exploitation
