-- grain: one count of what partners sent until as_of (statistic, and the columns of the
-- summary)
-- What became of the rows is told to the restricted audience alone: a handful of
-- quarantined rows is a small count like any other.
{{ config(materialized="view") }}
with
    sent as (
        select submissions.*, parameters.audience
        from {{ ref("stg_lake__submissions") }} as submissions
        cross join {{ ref("stg_lake__build_parameters") }} as parameters
        where submissions.issued_on <= parameters.as_of
    )

    {{ summary_of("files_received", "sent", [{}], "count(distinct file_name)") }}
union all
{{ summary_of("rows_received", "sent", [{}], "coalesce(sum(rows_in), 0)") }}
{% for outcome in ["accepted", "quarantined", "excluded"] %}
    union all
    {{
        summary_of(
            "rows_" ~ outcome,
            "sent",
            [{"word": "audience"}],
            "coalesce(sum(rows_" ~ outcome ~ "), 0)",
            "coalesce(sum(rows_in), 0)",
            where="audience = 'restricted'",
        )
    }}
{% endfor %}
