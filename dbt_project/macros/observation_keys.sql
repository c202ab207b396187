{# The dimensions of an observation, in the order of the contract language. #}
{% macro key_dimensions() %}
    {{
        return(
            [
                "measure",
                "area",
                "area_role",
                "counterpart_area",
                "counterpart_role",
                "reporter",
                "period",
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

{# Columns as a comma list, each with the prefix of its relation, without those named in `leave_out`. #}
{% macro columns_of(columns, relation=none, leave_out=[]) %}
    {%- set chosen = [] -%}
    {%- for column in columns if column not in leave_out -%}
        {%- do chosen.append((relation ~ "." if relation else "") ~ column) -%}
    {%- endfor -%}
    {{ return(chosen | join(", ")) }}
{% endmacro %}

{# Equality of all columns between two relations; no key column is ever NULL. #}
{% macro same(columns, left, right) %}
    {%- set terms = [] -%}
    {%- for column in columns -%}
        {%- do terms.append(left ~ "." ~ column ~ " = " ~ right ~ "." ~ column) -%}
    {%- endfor -%}
    {{ return(terms | join(" and ")) }}
{% endmacro %}

{# What a figure of an area, period and measure may be split by: with those, the key of an observation inside its dataset. #}
{% macro split_columns() %}
    {{
        return(
            [
                "reporter",
                "offence",
                "exploitation",
                "sex",
                "age",
                "counterpart_area",
                "counterpart_role",
                "detail_kind",
                "detail",
            ]
        )
    }}
{% endmacro %}

{# The dimensions of a published row, in the order of the published tables. #}
{% macro dimension_columns() %}
    {{
        return(
            ["area_code", "area_role", "period", "measure", "unit"] + split_columns()
        )
    }}
{% endmacro %}

{# What makes figures of different areas and periods one panel: everything of the key but area and period. #}
{% macro panel_columns() %}
    {{
        return(
            ["source", "dataset", "source_type", "area_role", "measure", "unit"]
            + split_columns()
            + ["frequency"]
        )
    }}
{% endmacro %}

{# The dimensions of a series: what is the same in all of its points, and how they are derived. #}
{% macro series_dimensions() %}
    {{
        return(
            [
                "area_code",
                "area_name",
                "area_level",
                "area_role",
                "measure",
                "unit",
                "reporter",
                "offence",
                "exploitation",
                "sex",
                "age",
                "source",
                "dataset",
                "derivation",
                "frequency",
            ]
        )
    }}
{% endmacro %}
