-- grain: the one row of parameters of this build; the audience is empty in what all
-- audiences share
select as_of, ledger_position, home_kind, audience
from {{ source("lake", "build_parameters") }}
