{# The columns beside key and value that a derived total carries from its parts. #}
{% macro carried_from_parts(derivation) %}
    min(is_additive) as is_additive,
    max(is_close) as is_close,
    max(is_kept_at_parent) as is_kept_at_parent,
    case
        when min(iccs_offence) = max(iccs_offence) then min(iccs_offence) else '_T'
    end as iccs_offence,
    max(jurisdiction) as jurisdiction,
    max(issued_on) as issued_on,
    max(last_touched_rank) as last_touched_rank,
    cast(sum(labels_count) as bigint) as labels_count,
    cast(sum(source_row_count) as bigint) as source_row_count,
    cast(sum(unmapped_count) as bigint) as unmapped_count,
    '{{ derivation }}' as derivation,
    case
        when min(definition_id) = max(definition_id) then min(definition_id) else '_T'
    end as definition_id,
    max(comparability) as comparability
{% endmacro %}

{# All columns of the intermediate observations, in one order, so that unions line up. #}
{% macro observation_columns() %}
    {{
        return(
            ["vintage", "partner_id", "dataset"]
            + key_dimensions()
            + [
                "period_start",
                "frequency",
                "value",
                "lower",
                "upper",
                "obs_status",
                "conf_status",
                "missing_reason",
                "is_additive",
                "is_close",
                "is_kept_at_parent",
                "iccs_offence",
                "jurisdiction",
                "issued_on",
                "last_touched_rank",
                "labels_count",
                "source_row_count",
                "unmapped_count",
                "derivation",
                "definition_id",
                "comparability",
            ]
        )
    }}
{% endmacro %}
