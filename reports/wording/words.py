"""Codes to words and figures to text: one wording for pages, pictures and captions."""

from __future__ import annotations

import datetime
import math
import re
from typing import Any

RESERVED = {"_T": "Total", "_U": "Unknown", "_Z": "Not applicable", "_X": "Not mapped", "": "", "nan": ""}

AGES = re.compile(r"^(\d+)(?:-(\d+)|\+)$")

# A reason comes as a code or as a sentence part; what is not a known code is shown as it is.
METHOD_NAMES = {"mann_kendall": "Mann-Kendall", "theil_sen": "Theil-Sen", "getis_ord": "Getis-Ord"}
REASONS = {
    "suppressed": "the figures are hidden to protect people",
    "not_reported": "no figure was reported",
    "not_collected": "the figures are not collected",
    "no_population": "there is no population figure within five years",
    "no_denominator": "there is no population figure within five years",
    "too_few_areas": "fewer than 30 areas report",
    "few_areas": "fewer than 30 areas report",
    "few_neighbours": "under 80 % of the neighbourhood reports",
    "neighbourhood_incomplete": "under 80 % of the neighbourhood reports",
    "expected_below_one": "fewer than one case would be expected in the neighbourhood",
    "small_expected": "fewer than one case would be expected in the neighbourhood",
    "no_neighbours": "the area has no neighbours",
    "too_short": "the series is too short",
    "no_values": "there are no figures",
    "all_zero": "every figure is zero",
    "all_equal": "every figure is the same",
    "incomplete_reporting": "reports of this period are still coming in",
    "vintages_not_protected": "the difference of two issues can be a small count, so a public release holds no nowcast",
}


# the measures that people ask for first
MEASURE_ORDER = ("victims_detected", "victims_referred", "victims_identified", "victims_assisted", "cases_reported")


def measure_rank(measure: str) -> tuple[int, str]:
    """Sort key of measures."""
    return (MEASURE_ORDER.index(measure) if measure in MEASURE_ORDER else len(MEASURE_ORDER), measure)


class Words:
    """The words of one release for its codes, by column; a code that it has no words for stands in plain letters."""

    def __init__(self, labels: dict[str, dict[str, str]] | None = None) -> None:
        self._labels = labels or {}

    def label(self, dimension: str, code: Any) -> str:
        text = "" if is_missing(code) else str(code)
        found = self._labels.get(dimension, {}).get(text)
        if found is not None:
            return found
        if text in RESERVED:
            return RESERVED[text]
        if dimension == "exploitation" and "+" in text:
            return " and ".join(
                _lowered(self.label(dimension, part), index) for index, part in enumerate(text.split("+"))
            )
        if dimension == "age":
            return AGES.sub(lambda found: f"{found[1]} to {found[2]}" if found[2] else f"{found[1]} and over", text)
        if dimension == "method":
            for name, written in METHOD_NAMES.items():
                text = text.replace(name, written)
        if dimension in ("measure", "unit", "method", "assessment", "emerging_category", "kind", "source_type"):
            plain = text.replace("_", " ").strip()
            return plain[:1].upper() + plain[1:]
        return text

    def measure(self, measure: str, exploitation: Any = "_T") -> str:
        """`Victims detected`, or `Victims detected, forced labour` for one form."""
        text = self.label("measure", measure)
        if is_missing(exploitation) or exploitation in ("", "_T"):
            return text
        return f"{text}, {_lowered(self.label('exploitation', exploitation), 1)}"

    def reason(self, eligibility: Any, reason: Any) -> str:
        """A sentence part for what was not assessed: `too short to judge: 7 of the 12 quarters needed`."""
        state = self.label("eligibility", eligibility)
        text = "" if is_missing(reason) else str(reason).strip()
        if not text or text == str(eligibility):
            return state
        return f"{state}: {REASONS.get(text, text.replace('_', ' '))}"


def number(value: Any, digits: int | None = None) -> str:
    """Plain figure with thousands marks; small figures keep two meaningful digits."""
    if is_missing(value):
        return "–"
    value = float(value)
    if digits is None:
        size = abs(value)
        digits = 0 if value == int(value) or size >= 100 else 1 if size >= 10 else 2
    text = f"{value:,.{digits}f}"
    return "0" if text in ("-0", "-0.0", "-0.00") else text.replace("-", "−")


