"""The person-data screen: statistics are taken, never persons. It runs before anything but the sealed bytes is kept.

It looks at column names (in several languages) and at the distinct texts of every column, read by the contract or not:
contacts, account and identity numbers, days, coordinates, names, sentences, and columns that tell almost every row from
every other. It reports columns and reasons, never a content. A contract may clear a column with a reason; texts that its
maps know are harmless. What only looks like a name, in a column of codes, sets its row aside (`suspects`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from submissions.readers.table import Reading
from submissions.vocabulary import personal_texts
from submissions.vocabulary.identity_numbers import scheme_of
from submissions.vocabulary.personal_texts import DOCUMENT, FIRST_OF_MONTH

if TYPE_CHECKING:
    import duckdb

MINIMUM_ROWS_NEAR_UNIQUE = 20
NEAR_UNIQUE_SHARE = 0.9
NEAR_UNIQUE = "almost every row has its own text"
MINIMUM_ROWS_PATTERN = 5
LONG_TEXT_WORDS = 8
# a name stands once or twice where a category stands again and again
SUSPECT_ROWS = 2
SUSPECTS_OF_A_COLUMN = 5
FOOTER_ROWS = 20
ROWS_LOOKED_AT_TOGETHER = 100_000
TEXTS_LOOKED_AT = 20_000
BEYOND = -1

# In RE2, what a text needs to be looked at more closely: a letter beside others, many digits, or the form of a day or point.
_WORTH_A_LOOK = r"\pL[^\d]*\pL|@|°|\d([ ./()+-]{0,2}\d){7}|\d[.,]\d{3}|\d[./-]\d{1,2}[./-]\d|[A-Za-z]{1,3}[ -]?\d{5}|^[A-Z0-9]{9,10}$"
_NUMBER = r"^[+-]?[\d.,' \x{00A0}\x{202F}]*\d[\d.,]*%?$"
_COORDINATE = r"^-?(1[0-7]\d|\d{1,2})[.,]\d{3,}$"
_FULL_DATE = r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})( .*)?$"
_IDENTITY = r"^[A-Z]{1,3}[ -]?\d{6,9}[A-Z]?$"


@cache
def _names() -> tuple[re.Pattern[str], frozenset[str]]:
    """Names of columns that hold persons (personal_columns.txt): whole words of a folded header, and whole headers."""
    text = resources.files("submissions.validation").joinpath("personal_columns.txt").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    words = re.compile(rf"\b(?:{'|'.join(line for line in lines if line[0] != '=')})\b")
    return words, frozenset(folded(name) for line in lines if line[0] == "=" for name in line[1:].split("|"))


@dataclass(frozen=True)
class Finding:
    """A column (0-based position, name fit for display) and why it may hold personal data."""

    position: int
    column: str
    reason: str


@dataclass(frozen=True)
class Screened:
    """Columns that refuse the file, and texts that set their rows aside: they look like names among codes."""

    findings: tuple[Finding, ...] = ()
    suspects: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Roles:
    """What a contract reads each column as, by position.

    codes      dimensions of few members (sex, exploitation, …); places: areas and bodies, whose names may be any words
    known      texts that maps and value lists hold, in any column
    undeclared columns that the contract neither reads nor ignores
    left_out   SQL, with its parameters, that is true for rows that the contract excludes: they are stored nowhere
    """

    codes: frozenset[int] = frozenset()
    places: frozenset[int] = frozenset()
    values: frozenset[int] = frozenset()
    periods: frozenset[int] = frozenset()
    issues: frozenset[int] = frozenset()
    undeclared: frozenset[int] = frozenset()
    known: frozenset[str] = frozenset()
    is_cases: bool = False
    left_out: str = "false"
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def dimensions(self) -> frozenset[int]:
        return self.codes | self.places


def screen(
    connection: duckdb.DuckDBPyConnection, reading: Reading, roles: Roles, cleared: Iterable[str] = ()
) -> Screened:
    """Looks through every column of the table `source`, and the cells beyond the header; at most one finding a column.

    A column that is no finer than a column read as a dimension tells nobody apart; numbers are expected in value
    columns, and days in period columns. `cleared` are names of columns that the contract declares harmless.
    """
    harmless = frozenset(cleared)
    columns = {position: f"c{position}" for position, name in enumerate(reading.header) if name not in harmless}
    left_out = _mark_left_out(connection, roles)
    profiles = _profiles(connection, {**columns, BEYOND: "more"}, reading.rows, left_out)
    beyond = profiles.pop(BEYOND)
    finest = max((profiles[position].distinct for position in roles.dimensions & profiles.keys()), default=0)
    findings = []
    suspects: set[str] = set()
    for position, profile in profiles.items():
        name = reading.header[position]
        reason = _reason(name, profile, position, roles, finest) if profile.filled else None
        reason = reason or personal_texts.contact(name)
        if reason in (None, NEAR_UNIQUE):
            # what its texts are says more than that each row has its own
            of_texts, of_column = _of_texts(profile, position, roles)
            reason = of_texts or reason
            suspects |= of_column
        if reason:
            findings.append(Finding(position, shown_header(name) or f"column {position + 1}", reason))
    reason = next(filter(None, (personal_texts.contact(text) for text, *_ in beyond.texts)), None)
    if reason:
        findings.append(Finding(len(reading.header), "cells beyond the header", reason))
    return Screened(tuple(findings), frozenset(suspects))


def shown_header(name: str) -> str:
    """A column's name fit for display: where a file has no header, its first row stands there."""
    return personal_texts.shown(displayed(name, 40), in_places=True)


