-- grain: one series with its dimensions
-- Points of one series may be published and summed: it is then called summed.
select
    series_id,
    {{ columns_of(series_dimensions(), leave_out=["derivation"]) }},
    max(derivation) as derivation
from {{ ref("fct_series") }}
group by series_id, {{ columns_of(series_dimensions(), leave_out=["derivation"]) }}
