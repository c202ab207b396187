{# A cell as the analytics take it: its key, figures as doubles, and where its area lies. #}
{% macro analysed_columns(cells, areas) %}
    {{ cells }}.cell_id,
    {{ columns_of(dimension_columns(), cells) }},
    {{ cells }}.period_start,
    {{ cells }}.frequency,
    {{ cells }}.area_level,
    {{ areas }}.area_set,
    {{ areas }}.region_code,
    {{ cells }}.source,
    {{ cells }}.dataset,
    {{ cells }}.source_type,
    cast({{ cells }}.value as double) as value,
    cast({{ cells }}.lower as double) as lower,
    cast({{ cells }}.upper as double) as upper,
    {{ cells }}.population_count,
    {{ cells }}.is_overlapping
{% endmacro %}
