-- grain: one cell that this audience may see; a hidden cell keeps its key and says
-- why it has no value
select
    cells.cell_id,
    cells.series_id,
    cells.table_id,
    {{ columns_of(dimension_columns(), "cells") }},
    cells.period_start,
    cells.frequency,
    {{ period_number("cells.period_start", "cells.frequency") }} as period_number,
    cells.area_name,
    cells.area_level,
    cells.parent_code,
    protected.value,
    protected.lower,
    protected.upper,
    case when protected.is_suppressed then 'Q' else cells.obs_status end as obs_status,
    case
        when protected.is_suppressed then 'D' else cells.conf_status
    end as conf_status,
    case
        when protected.is_suppressed then 'suppressed' else cells.missing_reason
    end as missing_reason,
    -- several labels of one source under one code are parts of one figure
    case
        when cells.derivation = 'summed_labels'
        then 'sum_of_parts'
        else cells.derivation
    end as derivation,
    cells.source,
    cells.dataset,
    cells.source_type,
    cells.definition_id,
    cells.comparability,
    cells.is_overlapping,
    cells.population_count,
    cells.population_period,
    cells.is_population_carried,
    -- a revision that would tell a small change waits: the older figure stands, with
    -- its
    -- own date
    protected.issued_on,
    protected.is_held_back as is_revision_held_back
from {{ ref("fct_cells") }} as cells
inner join
    {{ source("protected", "cells") }} as protected on cells.cell_id = protected.cell_id
