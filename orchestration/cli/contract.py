"""`waymark contract check` and `waymark contract new`: contracts without a program around them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import AS_JSON, CONTRACTS
from submissions.store.publications import AUDIENCES


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
    from submissions.contracts.loading import own_roots, roots
    from submissions.store.home import Home

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
    from submissions.contracts.checking import check_contracts

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
    from orchestration.runs.progress import printable

    if report.problems:
        click.echo(f"{report.kind} {report.name}  {report.file}")
    elif report.notes or (is_wanted and report.datasets):
        click.echo(f"{report.kind} {report.name}: well ({', '.join(report.datasets)})")
    for problem in report.problems:
        click.echo(f"  {printable(str(problem))}")
    for note in report.notes:
        click.echo(f"  note: {printable(note)}")


_ASKED = {
    "name": "Name of the partner, as readers see it",
    "title": "Title of the table",
    "measure": "What is counted (a code of the seed `measures`)",
    "period_basis": "What puts a figure into its period (detection, registration, decision, offence)",
    "area_role": "What the area is (detection, exploitation, recruitment, court, reporting body, residence)",
    "replaces": "What a new file replaces (whole_dataset, periods, periods_x_areas, keys)",
    "audience": "Most open audience that the partner allows (restricted, public)",
    "minimum_cell": "Smallest count that may be shown",
    "issued_on": "Day on which the publisher put the figures out (YYYY-MM-DD; empty: where the sample says so)",
}


@contract.command()
@click.argument("partner")
@click.option("--sample", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A file of the partner.")
@click.option(
    "--home",
    "home_path",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WAYMARK_HOME",
    help="Write into the contracts of this home.",
)
@click.option("--contracts", type=click.Path(path_type=Path, file_okay=False), help="Write into this contracts folder.")
@click.option("--name", help=_ASKED["name"] + ".")
@click.option("--dataset", help="Name of the dataset: lower-case, with _ between words; by default figures.")
@click.option("--title", help=_ASKED["title"] + ".")
@click.option("--measure", help=_ASKED["measure"] + ".")
@click.option("--counting-unit", help="persons, cases, offences, decisions, …; by default that of the measure.")
@click.option("--period-basis", help=_ASKED["period_basis"] + ".")
@click.option("--area-role", help=_ASKED["area_role"] + ".")
@click.option("--replaces", help=_ASKED["replaces"] + ".")
@click.option("--audience", type=click.Choice(AUDIENCES), help=_ASKED["audience"] + ".")
@click.option("--minimum-cell", type=click.IntRange(min=1), help=_ASKED["minimum_cell"] + ".")
@click.option(
    "--issued-on", metavar="YYYY-MM-DD", help="The one day of issue of all files; by default where the sample says so."
)
@click.option("--licence", help="On what terms the figures are given.")
@click.option("--legal-basis", help="On what ground the figures are exchanged.")
@click.option("--sheet", help="The sheet of a workbook.")
@click.option("--ask/--no-ask", default=None, help="Ask for what no option gives; by default at a terminal.")
@click.option(
    "--print", "prints", is_flag=True, help="Print the proposal and write nothing, such as for a second dataset."
)
def new(
    partner: str,
    sample: Path,
    home_path: Path | None,
    contracts: Path | None,
    ask: bool | None,
    prints: bool,
    **given: Any,
) -> None:
    """Look at a sample file of PARTNER and propose a contract, every guess marked for confirmation.

    Nothing is loaded from a guess: the contract is refused until each entry of its to_confirm is deleted.
    """
    from orchestration.runs.progress import printable
    from submissions.errors import WaymarkError
    from submissions.onboarding.model import Answers
    from submissions.onboarding.proposal import propose
    from submissions.onboarding.writing import contract_text, map_text, write_proposal
    from submissions.store.home import Home

    if (contracts is None) == (home_path is None) and not prints:
        raise WaymarkError("where shall the contract stand?", hint="Give --home DIR or --contracts DIR, one of them.")
    root = contracts if contracts is not None else Path(str(home_path or "")) / "contracts"
    file = root / "partners" / partner / "contract.yml"
    if not prints and re.fullmatch(r"[a-z0-9_]+", partner) and file.exists():
        raise WaymarkError(
            f"{file} exists already, and nothing is overwritten", hint="Mend it by hand, or move it away."
        )
    if ask if ask is not None else sys.stdin.isatty():
        given = _asked(given)
    if home_path is not None and not prints:
        Home.open(home_path, create=True)
    known = (root,) if contracts is not None and root.is_dir() else ()
    proposal = propose(partner, sample, Answers(**given), _roots(known, home_path))
    for warning in proposal.warnings:
        click.echo(f"warning: {printable(warning)}", err=True)
    if prints:
        click.echo(contract_text(proposal), nl=False)
        for name, rows in proposal.maps.items():
            click.echo(f"\n# {name}\n{map_text(rows)}", nl=False)
        return
    for path in write_proposal(proposal, root):
        click.echo(f"wrote {path}")
    blanks = sum(1 for rows in proposal.maps.values() for _, code, _ in rows if not code)
    click.echo(f"{len(proposal.guesses)} guesses to confirm, {blanks} labels without a code")
    for note in proposal.notes:
        click.echo(f"note: {printable(note)}")
    where = f"--home {home_path}" if home_path is not None else f"--contracts {contracts}"
    click.echo("next:")
    click.echo(f"  look at {file}: mend each line marked `# guess`, and delete its entry under to_confirm")
    click.echo(f"  waymark contract check {partner} {where}")
    click.echo(f"  waymark check {sample} --partner {partner} {where}")


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """Answers from the terminal for what no option gave; an empty answer stays a guess."""
    answers = dict(given)
    for key, question in _ASKED.items():
        if answers[key] is None:
            text = click.prompt(question, default="", show_default=False, err=True).strip()
            answers[key] = (int(text) if text.isdigit() else None) if key == "minimum_cell" else text or None
    return answers
