-- grain: one break of an area's measure (area, measure, date, kind, evidence)
select distinct
    breaks.area_code,
    breaks.area_name,
    breaks.break_on,
    breaks.kind,
    breaks.measure,
    breaks.evidence,
    breaks.definition_before_id,
    breaks.definition_after_id,
    breaks.treatment,
    parameters.as_of
from {{ ref("fct_breaks") }} as breaks
cross join {{ ref("stg_lake__build_parameters") }} as parameters
where
    breaks.break_on <= parameters.as_of
    and not exists (
        select 1
        from {{ ref("int_datasets_withheld") }} as withheld
        where withheld.source = breaks.source and withheld.dataset = breaks.dataset
    )
order by breaks.area_code, breaks.break_on, breaks.kind, breaks.measure, breaks.evidence
