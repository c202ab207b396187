-- grain: one count of the areas of a map in a period (statistic, and the columns of the
-- summary; word is the area set and the method, with the assessment where it is
-- counted by that)
-- A map shows one source, or, with source _T, each area by the source chosen for it.
{{ config(materialized="view") }}
{% set map = {
    "measure": "measure",
    "exploitation": "exploitation",
    "area_level": "area_level",
    "period": "period",
} %}
{% set of_source = {"source": "source", "dataset": "dataset"} %}
{% set kinds = {
    "map_areas": {"word": "concat_ws(':', area_set, method)"},
    "map_areas_by_assessment": {
        "word": "concat_ws(':', area_set, method, assessment)"
    },
} %}
with
    judged as (select * from {{ ref("pub_hotspots") }} where eligibility = 'assessed'),

    chosen as (select * from judged where is_leading)

{% for statistic in kinds %}
        {{
            summary_of(
                statistic,
                "judged",
                [dict(dict(map, **of_source), **kinds[statistic])],
                "count(distinct area_code)",
            )
        }}
    union all
    {{
        summary_of(
            statistic,
            "chosen",
            [dict(map, **kinds[statistic])],
            "count(distinct area_code)",
        )
    }}
    {% if not loop.last %}
        union all
    {% endif %}
{% endfor %}
