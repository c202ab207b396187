-- grain: one count of series or areas by what the verdicts say (statistic, and the
-- columns of the summary; word is the change)
{{ config(materialized="view") }}
{% set by_level = {"measure": "measure", "area_level": "area_level"} %}
{% set by_frequency = {
    "measure": "measure",
    "area_level": "area_level",
    "frequency": "frequency",
} %}
with
    verdicts as (
        select *
        from {{ ref("pub_verdicts") }}
        where offence = '_T' and exploitation = '_T' and sex = '_T' and age = '_T'
    ),

    headlines as (select * from verdicts where is_headline)

    {{ summary_of("headlines", "headlines", [by_level], "count(distinct area_code)") }}
union all
{{
    summary_of(
        "headlines_by_change",
        "headlines",
        [dict(by_level, word="change_word")],
        "count(distinct area_code)",
    )
}}
union all
{{ summary_of("verdicts", "verdicts", [by_frequency]) }}
union all
{{
    summary_of(
        "verdicts_by_change",
        "verdicts",
        [dict(by_frequency, word="change_word")],
    )
}}
