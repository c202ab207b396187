"""Numbers, marks, statuses and periods, against parsers written independently of the ones under test."""

from __future__ import annotations

import calendar
import string
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from partner_files import HEADER, PARTNER, changed, run, write_contract, write_file

from submissions.contracts import loading
from submissions.contracts.loading import Contract, PeriodRule
from submissions.readers.figures import value_columns
from submissions.readers.layout import Parameters
from submissions.vocabulary.periods import day, parse

MARKS = [(".", ","), (",", "."), (".", ""), (",", " "), (",", ""), (",", "'")]
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def contract_of(tmp_path: Path, decimal: str, thousands: str, unit: str = "EUR") -> Contract:
    value = {"from": "count", "decimal": decimal} | ({"thousands": thousands} if thousands else {})
    content = changed(counting_unit=unit, columns={"value": value, "measure": {"constant": "assets_frozen"}})
    return loading.load(write_contract(tmp_path / f"{ord(decimal)}{thousands}{unit}", content) / "partners" / PARTNER)


def parsed(found: Contract, texts: list[str]) -> list[Decimal | None]:
    """What the SQL makes of texts: the number, or None where it is none or out of range."""
    parameters = Parameters()
    columns = value_columns(found, found.datasets["victims"], parameters)
    connection = duckdb.connect()
    connection.execute("CREATE TABLE cells (id INTEGER, value_text VARCHAR)")
    connection.executemany("INSERT INTO cells VALUES (?, ?)", list(enumerate(texts)))
    rows = connection.execute(
        f"""
        WITH read AS (SELECT *, {columns.read} FROM cells),
        stated AS (SELECT *, {columns.stated} FROM read),
        observed AS (SELECT *, {columns.obs_status} FROM stated),
        confidential AS (SELECT *, {columns.conf_status} FROM observed),
        statuses AS (SELECT *, {columns.reasons} FROM confidential)
        SELECT CASE WHEN {columns.problems[0]} IS NULL THEN number END FROM statuses ORDER BY id
        """,
        parameters,
    ).fetchall()
    return [row[0] for row in rows]


def grouped(digits: str, mark: str) -> str:
    head = len(digits) % 3 or 3
    return mark.join([digits[:head], *(digits[at : at + 3] for at in range(head, len(digits), 3))])


@QUICK
@given(
    form=st.sampled_from(MARKS),
    whole=st.integers(0, 9_999_999_999),
    places=st.integers(0, 4),
    rest=st.integers(0, 9999),
    is_grouped=st.booleans(),
    sign=st.sampled_from(["", "+"]),
)
def test_a_number_written_in_the_declared_form_comes_back(
    tmp_path: Path, form: tuple[str, str], whole: int, places: int, rest: int, is_grouped: bool, sign: str
) -> None:
    decimal, thousands = form
    digits = str(whole)
    fraction = str(rest).zfill(4)[:places]
    text = sign + (grouped(digits, thousands) if is_grouped and thousands else digits)
    text += decimal + fraction if fraction else ""
    expected = Decimal(whole) + (Decimal(int(fraction)) / 10 ** len(fraction) if fraction else 0)
    assert parsed(contract_of(tmp_path, decimal, thousands), [text]) == [expected]


def read_by_hand(text: str, decimal: str, thousands: str) -> Decimal | None:
    """A reader of numbers that walks the text once, without regular expressions."""
    blanks = "\u00a0\u2009\u202f "
    at = 1 if text[:1] in ("+", "-") else 0
    negative = text[:1] == "-"
    groups, run_of_digits, fraction, seen_point = [], "", "", False
    for character in text[at:]:
        if character in "0123456789":
            if seen_point:
                fraction += character
            else:
                run_of_digits += character
        elif character == decimal and not seen_point:
            seen_point = True
        elif thousands and not seen_point and (character == thousands or (thousands == " " and character in blanks)):
            groups.append(run_of_digits)
            run_of_digits = ""
        else:
            return None
    groups.append(run_of_digits)
    if not groups[0] or (seen_point and not fraction):
        return None
    if len(groups) > 1 and (len(groups[0]) > 3 or any(len(group) != 3 for group in groups[1:])):
        return None
    number = Decimal("".join(groups) + ("." + fraction if fraction else ""))
    return None if (negative and number != 0) or number > 10_000_000_000_000 else number


