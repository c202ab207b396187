-- grain: one total of a series and period as one issue gave it
{{ config(materialized="view") }}
{% set key = [
    "source",
    "dataset",
    "measure",
    "area_code",
    "area_role",
    "reporter",
    "unit",
    "frequency",
] %}
with
    series as (
        select distinct series_id, {{ columns_of(key) }}
        from {{ ref("fct_series") }}
        where
            {{
                is_total_in(
                    [
                        "offence",
                        "exploitation",
                        "sex",
                        "age",
                        "counterpart_area",
                        "detail",
                    ]
                )
            }} and derivation in ('published', 'sum_of_parts')
    )

select vintages.*, series.series_id
from {{ ref("int_vintages") }} as vintages
inner join series on {{ same(key, "vintages", "series") }}
where vintages.measure <> 'population' and not {{ is_money("vintages.unit") }}
