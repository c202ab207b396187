-- grain: the one row of parameters of this build
select as_of, ledger_position, home_kind from {{ source("lake", "build_parameters") }}
