"""National offence codes that no definition_map knows: their figures stand under no harmonised offence, and it is said.

A code has a definition where a row of definition_map (shipped, or in a contracts root) leads it, or its label, from the
partner or from a jurisdiction to the harmonised tree of offences.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from submissions.contracts.model import Contract, Dataset
from submissions.vocabulary.fields import RESERVED, seed

if TYPE_CHECKING:
    import duckdb


TREE = "ICCS"
LISTED = 8
# a code as laws number their provisions; other texts of a partner are counted and not shown
_CODE = re.compile(r"(?=.*\d)[\w§.()/-]{1,12}( [\w§.()/-]{1,8}){0,2}")


def defined(partner: str, maps: Iterable[Mapping[str, str]]) -> frozenset[str]:
    """Codes and labels that rows of definition_map lead from the partner, or from a jurisdiction, to the tree."""
    return frozenset(
        row["source_code"]
        for row in maps
        if row["target_scheme"] == TREE
        and (row["source_scheme"] == partner or re.fullmatch(r"[A-Z]{3}", row["source_scheme"]))
    )


def declared_maps(roots: Iterable[Path]) -> list[Mapping[str, str]]:
    """Rows of definition_map: the shipped ones, then those of the roots. A file that cannot be read has none here."""
    rows: list[Mapping[str, str]] = list(seed("definition_map"))
    for root in roots:
        file = root / "definition_map.csv"
        try:
            text = file.read_bytes().decode("utf-8-sig") if file.is_file() else ""
            read = list(csv.DictReader(io.StringIO(text, newline="")))
        except (OSError, UnicodeDecodeError, csv.Error):
            continue
        rows += [row for row in read if {"source_scheme", "source_code", "target_scheme"} <= row.keys()]
    return rows


def codes_of(contract: Contract, dataset: Dataset) -> dict[str, str]:
    """Label to national offence code, as the contract's maps and constants give them."""
    found: dict[str, str] = {}
    for rule in dataset.columns.get("offence", ()):
        for _, row in contract.map_rows(rule):
            found.setdefault(row.source, row.code)
        found |= {code: code for code in (rule.constant, rule.otherwise) if code}
    return found


def undefined_in_contract(contract: Contract, maps: Iterable[Mapping[str, str]]) -> Iterator[tuple[Dataset, str]]:
    """(dataset, what to say) of offences that are declared and have no definition."""
    known = defined(contract.partner, maps)
    for dataset in contract.figures:
        rules = dataset.columns.get("offence", ())
        codes = codes_of(contract, dataset)
        missing = sorted({code for label, code in codes.items() if not {code, label} & known} - set(RESERVED))
        if missing:
            yield dataset, f"without a row in a definition_map: {listed(missing)}"
        elif any(rule.source and not rule.is_mapped for rule in rules) and not known - set(RESERVED):
            yield dataset, f"taken as they stand in the file, and no definition_map has a code of {contract.partner}"


def undefined_rows(
    rows: Iterable[tuple[str, int]], contract: Contract, dataset: Dataset, known: frozenset[str]
) -> tuple[int, list[str]]:
    """(rows touched, codes) of the (label, rows) that have no definition; labels that no map knows are told elsewhere."""
    codes = codes_of(contract, dataset)
    is_mapped = any(rule.is_mapped for rule in dataset.columns.get("offence", ()))
    touched: dict[str, int] = {}
    for label, number in rows:
        code = codes.get(label, None if is_mapped else label)
        if code is not None and code not in RESERVED and not {code, label} & known:
            touched[code] = touched.get(code, 0) + number
    return sum(touched.values()), sorted(touched)


def undefined_of_batch(
    connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset, condition: str, parameters: dict
) -> tuple[int, str]:
    """(rows, what to say) of the rows in `candidates` whose offence has no definition."""
    if contract.defined_offences is None or dataset.kind == "evidence" or "offence" not in dataset.columns:
        return 0, ""
    rows = connection.execute(
        f"SELECT offence, count(*) FROM candidates WHERE {condition} GROUP BY 1 ORDER BY 1", parameters
    ).fetchall()
    number, codes = undefined_rows(rows, contract, dataset, contract.defined_offences)
    return number, listed(codes)


def listed(codes: list[str]) -> str:
    """Codes in words; texts that do not look like a code are counted."""
    shown = [code for code in codes if _CODE.fullmatch(code)]
    parts = shown[:LISTED] + (
        [f"{len(codes) - len(shown[:LISTED]):,} more"] if len(codes) > len(shown[:LISTED]) else []
    )
    return f"{len(codes):,} offence code{'s' if len(codes) != 1 else ''} ({', '.join(parts)})"
