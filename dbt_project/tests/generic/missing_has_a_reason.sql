{# A figure is an exact number, an interval, or missing for a stated reason; an exact number never carries a reason. #}
{% test missing_has_a_reason(model) %}
    select *
    from {{ model }}
    where
        (value is null and lower is null and upper is null and missing_reason is null)
        or (value is not null and missing_reason is not null)
        or (
            value is not null
            and (lower is distinct from value or upper is distinct from value)
        )
        or lower > upper
{% endtest %}
