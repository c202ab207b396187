"""Releases of a protected audience that stand in a home and are on no record: read they were all the same.

A home of version 0.1 kept no cells of its releases, and a home restored from a backup may hold releases that its ledger
does not know. Before anything new is protected, what such a release shows is taken from its tables, and what it hides from
the restricted release of the same date and ledger position, or from marts built anew for them. What cannot be built any
more stays hidden for good.
"""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from orchestration.runs import progress
from orchestration.runs.builds import Build
from submissions.errors import WaymarkError
from submissions.store import publications, published_cells
from submissions.store.home import Home
from submissions.store.ledger import Ledger
from submissions.store.published_cells import ALWAYS, CELL, HIDDEN, SHOWN, VERSION

MONEY = "regexp_full_match(unit, '[A-Z]{3}')"


def adopt(home: Home, audience: str) -> list[str]:
    """Take every release of an audience that stands and is not on record into the ledger and the file of published
    cells, oldest first. Gives their ids. The caller holds the home."""
    known = {each.release_id for each in publications.record_of(home, audience).publications}
    shelf = home.releases / audience
    found: list[tuple[str, int, str, Path]] = []
    for folder in shelf.glob("[!.]*") if shelf.is_dir() else ():
        if folder.is_symlink() or folder.name in known or not (folder / "manifest.json").is_file():
            continue
        said = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["provenance"]
        found.append((str(said["as_of"]), int(said["ledger_position"]), folder.name, folder))
    for as_of, position, identifier, folder in sorted(found):
        with progress.current().step("protection", f"taking the {audience} release {identifier} on record"):
            versions = _versions(home, folder, as_of, position)
            record = publications.record_of(home, audience)
            digest = published_cells.extended(home, audience, len(record.publications) + 1, versions)
            earlier = [each.release_id for each in record.out()]
            # no code is named: a release that was not protected against earlier ones is never made anew as it was
            entry = publications.entry_of(identifier, audience, as_of, position, "", earlier, digest)
            Ledger.of(home).append([entry | {"is_adopted": True}])
            published_cells.remove_others(home)
    return [identifier for _, _, identifier, _ in sorted(found)]


def _versions(home: Home, folder: Path, as_of: str, position: int) -> pd.DataFrame:
    """The columns of `VERSION` for what a release shows and hides."""
    key = ", ".join(CELL)
    on_key = " and ".join(f"seen.{name} is not distinct from truth.{name}" for name in CELL)
    aside = home.builds / ".adopting"
    try:
        with duckdb.connect() as connection:
            truth = _truth(connection, home, as_of, position, aside)
            connection.execute(
                f"create table seen as select * from read_parquet(?) where not {MONEY}",
                [str(folder / "tables" / "observations.parquet")],
            )
            frame = connection.execute(
                f"""
                with truth as ({truth})
                select 'current' as vintage, {", ".join(f"seen.{name}" for name in CELL)},
                    coalesce(
                        seen.value, truth.value, floor((greatest(truth.lower, 1) + truth.upper) / 2)
                    )::decimal(20, 4) as value,
                    coalesce(seen.lower, truth.lower) as lower,
                    coalesce(seen.upper, truth.upper) as upper,
                    seen.value is null and truth.value is null and truth.upper is not null as is_interval,
                    case
                        when seen.value is not null then '{SHOWN}'
                        when truth.value is not null or truth.upper is not null then '{HIDDEN}'
                        else '{ALWAYS}'
                    end as suppressed,
                    seen.issued_on, seen.derivation
                from seen left join truth on {on_key}
                where seen.value is not null or seen.missing_reason = 'suppressed'
                order by all
                """
            ).df()
            changes = folder / "tables" / "changes.parquet"
            before = pd.DataFrame(columns=list(VERSION))
            if changes.is_file():
                shared = ("area_code", "measure", "unit", "exploitation", "sex", "age", "source", "dataset", "period")
                before = connection.execute(
                    f"""
                    select distinct 'previous' as vintage, {key}, changes.previous_value as value,
                        changes.previous_value as lower, changes.previous_value as upper, false as is_interval,
                        '{SHOWN}' as suppressed, changes.previous_issued_on as issued_on, derivation
                    from seen
                    inner join (
                        select {", ".join(shared)}, previous_value, previous_issued_on from read_parquet(?)
                    ) as changes using ({", ".join(shared)})
                    where changes.previous_value is not null and counterpart_area = '_T' and detail = '_T'
                    order by all
                    """,
                    [str(changes)],
                ).df()
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return pd.concat([each for each in (frame, before) if len(each)] or [frame], ignore_index=True)[list(VERSION)]


def _truth(connection: duckdb.DuckDBPyConnection, home: Home, as_of: str, position: int, aside: Path) -> str:
    """A query for the figures that nothing was hidden of: CELL, value, lower, upper."""
    columns = ", ".join([*CELL, "value", "lower", "upper"])
    for manifest in sorted((home.releases / "restricted").glob("[!.]*/manifest.json")):
        said: dict[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))["provenance"]
        table = manifest.parent / "tables" / "observations.parquet"
        if (str(said["as_of"]), int(said["ledger_position"])) == (as_of, position) and table.is_file():
            connection.execute("create table truth_of_twin as select * from read_parquet(?)", [str(table)])
            return f"select {columns} from truth_of_twin"
    build = Build(home, date.fromisoformat(as_of), position)
    try:
        _marts(build, aside / "warehouse.duckdb")
    except (WaymarkError, duckdb.Error, OSError):  # bytes that it needs were erased or lost
        return f"select {', '.join(f'null::varchar as {name}' for name in CELL)}, 0 as value, 0 as lower, 0 as upper where false"
    connection.execute(
        f"attach '{str(aside / 'warehouse.duckdb').replace(chr(39), chr(39) * 2)}' as adopted (read_only)"
    )
    return f"select {columns} from adopted.fct_cells"


def _marts(build: Build, database: Path) -> None:
    from orchestration.defs.warehouse import dbt
    from orchestration.defs.warehouse.lake import create_between
    from submissions.store import lake

    database.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(database)) as connection:
        lake.load(connection, build.home, build.ledger_position, build.as_of)
        create_between(connection)
    results = dbt.run(database, "marts")
    if any(str(result.status) in ("error", "runtime error") for result in results):
        raise WaymarkError(
            f"the marts of {build.as_of} at ledger position {build.ledger_position} cannot be built anew"
        )
