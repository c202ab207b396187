-- grain: one count, share or extreme of the release that pages tell (statistic,
-- measure, exploitation, area level, area, frequency, source, dataset, period, word)
-- Another subject is one more int_summary_ model in this list.
{% set subjects = [
    "int_summary_figures",
    "int_summary_coverage",
    "int_summary_changes",
    "int_summary_tests",
    "int_summary_corridors",
] %}
with
    summaries as (
        {% for subject in subjects %}
            select *
            from {{ ref(subject) }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select
    summaries.statistic,
    {{ columns_of(summary_columns(), "summaries") }},
    summaries.value,
    summaries.lower,
    summaries.upper,
    summaries.denominator,
    parameters.as_of
from summaries
cross join {{ ref("stg_lake__build_parameters") }} as parameters
order by summaries.statistic, {{ columns_of(summary_columns(), "summaries") }}
