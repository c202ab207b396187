{# Whether a unit is a currency: an ISO 4217 code, three capitals. #}
{% macro is_money(unit) -%}
    (length({{ unit }}) = 3 and {{ unit }} = upper({{ unit }}))
{%- endmacro %}

{# That a row is a total in each of these dimensions. #}
{% macro is_total_in(dimensions, relation=none) -%}
    {%- set prefix = relation ~ "." if relation else "" -%}
    {%- set terms = [] -%}
    {%- for dimension in dimensions -%}
        {%- do terms.append(prefix ~ dimension ~ " = '_T'") -%}
    {%- endfor -%}
    {{ return(terms | join(" and ")) }}
{%- endmacro %}
