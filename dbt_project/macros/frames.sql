{# The columns that Python fills of the published table that this model makes, in the declared order: all of its columns but
   those that its declaration names as standing beside the frame. #}
{% macro frame_columns(relation) %}
    {%- set frame = model.config.meta.get("frame", {}) if model.config.meta else {} -%}
    {{
        return(
            columns_of(model.columns, relation, leave_out=frame.get("beside", []))
        )
    }}
{% endmacro %}
