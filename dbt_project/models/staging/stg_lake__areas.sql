-- grain: one area of an area set and validity
select
    area_set,
    area_code,
    area_name,
    area_level,
    {{ empty_to_null("parent_code") }} as parent_code,
    valid_from,
    valid_to,
    coalesce(has_polygon, false) as has_polygon
from {{ source("lake", "areas") }}
