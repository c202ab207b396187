-- grain: one harmonised observation (source, dataset, key), published or derived, as
-- visible at as_of
{{ config(materialized="view") }}
select
    partner_id as source,
    dataset,
    area as area_code,
    {{ columns_of(key_dimensions(), leave_out=["area"]) }},
    period_start,
    frequency,
    value,
    lower,
    upper,
    obs_status,
    conf_status,
    missing_reason,
    derivation,
    definition_id,
    comparability,
    iccs_offence,
    is_additive,
    is_close,
    is_kept_at_parent,
    labels_count,
    source_row_count,
    unmapped_count,
    issued_on
from {{ ref("int_observations_complete") }}
where vintage = 'current'
