{# Every code of the column is a member of its list. #}
{% test known_member(model, column_name, to, member) %}
    select figures.{{ column_name }}, count(*) as rows_count
    from {{ model }} as figures
    left join {{ to }} as members on figures.{{ column_name }} = members.{{ member }}
    where members.{{ member }} is null
    group by figures.{{ column_name }}
{% endtest %}
