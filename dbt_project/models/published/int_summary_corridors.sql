-- grain: one count or sum of the flows between areas in a period of a dataset
-- (statistic, and the columns of the summary; word is the role of the counterpart)
-- Sums are of bounds and inside one dataset: a flow that is hidden or unknown leaves
-- the sum open above.
{{ config(materialized="view") }}
{% set flows = {
    "measure": "measure",
    "source": "source",
    "dataset": "dataset",
    "period": "period",
    "word": "counterpart_role",
} %}
{% set ends = {"origins": "counterpart_area", "destinations": "area_code"} %}
with
    corridors as (select * from {{ ref("pub_corridors") }})

    {{ summary_of("flows", "corridors", [flows]) }}
union all
{{
    summary_of(
        "flows_assessed",
        "corridors",
        [flows],
        "coalesce(sum(case when eligibility = 'assessed' then 1 else 0 end), 0)",
        "count(*)",
    )
}}
union all
{{
    summary_of(
        "flows_larger_than_expected",
        "corridors",
        [flows],
        "coalesce(sum(case when eligibility = 'assessed' and q < 0.05 and residual > 0 then 1 else 0 end), 0)",
        "coalesce(sum(case when eligibility = 'assessed' then 1 else 0 end), 0)",
    )
}}
{% for end in ends %}
    union all
    {{ summary_of(end, "corridors", [flows], "count(distinct " ~ ends[end] ~ ")") }}
    {% set grain = dict(flows, area_code=ends[end]) %}
    union all
    {{ summary_of("flows_by_" ~ end, "corridors", [grain]) }}
    union all
    {{
        summary_of(
            "flows_sum_by_" ~ end,
            "corridors",
            [grain],
            "case when count(value) = count(*) then sum(cast(value as decimal(20, 4))) end",
            lower="sum(coalesce(lower, 0))",
            upper="case when count(upper) = count(*) then sum(upper) end",
        )
    }}
{% endfor %}
