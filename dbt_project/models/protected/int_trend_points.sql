-- grain: one point of a series that may have a trend (series, period)
-- An index has no level of its own: its panel is tested, not the index.
{{ config(materialized="view") }}
select *
from {{ ref("fct_series") }}
where derivation <> 'chain_linked'
