-- grain: one point of a series (series, period), with the alternatives beside the one
-- selected
select
    {{ common_columns("series", "rates") }},
    series.series_id,
    series.frequency,
    series.precedence,
    series.is_selected,
    series.selection,
    series.part,
    series.is_leading,
    series.is_trend_testable,
    series.areas_reporting_count,
    series.areas_panel_count,
    series.areas_possible_count,
    series.coverage_share,
    series.top_contributor_area,
    series.top_contributor_share,
    series.second_contributor_area,
    series.second_contributor_share,
    series.index_value,
    series.population_count,
    series.population_period,
    series.is_population_carried,
    {{ rate_basis("rates.rate_upper_per_100k", "series.frequency") }} as rate_basis
from {{ ref("fct_series") }} as series
cross join {{ ref("stg_lake__build_parameters") }} as parameters
left join {{ source("analytics", "rates") }} as rates on series.cell_id = rates.cell_id
order by {{ published_order("series") }}, series.series_id
