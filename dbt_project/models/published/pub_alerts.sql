-- grain: one series and period with the verdict on whether its count is out of line
-- with its own past
select
    {{ frame_columns("alerts") }},
    {{ columns_of(series_dimensions(), "series") }},
    parameters.as_of
from {{ source("analytics", "alerts") }} as alerts
inner join {{ ref("dim_series") }} as series on alerts.series_id = series.series_id
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    series.measure,
    series.area_code,
    series.source,
    series.dataset,
    alerts.series_id,
    alerts.period
