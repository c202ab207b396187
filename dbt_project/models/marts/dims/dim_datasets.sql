-- grain: one dataset of a partner, with what is out of it at as_of
with
    datasets as (select * from {{ ref("stg_lake__datasets") }}),

    issues as (
        select
            partner_id,
            acts_on,
            min(issued_on) as first_issued_on,
            max(issued_on) as last_issued_on,
            count(*) as submissions_count,
            max(case when issued_on_is_approximate then 1 else 0 end)
            = 1 as is_issued_on_approximate
        from {{ ref("int_submissions_ranked") }}
        where not is_later_vintage
        group by partner_id, acts_on
    ),

    -- what a dataset is for: figures of the field, what they are held against, or
    -- offences beside trafficking
    roles as (
        select
            labels.partner_id,
            labels.dataset,
            case
                when
                    max(case when measures.subject <> 'reference' then 1 else 0 end) = 1
                then 'figures'
                when min(case when measures.stage = 'population' then 1 else 0 end) = 1
                then 'denominators'
                else 'other_offences'
            end as dataset_role
        from {{ ref("int_labels_mapped") }} as labels
        inner join
            {{ ref("dim_measures") }} as measures on labels.code = measures.measure
        where labels.column_name = 'measure'
        group by labels.partner_id, labels.dataset
    )

select
    datasets.partner_id as source,
    datasets.partner_name as source_name,
    datasets.sector,
    datasets.licence,
    datasets.legal_basis,
    datasets.audience,
    datasets.minimum_cell,
    datasets.already_public_minimum_cell,
    datasets.cadence_months,
    datasets.late_after_days,
    datasets.dataset,
    datasets.title as dataset_name,
    datasets.source_type,
    case
        when datasets.revises is not null
        then 'corrections'
        else coalesce(roles.dataset_role, '_U')
    end as dataset_role,
    datasets.counting_unit,
    datasets.period_basis,
    datasets.age_basis,
    datasets.population_basis,
    datasets.multi_response,
    datasets.precedence,
    datasets.jurisdiction,
    issues.first_issued_on,
    issues.last_issued_on,
    coalesce(issues.submissions_count, 0) as submissions_count,
    coalesce(issues.is_issued_on_approximate, false) as is_issued_on_approximate
from datasets
left join
    issues
    on datasets.partner_id = issues.partner_id
    and coalesce(datasets.revises, datasets.dataset) = issues.acts_on
left join
    roles on datasets.partner_id = roles.partner_id and datasets.dataset = roles.dataset
