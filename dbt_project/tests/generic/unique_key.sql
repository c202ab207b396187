{# One row a key: the grain that a model states is the grain that it has. #}
{% test unique_key(model, key) %}
    select {{ key | join(", ") }}, count(*) as rows_count
    from {{ model }}
    group by {{ key | join(", ") }}
    having count(*) > 1
{% endtest %}
