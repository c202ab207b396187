-- grain: one change of an area (from, to, date)
select area_set, from_code, to_code, changed_on, kind
from {{ source("lake", "area_changes") }}
