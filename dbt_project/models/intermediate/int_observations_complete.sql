-- grain: one observation of a vintage (partner, dataset, key), published or derived,
-- never both
{{ config(materialized="view") }}
select {{ columns_of(observation_columns()) }}
from {{ ref("int_observations_harmonised") }}
union all
select {{ columns_of(observation_columns()) }}
from {{ ref("int_totals_derived") }}
union all
select {{ columns_of(observation_columns()) }}
from {{ ref("int_years_derived") }}
union all
select {{ columns_of(observation_columns()) }}
from {{ ref("int_quarters_derived") }}
