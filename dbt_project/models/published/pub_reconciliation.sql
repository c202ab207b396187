-- grain: one published total with its parts in one dimension (area, role, period,
-- measure, source, dataset, split)
select
    reconciliation.area_code,
    reconciliation.area_name,
    reconciliation.period,
    reconciliation.measure,
    reconciliation.source,
    reconciliation.dataset,
    reconciliation.split,
    reconciliation.total_value,
    reconciliation.parts_lower,
    reconciliation.parts_upper,
    reconciliation.gap_lower,
    reconciliation.gap_upper,
    reconciliation.verdict,
    parameters.as_of
from {{ ref("fct_reconciliation") }} as reconciliation
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    reconciliation.measure,
    reconciliation.area_code,
    reconciliation.period,
    reconciliation.source,
    reconciliation.dataset,
    reconciliation.split,
    reconciliation.area_role,
    reconciliation.unit,
    reconciliation.reporter,
    reconciliation.offence
