-- grain: one quarter or month of the chosen series of an area, for early warnings
-- An alternative source would count the same people twice in one family.
{{ config(materialized="view") }}
select *
from {{ ref("fct_series") }}
where
    is_leading
    and is_trend_testable
    and frequency in ('Q', 'M')
    and not {{ is_money("unit") }}
