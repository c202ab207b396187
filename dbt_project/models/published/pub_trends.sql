-- grain: one series with the answer of the trend methods
with series as (
    select
        series_id,
        area_code,
        area_name,
        area_level,
        area_role,
        measure,
        unit,
        reporter,
        offence,
        exploitation,
        sex,
        age,
        source,
        dataset,
        max(derivation) as derivation,
        frequency
    from {{ ref("fct_series") }}
    group by
        series_id, area_code, area_name, area_level, area_role, measure, unit, reporter, offence, exploitation, sex, age,
        source, dataset, frequency
)

select
    trends.series_id,
    trends.eligibility,
    trends.eligibility_reason,
    trends.first_period,
    trends.last_period,
    trends.periods_count,
    trends.regimes_count,
    trends.tau,
    trends.s,
    trends.z,
    trends.p,
    trends.q_bh,
    trends.q_by,
    trends.family_id,
    trends.family_count,
    trends.slope_per_year,
    trends.slope_lower_per_year,
    trends.slope_upper_per_year,
    trends.change_per_year_share,
    trends.trend_ratio_per_year,
    trends.trend_ratio_lower,
    trends.trend_ratio_upper,
    trends.step_on,
    trends.step_ratio,
    trends.step_ratio_lower,
    trends.step_ratio_upper,
    trends.direction,
    trends.method,
    trends.method_version,
    series.area_code,
    series.area_name,
    series.area_level,
    series.area_role,
    series.measure,
    series.unit,
    series.reporter,
    series.offence,
    series.exploitation,
    series.sex,
    series.age,
    series.source,
    series.dataset,
    series.derivation,
    series.frequency,
    parameters.as_of
from {{ source("analytics", "trends") }} as trends
inner join series on trends.series_id = series.series_id
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by series.measure, series.area_code, series.source, series.dataset, trends.series_id
