-- grain: one accepted observation of a ranked submission, with the rank of the first
-- later submission that covers it
-- (docs/decisions/time-axes.md: what a submission covers is said by its own `replaces`)
{% set key = key_dimensions() %}
{% set later = "range between 1 following and unbounded following" %}
with
    submissions as (select * from {{ ref("int_submissions_ranked") }}),

    observations as (
        select
            observations.*,
            submissions.acts_on,
            submissions.submission_rank,
            submissions.replaces
        from {{ ref("stg_lake__observations") }} as observations
        inner join submissions on observations.submission_id = submissions.submission_id
    ),

    whole_datasets as (
        select
            submission_id,
            min(case when replaces = 'whole_dataset' then submission_rank end) over (
                partition by partner_id, acts_on order by submission_rank {{ later }}
            ) as covered_rank,
            max(case when replaces = 'whole_dataset' then submission_rank end) over (
                partition by partner_id, acts_on
            ) as last_rank
        from submissions
    ),

    period_scopes as (
        select distinct partner_id, acts_on, period, submission_rank, replaces
        from observations
    ),

    periods as (
        select
            partner_id,
            acts_on,
            period,
            submission_rank,
            min(case when replaces = 'periods' then submission_rank end) over (
                partition by partner_id, acts_on, period
                order by submission_rank {{ later }}
            ) as covered_rank,
            max(case when replaces = 'periods' then submission_rank end) over (
                partition by partner_id, acts_on, period
            ) as last_rank
        from period_scopes
    ),

    area_scopes as (
        select distinct partner_id, acts_on, period, area, submission_rank, replaces
        from observations
    ),

    areas as (
        select
            partner_id,
            acts_on,
            period,
            area,
            submission_rank,
            min(case when replaces = 'periods_x_areas' then submission_rank end) over (
                partition by partner_id, acts_on, period, area
                order by submission_rank {{ later }}
            ) as covered_rank,
            max(submission_rank) over (
                partition by partner_id, acts_on, period, area
            ) as last_rank
        from area_scopes
    ),

    revised as (select * from {{ ref("int_revision_keys") }}),

    revised_datasets as (select distinct partner_id, acts_on from revised),

    key_submissions as (
        select submissions.partner_id, submissions.acts_on
        from submissions
        left join
            revised_datasets
            on submissions.partner_id = revised_datasets.partner_id
            and submissions.acts_on = revised_datasets.acts_on
        where submissions.replaces = 'keys' and revised_datasets.acts_on is null
        group by submissions.partner_id, submissions.acts_on
    ),

    -- only datasets that are ever corrected by key pay for the comparison of full keys
    key_scopes as (
        select distinct
            observations.partner_id,
            observations.acts_on,
            {{ columns_of(key, "observations") }},
            submission_rank,
            replaces
        from observations
        inner join
            key_submissions
            on observations.partner_id = key_submissions.partner_id
            and observations.acts_on = key_submissions.acts_on
    ),

    keys as (
        select
            partner_id,
            acts_on,
            {{ columns_of(key) }},
            submission_rank,
            min(case when replaces = 'keys' then submission_rank end) over (
                partition by partner_id, acts_on, {{ columns_of(key) }}
                order by submission_rank {{ later }}
            ) as covered_rank,
            max(case when replaces = 'keys' then submission_rank end) over (
                partition by partner_id, acts_on, {{ columns_of(key) }}
            ) as last_rank
        from key_scopes

        union all

        select
            revised.partner_id,
            revised.acts_on,
            {{ columns_of(key, "revised") }},
            revised.submission_rank,
            min(
                case when submissions.replaces = 'keys' then revised.submission_rank end
            ) over (
                partition by revised.partner_id, revised.acts_on, revised.key_in_codes
                order by revised.submission_rank {{ later }}
            ) as covered_rank,
            max(
                case when submissions.replaces = 'keys' then revised.submission_rank end
            ) over (
                partition by revised.partner_id, revised.acts_on, revised.key_in_codes
            ) as last_rank
        from revised
        inner join
            submissions
            on revised.partner_id = submissions.partner_id
            and revised.acts_on = submissions.acts_on
            and revised.submission_rank = submissions.submission_rank
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
            -- the last submission that covers or brings any row of this period and
            -- area; a
            -- correction may name the area by another label
            greatest(
                coalesce(whole_datasets.last_rank, 0),
                coalesce(periods.last_rank, 0),
                areas.last_rank,
                coalesce(keys.last_rank, 0)
            ) as last_touched_rank
        from observations
        inner join
            whole_datasets on observations.submission_id = whole_datasets.submission_id
        inner join
            periods
            on observations.partner_id = periods.partner_id
            and observations.acts_on = periods.acts_on
            and observations.period = periods.period
            and observations.submission_rank = periods.submission_rank
        inner join
            areas
            on observations.partner_id = areas.partner_id
            and observations.acts_on = areas.acts_on
            and observations.period = areas.period
            and observations.area = areas.area
            and observations.submission_rank = areas.submission_rank
        left join
            keys
            on observations.partner_id = keys.partner_id
            and observations.acts_on = keys.acts_on
            and observations.submission_rank = keys.submission_rank
            and {{ same(key, "observations", "keys") }}
    )

select
    submission_id,
    partner_id,
    dataset,
    acts_on,
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
