-- grain: one area of a balanced panel: it reports an exact figure in every period of
-- the window
select cells.panel_id, cells.area_code
from {{ ref("int_panel_cells") }} as cells
inner join
    {{ ref("int_panel_windows") }} as windows
    on cells.panel_id = windows.panel_id
    and cells.period_number between windows.first_number and windows.last_number
where cells.value is not null
group by cells.panel_id, cells.area_code, windows.first_number, windows.last_number
having
    count(distinct cells.period_number) = windows.last_number - windows.first_number + 1
