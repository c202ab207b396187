"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

HOME = click.option(
    "--home",
    "home_path",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    envvar="WAYMARK_HOME",
    help="The folder that holds everything received and released.",
)
CONTRACTS = click.option(
    "--contracts",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    help="A folder with contracts; it comes before those of the home and of the repository.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
AREAS = click.option(
    "--areas",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="Boundary files or folders of them.",
)
TIMINGS = click.option("--timings", is_flag=True, help="Print where the time went.")
