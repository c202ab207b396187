-- grain: one submission whose issue is out at as_of, or belongs to the earliest later
-- issue of a dataset of which none is out
with
    parameters as (select as_of from {{ ref("stg_lake__build_parameters") }}),

    submissions as (
        select submissions.*, submissions.issued_on <= parameters.as_of as is_out
        from {{ ref("stg_lake__submissions") }} as submissions
        cross join parameters
    ),

    first_issues as (
        select
            partner_id,
            dataset,
            min(issued_on) as first_issued_on,
            max(case when is_out then 1 else 0 end) = 1 as has_issue_out
        from submissions
        group by partner_id, dataset
    ),

    usable as (
        select
            submissions.submission_id,
            submissions.partner_id,
            submissions.dataset,
            submissions.replaces,
            submissions.issued_on,
            submissions.issued_on_is_approximate,
            submissions.ledger_position,
            not submissions.is_out as is_later_vintage
        from submissions
        inner join
            first_issues
            on submissions.partner_id = first_issues.partner_id
            and submissions.dataset = first_issues.dataset
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
                partition by partner_id, dataset
                order by issued_on, ledger_position, submission_id
            ) as submission_rank
        from usable
    )

select
    *,
    -- several files of one day are one issue: the rank at which it begins
    min(submission_rank) over (
        partition by partner_id, dataset, issued_on
    ) as issue_rank
from ranked
