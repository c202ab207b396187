{# A sum over areas is the sum of the bounds of the areas below it, of the same dataset and of the same key, and of nothing else:
   never over sources, datasets, bodies or levels of areas. #}
{% test sums_within_one_dataset(model) %}
    {% set others = panel_columns() + ["period"] %}
    select sums.series_id, sums.period
    from {{ model }} as sums
    left join
        (
            select
                parents.parent_area_code as area_code,
                cells.area_level as summed_level,
                {{ columns_of(others, "cells") }},
                sum(coalesce(cells.lower, 0)) as lower,
                case
                    when count(cells.upper) = count(*) then sum(cells.upper)
                end as upper,
                count(cells.lower) as areas_count
            from {{ ref("int_cells_protected") }} as cells
            inner join
                {{ ref("int_panel_parents") }} as parents
                on cells.area_code = parents.area_code
            where
                cells.value is not null
                or cells.lower is not null
                or cells.obs_status = 'Q'
            group by
                parents.parent_area_code,
                cells.area_level,
                {{ columns_of(others, "cells") }}
        ) as parts
        on sums.area_code = parts.area_code
        and sums.areas_panel_count = parts.areas_count
        and {{ same(others, "sums", "parts") }}
        and coalesce(sums.lower, 0) = parts.lower
        and coalesce(sums.upper, -1) = coalesce(parts.upper, -1)
    where sums.derivation = 'sum_of_reporting' and parts.area_code is null
{% endtest %}
