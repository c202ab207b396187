-- grain: one total of an area and period as one issue of its dataset gave it; datasets
-- with several issues that are out at as_of
{% set mapped = mapped_dimensions() %}
{% set key = [
    "measure",
    "area",
    "area_role",
    "reporter",
    "unit",
] %}
with
    submissions as (
        select * from {{ ref("int_submissions_ranked") }} where not is_later_vintage
    ),

    issues as (
        select partner_id, acts_on, count(distinct issued_on) as issues_count
        from submissions
        group by partner_id, acts_on
        having count(distinct issued_on) > 1
    ),

    observations as (
        select lifetimes.*, submissions.issued_on, issues.issues_count
        from {{ ref("int_observation_lifetimes") }} as lifetimes
        inner join submissions on lifetimes.submission_id = submissions.submission_id
        inner join
            issues
            on lifetimes.partner_id = issues.partner_id
            and lifetimes.acts_on = issues.acts_on
    ),

    labels as (select * from {{ ref("int_labels_mapped") }}),

    coded as (
        select
            observations.partner_id,
            observations.acts_on as dataset,
            {% for column in mapped %}
                {{ column }}_labels.code as {{ column }},
            {% endfor %}
            observations.offence as offence_label,
            observations.frequency,
            observations.period,
            observations.period_start,
            observations.issued_on,
            observations.issues_count,
            observations.submission_rank,
            observations.value
        from observations
        {% for column in mapped %}
            inner join
                labels as {{ column }}_labels
                on {{ column }}_labels.column_name = '{{ column }}'
                and observations.partner_id = {{ column }}_labels.partner_id
                and observations.dataset = {{ column }}_labels.dataset
                and observations.{{ column }} = {{ column }}_labels.label
                and observations.period_start = {{ column }}_labels.period_start
        {% endfor %}
    ),

    totals as (
        select
            partner_id,
            dataset,
            {{ columns_of(key) }},
            frequency,
            period,
            period_start,
            issued_on,
            issues_count,
            submission_rank,
            -- a sum with an unknown part is unknown
            case when count(value) = count(*) then sum(value) end as value
        from coded
        where
            offence_label = '_T'
            and exploitation = '_T'
            and sex = '_T'
            and age = '_T'
            and counterpart_area = '_T'
            and detail = '_T'
        group by
            partner_id,
            dataset,
            {{ columns_of(key) }},
            frequency,
            period,
            period_start,
            issued_on,
            issues_count,
            submission_rank
    ),

    ranked as (
        select
            *,
            -- of several files of one day the last one counts
            row_number() over (
                partition by
                    partner_id, dataset, {{ columns_of(key) }}, period, issued_on
                order by submission_rank desc
            ) as choice
        from totals
    )

select
    ranked.partner_id as source,
    ranked.dataset,
    ranked.measure,
    ranked.area as area_code,
    areas.area_level,
    ranked.area_role,
    ranked.reporter,
    ranked.unit,
    ranked.frequency,
    ranked.period,
    ranked.period_start,
    ranked.issued_on,
    cast(ranked.issues_count as integer) as issues_count,
    ranked.value
from ranked
inner join {{ ref("dim_areas") }} as areas on ranked.area = areas.area_code
where ranked.choice = 1
