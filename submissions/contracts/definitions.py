"""Legal definitions, their map and declared breaks that come with contracts rather than with the program.

A contracts root may hold definitions.csv, definition_map.csv and breaks.csv with the columns of the seeds of those
names. They are recorded in the lake together, with one digest; the warehouse adds them to the shipped ones.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

from submissions.contracts.loading import own_roots
from submissions.errors import WaymarkError
from submissions.store.home import Home, write_whole
from submissions.store.ledger import Ledger, state
from submissions.vocabulary.fields import SEEDS

BREAK_COLUMNS = ("area_code", "measure", "break_on", "kind", "evidence")
TABLES = ("definitions", "definition_map", "breaks")


def columns(table: str) -> tuple[str, ...]:
    """The columns of one of the three tables: those of the shipped seed."""
    if table == "breaks":
        return BREAK_COLUMNS
    with (SEEDS / f"{table}.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(next(csv.reader(stream)))


def record(home: Home, roots: Iterable[Path]) -> None:
    """Takes a snapshot of the declared definitions when they changed since the ledger last saw them."""
    ledger = Ledger.of(home)
    recorded = state(ledger.entries()).definitions
    roots = own_roots(roots, home)
    contents = {table: rows(table, roots) for table in TABLES}
    if recorded is None and not any(content.count(b"\n") > 1 for content in contents.values()):
        return
    digest = hashlib.sha256(b"\0".join(contents[table] for table in TABLES)).hexdigest()
    if digest == recorded:
        return
    folder = home.lake / "reference" / "definitions" / digest
    for table, content in contents.items():
        write_whole(folder / f"{table}.csv", content)
    ledger.append([{"kind": "definitions", "digest": digest}])


def snapshot(home: Home, limit: int | None = None) -> Path | None:
    """The folder of the definitions in force at a ledger position."""
    digest = state(Ledger.of(home).entries(limit)).definitions
    return home.lake / "reference" / "definitions" / digest if digest else None


def rows(table: str, roots: Iterable[Path]) -> bytes:
    """The rows of one table from all roots as one CSV. Raises WaymarkError for unknown columns or ragged rows."""
    wanted = columns(table)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(wanted)
    for root in roots:
        file = root / f"{table}.csv"
        if not file.is_file():
            continue
        reader = csv.DictReader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline=""), strict=True)
        unknown = [name for name in reader.fieldnames or () if name not in wanted]
        if unknown:
            raise WaymarkError(f"{file} has unknown columns: {', '.join(unknown)}", hint=f"Known: {', '.join(wanted)}")
        for row in reader:
            if None in row or None in row.values():
                raise WaymarkError(f"{file} line {reader.line_num} has more or fewer cells than the header")
            writer.writerow([row.get(name, "") for name in wanted])
    return stream.getvalue().encode()
