"""Commands about what partners send: `waymark check`, `confirm`, `withdraw`, `erase`, `submissions`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import AS_JSON, CONTRACTS, HOME


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--partner", required=True, help="The partner's id, such as gbr_police_example.")
@click.option(
    "--home",
    "home_path",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WAYMARK_HOME",
    help="Tells also whether the file is held already.",
)
@CONTRACTS
@click.option(
    "--receipt",
    "receipt_page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the receipt as a page (HTML) that a browser shows and prints.",
)
@AS_JSON
def check(
    files: tuple[Path, ...],
    partner: str,
    home_path: Path | None,
    contracts: tuple[Path, ...],
    receipt_page: Path | None,
    as_json: bool,
) -> None:
    """Check files as they would be received, keeping nothing. Exit 0 accepted, 1 rows quarantined or held, 2 refused."""
    from orchestration.cli.printing import print_receipt
    from submissions import check as check_file
    from submissions.store.home import Home

    home = Home.open(home_path) if home_path else None
    receipts = [check_file(path, partner, contracts=list(contracts) or None, home=home) for path in files]
    if receipt_page is not None:
        _write_receipt_page(receipt_page, receipts, home, contracts)
    if as_json:
        documents = [receipt.as_dict() for receipt in receipts]
        click.echo(json.dumps(documents if len(documents) > 1 else documents[0], indent=1, ensure_ascii=False))
    else:
        for receipt in receipts:
            print_receipt(receipt)
    severity = {"accepted": 0, "accepted_with_warnings": 0, "already_held": 0, "refused": 2}
    sys.exit(max(severity.get(receipt.outcome, 1) for receipt in receipts))


def _write_receipt_page(file: Path, receipts: list[Any], home: Any, contracts: tuple[Path, ...]) -> None:
    from orchestration.runs.code_identity import ROOT
    from submissions.receipts.page import page
    from submissions.store.home import write_whole

    of_demonstration = (ROOT / "demonstration").resolve()
    is_invented = (home is not None and home.kind == "demonstration") or any(
        of_demonstration in (folder.resolve(), *folder.resolve().parents) for folder in contracts
    )
    write_whole(file.resolve(), page(receipts, is_invented).encode())
    click.echo(f"the receipt as a page: {file}", err=True)


def _ledger_command(name: str, help_text: str, done: str) -> click.Command:
    @click.command(name=name, help=help_text)
    @click.argument("submission")
    @HOME
    @click.option("--reason", required=True, help="Why; it stays in the ledger.")
    def act(submission: str, home_path: Path, reason: str) -> None:
        from orchestration.runs import releases
        from submissions.reception import receiving
        from submissions.store.home import Home

        home = Home.open(home_path)
        with home.lock(waiting=lambda holder: click.echo(f"waiting: the home is held by {holder}", err=True)):
            getattr(receiving, name)(home, submission, reason)
            marked = releases.mark_not_rebuildable(home) if name == "erase" else []
        click.echo(f"{submission} {done}. The next `waymark run --home {home_path}` releases accordingly.")
        for file in marked:
            click.echo(f"releases that were made from it cannot be built again; they are named in {file}")

    return act


confirm = _ledger_command("confirm", "Confirm a submission that is held because figures vanished.", "is confirmed")
withdraw = _ledger_command("withdraw", "Withdraw a submission: its figures are in no later release.", "is withdrawn")
erase = _ledger_command(
    "erase", "Erase a submission for legal reasons: its bytes go, its id and the reason stay.", "is erased"
)


@click.command()
@HOME
@click.option("--partner", help="Only this partner's.")
@AS_JSON
def submissions(home_path: Path, partner: str | None, as_json: bool) -> None:
    """List the submissions and refused files of a home, and what became of each."""
    from orchestration.cli.printing import table
    from orchestration.runs.intake import refusals
    from submissions.store.home import Home
    from submissions.store.ledger import Ledger, state

    entries = Ledger.of(Home.open(home_path)).entries()
    now = state(entries)
    rows = [
        {
            "position": entry["position"],
            "submission": identifier,
            "partner": entry["partner_id"],
            "dataset": entry["dataset"],
            "issued_on": entry["issued_on"],
            "standing": now.standing(identifier),
            "rows_in": entry["rows_in"],
            "accepted": entry["rows_accepted"],
            "quarantined": entry["rows_quarantined"],
            "excluded": entry["rows_excluded"],
            "file": entry["file_name"],
        }
        for identifier, entry in now.submissions.items()
        if partner in (None, entry["partner_id"])
    ]
    refused = [row for row in refusals(entries) if partner in (None, row["partner"])]
    if as_json:
        click.echo(json.dumps([*rows, *refused], indent=1, ensure_ascii=False))
        return
    if rows:
        click.echo(table(rows))
    if refused:
        click.echo(
            "\nrefused files, and the submission of the same dataset that came after each" if rows else "refused files"
        )
        click.echo(table([_refusal_row(row) for row in refused]))
    if not rows and not refused:
        click.echo("no submissions yet: put partner files into the inbox and run `waymark run`")


def _refusal_row(row: dict[str, Any]) -> dict[str, Any]:
    """A refusal as the terminal shows it."""
    later = f"{row['later']} (the same file)" if row["later_is_same_file"] else row["later"] or "nothing came after it"
    columns = ("position", "submission", "partner", "dataset", "refused_on", "problems")
    return {**{name: row[name] for name in columns}, "came_after": later, "file": row["file"]}
