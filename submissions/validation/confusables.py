"""Labels that look like others and are none: letters of another script, invisible characters, wide forms.

A word of two scripts, an invisible character, or a label that reads like a known one and is written otherwise. The table of
letters is the part of Unicode's confusables (UTS 39) that Greek and Cyrillic share with Latin.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING

from submissions.contracts.model import STATUSES, Contract, Dataset
from submissions.readers.layout import partner_columns
from submissions.validation.problems import Problem
from submissions.vocabulary.fields import codes

if TYPE_CHECKING:
    import duckdb

OF_ISSUE = "($issue::DATE IS NULL OR issue = $issue)"

_LATIN_OF = str.maketrans(
    dict(zip("аеорсухіјѕԁһӏкмтвнАВЕЗКМНОРСТУХІЈЅԌ", "aeopcyxijsdhlkmtbHABE3KMHOPCTYXIJSG", strict=False))
    | dict(zip("αορνυικτΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aopvuiktABEZHIKMNOPTYX", strict=True))
    | {"н": "h", "Н": "H", "ı": "i", "ℓ": "l", "∕": "/", "‐": "-", "‑": "-"}
)
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2060-\u2064\ufeff\U000e0000-\U000e007f]"
)
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK")


def look_alikes(labels: Collection[str], known: Collection[str]) -> list[str]:
    """Labels that deceive the eye, in order. `known` are the labels that maps and lists hold: they never do."""
    skeletons = {skeleton(text) for text in known}
    return [
        label
        for label in sorted(set(labels) - set(known))
        if _INVISIBLE.search(label)
        or mixes_scripts(label)
        or (skeleton(label) != _usual(label) and skeleton(label) in skeletons)
    ]


def skeleton(text: str) -> str:
    """What a text looks like: wide and invisible forms away, letters of other scripts as the Latin ones they resemble."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_LATIN_OF).casefold()


def _usual(text: str) -> str:
    return text.casefold()


def mixes_scripts(text: str) -> bool:
    """Whether one word has letters of Latin and of Cyrillic or Greek."""
    if text.isascii():
        return False
    for word in re.findall(r"[^\W\d_]+", text):
        found = {name for character in word for name in _SCRIPTS if unicodedata.name(character, "").startswith(name)}
        if len(found) > 1:
            return True
    return False


def problems(
    connection: duckdb.DuckDBPyConnection, contract: Contract, dataset: Dataset, issue: date | None
) -> list[Problem]:
    """Labels that deceive the eye, with their lines: named, because nobody would find why they have no code."""
    columns = [
        column
        for column, rules in dataset.columns.items()
        if column not in STATUSES and any(rule.source for rule in rules)
    ]
    if not columns:
        return []
    tests = ", ".join(f"bool_or(NOT regexp_full_match({column}, '[ -~]*'))" for column in columns)
    has_others = connection.execute(f"SELECT {tests} FROM candidates WHERE {OF_ISSUE}", {"issue": issue}).fetchone()
    found = []
    for column in (column for column, has in zip(columns, has_others or (), strict=False) if has):
        rules = dataset.columns[column]
        labels = [
            label
            for (label,) in connection.execute(
                f"SELECT DISTINCT {column} FROM candidates WHERE NOT regexp_full_match({column}, '[ -~]*') AND {OF_ISSUE}",
                {"issue": issue},
            ).fetchall()
        ]
        known = {row.source for rule in rules for _, row in contract.map_rows(rule)} | set(codes(column))
        deceiving = look_alikes(labels, known) if labels else []
        if deceiving:
            number, lines = connection.execute(
                f"""
                WITH found AS (SELECT DISTINCT row_id FROM candidates WHERE list_contains($labels, {column}) AND {OF_ISSUE})
                SELECT count(*), list(line ORDER BY line)[:20] FROM found JOIN texts USING (row_id)
                """,
                {"labels": deceiving, "issue": issue},
            ).fetchone() or (0, [])
            found.append(Problem("W-look-alike", "", number, tuple(lines), partner_columns(dataset, column)))
    return found