@QUICK
@given(
    form=st.sampled_from(MARKS),
    texts=st.lists(st.text("0123456789.,' +-\u00a0\u202feN%", min_size=1, max_size=12), min_size=1, max_size=30),
)
def test_any_text_is_read_as_an_independent_reader_does(
    tmp_path: Path, form: tuple[str, str], texts: list[str]
) -> None:
    decimal, thousands = form
    found = parsed(contract_of(tmp_path, decimal, thousands), texts)
    assert found == [read_by_hand(text, decimal, thousands) for text in texts]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1,2,3", "R-value"),
        ("1e30", "R-value"),
        ("NaN", "R-value"),
        ("inf", "R-value"),
        ("-inf", "R-value"),
        ("0x10", "R-value"),
        ("١٢", "R-value"),
        ("=1+1", "R-value"),
        ("12 people", "R-value"),
        ("1.5", "R-fraction"),
        ("-3", "R-negative"),
        ("100000000001", "R-range"),
        ("9" * 60, "R-range"),
        ("", "R-value-empty"),
        ("< 5", "R-value"),
    ],
)
def test_what_is_no_count_goes_into_quarantine(tmp_path: Path, text: str, code: str) -> None:
    root = write_contract(tmp_path)
    found = run(root, write_file(tmp_path / "inbox", f'{HEADER}QMA,2022,all,"{text}"\nQMB,2022,all,3\n'))
    assert found.codes == {code: (2,)}
    assert found.count("rows_accepted") == 1


@pytest.mark.parametrize("text", ["12", " 12 ", "12.0", "+12", "\u00a012", "12.0000"])
def test_whole_numbers_in_harmless_forms_are_accepted(tmp_path: Path, text: str) -> None:
    root = write_contract(tmp_path)
    found = run(root, write_file(tmp_path / "inbox", f"{HEADER}QMA,2022,all,{text}\n"))
    assert found.observations("value", "lower", "upper") == [(12, 12, 12)]


def test_marks_give_bounds_reasons_and_statuses(tmp_path: Path) -> None:
    marks = {
        "<5": [0, 4],
        "-": 0,
        "..": {"missing": "not_reported"},
        "x": {"missing": "not_applicable"},
        "n/c": {"missing": "not_collected"},
        "*": {"suppressed": [1, 4]},
        "held": {"missing": "withheld"},
        "": {"missing": "not_reported"},
    }
    root = write_contract(tmp_path, changed(columns={"value": {"from": "count", "marks": marks}}))
    rows = "".join(f"Q{chr(65 + index)}X,2022,all,{mark}\n" for index, mark in enumerate(marks))
    found = run(root, write_file(tmp_path / "inbox", HEADER + rows))
    assert not found.codes
    assert found.observations("area", "value", "lower", "upper", "obs_status", "conf_status", "missing_reason") == [
        ("QAX", None, 0, 4, "A", "C", None),
        ("QBX", 0, 0, 0, "A", "F", None),
        ("QCX", None, None, None, "O", "F", "not_reported"),
        ("QDX", None, None, None, "M", "F", "not_applicable"),
        ("QEX", None, None, None, "L", "F", "not_collected"),
        ("QFX", None, 1, 4, "Q", "C", "suppressed_by_publisher"),
        ("QGX", None, None, None, "Q", "N", "withheld"),
        ("QHX", None, None, None, "O", "F", "not_reported"),
    ]


@pytest.mark.parametrize(
    ("value", "status", "expected"),
    [
        ("12", "p", ("P", "F", None)),
        ("12", "", ("A", "F", None)),
        ("", "..", ("O", "F", "not_reported")),
        ("", "x", ("Q", "C", "suppressed_by_publisher")),
        ("<5", "p", ("P", "C", None)),
        ("12", "..", "R-status"),
        ("12", "x", "R-status"),
        ("12", "weird", "R-status"),
        ("", "p", "R-value-empty"),
        ("..", "p", "R-status"),
    ],
)
def test_statuses_go_with_their_values_or_are_contradictions(
    tmp_path: Path, value: str, status: str, expected: tuple | str
) -> None:
    rule = {"from": "status", "values": {"p": "P", "..": "O", "x": "Q"}}
    root = write_contract(tmp_path, changed(columns={"obs_status": rule}))
    body = f"area,year,sex,count,status\nQMA,2022,all,{value},{status}\nQMB,2022,all,3,\n"
    found = run(root, write_file(tmp_path / "inbox", body))
    if isinstance(expected, str):
        assert found.codes == {expected: (2,)}
        return
    assert not found.codes
    assert found.observations("area", "obs_status", "conf_status", "missing_reason")[0] == ("QMA", *expected)


# --- periods ---------------------------------------------------------------------------------------------------------


def dataset_of(tmp_path: Path, **keys: object):
    root = write_contract(tmp_path / "-".join(map(str, keys.values())).replace("/", ""), changed(**keys))
    return loading.load(root / "partners" / PARTNER).datasets["victims"]


