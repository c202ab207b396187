"""Months and quarters by their names in a language, as the Unicode CLDR has them (through babel).

Wide and abbreviated names, and both the form that stands alone and the form that stands with a day or a year (in Slavic
and Baltic languages the genitive: styczeń, stycznia), are known. Case, accents and full stops do not matter. A name
that stands for two months or quarters of the language is not read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

_PLAIN_LETTERS = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "°": "o"})
# words for "year" that stand beside it and that CLDR's patterns of a month with its year do not have
_YEAR_WORDS = {"pl": ("r", "rok", "roku"), "cs": ("rok", "roku"), "sk": ("rok", "roku"), "lv": ("gada", "gads")}
# a year, or a year and the next one (2019/20, 2019-2020), that no other digit touches
_YEAR = re.compile(r"(?<!\d)(?P<year>\d{4})(?:[/–-](?P<next>\d{4}|\d{2}))?(?!\d)[年년]?")


@cache
def is_language(language: str) -> bool:
    """Whether the CLDR knows the language (`pl`, `pt_BR`)."""
    from babel import Locale
    from babel.core import UnknownLocaleError

    try:
        Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return False
    return True


def named_period(
    text: str, kind: str, languages: tuple[str, ...], own: Mapping[str, tuple[str, int]] | None = None
) -> dict[str, int] | None:
    """`year` with `month` or `quarter` (the kind) of a text such as `styczeń 2023`, `janv. 2024` or `2023 I kwartał`.

    `own` are the publisher's own names, folded, to (kind, number): they come before those
    of the languages. A double year (`kwiecień 2019/20`) gives `next_year` as well. None where the year is missing, or the rest of the
    text is not exactly one name in one of the languages.
    """
    found = list(_YEAR.finditer(text))
    if len(found) != 1:
        return None
    rest = text[: found[0].start()] + " " + text[found[0].end() :]
    of_publisher = (own or {}).get(folded_period(rest))
    if of_publisher is not None:
        numbers = {of_publisher[1]} if of_publisher[0] == kind else set()
    elif kind in ("month", "quarter"):
        numbers = {number for language in languages if (number := _number(rest, kind, language)) is not None}
    else:
        numbers = set()
    if len(numbers) != 1:
        return None
    parts = {"year": int(found[0]["year"]), kind: numbers.pop()}
    if found[0]["next"]:
        following = parts["year"] + 1
        if int(found[0]["next"]) not in (following, following % 100):
            return None
        parts["next_year"] = following
    return parts


def number_of_name(name: str, own: Mapping[str, tuple[str, int]], languages: tuple[str, ...]) -> tuple[str, int] | None:
    """(month | quarter | semester, number) of a name alone: the publisher's own, or else one of the languages."""
    folded = folded_period(name)
    if folded in own:
        return own[folded]
    for kind in ("month", "quarter"):
        numbers = {number for language in languages if (number := _number(name, kind, language)) is not None}
        if len(numbers) == 1:
            return kind, numbers.pop()
    return None


def folded_period(text: str) -> str:
    """Lower case without accents; everything but letters and digits as single blanks."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN_LETTERS))
    plain = "".join(part for part in plain if not unicodedata.combining(part))
    return " ".join(re.sub(r"[\W_]+", " ", plain).split())


def _number(rest: str, kind: str, language: str) -> int | None:
    names, particles = _names(kind, language), _particles(language)
    folded = folded_period(rest)
    if folded in names:
        return names[folded]
    return names.get(" ".join(word for word in folded.split() if word not in particles))


@cache
def _names(kind: str, language: str) -> dict[str, int]:
    """Folded name to number, without the names that two numbers share."""
    from babel import Locale

    locale = Locale.parse(language)
    of_kind = locale.months if kind == "month" else locale.quarters
    found: dict[str, set[int]] = {}
    for context in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in of_kind[context][width].items():
                found.setdefault(folded_period(name), set()).add(number)
    if kind == "quarter":
        for number, numeral in enumerate(("I", "II", "III", "IV"), start=1):
            found.setdefault(numeral.casefold(), set()).add(number)
            found.setdefault(f"q{number}", set()).add(number)
    return {name: next(iter(numbers)) for name, numbers in found.items() if len(numbers) == 1 and name}


@cache
def _particles(language: str) -> frozenset[str]:
    """Words that stand between a month or quarter and its year: Spanish `de`, Lithuanian `m.`, Polish `r.`."""
    from babel import Locale

    skeletons = Locale.parse(language).datetime_skeletons
    words: set[str] = set(_YEAR_WORDS.get(language.split("_")[0], ()))
    for skeleton in ("yMMMM", "yMMM", "yQQQQ", "yQQQ"):
        pattern = skeletons.get(skeleton)
        if pattern is not None:
            quoted = re.findall(r"'([^']+)'", pattern.pattern)
            words.update(word for text in quoted for word in folded_period(text).split())
            words.update(folded_period(re.sub(r"'[^']*'|[A-Za-z]", " ", pattern.pattern)).split())
    return frozenset(words)
