-- grain: one declared break (area, measure, date, kind)
select
    area_code,
    coalesce({{ empty_to_null("measure") }}, '_T') as measure,
    break_on,
    kind,
    evidence
from {{ source("lake", "breaks") }}