@QUICK
@given(
    year=st.integers(1900, 2100),
    month=st.integers(1, 12),
    form=st.sampled_from(
        ["{y}-{m:02}", "{y}{m:02}", "{y}/{m:02}", "{y} {m:02}", "{y}M{m:02}", "{y}-{m}", "{y}.0-{m:02}"]
    ),
)
def test_months_come_back(tmp_path: Path, year: int, month: int, form: str) -> None:
    found = parse(form.format(y=year, m=month), PeriodRule(forms=("month",)), dataset_of(tmp_path))
    assert found is not None
    assert (found.code, found.start, found.frequency) == (f"{year}-{month:02}", date(year, month, 1), "M")


@QUICK
@given(
    year=st.integers(1900, 2100),
    quarter=st.integers(1, 4),
    form=st.sampled_from(
        ["{y}-Q{q}", "{y}Q{q}", "{y} Q{q}", "Q{q} {y}", "{y}.0 Q{q}", "{y}.0 {q}.0", "{y} {q}", "T{q} {y}"]
    ),
)
def test_quarters_come_back(tmp_path: Path, year: int, quarter: int, form: str) -> None:
    found = parse(form.format(y=year, q=quarter), PeriodRule(forms=("quarter",)), dataset_of(tmp_path))
    assert found is not None
    assert (found.code, found.start, found.frequency) == (f"{year}-Q{quarter}", date(year, 3 * quarter - 2, 1), "Q")


@QUICK
@given(text=st.text(string.digits + "-/ QTqM.", max_size=9))
def test_a_text_is_a_period_only_in_its_own_form(tmp_path: Path, text: str) -> None:
    dataset = dataset_of(tmp_path)
    for form in ("year", "quarter", "month"):
        found = parse(text, PeriodRule(forms=(form,)), dataset)
        if found is None:
            continue
        digits = "".join(character for character in text if character.isdigit())
        assert str(found.start.year) in digits
        assert found.start == date(found.start.year, found.start.month, 1)
        assert {"year": "A", "quarter": "Q", "month": "M"}[form] == found.frequency


@QUICK
@given(
    year=st.integers(1950, 2050), quarter=st.integers(1, 4), starts=st.sampled_from([4, 7, 10]), at_end=st.booleans()
)
def test_fiscal_quarters_are_the_calendar_quarters_they_are(
    tmp_path: Path, year: int, quarter: int, starts: int, at_end: bool
) -> None:
    named_after = "end" if at_end else "start"
    dataset = dataset_of(tmp_path, fiscal_year={"starts": f"{starts:02}-01", "named_after": named_after})
    rule = PeriodRule(pattern=r"T(?P<quarter>\d) (?P<year>\d{4})/\d{2}", is_fiscal=True)
    found = parse(f"T{quarter} {year}/{(year + 1) % 100:02}", rule, dataset)
    first = date(year - at_end, starts, 1)
    months = [first]
    while len(months) < 12:
        last = months[-1]
        months.append(date.fromordinal(last.toordinal() + calendar.monthrange(last.year, last.month)[1]))
    start = months[3 * (quarter - 1)]
    assert found is not None
    assert found.start == start
    assert found.code == f"{start.year}-Q{(start.month + 2) // 3}"


@pytest.mark.parametrize(
    ("text", "named_after", "code", "start"),
    [
        ("2023/24", "start", "2023", date(2023, 4, 6)),
        ("2023/24", "end", "2022", date(2022, 4, 6)),
    ],
)
def test_a_fiscal_year_is_coded_by_the_calendar_year_of_its_first_day(
    tmp_path: Path, text: str, named_after: str, code: str, start: date
) -> None:
    dataset = dataset_of(tmp_path, fiscal_year={"starts": "04-06", "named_after": named_after})
    found = parse(text, PeriodRule(pattern=r"(?P<year>\d{4})/\d{2}", is_fiscal=True), dataset)
    assert found is not None
    assert (found.code, found.start) == (code, start)


@pytest.mark.parametrize(
    "text", ["", "20222", "2022-13", "2022-00", "2022-Q5", "Q0 2022", "1899", "2101", "２０２２", "22"]
)
def test_what_is_no_period_is_none(tmp_path: Path, text: str) -> None:
    dataset = dataset_of(tmp_path)
    assert all(parse(text, PeriodRule(forms=(form,)), dataset) is None for form in ("year", "quarter", "month"))


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("14/04/2025", "%d/%m/%Y", date(2025, 4, 14)),
        (" 14/04/2025 ", "%d/%m/%Y", date(2025, 4, 14)),
        ("2025-04-14", "%d/%m/%Y", date(2025, 4, 14)),
        ("31/02/2025", "%d/%m/%Y", None),
        ("", "%d/%m/%Y", None),
        ("20250414", "%Y%m%d", date(2025, 4, 14)),
    ],
)
def test_dates_of_issue(text: str, form: str, expected: date | None) -> None:
    assert day(text, form) == expected
