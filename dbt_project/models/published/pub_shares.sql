-- grain: one member of a split of a total (source, dataset, key of the total, split,
-- member)
select shares.*, parameters.as_of
from {{ ref("fct_shares") }} as shares
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    shares.measure,
    shares.area_code,
    shares.area_role,
    shares.period,
    shares.source,
    shares.dataset,
    shares.unit,
    shares.reporter,
    shares.offence,
    shares.split,
    shares.member
