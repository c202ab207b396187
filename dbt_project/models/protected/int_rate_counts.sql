-- grain: one cell of persons, offences or cases, for its rate
{{ config(materialized="view") }}
select
    cell_id,
    cast(value as double) as value,
    cast(lower as double) as lower,
    cast(upper as double) as upper,
    population_count,
    frequency
from {{ ref("int_cells_protected") }}
where unit in ('persons', 'offences', 'cases')
