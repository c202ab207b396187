-- grain: one accepted observation of a ranked submission, with the rank of the first
-- later submission that covers it
-- (docs/decisions/time-axes.md: what a submission covers is said by its own `replaces`)
{% set key = key_dimensions() %}
{% set later = "range between 1 following and unbounded following" %}
with
    submissions as (select * from {{ ref("int_submissions_ranked") }}),

    observations as (
        select observations.*, submissions.submission_rank, submissions.replaces
        from {{ ref("stg_lake__observations") }} as observations
        inner join submissions on observations.submission_id = submissions.submission_id
    ),

    whole_datasets as (
        select
            submission_id,
            min(case when replaces = 'whole_dataset' then submission_rank end) over (
                partition by partner_id, dataset order by submission_rank {{ later }}
            ) as covered_rank,
            max(case when replaces = 'whole_dataset' then submission_rank end) over (
                partition by partner_id, dataset
            ) as last_rank
        from submissions
    ),

    period_scopes as (
        select distinct partner_id, dataset, period, submission_rank, replaces
        from observations
    ),

    periods as (
        select
            partner_id,
            dataset,
            period,
            submission_rank,
            min(case when replaces = 'periods' then submission_rank end) over (
                partition by partner_id, dataset, period
                order by submission_rank {{ later }}
            ) as covered_rank,
            max(case when replaces = 'periods' then submission_rank end) over (
                partition by partner_id, dataset, period
            ) as last_rank
        from period_scopes
    ),

    area_scopes as (
        select distinct partner_id, dataset, period, area, submission_rank, replaces
        from observations
    ),

    areas as (
        select
            partner_id,
            dataset,
            period,
            area,
            submission_rank,
            min(case when replaces = 'periods_x_areas' then submission_rank end) over (
                partition by partner_id, dataset, period, area
                order by submission_rank {{ later }}
            ) as covered_rank,
            max(submission_rank) over (
                partition by partner_id, dataset, period, area
            ) as last_rank
        from area_scopes
    ),

    key_submissions as (
        select partner_id, dataset, max(submission_rank) as last_key_rank
        from submissions
        where replaces = 'keys'
        group by partner_id, dataset
    ),

    -- only datasets that are ever corrected by key pay for the comparison of full keys
    key_scopes as (
        select distinct
            observations.partner_id,
            observations.dataset,
            {{ columns_of(key, "observations") }},
            submission_rank,
            replaces
        from observations
        inner join
            key_submissions
            on observations.partner_id = key_submissions.partner_id
            and observations.dataset = key_submissions.dataset
    ),

    keys as (
        select
            partner_id,
            dataset,
            {{ columns_of(key) }},
            submission_rank,
            min(case when replaces = 'keys' then submission_rank end) over (
                partition by partner_id, dataset, {{ columns_of(key) }}
                order by submission_rank {{ later }}
            ) as covered_rank
        from key_scopes
    ),

    covered as (
        select
            observations.*,
            least(
                coalesce(whole_datasets.covered_rank, 2147483647),
                coalesce(periods.covered_rank, 2147483647),
                coalesce(areas.covered_rank, 2147483647),
                coalesce(keys.covered_rank, 2147483647)
            ) as covered_rank,
            -- the last submission that covers or brings any row of this period and area
            greatest(
                coalesce(whole_datasets.last_rank, 0),
                coalesce(periods.last_rank, 0),
                areas.last_rank
            ) as last_touched_rank
        from observations
        inner join
            whole_datasets on observations.submission_id = whole_datasets.submission_id
        inner join
            periods
            on observations.partner_id = periods.partner_id
            and observations.dataset = periods.dataset
            and observations.period = periods.period
            and observations.submission_rank = periods.submission_rank
        inner join
            areas
            on observations.partner_id = areas.partner_id
            and observations.dataset = areas.dataset
            and observations.period = areas.period
            and observations.area = areas.area
            and observations.submission_rank = areas.submission_rank
        left join
            keys
            on observations.partner_id = keys.partner_id
            and observations.dataset = keys.dataset
            and observations.submission_rank = keys.submission_rank
            and {{ same(key, "observations", "keys") }}
    )

select
    submission_id,
    partner_id,
    dataset,
    {{ columns_of(key) }},
    period_start,
    frequency,
    value,
    lower,
    upper,
    obs_status,
    conf_status,
    missing_reason,
    source_row_count,
    submission_rank,
    nullif(covered_rank, 2147483647) as covered_rank,
    last_touched_rank
from covered
