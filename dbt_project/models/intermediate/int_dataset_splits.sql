-- grain: one dimension of a dataset's measure over which parts may add up: does it
-- publish totals, may a total be derived
with
    observations as (
        select * from {{ ref("int_observations_harmonised") }} where is_additive
    ),

    members as (
        {% for dimension in split_dimensions() %}
            select
                partner_id,
                dataset,
                measure,
                '{{ dimension }}' as dimension,
                {{ dimension }} as member,
                {% if dimension == "counterpart_area" %} counterpart_role
                {% elif dimension == "detail" %} detail_kind
                {% else %} '_Z'
                {% endif %} as split_kind,
                count(*) as rows_count
            from observations
            group by
                partner_id,
                dataset,
                measure,
                {{ dimension }}
                {% if dimension == "counterpart_area" %}, counterpart_role
                {% elif dimension == "detail" %}, detail_kind
                {% endif %}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    splits as (
        select
            members.partner_id,
            members.dataset,
            members.measure,
            members.dimension,
            max(case when members.member = '_T' then 1 else 0 end) = 1 as has_total,
            count(distinct members.member) as members_count,
            min(members.member) as first_member,
            -- one kind of split adds up to the total; a second kind (repatriation
            -- beside citizenship) is another question
            min(
                case when members.split_kind = 'citizenship' then members.split_kind end
            ) as preferred_kind,
            min(
                case when members.split_kind <> '_Z' then members.split_kind end
            ) as first_kind
        from members
        group by members.partner_id, members.dataset, members.measure, members.dimension
    )

select
    splits.partner_id,
    splits.dataset,
    splits.measure,
    splits.dimension,
    splits.has_total,
    splits.members_count,
    coalesce(splits.preferred_kind, splits.first_kind, '_Z') as main_kind,
    position(
        ',' || splits.dimension || ','
        in ',' || replace(datasets.multi_response, ' ', '') || ','
    )
    > 0 as is_multi_response,
    -- a total is derived only where the publisher gives none at all and a person
    -- stands in one part only
    not splits.has_total
    and splits.members_count > 1
    and position(
        ',' || splits.dimension || ','
        in ',' || replace(datasets.multi_response, ' ', '') || ','
    )
    = 0 as is_total_derived,
    case
        when splits.has_total or splits.members_count > 1
        then '_T'
        else splits.first_member
    end as base_member
from splits
inner join
    {{ ref("stg_lake__datasets") }} as datasets
    on splits.partner_id = datasets.partner_id
    and splits.dataset = datasets.dataset
