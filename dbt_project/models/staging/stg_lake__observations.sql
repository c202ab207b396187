-- grain: one accepted observation of a submission, labels as the partner wrote them
select
    submission_id,
    partner_id,
    dataset,
    {{ columns_of(key_dimensions()) }},
    period_start,
    frequency,
    value,
    lower,
    upper,
    obs_status,
    conf_status,
    {{ empty_to_null("missing_reason") }} as missing_reason,
    source_row_count
from {{ source("lake", "observations") }}
