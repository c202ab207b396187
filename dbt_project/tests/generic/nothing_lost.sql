{# A step keeps every row of the one before: its count, or the count that its rows state, is the count of the other relation. #}
{% test nothing_lost(
    model,
    before,
    count_here="count(*)",
    where_here="true",
    where_before="true"
) %}
    select *
    from
        (
            select coalesce({{ count_here }}, 0) as rows_here
            from {{ model }}
            where {{ where_here }}
        ) as here
    cross join
        (
            select count(*) as rows_before from {{ before }} where {{ where_before }}
        ) as there
    where rows_here <> rows_before
{% endtest %}
