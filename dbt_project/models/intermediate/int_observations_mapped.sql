-- grain: one observation of a vintage with its labels as codes; labels that no map
-- holds are the member `_X`
{% set mapped = mapped_dimensions() %}
with
    observations as (select * from {{ ref("int_observations_as_of") }}),

    labels as (select * from {{ ref("int_labels_mapped") }})

select
    observations.vintage,
    observations.submission_id,
    observations.partner_id,
    -- a correction is a cell of the dataset that it corrects
    observations.acts_on as dataset,
    {% for column in mapped %} {{ column }}_labels.code as {{ column }}, {% endfor %}
    observations.offence as offence_label,
    observations.exploitation as exploitation_label,
    observations.period,
    observations.period_start,
    observations.frequency,
    observations.value,
    observations.lower,
    observations.upper,
    observations.obs_status,
    observations.conf_status,
    observations.missing_reason,
    observations.source_row_count,
    observations.last_touched_rank,
    observations.issued_on,
    observations.issued_on_is_approximate,
    {% for column in mapped %}
        {{ column }}_labels.is_unmapped {% if not loop.last %} or {% endif %}
    {% endfor %} as is_unmapped
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
where observations.vintage <> 'later' or measure_labels.code = 'population'
