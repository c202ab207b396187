"""Readers: the declared form and nothing else, every cell text, every line known."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from partner_files import changed, run, write_contract, write_file

from submissions.contracts.loading import Format, trimmed
from submissions.readers import table as reading
from submissions.validation.problems import Refusal


def rows_of(path: Path, form: Format) -> tuple[reading.Reading, list[tuple]]:
    connection = duckdb.connect()
    found = reading.read(path, form, connection)
    cells = ", ".join(f"c{index}" for index in range(len(found.header)))
    return found, connection.execute(f"SELECT line, {cells} FROM source ORDER BY row_id").fetchall()


def refusal(path: Path, form: Format) -> Refusal:
    with pytest.raises(Refusal) as caught:
        rows_of(path, form)
    return caught.value


def test_every_cell_is_text_as_written_but_for_blanks_at_its_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("area,n\nNA,007\nnull, 1 \nNaN,1e5\n'',\n", encoding="utf-8")
    found, rows = rows_of(path, Format("csv"))
    assert found.header == ("area", "n")
    assert rows == [(2, "NA", "007"), (3, "null", "1"), (4, "NaN", "1e5"), (5, "''", "")]


def test_lines_are_physical_even_after_line_ends_in_cells_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'area,n\r\n"two\r\nlines",1\r\n\r\n,,\r\nB,2\r\n')
    _, rows = rows_of(path, Format("csv"))
    assert [(row[0], row[2]) for row in rows] == [(2, "1"), (6, "2")]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=8), min_size=3, max_size=3
        ),
        min_size=1,
        max_size=20,
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
)
def test_what_a_csv_writer_writes_is_read_back(tmp_path: Path, rows: list[list[str]], delimiter: str) -> None:
    import csv

    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([["x", "y", "z"], *rows])
    _, found = rows_of(path, Format("csv", delimiter=delimiter))
    assert [list(row[1:]) for row in found] == [[trimmed(cell) for cell in row] for row in rows if any(row)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "iso-8859-2", "gb18030", "shift_jis"])
def test_declared_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = {"cp1252": "Îles €", "iso-8859-2": "Łódź", "gb18030": "北京", "shift_jis": "東京"}.get(encoding, "Łódź €")
    path = tmp_path / "a.csv"
    path.write_bytes(f"area,n\n{text},1\n".encode(encoding))
    assert rows_of(path, Format("csv", encoding=encoding))[1] == [(2, text, "1")]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfarea,n\nA,1\n")
    assert rows_of(path, Format("csv"))[0].header == ("area", "n")


@pytest.mark.parametrize("before", [0, 3, 20_000])
def test_a_wrong_byte_is_found_to_the_byte_and_line(tmp_path: Path, before: int) -> None:
    start = b"area,n\n" + "Łódź,1\n".encode() * before
    path = tmp_path / "a.csv"
    path.write_bytes(start + b"Caf\xe9,2\n")
    problem = refusal(path, Format("csv")).problem
    assert problem.code == "F-encoding"
    assert problem.lines == (before + 2,)
    assert f"byte {len(start) + 4:,} " in problem.detail


@pytest.mark.parametrize(
    ("content", "form", "code"),
    [
        (b"", Format("csv"), "F-empty"),
        (b"a,b\n\"x\"y,1\n", Format("csv"), "F-quoting"),
        (b"a,b\n\"x,1\n", Format("csv"), "F-quoting"),
        (b"a,b\n" + b"x" * 40_000 + b",1\n", Format("csv"), "F-too-large"),
        (b",".join(b"c%d" % index for index in range(3000)) + b"\n", Format("csv"), "F-too-large"),
        (b"PK\x03\x04 not text", Format("csv"), "F-type"),
        (b"%PDF-1.7", Format("csv"), "F-type"),
        ("a,b\nx,1\n".encode("utf-16"), Format("csv"), "F-encoding"),
        (b"a,b\nx,1\n", Format("xlsx", sheet="s"), "F-type"),
        (b"a,b\nx,1\n", Format("parquet"), "F-type"),
        (b"PAR1 broken PAR1", Format("parquet"), "F-type"),
        (b"", Format("xlsx", sheet="s"), "F-empty"),
        (b"", Format("parquet"), "F-empty"),
        (b"\n\na,b\n", Format("csv", header_rows=(1,)), "F-header-missing"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_reason(
    tmp_path: Path, content: bytes, form: Format, code: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert refusal(path, form).problem.code == code


def test_several_header_rows_and_labels_filled_right(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Ministry\n\n;2023;;2024;\nProvince;men;women;men;women\nA;1;2;3;4\n", encoding="utf-8")
    form = Format("csv", delimiter=";", header_rows=(3, 4), fill_labels_right=True)
    found, rows = rows_of(path, form)
    assert found.header == ("Province", "2023 men", "2023 women", "2024 men", "2024 women")
    assert rows == [(5, "A", "1", "2", "3", "4")]
    assert found.cell("A1") == "Ministry"
    assert found.cell("C3") == ""
    assert found.cell("ZZ1") == ""


def test_rows_from_the_declared_end_on_are_marked(tmp_path: Path) -> None:
    root = write_contract(
        tmp_path, changed(format={"type": "csv", "stop_at": {"column": "area", "starts_with": "Source"}})
    )
    body = "area,year,sex,count\nQMA,2022,all,1\n Source: ministry\nNote,x,y\n"
    found = run(root, write_file(tmp_path / "inbox", body))
    assert found.count("rows_in") == 3
    assert found.checked.exclusions == (("after the declared end of the table", 2),)
    assert not found.checked.problems


def workbook(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_typed_cells_become_the_text_a_person_would_write(tmp_path: Path) -> None:
    from datetime import date, datetime

    rows = [
        ["a", "b"],
        [2010.0, 12.5],
        [True, date(2024, 4, 14)],
        [datetime(2024, 4, 14, 12, 30), 1e20],
        [None, None],
        ["x", -3],
    ]
    path = workbook(tmp_path / "a.xlsx", {"other": [["z"]], "data": rows})
    found, read = rows_of(path, Format("xlsx", sheet="data", decimal=","))
    assert found.header == ("a", "b")
    assert read == [
        (2, "2010", "12,5"),
        (3, "TRUE", "2024-04-14"),
        (4, "2024-04-14 12:30:00", "1e+20"),
        (6, "x", "-3"),
    ]


def test_sheet_rows_keep_their_numbers_below_an_empty_start(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"data": [[], ["14/04/2025"], ["a", "b"], ["x", 1]]})
    found, read = rows_of(path, Format("xlsx", sheet="data", header_rows=(3,)))
    assert found.cell("A2") == "14/04/2025"
    assert read == [(4, "x", "1")]


def test_a_missing_sheet_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", {"data": [["a"], [1]]})
    assert refusal(path, Format("xlsx", sheet="Data")).problem.code == "F-sheet"


def test_a_workbook_that_unpacks_to_much_more_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 80_000_000)
    problem = refusal(path, Format("xlsx", sheet="s")).problem
    assert problem.code == "F-too-large"
    assert path.stat().st_size < 200_000


def test_a_workbook_of_too_many_members_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(10_001):
            archive.writestr(f"m{index}", b"")
    assert refusal(path, Format("xlsx", sheet="s")).problem.code == "F-too-large"


def test_parquet_types_become_text(tmp_path: Path) -> None:
    import datetime
    from decimal import Decimal

    table = pa.table({
        " area ": pa.array(["NA", None, "x"]),
        "n": pa.array([1.0, 2.5, None]),
        "i": pa.array([1, None, 3], pa.int64()),
        "d": pa.array([datetime.date(2024, 1, 2), None, None]),
        "b": pa.array([True, False, None]),
        "m": pa.array([Decimal("1.50"), None, Decimal("2.00")]),
        "k": pa.array(["u", "v", "u"]).dictionary_encode(),
        "nan": pa.array([float("nan"), float("inf"), 0.0]),
    })  # fmt: skip
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    found, rows = rows_of(path, Format("parquet"))
    assert found.header == ("area", "n", "i", "d", "b", "m", "k", "nan")
    assert rows == [
        (1, "NA", "1", "1", "2024-01-02", "TRUE", "1.50", "u", "nan"),
        (2, "", "2.5", "", "", "FALSE", "", "v", "inf"),
        (3, "x", "", "3", "", "", "2.00", "u", "0"),
    ]


def test_nested_parquet_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": pa.array([[1], [2]])}), path)
    assert refusal(path, Format("parquet")).problem.code == "F-type"


def test_a_parquet_file_cut_short_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array(range(100_000))}), buffer)
    path = tmp_path / "a.parquet"
    path.write_bytes(buffer.getvalue()[:-100])
    assert refusal(path, Format("parquet")).problem.code == "F-type"


@pytest.mark.parametrize("columns", [1, 3])
def test_more_than_one_batch_of_rows(tmp_path: Path, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH_ROWS", 7)
    path = tmp_path / "a.csv"
    lines = [",".join(f"{row}-{column}" for column in range(columns)) for row in range(50)]
    path.write_text("\n".join([",".join(f"h{column}" for column in range(columns)), *lines]) + "\n", encoding="utf-8")
    seen: list[int] = []
    connection = duckdb.connect()
    found = reading.read(path, Format("csv"), connection, seen.append)
    assert found.rows == 50
    assert seen[-1] == 50
    assert connection.execute("SELECT count(DISTINCT row_id), min(line), max(line) FROM source").fetchone() == (
        50,
        2,
        51,
    )
