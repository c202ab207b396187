"""Labels that look like others and are none: letters of another script, invisible characters, wide forms.

A word of two scripts, an invisible character, or a label that reads like a known one and is written otherwise. The table of
letters is the part of Unicode's confusables (UTS 39) that Greek and Cyrillic share with Latin.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

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
