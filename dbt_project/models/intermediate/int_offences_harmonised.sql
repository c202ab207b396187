-- grain: one national offence code and form label of a partner in a period, with the
-- harmonised codes it counts under
-- exact and close add (close with its flag), a narrower source adds to the target, a
-- broader one stays at the common parent,
-- related does not add, unmapped stays visible as `_X`; one step only, so that close
-- never chains
with
    used as (
        select distinct
            partner_id,
            jurisdiction,
            offence,
            offence_label,
            exploitation,
            exploitation_label,
            period_start
        from
            (
                select
                    observations.*,
                    coalesce(
                        datasets.jurisdiction, areas.country_code, '_U'
                    ) as jurisdiction
                from {{ ref("int_observations_mapped") }} as observations
                inner join
                    {{ ref("stg_lake__datasets") }} as datasets
                    on observations.partner_id = datasets.partner_id
                    and observations.dataset = datasets.dataset
                left join
                    {{ ref("dim_areas") }} as areas
                    on observations.area = areas.area_code
            ) as observations
    ),

    maps as (
        select
            source_scheme,
            source_code,
            jurisdiction,
            target_scheme,
            target_code,
            relation,
            coalesce(valid_from, date '0001-01-01') as valid_from,
            coalesce(valid_to, date '9999-12-31') as valid_to,
            source_order
        from {{ ref("stg_definition_map") }}
    ),

    iccs as (
        select offence, coalesce(parent_code, offence) as parent_code
        from {{ ref("iccs_offences") }}
    ),

    offence_codes as (
        select distinct partner_id, jurisdiction, offence, offence_label, period_start
        from used
    ),

    offence_candidates as (
        select
            offence_codes.*,
            maps.relation,
            case
                when maps.relation = 'narrowMatch'
                then coalesce(iccs.parent_code, maps.target_code)
                when maps.relation = 'relatedMatch'
                then offence_codes.offence
                else maps.target_code
            end as target_code,
            row_number() over (
                partition by
                    {{
                        columns_of(
                            [
                                "partner_id",
                                "jurisdiction",
                                "offence",
                                "offence_label",
                                "period_start",
                            ],
                            "offence_codes",
                        )
                    }}
                order by
                    case
                        when maps.source_scheme = offence_codes.partner_id then 1 else 2
                    end,
                    case
                        when maps.source_code = offence_codes.offence then 1 else 2
                    end,
                    maps.source_order desc,
                    maps.valid_from desc,
                    maps.target_code
            ) as choice
        from offence_codes
        inner join
            maps
            on maps.target_scheme = 'ICCS'
            and maps.source_scheme
            in (offence_codes.partner_id, offence_codes.jurisdiction)
            and maps.source_code in (offence_codes.offence, offence_codes.offence_label)
            and coalesce(maps.jurisdiction, offence_codes.jurisdiction)
            = offence_codes.jurisdiction
            and offence_codes.period_start >= maps.valid_from
            and offence_codes.period_start < maps.valid_to
        left join iccs on maps.target_code = iccs.offence
    ),

    -- what the partner's figures count as a whole
    whole_candidates as (
        select
            partners.partner_id,
            partners.jurisdiction,
            partners.period_start,
            maps.relation,
            case
                when maps.relation = 'narrowMatch'
                then coalesce(iccs.parent_code, maps.target_code)
                else maps.target_code
            end as target_code,
            row_number() over (
                partition by
                    partners.partner_id, partners.jurisdiction, partners.period_start
                order by
                    case
                        when maps.source_scheme = partners.partner_id then 1 else 2
                    end,
                    maps.source_order desc,
                    maps.valid_from desc,
                    maps.target_code
            ) as choice
        from
            (
                select distinct partner_id, jurisdiction, period_start from used
            ) as partners
        inner join
            maps
            on maps.target_scheme = 'ICCS'
            and maps.source_scheme in (partners.partner_id, partners.jurisdiction)
            and maps.source_code = '_T'
            and coalesce(maps.jurisdiction, partners.jurisdiction)
            = partners.jurisdiction
            and partners.period_start >= maps.valid_from
            and partners.period_start < maps.valid_to
        left join iccs on maps.target_code = iccs.offence
    ),

    form_relations as (
        select
            used.partner_id,
            used.jurisdiction,
            used.exploitation,
            used.exploitation_label,
            used.period_start,
            min(maps.relation) as relation
        from
            (
                select distinct
                    partner_id,
                    jurisdiction,
                    exploitation,
                    exploitation_label,
                    period_start
                from used
            ) as used
        inner join
            maps
            on maps.target_scheme = 'EXPLOITATION'
            and maps.source_scheme = used.partner_id
            and maps.source_code = used.exploitation_label
            and maps.target_code = used.exploitation
            and coalesce(maps.jurisdiction, used.jurisdiction) = used.jurisdiction
            and used.period_start >= maps.valid_from
            and used.period_start < maps.valid_to
        group by
            used.partner_id,
            used.jurisdiction,
            used.exploitation,
            used.exploitation_label,
            used.period_start
    ),

    form_offences as (
        select
            source_code as exploitation,
            relation,
            target_code,
            row_number() over (
                partition by source_code order by source_order desc, target_code
            ) as choice
        from maps
        where source_scheme = 'exploitation' and target_scheme = 'ICCS'
    ),

    joined as (
        select
            used.*,
            case
                when used.offence = '_T'
                then '_T'
                when offence_candidates.target_code is not null
                then offence_candidates.target_code
                when iccs.offence is not null
                then iccs.offence
                else '_X'
            end as harmonised_offence,
            case
                when used.offence = '_T'
                then coalesce(whole_candidates.relation, 'exactMatch')
                else coalesce(offence_candidates.relation, 'exactMatch')
            end as offence_relation,
            coalesce(form_relations.relation, 'exactMatch') as exploitation_relation,
            coalesce(whole_candidates.target_code, '_U') as whole_offence,
            coalesce(whole_candidates.relation, 'exactMatch') as whole_relation,
            form_offences.target_code as form_offence,
            form_offences.relation as form_offence_relation
        from used
        left join
            offence_candidates
            on offence_candidates.choice = 1
            and {{
                same(
                    [
                        "partner_id",
                        "jurisdiction",
                        "offence",
                        "offence_label",
                        "period_start",
                    ],
                    "used",
                    "offence_candidates",
                )
            }}
        left join iccs on used.offence = iccs.offence
        left join
            whole_candidates
            on whole_candidates.choice = 1
            and {{
                same(
                    ["partner_id", "jurisdiction", "period_start"],
                    "used",
                    "whole_candidates",
                )
            }}
        left join
            form_relations
            on {{
                same(
                    [
                        "partner_id",
                        "jurisdiction",
                        "exploitation",
                        "exploitation_label",
                        "period_start",
                    ],
                    "used",
                    "form_relations",
                )
            }}
        left join
            form_offences
            on used.exploitation = form_offences.exploitation
            and form_offences.choice = 1
    )

select
    partner_id,
    jurisdiction,
    offence,
    offence_label,
    exploitation,
    exploitation_label,
    period_start,
    harmonised_offence,
    offence_relation <> 'relatedMatch' as is_additive,
    offence_relation = 'closeMatch' or exploitation_relation = 'closeMatch' as is_close,
    offence_relation = 'narrowMatch'
    or exploitation_relation = 'narrowMatch' as is_kept_at_parent,
    case
        when harmonised_offence not in ('_T', '_X')
        then harmonised_offence
        when harmonised_offence = '_X'
        then '_X'
        when
            exploitation = '_T'
            or form_offence is null
            or whole_relation = 'narrowMatch'
        then whole_offence
        -- close to the form and the form close to the offence is a chain: it stays
        -- with the whole
        when
            exploitation_relation = 'closeMatch'
            and form_offence_relation = 'closeMatch'
        then whole_offence
        else form_offence
    end as iccs_offence
from joined
