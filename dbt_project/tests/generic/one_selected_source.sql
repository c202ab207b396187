{# At most one series is selected for what is counted in an area, whatever the number of sources. #}
{% test one_selected_source(model) %}
    select
        area_code,
        measure,
        unit,
        offence,
        exploitation,
        sex,
        age,
        counterpart_area,
        counterpart_role,
        detail_kind,
        detail,
        frequency
    from {{ model }}
    where is_selected and area_role not in ('exploitation', 'recruitment', 'residence')
    group by
        area_code,
        measure,
        unit,
        offence,
        exploitation,
        sex,
        age,
        counterpart_area,
        counterpart_role,
        detail_kind,
        detail,
        frequency
    having count(distinct series_id) > 1
{% endtest %}
