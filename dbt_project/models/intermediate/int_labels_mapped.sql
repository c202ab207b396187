-- grain: one label of a dataset's column in a period, with its code: from the
-- partner's map as of the period counted, else the
-- label itself where it is a declared member, else `_X`
{% set lists = closed_lists() %}
with
    observations as (select * from {{ ref("int_observations_as_of") }}),

    labels as (
        {% for column in mapped_dimensions() %}
            select distinct
                partner_id,
                dataset,
                '{{ column }}' as column_name,
                {{ column }} as label,
                period_start
            from observations
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    maps as (select * from {{ ref("stg_lake__maps") }}),

    mapped_columns as (select distinct partner_id, dataset, column_name from maps),

    -- a definition map may speak of forms the partner's own map does not hold; one
    -- step only, so that close never chains
    form_maps as (
        select source_scheme, source_code, relation, target_code, valid_from, valid_to
        from {{ ref("stg_definition_map") }}
        where target_scheme = 'EXPLOITATION'
    ),

    forms as (select exploitation, parent_code from {{ ref("exploitation") }}),

    candidates as (
        select
            labels.*,
            maps.code,
            row_number() over (
                partition by
                    labels.partner_id,
                    labels.dataset,
                    labels.column_name,
                    labels.label,
                    labels.period_start
                order by
                    case maps.origin when 'file' then 1 when 'values' then 2 else 3 end,
                    coalesce(maps.valid_from, date '0001-01-01') desc,
                    maps.code
            ) as choice
        from labels
        inner join
            maps
            on labels.partner_id = maps.partner_id
            and labels.dataset = maps.dataset
            and labels.column_name = maps.column_name
            and labels.label = maps.source
            and labels.period_start >= coalesce(maps.valid_from, date '0001-01-01')
            and labels.period_start < coalesce(maps.valid_to, date '9999-12-31')
    ),

    form_candidates as (
        select
            labels.*,
            -- a source broader than its target is never split by guess: it stays with
            -- the common parent
            case
                when form_maps.relation = 'narrowMatch'
                then coalesce(forms.parent_code, 'MIXED')
                else form_maps.target_code
            end as code,
            row_number() over (
                partition by
                    labels.partner_id, labels.dataset, labels.label, labels.period_start
                order by
                    coalesce(form_maps.valid_from, date '0001-01-01') desc,
                    form_maps.target_code
            ) as choice
        from labels
        inner join
            form_maps
            on labels.partner_id = form_maps.source_scheme
            and labels.label = form_maps.source_code
            and labels.period_start >= coalesce(form_maps.valid_from, date '0001-01-01')
            and labels.period_start < coalesce(form_maps.valid_to, date '9999-12-31')
        left join forms on form_maps.target_code = forms.exploitation
        where
            labels.column_name = 'exploitation' and form_maps.relation <> 'relatedMatch'
    ),

    members as (
        {% for column, list in lists.items() %}
            select '{{ column }}' as column_name, {{ list[1] }} as member
            from {{ ref(list[0]) }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
        union all
        select 'unit' as column_name, unit as member
        from {{ ref("units") }}
        union all
        select distinct columns.column_name, areas.area_code as member
        from {{ ref("stg_lake__areas") }} as areas
        cross join
            (
                select 'area' as column_name
                union all
                select 'counterpart_area' as column_name
            ) as columns
    ),

    coded as (
        select
            labels.*,
            case
                when candidates.code is not null
                then candidates.code
                when labels.label in ('_T', '_U', '_Z', '_X')
                then labels.label
                when form_candidates.code is not null
                then form_candidates.code
                when members.member is not null
                then members.member
                -- an ISO 4217 code
                when
                    labels.column_name = 'unit'
                    and length(labels.label) = 3
                    and labels.label = upper(labels.label)
                then labels.label
                when
                    labels.column_name
                    in ('area', 'counterpart_area', 'offence', 'detail')
                    and mapped_columns.column_name is null
                then labels.label
                else '_X'
            end as code
        from labels
        left join
            candidates
            on candidates.choice = 1
            and {{
                same(
                    [
                        "partner_id",
                        "dataset",
                        "column_name",
                        "label",
                        "period_start",
                    ],
                    "labels",
                    "candidates",
                )
            }}
        left join
            form_candidates
            on form_candidates.choice = 1
            and {{
                same(
                    [
                        "partner_id",
                        "dataset",
                        "column_name",
                        "label",
                        "period_start",
                    ],
                    "labels",
                    "form_candidates",
                )
            }}
        left join
            members
            on labels.column_name = members.column_name
            and labels.label = members.member
        left join
            mapped_columns
            on {{
                same(
                    ["partner_id", "dataset", "column_name"],
                    "labels",
                    "mapped_columns",
                )
            }}
    )

select
    partner_id,
    dataset,
    column_name,
    label,
    period_start,
    code,
    code = '_X' and label <> '_X' as is_unmapped
from coded
