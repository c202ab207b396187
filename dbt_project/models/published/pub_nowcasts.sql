-- grain: one series and period with the figure to be expected when all is
-- reported
with
    series as (
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
            frequency
    )

select
    nowcasts.series_id,
    series.area_code,
    series.area_name,
    series.area_level,
    series.area_role,
    nowcasts.period,
    nowcasts.period_start,
    series.frequency,
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
    nowcasts.value,
    nowcasts.expected_count,
    nowcasts.median_count,
    nowcasts.low_count,
    nowcasts.high_count,
    nowcasts.completeness_share,
    nowcasts.reporting_completeness_share,
    nowcasts.is_incomplete,
    nowcasts.vintages_count,
    nowcasts.eligibility,
    nowcasts.eligibility_reason,
    nowcasts.method,
    nowcasts.parameters,
    nowcasts.method_version,
    parameters.as_of
from {{ source("analytics", "nowcasts") }} as nowcasts
inner join series on nowcasts.series_id = series.series_id
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    series.measure,
    series.area_code,
    series.source,
    series.dataset,
    nowcasts.series_id,
    nowcasts.period
