{# No key is both published and derived, and no cell stands under two keys of one source: each figure has one set of rows. #}
{% test parts_are_not_counted_twice(model, key) %}
    select {{ key | join(", ") }}
    from {{ model }}
    group by {{ key | join(", ") }}
    having count(*) > 1 or count(distinct derivation) > 1
{% endtest %}
