-- grain: one legal definition over its validity, with its elements and grade against
-- the UN Protocol
select
    definitions.jurisdiction,
    coalesce(
        areas.area_name,
        case
            definitions.jurisdiction
            when 'INT'
            then 'United Nations'
            when 'EUR'
            then 'European Union'
            else definitions.jurisdiction
        end
    ) as area_name,
    definitions.definition_id,
    definitions.statute,
    definitions.provision,
    definitions.valid_from,
    definitions.valid_to,
    definitions.has_act_match,
    definitions.has_means_match,
    definitions.has_child_rule_match,
    definitions.purposes_share,
    definitions.elements_share,
    definitions.comparability,
    definitions.override_reason,
    definitions.penalties,
    definitions.citation,
    definitions.review_status,
    parameters.as_of
from {{ ref("dim_definitions") }} as definitions
left join {{ ref("dim_areas") }} as areas on definitions.jurisdiction = areas.area_code
cross join {{ ref("stg_lake__build_parameters") }} as parameters
-- jurisdictions of the areas at hand, and the instruments they are read against
where areas.area_set is not null or definitions.is_instrument
order by definitions.jurisdiction, definitions.valid_from, definitions.definition_id
