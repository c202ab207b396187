"""What words of headers and labels usually mean, in many languages (label_words.csv), and labels that name a period.

Only `waymark contract new` looks here, and only to propose: no file is ever read by these words.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from types import SimpleNamespace
from typing import Any

from submissions.contracts.model import PeriodRule
from submissions.vocabulary.country_names import LANGUAGES
from submissions.vocabulary.period_names import folded_period

# what else a header may say: these take no part in the search for its role
_APART = ("issued", "other_figure")
_HALF_YEAR = re.compile(
    r"[sh] ?([12])|([12]|i|ii|first|second|erstes|zweites|pierwsze|drugie|premier|deuxieme|primer|segundo|primo|secondo|1er|2e|1o|2o"
    r"|1st|2nd|eerste|tweede) ?(?:s|h|er semestre|e semestre|o semestre|semestre|semester|semestr|halbjahr|polrocze|pololeti"
    r"|half|half year|halfjaar|halvar|felev|felevi|polugodie)|(?:semestre|semester|semestr|semestrul|half|halvar) ([12]|i|ii)"
)
# 1.º T, Trim. 2, III kwart: a number with a word, or the beginning of one, that says quarter in some language
_QUARTER_WORD = (
    r"(?:t|tr|tri|trim|trimestre|trimestrul|q|qtr|qu|quarter|k|kw|kv|kwart|kvart|kvartal|kwartal|c|ctvrt|n|ne|negyed|vj"
    r"|τριμηνο|тримесечие|тр|квартал|кв)"
)
_NUMBERED_QUARTER = re.compile(
    rf"(?P<before>[1-4]|iv|i{{1,3}}|[αβγδ]) ?(?:o|a|er|e|st|nd|rd|th)? ?{_QUARTER_WORD}|{_QUARTER_WORD} ?(?P<behind>[1-4]|iv|i{{1,3}})"
)
_NUMERALS = {"1": 1, "2": 2, "3": 3, "4": 4, "i": 1, "ii": 2, "iii": 3, "iv": 4, "α": 1, "β": 2, "γ": 3, "δ": 4}
_SECOND = ("2", "ii", "second", "zweites", "drugie", "deuxieme", "segundo", "secondo", "2e", "2o", "2nd", "tweede")
# letters of the two sexes that are certain only beside each other: women and men of one language
_PAIRS_OF_SEXES = ({"w": "F", "m": "M"}, {"k": "F", "m": "M"}, {"v": "F", "m": "M"}, {"f": "F", "h": "M"}, {"m": "F", "h": "M"},
                   {"n": "F", "f": "M"}, {"z": "F", "m": "M"})  # fmt: skip
_AGES = re.compile(r"(\d{1,2}) ?(?:-|–|to|do|bis|a|à) ?(\d{1,2})")
_AGES_OPEN = re.compile(r"(?:from |od |ab )?(\d{1,2}) ?(?:\+|and over|or over|or older|i wiecej|et plus|und alter)")


@cache
def _words() -> dict[tuple[str, str], frozenset[str]]:
    text = resources.files("submissions.vocabulary").joinpath("label_words.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), strict=True)
    return {(row["role"], row["code"]): frozenset(row["words"].split("|")) for row in rows}


def role_of_header(name: str) -> str | None:
    """The one of our columns that a header's words point to: all of it, or else its first or last word."""
    folded = folded_period(name)
    roles = {role: words for (role, code), words in _words().items() if not code and role not in _APART}
    for role, words in roles.items():
        if folded in words:
            return role
    parts = folded.split()
    for part in (parts[:1] + parts[-1:]) if parts else ():
        for role, words in roles.items():
            if part in words:
                return role
    return None


def is_total(label: str) -> bool:
    return folded_period(label) in _words()["total", "_T"]


def begins_with_total(label: str) -> str | None:
    """The word for a total with which a longer label begins, as it is written."""
    first = re.match(r"[^\W\d_]+(?:-[^\W\d_]+)?", label)
    if (
        first
        and first.end() < len(label)
        and folded_period(first[0]) in {*_words()["total", "_T"], "sub total", "subtotal"}
    ):
        return first[0]
    return None


def span_of_total(label: str) -> str | None:
    """`year` or `semester` where a label beside quarters or months names the whole of a year, or half of it."""
    if half_of_year(label) is not None:
        return "semester"
    folded = folded_period(label)
    first = re.split(r" ", folded, maxsplit=1)
    is_total_of_year = (
        len(first) == 2 and first[0] in _words()["total", "_T"] and first[1] in _words()["year_total", "_T"]
    )
    return "year" if is_total(label) or is_total_of_year or folded in _words()["year_total", "_T"] else None


def half_of_year(label: str) -> int | None:
    """1 or 2 where a label without its year names a half of it: S1, H2, I półrocze, 2. Halbjahr, 1.er semestre."""
    found = _HALF_YEAR.fullmatch(folded_period(label))
    if found is None:
        return None
    return 2 if next(filter(None, found.groups())) in _SECOND else 1


def says(role: str, name: str) -> bool:
    """Whether any word of a header, or all of it, is one of those of a role that takes no part in `role_of_header`."""
    words, folded = _words()[role, ""], folded_period(name)
    return folded in words or any(part in words for part in folded.split())


