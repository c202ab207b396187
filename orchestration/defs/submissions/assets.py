"""The first room as assets: the inbox, all that one run receives from it, the lake by submission."""

from collections.abc import Sequence

import dagster as dg

from orchestration.defs.resources import AS_OF_TAG, LEDGER_TAG, STATE_TAG, Warehouse
from orchestration.defs.submissions.partitions import (
    LAKE,
    RECEIVED,
    SUBMISSIONS,
    follow_ledger,
    partition_key,
    submission_of,
)
from orchestration.operations import back_fill
from orchestration.runs import intake, progress, up_to_date
from orchestration.runs.builds import Request, resolve
from submissions.errors import WaymarkError
from submissions.receipts.receipt import Receipt
from submissions.store.home import Home
from submissions.store.ledger import Ledger

POOL = "warehouse_writer"

inbox = dg.AssetSpec(
    ["submissions", "inbox"],
    group_name="submissions",
    owners=["team:data-engineering"],
    kinds={"file"},
    description="`inbox/<partner>/file`: what partners sent and nobody has looked at. A sensor watches it.",
)


class WhatToReceive(dg.Config):
    """What a run takes in besides the inbox."""

    read_again: list[str] = []  # noqa: RUF012 - a pydantic field: partners whose landed files are read again


@dg.asset(
    key=RECEIVED,
    deps=[inbox.key],
    group_name="submissions",
    owners=["team:data-engineering"],
    kinds={"python", "greatexpectations"},
    pool=POOL,
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL),
    description="Files of the inbox: landed as sent, checked against the contract, accepted into the lake or refused "
    "with "
    "numbered reasons, each with a receipt. Files without a contract are listed and left alone. All that waits is "
    "taken in one "
    "run, which adds a partition of `lake/submissions` for each submission.",
    check_specs=[
        dg.AssetCheckSpec(
            "rows_balance",
            asset=RECEIVED,
            blocking=True,
            description="Rows in = accepted + quarantined + excluded, for every file of this run.",
        ),
        dg.AssetCheckSpec(
            "expectations_hold",
            asset=RECEIVED,
            blocking=True,
            description="Great Expectations: the suite of every batch accepted in this run, generated from the field "
            "registry "
            "and the partner's contract.",
        ),
        dg.AssetCheckSpec(
            "nothing_refused",
            asset=RECEIVED,
            description="Every file of this run was accepted. A refused file is the partner's to mend and stops no "
            "release.",
        ),
    ],
)
def received(
    context: dg.AssetExecutionContext,
    config: WhatToReceive,
    warehouse: Warehouse,
    report: dg.ResourceParam[intake.Report],
) -> dg.MaterializeResult:
    request = warehouse.request()
    try:
        with progress.current().step("intake", "files received") as step:
            # before anything is received: a file that comes in meanwhile is the next run's
            sources = intake.fingerprint(request)
            if config.read_again:
                back_fill.read_again(request, back_fill.of_partners(request.home, config.read_again), report)
            intake.receive_waiting(request, report)
            step.rows = sum(receipt.rows_in for receipt in report.receipts)
    except WaymarkError as error:
        # what a person has to mend does not mend itself in five seconds
        raise dg.Failure(str(error), allow_retries=False) from error
    partitions = follow_ledger(context, request.home)
    built_from = _note_state(context, request, sources, report.without_contract)
    refused = [receipt for receipt in report.receipts if receipt.outcome == "refused"]
    unbalanced = [
        _identity(receipt)
        for receipt in report.receipts
        if receipt.rows_in != receipt.rows_accepted + receipt.rows_quarantined + receipt.rows_excluded
    ]
    failed = sorted(name for name, holds in report.expectations.items() if not holds)
    return dg.MaterializeResult(
        metadata={
            "files": len(report.receipts),
            "files_held_already": report.already_held,
            "files_refused_before": len(report.refused_before),
            "files_without_contract": list(report.without_contract),
            "notices": list(report.notices),
            "dagster/row_count": sum(receipt.rows_accepted for receipt in report.receipts),
            "rows_in": sum(receipt.rows_in for receipt in report.receipts),
            "rows_accepted": sum(receipt.rows_accepted for receipt in report.receipts),
            "submissions_new": len(partitions),
            **built_from,
            "receipts": dg.MetadataValue.md(preview(request.home, report.receipts)),
            "receipts_folder": dg.MetadataValue.path(str(request.home.quarantine)),
            "data_docs": _data_docs(request.home),
        },
        check_results=[
            dg.AssetCheckResult(passed=not unbalanced, check_name="rows_balance", metadata={"submissions": unbalanced}),
            dg.AssetCheckResult(passed=not failed, check_name="expectations_hold", metadata={"failed": failed}),
            dg.AssetCheckResult(
                passed=not refused,
                check_name="nothing_refused",
                severity=dg.AssetCheckSeverity.WARN,
                metadata={
                    "refused": len(refused),
                    "receipts": dg.MetadataValue.md(preview(request.home, refused)),
                },
            ),
        ],
    )


