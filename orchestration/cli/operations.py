"""Commands of those who run the house: `waymark back-fill`, `waymark doctor`, `waymark data-docs`, `waymark ui`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import AREAS, AS_JSON, CONTRACTS, HOME, TIMINGS
from orchestration.cli.printing import print_run


@click.command(name="back-fill")
@click.argument("partners", nargs=-1, required=True)
@HOME
@CONTRACTS
@AREAS
@TIMINGS
@AS_JSON
def back_fill(
    partners: tuple[str, ...],
    home_path: Path,
    contracts: tuple[Path, ...],
    areas: tuple[Path, ...],
    timings: bool,
    as_json: bool,
) -> None:
    """Read the landed files of PARTNERS again under the contracts of today, build, and publish a release."""
    from orchestration.operations import back_fill as reading
    from orchestration.runs import progress, running
    from submissions.store.home import Home

    request = _request_of_home(Home.open(home_path), None, contracts, areas)
    reading.of_partners(request.home, partners)
    progress.show(sys.stderr)
    summary = running.prepare_and_run(
        request, lambda asked, report: reading.read_again(asked, reading.of_partners(asked.home, partners), report)
    )
    print_run(summary, request.home.path, timings, as_json)


@click.command()
@click.option(
    "--home",
    "home_path",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WAYMARK_HOME",
    help="A home to look at; without one only the installation is looked at.",
)
@click.option("--deep", is_flag=True, help="Also recompute the id of every release from its tables.")
@AS_JSON
def doctor(home_path: Path | None, deep: bool, as_json: bool) -> None:
    """Say what is installed and what is missing, and how a home is. Exit 0 well, 1 warnings, 2 something is broken."""
    from orchestration.cli.printing import table
    from orchestration.operations import doctor as examination

    findings = examination.examine(home_path, deep)
    if as_json:
        click.echo(json.dumps([vars(each) for each in findings], indent=1, ensure_ascii=False))
    else:
        click.echo(table([{"": each.mark, "about": each.about, "finding": each.text} for each in findings]))
        cures = dict.fromkeys(f"{each.about}: {each.cure}" for each in findings if each.cure)
        click.echo("\n".join(["", "what to do", *(f"  {cure}" for cure in cures)]) if cures else "\nnothing to do")
    sys.exit(max(each.gravity for each in findings))


def _request_of_home(home: Any, inbox: Path | None, contracts: tuple[Path, ...], areas: tuple[Path, ...]) -> Any:
    """What to run on a home that exists: one that `waymark demo` made has the demonstration's contracts and boundaries."""
    from orchestration.runs import demonstration
    from orchestration.runs.builds import Request

    if (home.path / "planted_truth.json").exists() and not (inbox or contracts or areas):
        return demonstration.request(home)
    return Request(
        home=home,
        inbox=(inbox or home.path / "inbox").resolve(),
        contracts=tuple(path.resolve() for path in contracts),
        areas=tuple(path.resolve() for path in areas),
    )


@click.command(name="data-docs")
@HOME
@click.option("--submission", "only", multiple=True, help="Look at this one only; pages of the others stay.")
@click.option("--again", is_flag=True, help="Look again at batches whose page is still true.")
@AS_JSON
def data_docs(home_path: Path, only: tuple[str, ...], again: bool, as_json: bool) -> None:
    """Write Great Expectations' Data Docs of all accepted batches. Exit 0 all hold, 1 an expectation fails."""
    from orchestration.runs import progress
    from orchestration.runs.lock import hold
    from submissions.store.home import Home
    from submissions.validation import data_docs as documents

    home = Home.open(home_path)
    shown = progress.show(sys.stderr)

    def waiting(holder: Any) -> None:
        shown.line(f"waiting: the home is held by {holder or 'another process'}")

    with hold(home, waiting), shown.step("data docs", "batches looked at"):
        written = documents.write(home, only, shown.tick, again)
    if as_json:
        click.echo(json.dumps({**vars(written), "index": str(written.index)}, indent=1))
    else:
        click.echo(f"{written.batches} accepted batches, {written.looked_at} of them looked at now")
        if written.unreadable:
            click.echo(
                f"{len(written.unreadable)} are left out: this version cannot read the contract that they were accepted "
                f"under ({', '.join(written.unreadable[:5])}{' …' if len(written.unreadable) > 5 else ''})"
            )
        for identifier in written.failed:
            click.echo(
                f"an expectation fails in {identifier}: {written.index.parent / 'validations' / identifier}.html"
            )
        click.echo(f"  {written.index}")
    sys.exit(1 if written.failed else 0)


@click.command()
@HOME
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1024, 65535))
@click.option(
    "--inbox", type=click.Path(path_type=Path, file_okay=False), help="The inbox to watch; by default <home>/inbox."
)
@CONTRACTS
@AREAS
def ui(home_path: Path, port: int, inbox: Path | None, contracts: tuple[Path, ...], areas: tuple[Path, ...]) -> None:
    """Open Dagster on this home, on this machine only (127.0.0.1); it takes and releases by itself what comes in."""
    from orchestration.operations.interface import serve
    from submissions.store.home import Home

    serve(_request_of_home(Home.open(home_path), inbox, contracts, areas), port)
