"""The first room as an asset: everything that waits in the inbox, received in one run."""

import dagster as dg

from orchestration import progress
from orchestration.defs.resources import Warehouse


@dg.asset(
    key=["submissions", "received"],
    group_name="submissions",
    owners=["team:data-engineering"],
    kinds={"python", "greatexpectations"},
    pool="warehouse_writer",
    description="Files of the inbox: landed as sent, checked against the contract, accepted into the lake or refused with "
    "numbered reasons, each with a receipt. Files without a contract are listed and left alone.",
    check_specs=[
        dg.AssetCheckSpec(
            "rows_balance",
            asset=["submissions", "received"],
            blocking=True,
            description="Rows in = accepted + quarantined + excluded, for every file of this run.",
        ),
        dg.AssetCheckSpec(
            "expectations_hold",
            asset=["submissions", "received"],
            blocking=True,
            description="Great Expectations: the suite of every batch accepted in this run, generated from the field registry "
            "and the partner's contract.",
        ),
        dg.AssetCheckSpec(
            "nothing_refused",
            asset=["submissions", "received"],
            description="Every file of this run was accepted. A refused file is the partner's to mend and stops no release.",
        ),
    ],
)
def received(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    from orchestration.intake import receive_waiting

    with progress.current().step("intake", "files received"):
        report = receive_waiting(warehouse.request())
    refused = [receipt for receipt in report.receipts if receipt.outcome == "refused"]
    unbalanced = [
        receipt.file_name
        for receipt in report.receipts
        if receipt.rows_in != receipt.rows_accepted + receipt.rows_quarantined + receipt.rows_excluded
    ]
    failed = sorted(name for name, holds in report.expectations.items() if not holds)
    return dg.MaterializeResult(
        metadata={
            "files": len(report.receipts),
            "files_without_contract": list(report.without_contract),
            "rows_in": sum(receipt.rows_in for receipt in report.receipts),
            "rows_accepted": sum(receipt.rows_accepted for receipt in report.receipts),
        },
        check_results=[
            dg.AssetCheckResult(passed=not unbalanced, check_name="rows_balance", metadata={"files": unbalanced}),
            dg.AssetCheckResult(passed=not failed, check_name="expectations_hold", metadata={"failed": failed}),
            dg.AssetCheckResult(
                passed=not refused,
                check_name="nothing_refused",
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"refused": [receipt.file_name for receipt in refused]},
            ),
        ],
    )
