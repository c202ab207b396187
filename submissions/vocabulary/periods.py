"""Periods and dates from a partner's text: ISO 8601 years, quarters and months, fiscal years, dates of issue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from submissions.contracts.model import Dataset, IssueRule, PeriodRule, trimmed
from submissions.vocabulary.period_names import named_period, number_of_name

EARLIEST_YEAR, LATEST_YEAR = 1900, 2100
EARLIEST_ISSUE = date(1950, 1, 1)

# A year may carry the decimals that spreadsheets add (2014.0).
_YEAR = r"(\d{4})(?:\.0+)?"
_FORMS: dict[str, list[tuple[re.Pattern[str], tuple[str, ...]]]] = {
    "year": [(re.compile(_YEAR), ("year",))],
    # a half-year is no period of a figure, but a total may go over it: 2023-S1, S1 2023, 2023 H2, 1S 2023
    "semester": [
        (re.compile(rf"{_YEAR}[ /-]*[SsHh]([12])"), ("year", "semester")),
        (re.compile(r"[SsHh]([12])[ /-]*(\d{4})"), ("semester", "year")),
        (re.compile(r"([12])[SsHh][ /-]*(\d{4})"), ("semester", "year")),
    ],
    "quarter": [
        (re.compile(rf"{_YEAR}[ /-]*[QqTt]([1-4])"), ("year", "quarter")),
        (re.compile(rf"{_YEAR}[ -]+([1-4])(?:\.0+)?"), ("year", "quarter")),
        (re.compile(r"[QqTt]([1-4])[ /-]*(\d{4})"), ("quarter", "year")),
    ],
    "month": [
        (re.compile(rf"{_YEAR}[ /-]?[Mm]?(\d{{2}})"), ("year", "month")),
        (re.compile(rf"{_YEAR}[ /-][Mm]?(\d{{1,2}})(?:\.0+)?"), ("year", "month")),
        # spreadsheets keep a month as its first day
        (re.compile(r"(\d{4})-(\d{2})-01"), ("year", "month")),
    ],
}
# Fiscal years name both their years (2019/20), or the one that `named_after` says (FY2020).
_BOTH = r"(?:FY ?)?(?P<year>\d{4})[/-](?P<next_year>\d{4}|\d{2})"
_ONE = r"FY ?'?(?P<year>\d{4}|\d{2})"
_FISCAL = {
    "year": [re.compile(_BOTH), re.compile(_ONE)],
    "semester": [
        pattern
        for year in (_BOTH, _ONE)
        for pattern in (
            re.compile(rf"[SsHh](?P<semester>[12])[ /-]*{year}"),
            re.compile(rf"{year}[ /-]*[SsHh](?P<semester>[12])"),
        )
    ],
    "quarter": [
        pattern
        for year in (_BOTH, _ONE)
        for pattern in (
            re.compile(rf"[QqTt](?P<quarter>[1-4])[ /-]*{year}"),
            re.compile(rf"{year}[ /-]*[QqTt](?P<quarter>[1-4])"),
        )
    ],
    "month": [],
}
# a year and the next one, or FY: words of a fiscal year, whatever stands beside them
_LOOKS_FISCAL = re.compile(r"(?<!\d)(?P<year>\d{4})[/\u2013-](?P<next_year>\d{4}|\d{2})(?!\d)|\bFY ?'?\d")


@dataclass(frozen=True)
class Period:
    """`code` is ISO 8601 (2023, 2023-Q2, 2023-04); `start` its first day; `frequency` A, Q or M.

    A total may go over a half-year as well (2023-S1, S).
    """

    code: str
    start: date
    frequency: str


def parse(text: str, rule: PeriodRule, dataset: Dataset) -> Period | None:
    """The period that a text states under a rule, or None when it does not have the declared form.

    A fiscal year is coded by the calendar year of its first day (`named_after: end` says the text names the year it
    ends in) and starts on that day; a fiscal quarter is coded as the calendar quarter it is.
    """
    if rule.values:
        return _of_code(rule.values[text]) if text in rule.values else None
    parts = _parts(text, rule)
    if parts is None:
        return None
    year, quarter, month = parts.get("year"), parts.get("quarter"), parts.get("month")
    semester = parts.get("semester")
    if year is not None and year < 100 and re.search(r"\d{4}", text) is None:
        # as strptime has it: 69 is 1969, 68 is 2068
        year += 1900 if year > 68 else 2000
    if year is None or not EARLIEST_YEAR <= year <= LATEST_YEAR:
        return None
    for number, most in ((month, 12), (quarter, 4), (semester, 2)):
        if number is not None and not 1 <= number <= most:
            return None
    first_month, first_day = dataset.fiscal_starts if rule.is_fiscal else (1, 1)
    names_one_year = "next_year" not in parts
    if rule.is_fiscal and names_one_year and dataset.fiscal_named_after == "end" and (first_month, first_day) != (1, 1):
        year -= 1
    if month is not None:
        if rule.is_fiscal and month < first_month:
            year += 1
        return Period(f"{year:04d}-{month:02d}", date(year, month, 1), "M")
    if quarter is not None:
        months = year * 12 + first_month - 1 + 3 * (quarter - 1)
        year, month = months // 12, months % 12 + 1
        return Period(f"{year:04d}-Q{(month - 1) // 3 + 1}", date(year, month, 1), "Q")
    if semester is not None:
        months = year * 12 + first_month - 1 + 6 * (semester - 1)
        return Period(f"{year:04d}-S{semester}", date(months // 12, months % 12 + 1, 1), "S")
    return Period(f"{year:04d}", date(year, first_month, first_day), "A")


def _of_code(code: str) -> Period:
    """A period from its ISO 8601 code, as a contract writes it."""
    year, part = int(code[:4]), code[5:]
    if not part:
        return Period(code, date(year, 1, 1), "A")
    if part[0] in "QS":
        length = 3 if part[0] == "Q" else 6
        return Period(code, date(year, (int(part[1]) - 1) * length + 1, 1), part[0])
    return Period(code, date(year, int(part), 1), "M")


def looks_fiscal(text: str, rule: PeriodRule) -> bool:
    """Whether a text names both years of a fiscal year, or says FY, and the rule does not say what that means."""
    if rule.says_fiscal or rule.values:
        return False
    found = _LOOKS_FISCAL.search(text)
    if found is None:
        return False
    following = int(found["year"] or 0) + 1
    # 2020-12 is a month and 2019-21 a span: only the next year makes a fiscal year
    is_month = bool(found["next_year"]) and len(found["next_year"]) == 2 and int(found["next_year"]) <= 12
    return found["year"] is None or (int(found["next_year"]) in (following, following % 100) and not is_month)


def _parts(text: str, rule: PeriodRule) -> dict[str, int] | None:
    """Year, quarter and month as numbers; None when the text, or one of the named groups, is not there."""
    if rule.forms:
        found = (_parts_of_form(text, form, rule) for form in rule.forms)
        return next((parts for parts in found if parts and 1 <= parts.get("month", 1) <= 12), None)
    match = re.compile(rule.pattern or "").fullmatch(text)
    if match is None:
        return None
    groups = match.groupdict()
    name = groups.pop("name", None)
    if not all(value and value.isascii() and value.isdigit() for value in groups.values()):
        return None
    parts = {group: int(value) for group, value in groups.items()}
    if "name" not in match.re.groupindex:
        return parts
    named = number_of_name(name or "", rule.names, rule.languages)
    return parts | {named[0]: named[1]} if named else None


def _parts_of_form(text: str, form: str, rule: PeriodRule) -> dict[str, int] | None:
    plain = text.replace("\u2013", "-")
    for pattern, names in _FORMS[form] if plain.isascii() else ():
        match = pattern.fullmatch(plain)
        if match:
            return dict(zip(names, map(int, match.groups()), strict=True))
    for pattern in _FISCAL[form] if rule.is_fiscal and plain.isascii() else ():
        match = pattern.fullmatch(plain)
        found = {name: int(digits) for name, digits in match.groupdict().items()} if match else {}
        following = found.get("year", 0) + 1
        if match and found.get("next_year", following) in (following, following % 100):
            return found
    if (rule.languages or rule.names) and form != "year":
        parts = named_period(text, form, rule.languages, rule.names)
        # a double year is a fiscal one; where the rule does not say so, it means something else
        return parts if parts and (rule.is_fiscal or "next_year" not in parts) else None
    return None


def form_of(rule: PeriodRule) -> str:
    """What a period rule expects, in words and with an example."""
    if rule.values:
        return "one of the declared texts"
    if not rule.forms:
        return "a period that fits the declared pattern"
    example = {
        "year": "a fiscal year (2023/24)" if rule.is_fiscal else "a year (2023)",
        "semester": "a half-year (2023-S1)",
        "quarter": "a quarter (2023-Q2)",
        "month": "a month (2023-04)",
    }
    named = f"; months and quarters may be named in {' or '.join(rule.languages)}" if rule.languages else ""
    return " or ".join(example[form] for form in rule.forms) + named


def day(text: str, date_format: str) -> date | None:
    """A calendar day in a declared form of strptime, or in ISO form (spreadsheets hand typed dates over so)."""
    text = trimmed(text)
    for form in (date_format, "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def issue_of_label(label: str, rule: IssueRule) -> date | None:
    """The date of issue that a cell of the issue column states."""
    if rule.values:
        return rule.values.get(trimmed(label))
    found = day(label, rule.date_format or "")
    return found if found is None or is_plausible_issue(found) else None


def is_plausible_issue(found: date) -> bool:
    """Whether a date that a file states can be its date of issue. The newest one decides what a release is as of, for all
    partners: a slip of the pen in one file (2205) may not move the others."""
    return EARLIEST_ISSUE <= found <= date.today() + timedelta(days=366)
