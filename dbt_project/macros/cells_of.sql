{# The cells of one vintage with the columns that other rooms of the house read. #}
{% macro cells_of(vintage) %}
    select
        cells.cell_id,
        cells.series_id,
        cells.table_id,
        cells.protection_group,
        cells.area as area_code,
        cells.area_name,
        cells.area_level,
        cells.parent_code,
        cells.area_role,
        cells.period,
        cells.period_start,
        cells.frequency,
        cells.measure,
        cells.unit,
        {{ columns_of(split_columns(), "cells") }},
        cells.value,
        cells.lower,
        cells.upper,
        cells.obs_status,
        cells.conf_status,
        cells.missing_reason,
        case
            cells.derivation
            when 'sum_of_periods'
            then 'sum_of_parts'
            else cells.derivation
        end as derivation,
        cells.partner_id as source,
        cells.dataset,
        datasets.source_type,
        cells.definition_id,
        cells.comparability,
        cells.iccs_offence,
        cells.is_close,
        cells.is_kept_at_parent,
        cells.is_overlapping,
        cells.labels_count,
        cells.unmapped_count,
        datasets.audience,
        datasets.minimum_cell,
        datasets.already_public_minimum_cell,
        case
            when measures.is_mapped then denominators.population_count
        end as population_count,
        case
            when measures.is_mapped then cast(denominators.population_year as string)
        end as population_period,
        case
            when measures.is_mapped and denominators.population_count is not null
            then
                denominators.population_year <> denominators.year
                or denominators.is_later_vintage
            else false
        end as is_population_carried,
        case
            when measures.is_mapped
            then coalesce(denominators.is_later_vintage, false)
            else false
        end as is_population_later_vintage,
        cells.issued_on
    from {{ ref("int_cells") }} as cells
    inner join
        {{ ref("dim_datasets") }} as datasets
        on cells.partner_id = datasets.source
        and cells.dataset = datasets.dataset
    inner join {{ ref("dim_measures") }} as measures on cells.measure = measures.measure
    left join
        {{ ref("int_denominators") }} as denominators
        on cells.area = denominators.area
        and cells.sex = denominators.sex
        and cells.age = denominators.age
        and extract(year from cells.period_start) = denominators.year
    where cells.vintage = '{{ vintage }}'
{% endmacro %}
