"""What protection keeps of every release that left the house: one row a distinct version of a published cell.

The file stands beside the ledger, `ledger/published/<audience>-<digest>.parquet`, and the ledger names its digest. True
values of hidden cells are in it: it never leaves the house. A version holds from a first to a last release (ordinals of
`publications`), so a hundred releases with few changes take hardly more room than one.

A row: the cell's key, its figure (value, lower, upper; for a figure that the publisher gave as an interval `value` is the
stand-in that protection used), `suppressed` ("" shown, "hidden"; "always" and "erased" where the value is not
known any more), `issued_on`, `derivation`, `vintage` ("current", or "previous" for the figures that the table of changes compares
with), first_release, last_release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from submissions.errors import WaymarkError
from submissions.store.home import Home, write_whole
from submissions.store.ledger import Ledger, State
from submissions.store.publications import CELLS, PROTECTED_AUDIENCES, cells_digest

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

CELL = (
    "source", "dataset", "measure", "unit", "area_role", "area_code", "period", "period_start", "frequency", "reporter", "offence",
    "exploitation", "sex", "age", "counterpart_area", "counterpart_role", "detail_kind", "detail",
)  # fmt: skip
FIGURE = ("value", "lower", "upper", "is_interval", "suppressed", "issued_on", "derivation")
# "always": hidden, and its true value is not known here any more; "erased": it was shown, and is not known here any more
SHOWN, HIDDEN, ALWAYS, ERASED = "", "hidden", "always", "erased"
TYPES = {
    **dict.fromkeys(("vintage", *CELL), "varchar"), "period_start": "date", "value": "decimal(20, 4)", "lower": "decimal(20, 4)",
    "upper": "decimal(20, 4)", "is_interval": "boolean", "suppressed": "varchar", "issued_on": "date", "derivation": "varchar",
    "first_release": "integer", "last_release": "integer",
}  # fmt: skip
VERSION = ("vintage", *CELL, *FIGURE)


def file_of(home: Home, audience: str, digest: str) -> Path:
    return home.ledger / "published" / f"{audience}-{digest[:16]}.parquet"


def current_file(home: Home, audience: str) -> Path | None:
    """The file that the ledger names; None before the first release of the audience. Raises WaymarkError where it is gone."""
    digest = cells_digest(Ledger.of(home).entries(), audience)
    if digest is None:
        return None
    path = file_of(home, audience, digest)
    if not path.is_file():
        raise WaymarkError(
            f"the cells of earlier {audience} releases are gone: {path} is missing",
            hint="Restore ledger/ from a backup of the home (docs/runbooks/restore.md): without them nothing can be "
            "released safely.",
        )
    return path


def earlier(home: Home, audience: str, ordinals: Iterable[int]) -> pd.DataFrame:
    """The versions that the named releases published, each cut to its first and last release among them.

    Columns of `VERSION` and first_release, last_release; ordered by all. A frame without rows where there are none.
    """
    import duckdb

    taken = sorted(ordinals)
    path = current_file(home, audience)
    with duckdb.connect() as connection:
        connection.execute(f"create table taken (ordinal integer); create table versions ({_typed()})")
        if taken:
            connection.executemany("insert into taken values (?)", [[ordinal] for ordinal in taken])
        if path is not None and taken:
            connection.execute("insert into versions by name select * from read_parquet(?)", [str(path)])
        return connection.execute(
            f"""
            select {", ".join(VERSION)}, min(ordinal)::integer as first_release, max(ordinal)::integer as last_release
            from versions inner join taken on ordinal between first_release and last_release
            group by {", ".join(VERSION)}, versions.first_release order by all
            """
        ).df()


def extended(home: Home, audience: str, ordinal: int, versions: pd.DataFrame) -> str:
    """Writes the file with what release `ordinal` publishes, and gives its SHA-256. The older file stays.

    versions  columns of `VERSION`, one row a cell. The caller holds the home, and names the digest in the ledger.
    """
    import duckdb

    path = current_file(home, audience)
    with duckdb.connect() as connection:
        connection.execute(f"create table versions ({_typed()})")
        if path is not None:
            connection.execute("insert into versions by name select * from read_parquet(?)", [str(path)])
        connection.register("incoming", versions[list(VERSION)])
        connection.execute(
            f"insert into versions by name select {', '.join(VERSION)}, {int(ordinal)} as first_release, "
            f"{int(ordinal)} as last_release from incoming"
        )
        # a version that the release before had as well goes on; one that comes back after a pause is a new row
        return _write(
            connection,
            home,
            audience,
            f"""
            select {", ".join(VERSION)}, min(first_release) as first_release, max(last_release) as last_release
            from versions
            group by {", ".join(VERSION)}, case when last_release < {int(ordinal) - 1} then first_release end
            """,
        )


def remove_others(home: Home) -> None:
    """Removes files of published cells that the ledger does not name: older ones, and what a cut-off run left."""
    entries = Ledger.of(home).entries()
    named = {
        file_of(home, audience, digest).name
        for audience in PROTECTED_AUDIENCES
        if (digest := cells_digest(entries, audience)) is not None
    }
    for path in (home.ledger / "published").glob("*.parquet"):
        if path.name not in named:
            path.unlink()


def erase(home: Home, known: State) -> None:
    """Takes every figure out that an erased submission may stand in; what is left is always hidden. Safe to repeat.

    A figure as published is of the submission with its date of issue; one that was added up may hold an older part, so
    every added-up figure issued since is taken out too.
    """
    import duckdb

    erased = [known.submissions[identity] for identity in sorted(known.erased) if identity in known.submissions]
    if not erased:
        return
    for audience in PROTECTED_AUDIENCES:
        path = current_file(home, audience)
        if path is None:
            continue
        with duckdb.connect() as connection:
            connection.execute(f"create table versions ({_typed()})")
            connection.execute("insert into versions by name select * from read_parquet(?)", [str(path)])
            touched = 0
            for entry in erased:
                touched += connection.execute(
                    """
                    update versions set value = null, lower = null, upper = null, is_interval = false,
                        suppressed = case when suppressed = $shown then $erased else $always end
                    where source = $source and dataset = $dataset and suppressed not in ($always, $erased)
                        and (issued_on = $issued::date or (derivation <> 'published' and issued_on > $issued::date))
                    """,
                    {
                        "always": ALWAYS,
                        "erased": ERASED,
                        "shown": SHOWN,
                        "source": entry["partner_id"],
                        "dataset": entry["dataset"],
                        "issued": str(entry["issued_on"]),
                    },
                ).fetchall()[0][0]
            if not touched:
                continue
            columns = [*VERSION, "first_release", "last_release"]
            digest = _write(connection, home, audience, f"select distinct {', '.join(columns)} from versions")
        Ledger.of(home).append([{"kind": CELLS, "audience": audience, "cells_sha256": digest}])
    remove_others(home)


def problems(home: Home, audiences: Sequence[str] = PROTECTED_AUDIENCES) -> list[str]:
    """One line for each file of published cells that is missing or not what the ledger says."""
    found = []
    entries = Ledger.of(home).entries()
    for audience in audiences:
        digest = cells_digest(entries, audience)
        if digest is None:
            continue
        path = file_of(home, audience, digest)
        if not path.is_file():
            found.append(f"{path.name} is missing: the cells of earlier {audience} releases")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            found.append(f"{path.name} is not what the ledger says: the cells of earlier {audience} releases")
    return found


def _write(connection: duckdb.DuckDBPyConnection, home: Home, audience: str, query: str) -> str:
    folder = home.ledger / "published"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = folder / f".{audience}.writing"
    target = str(aside).replace("'", "''")
    connection.execute(f"copy ({query} order by all) to '{target}' (format parquet, compression zstd)")
    content = aside.read_bytes()
    aside.unlink()
    digest = hashlib.sha256(content).hexdigest()
    write_whole(file_of(home, audience, digest), content, mode=0o600)
    return digest


def _typed() -> str:
    return ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
