"""Country names in many languages to ISO 3166-1 alpha-3, by the territory names of CLDR (through babel)."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources

LANGUAGES = [
    "en",
    "fr",
    "es",
    "it",
    "de",
    "pt",
    "nl",
    "pl",
    "ro",
    "sv",
    "da",
    "nb",
    "fi",
    "cs",
    "sk",
    "hu",
    "tr",
    "ca",
    "hr",
    "sl",
    "et",
    "lv",
    "lt",
    "ru",
    "uk",
    "bg",
    "el",
    "ar",
    "id",
    "vi",
]
# names that people use for either of two countries
AMBIGUOUS = frozenset(("congo", "korea", "corea", "coree", "kongo"))


def resolve(name: str) -> str | None:
    """The alpha-3 code whose name in some language is the whole of `name`, or None.

    Case, accents, punctuation and white space do not matter. A name that two countries share in two languages gives
    None: nothing is guessed.
    """
    return _names().get(folded_name(name))


def folded_name(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold().replace("&", " and ").replace("ß", "ss"))
    plain = "".join(part for part in plain if not unicodedata.combining(part))
    return " ".join(re.sub(r"[^\w]+", " ", plain).split())


@cache
def _names() -> dict[str, str]:
    from babel import Locale

    alpha_3 = country_codes()
    found: dict[str, set[str]] = {}
    for language in LANGUAGES:
        for territory, name in Locale.parse(language).territories.items():
            if territory in alpha_3:
                found.setdefault(folded_name(name), set()).add(alpha_3[territory])
                # CLDR writes "Myanmar (Burma)" and "Hong Kong SAR China": the part before the bracket is a name as well
                short = re.sub(r"\s*[((].*$", "", name)
                found.setdefault(folded_name(short), set()).add(alpha_3[territory])
    return {
        name: next(iter(codes)) for name, codes in found.items() if len(codes) == 1 and name and name not in AMBIGUOUS
    }


@cache
def country_codes() -> dict[str, str]:
    """ISO 3166-1 alpha-2 to alpha-3."""
    text = resources.files("submissions.vocabulary").joinpath("country_codes.csv").read_text(encoding="utf-8")
    return dict(line.split(",") for line in text.split()[1:])
