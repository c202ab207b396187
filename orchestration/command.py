"""The `waymark` command. Light commands load neither Dagster nor dbt nor Great Expectations; errors are two lines, never a traceback.

Exit codes: 0 done; 1 rows quarantined, or a submission held (check); 2 refused, or an error that the message explains.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from orchestration.command_contract import contract
from orchestration.command_operations import back_fill, doctor, ui
from orchestration.command_options import AREAS, AS_JSON, CONTRACTS, HOME, TIMINGS
from orchestration.printing import print_run
from submissions.errors import WaymarkError


class Commands(click.Group):
    """Turns every error that a user can cause into a readable line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WaymarkError as error:
            _stop(error.message, error.hint)
        except KeyboardInterrupt:
            _stop("stopped by hand", "nothing half-written stays; run again to go on")
        except OSError as error:
            _stop(
                f"{error.strerror or error}: {error.filename or ''}".rstrip(": "),
                "check the path, its rights and the space on the disk",
            )
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            _stop(
                f"this should not happen: {type(error).__name__}: {error}"[:400],
                f"nothing was published; what a developer needs is in {_keep_traceback()}",
            )


def _keep_traceback() -> str:
    """The traceback in a file of its own: a person reads a sentence, a developer the file."""
    import os
    import tempfile
    import traceback

    descriptor, name = tempfile.mkstemp(prefix="waymark-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(traceback.format_exc())
    return name


def _stop(message: str, hint: str | None) -> None:
    from orchestration.progress import printable

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
    type=click.Choice(["restricted", "public"]),
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
    from submissions.home import Home

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
    from orchestration import progress, running
    from orchestration.building import Request

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
    from orchestration import demonstration_run, progress, running
    from submissions.home import Home

    home = Home.open(home_path, kind="demonstration", create=True)
    progress.show(sys.stderr)
    summary = running.prepare_and_run(demonstration_run.request(home), demonstration_run.prepare)
    print_run(summary, home.path, timings, as_json)


@main.command()
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
@AS_JSON
def check(
    files: tuple[Path, ...], partner: str, home_path: Path | None, contracts: tuple[Path, ...], as_json: bool
) -> None:
    """Check files as they would be received, writing nothing. Exit 0 accepted, 1 rows quarantined or held, 2 refused."""
    from orchestration.printing import print_receipt
    from submissions import check as check_file
    from submissions.home import Home

    home = Home.open(home_path) if home_path else None
    receipts = [check_file(path, partner, contracts=list(contracts) or None, home=home) for path in files]
    if as_json:
        documents = [receipt.as_dict() for receipt in receipts]
        click.echo(json.dumps(documents if len(documents) > 1 else documents[0], indent=1, ensure_ascii=False))
    else:
        for receipt in receipts:
            print_receipt(receipt)
    severity = {"accepted": 0, "accepted_with_warnings": 0, "already_held": 0, "refused": 2}
    sys.exit(max(severity.get(receipt.outcome, 1) for receipt in receipts))


def _ledger_command(name: str, help_text: str, done: str) -> None:
    @main.command(name=name, help=help_text)
    @click.argument("submission")
    @HOME
    @click.option("--reason", required=True, help="Why; it stays in the ledger.")
    def act(submission: str, home_path: Path, reason: str) -> None:
        from submissions import receiving
        from submissions.home import Home

        home = Home.open(home_path)
        with home.lock(waiting=lambda holder: click.echo(f"waiting: the home is held by {holder}", err=True)):
            getattr(receiving, name)(home, submission, reason)
        click.echo(f"{submission} {done}. The next `waymark run --home {home_path}` releases accordingly.")


_ledger_command("confirm", "Confirm a submission that is held because figures vanished.", "is confirmed")
_ledger_command("withdraw", "Withdraw a submission: its figures are in no later release.", "is withdrawn")
_ledger_command("erase", "Erase a submission for legal reasons: its bytes go, its id and the reason stay.", "is erased")


@main.command()
@HOME
@click.option("--partner", help="Only this partner's.")
@AS_JSON
def submissions(home_path: Path, partner: str | None, as_json: bool) -> None:
    """List the submissions of a home, and what became of each."""
    from orchestration.printing import table
    from submissions.home import Home
    from submissions.ledger import Ledger, state

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
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    elif rows:
        click.echo(table(rows))
    else:
        click.echo("no submissions yet: put partner files into the inbox and run `waymark run`")


@main.group()
def release() -> None:
    """List, show, compare and verify releases."""


def _manifests(home_path: Path, audience: str | None) -> list[dict[str, Any]]:
    from orchestration.releases import releases
    from submissions.home import Home

    found = releases(Home.open(home_path), [audience] if audience else ["restricted", "public"])
    if not found:
        raise WaymarkError(f"{home_path} holds no release yet", hint=f"waymark run --home {home_path}")
    return found


def _one(home_path: Path, identifier: str, audience: str | None) -> dict[str, Any]:
    found = _manifests(home_path, audience)
    chosen = [
        each for each in found if (each["is_latest"] if identifier == "latest" else each["release_id"] == identifier)
    ]
    if not chosen:
        raise WaymarkError(
            f"no release is called {identifier!r}", hint=f"`waymark release list --home {home_path}` lists them"
        )
    if len(chosen) > 1 and audience is None:
        raise WaymarkError(
            f"{identifier!r} names a release of each audience", hint="add --audience restricted or --audience public"
        )
    return chosen[0]


AUDIENCE = click.option("--audience", type=click.Choice(["restricted", "public"]), help="Only this audience's.")


@release.command(name="list")
@HOME
@AUDIENCE
@AS_JSON
def list_releases(home_path: Path, audience: str | None, as_json: bool) -> None:
    """List the releases of a home."""
    from orchestration.printing import table

    rows = [
        {
            "audience": each["audience"],
            "release": each["release_id"],
            "as_of": each["provenance"]["as_of"],
            "ledger": each["provenance"]["ledger_position"],
            "files": len(each["core"]) + len(each["renderings"]),
            "latest": "latest" if each["is_latest"] else "",
        }
        for each in _manifests(home_path, audience)
    ]
    click.echo(json.dumps(rows, indent=1) if as_json else table(rows))


@release.command()
@click.argument("identifier", default="latest")
@HOME
@AUDIENCE
@AS_JSON
def show(identifier: str, home_path: Path, audience: str | None, as_json: bool) -> None:
    """What a release holds and what it was made from."""
    from orchestration.printing import print_release

    manifest = _one(home_path, identifier, audience)
    if as_json:
        click.echo(json.dumps(manifest, indent=1, ensure_ascii=False))
    else:
        print_release(manifest)


@release.command()
@click.argument("first")
@click.argument("second")
@HOME
@AUDIENCE
@AS_JSON
def diff(first: str, second: str, home_path: Path, audience: str | None, as_json: bool) -> None:
    """Compare the tables of two releases. Exit 0 equal, 1 different."""
    from orchestration.printing import table
    from orchestration.releases import difference

    rows = difference(
        Path(_one(home_path, first, audience)["folder"]), Path(_one(home_path, second, audience)["folder"])
    )
    changed = [row for row in rows if row["added"] or row["removed"]]
    click.echo(json.dumps(rows, indent=1) if as_json else table(rows))
    sys.exit(1 if changed else 0)


@release.command()
@click.argument("identifier", default="latest")
@HOME
@AUDIENCE
def verify(identifier: str, home_path: Path, audience: str | None) -> None:
    """Check every file of a release against its manifest. Exit 0 when all agree, 2 otherwise."""
    from orchestration.releases import verify_files

    manifest = _one(home_path, identifier, audience)
    problems = verify_files(Path(manifest["folder"]))
    if problems:
        raise WaymarkError(
            f"{len(problems)} files of {manifest['release_id']} disagree with the manifest:\n"
            + "\n".join(problems[:20]),
            hint="remove the release folder and run again to make it anew",
        )
    click.echo(
        f"{manifest['release_id']} ({manifest['audience']}): "
        f"{len(manifest['core']) + len(manifest['renderings'])} files agree with the manifest"
    )


@main.command()
@click.argument("area")
@click.argument("period")
@click.option("--measure", help="Such as victims_detected; all by default.")
@HOME
@click.option("--audience", type=click.Choice(["restricted", "public"]), default="restricted", show_default=True)
@click.option("--release", "identifier", default="latest", show_default=True)
@AS_JSON
def explain(
    area: str, period: str, measure: str | None, home_path: Path, audience: str, identifier: str, as_json: bool
) -> None:
    """Take the figures of an area and period back to where they came from."""
    from orchestration.printing import print_explanations
    from orchestration.releases import explain as explain_figures

    manifest = _one(home_path, identifier, audience)
    found = explain_figures(manifest, area, period, measure)
    if not found:
        raise WaymarkError(
            f"{manifest['release_id']} has no figure for area {area!r}, period {period!r}",
            hint="areas and periods are those of tables/observations.csv",
        )
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False, default=str))
    else:
        print_explanations(found)


for command in (back_fill, contract, doctor, ui):
    main.add_command(command)

if __name__ == "__main__":
    main()