@dataclass(frozen=True)
class _Profile:
    """Rows with a text, distinct texts, rows by form of the text, and the texts that are worth a look.

    texts  (text, rows, rows that are not left out), the rarest first
    """

    filled: int
    distinct: int
    identities: int
    dates: int
    distinct_dates: int
    coordinates: int
    numbers: int
    long_texts: int
    texts: Sequence[tuple[str, int, int]] = ()


def _mark_left_out(connection: duckdb.DuckDBPyConnection, roles: Roles) -> bool:
    """`left_out`: rows that the contract excludes, and whether they are the footer: few rows after the declared end.

    False where there are none.
    """
    after_end = connection.execute("SELECT bool_or(is_after_end) FROM source").fetchone()
    if roles.left_out == "false" and after_end != (True,):
        return False
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE left_out AS
        SELECT row_id, is_after_end AND (count(*) FILTER (is_after_end) OVER ()) <= {FOOTER_ROWS} AS is_footer
        FROM source WHERE is_after_end OR (width > 0 AND coalesce({roles.left_out}, false))
        """,
        dict(roles.parameters),
    )
    return connection.execute("SELECT count(*) FROM left_out").fetchone() != (0,)


def _profiles(
    connection: duckdb.DuckDBPyConnection, columns: Mapping[int, str], rows: int, left_out: bool
) -> dict[int, _Profile]:
    """Profiles of columns by position. Planning costs more than looking at a small file, so one query looks at all of its
    columns; of a large file one column at a time is held."""
    found = dict.fromkeys(columns, _Profile(0, 0, 0, 0, 0, 0, 0, 0))
    together = [list(columns)] if rows <= ROWS_LOOKED_AT_TOGETHER else [[position] for position in columns]
    for positions in together:
        found |= _profiles_together(connection, {position: columns[position] for position in positions}, left_out)
    return found


def _profiles_together(
    connection: duckdb.DuckDBPyConnection, columns: Mapping[int, str], left_out: bool
) -> dict[int, _Profile]:
    """Profiles of the columns that hold any text."""
    taken = "count(*) FILTER (is_footer IS NULL)" if left_out else "count(*)"
    join = "LEFT JOIN left_out USING (row_id)" if left_out else ""
    footer = "AND is_footer IS DISTINCT FROM true" if left_out else ""
    texts = " UNION ALL ".join(
        f"SELECT {position} AS position, {column} AS text, count(*) AS number, {taken} AS taken "
        f"FROM source {join} WHERE {column} <> '' {footer} GROUP BY 2"
        for position, column in columns.items()
    )
    rows = connection.execute(
        f"""
        WITH texts AS ({texts})
        SELECT position,
               (list((text, number, taken) ORDER BY number, text)
                FILTER (regexp_matches(text, $worth_a_look)))[:{TEXTS_LOOKED_AT}],
               coalesce(sum(number), 0), count(*),
               coalesce(sum(number) FILTER (regexp_matches(text, $identity)), 0),
               coalesce(sum(number) FILTER (regexp_matches(text, $full_date)), 0),
               count(*) FILTER (regexp_matches(text, $full_date)),
               coalesce(sum(number) FILTER (regexp_matches(text, $coordinate)), 0),
               coalesce(sum(number) FILTER (regexp_matches(text, $number)), 0),
               coalesce(sum(number) FILTER (len(string_split_regex(text, '\\s+')) > {LONG_TEXT_WORDS}), 0)
        FROM texts GROUP BY position
        """,
        {
            "worth_a_look": _WORTH_A_LOOK,
            "identity": _IDENTITY,
            "full_date": _FULL_DATE,
            "coordinate": _COORDINATE,
            "number": _NUMBER,
        },
    ).fetchall()
    return {
        position: _Profile(*(int(count) for count in forms), texts=looked_at or ())
        for position, looked_at, *forms in rows
    }


def _reason(name: str, profile: _Profile, position: int, roles: Roles, finest: int) -> str | None:
    """Why a column as a whole may hold persons: its name, or the form of most of its texts."""
    if position in roles.values:
        return None
    is_dimension, is_period = position in roles.dimensions, position in roles.periods | roles.issues
    words, whole = _names()
    is_named = words.search(folded(name)) or (position in roles.undeclared and folded(name) in whole)
    if not is_dimension and not is_period and is_named:
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
        return NEAR_UNIQUE
    return None


def _of_texts(profile: _Profile, position: int, roles: Roles) -> tuple[str | None, set[str]]:
    """Why a column may hold persons for what single texts of it say; else the texts that look like names."""
    suspects: set[str] = set()
    numbered: list[str] = []
    documents: list[str] = []
    for text, number, taken in profile.texts:
        if text in roles.known:
            continue
        reason = personal_texts.contact(text)
        if reason:
            return reason, set()
        if not taken:
            continue
        reason = _reason_of_text(text, position, roles)
        if reason:
            return reason, set()
        numbered += [text] if any(character.isdigit() for character in text) else []
        if DOCUMENT.fullmatch(text):
            documents.append(text)
        elif position in roles.codes and number <= SUSPECT_ROWS and personal_texts.may_be_name(text):
            suspects.add(text)
    if position not in roles.values and _has_identity_numbers(numbered):
        return "identity numbers", set()
    if position in roles.dimensions and documents and len(documents) <= profile.distinct / 2:
        # one among other labels; where most labels look so, they are codes
        return "identity document numbers", set()
    if len(suspects) >= SUSPECTS_OF_A_COLUMN and len(suspects) > profile.distinct / 3:
        return "names", set()
    return None, suspects


def _reason_of_text(text: str, position: int, roles: Roles) -> str | None:
    if personal_texts.is_day(text):
        is_period = position in roles.periods
        if position in roles.dimensions or (roles.is_cases and is_period and not FIRST_OF_MONTH.fullmatch(text)):
            return "full dates"
    if position in roles.dimensions and personal_texts.is_coordinate(text):
        return "coordinates"
    if personal_texts.is_name(text, in_places=position not in roles.codes | roles.values | roles.periods):
        return "names"
    return "free text" if personal_texts.is_told(text) else None


def _has_identity_numbers(texts: Sequence[str]) -> bool:
    """Whether texts are identity numbers. A check digit holds by chance for one number in ten or a hundred: of the texts of
    one form most must pass."""
    by_form: dict[str, list[str]] = {}
    for text in texts:
        form = re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "A", text))
        by_form.setdefault(form, []).append(text)
    return any(sum(scheme_of(text) is not None for text in alike) > len(alike) / 2 for alike in by_form.values())


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
