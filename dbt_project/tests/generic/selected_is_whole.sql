{# What is selected for an area is its whole figure: no one body's or one offence's part, no panel of the same areas, no index,
   and no sum over areas where the area has a figure of its own. A part or a panel says what it is. #}
{% test selected_is_whole(model) %}
    select series_id, period, selection
    from {{ model }}
    where
        is_selected
        and (
            part <> 'whole'
            or selection <> 'selected'
            or derivation in ('balanced_panel', 'chain_linked')
        )

    union all

    select sums.series_id, sums.period, sums.selection
    from {{ model }} as sums
    inner join
        {{ model }} as own
        on sums.derivation = 'sum_of_reporting'
        and sums.is_selected
        and own.derivation in ('published', 'sum_of_parts')
        and own.part = 'whole'
        and {{
            same(
                [
                    "area_code",
                    "measure",
                    "unit",
                    "exploitation",
                    "sex",
                    "age",
                    "counterpart_area",
                    "detail",
                    "period",
                ],
                "sums",
                "own",
            )
        }}
        and own.area_role not in ('exploitation', 'recruitment', 'residence')
        and sums.area_role not in ('exploitation', 'recruitment', 'residence')
{% endtest %}
