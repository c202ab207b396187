{# Sources are never added: every series is of one source, one dataset and one kind of source. #}
{% test one_source_a_series(model) %}
    select series_id
    from {{ model }}
    group by series_id
    having
        count(distinct source) > 1
        or count(distinct dataset) > 1
        or count(distinct source_type) > 1
{% endtest %}
