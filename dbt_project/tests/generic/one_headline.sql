{# At most one row speaks for an area and a measure, and it is a total. A sum over areas that rests on two of them is no headline. #}
{% test one_headline(model) %}
    select area_code, measure, count(*) as headlines_count
    from {{ model }}
    where is_headline
    group by area_code, measure
    having
        count(*) > 1
        or max(
            case
                when
                    survives_without_top_two = false
                    or exploitation <> '_T'
                    or sex <> '_T'
                    or age <> '_T'
                    or offence not in ('_T', '0204')
                then 1
                else 0
            end
        )
        = 1
{% endtest %}
