-- grain: one area of a scanned map, in its cluster or in none, and why it was left out
select
    clusters.map_id,
    clusters.cluster_id,
    clusters.cluster_rank,
    clusters.measure,
    clusters.exploitation,
    clusters.source_type,
    clusters.area_set,
    clusters.area_level,
    clusters.area_role,
    clusters.reporter,
    clusters.source,
    clusters.dataset,
    clusters.period_first,
    clusters.period_last,
    clusters.method,
    clusters.area_code,
    areas.area_name,
    clusters.is_centre,
    clusters.cases_count,
    clusters.expected_count,
    clusters.relative_risk,
    clusters.llr,
    clusters.p,
    clusters.radius_km,
    clusters.permutations,
    clusters.seed,
    clusters.distance,
    clusters.eligibility,
    clusters.eligibility_reason,
    clusters.parameters,
    clusters.method_version,
    parameters.as_of
from {{ source("analytics", "clusters") }} as clusters
inner join {{ ref("dim_areas") }} as areas on clusters.area_code = areas.area_code
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by clusters.map_id, clusters.method, clusters.area_code
