{# Rows in are accepted, quarantined or excluded: nothing is lost on the way and nothing appears. #}
{% test rows_balance(model) %}
    select submission_id, rows_in, rows_accepted, rows_quarantined, rows_excluded
    from {{ model }}
    where
        rows_in is null
        or rows_accepted is null
        or rows_quarantined is null
        or rows_excluded is null
        or rows_in <> rows_accepted + rows_quarantined + rows_excluded
{% endtest %}
