-- grain: one series and period with the figure to be expected when all is
-- reported
select
    {{ frame_columns("nowcasts") }},
    {{ columns_of(series_dimensions(), "series") }},
    parameters.as_of
from {{ source("analytics", "nowcasts") }} as nowcasts
inner join {{ ref("dim_series") }} as series on nowcasts.series_id = series.series_id
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    series.measure,
    series.area_code,
    series.source,
    series.dataset,
    nowcasts.series_id,
    nowcasts.period
