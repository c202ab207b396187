-- grain: one published total or split that differs from the vintage before it, both
-- as this audience may see them (source, dataset, full key of the cell)
-- Rows of overlapping datasets and bodies stand beside each other and are never added;
-- is_selected tells which of them speak for the area. A difference of bounds is bounds.
with
    selected as (
        select
            series_id, max(case when is_selected then 1 else 0 end) = 1 as is_selected
        from {{ ref("fct_series") }}
        group by series_id
    ),

    seen as (
        select
            changes.*,
            seen.value as seen_value,
            seen.lower as seen_lower,
            seen.upper as seen_upper,
            seen_before.value as seen_previous_value,
            seen_before.lower as seen_previous_lower,
            seen_before.upper as seen_previous_upper,
            cast(seen.lower - seen_before.upper as decimal(20, 4)) as difference_lower,
            cast(seen.upper - seen_before.lower as decimal(20, 4)) as difference_upper
        from {{ ref("fct_changes") }} as changes
        left join
            {{ source("protected", "cells") }} as seen on changes.cell_id = seen.cell_id
        left join
            {{ source("protected", "cells") }} as seen_before
            on changes.previous_cell_id = seen_before.cell_id
        where
            changes.counterpart_area = '_T'
            and changes.detail = '_T'
            -- a figure that this audience does not get has no change either, and a
            -- change is shown with both of its figures or not at all
            and (changes.cell_id is null or not coalesce(seen.is_suppressed, true))
            and (
                changes.previous_cell_id is null
                or not coalesce(seen_before.is_suppressed, true)
            )
    )

select
    seen.series_id,
    seen.area_code,
    seen.area_name,
    seen.area_level,
    seen.area_role,
    seen.measure,
    seen.unit,
    seen.reporter,
    seen.offence,
    seen.exploitation,
    seen.sex,
    seen.age,
    seen.source,
    seen.dataset,
    seen.period,
    seen.period_start,
    seen.frequency,
    seen.issued_on,
    seen.previous_issued_on,
    seen.seen_value as value,
    seen.seen_lower as lower,
    seen.seen_upper as upper,
    seen.seen_previous_value as previous_value,
    seen.seen_previous_lower as previous_lower,
    seen.seen_previous_upper as previous_upper,
    cast(seen.seen_value - seen.seen_previous_value as decimal(20, 4)) as difference,
    seen.difference_lower,
    seen.difference_upper,
    -- the part of the difference that is certain, without its sign
    case
        when seen.difference_lower > 0
        then seen.difference_lower
        when seen.difference_upper < 0
        then cast(- seen.difference_upper as decimal(20, 4))
        when seen.difference_lower is not null
        then cast(0 as decimal(20, 4))
    end as difference_certain,
    seen.kind,
    coalesce(
        seen.kind = 'revised'
        and (
            seen.seen_lower <> seen.seen_previous_lower
            or seen.seen_upper <> seen.seen_previous_upper
        ),
        false
    ) as is_moved,
    coalesce(selected.is_selected, false) as is_selected,
    parameters.as_of
from seen
left join selected on seen.series_id = selected.series_id
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by
    seen.measure,
    seen.area_code,
    seen.period,
    seen.source,
    seen.dataset,
    seen.unit,
    seen.reporter,
    seen.offence,
    seen.exploitation,
    seen.sex,
    seen.age,
    seen.area_role
