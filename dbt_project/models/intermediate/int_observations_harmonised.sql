-- grain: one harmonised observation of a vintage (partner, dataset, key); several
-- labels that reach one code are summed
{% set key = key_dimensions() %}
with
    observations as (
        select
            observations.*,
            areas.country_code,
            coalesce(datasets.jurisdiction, areas.country_code, '_U') as jurisdiction
        from {{ ref("int_observations_mapped") }} as observations
        inner join
            {{ ref("stg_lake__datasets") }} as datasets
            on observations.partner_id = datasets.partner_id
            and observations.dataset = datasets.dataset
        left join {{ ref("dim_areas") }} as areas on observations.area = areas.area_code
    ),

    harmonised as (
        select
            observations.vintage,
            observations.partner_id,
            observations.dataset,
            {{
                columns_of(
                    key, "observations", leave_out=["offence", "counterpart_area"]
                )
            }},
            offences.harmonised_offence as offence,
            -- own citizens are citizens of the country of the area
            case
                when observations.counterpart_area = '_OWN'
                then coalesce(observations.country_code, observations.area)
                else observations.counterpart_area
            end as counterpart_area,
            observations.period_start,
            observations.frequency,
            observations.value,
            observations.lower,
            observations.upper,
            observations.obs_status,
            observations.conf_status,
            observations.missing_reason,
            observations.source_row_count,
            observations.issued_on,
            observations.is_unmapped,
            observations.last_touched_rank,
            observations.jurisdiction,
            offences.is_additive,
            offences.is_close,
            offences.is_kept_at_parent,
            offences.iccs_offence
        from observations
        inner join
            {{ ref("int_offences_harmonised") }} as offences
            on {{
                same(
                    [
                        "partner_id",
                        "jurisdiction",
                        "offence",
                        "offence_label",
                        "exploitation",
                        "exploitation_label",
                        "period_start",
                    ],
                    "observations",
                    "offences",
                )
            }}
    ),

    summed as (
        select
            vintage,
            partner_id,
            dataset,
            {{ columns_of(key) }},
            period_start,
            frequency,
            {{ summed_observations() }},
            min(is_additive) as is_additive,
            max(is_close) as is_close,
            max(is_kept_at_parent) as is_kept_at_parent,
            max(iccs_offence) as iccs_offence,
            max(jurisdiction) as jurisdiction,
            max(issued_on) as issued_on,
            max(last_touched_rank) as last_touched_rank,
            count(*) as labels_count,
            cast(sum(source_row_count) as bigint) as source_row_count,
            cast(
                sum(case when is_unmapped then 1 else 0 end) as bigint
            ) as unmapped_count
        from harmonised
        group by
            vintage, partner_id, dataset, {{ columns_of(key) }}, period_start, frequency
    )

select
    summed.*,
    case
        when summed.labels_count = 1 then 'published' else 'summed_labels'
    end as derivation,
    case
        when not measures.follows_law
        then '_Z'
        else coalesce(regimes.definition_id, '_U')
    end as definition_id,
    case
        when not measures.follows_law
        then '_Z'
        else coalesce(regimes.comparability, '_U')
    end as comparability
from summed
left join {{ ref("dim_measures") }} as measures on summed.measure = measures.measure
left join
    {{ ref("int_regimes") }} as regimes
    on summed.jurisdiction = regimes.jurisdiction
    and summed.period_start = regimes.period_start
