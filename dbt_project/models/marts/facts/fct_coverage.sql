-- grain: one area of a dataset at a frequency: periods reported and expected, and
-- what is late at as_of
with
    parameters as (select as_of from {{ ref("stg_lake__build_parameters") }}),

    reported as (
        select
            partner_id,
            dataset,
            area,
            frequency,
            {{ period_number("period_start", "frequency") }} as period_number,
            max(
                case when missing_reason is null or lower is not null then 1 else 0 end
            ) as is_reported,
            sum(unmapped_count) as unmapped_count,
            max(issued_on) as issued_on
        from {{ ref("int_observations_harmonised") }}
        where vintage = 'current'
        group by partner_id, dataset, area, frequency, period_start
    ),

    dataset_periods as (
        select partner_id, dataset, frequency, max(period_number) as last_number
        from reported
        where is_reported = 1
        group by partner_id, dataset, frequency
    ),

    -- the last period whose figures are due: it ended `late_after` days ago or more,
    -- in whole deliveries of the cadence
    expected as (
        select
            dataset_periods.partner_id,
            dataset_periods.dataset,
            dataset_periods.frequency,
            greatest(
                1,
                coalesce(datasets.cadence_months, 12)
                / ({{ months_in("dataset_periods.frequency") }})
            ) as periods_a_delivery,
            dataset_periods.last_number,
            datasets.cadence_months is not null as has_cadence,
            coalesce(datasets.late_after_days, 0) as late_after_days,
            {{
                period_number(
                    date_plus(
                        "parameters.as_of",
                        "-coalesce(datasets.late_after_days, 0)",
                        "day",
                    ),
                    "dataset_periods.frequency",
                )
            }} - 1 as last_due_number
        from dataset_periods
        inner join
            {{ ref("stg_lake__datasets") }} as datasets
            on dataset_periods.partner_id = datasets.partner_id
            and dataset_periods.dataset = datasets.dataset
        cross join parameters
    ),

    deliveries as (
        select
            partner_id,
            dataset,
            frequency,
            cast(floor(periods_a_delivery) as integer) as periods_a_delivery,
            late_after_days,
            has_cadence,
            case
                when has_cadence and last_due_number > last_number
                then
                    last_number
                    + cast(floor(periods_a_delivery) as integer)
                    * cast(
                        floor(
                            (last_due_number - last_number) / floor(periods_a_delivery)
                        ) as integer
                    )
                else last_number
            end as last_expected_number
        from expected
    ),

    areas as (
        select
            partner_id,
            dataset,
            area,
            frequency,
            min(case when is_reported = 1 then period_number end) as first_number,
            max(case when is_reported = 1 then period_number end) as last_number,
            count(
                distinct case when is_reported = 1 then period_number end
            ) as periods_reported_count,
            sum(unmapped_count) as unmapped_count,
            max(issued_on) as last_issued_on
        from reported
        group by partner_id, dataset, area, frequency
    ),

    dated as (
        select
            areas.*,
            deliveries.last_expected_number
            - areas.first_number
            + 1 as periods_expected_count,
            case
                when deliveries.has_cadence
                then
                    {{
                        date_plus(
                            period_first_day(
                                "areas.last_number + deliveries.periods_a_delivery + 1",
                                "areas.frequency",
                            ),
                            "deliveries.late_after_days - 1",
                            "day",
                        )
                    }}
            end as due_on,
            deliveries.has_cadence
        from areas
        inner join
            deliveries
            on {{ same(["partner_id", "dataset", "frequency"], "areas", "deliveries") }}
        where areas.first_number is not null
    )

select
    dated.partner_id as source,
    datasets.source_name,
    dated.dataset,
    datasets.dataset_name,
    datasets.dataset_role,
    dated.area as area_code,
    dim_areas.area_name,
    dated.frequency,
    {{ period_first_day("dated.first_number", "dated.frequency") }}
    as first_period_start,
    {{ period_first_day("dated.last_number", "dated.frequency") }} as last_period_start,
    {{ period_label("dated.first_number", "dated.frequency") }} as first_period,
    {{ period_label("dated.last_number", "dated.frequency") }} as last_period,
    cast(dated.periods_reported_count as integer) as periods_reported_count,
    cast(dated.periods_expected_count as integer) as periods_expected_count,
    {{
        nine_digits(
            "cast(dated.periods_reported_count as double) / dated.periods_expected_count"
        )
    }}
    as coverage_share,
    dated.last_issued_on,
    dated.due_on,
    coalesce(dated.due_on < parameters.as_of, false) as is_late,
    case
        when dated.due_on < parameters.as_of
        then {{ days_between("dated.due_on", "parameters.as_of") }}
        else 0
    end as days_late,
    cast(dated.unmapped_count as integer) as unmapped_count,
    concat_ws(
        '; ',
        case
            when dated.periods_reported_count < dated.periods_expected_count
            then 'periods are missing'
        end,
        case when dated.due_on < parameters.as_of then 'the next period is late' end,
        case when dated.unmapped_count > 0 then 'some labels are in no map' end,
        case
            when datasets.is_issued_on_approximate
            then 'the date of issue is approximate'
        end,
        case when not dated.has_cadence then 'no cadence is declared' end
    ) as quality_note
from dated
inner join
    {{ ref("dim_datasets") }} as datasets
    on dated.partner_id = datasets.source
    and dated.dataset = datasets.dataset
inner join {{ ref("dim_areas") }} as dim_areas on dated.area = dim_areas.area_code
cross join parameters
