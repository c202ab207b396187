"""Words that say in what figures stand: in thousands or millions (multiplier_words.csv, many languages), in fiscal years."""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import cache
from importlib import resources

from submissions.vocabulary.fields import seed

_LETTERS = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "\u2019": "'"})
_UNITS = (
    "euros? eur € usd us\\$ \\$ dollars? gbp £ pounds? sterling chf franken francs? pln zl zloty zlotych czk kc korun huf ft "
    "forint forintban ron lei leu bgn лв лева sek nok dkk kr kronor kroner tl lira rub руб рублей uah грн гривень yen fcfa "
    "xof xaf ευρω pesos? soles reais rand rupees persons? personnes personas persone pessoas personen people osob osoby "
    "cases cas casos falle"
)  # fmt: skip
_SHORT = {
    "k€": 1000, "keur": 1000, "teur": 1000, "t€": 1000, "ke": 0, "kusd": 1000, "k$": 1000, "kchf": 1000, "tkr": 1000,
    "m€": 1_000_000, "meur": 1_000_000, "musd": 1_000_000, "mkr": 1_000_000, "md€": 1_000_000_000,
}  # fmt: skip
_BEFORE = r"(?:in|en|em|w|v|u|i|som|as|x)"
# per thousand, pro Tausend, pour mille, na 1000: a rate, and 3 millions: an amount in a sentence
_NOT_BEHIND = re.compile(r"(?:\b(?:per|pro|je|par|por|pour|na|auf|sur|ogni|cada|every|each|op)|\d) $")
_FISCAL = re.compile(
    r"\b(?:fiscal|financial) (?:year|quarter)s?|\bexercices?(?: (?:budgetaire|fiscal|comptable|financier)s?)?\b"
    r"|\bannees? (?:budgetaire|fiscale)s?|\b(?:ejercicio|ano|exercicio) (?:fiscal|presupuestario|orcamentario)"
    r"|\b(?:geschafts|haushalts|wirtschafts|rechnungs)jahr|\brok(?:u)? (?:obrotow|budzetow|fiskaln|podatkow)"
    r"|\b(?:esercizio|anno) (?:finanziario|fiscale)|\bboekjaar|\brakenskapsar|\bregnskabsar|\bmali yil|\bfy ?'?\d{2}"
)

_CORRECTIONS = re.compile(
    r"\b(?:revis|correct|corrig|rectif|rettific|correzion|berichtig|korrig|korekt|sprostow|skorygow|herzien|rattel|rattad|oprav"
    r"|helyesb|korjat|rectificat|aanpassing|errat|isprav)\w*"
)


@cache
def _patterns() -> tuple[tuple[int, re.Pattern[str]], ...]:
    units = "|".join(
        [*_UNITS.split(), *sorted(row["unit"].casefold() for row in seed("units") if row["unit_kind"] == "currency")]
    )
    unit = rf"(?:{units})(?![\w])"
    text = resources.files("submissions.vocabulary").joinpath("multiplier_words.csv").read_text(encoding="utf-8")
    found = []
    for row in csv.DictReader(text.splitlines(), strict=True):
        words = "|".join(sorted(map(re.escape, row["words"].split("|")), key=len, reverse=True)).replace(r"\ ", " ")
        word = rf"(?<![\w'])(?:{words})s?(?![\w'])(?! \d{{3}}\b)"
        shapes = [
            rf"{word} (?:(?:d'?|de|di|da|of|von|van|des) ?)?{unit}",
            rf"[(\[] ?(?:{_BEFORE} )?{word}(?: {unit})? ?[)\]]",
        ]
        shapes.append(rf"\b{_BEFORE} {word}(?= {unit}| ?$|[)\]])")
        if row["strong"] == "yes":
            shapes += [rf"^{word}$", rf"\b{_BEFORE} {word}", rf"(?:^|[\s(]){unit} ?\(?{word}"]
        else:
            shapes.append(rf"(?:^|[\s(]){unit} ?\(?(?<![\w])(?:'000|mn|bn)(?![\w])")
        if row["number"] == "1000" or row["strong"] == "yes":
            found.append((int(row["number"]), re.compile("|".join(shapes))))
        else:
            found.append((int(row["number"]), re.compile("|".join(shapes[:3]))))
    return tuple(found)


def folded(text: str) -> str:
    """Lower case without accents; letters, digits, currency signs, brackets and apostrophes, single blanks."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(part for part in plain if not unicodedata.combining(part))
    return " ".join(re.sub(r"[^\w€$£'()\[\]]+", " ", plain).split())


def multiplier_said(text: str) -> int | None:
    """1000, 1 000 000 or 1 000 000 000 where a text says that figures stand in them; else None. The largest counts."""
    plain = folded(text)
    said = [_SHORT[word] for word in re.split(r"[\s()\[\]]+", plain) if _SHORT.get(word)]
    for number, pattern in _patterns():
        for match in pattern.finditer(plain):
            if not _NOT_BEHIND.search(plain[: match.start()]):
                said.append(number)
    return max(said, default=None)


def corrections_said(text: str) -> bool:
    """Whether a title or the name of a sheet speaks of corrected or revised figures."""
    return bool(_CORRECTIONS.search(folded(text)))


def fiscal_said(text: str) -> bool:
    """Whether a text speaks of fiscal years."""
    return bool(_FISCAL.search(folded(text)))
