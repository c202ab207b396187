"""Offences of the figures in force that no definition_map knows, over a whole home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from submissions.contracts.loading import load_snapshot
from submissions.contracts.offences import declared_maps, defined, listed, undefined_rows
from submissions.store.home import Home
from submissions.store.ledger import State
from submissions.store.vintages import lake_file


def undefined_of_home(home: Home, known: State) -> Iterator[str]:
    """Of every dataset in force: its offences without a definition and the rows they touch, as sentences."""
    import duckdb

    folder = home.lake / "reference"
    maps = declared_maps([folder / "definitions" / known.definitions] if known.definitions else [])
    for partner, digest in sorted(known.contracts.items()):
        contract = load_snapshot(folder / "contracts" / partner / digest, partner)
        for dataset in contract.figures:
            files = [
                str(lake_file(home, partner, entry["submission_id"]))
                for entry in known.in_force()
                if (entry["partner_id"], entry["dataset"]) == (partner, dataset.name)
            ]
            files = [file for file in files if Path(file).is_file()]
            if not files or "offence" not in dataset.columns:
                continue
            with duckdb.connect() as connection:
                rows = connection.execute(
                    "SELECT offence, count(*) FROM read_parquet($files, hive_partitioning = false) GROUP BY 1 ORDER BY 1",
                    {"files": files},
                ).fetchall()
            number, codes = undefined_rows(rows, contract, dataset, defined(partner, maps))
            if number:
                yield f"{partner}, {dataset.name}: {number:,} rows of the lake under {listed(codes)}"
