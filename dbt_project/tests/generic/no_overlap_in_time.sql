{# At most one regime a jurisdiction on any day. #}
{% test no_overlap_in_time(model) %}
    select earlier.definition_id, later.definition_id as other_definition_id
    from {{ model }} as earlier
    inner join
        {{ model }} as later
        on earlier.jurisdiction = later.jurisdiction
        and earlier.definition_id < later.definition_id
        and coalesce(earlier.valid_from, date '0001-01-01')
        < coalesce(later.valid_to, date '9999-12-31')
        and coalesce(later.valid_from, date '0001-01-01')
        < coalesce(earlier.valid_to, date '9999-12-31')
    where earlier.is_regime and later.is_regime
{% endtest %}
