"""Whether one text may be about a person, and how a text that may be is shown without being told.

Two certainties: what a text *is* (an address, a number with its check digits, a day, a name with a title or of known names)
refuses a file; what it only looks like (capitalised words in a column of codes) sets its row aside. Texts that a
contract's maps know are never asked about.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources

from submissions.vocabulary.identity_numbers import has_iban, scheme_of

SHOWN_CHARACTERS, SHOWN_WORDS, SHOWN_DIGITS = 60, 7, 6
SENTENCE_WORDS = 5

_E_MAIL = re.compile(r"[\w.%+-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}")
_WEB = re.compile(r"https?://|www\.[a-z0-9-]+\.", re.IGNORECASE)
_SOCIAL_SECURITY = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_POINT = re.compile(
    r"-?\d{1,2}\.\d{3,}\s*[,;/ ]\s*-?\d{1,3}\.\d{3,}|\d{1,3}\s?°\s?\d{1,2}(?:[.,]\d+)?\s?['\u2032\u2019]|[NSEW] ?\d{1,3}\.\d{3,}"
)
_COORDINATE = re.compile(r"[-+]?(?:1[0-7]\d|\d{1,2})[.,]\d{4,}")
DAY = re.compile(r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)\d{2})(?:[ T].*)?")
FIRST_OF_MONTH = re.compile(r"(?:\d{4}[-/.]\d{1,2}[-/.]0?1(?!\d)|0?1[-/.]\d{1,2}[-/.]\d{4}).*")
DOCUMENT = re.compile(r"[A-Z]{1,3}[ -]?\d{6,9}[A-Z]?|[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{8}\d?")

# periods, days, ranges and grouped numbers have the digits of a telephone and are none
_NO_TELEPHONE = re.compile(
    r"\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}|(?<!\d)\d{1,2}[/.-](?:19|20)\d{2}(?!\d)|(?<!\d)(?:19|20)\d{2}\s?[/–-]\s?(?:(?:19|20)?\d{2}|[QTqt]\d)(?!\d)"
    r"|\d{1,2}:\d{2}(?::\d{2})?"
)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[ .,'\u00a0\u2009\u202f\u2019]\d{3})+(?:[.,]\d+)?%?")
_INTERNATIONAL = re.compile(
    r"(?<![\w.,+-])(?:\+|00)[ -]?([1-9]\d{0,2}[ ./()-]{0,2}\d{1,8}(?:[ ./()-]{1,2}\d{2,8}){1,5}|[1-9]\d{7,13})(?![\w.,-])"
)
# a code of the ITU (E.164), and a number after it that does not begin with zero unless it stands in brackets
_CALLING = re.compile(
    r"(?:1(?=[2-9])|7|2[07]|2[1-6]\d|29\d|3[0-469]|3[578]\d|4[013-9]|42\d|5[1-8]|5[09]\d|6[0-6]|6[7-9]\d|8[1246]|8[0578]\d|9[0-58]|9[679]\d)(?:0?[1-9])"
)
_NATIONAL = re.compile(r"(?<![\w.,+-])\(?0\d{1,5}\)?[ ./-]{1,2}\d{2,5}(?:[ ./-]\d{2,5}){1,4}(?![\w.,-])")
_NATIONAL_TWO = re.compile(r"(?<![\w.,+-])\(?0\d{2,4}\)?[ /-]\d{6,8}(?![\w.,-])")
_AMERICAN = re.compile(r"(?<![\w.,+-])\(?[2-9]\d{2}\)?[ .-]\d{3}[.-]\d{4}(?![\w.,-])")

_TITLE = re.compile(
    r"^(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Mme|Mlle|Monsieur|Madame|Sra|Srta|Se\u00f1ora?|Signora?|Bwana|MR|MRS|HERR|FRAU|MME)\.? [^\W\d]"
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.[ -]?){2,4}|[^\W\d_]{2,} [^\W\d_]\.|[^\W\d_]\. ?[^\W\d_]{2,}")
_NO_INITIALS = frozenset(
    (
        "n.a.",
        "n.k.",
        "n.d.",
        "n.s.",
        "n.r.",
        "u.s.",
        "u.k.",
        "u.n.",
        "e.u.",
        "u.s.a.",
        "d.c.",
        "k.a.",
        "s.d.",
        "n.c.",
        "n.e.c.",
    )
)
_PERSON_WORDS = re.compile(
    r"\b(?:she|he|her|his|him|hers|they|their|my|me|ich|sie|er|ihr|ihre|ihm|elle|il|lui|ella|el|su|sus|ela|ele|dela|dele|lei|suo|sua"
    r"|ona|on|jej|jego|ea|ei|lui|hon|han|hun|hij|zij|yeye|она|он|ее|его|вона|він|її|його|victim said|the girl|the boy|the woman|the man)\b",
    re.IGNORECASE,
)
_FINITE = re.compile(
    r"\b(?:was|were|is|had|has|said|told|met|came|went|taken|brought|found|rescued|wurde|war|hat|sagte|était|etait|a été|fue|era|dijo"
    r"|foi|disse|ha|stata|byla|została|zostala|była|byla|jest|alikuwa|была|был|сказала|зовут|lives?|works?|worked|lived|born)\b",
    re.IGNORECASE,
)
# stems and whole words of categories and places: a label with one of them names a kind of thing
_CATEGORY = re.compile(
    r"(?:exploit|ausbeut|labour|labor|arbeit|travail|trabaj|trabalh|lavor|forced|force$|forces|zwang|forcee|forza|sexu|servitud|slave|sklav|esclav|beggin|bettel"
    r"|mendic|organ|marri|heirat|mariag|crimin|krimin|delit|traffick|trata$|traite$|tratta$|handel|smuggl|schleus|victim|opfer|adult|child|kinder|minor"
    r"|enfant|female|weiblich|mannlich|femme|homme|mujer|hombre|woman|women|unknown|unbekannt|inconnu|desconoc|sconosc|other|sonstig|autre|total"
    r"|insgesamt|gesamt|under|years|polic|polizei|court|gericht|tribunal|office|ministr|agency|council|authorit|govern|service|border|department|division"
    r"|association|charit|foundation|internation|national|local|region|federal|state|county|district|provinc|north|south|east|west|central|republic|kingdom"
    r"|island|united|street|saint|greater|upper|lower|permit|residen|humanit|asyl|decision|positiv|negativ|pending|grant|refus|reject|categor|sector"
    r"|industr|agricult|construct|hotel|restaur|domest|household|drug|debt|bondage|threat|violen|decept|fraud|coerc|abus|abduct|control|person|langu"
    r"|english|french|spanish|arabic|section|articl|paragr|penal|offen|gesetz|straf|convict|prosecut|suspect|detect|identif|assist|shelter|citizen|nation"
    r"|countr|stateles|foreign|recruit|transport|harbour|purpos|remov|illegal|legal|public|privat|source|report|unit$|units|group|level|phase|stage|model"
    r"|register|health|social|human|right|family|relativ|friend|partner|network|online|internet|false|promis|psycholog|physical|medical|financ|earning"
    r"|movement|document|excess|work)"
    r"|(?:man|men|male|girl|boy|boys|girls|all|not|no|none|non|over|year|unit|ngo|army|city|san|santa|sankt|st|new|type|form|kind|code|class|means|rate|act|law|ley|loi"
    r"|art|ward|main|data|note|men|sex|or|and|und|et|y|of|de|the|la|le|los|las|other|same|both|any|at|by|to|in|for|with|from|town|bay|lake|river|mount|port|fort"
    r"|beach|falls|hills|valley|park|point|isle|isles|land|coast|cape|rico|republik|rep)$"
)


def contact(text: str) -> str | None:
    """What kind of way to a person stands anywhere in a text; None where none does."""
    if ("@" in text or "at)" in text or "at]" in text) and _E_MAIL.search(text):
        return "e-mail addresses"
    if _WEB.search(text):
        return "web addresses"
    if sum(character.isdigit() for character in text) < 6:
        return "coordinates" if _POINT.search(text) else None
    if _is_telephone(text):
        return "telephone numbers"
    if _POINT.search(text):
        return "coordinates"
    if _SOCIAL_SECURITY.search(text):
        return "social security numbers"
    return "bank account numbers" if has_iban(text) else None


def _is_telephone(text: str) -> bool:
    rest = _NO_TELEPHONE.sub("\x1f", text)
    for match in _INTERNATIONAL.finditer(rest):
        digits = re.sub(r"\D", "", match[1])
        is_grouped_number = _GROUPED.fullmatch(match[0]) and len(digits) < 10
        if len(digits) >= 8 and _CALLING.match(digits) and not is_grouped_number:
            return True
    for pattern, least in ((_NATIONAL, 9), (_NATIONAL_TWO, 9), (_AMERICAN, 10)):
        for match in pattern.finditer(rest):
            groups = re.findall(r"\d+", match[0])
            # codes with leading zeros, one beside the other; a French number alone is made of such pairs
            are_codes = all(group[0] == "0" for group in groups) and [len(group) for group in groups] != [2] * 5
            if least <= sum(map(len, groups)) <= 16 and not are_codes and not groups[0].startswith("00"):
                return True
    return False


def identity(text: str) -> str | None:
    """The kind of identity number that a whole text is."""
    return "identity numbers" if scheme_of(text) else None


def is_day(text: str) -> bool:
    return DAY.fullmatch(text) is not None


def is_coordinate(text: str) -> bool:
    """One half of a point, to more than a kilometre."""
    return _COORDINATE.fullmatch(text) is not None


def is_name(text: str, in_places: bool = False) -> bool:
    """Whether a text is the name of a person: a title, initials, or two to five words with known names among them.

    in_places  the column holds areas or bodies, whose names are like those of persons: then given and family name have
               to be known.
    """
    if _TITLE.match(text) and len(text.split()) <= 5:
        return True
    words = _words(text)
    if not 2 <= len(words) <= 5:
        return False
    given, family = _known_names()
    has_given = any(word in given for word in words)
    if in_places:
        return has_given and any(
            word in family and word != other for word in words for other in words if other in given
        )
    return (has_given or sum(word in family for word in words) >= 2) and not _has_category(text)


def may_be_name(text: str) -> bool:
    """Whether a text in a column of codes has the looks of a name: words that all begin with a capital, or initials."""
    if _INITIALS.fullmatch(text.strip()) and text.strip().casefold() not in _NO_INITIALS:
        return True
    words = _words(text)
    if len(words) == 1:
        return words[0] in _known_names()[0]
    return (
        2 <= len(words) <= 4
        and not any(character.isdigit() for character in text)
        and all(word[0].isupper() for word in re.split(r"[\s,]+", text.strip(" ,")) if word)
        and re.fullmatch(r"[^\W\d_]+(?:[ ,'\u2019-]+[^\W\d_]+)+", text.strip()) is not None
        and not _has_category(text)
    )


def is_told(text: str) -> bool:
    """Whether a text tells of a person: a sentence with a pronoun and a verb."""
    return (
        len(text.split()) >= SENTENCE_WORDS
        and _PERSON_WORDS.search(text) is not None
        and _FINITE.search(text) is not None
    )


def _has_category(text: str) -> bool:
    return any(word and _CATEGORY.match(word) for word in re.split(r"[\W_]+", plain(text)))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^\w]+", plain(text)) if word and not word.isdigit()]


def plain(text: str) -> str:
    """Lower case without accents."""
    return "".join(part for part in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(part))


@cache
def _known_names() -> tuple[frozenset[str], frozenset[str]]:
    """Given names and family names (personal_names.txt)."""
    text = resources.files("submissions.vocabulary").joinpath("personal_names.txt").read_text(encoding="utf-8")
    _, given, family = re.split(r"^# --- .*$", text, flags=re.MULTILINE)
    return frozenset(map(plain, given.split())), frozenset(map(plain, family.split()))


# --- showing ---------------------------------------------------------------------------------------------------------

# what stands for a missing figure or label says nothing of a person
MARKS = frozenset(("?", "??", "*", "**", "#", "=", "..", "…"))
_SHOWABLE = re.compile(r"[\w \u00a0\ufffd.,:()/&%+<>≥≤'\u2019\u2013\u2014-]*")


def shown(text: str, in_places: bool = False) -> str:
    """A partner's label as receipts, messages and logs have it: as sent where it is a code, a place or a category; else its
    first character, its length and of what it is made."""
    if text in MARKS or is_showable(text, in_places):
        return text
    return masked(text)


def is_showable(text: str, in_places: bool = False) -> bool:
    return (
        len(text) <= SHOWN_CHARACTERS
        and len(text.split()) <= SHOWN_WORDS
        and _SHOWABLE.fullmatch(text) is not None
        and not re.search(r"<\s*[a-zA-Z/!]", text)
        and not any(unicodedata.category(character)[0] == "C" for character in text)
        and sum(character.isdigit() for character in text) <= SHOWN_DIGITS
        and not is_day(text)
        and not is_coordinate(text)
        and contact(text) is None
        and identity(text) is None
        and not DOCUMENT.fullmatch(text)
        and not is_name(text, in_places)
        and (in_places or not may_be_name(text))
        and not is_told(text)
    )


def masked(text: str) -> str:
    """A text told apart from others without being told: `J… (10 characters: letters, blanks)`."""
    kinds = {
        "letters": any(character.isalpha() for character in text),
        "digits": any(character.isdigit() for character in text),
        "blanks": any(character.isspace() for character in text),
        "signs": any(not character.isalnum() and not character.isspace() for character in text),
    }
    first = text[:1] if text[:1].isalnum() else ""
    return f"{first}… ({len(text):,} characters: {', '.join(kind for kind, has in kinds.items() if has)})"
