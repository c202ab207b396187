-- grain: one count of what was tested, found or left out by the methods (statistic, and
-- the columns of the summary)
{{ config(materialized="view") }}
{% set families = {
    "trends": ["measure", "exploitation", "area_level", "method"],
    "hotspots": ["measure", "exploitation", "area_level", "method"],
    "alerts": ["measure", "exploitation", "area_level", "method"],
    "compositions": ["measure", "area_level", "method"],
} %}
{% set judged = ["trends", "hotspots", "alerts", "nowcasts"] %}
{% set by_measure_and_level = {"measure": "measure", "area_level": "area_level"} %}
{% set by_form = {
    "measure": "measure",
    "exploitation": "exploitation",
    "area_level": "area_level",
} %}
with
    {% for table in families %}
        {{ table }} as (select * from {{ ref("pub_" ~ table) }}),

        {{ table }}_families as (
            select
                {{ families[table] | join(", ") }},
                family_id,
                max(family_count) as family_count,
                sum(case when q_bh <= 0.05 then 1 else 0 end) as found_count
            from {{ table }}
            where family_id is not null and family_id <> ''
            group by {{ families[table] | join(", ") }}, family_id
        ),
    {% endfor %}
    nowcasts as (select * from {{ ref("pub_nowcasts") }}),

    clusters as (select * from {{ ref("pub_clusters") }}),

    alerts_of_totals as (
        select *, min(period) over (partition by measure, area_level) as first_judged
        from alerts
        where
            exploitation = '_T'
            and sex = '_T'
            and age = '_T'
            and eligibility = 'assessed'
    ),

    hotspots_judged as (select * from hotspots where eligibility = 'assessed')

{% for table in families %}
        {% set grain = {"word": "method"} %}
        {% for column in families[table] if column != "method" %}
            {% do grain.update({column: column}) %}
        {% endfor %}
        {{ summary_of(table ~ "_families", table ~ "_families", [grain]) }}
    union all
    {{
        summary_of(
            table ~ "_family_smallest",
            table ~ "_families",
            [grain],
            "min(family_count)",
        )
    }}
    union all
    {{
        summary_of(
            table ~ "_family_largest",
            table ~ "_families",
            [grain],
            "max(family_count)",
        )
    }}
    union all
    {{ summary_of(table ~ "_found", table ~ "_families", [grain], "sum(found_count)") }}
    union all
{% endfor %}
{% for table in judged %}
    {{
        summary_of(
            table ~ "_assessed",
            table,
            [{}, by_measure_and_level, by_form],
            "coalesce(sum(case when eligibility = 'assessed' then 1 else 0 end), 0)",
            "count(*)",
        )
    }}
    union all
    {{
        summary_of(
            table ~ "_left_out",
            table,
            [
                {"word": "eligibility_reason"},
                {
                    "word": "eligibility_reason",
                    "measure": "measure",
                    "area_level": "area_level",
                },
            ],
            where="eligibility <> 'assessed'",
        )
    }}
    union all
{% endfor %}
{{
    summary_of(
        "compositions_assessed",
        "compositions",
        [{}],
        "count(distinct case when eligibility = 'assessed' then concat_ws('|', measure, area_code, area_role, source, dataset, reporter, unit, comparison) end)",
        "count(distinct concat_ws('|', measure, area_code, area_role, source, dataset, reporter, unit, comparison))",
    )
}}
union all
{{
    summary_of(
        "compositions_left_out",
        "compositions",
        [{"word": "eligibility_reason"}],
        where="eligibility <> 'assessed'",
    )
}}
union all
{{
    summary_of(
        "trends_by_direction",
        "trends",
        [
            {"word": "direction", "measure": "measure", "area_level": "area_level"},
            {
                "word": "direction",
                "measure": "measure",
                "area_level": "area_level",
                "frequency": "frequency",
                "source": "source",
                "dataset": "dataset",
            },
        ],
        where="eligibility = 'assessed' and exploitation = '_T' and sex = '_T' and age = '_T'",
    )
}}
union all
{{
    summary_of(
        "areas_by_assessment",
        "hotspots_judged",
        [
            {
                "measure": "measure",
                "exploitation": "exploitation",
                "area_level": "area_level",
                "source": "source",
                "dataset": "dataset",
                "period": "period",
                "word": "concat_ws(':', method, assessment)",
            },
        ],
        "count(distinct area_code)",
    )
}}
union all
{{
    summary_of(
        "areas_assessed",
        "hotspots_judged",
        [
            {
                "measure": "measure",
                "exploitation": "exploitation",
                "area_level": "area_level",
                "source": "source",
                "dataset": "dataset",
                "period": "period",
                "word": "method",
            },
        ],
        "count(distinct area_code)",
    )
}}
union all
{{
    summary_of(
        "alerts_raised",
        "alerts",
        [
            {},
            by_form,
            {
                "measure": "measure",
                "exploitation": "exploitation",
                "area_level": "area_level",
                "period": "period",
            },
        ],
        "coalesce(sum(case when is_alarm then 1 else 0 end), 0)",
        "count(*)",
        where="eligibility = 'assessed'",
    )
}}
union all
{{
    summary_of(
        "areas_alerted",
        "alerts",
        [{}],
        "count(distinct case when is_alarm then area_code end)",
        "count(distinct area_code)",
        where="eligibility = 'assessed'",
    )
}}
union all
{{
    summary_of(
        "series_judged_for_alerts",
        "alerts",
        [{}],
        "count(distinct series_id)",
        where="eligibility = 'assessed'",
    )
}}
union all
{{
    summary_of(
        "areas_alerted_of_totals",
        "alerts_of_totals",
        [
            by_measure_and_level,
            {
                "measure": "measure",
                "area_level": "area_level",
                "frequency": "frequency",
                "period": "period",
            },
        ],
        "count(distinct case when is_alarm then area_code end)",
        "count(distinct area_code)",
    )
}}
union all
{{
    summary_of(
        "nowcasts_incomplete",
        "nowcasts",
        [{}, {"source": "source"}, {"source": "source", "period": "period"}],
        "coalesce(sum(case when is_incomplete then 1 else 0 end), 0)",
        "count(*)",
    )
}}
union all
{{
    summary_of(
        "clusters_found",
        "clusters",
        [
            {
                "measure": "measure",
                "exploitation": "exploitation",
                "area_level": "area_level",
                "source": "source",
                "dataset": "dataset",
                "word": "map_id",
            },
        ],
        "count(distinct case when cluster_id <> '' then cluster_id end)",
        "count(distinct area_code)",
    )
}}
union all
{{
    summary_of(
        "clusters_left_out",
        "clusters",
        [
            {
                "word": "eligibility_reason",
                "measure": "measure",
                "area_level": "area_level",
            }
        ],
        "count(distinct area_code)",
        where="eligibility <> 'assessed'",
    )
}}
