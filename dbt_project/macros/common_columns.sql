{# The columns that every published table of figures has, in the published order. `rates` names the relation of rates, or none. #}
{% macro common_columns(relation, rates) %}
    {{ relation }}.area_code,
    {{ relation }}.area_name,
    {{ relation }}.area_level,
    {{ relation }}.area_role,
    {{ relation }}.period,
    {{ relation }}.period_start,
    {{ relation }}.measure,
    {{ relation }}.unit,
    {{ columns_of(split_columns(), relation) }},
    {{ relation }}.value,
    {{ relation }}.lower,
    {{ relation }}.upper,
    {{ rates }}.rate_per_100k,
    {{ relation }}.obs_status,
    {{ relation }}.conf_status,
    {{ relation }}.missing_reason,
    {{ relation }}.derivation,
    {{ relation }}.source,
    {{ relation }}.dataset,
    {{ relation }}.definition_id,
    {{ relation }}.comparability,
    {{ relation }}.issued_on,
    parameters.as_of
{% endmacro %}

{# The full key in the order in which published tables of figures are written. #}
{% macro published_order(relation) %}
    {%- set first = [
        "measure",
        "area_code",
        "area_role",
        "period",
        "source",
        "dataset",
        "unit",
    ] -%}
    {{ return(columns_of(first + split_columns(), relation)) }}
{% endmacro %}

{# What a rate is a rate of: a quarter's or a month's count is brought to a year. `_Z` where there is no rate. #}
{% macro rate_basis(rate, frequency) %}
    case
        when {{ rate }} is null
        then '_Z'
        when {{ frequency }} = 'Q'
        then 'annualised_quarter'
        when {{ frequency }} = 'M'
        then 'annualised_month'
        else 'year'
    end
{% endmacro %}
