"""What a file says of its own figures beside them: that they stand in thousands or millions, that its years are fiscal.

Titles, notes, headers and labels are looked at for such words in many languages (said_words). They never decide
how a figure is read: a contract does. But where a contract says nothing, or another thing, that is a problem and no silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from submissions.contracts.model import Dataset, FileRule
from submissions.readers.table import Reading
from submissions.validation.problems import Refusal
from submissions.vocabulary.multiplier_words import fiscal_said, multiplier_said

if TYPE_CHECKING:
    import duckdb

    from submissions.readers.layout import Layout

FOOTER_LINES = 200
LABELS = 2_000


def check_what_is_said(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, rule: FileRule, reading: Reading, found: Layout
) -> None:
    """Compares titles, notes and headers with the contract, and fills `contradicted` with rows whose labels differ.

    Raises Refusal (F-multiplier, F-fiscal) where the file as a whole says what the contract does not.
    """
    titles = [*_titles(rule, reading), *_footer(connection, reading)]
    _check_fiscal(dataset, titles)
    connection.execute("CREATE OR REPLACE TABLE contradicted (row_id BIGINT)")
    multiplier = dataset.value.multiplier if dataset.value else None
    if dataset.value is None or (multiplier and (multiplier.reason or multiplier.source)):
        return
    declared = multiplier.number if multiplier and multiplier.number else Decimal(1)
    headers = [name for _, name in found.unpivoted] or [dataset.value.source]
    for number in map(multiplier_said, [*headers, *titles]):
        if number is not None and number != declared:
            what = f"declared is {declared:f}" if multiplier else "none is declared"
            raise Refusal("F-multiplier", f"it speaks of {number:,}, {what}", columns=(dataset.value.source,))
    _contradicted(connection, dataset, reading, found, declared)


def _titles(rule: FileRule, reading: Reading) -> list[str]:
    lines = [cells for line, cells in reading.preamble.items() if line not in rule.format.header_rows]
    return [rule.format.sheet or "", *(" ".join(filter(None, cells)) for cells in lines)]


def _footer(connection: duckdb.DuckDBPyConnection, reading: Reading) -> Iterator[str]:
    cells = ", ".join(f"c{index}" for index in range(len(reading.header)))
    rows = connection.execute(
        f"SELECT concat_ws(' ', {cells}) FROM source WHERE is_after_end ORDER BY row_id LIMIT {FOOTER_LINES}"
    ).fetchall()
    yield from (text for (text,) in rows)


def _check_fiscal(dataset: Dataset, titles: Iterable[str]) -> None:
    if any(rule.says_fiscal or rule.values for rule in dataset.periods):
        return
    sources = [source for rule in dataset.periods for source in rule.sources]
    if any(map(fiscal_said, sources)) or any(map(fiscal_said, titles)):
        raise Refusal("F-fiscal", "a title, a note or the header of the period says so", columns=tuple(sources))


def _contradicted(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, reading: Reading, found: Layout, declared: Decimal
) -> None:
    """Rows with a label that says another number than the contract; what a column says of some rows it says of all."""
    figures = {found.positions.get(dataset.value.source) if dataset.value else None}
    periods = {found.positions.get(name) for rule in dataset.period_rules for name in rule.sources}
    unpivoted = {index for index, _ in found.unpivoted}
    for position in range(len(reading.header)):
        if position in figures | periods | unpivoted:
            continue
        rows = connection.execute(
            f"SELECT DISTINCT c{position} FROM source WHERE NOT is_after_end AND c{position} <> '' LIMIT {LABELS}"
        ).fetchall()
        said = {text: multiplier_said(text) for (text,) in rows if len(text) <= 200}
        if not any(said.values()):
            continue
        other = [text for text, number in said.items() if (number or 1) != declared]
        connection.execute(
            f"INSERT INTO contradicted SELECT row_id FROM source WHERE list_contains($texts, c{position})",
            {"texts": other},
        )
