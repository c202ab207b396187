-- grain: one area of a dataset at a frequency: what is reported, expected and late at
-- as_of
select
    coverage.source,
    coverage.source_name,
    coverage.dataset,
    coverage.dataset_name,
    coverage.dataset_role,
    coverage.area_code,
    coverage.area_name,
    coverage.frequency,
    coverage.first_period,
    coverage.last_period,
    coverage.periods_reported_count,
    coverage.periods_expected_count,
    coverage.coverage_share,
    coverage.last_issued_on,
    coverage.due_on,
    coverage.is_late,
    coverage.days_late,
    coverage.unmapped_count,
    coverage.quality_note,
    parameters.as_of
from {{ ref("fct_coverage") }} as coverage
cross join {{ ref("stg_lake__build_parameters") }} as parameters
where
    not exists (
        select 1
        from {{ ref("int_datasets_withheld") }} as withheld
        where withheld.source = coverage.source and withheld.dataset = coverage.dataset
    )
order by coverage.source, coverage.dataset, coverage.area_code, coverage.frequency
