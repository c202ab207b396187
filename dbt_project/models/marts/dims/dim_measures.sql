-- grain: one measure
select
    measure,
    measure_label,
    unit_kind,
    is_count,
    is_person_based,
    follows_law,
    subject,
    stage,
    counted_by,
    -- what is counted where people live or are found, and so belongs on a map and in
    -- a rate
    is_count and subject in ('victims', 'offenders', 'offences', 'cases') as is_mapped,
    -- counts of events add up over quarters; people in a service or places at a date
    -- do not
    is_count
    and stage not in ('assistance', 'capacity', 'population') as is_additive_over_time,
    description
from {{ ref("measures") }}
