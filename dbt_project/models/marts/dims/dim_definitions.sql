-- grain: one legal definition over its validity, with its elements against the UN
-- Protocol and the grade that follows
-- elements_share = mean of act match, means match (adults), child rule match and
-- purposes share; A >= 0.9, B >= 0.6, else C
with
    definitions as (select * from {{ ref("stg_definitions") }}),

    reference as (
        select acts, purposes from definitions where definition_id = 'INT-PROTOCOL'
    ),

    reference_acts as (
        {% for place in range(1, 9) %}
            select split_part(acts, ',', {{ place }}) as act
            from reference
            where split_part(acts, ',', {{ place }}) <> ''
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    reference_purposes as (
        {% for place in range(1, 13) %}
            select split_part(purposes, ',', {{ place }}) as purpose
            from reference
            where split_part(purposes, ',', {{ place }}) <> ''
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    acts_matched as (
        select
            definitions.definition_id,
            count(*) as reference_count,
            sum(
                case
                    when
                        position(
                            ',' || reference_acts.act || ','
                            in ',' || definitions.acts || ','
                        )
                        > 0
                    then 1
                    else 0
                end
            ) as matched_count
        from definitions
        cross join reference_acts
        group by definitions.definition_id
    ),

    purposes_matched as (
        select
            definitions.definition_id,
            count(*) as reference_count,
            sum(
                case
                    when
                        position(
                            ',' || reference_purposes.purpose || ','
                            in ',' || definitions.purposes || ','
                        )
                        > 0
                    then 1
                    else 0
                end
            ) as matched_count
        from definitions
        cross join reference_purposes
        group by definitions.definition_id
    ),

    elements as (
        select
            definitions.*,
            -- the provision names most of the Protocol's acts; national wordings
            -- differ in the last one or two
            2 * acts_matched.matched_count
            > acts_matched.reference_count as has_act_match,
            definitions.means_required_adult = 'yes' as has_means_match,
            definitions.means_required_child = 'no'
            and coalesce(definitions.child_age_limit, 0) >= 18 as has_child_rule_match,
            purposes_matched.matched_count,
            purposes_matched.reference_count
        from definitions
        inner join
            acts_matched on definitions.definition_id = acts_matched.definition_id
        inner join
            purposes_matched
            on definitions.definition_id = purposes_matched.definition_id
    ),

    shares as (
        select
            *,
            {{
                nine_digits(
                    "cast(matched_count as double) / cast(reference_count as double)"
                )
            }} as purposes_share,
            {{
                nine_digits(
                    "(case when has_act_match then 1 else 0 end + case when has_means_match then 1 else 0 end"
                    ~ " + case when has_child_rule_match then 1 else 0 end"
                    ~ " + cast(matched_count as double) / cast(reference_count as double)) / 4.0"
                )
            }}
            as elements_share
        from elements
    )

select
    definition_id,
    jurisdiction,
    statute,
    provision,
    provision_label,
    is_regime,
    is_instrument,
    valid_from,
    valid_to,
    acts,
    means_required_adult,
    means_required_child,
    child_age_limit,
    movement_required,
    purposes,
    who_covered,
    has_act_match,
    has_means_match,
    has_child_rule_match,
    purposes_share,
    elements_share,
    case
        when elements_share >= 0.9 then 'A' when elements_share >= 0.6 then 'B' else 'C'
    end as computed_grade,
    -- a legal reviewer may override, and only with a reason and a date
    case
        when
            override_grade is not null
            and override_reason is not null
            and override_on is not null
        then override_grade
        when elements_share >= 0.9
        then 'A'
        when elements_share >= 0.6
        then 'B'
        else 'C'
    end as comparability,
    override_reason,
    override_on,
    penalties,
    citation,
    review_status
from shares