def signed(value: Any, digits: int | None = None) -> str:
    if is_missing(value):
        return "–"
    text = number(abs(float(value)), digits)
    return text if float(value) == 0 else ("+" if float(value) > 0 else "−") + text


def percent(share: Any, digits: int = 0) -> str:
    return "–" if is_missing(share) else f"{float(share) * 100:.{digits}f} %".replace("-", "−")


def signed_percent(share: Any, digits: int = 1) -> str:
    if is_missing(share):
        return "–"
    text = f"{abs(float(share)) * 100:.{digits}f} %"
    return text if not float(text[:-2]) else ("+" if float(share) > 0 else "−") + text


def interval(lower: Any, upper: Any, digits: int | None = None) -> str:
    if is_missing(lower) or is_missing(upper):
        return "–"
    return f"{number(lower, digits)} to {number(upper, digits)}"


def span(lower: Any, upper: Any, sign: bool = False) -> str:
    """One figure where the bounds agree, else both; with a sign for gaps."""
    write = signed if sign else number
    if is_missing(lower) or is_missing(upper):
        return "–"
    return write(lower) if lower == upper else f"{write(lower)} to {write(upper)}"


def probability(value: Any) -> str:
    if is_missing(value):
        return "–"
    return "< 0.001" if float(value) < 0.001 else f"{float(value):.3f}" if float(value) < 0.1 else f"{float(value):.2f}"


def day(value: Any) -> str:
    """`2025-03-31` as `31 March 2025`."""
    if is_missing(value) or value == "":
        return "–"
    if isinstance(value, str):
        try:
            value = datetime.date.fromisoformat(value[:10])
        except ValueError:
            return value
    return f"{value.day} {MONTHS[value.month - 1]} {value.year}"


MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def period_label(period: Any) -> str:
    """`2023-Q2` as `2023 Q2`, `2023-04` as `April 2023`."""
    text = "" if is_missing(period) else str(period)
    if len(text) == 7 and text[4] == "-":
        if text[5] == "Q":
            return text.replace("-", " ")
        if text[5:].isdigit() and 1 <= int(text[5:]) <= 12:
            return f"{MONTHS[int(text[5:]) - 1]} {text[:4]}"
    return text


def period_frequency(period: str) -> str:
    """`A`, `Q` or `M`, read off the form of the period."""
    return "A" if len(period) < 7 else "Q" if period[5] == "Q" else "M"


def period_position(period: str) -> float:
    """Where a period lies on a time axis in years: its middle (2023 is 2023.5, 2023-Q1 is 2023.125)."""
    year = int(period[:4])
    if len(period) >= 7 and period[5] == "Q":
        return year + (int(period[6]) - 0.5) / 4
    if len(period) >= 7 and period[5:7].isdigit():
        return year + (int(period[5:7]) - 0.5) / 12
    return year + 0.5


def period_start(period: str) -> float:
    """Where a period begins on the same axis."""
    return period_position(period) - {"A": 1 / 2, "Q": 1 / 8, "M": 1 / 24}[period_frequency(period)]


def date_position(value: Any) -> float:
    """Where a day lies on the same axis."""
    if isinstance(value, str):
        value = datetime.date.fromisoformat(value[:10])
    start = datetime.date(value.year, 1, 1).toordinal()
    length = datetime.date(value.year + 1, 1, 1).toordinal() - start
    return value.year + (datetime.date(value.year, value.month, value.day).toordinal() - start) / length


def size(count: int) -> str:
    for unit, step in (("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.1f} {unit}" if count < 10 * step else f"{count / step:.0f} {unit}"
    return f"{count} bytes"


def name_order(name: str) -> str:
    """Sort key of names: case does not count, and `District 2` stands before `District 10`."""
    return re.sub(r"\d+", lambda digits: digits.group().zfill(12), str(name).casefold())


def order_names(column: Any) -> Any:
    """`key` for sort_values: columns of names in name order, others as they are."""
    return column.map(name_order) if str(column.name).endswith("_name") else column


def joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else "" if not parts else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _lowered(text: str, index: int) -> str:
    return text if index == 0 or text[1:2].isupper() else text[:1].lower() + text[1:]


def is_missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return value is not value or str(value) in ("NaT", "<NA>", "nan")
