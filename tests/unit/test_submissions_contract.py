"""The contract language: what is read, and how plainly it says what is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from partner_files import BASE, PARTNER, changed, write_contract

from submissions.contracts import loading
from submissions.contracts.located_yaml import DocumentError
from submissions.errors import WaymarkError

WIDE = """\
partner: qma_police_test
name: National police of Example
sector: police
audience: restricted
minimum_cell: 11
cadence: {every: 1 quarter, late_after: 60 days}
datasets:
  victims_by_province:
    title: Victimes identifiées par province
    source_type: police
    counting_unit: persons
    period_basis: registration
    replaces: periods_x_areas
    format: {type: csv, encoding: cp1252, delimiter: ";", decimal: ",", header_rows: [3, 4], fill_labels_right: true}
    files: [{pattern: "victimes_*.csv", issued_on: {file_name: "victimes_(?P<date>\\\\d{8})", date_format: "%Y%m%d"}}]
    unpivot: {columns: "T[1-4] \\\\d{4}/\\\\d{2}", into: {name: quarter, value: count}}
    fiscal_year: {starts: 04-01, named_after: start}
    exclude:
      - {column: Province, in: [Total général, NO], reason: "sub-totals of the same table, kept as check"}
    columns:
      area: {from: Province, values: {NA: QMA, NO: QMB, "01": QMC, null: QMD}}
      measure: {constant: victims_identified}
      period: {from: quarter, pattern: "T(?P<quarter>\\\\d) (?P<year>\\\\d{4})/\\\\d{2}", fiscal: true}
      value: {from: count, thousands: " ", marks: {"..": {missing: not_reported}, "*": {suppressed: [1, 4]}, "-": 0}}
    check_totals: [{column: Province, member: Total général, tolerance: 0}]
