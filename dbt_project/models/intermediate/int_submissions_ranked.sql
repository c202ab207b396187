-- grain: one submission whose issue is out at as_of, or belongs to the earliest later
-- issue of a dataset of which none is out
-- A sheet of corrections acts on the cells of the dataset that it revises: both stand
-- in one line of issues, and of one day the correction counts.
with
    parameters as (select as_of from {{ ref("stg_lake__build_parameters") }}),

    submissions as (
        select
            submissions.*,
            coalesce(datasets.revises, submissions.dataset) as acts_on,
            datasets.revises is not null as is_revision,
            submissions.issued_on <= parameters.as_of as is_out
        from {{ ref("stg_lake__submissions") }} as submissions
        left join
            {{ ref("stg_lake__datasets") }} as datasets
            on submissions.partner_id = datasets.partner_id
            and submissions.dataset = datasets.dataset
        cross join parameters
    ),

    first_issues as (
        select
            partner_id,
            acts_on,
            min(issued_on) as first_issued_on,
            max(case when is_out then 1 else 0 end) = 1 as has_issue_out
        from submissions
        group by partner_id, acts_on
    ),

    usable as (
        select
            submissions.submission_id,
            submissions.partner_id,
            submissions.dataset,
            submissions.acts_on,
            submissions.is_revision,
            -- a correction stands until its cell is given again
            case
                when submissions.is_revision then 'keys' else submissions.replaces
            end as replaces,
            submissions.issued_on,
            submissions.issued_on_is_approximate,
            submissions.ledger_position,
            not submissions.is_out as is_later_vintage
        from submissions
        inner join
            first_issues
            on submissions.partner_id = first_issues.partner_id
            and submissions.acts_on = first_issues.acts_on
        where
            submissions.is_out
            or (
                not first_issues.has_issue_out
                and submissions.issued_on = first_issues.first_issued_on
            )
    ),

    ranked as (
        select
            *,
            -- arrival order decides between equal dates only
            row_number() over (
                partition by partner_id, acts_on
                order by issued_on, is_revision, ledger_position, submission_id
            ) as submission_rank
        from usable
    )

select
    *,
    -- several files of one day are one issue: the rank at which it begins
    min(submission_rank) over (
        partition by partner_id, acts_on, issued_on
    ) as issue_rank
from ranked
