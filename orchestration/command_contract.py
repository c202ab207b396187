"""`waymark contract check` and `waymark contract new`: contracts without a program around them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from orchestration.command_options import AS_JSON, CONTRACTS


@click.group()
def contract() -> None:
    """Check contracts, and propose a new one from a sample file."""


HOME = click.option(
    "--home",
    "home_path",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WAYMARK_HOME",
    help="A home; its contracts come before those of the repository.",
)


def _roots(contracts: tuple[Path, ...], home_path: Path | None) -> list[Path]:
    """Where contracts are looked for, as `waymark run` does: an invented region never sees the real world's."""
    from submissions.contract import own_roots, roots
    from submissions.home import Home

    if home_path is None or not (home_path / "home.json").exists():
        return roots(contracts, home_path)
    return own_roots(roots(contracts, home_path), Home.open(home_path))


@contract.command()
@click.argument("wanted", nargs=-1, metavar="[PARTNER|FILE]...")
@HOME
@CONTRACTS
@AS_JSON
def check(wanted: tuple[str, ...], home_path: Path | None, contracts: tuple[Path, ...], as_json: bool) -> None:
    """Check contracts, area sets and definitions; all of them, or those of PARTNER or FILE. Exit 0 well, 2 problems."""
    from submissions.contract_checking import check_contracts

    reports = check_contracts(_roots(contracts, home_path), wanted)
    number = sum(len(report.problems) for report in reports)
    if as_json:
        click.echo(json.dumps([report.as_dict() for report in reports], indent=1, ensure_ascii=False))
    else:
        for report in reports:
            _print(report, bool(wanted))
        broken = sum(bool(report.problems) for report in reports)
        checked = sum(report.kind == "contract" for report in reports)
        click.echo(
            f"{checked:,} contract{'s' if checked != 1 else ''} checked: "
            + (f"{number:,} problem{'s' if number != 1 else ''} in {broken:,} of the files" if number else "all well")
        )
        if number:
            click.echo("The keys are described in docs/reference/contract-language.md.")
    sys.exit(2 if number else 0)


def _print(report, is_wanted: bool) -> None:
    from orchestration.progress import printable

    if report.problems:
        click.echo(f"{report.kind} {report.name}  {report.file}")
    elif report.notes or (is_wanted and report.datasets):
        click.echo(f"{report.kind} {report.name}: well ({', '.join(report.datasets)})")
    for problem in report.problems:
        click.echo(f"  {printable(str(problem))}")
    for note in report.notes:
        click.echo(f"  note: {printable(note)}")
