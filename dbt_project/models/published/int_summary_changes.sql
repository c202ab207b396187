-- grain: one count of changed figures or areas, and of totals held against their parts
-- (statistic, and the columns of the summary)
{{ config(materialized="view") }}
{% set by_kind = {"word": "kind"} %}
with
    changes as (select * from {{ ref("pub_changes") }}),

    reconciliation as (select * from {{ ref("pub_reconciliation") }})

    {{
        summary_of(
            "figures_changed",
            "changes",
            [
                {},
                by_kind,
                {"word": "kind", "measure": "measure"},
                {"word": "kind", "source": "source", "dataset": "dataset"},
            ],
        )
    }}
union all
{{ summary_of("areas_changed", "changes", [{}, by_kind], "count(distinct area_code)") }}
union all
{{
    summary_of(
        "totals_compared",
        "reconciliation",
        [{}, {"source": "source"}, {"word": "split"}],
    )
}}
union all
{{
    summary_of(
        "totals_by_verdict",
        "reconciliation",
        [{"word": "verdict"}, {"word": "verdict", "source": "source"}],
    )
}}
union all
{{
    summary_of(
        "figures_moved",
        "changes",
        [{}, {"source": "source", "dataset": "dataset"}],
        "count(*)",
        where="is_moved",
    )
}}
union all
{{
    summary_of(
        "areas_moved", "changes", [{}], "count(distinct area_code)", where="is_moved"
    )
}}
union all
{{
    summary_of(
        "totals_changed_of_an_area",
        "changes",
        [
            {
                "measure": "measure",
                "area_code": "area_code",
                "area_level": "area_level",
                "frequency": "frequency",
                "source": "source",
                "dataset": "dataset",
                "word": "kind",
            },
        ],
        where="is_selected and exploitation = '_T' and sex = '_T' and age = '_T' and (is_moved or kind <> 'revised')",
    )
}}
