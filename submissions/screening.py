"""The person-data screen: statistics are taken, never persons. It runs before anything but the sealed bytes is kept.

It looks at column names (in several languages) and at the distinct texts of every column, read by the contract or not:
contacts, account and identity numbers, birth dates, coordinates, free text, and columns that tell almost every row from
every other. It reports columns and reasons, never a content. A contract may clear a column with a reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from submissions.reading import BLANKS, Reading

if TYPE_CHECKING:
    import duckdb

MINIMUM_ROWS_NEAR_UNIQUE = 20
NEAR_UNIQUE_SHARE = 0.9
MINIMUM_ROWS_PATTERN = 5


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
    """Looks through every column of the table `source`.

    `dimensions`, `values` and `periods` are positions that the contract reads as such: a column that is no finer than
    a column read as a dimension tells nobody apart, numbers are expected in value columns, days in period columns.
    `cleared` are names the contract declares harmless. At most one finding a column.
    """
    dimensions, values, periods, cleared = set(dimensions), set(values), set(periods), set(cleared)
    profiles = {
        position: _profile(connection, position) for position, name in enumerate(reading.header) if name not in cleared
    }
    finest = max((profiles[position].distinct for position in dimensions if position in profiles), default=0)
    findings = []
    for position, profile in profiles.items():
        if profile.filled == 0:
            continue
        reason = _reason(
            connection, reading.header[position], profile, position, dimensions, values, periods, finest, is_cases
        )
        if reason:
            findings.append(
                Finding(position, displayed(reading.header[position], 40) or f"column {position + 1}", reason)
            )
    return findings


@dataclass(frozen=True)
class _Profile:
    filled: int
    distinct: int


def _profile(connection: duckdb.DuckDBPyConnection, position: int) -> _Profile:
    """Counts a column and leaves its distinct trimmed texts with their row counts in the table `texts_<position>`."""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE texts_{position} AS
        SELECT trim(c{position}, $blanks) AS text, count(*) AS number FROM source
        WHERE trim(c{position}, $blanks) <> '' GROUP BY 1
        """,
        {"blanks": BLANKS},
    )
    row = connection.execute(f"SELECT coalesce(sum(number), 0), count(*) FROM texts_{position}").fetchone()
    assert row is not None
    return _Profile(int(row[0]), int(row[1]))


def _reason(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    profile: _Profile,
    position: int,
    dimensions: set[int],
    values: set[int],
    periods: set[int],
    finest: int,
    is_cases: bool,
) -> str | None:
    table = f"texts_{position}"
    if position not in values and _names().search(folded(name)) and position not in dimensions | periods:
        return "the column's name"
    for reason, pattern in _CONTENTS:
        if position not in values and _any(connection, table, pattern):
            return reason
    if any(_is_iban(text) for (text,) in _matching(connection, table, _IBAN)):
        return "bank account numbers"
    if position in values:
        return None
    share = profile.distinct / profile.filled
    counts = connection.execute(
        f"""
        SELECT coalesce(sum(number) FILTER (regexp_matches(text, $identity)), 0),
               coalesce(sum(number) FILTER (regexp_matches(text, $full_date)), 0),
               count(*) FILTER (regexp_matches(text, $full_date)),
               coalesce(sum(number) FILTER (regexp_matches(text, $coordinate)), 0),
               coalesce(sum(number) FILTER (regexp_matches(text, $number)), 0),
               coalesce(sum(number) FILTER (len(string_split_regex(text, '\\s+')) > 8), 0)
        FROM {table}
        """,
        {"identity": _IDENTITY, "full_date": _FULL_DATE, "coordinate": _COORDINATE, "number": _NUMBER},
    ).fetchone()
    assert counts is not None
    identities, dates, distinct_dates, coordinates, numbers, long_texts = (int(value) for value in counts)
    filled = profile.filled
    if filled >= MINIMUM_ROWS_PATTERN:
        if identities > filled / 2 and share > NEAR_UNIQUE_SHARE:
            return "identity document numbers"
        if coordinates > NEAR_UNIQUE_SHARE * filled and share > 0.5 and position not in dimensions:
            return "coordinates"
        if position not in periods and dates > filled / 2 and distinct_dates > 20 and share > 0.3:
            return "full dates"
        if long_texts > filled / 3 and share > 0.5:
            return "free text"
    is_finer = profile.distinct > finest if position not in dimensions else is_cases and profile.distinct > 0.9 * filled
    is_number = numbers > NEAR_UNIQUE_SHARE * filled and not is_cases
    if (
        filled > MINIMUM_ROWS_NEAR_UNIQUE
        and share > NEAR_UNIQUE_SHARE
        and is_finer
        and not is_number
        and position not in periods
    ):
        return "almost every row has its own text"
    return None


def _any(connection: duckdb.DuckDBPyConnection, table: str, pattern: str) -> bool:
    return bool(_matching(connection, table, pattern, limit=1))


def _matching(connection: duckdb.DuckDBPyConnection, table: str, pattern: str, limit: int = 1000) -> list[tuple[str]]:
    return connection.execute(
        f"SELECT text FROM {table} WHERE regexp_matches(text, $pattern) LIMIT {limit}", {"pattern": pattern}
    ).fetchall()


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
