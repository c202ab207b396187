-- grain: one derived quarter of a vintage (partner, dataset, key): three months of a
-- partner that publishes no quarters
-- depends_on: {{ ref("int_observations_harmonised") }}, {{ ref("int_totals_derived") }}
-- depends_on: {{ ref("dim_measures") }}
{{ derived_periods("Q", ["M"]) }}
