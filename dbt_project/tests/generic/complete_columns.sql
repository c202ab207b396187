{# No NULL in any of the columns: keys and codes always say something, if only `_T`, `_U`, `_X` or `_Z`. #}
{% test complete_columns(model, columns) %}
    select *
    from {{ model }}
    where
        {% for column in columns %}
            {{ column }} is null {% if not loop.last %} or {% endif %}
        {% endfor %}
{% endtest %}
