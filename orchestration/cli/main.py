"""The `waymark` command. Light commands load neither Dagster nor dbt nor Great Expectations; errors are two lines, never a traceback.

Exit codes: 0 done; 1 rows quarantined, or a submission held (check); 2 refused, or an error that the message explains.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.cli.contract import contract
from orchestration.cli.operations import back_fill, data_docs, doctor, ui
from orchestration.cli.options import AREAS, AS_JSON, CONTRACTS, HOME, TIMINGS
from orchestration.cli.partners import check, confirm, erase, submissions, withdraw
from orchestration.cli.printing import print_run
from orchestration.cli.releases import explain, release
from submissions.errors import WaymarkError
from submissions.store.publications import AUDIENCES


class Commands(click.Group):
    """Turns every error that a user can cause into a readable line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WaymarkError as error:
            _stop(error.message, error.hint)
        except KeyboardInterrupt:
            _stop("stopped by hand", "nothing half-written stays; run again to go on")
        except BrokenPipeError:
            # whoever reads has seen enough (`| head`); what is left in the buffer must not complain either
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        except OSError as error:
            _stop(
                f"{error.strerror or error}: {error.filename or ''}".rstrip(": "),
                "check the path, its rights and the space on the disk",
            )
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            _stop(
                f"this should not happen: {_said_of(error)}",
                "nothing was published; a developer needs the lines above, or runs it again with WAYMARK_TRACEBACK=1",
            )


def _said_of(error: Exception) -> str:
    """Type and places in the code: what an exception itself says may quote a partner's file."""
    import traceback

    from orchestration.runs import fault_reports

    found = traceback.TracebackException.from_exception(error)
    if os.environ.get("WAYMARK_TRACEBACK"):
        click.echo("".join(found.format()), err=True)
    return fault_reports.text_of(found).strip()


def _stop(message: str, hint: str | None) -> None:
    from orchestration.runs.progress import printable

    click.echo(f"waymark: {chr(10).join(printable(line) for line in message.splitlines())}", err=True)
    if hint:
        click.echo(f"  {chr(10).join(printable(line) for line in hint.splitlines())}", err=True)
    sys.exit(2)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="waymark")
def main() -> None:
    """Waymark: a warehouse for counter-trafficking statistics."""


@main.command()
@HOME
@click.option(
    "--inbox", type=click.Path(path_type=Path, file_okay=False), help="One folder a partner; by default <home>/inbox."
)
@CONTRACTS
@AREAS
@click.option(
    "--as-of",
    "as_of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="What had been issued by this date; by default the newest issue.",
)
@click.option("--ledger", type=click.IntRange(min=1), help="What was held at this ledger position; by default its end.")
@click.option(
    "--audience",
    type=click.Choice(AUDIENCES),
    multiple=True,
    help="By default both for a demonstration, restricted otherwise.",
)
@TIMINGS
@AS_JSON
def run(
    home_path: Path,
    inbox: Path | None,
    contracts: tuple[Path, ...],
    areas: tuple[Path, ...],
    as_of: datetime | None,
    ledger: int | None,
    audience: tuple[str, ...],
    timings: bool,
    as_json: bool,
) -> None:
    """Receive what waits in the inbox, build, and publish a release."""
    from submissions.store.home import Home

    home = Home.open(home_path, create=True)
    if inbox is not None and not inbox.is_dir():
        raise WaymarkError(
            f"{inbox} is not a folder", hint="an inbox holds one folder a partner, named by the partner's id"
        )
    _run(home, inbox, contracts, areas, as_of, ledger, audience, timings, as_json)


def _run(
    home: Any,
    inbox: Path | None,
    contracts: tuple[Path, ...],
    areas: tuple[Path, ...],
    as_of: datetime | None,
    ledger: int | None,
    audience: tuple[str, ...],
    timings: bool,
    as_json: bool,
) -> None:
    from orchestration.runs import progress, running
    from orchestration.runs.builds import Request

    progress.show(sys.stderr)
    request = Request(
        home=home,
        as_of=as_of.date() if as_of else None,
        ledger=ledger,
        inbox=(inbox or home.path / "inbox").resolve(),
        contracts=tuple(path.resolve() for path in contracts),
        areas=tuple(path.resolve() for path in areas),
    )
    print_run(running.run(request, list(audience) or None), home.path, timings, as_json)


@main.command()
@HOME
@TIMINGS
@AS_JSON
def demo(home_path: Path, timings: bool, as_json: bool) -> None:
    """Do the main job on the demonstration partners of an invented region."""
    from orchestration.runs import demonstration, progress, running
    from submissions.store.home import Home

    home = Home.open(home_path, kind="demonstration", create=True)
    progress.show(sys.stderr)
    summary = running.prepare_and_run(demonstration.request(home), demonstration.prepare)
    print_run(summary, home.path, timings, as_json)


for command in (
    check, confirm, withdraw, erase, submissions, release, explain, back_fill, contract, data_docs, doctor, ui,
):  # fmt: skip
    main.add_command(command)

if __name__ == "__main__":
    main()
