"""What the contract language says of tables: filled-down labels, sheets, sub-totals, several datasets, names of periods."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from partner_files import PARTNER, Run, changed, run, write_contract, write_file

from submissions import check
from submissions.contracts import loading
from submissions.contracts.loading import PeriodRule, load
from submissions.contracts.located_yaml import DocumentError
from submissions.validation.problems import Refusal
from submissions.vocabulary.period_names import named_period
from submissions.vocabulary.periods import parse

AS_YEAR = {"from": "year", "as": "year"}


def table(tmp_path: Path, body: str | bytes, name: str = "victims_2024.csv", **dataset: Any) -> Run:
    root = write_contract(tmp_path, changed(**dataset))
    return run(root, write_file(tmp_path / "inbox", body, name=name))


def workbook(path: Path, sheets: dict[str, list[list[object]]], merged: dict[str, list[str]] | None = None) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        for cells in (merged or {}).get(name, ()):
            sheet.merge_cells(cells)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def problems(tmp_path: Path, **dataset: Any) -> str:
    with pytest.raises(DocumentError) as caught:
        load(next(write_contract(tmp_path, changed(**dataset)).rglob("contract.yml")))
    return str(caught.value)


# --- labels filled down ----------------------------------------------------------------------------------------------


def test_a_label_that_stands_once_is_carried_down(tmp_path: Path) -> None:
    body = "area,year,sex,count\nQMA,2022,all,1\n,,women,2\n\n ,2023,all,3\nQMB,,all,4\nSource: x,,,\n,,,5\n"
    form = {
        "type": "csv",
        "fill_labels_down": ["area", "year"],
        "stop_at": {"column": "area", "starts_with": "Source"},
    }
    found = table(tmp_path, body, format=form)
    assert found.observations("area", "period", "sex", "value") == [
        ("QMA", "2022", "all", 1),
        ("QMA", "2022", "women", 2),
        ("QMA", "2023", "all", 3),
    ]
    # a new area ends the year above it: whose year it is would be a guess
    assert found.codes == {"R-period": (6,)}
    assert found.count("rows_excluded") == 2


def test_merged_cells_of_a_workbook_are_carried_down_and_across(tmp_path: Path) -> None:
    rows = [
        ["Region", "Count", None],
        [None, "2022", "2023"],
        ["QMA", 1, 2],
        [None, 3, 4],
        ["QMB", 5, 6],
    ]
    workbook(tmp_path / "inbox" / PARTNER / "victims_1.xlsx", {"T": rows}, {"T": ["B1:C1", "A3:A4"]})
    content = changed(
        format={
            "type": "xlsx", "sheet": "T", "header_rows": [1, 2], "fill_labels_right": True, "fill_labels_down": ["Region"],
        },
        unpivot={"columns": "Count (?P<y>\\d{4})", "into": {"name": "name", "value": "count"}},
        duplicates="sum",
        columns={"area": {"from": "Region"}, "sex": None, "period": {"from": "y", "as": "year"}},
    )  # fmt: skip
    found = run(write_contract(tmp_path, content), tmp_path / "inbox" / PARTNER / "victims_1.xlsx")
    assert found.observations("area", "period", "value", "source_row_count") == [
        ("QMA", "2022", 4, 2),
        ("QMA", "2023", 6, 2),
        ("QMB", "2022", 5, 1),
        ("QMB", "2023", 6, 1),
    ]


def test_a_column_to_fill_that_is_not_there_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        table(tmp_path, "area,year,sex,count\nQMA,2022,all,1\n", format={"type": "csv", "fill_labels_down": ["Region"]})
    assert (caught.value.problem.code, caught.value.problem.columns) == ("F-header-missing", ("Region",))


# --- sub-totals and several datasets ---------------------------------------------------------------------------------


def test_sub_totals_are_excluded_by_how_they_begin_or_end(tmp_path: Path) -> None:
    body = "area,year,sex,count\nQMA,2022,all,1\nTotal north,2022,all,1\nSouth total,2022,all,1\nTotality,2022,all,1\n"
    found = table(
        tmp_path,
        body,
        exclude=[
            {"column": "area", "starts_with": "Total ", "reason": "sub-total"},
            {"column": "area", "ends_with": [" total"], "reason": "sub-total of the south"},
        ],
    )
    assert found.checked.exclusions == (("sub-total", 1), ("sub-total of the south", 1))
    assert [row[0] for row in found.observations("area")] == ["QMA", "Totality"]


def test_one_table_holds_two_datasets(tmp_path: Path) -> None:
    content = changed(only={"table": "victims"})
    suspects = changed(only={"table": ["suspects", "accused"]})["datasets"]["victims"]
    suspects["columns"]["measure"] = {"constant": "persons_suspected"}
    content["datasets"]["suspects"] = suspects
    root = write_contract(tmp_path, content)
    body = "table,area,year,sex,count\nvictims,QMA,2022,all,12\nsuspects,QMA,2022,all,3\naccused,QMB,2022,all,4\n,QMB,2022,all,9\n"
    receipt = check(write_file(tmp_path / "inbox", body), PARTNER, root)
    by_dataset = {part.dataset: (part.rows_in, part.rows_accepted, part.rows_excluded) for part in receipt.parts}
    assert by_dataset == {"victims": (4, 1, 3), "suspects": (4, 2, 2)}


def test_two_sheets_of_a_workbook_are_two_datasets(tmp_path: Path) -> None:
    header = ["area", "year", "sex", "count"]
    path = workbook(
        tmp_path / "inbox" / PARTNER / "victims_1.xlsx",
        {"V": [header, ["QMA", 2022, "all", 12]], "S": [header, ["QMA", 2022, "all", 3], ["QMB", 2022, "all", 4]]},
    )
    content = changed(format={"type": "xlsx", "sheet": "V"})
    content["datasets"]["suspects"] = changed(format={"type": "xlsx", "sheet": "S"})["datasets"]["victims"]
    receipt = check(path, PARTNER, write_contract(tmp_path, content))
    assert {part.dataset: part.rows_accepted for part in receipt.parts} == {"victims": 1, "suspects": 2}


def test_a_contract_that_reads_no_column_counts_rows(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "area": {"constant": "QMA"},
        "period": {"constant": "2022", "as": "year"},
        "sex": None,
        "value": None,
    }
    found = table(tmp_path, "note\nx\ny\n", kind="cases", columns=columns)
    assert found.observations("area", "period", "value") == [("QMA", "2022", 2)]


# --- sheets that hold revisions --------------------------------------------------------------------------------------

REVISIONS = {
    "format": {
        "type": "xlsx",
        "sheets": "Issue (?P<issue>\\d{4}-\\d{2})",
        "stop_at": {"column": "area", "starts_with": "Note"},
        "fill_labels_down": ["area"],
    },
    "files": [{"pattern": "*.xlsx", "issued_on": {"column": "issue", "date_format": "%Y-%m", "approximate": True}}],
    "unpivot": {"columns": "\\d{4}", "into": {"name": "year", "value": "count"}},
}
SHEETS: dict[str, list[list[object]]] = {
    "Read me": [["nothing"]],
    "Issue 2024-03": [
        ["area", "sex", "2022", "2023"],
        ["QMA", "women", 5, 6],
        [None, "men", 7, 8],
        ["Note", None, None, None],
    ],
    "Issue 2023-03": [["area", "2022", "sex"], ["QMA", 4, "women"], [None, 7, "men"], ["Note", None, None]],
}


def test_sheets_that_hold_revisions_are_one_submission_an_issue(tmp_path: Path) -> None:
    path = workbook(tmp_path / "inbox" / PARTNER / "r.xlsx", SHEETS)
    root = write_contract(tmp_path, changed(**REVISIONS))
    found = run(root, path)
    assert found.checked.issues == (date(2023, 3, 1), date(2024, 3, 1))
    assert not found.checked.problems
    assert found.observations("issue", "sex", "period", "value") == [
        (date(2023, 3, 1), "men", "2022", 7),
        (date(2023, 3, 1), "women", "2022", 4),
        (date(2024, 3, 1), "men", "2022", 7),
        (date(2024, 3, 1), "men", "2023", 8),
        (date(2024, 3, 1), "women", "2022", 5),
        (date(2024, 3, 1), "women", "2023", 6),
    ]
    receipt = check(path, PARTNER, root)
    assert [(part.issued_on, part.rows_in, part.rows_accepted) for part in receipt.parts] == [
        ("2023-03-01", 3, 2),
        ("2024-03-01", 3, 2),
    ]


def test_an_empty_figure_of_a_sheet_is_still_an_empty_figure(tmp_path: Path) -> None:
    sheets = SHEETS | {"Issue 2024-03": [["area", "sex", "2022", "2023"], ["QMA", "women", None, 6]]}
    path = workbook(tmp_path / "inbox" / PARTNER / "r.xlsx", sheets)
    found = run(write_contract(tmp_path, changed(**REVISIONS)), path)
    assert found.codes == {"R-value-empty": (2,)}


def test_a_workbook_without_such_a_sheet_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "inbox" / PARTNER / "r.xlsx", {"Table": [["area"], ["QMA"]]})
    with pytest.raises(Refusal) as caught:
        run(write_contract(tmp_path, changed(**REVISIONS)), path)
    assert caught.value.problem.code == "F-sheet"


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"format": {"type": "xlsx"}}, "either the name of its 'sheet' or 'sheets'"),
        ({"format": {"type": "xlsx", "sheet": "a", "sheets": "b"}}, "either the name of its 'sheet' or 'sheets'"),
        ({"format": {"type": "xlsx", "sheets": "("}}, "not a regular expression"),
        ({"format": {"type": "csv", "sheets": "a"}}, "only an xlsx file has sheets"),
        (
            {
                "format": {"type": "xlsx", "sheets": "a"},
                "files": [{"pattern": "*", "issued_on": {"cell": "A1", "date_format": "%Y"}}],
            },
            "named group of 'sheets'",
        ),
        ({"format": {"type": "parquet", "fill_labels_down": ["area"]}}, "no labels to fill"),
        ({"exclude": [{"starts_with": "Total", "reason": "x"}]}, "need a 'column'"),
        ({"exclude": [{"column": "area", "reason": "x"}]}, "says nothing to look for"),
        (
            {
                "unpivot": {"columns": "\\d{4}", "into": {"name": "year", "value": "count"}},
                "exclude": [{"column": "year", "in": ["2022"], "reason": "x"}],
            },
            "'year' is what unpivot makes of a row",
        ),
        ({"columns": {"period": {"from": "year", "as": "month", "language": "xx"}}}, "'xx' is no language"),
        ({"columns": {"period": {"from": "year", "as": "year", "language": "pl"}}}, "needs 'as: month'"),
        ({"columns": {"period": {"from": "year", "as": ["year", "week"]}}}, "'week' is not allowed"),
        ({"format": {"type": "csv", "fill_labels_down": "area"}}, "expected a list"),
    ],
)
def test_a_contradiction_is_said_with_its_cure(tmp_path: Path, dataset: dict[str, Any], words: str) -> None:
    assert words in problems(tmp_path, **dataset)


# --- the digest of how a file is read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dataset",
    [
        {"format": {"type": "csv", "fill_labels_down": ["area"]}},
        {"format": {"type": "xlsx", "sheets": "a.*"}},
        {"only": {"area": "QMA"}},
        {"exclude": [{"column": "area", "ends_with": "total", "reason": "x"}]},
        {"columns": {"period": {"from": "year", "as": ["year", "month"], "language": "pl"}}},
        {"files": [{"pattern": "victims_*", "issued_on": "2024-12-31", "header_rows": [2]}]},
    ],
)
def test_every_key_that_decides_the_rows_is_in_the_digest(tmp_path: Path, dataset: dict[str, Any]) -> None:
    def digest(folder: str, **changes: Any) -> str:
        root = write_contract(tmp_path / folder, changed(**changes))
        return loading.load(root / "partners" / PARTNER).datasets["victims"].reading_digest

    assert digest("a", **dataset) != digest("b")


# --- periods ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("pl", "styczeń 2023", "2023-01"),
        ("pl", "STYCZNIA 2023 r.", "2023-01"),
        ("pl", "2023 paz", "2023-10"),
        ("pl", "październik\u00a02023", "2023-10"),
        ("fr", "janv. 2024", "2024-01"),
        ("fr", "Fevrier 2024", "2024-02"),
        ("fr", "août 2024", "2024-08"),
        ("de", "März 2024", "2024-03"),
        ("de", "marz 2024", "2024-03"),
        ("es", "enero de 2024", "2024-01"),
        ("pt", "março de 2024", "2024-03"),
        ("lt", "2024 m. sausis", "2024-01"),
        ("hu", "2024. január", "2024-01"),
        ("ru", "январь 2024 г.", "2024-01"),
        ("ru", "января 2024", "2024-01"),
        ("cs", "ledna 2024", "2024-01"),
        ("ja", "2024年3月", "2024-03"),
        ("el", "Μάρτιος 2024", "2024-03"),
        ("tr", "Şubat 2024", "2024-02"),
        ("pl", "2023-04", "2023-04"),
        ("pl", "kwiecień 2019/20", None),
        ("pl", "january 2023", None),
        ("pl", "styczeń 23", None),
        ("pl", "styczeń", None),
        ("pl", "styczeń luty 2023", None),
        ("pl", "styczeń 2023 2024", None),
        ("fr", "jui 2024", None),
    ],
)
def test_months_by_their_names(tmp_path: Path, language: str, text: str, expected: str | None) -> None:
    dataset = load(next(write_contract(tmp_path).rglob("contract.yml"))).datasets["victims"]
    found = parse(text, PeriodRule(("m",), forms=("month",), languages=(language,)), dataset)
    assert (found.code if found else None) == expected


def test_every_month_of_every_large_language_of_europe_is_read_in_both_forms() -> None:
    from babel.dates import get_month_names

    for language in [
        "bg",
        "ca",
        "cs",
        "da",
        "de",
        "el",
        "en",
        "es",
        "et",
        "fi",
        "fr",
        "hr",
        "hu",
        "it",
        "lt",
        "lv",
        "mk",
        "nb",
        "nl",
        "pl",
        "pt",
        "ro",
        "ru",
        "sk",
        "sl",
        "sq",
        "sr",
        "sv",
        "tr",
        "uk",
    ]:
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for month, name in get_month_names(width, context, locale=language).items():
                    if not name[0].isdigit():
                        found = named_period(f"{name} 2023", "month", (language,))
                        assert found == {"year": 2023, "month": month}, (language, name)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("pl", "I kwartał 2023", "2023-Q1"),
        ("pl", "2023 IV kw.", "2023-Q4"),
        ("de", "2. Quartal 2023", "2023-Q2"),
        ("fr", "1er trimestre 2023", "2023-Q1"),
        ("fr", "T3 2023", "2023-Q3"),
        ("es", "1.er trimestre de 2023", "2023-Q1"),
        ("pl", "III 2023", "2023-Q3"),
        ("pl", "V kwartał 2023", None),
        ("de", "Quartal 2023", None),
    ],
)
def test_quarters_by_their_names(tmp_path: Path, language: str, text: str, expected: str | None) -> None:
    dataset = load(next(write_contract(tmp_path).rglob("contract.yml"))).datasets["victims"]
    found = parse(text, PeriodRule(("q",), forms=("quarter",), languages=(language,)), dataset)
    assert (found.code if found else None) == expected


@pytest.mark.parametrize(
    ("text", "forms", "named_after", "expected"),
    [
        ("2019/20", ("year",), "start", "2019"),
        ("2019/20", ("year",), "end", "2019"),
        ("2019-2020", ("year",), "end", "2019"),
        ("2019\u201320", ("year",), "start", "2019"),
        ("FY2019/20", ("year",), "start", "2019"),
        ("FY2020", ("year",), "end", "2019"),
        ("FY 2019", ("year",), "start", "2019"),
        ("1999/00", ("year",), "start", "1999"),
        ("2019/21", ("year",), "start", None),
        ("2019/19", ("year",), "start", None),
        ("Q1 2019/20", ("quarter",), "start", "2019-Q2"),
        ("2019/20 Q4", ("quarter",), "end", "2020-Q1"),
        ("kwiecień 2019/20", ("month",), "end", "2019-04"),
        ("marzec 2019/20", ("month",), "start", "2020-03"),
        ("2019/20", ("year", "month"), "start", "2019"),
    ],
)
def test_fiscal_years_that_name_both_their_years(
    tmp_path: Path, text: str, forms: tuple[str, ...], named_after: str, expected: str | None
) -> None:
    content = changed(fiscal_year={"starts": "04-01", "named_after": named_after})
    dataset = load(next(write_contract(tmp_path, content).rglob("contract.yml"))).datasets["victims"]
    found = parse(text, PeriodRule(("y",), forms=forms, is_fiscal=True, languages=("pl",)), dataset)
    assert (found.code if found else None) == expected


def test_a_table_that_is_wide_by_years_quarters_and_months(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        "area,sex,2021,2022 Q3,styczeń 2023,2023-02\nQMA,all,1,2,3,4\n",
        unpivot={"columns": "\\d{4}.*|[^ ]+ \\d{4}", "into": {"name": "when", "value": "count"}},
        columns={"period": {"from": "when", "as": ["year", "quarter", "month"], "language": "pl"}},
    )
    assert found.observations("period", "frequency", "value") == [
        ("2021", "A", 1),
        ("2022-Q3", "Q", 2),
        ("2023-01", "M", 3),
        ("2023-02", "M", 4),
    ]


def test_columns_that_are_no_periods_are_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        table(
            tmp_path,
            "area,sex,styczen 2023,janvier 2023,Q9 2023\nQMA,all,1,2,3\n",
            unpivot={"columns": ".* 2023", "into": {"name": "when", "value": "count"}},
            columns={"period": {"from": "when", "as": ["month"], "language": "pl"}},
        )
    problem = caught.value.problem
    assert (problem.code, problem.columns, problem.count) == ("F-period-names", ("Q9 2023", "janvier 2023"), 2)
    assert "named in pl" in problem.detail


# --- encodings and marks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "declared", "code"),
    [
        ("utf-16", "utf-16", None),
        ("utf-16-le", "utf-16-le", None),
        ("utf-16-be", "utf-16-be", None),
        ("utf-16-le", "utf-16", "F-encoding"),
        ("utf-16", "utf-16-be", "F-encoding"),
        ("utf-16", "utf-8", "F-encoding"),
        ("cp1252", "cp1252", None),
    ],
)
def test_encodings_with_and_without_a_mark(tmp_path: Path, encoding: str, declared: str, code: str | None) -> None:
    body = '"area",year,sex,count\nQMA,2022,all,1\nQMÉ,2022,all,2\n'.encode(encoding)
    form = {"type": "csv", "encoding": declared}
    if code is None:
        assert [row[0] for row in table(tmp_path, body, format=form).observations("area")] == ["QMA", "QMÉ"]
        return
    with pytest.raises(Refusal) as caught:
        table(tmp_path, body, format=form)
    assert caught.value.problem.code == code


@pytest.mark.parametrize(
    ("thousands", "decimal", "text"),
    [
        (" ", ",", "1 234,0"),
        (" ", ",", "1\u00a0234"),
        (" ", ",", "1\u202f234"),
        (" ", ".", "1\u2007234"),
        ("'", ".", "1\u2019234"),
        (".", ",", "1.234,0"),
    ],
)
def test_thousands_as_typesetters_write_them(tmp_path: Path, thousands: str, decimal: str, text: str) -> None:
    found = table(
        tmp_path,
        f"area;year;sex;count\nQMA;2022;all;{text}\n",
        format={"type": "csv", "delimiter": ";", "decimal": decimal},
        columns={"value": {"from": "count", "thousands": thousands}},
    )
    assert found.observations("value") == [(1234,)]