def _note_state(
    context: dg.AssetExecutionContext,
    request: Request,
    sources: Sequence[tuple[str, str]],
    without_contract: Sequence[str],
) -> dict[str, str | int]:
    """Remember which state this run received, in the home and on the run; gives its as_of and ledger position."""
    try:
        build = resolve(request)
    except WaymarkError:
        # everything was refused: the next asset says so, this one has its receipts
        return {}
    audiences = up_to_date.audiences_of(request.home)
    state = up_to_date.state_of(request, audiences, sources)
    if up_to_date.released(request.home, state, audiences) is None:
        up_to_date.remember_received(request.home, state, str(build.as_of), without_contract)
    decided = {"as_of": str(build.as_of), "ledger_position": build.ledger_position}
    tags = {STATE_TAG: state, AS_OF_TAG: str(build.as_of), LEDGER_TAG: str(build.ledger_position)}
    context.instance.add_run_tags(context.run_id, tags)
    return decided


@dg.asset(
    key=LAKE,
    # not what was received last: a submission stays as it is when another one comes
    deps=[inbox.key],
    partitions_def=SUBMISSIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="lake",
    owners=["team:data-engineering"],
    kinds={"parquet"},
    pool=POOL,
    description="`lake/observations/partner_id=…/submission_id=….parquet`, a partition a submission: every vintage "
    "kept, with the "
    "partner's own labels. The partitions end here: what follows is built for a date, a ledger position and an "
    "audience. "
    "Materialising partitions by hand reads their landed files again under the contract of today.",
)
def lake_of_submissions(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    request = warehouse.request()
    chosen = back_fill.of_submissions(request.home, [submission_of(key) for key in context.partition_keys])
    before = Ledger.of(request.home).position
    with progress.current().step("intake", "landed files read again") as step:
        back_fill.read_again(request, chosen)
        step.rows = sum(entry["rows_in"] for entry in chosen)
    new = follow_ledger(context, request.home, again=[partition_key(entry) for entry in chosen])
    return dg.MaterializeResult(
        metadata={
            "read_again": len(chosen),
            "passed_over": len(context.partition_keys) - len(chosen),
            "read_otherwise_than_before": new,
            "ledger_entries_new": Ledger.of(request.home).position - before,
        }
    )


def preview(home: Home, receipts: Sequence[Receipt], limit: int = 50) -> str:
    """A table of receipts in Markdown: who, what became of it, rows, codes of problems, where the receipt is.

    Nothing that a partner wrote: neither a file's name nor a cell.
    """
    if not receipts:
        return "none"
    lines = [
        "| partner | dataset | outcome | rows in | accepted | quarantined | excluded | problems | receipt |",
        "|---" * 9 + "|",
    ]
    for receipt in receipts[:limit]:
        numbers = (receipt.rows_in, receipt.rows_accepted, receipt.rows_quarantined, receipt.rows_excluded)
        codes = ", ".join(dict.fromkeys(problem.code for problem in receipt.problems))
        identifiers = [part.submission_id for part in (receipt.parts or (receipt,)) if part.submission_id]
        # a page each, for whoever reads it in a browser of this machine
        folders = " ".join(f"`{home.quarantine / identifier / 'receipt.html'}`" for identifier in identifiers[:3])
        cells = [
            receipt.partner,
            receipt.dataset or "",
            receipt.outcome.replace("_", " "),
            *(f"{n:,}" for n in numbers),
            codes,
            folders,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if len(receipts) > limit:
        lines.append(f"\nand {len(receipts) - limit:,} more")
    return "\n".join(lines)


def _data_docs(home: Home) -> dg.MetadataValue:
    """Where Great Expectations' pages are, or how to get them."""
    index = home.logs / "data-docs" / "index.html"
    if index.is_file():
        return dg.MetadataValue.url(index.as_uri())
    return dg.MetadataValue.md(f"not written yet: `waymark data-docs --home {home.path}`, or materialise `data_docs`")


def _identity(receipt: Receipt) -> str:
    return receipt.submission_id or (receipt.file_sha256 or "")[:16] or receipt.partner
