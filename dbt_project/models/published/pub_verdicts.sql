-- grain: one series that speaks for its area, with the verdict on it
select
    {{ frame_columns("verdicts") }},
    {{ columns_of(series_dimensions(), "series") }},
    parameters.as_of
from {{ source("analytics", "verdicts") }} as verdicts
inner join {{ ref("dim_series") }} as series on verdicts.series_id = series.series_id
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by series.measure, series.area_code, verdicts.series_id
