-- grain: one mapping of a source code to a harmonised code over its validity, shipped
-- and declared maps together
{% set sources = [ref("definition_map"), source("lake", "definition_map")] %}
with
    every_mapping as (
        {% for relation in sources %}
            select
                source_scheme,
                source_code,
                jurisdiction,
                target_scheme,
                target_code,
                relation,
                cast(valid_from as string) as valid_from,
                cast(valid_to as string) as valid_to,
                {{ loop.index }} as source_order
            from {{ relation }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select
    source_scheme,
    source_code,
    {{ empty_to_null("jurisdiction") }} as jurisdiction,
    target_scheme,
    target_code,
    relation,
    {{ text_to_date("valid_from") }} as valid_from,
    {{ text_to_date("valid_to") }} as valid_to,
    source_order
from every_mapping
