{# What engines write differently. Everything else in the project is plain SQL; a new engine adds <engine>__ variants here. #}
{% macro string_list(column, separator, order_by) %}
    {{
        return(
            adapter.dispatch("string_list", "waymark")(column, separator, order_by)
        )
    }}
{% endmacro %}

{% macro default__string_list(column, separator, order_by) %}
    string_agg({{ column }}, '{{ separator }}' order by {{ order_by }})
{% endmacro %}

{% macro spark__string_list(column, separator, order_by) %}
    array_join(
        transform(
            array_sort(collect_list(struct({{ order_by }}, {{ column }}))),
            x -> x['{{ column }}']
        ),
        '{{ separator }}'
    )
{% endmacro %}


{% macro date_plus(date, count, unit) %}
    {{ return(adapter.dispatch("date_plus", "waymark")(date, count, unit)) }}
{% endmacro %}

{% macro default__date_plus(date, count, unit) %}
    cast({{ date }} + to_{{ unit }}s(cast({{ count }} as integer)) as date)
{% endmacro %}

{% macro spark__date_plus(date, count, unit) %}
    {% if unit == "month" %} add_months({{ date }}, cast({{ count }} as int))
    {% else %} date_add({{ date }}, cast({{ count }} as int))
    {% endif %}
{% endmacro %}


{% macro days_between(earlier, later) %}
    {{ return(adapter.dispatch("days_between", "waymark")(earlier, later)) }}
{% endmacro %}

{% macro default__days_between(earlier, later) %}
    cast({{ later }} - {{ earlier }} as integer)
{% endmacro %}

{% macro spark__days_between(earlier, later) %}
    datediff({{ later }}, {{ earlier }})
{% endmacro %}


{# A double rounded to nine significant digits: the digits after that differ between machines and carry nothing. #}
{% macro nine_digits(expression) %}
    {{ return(adapter.dispatch("nine_digits", "waymark")(expression)) }}
{% endmacro %}

{% macro default__nine_digits(expression) %}
    cast(printf('%.8e', cast({{ expression }} as double)) as double)
{% endmacro %}


{% macro empty_to_null(column) %} nullif(trim({{ column }}), '') {% endmacro %}

{% macro text_to_date(column) %}
    cast(nullif(trim({{ column }}), '') as date)
{% endmacro %}

{% macro text_to_boolean(column) %}
    coalesce(lower(trim({{ column }})) = 'true', false)
{% endmacro %}
