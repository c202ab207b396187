-- grain: one member of a dimension with the member right above it, in one way to divide
-- the dimension (tree)
-- What protection of small counts knows of totals and parts: whoever reads two figures
-- of a tree can write down the third. A member that lies in two others is in two trees.
with
    areas as (
        select distinct area_set, area_code, parent_code
        from {{ ref("stg_lake__areas") }}
        where parent_code is not null

        union

        select 'as published' as area_set, area_code, parent_code
        from {{ ref("dim_areas") }}
        where parent_code is not null
    ),

    -- an area that moved from one parent to another was part of both
    area_trees as (
        select
            'area_code' as dimension,
            area_set
            || ' '
            || cast(
                row_number() over (
                    partition by area_set, area_code order by parent_code
                ) as string
            ) as tree,
            area_code as member,
            parent_code as parent
        from areas
    ),

    -- the nearest of the members that a member lies inside
    nearest as (
        select
            dimension,
            member,
            container,
            row_number() over (
                partition by dimension, member order by length(container) desc
            ) as choice
        from {{ ref("int_member_nesting") }}
        where dimension in ('exploitation', 'offence')
    ),

    declared as (
        select
            'exploitation' as dimension, exploitation as member, parent_code as parent
        from {{ ref("exploitation") }}
        where parent_code is not null

        union all

        select 'offence' as dimension, offence as member, parent_code as parent
        from {{ ref("iccs_offences") }}
        where parent_code is not null
    )

select dimension, tree, member, parent
from area_trees

union all

select dimension, 'by code' as tree, member, container as parent
from nearest
where choice = 1

union all

select dimension, 'by declared parent' as tree, member, parent
from declared
