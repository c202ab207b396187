"""What is written of a judged file: its rows in the lake, rows set aside in quarantine with masked cells, and the receipt."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from submissions.receipts.receipt import Receipt
from submissions.store.home import Home, sync_folder, write_whole
from submissions.store.vintages import lake_file
from submissions.validation.screening import shown_header
from submissions.vocabulary.personal_texts import shown

if TYPE_CHECKING:
    import duckdb

    from submissions.reception.examination import Examined


def write_part(connection: duckdb.DuckDBPyConnection, home: Home, examined: Examined, part: Receipt) -> None:
    from submissions.vocabulary.observations import KEY, VALUES

    assert part.submission_id is not None
    columns = ", ".join(("submission_id", "partner_id", "dataset", *KEY, *VALUES, "source_row_count"))
    order = ", ".join((*KEY, *VALUES))
    write_parquet(
        connection,
        f"""
        SELECT {columns} FROM (
            SELECT '{part.submission_id}' AS submission_id, '{part.partner}' AS partner_id,
                   '{part.dataset}' AS dataset, *
            FROM observations WHERE issue = DATE '{part.issued_on}'
        ) ORDER BY {order}
        """,
        lake_file(home, part.partner, part.submission_id),
    )
    folder = home.quarantine / part.submission_id
    if part.rows_quarantined:
        # only the columns that the contract reads: what else the partner wrote stays in the sealed landing folder
        positions = sorted({*examined.found.positions.values(), *(index for index, _ in examined.found.unpivoted)})
        cells = ", ".join(f"c{position}" for position in positions)
        quarantined = f"""
            SELECT line, codes, [{cells}] AS cells FROM source JOIN fates USING (row_id, line)
            WHERE len(codes) > 0 AND issue = DATE '{part.issued_on}'
            """
        _make_masks(connection, quarantined)
        write_parquet(
            connection,
            f"""
            WITH masks AS (SELECT map(list(text), list(mask)) AS by_text FROM masked_texts)
            SELECT line, codes, list_transform(cells, cell -> coalesce(by_text[cell], cell)) AS cells
            FROM ({quarantined}), masks ORDER BY line
            """,
            folder / "rows.parquet",
        )
        header = [shown_header(examined.reading.header[position]) for position in positions]
        write_whole(folder / "header.json", json.dumps(header, ensure_ascii=False).encode())
    write_receipt(home, folder, part)


def _make_masks(connection: duckdb.DuckDBPyConnection, quarantined: str) -> None:
    """`masked_texts`: what stands in quarantine for cells that are not clearly codes, numbers or categories.

    The line leads to the cell in the sealed file; a name in the wrong column is not copied out of it.
    """
    from submissions.readers.layout import insert_rows

    texts = connection.execute(f"SELECT DISTINCT unnest(cells) FROM ({quarantined})").fetchall()
    masked = [(text, mask) for (text,) in texts if text and (mask := shown(text)) != text]
    connection.execute("CREATE OR REPLACE TEMP TABLE masked_texts (text VARCHAR, mask VARCHAR)")
    insert_rows(connection, "masked_texts", masked)


def write_parquet(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> None:
    """Writes the rows of a query, whole or not at all; equal rows in an order give equal bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.part")
    target = str(temporary).replace("'", "''")
    connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.replace(file)
    sync_folder(file.parent)


def write_receipt(home: Home, folder: Path, receipt: Receipt) -> None:
    from submissions.receipts import page as receipt_page

    page = receipt_page.page(receipt, is_invented=home.kind == "demonstration")
    write_whole(folder / "receipt.html", page.encode())
    write_whole(folder / "receipt.json", receipt.as_json().encode())
    write_whole(folder / "receipt.txt", receipt.as_text().encode())
