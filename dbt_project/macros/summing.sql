{# A part of a sum, as text that sorts by how much it says about the sum: a missing part leaves it unknown, an interval makes it
   an interval, a flagged value flags it. The greatest part's status is the status of the sum, so that value and status agree. #}
{% macro part_status() -%}
    case
        when value is null and lower is null and upper is null
        then '5'
        when value is null and obs_status = 'Q'
        then '4'
        when value is null
        then '3'
        when obs_status <> 'A'
        then '2'
        else '1'
    end
    || obs_status
    || conf_status
    || coalesce(missing_reason, '')
{%- endmacro %}

{# The value, bounds and status columns of a sum over grouped observations. #}
{% macro summed_observations() %}
    case
        when max({{ part_status() }}) < '3' then cast(sum(value) as decimal(20, 4))
    end as value,
    case
        when max({{ part_status() }}) < '5' and count(lower) = count(*)
        then cast(sum(lower) as decimal(20, 4))
    end as lower,
    case
        when max({{ part_status() }}) < '5' and count(upper) = count(*)
        then cast(sum(upper) as decimal(20, 4))
    end as upper,
    substring(max({{ part_status() }}), 2, 1) as obs_status,
    substring(max({{ part_status() }}), 3, 1) as conf_status,
    nullif(substring(max({{ part_status() }}), 4), '') as missing_reason
{% endmacro %}