"""


def problems(root: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        loading.load(root / "partners" / PARTNER)
    return str(caught.value)


def test_every_scalar_stays_text_unless_the_schema_asks_for_a_number(tmp_path: Path) -> None:
    found = loading.load(write_contract(tmp_path, WIDE) / "partners" / PARTNER)
    dataset = found.datasets["victims_by_province"]
    assert dict(dataset.columns["area"][0].values) == {"NA": "QMA", "NO": "QMB", "01": "QMC", "null": "QMD"}
    assert dataset.exclusions[0].labels == ("Total général", "NO")
    assert dataset.fiscal_starts == (4, 1)
    assert found.minimum_cell == 11
    assert dataset.files[0].format.header_rows == (3, 4)
    assert dataset.files[0].format.encoding == "cp1252"
    assert dataset.frequency == "Q"
    assert (found.cadence_months, found.late_after_days) == (3, 60)
    marks = {mark.text: (mark.lower, mark.upper, mark.missing_reason) for mark in dataset.value.marks}
    assert marks == {
        "..": (None, None, "not_reported"),
        "*": (1, 4, "suppressed_by_publisher"),
        "-": (0, 0, None),
    }


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("minimum_cell: 11", "minimum_cel: 11", 5, ["unknown key", "did you mean 'minimum_cell'"]),
        ("minimum_cell: 11", "minimum_cell: eleven", 5, ["expected a whole number", "'eleven'"]),
        ("minimum_cell: 11\n", "", 1, ["'minimum_cell' is missing"]),
        ("sector: police", "sector: polizia", 3, ["'polizia' is not allowed", "prosecution"]),
        ("replaces: periods_x_areas", "replaces: everything", 13, ["not allowed", "whole_dataset"]),
        ("late_after: 60 days", "late_after: soon", 6, ["'soon'", "such as '60 days'"]),
        ("sub-totals of the same table, kept as check", "x", 19, []),
        (
            'reason: "sub-totals of the same table, kept as check"',
            "reason: sub-totals of a table, kept",
            19,
            ["lack its quotes"],
        ),
        ("audience: restricted", "audience: restricted\naudience: public", 5, ["stands twice", "line 4"]),
        ("from: count,", "from: count, from: total,", 24, ["stands twice"]),
        ("partner: qma_police_test", "partner: &x qma_police_test\nlicence: *x", 2, ["alias *x is not allowed"]),
        ("datasets:", "datasets: [", 9, ["not valid YAML"]),
        ("starts: 04-01", "starts: 02-01", 17, ["starts with a quarter"]),
        (
            "fiscal_year: {starts: 04-01, named_after: start}\n",
            "note: none\n",
            23,
            ["'fiscal: true' needs 'fiscal_year"],
        ),
        ("(?P<quarter>\\\\d) (?P<year>", "(?P<quarter>\\\\d) (?P<yaer>", 23, ["group named year", "yaer"]),
        ("(?P<date>", "(?P<day>", 15, ["group named date"]),
        (
            "victims_identified",
            "victims_identifed",
            22,
            ["'victims_identifed' is no code of measure", "did you mean 'victims_identified'"],
        ),
        ('{from: count, thousands: " "', '{from: count, thousands: ","', 24, ["are the same"]),
        ("suppressed: [1, 4]", "suppressed: [4, 1]", 24, ["bounds of '*' are not in order"]),
        ("values: {NA: QMA", "map: nowhere.csv, values: {NA: QMA", 21, ["nowhere.csv is not beside the contract"]),
        (
            "measure: {constant: victims_identified}",
            "measure: {constant: victims_identified, from: x}",
            22,
            ["either 'constant' or 'from'"],
        ),
        ("issued_on: {file_name", "note: {file_name", 15, ["found keys with values"]),
    ],
)
def test_a_slip_is_named_with_its_line_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, line: int, words: list[str]
) -> None:
    assert old in WIDE
    root = write_contract(tmp_path, WIDE.replace(old, new))
    if not words:
        loading.load(root / "partners" / PARTNER)
        return
    message = problems(root)
    assert f"contract.yml line {line}" in message
    for word in words:
        assert word in message, message


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    broken = WIDE.replace("sector: police", "sector: x").replace("minimum_cell: 11", "minimum_cell: x")
    message = problems(write_contract(tmp_path, broken))
    assert "has 2 problems" in message
    assert "line 3, sector" in message
    assert "line 5, minimum_cell" in message


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("label,code\nx,F\n", 1, "the header needs the columns source, code"),
        ("source,code\nx\n", 2, "has 1 cells, the header has 2"),
        ("source,code\nx,\n", 2, "has no code"),
        ("source,code\nx,F\nx,M\n", 3, "stands twice for the same time"),
        ("source,code,valid_from,valid_to\nx,F,2020-01-01,2021-13-01\n", 2, "dates as YYYY-MM-DD"),
        ("source,code\nx,FF\n", 2, "'FF' is no code of sex"),
        ('source,code\n"x,F\n', 2, "is not valid CSV"),
    ],
)
def test_a_map_file_is_checked_line_by_line(tmp_path: Path, body: str, line: int, words: str) -> None:
    content = changed(columns={"sex": {"from": "sex", "map": "map_sex.csv"}})
    message = problems(write_contract(tmp_path, content, map_sex=body))
    assert f"map_sex.csv line {line}" in message
    assert words in message


def test_a_label_may_change_its_code_over_time(tmp_path: Path) -> None:
    body = "source,code,valid_from,valid_to,note\n x ,F,,2020-01-01,\nx,M,2020-01-01,,later\n"
    content = changed(columns={"sex": {"from": "sex", "map": "map_sex.csv"}})
    found = loading.load(write_contract(tmp_path, content, map_sex=body) / "partners" / PARTNER)
    rows = found.maps["map_sex.csv"]
    assert [(row.source, row.code, row.valid_from, row.valid_to) for row in rows] == [
        ("x", "F", None, date(2020, 1, 1)),
        ("x", "M", date(2020, 1, 1), None),
    ]


def test_maps_change_the_digest_and_not_the_reading_of_a_file(tmp_path: Path) -> None:
    content = changed(
        columns={"sex": {"from": "sex", "map": "map_sex.csv"}},
        exclude=[{"column": "area", "in": "left_out.csv", "reason": "counted elsewhere"}],
    )
    bodies = {"map_sex": "source,code\nwomen,F\n", "left_out": "source\nQMZ\n"}

    def digests(name: str, **changes: str) -> tuple[str, str]:
        root = write_contract(tmp_path / name, content, **(bodies | changes))
        found = loading.load(root / "partners" / PARTNER)
        return found.digest, found.datasets["victims"].reading_digest

    base, mapped, excluded = (
        digests("a"),
        digests("b", map_sex="source,code\nwomen,F\nmen,M\n"),
        digests("c", left_out="source\nQMY\n"),
    )
    assert mapped[0] != base[0]
    assert mapped[1] == base[1]
    assert excluded[1] != base[1]
    assert digests("d") == base


def test_an_earlier_root_wins_and_a_broken_contract_does_not_hide_the_others(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_contract(first, BASE | {"name": "From the first root"})
    write_contract(second, BASE)
    write_contract(second, BASE | {"partner": "qmb_ngo_test", "sector": "nothing"})
    found = loading.find([first, second])
    assert found[PARTNER].name == "From the first root"
    assert isinstance(found["qmb_ngo_test"], DocumentError)


def test_a_contracts_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(WaymarkError, match="does not exist"):
        loading.roots(tmp_path / "nowhere", None)


def test_a_contract_that_is_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    root = write_contract(tmp_path, WIDE)
    file = root / "partners" / PARTNER / "contract.yml"
    file.write_bytes(b"partner: \xff\n")
    assert "line 1: is not UTF-8 text" in problems(root)
    file.write_bytes(b"#" * 3_000_000)
    with pytest.raises(WaymarkError, match="larger than"):
        loading.load(file)
    file.write_text("[" * 5000)
    assert "not valid YAML" in problems(root)


@pytest.mark.parametrize("root", ["contracts", "demonstration/contracts"])
def test_every_shipped_contract_loads(root: str) -> None:
    folder = loading.REPOSITORY_CONTRACTS.parent / root
    found = loading.find([folder])
    assert found
    assert not {partner: str(each) for partner, each in found.items() if isinstance(each, DocumentError)}