def codes_of_labels(role: str, labels: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """The codes of labels that stand beside each other: single letters of the two sexes are read as a pair or not at all."""
    labels, known = list(labels), frozenset(known)
    found = {label: code_of_label(role, label, known) for label in labels}
    letters = {label: folded_period(label) for label in labels if len(folded_period(label)) == 1}
    pair = next((pair for pair in _PAIRS_OF_SEXES if pair.keys() == set(letters.values())), None)
    if role == "sex" and pair is not None:
        found |= {label: pair[letter] for label, letter in letters.items()}
    return found


def code_of_label(role: str, label: str, known: Iterable[str]) -> str:
    """The code that a label certainly has, or nothing."""
    folded = folded_period(label)
    for code in ("_T", "_U"):
        if folded in _words()[("total" if code == "_T" else "unknown"), code]:
            return code
    for (of_role, code), words in _words().items():
        if of_role == role and code and folded in words:
            return code
    if role == "age":
        closed, opened = (
            _AGES.fullmatch(label.casefold()),
            _AGES_OPEN.fullmatch(folded_period(label) if "+" not in label else label),
        )
        code = f"{int(closed[1])}-{int(closed[2])}" if closed else f"{int(opened[1])}+" if opened else ""
        return code if code in set(known) else ""
    return label if label in set(known) and role != "area" else ""


# --- periods ---------------------------------------------------------------------------------------------------------

# what parse needs of a dataset: which fiscal year it is does not matter for whether a text is read
_ANY_YEAR: Any = SimpleNamespace(fiscal_starts=(4, 1), fiscal_named_after="start")


@cache
def is_period_label(text: str) -> bool:
    """Whether a text names a year, quarter or month, in any language known here."""
    return bool(text) and any(re.finditer(r"\d{4}", text)) and rule_for([text]) is not None


def rule_of_numbers(texts: Iterable[str]) -> PeriodRule | None:
    """A rule by quarters that a publisher numbers in a way of his own (1.º T 2023, kvartal 2 2023), with these as names."""
    texts = list(texts)
    rests = list(dict.fromkeys(re.sub(r"(?<!\d)\d{4}(?!\d)", "", text).strip() for text in texts))
    found = [_NUMBERED_QUARTER.fullmatch(folded_period(rest)) for rest in rests]
    if not rests or not all(found) or not all(re.search(r"\d{4}", text) for text in texts):
        return None
    numbers = [_NUMERALS[next(filter(None, match.group("before", "behind")))] for match in found if match]
    if len(set(numbers)) < len(numbers):
        return None
    names = {rest: ("quarter", number) for rest, number in zip(rests, numbers, strict=True)}
    return PeriodRule(forms=("quarter",), names=names)


def rule_with_names(texts: Iterable[str]) -> PeriodRule | None:
    """A rule by months or quarters in which some names are the publisher's own: by their number, or else by their place
    among those that are known."""
    from submissions.vocabulary.period_names import number_of_name

    texts = list(texts)
    numbered = rule_of_numbers(texts)
    if numbered is not None:
        return numbered
    rests = list(dict.fromkeys(re.sub(r"(?<!\d)\d{4}(?!\d)", "", text).strip() for text in texts))
    if len(rests) < 3 or not all(re.search(r"\d{4}", text) for text in texts):
        return None
    for language in LANGUAGES:
        known = [number_of_name(rest, {}, (language,)) for rest in rests]
        kinds = {found[0] for found in known if found}
        offsets = {found[1] - place for place, found in enumerate(known) if found}
        if len(kinds) != 1 or len(offsets) != 1 or sum(found is not None for found in known) < len(rests) / 2:
            continue
        kind, offset = kinds.pop(), offsets.pop()
        own = {rests[place]: (kind, place + offset) for place, found in enumerate(known) if found is None}
        if all(1 <= number <= (12 if kind == "month" else 4) for _, number in own.values()):
            return PeriodRule(forms=(kind,), languages=(language,), names=own)
    return None


def rule_for(texts: Iterable[str]) -> PeriodRule | None:
    """The simplest rule under which every text is a period; its sources are left empty. None when there is none."""
    from submissions.vocabulary.periods import parse

    distinct = tuple(dict.fromkeys(texts))
    if not distinct or not all(re.search(r"\d{4}", text) for text in distinct):
        return None

    def reads(rule: PeriodRule) -> bool:
        return all(parse(text, rule, _ANY_YEAR) for text in distinct)

    kinds = (
        *(("year",), ("quarter",), ("month",)),
        *(("year", "quarter"), ("year", "month"), ("quarter", "month"), ("year", "quarter", "month")),
    )
    for forms in kinds:
        if reads(PeriodRule(forms=forms)):
            return PeriodRule(forms=forms)
    for forms in kinds:
        if reads(PeriodRule(forms=forms, is_fiscal=True)):
            return PeriodRule(forms=forms, is_fiscal=True)
    for language in LANGUAGES:
        for forms in kinds[1:]:
            if reads(PeriodRule(forms=forms, languages=(language,))):
                return PeriodRule(forms=forms, languages=(language,))
    return None
