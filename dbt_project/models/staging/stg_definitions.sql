-- grain: one provision or regime over its validity, shipped and declared definitions
-- together
{% set sources = [ref("definitions"), source("lake", "definitions")] %}
with
    every_definition as (
        {% for relation in sources %}
            select
                definition_id,
                jurisdiction,
                statute,
                provision,
                provision_label,
                cast(is_regime as string) as is_regime,
                cast(is_instrument as string) as is_instrument,
                cast(valid_from as string) as valid_from,
                cast(valid_to as string) as valid_to,
                acts,
                means_required_adult,
                means_required_child,
                cast(child_age_limit as string) as child_age_limit,
                movement_required,
                purposes,
                who_covered,
                penalties,
                citation,
                review_status,
                override_grade,
                override_reason,
                cast(override_on as string) as override_on,
                {{ loop.index }} as source_order
            from {{ relation }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    -- a home or a contracts root may restate a shipped definition: its own row wins
    latest_declaration as (
        select
            *,
            row_number() over (
                partition by definition_id order by source_order desc
            ) as declaration_rank
        from every_definition
    )

select
    definition_id,
    jurisdiction,
    statute,
    provision,
    provision_label,
    {{ text_to_boolean("is_regime") }} as is_regime,
    {{ text_to_boolean("is_instrument") }} as is_instrument,
    {{ text_to_date("valid_from") }} as valid_from,
    {{ text_to_date("valid_to") }} as valid_to,
    coalesce(replace(acts, ' ', ''), '') as acts,
    means_required_adult,
    means_required_child,
    cast({{ empty_to_null("child_age_limit") }} as integer) as child_age_limit,
    movement_required,
    coalesce(replace(purposes, ' ', ''), '') as purposes,
    who_covered,
    {{ empty_to_null("penalties") }} as penalties,
    {{ empty_to_null("citation") }} as citation,
    review_status,
    {{ empty_to_null("override_grade") }} as override_grade,
    {{ empty_to_null("override_reason") }} as override_reason,
    {{ text_to_date("override_on") }} as override_on
from latest_declaration
where declaration_rank = 1
