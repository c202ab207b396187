-- grain: one area code, as of as_of where an area set states validity; codes that
-- partners use and no set declares stay in
with
    parameters as (select as_of from {{ ref("stg_lake__build_parameters") }}),

    declared as (
        select
            areas.*,
            row_number() over (
                partition by areas.area_code
                order by
                    case
                        when
                            coalesce(areas.valid_from, date '0001-01-01')
                            <= parameters.as_of
                            and parameters.as_of
                            < coalesce(areas.valid_to, date '9999-12-31')
                        then 1
                        else 2
                    end,
                    case
                        when
                            areas.area_level
                            in ('world', 'region', 'subregion', 'country')
                        then 1
                        else 2
                    end,
                    coalesce(areas.valid_from, date '0001-01-01') desc,
                    areas.area_set
            ) as choice
        from {{ ref("stg_lake__areas") }} as areas
        cross join parameters
    ),

    used as (
        select distinct code as area_code
        from {{ ref("int_labels_mapped") }}
        where column_name in ('area', 'counterpart_area')
    ),

    reserved as (
        select counterpart_area as area_code, counterpart_label as area_name
        from {{ ref("counterpart_members") }}
    ),

    every_area as (
        select
            area_set,
            area_code,
            area_name,
            area_level,
            parent_code,
            valid_from,
            valid_to,
            has_polygon
        from declared
        where choice = 1

        union all

        select
            cast(null as string) as area_set,
            used.area_code,
            coalesce(reserved.area_name, used.area_code) as area_name,
            '_X' as area_level,
            cast(null as string) as parent_code,
            cast(null as date) as valid_from,
            cast(null as date) as valid_to,
            false as has_polygon
        from used
        left join reserved on used.area_code = reserved.area_code
        left join declared on used.area_code = declared.area_code
        where declared.area_code is null
    ),

    -- the walk from an area up to the world, one step a level; no nesting is deeper
    -- than this
    steps_0 as (
        select area_code, area_code as ancestor_code, 0 as distance from every_area
    ),
    {% for step in range(1, 8) %}
        steps_{{ step }} as (
            select
                steps.area_code,
                above.parent_code as ancestor_code,
                {{ step }} as distance
            from steps_{{ step - 1 }} as steps
            inner join every_area as above on steps.ancestor_code = above.area_code
            where above.parent_code is not null
        ),
    {% endfor %}
    walk as (
        {% for step in range(0, 8) %}
            select area_code, ancestor_code, distance
            from steps_{{ step }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    above as (
        select
            walk.area_code,
            max(
                case when ancestors.area_level = 'country' then ancestors.area_code end
            ) as country_code,
            max(
                case
                    when ancestors.area_level = 'subregion' then ancestors.area_code
                end
            ) as subregion_code,
            max(
                case when ancestors.area_level = 'region' then ancestors.area_code end
            ) as region_code,
            max(
                case when ancestors.area_level = 'world' then ancestors.area_code end
            ) as world_code,
            {{ string_list("walk.ancestor_code", ",", "walk.distance") }}
            as ancestor_codes
        from walk
        inner join every_area as ancestors on walk.ancestor_code = ancestors.area_code
        group by walk.area_code
    )

select
    every_area.area_code,
    every_area.area_name,
    every_area.area_level,
    every_area.parent_code,
    every_area.area_set,
    above.country_code,
    above.subregion_code,
    above.region_code,
    above.world_code,
    above.ancestor_codes,
    every_area.valid_from,
    every_area.valid_to,
    every_area.has_polygon
from every_area
inner join above on every_area.area_code = above.area_code
