-- grain: one key of a dataset that a sheet of corrections revises, as a submission
-- gave it, with the key in codes
-- The sheet may name its rows otherwise than the table it corrects: keys meet by the
-- codes of each one's own map. Nothing is here for all other datasets.
{% set mapped = mapped_dimensions() %}
{% set key = key_dimensions() %}
with
    submissions as (select * from {{ ref("int_submissions_ranked") }}),

    revised as (select distinct partner_id, acts_on from submissions where is_revision),

    keys as (
        select distinct
            observations.partner_id,
            observations.dataset,
            submissions.acts_on,
            submissions.submission_rank,
            observations.period_start,
            {{ columns_of(key, "observations") }}
        from {{ ref("stg_lake__observations") }} as observations
        inner join submissions on observations.submission_id = submissions.submission_id
        inner join
            revised
            on submissions.partner_id = revised.partner_id
            and submissions.acts_on = revised.acts_on
    ),

    labels as (
        {% for column in mapped %}
            select distinct
                partner_id,
                dataset,
                '{{ column }}' as column_name,
                {{ column }} as label,
                period_start
            from keys
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

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
            {{ ref("stg_lake__maps") }} as maps
            on labels.partner_id = maps.partner_id
            and labels.dataset = maps.dataset
            and labels.column_name = maps.column_name
            and labels.label = maps.source
            and labels.period_start >= coalesce(maps.valid_from, date '0001-01-01')
            and labels.period_start < coalesce(maps.valid_to, date '9999-12-31')
    ),

    codes as (select * from candidates where choice = 1)

select
    keys.partner_id,
    keys.acts_on,
    keys.submission_rank,
    {{ columns_of(key, "keys") }},
    md5(
        concat_ws(
            '|',
            keys.period
            {% for column in mapped %}
                , coalesce({{ column }}_codes.code, keys.{{ column }})
            {% endfor %}
        )
    ) as key_in_codes
from keys
{% for column in mapped %}
    left join
        codes as {{ column }}_codes
        on {{ column }}_codes.column_name = '{{ column }}'
        and keys.partner_id = {{ column }}_codes.partner_id
        and keys.dataset = {{ column }}_codes.dataset
        and keys.{{ column }} = {{ column }}_codes.label
        and keys.period_start = {{ column }}_codes.period_start
{% endfor %}
