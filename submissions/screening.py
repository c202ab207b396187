"""The person-data screen: statistics are taken, never persons. It runs before anything but the sealed bytes is kept.

It looks at column names (in several languages) and at the distinct texts of every column, read by the contract or not:
contacts, account and identity numbers, birth dates, coordinates, free text, and columns that tell almost every row from
every other. It reports columns and reasons, never a content. A contract may clear a column with a reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from submissions.reading import Reading

if TYPE_CHECKING:
    import duckdb

MINIMUM_ROWS_NEAR_UNIQUE = 20
NEAR_UNIQUE_SHARE = 0.9
MINIMUM_ROWS_PATTERN = 5
LONG_TEXT_WORDS = 8
ROWS_LOOKED_AT_TOGETHER = 100_000
BEYOND = -1


@cache
def _names() -> re.Pattern[str]:
    """Names of columns that hold persons, as whole words of a folded header (personal_columns.txt)."""
    text = resources.files("submissions").joinpath("personal_columns.txt").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines()]
    return re.compile(rf"\b(?:{'|'.join(line for line in lines if line and not line.startswith('#'))})\b")


_CONTENTS: tuple[tuple[str, str], ...] = (
    ("e-mail addresses", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"),
    (
        "telephone numbers",
        r"(^|[^\w.,+-])(\+|00)[1-9]\d{0,2}[ ./()-]{0,2}\d{1,5}([ ./()-]{1,2}\d{2,5}){1,5}($|[^\w.,-])",
    ),
    ("telephone numbers", r"(^|[^\w.,+-])(\+|00)[1-9]\d{7,13}($|[^\w.,-])"),
    ("telephone numbers", r"(^|[^\w.,+-])\(?0\d{1,5}\)?[ ./-]{1,2}\d{2,5}([ ./-]\d{2,5}){1,4}($|[^\w.,-])"),
    ("telephone numbers", r"(^|[^\w.,+-])\(?[2-9]\d{2}\)?[ .-]\d{3}[.-]\d{4}($|[^\w.,-])"),
    ("coordinates", r"-?\d{1,2}\.\d{3,}\s*[,;/ ]\s*-?\d{1,3}\.\d{3,}"),
    ("web addresses", r"https?://|www\.[a-z0-9-]+\."),
    ("social security numbers", r"(^|[^\d-])\d{3}-\d{2}-\d{4}($|[^\d-])"),
)
_IBAN = r"\b[A-Z]{2}\d{2} ?[A-Z0-9]{4}( ?[A-Z0-9]{4}){2,6}( ?[A-Z0-9]{1,4})?\b"
_IDENTITY = r"^[A-Z]{1,3}[ -]?\d{6,9}[A-Z]?$"
_FULL_DATE = r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})( .*)?$"
_COORDINATE = r"^-?(1[0-7]\d|\d{1,2})[.,]\d{3,}$"
_NUMBER = r"^[+-]?[\d.,' \x{00A0}\x{202F}]*\d[\d.,]*%?$"


@dataclass(frozen=True)
class Finding:
    """A column (0-based position, name fit for display) and why it may hold personal data."""

    position: int
    column: str
    reason: str


@dataclass(frozen=True)
class Roles:
    """Positions of columns that a contract reads as dimensions, values and periods; whether a row is a case."""

    dimensions: frozenset[int] = frozenset()
    values: frozenset[int] = frozenset()
    periods: frozenset[int] = frozenset()
    is_cases: bool = False


def screen(
    connection: duckdb.DuckDBPyConnection,
    reading: Reading,
    *,
    dimensions: Iterable[int] = (),
    values: Iterable[int] = (),
    periods: Iterable[int] = (),
    cleared: Iterable[str] = (),
    is_cases: bool = False,
) -> list[Finding]:
    """Looks through every column of the table `source`, and the cells beyond the header; at most one finding a column.

    `dimensions`, `values` and `periods` are positions that the contract reads as such: a column that is no finer than
    a column read as a dimension tells nobody apart; numbers are expected in value columns, and days in period columns.
    `cleared` are names of columns that the contract declares harmless.
    """
    roles = Roles(frozenset(dimensions), frozenset(values), frozenset(periods), is_cases)
    harmless = frozenset(cleared)
    columns = {position: f"c{position}" for position, name in enumerate(reading.header) if name not in harmless}
    profiles = _profiles(connection, {**columns, BEYOND: "more"}, reading.rows)
    beyond = profiles.pop(BEYOND)
    finest = max((profiles[position].distinct for position in roles.dimensions & profiles.keys()), default=0)
    findings = []
    for position, profile in profiles.items():
        name = reading.header[position]
        reason = _reason(name, profile, position, roles, finest) if profile.filled else None
        if reason:
            findings.append(Finding(position, displayed(name, 40) or f"column {position + 1}", reason))
    if beyond.content:
        findings.append(Finding(len(reading.header), "cells beyond the header", beyond.content))
    return findings


@dataclass(frozen=True)
class _Profile:
    """Rows with a text, distinct texts, what kind of personal content some text has, and rows by form of the text."""

    filled: int
    distinct: int
    content: str | None
    identities: int
    dates: int
    distinct_dates: int
    coordinates: int
    numbers: int
    long_texts: int


def _profiles(connection: duckdb.DuckDBPyConnection, columns: Mapping[int, str], rows: int) -> dict[int, _Profile]:
    """Profiles of columns by position. Planning costs more than looking at a small file, so one query looks at all of its
    columns; of a large file one column at a time is held."""
    found = dict.fromkeys(columns, _Profile(0, 0, None, 0, 0, 0, 0, 0, 0))
    together = [list(columns)] if rows <= ROWS_LOOKED_AT_TOGETHER else [[position] for position in columns]
    for positions in together:
        found |= _profiles_together(connection, {position: columns[position] for position in positions})
    return found


def _profiles_together(connection: duckdb.DuckDBPyConnection, columns: Mapping[int, str]) -> dict[int, _Profile]:
    """Profiles of the columns that hold any text."""
    contents = [f"coalesce(bool_or(regexp_matches(text, $content_{index})), false)" for index in range(len(_CONTENTS))]
    texts = " UNION ALL ".join(
        f"SELECT {position} AS position, {column} AS text, count(*) AS number FROM source WHERE {column} <> '' GROUP BY 2"
        for position, column in columns.items()
    )
    rows = connection.execute(
        f"""
        WITH texts AS ({texts})
        SELECT position, (list(text) FILTER (regexp_matches(text, $iban)))[:1000],
               coalesce(sum(number), 0), count(*),
               coalesce(sum(number) FILTER (regexp_matches(text, $identity)), 0),
               coalesce(sum(number) FILTER (regexp_matches(text, $full_date)), 0),
               count(*) FILTER (regexp_matches(text, $full_date)),
               coalesce(sum(number) FILTER (regexp_matches(text, $coordinate)), 0),
               coalesce(sum(number) FILTER (regexp_matches(text, $number)), 0),
               coalesce(sum(number) FILTER (len(string_split_regex(text, '\\s+')) > {LONG_TEXT_WORDS}), 0),
               {", ".join(contents)}
        FROM texts GROUP BY position
        """,
        {
            "identity": _IDENTITY,
            "full_date": _FULL_DATE,
            "coordinate": _COORDINATE,
            "number": _NUMBER,
            "iban": _IBAN,
            **{f"content_{index}": pattern for index, (_, pattern) in enumerate(_CONTENTS)},
        },
    ).fetchall()
    found = {}
    for position, iban_like, *rest in rows:
        filled, distinct, *forms = (int(count) for count in rest[:8])
        reasons = [reason for (reason, _), has_it in zip(_CONTENTS, rest[8:], strict=True) if has_it]
        if any(_is_iban(text) for text in iban_like or ()):
            reasons.append("bank account numbers")
        found[position] = _Profile(filled, distinct, reasons[0] if reasons else None, *forms)
    return found


def _reason(name: str, profile: _Profile, position: int, roles: Roles, finest: int) -> str | None:
    if profile.content:
        return profile.content
    if position in roles.values:
        return None
    is_dimension, is_period = position in roles.dimensions, position in roles.periods
    if not is_dimension and not is_period and _names().search(folded(name)):
        return "the column's name"
    filled = profile.filled
    share = profile.distinct / filled
    if filled >= MINIMUM_ROWS_PATTERN:
        if profile.identities > filled / 2 and share > NEAR_UNIQUE_SHARE:
            return "identity document numbers"
        if profile.coordinates > NEAR_UNIQUE_SHARE * filled and share > 0.5 and not is_dimension:
            return "coordinates"
        if not is_period and profile.dates > filled / 2 and profile.distinct_dates > 20 and share > 0.3:
            return "full dates"
        if profile.long_texts > filled / 3 and share > 0.5:
            return "free text"
    tells_apart = roles.is_cases if is_dimension else profile.distinct > finest
    is_number = profile.numbers > NEAR_UNIQUE_SHARE * filled and not roles.is_cases
    is_near_unique = filled > MINIMUM_ROWS_NEAR_UNIQUE and share > NEAR_UNIQUE_SHARE
    if is_near_unique and tells_apart and not is_number and not is_period:
        return "almost every row has its own text"
    return None


def _is_iban(text: str) -> bool:
    """The remainder test of ISO 13616, so that other codes of letters and digits pass."""
    for match in re.finditer(_IBAN, text):
        compact = match[0].replace(" ", "")
        if 15 <= len(compact) <= 34:
            turned = compact[4:] + compact[:4]
            if int("".join(str(int(character, 36)) for character in turned)) % 97 == 1:
                return True
    return False


def folded(text: str) -> str:
    """Lower case without accents, everything but letters and digits as single blanks; camelCase is split."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    plain = "".join(part for part in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(part))
    return " ".join(re.sub(r"[\W_]+", " ", plain).split())


def displayed(text: str, length: int = 80) -> str:
    """Text from a partner made fit to be shown: no control, format or direction characters, and not long."""
    shown = "".join(
        character if unicodedata.category(character)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return shown if len(shown) <= length else shown[: length - 1] + "…"
