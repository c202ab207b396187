-- grain: one area of a balanced panel in a period of its window, with the series that
-- the area has of its own
{{ config(materialized="view") }}
{% set way = [
    "source",
    "dataset",
    "area_role",
    "measure",
    "unit",
    "reporter",
    "offence",
    "exploitation",
    "sex",
    "age",
    "frequency",
] %}
with
    panels as (
        select distinct panel_id, series_id, period
        from {{ ref("int_panel_figures") }}
        where derivation = 'balanced_panel'
    ),

    own as (
        select distinct series_id, area_code, {{ columns_of(way) }}
        from {{ ref("fct_series") }}
        where derivation in ('published', 'sum_of_parts')
    )

select
    panels.series_id,
    cells.area_code,
    own.series_id as member_id,
    cells.period,
    cells.period_start,
    cast(cells.value as double) as value
from {{ ref("int_panel_cells") }} as cells
inner join
    {{ ref("int_panel_members") }} as members
    on cells.panel_id = members.panel_id
    and cells.area_code = members.area_code
inner join panels on cells.panel_id = panels.panel_id and cells.period = panels.period
left join own on {{ same(way + ["area_code"], "cells", "own") }}
