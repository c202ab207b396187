-- grain: one observation and vintage: `current` is visible at as_of, `previous` was
-- visible before the issue that last touched its period and area, `later` belongs to a
-- dataset of which no issue is out yet (used for populations only)
with
    lifetimes as (select * from {{ ref("int_observation_lifetimes") }}),

    submissions as (select * from {{ ref("int_submissions_ranked") }}),

    vintages as (
        select 'current' as vintage, lifetimes.*
        from lifetimes
        where covered_rank is null

        union all

        select 'previous' as vintage, lifetimes.*
        from lifetimes
        inner join
            submissions as touching
            on lifetimes.partner_id = touching.partner_id
            and lifetimes.acts_on = touching.acts_on
            and lifetimes.last_touched_rank = touching.submission_rank
        where
            lifetimes.submission_rank < touching.issue_rank
            and coalesce(lifetimes.covered_rank, touching.issue_rank)
            >= touching.issue_rank
    )

select
    case
        when submissions.is_later_vintage then 'later' else vintages.vintage
    end as vintage,
    vintages.submission_id,
    vintages.partner_id,
    vintages.dataset,
    vintages.acts_on,
    {{ columns_of(key_dimensions(), "vintages") }},
    vintages.period_start,
    vintages.frequency,
    vintages.value,
    vintages.lower,
    vintages.upper,
    vintages.obs_status,
    vintages.conf_status,
    vintages.missing_reason,
    vintages.source_row_count,
    vintages.last_touched_rank,
    submissions.issued_on,
    submissions.issued_on_is_approximate
from vintages
inner join submissions on vintages.submission_id = submissions.submission_id
where not submissions.is_later_vintage or vintages.vintage = 'current'
