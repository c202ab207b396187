-- grain: one area of a scanned map, in its cluster or in none, and why it was left out
select {{ frame_columns("clusters") }}, areas.area_name, parameters.as_of
from {{ source("analytics", "clusters") }} as clusters
inner join {{ ref("dim_areas") }} as areas on clusters.area_code = areas.area_code
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by clusters.map_id, clusters.method, clusters.area_code
