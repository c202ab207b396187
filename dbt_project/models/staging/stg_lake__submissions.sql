-- grain: one submission in force at the ledger position
select
    submission_id,
    partner_id,
    dataset,
    replaces,
    issued_on,
    coalesce(issued_on_is_approximate, false) as issued_on_is_approximate,
    ledger_position,
    contract_digest,
    rows_in,
    rows_accepted,
    rows_quarantined,
    rows_excluded,
    file_name
from {{ source("lake", "submissions") }}
