-- grain: one area and an area above it for which figures of its level may be summed:
-- countries up to the world, others up to
-- their country
with
    areas as (select * from {{ ref("dim_areas") }} where area_set is not null),

    pairs as (
        select
            areas.area_code,
            areas.area_level,
            above.area_code as parent_area_code,
            above.area_level as parent_area_level
        from areas
        inner join
            areas as above
            on position(
                ',' || above.area_code || ',' in ',' || areas.ancestor_codes || ','
            )
            > 0
        where
            areas.area_code <> above.area_code
            and (
                (
                    areas.area_level = 'country'
                    and above.area_level in ('subregion', 'region', 'world')
                )
                or (
                    areas.area_level not in ('country', 'subregion', 'region', 'world')
                    and above.area_level = 'country'
                )
            )
    )

select area_code, area_level, parent_area_code, parent_area_level
from pairs
