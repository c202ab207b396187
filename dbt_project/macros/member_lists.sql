{# Where the members of a dimension are declared: a label that is no member and in no map becomes `_X`. Areas, offences and
   details have open lists: an undeclared code stays visible as it is. #}
{% macro closed_lists() %}
    {{
        return(
            {
                "measure": ["measures", "measure"],
                "area_role": ["roles", "role"],
                "counterpart_role": ["roles", "role"],
                "reporter": ["reporters", "reporter"],
                "exploitation": ["exploitation", "exploitation"],
                "sex": ["sex", "sex"],
                "age": ["age", "age"],
                "detail_kind": ["detail_kinds", "detail_kind"],
            }
        )
    }}
{% endmacro %}

{% macro mapped_dimensions() %}
    {{
        return(
            [
                "measure",
                "area",
                "area_role",
                "counterpart_area",
                "counterpart_role",
                "reporter",
                "offence",
                "exploitation",
                "sex",
                "age",
                "detail_kind",
                "detail",
                "unit",
            ]
        )
    }}
{% endmacro %}

{# Dimensions over which parts may add up to a total, in the order in which totals are derived. #}
{% macro split_dimensions() %}
    {{
        return(
            [
                "offence",
                "reporter",
                "detail",
                "counterpart_area",
                "exploitation",
                "age",
                "sex",
            ]
        )
    }}
{% endmacro %}
