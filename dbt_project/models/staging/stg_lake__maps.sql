-- grain: one line of a partner's map (dataset, column, label, validity, origin)
select
    partner_id,
    dataset,
    column_name,
    source,
    coalesce({{ empty_to_null("code") }}, '_X') as code,
    valid_from,
    valid_to,
    origin
from {{ source("lake", "maps") }}
