-- grain: one day from 1990 to 2044, the calendar of the metrics
{{ config(materialized="view") }}
with
    digits as (
        {% for digit in range(10) %}
            select {{ digit }} as digit
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    numbers as (
        select
            ones.digit
            + 10 * tens.digit
            + 100 * hundreds.digit
            + 1000 * thousands.digit
            + 10000 * halves.digit as number
        from digits as ones
        cross join digits as tens
        cross join digits as hundreds
        cross join digits as thousands
        cross join digits as halves
        where halves.digit < 3
    )

select {{ date_plus("date '1990-01-01'", "number", "day") }} as calendar_day
from numbers
where number < 20089
