-- grain: one derived year of a vintage (partner, dataset, key): four quarters or
-- twelve months of a partner that publishes no years
-- depends_on: {{ ref("int_observations_harmonised") }}, {{ ref("int_totals_derived") }}
-- depends_on: {{ ref("dim_measures") }}
{{ derived_periods("A", ["Q", "M"]) }}
