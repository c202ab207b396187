-- grain: one declared published table, its dimensions as columns
select
    table_id,
    measure,
    area_level,
    frequency,
    {% for dimension in split_dimensions() %}
        position(',{{ dimension }},' in ',' || replace(dims, ' ', '') || ',')
        > 0 as has_{{ dimension }},
    {% endfor %}
    length(dims) - length(replace(dims, ',', '')) as dims_count
from {{ ref("published_tables") }}
