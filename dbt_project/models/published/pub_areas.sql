-- grain: one area
select area_code, area_name, area_level, parent_code, area_set, has_polygon
from {{ ref("dim_areas") }}
order by area_code
