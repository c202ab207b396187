{# A cell that disclosure hid has neither value nor rate, and the one code for it. #}
{% test hidden_stays_hidden(model) %}
    select *
    from {{ model }}
    where
        missing_reason = 'suppressed'
        and (
            value is not null
            or rate_per_100k is not null
            or obs_status <> 'Q'
            or conf_status <> 'D'
        )
{% endtest %}
