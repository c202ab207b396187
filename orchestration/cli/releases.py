"""Commands about what was released: `waymark release list|show|diff|verify|discard`, `waymark explain`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import AS_JSON, HOME
from submissions.errors import WaymarkError
from submissions.store.publications import AUDIENCES


@click.group()
def release() -> None:
    """List, show, compare, verify and discard releases."""


def _manifests(home_path: Path, audience: str | None) -> list[dict[str, Any]]:
    from orchestration.runs.releases import releases
    from submissions.store.home import Home

    found = releases(Home.open(home_path), [audience] if audience else AUDIENCES)
    if not found:
        raise WaymarkError(f"{home_path} holds no release yet", hint=f"waymark run --home {home_path}")
    return found


def _named(home_path: Path, identifier: str, audience: str | None) -> list[dict[str, Any]]:
    """The releases that an id or `latest` names: one, or one of each audience."""
    found = _manifests(home_path, audience)
    chosen = [
        each for each in found if (each["is_latest"] if identifier == "latest" else each["release_id"] == identifier)
    ]
    if not chosen:
        raise WaymarkError(
            f"no release is called {identifier!r}", hint=f"`waymark release list --home {home_path}` lists them"
        )
    return chosen


def _one(home_path: Path, identifier: str, audience: str | None) -> dict[str, Any]:
    chosen = _named(home_path, identifier, audience)
    if len(chosen) > 1:
        raise WaymarkError(
            f"{identifier!r} names a release of each audience", hint="add --audience restricted or --audience public"
        )
    return chosen[0]


AUDIENCE = click.option("--audience", type=click.Choice(AUDIENCES), help="Only this audience's.")


@release.command(name="list")
@HOME
@AUDIENCE
@AS_JSON
def list_releases(home_path: Path, audience: str | None, as_json: bool) -> None:
    """List the releases of a home."""
    from orchestration.cli.printing import table

    rows = [
        {
            "audience": each["audience"],
            "release": each["release_id"],
            "as_of": each["provenance"]["as_of"],
            "ledger": each["provenance"]["ledger_position"],
            "files": len(each["core"]) + len(each["renderings"]),
            "latest": "latest" if each["is_latest"] else "",
            "rebuildable": not each["erased"],
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
    from orchestration.cli.printing import print_release

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
    """Compare the tables of two releases: rows removed, added, changed under the same key. Exit 0 equal, 1 different."""
    from orchestration.cli.printing import table
    from orchestration.runs.releases import difference

    rows = difference(
        Path(_one(home_path, first, audience)["folder"]), Path(_one(home_path, second, audience)["folder"])
    )
    changed = [row for row in rows if row["added"] or row["removed"] or row["changed"]]
    click.echo(json.dumps(rows, indent=1) if as_json else table(rows))
    sys.exit(1 if changed else 0)


@release.command()
@click.argument("identifier", default="latest")
@click.option(
    "--home",
    "home_path",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WAYMARK_HOME",
    help="The home that published it; without one IDENTIFIER is a release folder, and no ledger is asked.",
)
@AUDIENCE
def verify(identifier: str, home_path: Path | None, audience: str | None) -> None:
    """Check a release: files against its manifest, its id against its tables, its manifest against the home's ledger.

    IDENTIFIER is an id, `latest` of each audience, or a release folder. What the home holds is looked at too: a release
    whose inputs were altered cannot be made again. Exit 0 when all agree, else 2.
    """
    from orchestration.runs import verification
    from submissions.store.home import Home

    home = None if home_path is None else Home.open(home_path)
    damages: list[str] = []
    for name, folder in verification.named(home, identifier, audience):
        problems = verification.verify(folder, home)
        damages += [f"{name}: {problem}\n    cure: {problem.cure}" for problem in problems[:20]]
        damages += [f"{name}: {len(problems) - 20} more files disagree"] if len(problems) > 20 else []
        if not problems:
            ledger = "no ledger was asked (--home asks one)"
            if home is not None:
                known = verification.has_record(home)
                ledger = (
                    "the ledger with its manifest" if known else "the ledger tells of no release before its next run"
                )
            click.echo(f"{name}: all files agree with the manifest, its id with its tables; {ledger}")
    if home is not None:
        found = verification.damages_of_inputs(home)
        damages += [f"{home.path / each.name} {each.what}\n    cure: {each.cure}" for each in found[:20]]
        damages += [f"{len(found) - 20} more files of the home are damaged"] if len(found) > 20 else []
    if damages:
        raise WaymarkError("\n".join(["not as it was published", *damages]), hint="docs/runbooks/restore.md, Damage")


@release.command()
@click.argument("identifier")
@click.option("--reason", required=True, help="Why nobody can have read it; it stays in the ledger.")
@click.option("--audience", type=click.Choice(["public"]), default="public", show_default=True)
@HOME
def discard(identifier: str, reason: str, audience: str, home_path: Path) -> None:
    """Say that a release never left the house: later ones need not be protected against it.

    Only for a release that nobody outside has read. One that was read and is wrong stays an input of protection.
    """
    from orchestration.runs.lock import hold
    from submissions.store import publications
    from submissions.store.home import Home

    home = Home.open(home_path)
    with hold(home, lambda holder: click.echo(f"waiting: the home is held by {holder or 'another process'}", err=True)):
        entry = publications.discard(home, audience, identifier, reason)
    click.echo(
        f"{identifier} is discarded (ledger position {entry['position']}): the next {audience} release does not count it"
    )


@click.command()
@click.argument("area")
@click.argument("period")
@click.option("--measure", help="Such as victims_detected; all by default.")
@HOME
@click.option("--audience", type=click.Choice(AUDIENCES), default="restricted", show_default=True)
@click.option("--release", "identifier", default="latest", show_default=True)
@AS_JSON
def explain(
    area: str, period: str, measure: str | None, home_path: Path, audience: str, identifier: str, as_json: bool
) -> None:
    """Take the figures of an area and period back to where they came from."""
    from orchestration.cli.printing import print_explanations
    from orchestration.runs.releases import explain as explain_figures

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
