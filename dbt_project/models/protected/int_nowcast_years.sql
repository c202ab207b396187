-- grain: one day on which yearly figures of a source, measure and year were put out
{{ config(materialized="view") }}
select distinct source, measure, period, issued_on
from {{ ref("fct_cells") }}
where frequency = 'A'
