-- grain: one series and period with the verdict on whether its count is out of line
-- with its own past
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
    alerts.series_id,
    series.area_code,
    series.area_name,
    series.area_level,
    series.area_role,
    alerts.period,
    alerts.period_start,
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
    alerts.value,
    alerts.expected_count,
    alerts.limit_upper,
    alerts.score,
    alerts.p,
    alerts.q_bh,
    alerts.q_by,
    alerts.is_alarm,
    alerts.family_id,
    alerts.family_count,
    alerts.baseline_count,
    alerts.eligibility,
    alerts.eligibility_reason,
    alerts.method,
    alerts.parameters,
    alerts.method_version,
    parameters.as_of
from {{ source("analytics", "alerts") }} as alerts
inner join series on alerts.series_id = series.series_id
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    series.measure,
    series.area_code,
    series.source,
    series.dataset,
    alerts.series_id,
    alerts.period
