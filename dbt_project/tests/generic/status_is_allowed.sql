{# Status, confidentiality and what the value columns hold agree with the table of statuses. #}
{% test status_is_allowed(model) %}
    select
        figures.obs_status,
        figures.conf_status,
        figures.value_state,
        figures.missing_reason,
        count(*) as rows_count
    from
        (
            select
                obs_status,
                conf_status,
                missing_reason,
                case
                    when value is not null
                    then 'exact'
                    when lower is not null or upper is not null
                    then 'interval'
                    else 'none'
                end as value_state
            from {{ model }}
        ) as figures
    left join
        {{ ref("statuses") }} as statuses
        on figures.obs_status = statuses.obs_status
        and figures.conf_status = statuses.conf_status
        and figures.value_state = statuses.value_state
        and statuses.is_allowed
        and coalesce(statuses.missing_reason, '') = coalesce(figures.missing_reason, '')
    where statuses.obs_status is null
    group by
        figures.obs_status,
        figures.conf_status,
        figures.value_state,
        figures.missing_reason
{% endtest %}
