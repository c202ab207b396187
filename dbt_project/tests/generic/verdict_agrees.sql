{# The word, the ratio beside it and the reasons never contradict each other. #}
{% test verdict_agrees(model) %}
    select *
    from {{ model }}
    where
        (change_word = 'rose' and not coalesce(change_ratio_a_year > 1, false))
        or (change_word = 'fell' and not coalesce(change_ratio_a_year < 1, false))
        or (
            change_word in ('rose', 'fell')
            and ';' || reasons || ';' not like '%;trend_test;%'
            and ';' || reasons || ';' not like '%;level_change;%'
        )
        or (reasons like '%trend_test%' and not (change_low > 1 or change_high < 1))
        or (
            ';' || reasons || ';' like '%;level_change;%'
            and (change_ratio_a_year > 1) <> (value_last > value_first)
        )
        or (level_word = 'not_assessed') <> (level_ratio is null)
        or (survives_without_top_two = false) <> (reasons like '%two_areas_carry%')
        or (alert_periods is not null) <> (reasons like '%alert%')
        or (change_word = 'too_short' and change_ratio_a_year is not null)
        or coalesce(reasons, '') = ''
{% endtest %}
