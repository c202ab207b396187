-- grain: one dataset of a partner that has an issue out at as_of
select
    datasets.source,
    datasets.source_name,
    datasets.sector,
    datasets.licence,
    datasets.legal_basis,
    datasets.dataset,
    datasets.dataset_name,
    datasets.source_type,
    datasets.dataset_role,
    datasets.counting_unit,
    datasets.period_basis,
    datasets.age_basis,
    datasets.population_basis,
    datasets.multi_response,
    datasets.last_issued_on,
    parameters.as_of
from {{ ref("dim_datasets") }} as datasets
cross join {{ ref("stg_lake__build_parameters") }} as parameters
where
    datasets.last_issued_on is not null
    and not exists (
        select 1
        from {{ ref("int_datasets_withheld") }} as withheld
        where withheld.source = datasets.source and withheld.dataset = datasets.dataset
    )
order by datasets.source, datasets.dataset
