-- grain: one published cell that differs from the vintage before it, both as of the
-- same as_of; withdrawn figures are in neither
with
    submissions as (
        select * from {{ ref("int_submissions_ranked") }} where not is_later_vintage
    ),

    last_issues as (
        select partner_id, acts_on, max(issued_on) as last_issued_on
        from submissions
        group by partner_id, acts_on
    ),

    issues as (
        select distinct
            submissions.partner_id,
            submissions.acts_on,
            submissions.issued_on,
            max(earlier.issued_on) as previous_issued_on
        from submissions
        left join
            submissions as earlier
            on submissions.partner_id = earlier.partner_id
            and submissions.acts_on = earlier.acts_on
            and earlier.issued_on < submissions.issued_on
        group by submissions.partner_id, submissions.acts_on, submissions.issued_on
    ),

    current_cells as (
        select *
        from {{ ref("int_cells") }}
        where vintage = 'current' and not is_year_derived
    ),

    previous_cells as (
        select *
        from {{ ref("int_cells") }}
        where vintage = 'previous' and not is_year_derived
    ),

    compared as (
        select
            coalesce(current_cells.key_id, previous_cells.key_id) as key_id,
            current_cells.cell_id,
            previous_cells.cell_id as previous_cell_id,
            coalesce(current_cells.partner_id, previous_cells.partner_id) as partner_id,
            coalesce(current_cells.dataset, previous_cells.dataset) as dataset,
            coalesce(
                current_cells.last_touched_rank, previous_cells.last_touched_rank
            ) as last_touched_rank,
            previous_cells.issued_on as previous_cell_issued_on,
            current_cells.value,
            current_cells.lower,
            current_cells.upper,
            previous_cells.value as previous_value,
            previous_cells.lower as previous_lower,
            previous_cells.upper as previous_upper,
            case
                when previous_cells.key_id is null
                then 'new'
                when current_cells.key_id is null
                then 'gone'
                when
                    current_cells.value is distinct from previous_cells.value
                    or current_cells.lower is distinct from previous_cells.lower
                    or current_cells.upper is distinct from previous_cells.upper
                    or current_cells.missing_reason
                    is distinct from previous_cells.missing_reason
                then 'revised'
                else 'same'
            end as kind
        from current_cells
        full outer join previous_cells on current_cells.key_id = previous_cells.key_id
    ),

    dated as (
        select
            compared.*,
            touching.issued_on,
            coalesce(
                compared.previous_cell_issued_on, issues.previous_issued_on
            ) as previous_issued_on,
            last_issues.last_issued_on
        from compared
        inner join
            submissions as touching
            on compared.partner_id = touching.partner_id
            and compared.dataset = touching.acts_on
            and compared.last_touched_rank = touching.submission_rank
        inner join
            issues
            on compared.partner_id = issues.partner_id
            and compared.dataset = issues.acts_on
            and touching.issued_on = issues.issued_on
        inner join
            last_issues
            on compared.partner_id = last_issues.partner_id
            and compared.dataset = last_issues.acts_on
    )

select
    dated.key_id,
    dated.cell_id,
    dated.previous_cell_id,
    cells.series_id,
    cells.area as area_code,
    cells.area_name,
    cells.area_level,
    cells.area_role,
    cells.measure,
    cells.unit,
    cells.exploitation,
    cells.sex,
    cells.age,
    cells.counterpart_area,
    cells.counterpart_role,
    cells.offence,
    cells.reporter,
    cells.detail_kind,
    cells.detail,
    cells.period,
    cells.period_start,
    cells.frequency,
    dated.partner_id as source,
    dated.dataset,
    dated.issued_on,
    dated.previous_issued_on,
    dated.value,
    dated.lower,
    dated.upper,
    dated.previous_value,
    dated.previous_lower,
    dated.previous_upper,
    cast(dated.value - dated.previous_value as decimal(20, 4)) as difference,
    dated.kind
from dated
inner join
    {{ ref("int_cells") }} as cells
    on cells.cell_id = coalesce(dated.cell_id, dated.previous_cell_id)
where
    dated.kind in ('revised', 'gone')
    -- a first quarter of three years ago is not news: new is what the dataset's
    -- latest issue brought
    or (
        dated.kind = 'new'
        and dated.issued_on = dated.last_issued_on
        and dated.previous_issued_on is not null
    )
