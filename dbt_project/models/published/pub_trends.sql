-- grain: one series with the answer of the trend methods
select
    {{ frame_columns("trends") }},
    {{ columns_of(series_dimensions(), "series") }},
    parameters.as_of
from {{ source("analytics", "trends") }} as trends
inner join {{ ref("dim_series") }} as series on trends.series_id = series.series_id
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    series.measure, series.area_code, series.source, series.dataset, trends.series_id
