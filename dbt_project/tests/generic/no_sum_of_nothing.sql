{# A sum over areas is never 0, and never exact, where an area in it has a figure, bounds or a hidden figure that may be more. #}
{% test no_sum_of_nothing(model) %}
    select sums.series_id, sums.period
    from {{ model }} as sums
    inner join
        (
            select
                md5(
                    concat_ws('|', derivations.derivation, panels.panel_id)
                ) as series_id,
                derivations.derivation,
                panels.period,
                sum(case when panels.value is null then 1 else 0 end) as open_count,
                sum(
                    case when coalesce(panels.lower, 1) > 0 then 1 else 0 end
                ) as counts_count
            from {{ ref("int_panel_cells") }} as panels
            cross join
                (
                    select 'sum_of_reporting' as derivation
                    union all
                    select 'balanced_panel' as derivation
                ) as derivations
            group by derivations.derivation, panels.panel_id, panels.period
        ) as reported
        on sums.series_id = reported.series_id
        and sums.period = reported.period
    where
        (sums.value = 0 and reported.counts_count > 0)
        or (
            reported.derivation = 'sum_of_reporting'
            and sums.value is not null
            and reported.open_count > 0
        )
{% endtest %}
