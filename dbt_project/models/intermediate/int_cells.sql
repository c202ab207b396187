-- grain: one cell of the declared published tables, of the current vintage or of the
-- one before
{% set key = key_dimensions() %}
{% set cell_key = ["partner_id", "dataset"] + key %}
{% set shape = ["measure", "frequency", "area_level"] %}
{% for dimension in split_dimensions() %}
    {% do shape.append("is_split_by_" ~ dimension) %}
{% endfor %}
with
    observations as (
        select observations.*, areas.area_name, areas.area_level, areas.parent_code
        from {{ ref("int_observations_complete") }} as observations
        inner join
            {{ ref("dim_areas") }} as areas on observations.area = areas.area_code
        where
            observations.vintage in ('current', 'previous') and observations.is_additive
    ),

    splits as (
        select
            partner_id,
            dataset,
            measure,
            max(case when dimension = 'reporter' then base_member end) as base_reporter,
            max(case when dimension = 'offence' then base_member end) as base_offence,
            max(
                case when dimension = 'counterpart_area' then main_kind end
            ) as main_counterpart_role,
            max(case when dimension = 'detail' then main_kind end) as main_detail_kind,
            {% for dimension in split_dimensions() %}
                max(
                    case
                        when dimension = '{{ dimension }}' and is_multi_response
                        then 1
                        else 0
                    end
                )
                = 1 as has_overlapping_{{ dimension }}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from {{ ref("int_dataset_splits") }}
        group by partner_id, dataset, measure
    ),

    shaped as (
        select
            observations.*,
            splits.main_counterpart_role,
            splits.main_detail_kind,
            {% for dimension in split_dimensions() %}
                (
                    splits.has_overlapping_{{ dimension }}
                    and observations.{{ dimension }} <> '_T'
                )
                {% if not loop.last %} or {% endif %}
            {% endfor %} as is_overlapping,
            observations.offence <> splits.base_offence as is_split_by_offence,
            observations.reporter <> splits.base_reporter as is_split_by_reporter,
            observations.detail <> '_T' as is_split_by_detail,
            observations.counterpart_area <> '_T' as is_split_by_counterpart_area,
            observations.exploitation <> '_T' as is_split_by_exploitation,
            observations.age <> '_T' as is_split_by_age,
            observations.sex <> '_T' as is_split_by_sex
        from observations
        inner join
            splits
            on {{ same(["partner_id", "dataset", "measure"], "observations", "splits") }}
    ),

    -- cells of one shape belong to the same table, so the table is chosen once a shape
    shapes as (select distinct {{ columns_of(shape) }} from shaped),

    shape_tables as (
        select
            {{ columns_of(shape, "shapes") }},
            tables.table_id,
            row_number() over (
                partition by {{ columns_of(shape, "shapes") }}
                order by tables.dims_count, tables.table_id
            ) as choice
        from shapes
        inner join
            {{ ref("int_published_tables") }} as tables
            on shapes.measure = tables.measure
            and shapes.frequency = tables.frequency
            and (tables.area_level = '*' or tables.area_level = shapes.area_level)
            {% for dimension in split_dimensions() %}
                and (
                    tables.has_{{ dimension }} or not shapes.is_split_by_{{ dimension }}
                )
            {% endfor %}
    ),

    candidates as (
        select shaped.*, shape_tables.table_id
        from shaped
        inner join
            shape_tables
            on shape_tables.choice = 1
            and {{ same(shape, "shaped", "shape_tables") }}
    )

select
    vintage,
    md5(concat_ws('|', {{ columns_of(cell_key) }})) as key_id,
    case
        when vintage = 'current'
        then md5(concat_ws('|', {{ columns_of(cell_key) }}))
        else md5(concat_ws('|', vintage, {{ columns_of(cell_key) }}))
    end as cell_id,
    md5(
        concat_ws(
            '|',
            partner_id,
            dataset,
            frequency,
            {{ columns_of(key, leave_out=["period"]) }}
        )
    ) as series_id,
    table_id,
    concat_ws(
        '|',
        vintage,
        partner_id,
        dataset,
        measure,
        unit,
        area_role,
        reporter,
        case
            when counterpart_role in ('_Z', main_counterpart_role)
            then '_Z'
            else counterpart_role
        end,
        case when detail_kind in ('_Z', main_detail_kind) then '_Z' else detail_kind end
    ) as protection_group,
    {{ columns_of(["partner_id", "dataset"] + key) }},
    area_name,
    area_level,
    parent_code,
    period_start,
    frequency,
    value,
    lower,
    upper,
    obs_status,
    conf_status,
    missing_reason,
    derivation,
    definition_id,
    comparability,
    iccs_offence,
    is_close,
    is_kept_at_parent,
    is_overlapping,
    labels_count,
    unmapped_count,
    issued_on,
    last_touched_rank,
    derivation = 'sum_of_periods' as is_year_derived
from candidates
