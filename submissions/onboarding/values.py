"""What stands beside the figures of a sample: the date of issue, marks of thousands, texts in the place of a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submissions.contracts.model import trimmed
from submissions.onboarding.form import DATE_FORMS, NUMBER, SampleForm
from submissions.vocabulary.label_words import is_period_label
from submissions.vocabulary.multiplier_words import folded

NO_DATE = "1900-01-01"
_THOUSANDS_POINT = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
_DAYS = (
    (r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d"), (r"\d{2}\.\d{2}\.\d{4}", "%d.%m.%Y"), (r"\d{2}/\d{2}/\d{4}", "%d/%m/%Y"),
    (r"\d{2}-\d{2}-\d{4}", "%d-%m-%Y"),
    (r"(?:19|20)\d{6}", "%Y%m%d"), (r"\d{4}_\d{2}_\d{2}", "%Y_%m_%d"), (r"\d{4}-\d{2}(?!\d)", "%Y-%m"),
)  # fmt: skip


def issue_of_sample(form: SampleForm, path: Path) -> tuple[Any, str]:
    """A rule for the date of issue, and the reason: the sheet's name, the file's name, or a cell above the header."""
    if "sheets" in form.keys:
        group = re.search(r"\(\?P<issue>((?:\\d|-)+)\)", form.keys["sheets"])
        length = len(group[1].replace("\\d", "0")) if group else 7
        rule = {"column": "issue", "date_format": DATE_FORMS.get(length, "%Y-%m")}
        return rule | ({"approximate": True} if length < 10 else {}), "the date in the name of the sheet"
    for shape, date_format in _DAYS:
        found = re.search(rf"(?<!\d){shape}(?!\d)", path.name)
        if found:
            before = re.escape(path.name[: found.start()]).replace("\\-", "-")
            before = re.sub(r"\d+", r"\\d+", before)
            return {
                "file_name": f"{before}(?P<date>{shape})",
                "date_format": date_format,
            }, "the date in the file's name"
    for line, row in form.preamble if form.keys["type"] in ("csv", "tsv", "xlsx") else ():
        for position, cell in enumerate(row[:26]):
            for shape, date_format in _DAYS:
                found = re.search(rf"(?<![\d.]){shape}(?![\d.])", cell)
                if found and not is_period_label(cell):
                    before, after = (text.replace("%", "%%") for text in (cell[: found.start()], cell[found.end() :]))
                    rule = {"cell": f"{chr(ord('A') + position)}{line}", "date_format": f"{before}{date_format}{after}"}
                    return rule, "a date stands in this cell"
    return NO_DATE, "no date was found: write the day on which the publisher put the figures out"


def days_of(labels: Sequence[str]) -> str | None:
    """The form of strptime in which every label is a day; None where there is none."""
    for shape, date_format in _DAYS:
        if "%d" in date_format and labels and all(re.fullmatch(shape, label) for label in labels):
            return date_format
    return None


def thousands_of(texts: Sequence[str], decimal: str) -> str | None:
    """The mark that parts thousands in some number, where it cannot be the decimal mark."""
    for mark, shape in ((" ", "[ \u00a0\u2007\u2009\u202f]"), ("'", "['\u2019]"), (",", ","), (".", r"\.")):
        if mark != decimal and any(re.fullmatch(rf"[+-]?\d{{1,3}}({shape}\d{{3}})+([.,]\d+)?", text) for text in texts):
            return mark
    return None


def are_thousands_with_point(texts: Sequence[str]) -> bool:
    """Whether there are numbers with a point, and all of them have groups of three digits after it."""
    with_point = [text for text in texts if "." in text and NUMBER.fullmatch(text)]
    return bool(with_point) and all(_THOUSANDS_POINT.fullmatch(text) for text in with_point)


def mark_of(text: str) -> tuple[Any, str]:
    """What a text among the figures may stand for, as a contract says it, and the question it leaves."""
    below = re.fullmatch(r"([<≤])\s*(\d{1,6})", text)
    if below:
        most = int(below[2]) - (below[1] == "<")
        return [0, most], "bounds of a small count; is zero shown as 0 elsewhere? then [1, …]"
    folded = trimmed(text).casefold()
    if folded in ("*", "c", "x", "s"):
        return {"suppressed": [1, 4]}, "hidden by the publisher: what are its bounds?"
    if folded in ("-", "\u2013", "\u2014"):
        return {"missing": "not_reported"}, "zero (then 0), or not reported?"
    if folded in ("z", "."):
        return {"missing": "not_applicable"}, "what does the mark mean?"
    return {"missing": "not_reported"}, "what does an empty cell mean?" if not text else "what does the mark mean?"


def currency_said(texts: Sequence[str]) -> str | None:
    """The currency that a title or header names, where they name one."""
    found = {unit_of(text) for text in texts} & {unit for unit, _ in _UNITS if len(unit) == 3}
    return found.pop() if len(found) == 1 else None


_UNITS = (
    ("EUR", r"euros?|eur|€"), ("USD", r"usd|dollars?|us\$|\$"), ("GBP", r"gbp|pounds?|£"), ("CHF", r"chf|franken"),
    ("PLN", r"pln|zl|zloty\w*"), ("CZK", r"czk|kc|korun"), ("RON", r"ron|lei"), ("SEK", r"sek|kronor"),
    ("cases", r"cases|cas|falle|casos|casi|sprawy|spraw"), ("offences", r"offences|infractions|straftaten|delitos|reati"),
    ("places", r"places|beds|platze|plazas"),
)  # fmt: skip


def unit_of(label: str) -> str:
    """The unit that a label names, persons where it names none that is known."""
    plain = folded(label)
    for unit, words in _UNITS:
        if re.search(rf"(?<!\w)(?:{words})(?!\w)", plain):
            return unit
    return "persons"


def status_of_suffix(text: str) -> str:
    """The SDMX status that a suffix usually says: p provisional, e estimated, b break, u unreliable; else nothing."""
    if text.endswith(")") and not text.startswith("("):
        return "none"  # a) and b) number the notes below a table
    letters = "".join(character for character in text.casefold() if character.isalpha())
    return {"p": "P", "prov": "P", "e": "E", "est": "E", "s": "E", "b": "B", "u": "U", "d": "D"}.get(letters, "none")
