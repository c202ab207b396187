{# Bounds enclose the figure, and the lower one never lies above the upper: a sum of bounds is bounds. #}
{% test bounds_contain_value(model, value="value", lower="lower", upper="upper") %}
    select *
    from {{ model }}
    where
        {{ lower }} > {{ upper }}
        or {{ value }} < {{ lower }}
        or {{ value }} > {{ upper }}
        or ({{ value }} is not null and ({{ lower }} is null or {{ upper }} is null))
{% endtest %}
