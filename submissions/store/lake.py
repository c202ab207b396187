"""The lake at one ledger position, loaded into the database of a build as the schema `lake`.

Nothing here depends on as_of: the tables hold every submission in force, all its vintages, and the maps, contracts,
areas and definitions as they were at that position. `as_of` is only handed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submissions.contracts import definitions
from submissions.contracts.loading import DIMENSIONS, Contract, Dataset, load_snapshot
from submissions.errors import WaymarkError
from submissions.store import integrity
from submissions.store.home import Home
from submissions.store.ledger import Ledger, State, state
from submissions.store.vintages import lake_file
from submissions.vocabulary.observations import KEY, VALUES

if TYPE_CHECKING:
    import duckdb

OBSERVATION_TYPES = {
    "period_start": "DATE",
    "value": "DECIMAL(20, 4)",
    "lower": "DECIMAL(20, 4)",
    "upper": "DECIMAL(20, 4)",
}

# table -> column -> type, in the order of the columns
TABLES: dict[str, dict[str, str]] = {
    "build_parameters": {
        "as_of": "DATE",
        "ledger_position": "INTEGER",
        "home_kind": "VARCHAR",
        # empty until a build narrows to what one audience may see
        "audience": "VARCHAR",
    },
    "submissions": {
        "submission_id": "VARCHAR",
        "partner_id": "VARCHAR",
        "dataset": "VARCHAR",
        "replaces": "VARCHAR",
        "issued_on": "DATE",
        "issued_on_is_approximate": "BOOLEAN",
        "ledger_position": "INTEGER",
        "contract_digest": "VARCHAR",
        "rows_in": "BIGINT",
        "rows_accepted": "BIGINT",
        "rows_quarantined": "BIGINT",
        "rows_excluded": "BIGINT",
        "file_name": "VARCHAR",
    },
    "maps": {
        "partner_id": "VARCHAR",
        "dataset": "VARCHAR",
        "column_name": "VARCHAR",
        "source": "VARCHAR",
        "code": "VARCHAR",
        "valid_from": "DATE",
        "valid_to": "DATE",
        "note": "VARCHAR",
        "origin": "VARCHAR",
    },
    "datasets": {
        "partner_id": "VARCHAR",
        "partner_name": "VARCHAR",
        "sector": "VARCHAR",
        "licence": "VARCHAR",
        "legal_basis": "VARCHAR",
        "audience": "VARCHAR",
        "minimum_cell": "INTEGER",
        "already_public_minimum_cell": "INTEGER",
        "cadence_months": "INTEGER",
        "late_after_days": "INTEGER",
        "dataset": "VARCHAR",
        "title": "VARCHAR",
        "source_type": "VARCHAR",
        "counting_unit": "VARCHAR",
        "period_basis": "VARCHAR",
        "age_basis": "VARCHAR",
        "population_basis": "VARCHAR",
        "multi_response": "VARCHAR",
        "precedence": "INTEGER",
        "jurisdiction": "VARCHAR",
        "replaces": "VARCHAR",
        "frequency": "VARCHAR",
        "revises": "VARCHAR",
    },
    "areas": {
        "area_set": "VARCHAR",
        "area_code": "VARCHAR",
        "area_name": "VARCHAR",
        "area_level": "VARCHAR",
        "parent_code": "VARCHAR",
        "valid_from": "DATE",
        "valid_to": "DATE",
        "has_polygon": "BOOLEAN",
    },
    "area_changes": {
        "area_set": "VARCHAR",
        "from_code": "VARCHAR",
        "to_code": "VARCHAR",
        "changed_on": "DATE",
        "kind": "VARCHAR",
    },
    "breaks": {
        "area_code": "VARCHAR",
        "measure": "VARCHAR",
        "break_on": "DATE",
        "kind": "VARCHAR",
        "evidence": "VARCHAR",
    },
}


def load(
    connection: duckdb.DuckDBPyConnection, home: Home, ledger_position: int | None = None, as_of: date | None = None
) -> date:
    """Makes the schema `lake` anew. Returns the as_of used: the given one, or the latest date of issue in force.

    Raises WaymarkError when the position is beyond the ledger, when nothing is in force and no as_of is given, or
    when a submission needed was erased.
    """
    ledger = Ledger.of(home)
    entries = ledger.entries()
    position = ledger.input_position if ledger_position is None else ledger_position
    if not 0 <= position <= len(entries):
        raise WaymarkError(
            f"the ledger has {len(entries)} entries, not {position}", hint="`waymark submissions` shows positions."
        )
    known = state(entries[:position])
    erased_later = state(entries).erased
    gone = [entry["submission_id"] for entry in known.in_force() if entry["submission_id"] in erased_later]
    if gone:
        raise WaymarkError(
            f"the ledger at position {position} needs {gone[0]}, which was erased for legal reasons",
            hint="Releases that it touched cannot be built again; build from a position after the erasure.",
        )
    integrity.refuse_damaged(home, position)
    if as_of is None:
        issued = [entry["issued_on"] for entry in known.in_force()]
        if not issued:
            raise WaymarkError(
                "the home holds no accepted submission", hint="Put partners' files into the inbox and run again."
            )
        as_of = date.fromisoformat(max(issued))
    connection.execute("DROP SCHEMA IF EXISTS lake CASCADE")
    connection.execute("CREATE SCHEMA lake")
    for table, columns in TABLES.items():
        connection.execute(f"CREATE TABLE lake.{table} ({_definition(columns)})")
    contracts = _contracts(home, known)
    connection.execute("INSERT INTO lake.build_parameters VALUES (?, ?, ?, NULL)", [as_of, position, home.kind])
    _insert(connection, "submissions", _submission_rows(known))
    _load_observations(connection, home, known)
    _insert(connection, "datasets", [row for contract in contracts for row in _dataset_rows(contract)])
    _insert(connection, "maps", [row for contract in contracts for row in _map_rows(connection, contract)])
    _load_areas(connection, home, known)
    _load_definitions(connection, home, position)
    return as_of


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple]) -> None:
    if not rows:
        return
    import pyarrow as pa

    cells = list(zip(*rows, strict=True))
    connection.register("lake_rows", pa.table([pa.array(cell) for cell in cells], names=list(TABLES[table])))
    connection.execute(f"INSERT INTO lake.{table} SELECT * FROM lake_rows")
    connection.unregister("lake_rows")


def _contracts(home: Home, known: State) -> list[Contract]:
    folder = home.lake / "reference" / "contracts"
    return [load_snapshot(folder / partner / digest, partner) for partner, digest in sorted(known.contracts.items())]


def _submission_rows(known: State) -> list[tuple]:
    return [
        (
            entry["submission_id"], entry["partner_id"], entry["dataset"], entry["replaces"],
            date.fromisoformat(entry["issued_on"]), entry["issued_on_is_approximate"], entry["position"],
            entry["contract_digest"], entry["rows_in"], entry["rows_accepted"], entry["rows_quarantined"],
            entry["rows_excluded"], entry["file_name"],
        )
        for entry in known.in_force()
    ]  # fmt: skip


def _load_observations(connection: duckdb.DuckDBPyConnection, home: Home, known: State) -> None:
    columns = ("submission_id", "partner_id", "dataset", *KEY, *VALUES, "source_row_count")
    types = {"source_row_count": "INTEGER"} | OBSERVATION_TYPES
    definition = _definition({column: types.get(column, "VARCHAR") for column in columns})
    connection.execute(f"CREATE TABLE lake.observations ({definition})")
    files = [lake_file(home, entry["partner_id"], entry["submission_id"]) for entry in known.in_force()]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise WaymarkError(
            f"{missing[0]} is in the ledger but not in the lake",
            hint="Restore it from a backup, or send the file again.",
        )
    if files:
        connection.execute(
            f"""
            INSERT INTO lake.observations
            SELECT {", ".join(columns)} FROM read_parquet($files, hive_partitioning = false)
            """,
            {"files": [str(file) for file in sorted(files)]},
        )


def _dataset_rows(contract: Contract) -> Iterator[tuple]:
    public_minimum = (contract.already_public or {}).get("minimum_cell")
    for dataset in contract.figures:
        yield (
            contract.partner, contract.name, contract.sector, contract.licence, contract.legal_basis, contract.audience,
            contract.minimum_cell, public_minimum, contract.cadence_months, contract.late_after_days, dataset.name,
            dataset.title, dataset.source_type, dataset.counting_unit, dataset.period_basis, dataset.age_basis,
            dataset.population_basis, ",".join(dataset.multi_response), dataset.precedence, dataset.jurisdiction,
            dataset.replaces, dataset.frequency, dataset.revises or "",
        )  # fmt: skip


def _map_rows(connection: duckdb.DuckDBPyConnection, contract: Contract) -> Iterator[tuple]:
    """Rows of lake.maps: map files and value lists, the codes that stand beside labels, library names, defaults."""
    for dataset in contract.figures:
        for column in DIMENSIONS:
            rules = dataset.columns.get(column, ())
            if any(rule.is_mapped for rule in rules):
                yield from _column_map(connection, contract, dataset, column)


def _column_map(
    connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset, column: str
) -> Iterator[tuple]:
    rules = dataset.columns[column]
    known: set[str] = set()
    place = (contract.partner, dataset.name, column)
    for rule in rules:
        listed = set(rule.values)
        for origin, row in contract.map_rows(rule):
            # an earlier alternative wins, and within one the value list wins over the map file
            if row.source not in known and not (origin == "file" and row.source in listed):
                yield (*place, row.source, row.code, row.valid_from, row.valid_to, row.note, origin)
        known |= {row.source for _, row in contract.map_rows(rule)}
    for code in dict.fromkeys(code for rule in rules for code in (rule.constant, rule.otherwise) if code):
        if code not in known:
            known.add(code)
            yield (*place, code, code, None, None, "a code of the contract", "values")
    is_library = any(rule.library == "country_names" for rule in rules)
    default = next((rule.otherwise for rule in rules if rule.source and not rule.where and rule.otherwise), None)
    if not is_library and default is None:
        return
    labels = connection.execute(
        f"SELECT DISTINCT {column} FROM lake.observations WHERE partner_id = ? AND dataset = ? ORDER BY 1",
        [contract.partner, dataset.name],
    ).fetchall()
    for (label,) in labels:
        if label in known:
            continue
        code = None
        if is_library:
            from submissions.vocabulary.country_names import resolve

            code = resolve(label)
        if code is not None:
            yield (*place, label, code, None, None, "name of the Unicode CLDR", "library")
        elif default is not None:
            yield (*place, label, default, None, None, "all other labels", "values")


def _load_areas(connection: duckdb.DuckDBPyConnection, home: Home, known: State) -> None:
    for name, digest in sorted(known.areas.items()):
        folder = home.lake / "reference" / "areas" / name
        _read_csv(connection, "areas", folder / f"{digest}.csv", TABLES["areas"])
        _read_csv(connection, "area_changes", folder / f"{digest}.changes.csv", TABLES["area_changes"])


def _load_definitions(connection: duckdb.DuckDBPyConnection, home: Home, position: int) -> None:
    folder = definitions.snapshot(home, position)
    for table in ("definitions", "definition_map"):
        names = definitions.columns(table)
        connection.execute(f"CREATE TABLE lake.{table} ({', '.join(f'{name} VARCHAR' for name in names)})")
        if folder is not None:
            _read_csv(connection, table, folder / f"{table}.csv", dict.fromkeys(names, "VARCHAR"))
    if folder is not None:
        _read_csv(connection, "breaks", folder / "breaks.csv", TABLES["breaks"])


def _definition(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


def _read_csv(connection: duckdb.DuckDBPyConnection, table: str, file: Path, columns: dict[str, str]) -> None:
    """Reads a snapshot that this program wrote: the layout is ours, so nothing needs to be found out."""
    import csv

    import pyarrow as pa

    if not file.is_file():
        raise WaymarkError(f"{file} is in the ledger but not in the lake", hint="Restore it from a backup of the home.")
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        header = next(reader)
        rows = list(reader)
    if not rows:
        return
    cells: dict[str, Any] = dict(zip(header, zip(*rows, strict=True), strict=True))
    connection.register("snapshot", pa.table({name: pa.array(cells[name], pa.string()) for name in columns}))
    casts = ", ".join(f"CAST(nullif({name}, '') AS {kind}) AS {name}" for name, kind in columns.items())
    connection.execute(f"INSERT INTO lake.{table} SELECT {casts} FROM snapshot")
    connection.unregister("snapshot")
