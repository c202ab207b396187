-- grain: one panel with the window of its balanced panel
-- The window ends in one of the panel's last three periods, spans at least 8 years,
-- 12 quarters or 36 months (all periods where
-- there are fewer), and of those the one with the most areas x periods is taken; ties
-- go to the later end, then to the longer.
with
    cells as (
        select distinct panel_id, frequency, area_code, period_number
        from {{ ref("int_panel_cells") }}
        -- the same areas are compared by exact figures only
        where value is not null
    ),

    numbered as (
        select
            *,
            period_number - row_number() over (
                partition by panel_id, area_code order by period_number
            ) as run
        from cells
    ),

    runs as (
        select
            panel_id,
            area_code,
            min(period_number) as first_number,
            max(period_number) as last_number
        from numbered
        group by panel_id, area_code, run
    ),

    periods as (select distinct panel_id, frequency, period_number from cells),

    spans as (
        select
            *,
            row_number() over (
                partition by panel_id order by period_number desc
            ) as place_from_end,
            max(period_number) over (partition by panel_id)
            - min(period_number) over (partition by panel_id)
            + 1 as periods_span,
            case
                frequency when 'A' then 8 when 'Q' then 12 else 36
            end as minimum_periods
        from periods
    ),

    windows as (
        select
            starts.panel_id,
            starts.period_number as first_number,
            ends.period_number as last_number
        from spans as starts
        inner join
            spans as ends
            on starts.panel_id = ends.panel_id
            and ends.place_from_end <= 3
            and ends.period_number - starts.period_number + 1
            >= least(starts.minimum_periods, starts.periods_span)
            and ends.period_number > starts.period_number
    ),

    sized as (
        select
            windows.panel_id,
            windows.first_number,
            windows.last_number,
            count(*) as areas_count
        from windows
        inner join
            runs
            on windows.panel_id = runs.panel_id
            and runs.first_number <= windows.first_number
            and runs.last_number >= windows.last_number
        group by windows.panel_id, windows.first_number, windows.last_number
        having count(*) >= 2
    ),

    ranked as (
        select
            *,
            row_number() over (
                partition by panel_id
                order by
                    areas_count * (last_number - first_number + 1) desc,
                    last_number desc,
                    first_number
            ) as choice
        from sized
    )

select panel_id, first_number, last_number, areas_count
from ranked
where choice = 1
