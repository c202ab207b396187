"""Json lines: one flat object a line, every digit kept, every broken line a numbered problem with its line."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from partner_files import Run, changed, run, write_contract, write_file

from submissions.contracts.loading import Format, load, trimmed
from submissions.contracts.located_yaml import DocumentError
from submissions.readers import table
from submissions.validation.problems import Refusal

FORM = Format("jsonl")
LINES = [
    {"area": "QMA", "year": 2022, "sex": "all", "count": 12},
    {"area": "QMA", "year": 2022, "sex": "women", "count": "7"},
    {"area": "QMB", "year": 2022, "sex": "all", "count": "<5"},
]


def rows_of(path: Path, form: Format = FORM) -> tuple[table.Reading, list[tuple]]:
    connection = duckdb.connect()
    found = table.read(path, form, connection)
    cells = ", ".join(f"c{index}" for index in range(len(found.header)))
    return found, connection.execute(f"SELECT line, {cells} FROM source ORDER BY row_id").fetchall()


def written(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def checked(tmp_path: Path, *lines: str, **dataset: object) -> Run:
    root = write_contract(tmp_path, changed(format={"type": "jsonl"}, **dataset))
    return run(root, write_file(tmp_path / "inbox", "\n".join(lines) + "\n", name="victims_2024.jsonl"))


def test_keys_are_columns_in_the_order_in_which_they_are_first_seen(tmp_path: Path) -> None:
    path = written(tmp_path / "a", '{"b": 1, " a ": null}', "", '{"c": true, "b": "x "}', '{"a": false}')
    found, rows = rows_of(path)
    assert found.header == ("b", "a", "c")
    assert rows == [(1, "1", "", ""), (3, "x", "", "TRUE"), (4, "", "FALSE", "")]


@pytest.mark.parametrize(
    "number",
    ["0.1", "12345678901234567890", "1.10", "-0", "0.30000000000000004", "1e3", "1E-7", "9" * 400, "0." + "1" * 300],
)
def test_numbers_keep_the_digits_that_were_written(tmp_path: Path, number: str) -> None:
    path = written(tmp_path / "a", f'{{"n": {number}}}')
    assert rows_of(path)[1] == [(1, number)]
    assert rows_of(path, Format("jsonl", decimal=","))[1] == [(1, number.replace(".", ","))]


def test_the_figures_of_a_json_lines_file(tmp_path: Path) -> None:
    found = checked(tmp_path, *map(json.dumps, LINES))
    assert not found.checked.problems
    assert found.observations("area", "sex", "value", "lower", "upper") == [
        ("QMA", "all", 12, 12, 12),
        ("QMA", "women", 7, 7, 7),
        ("QMB", "all", None, 0, 4),
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"area": "QMC", "year": 2022, "sex": "all", "count": 1', "R-json"),
        ("[1, 2]", "R-json"),
        ("null", "R-json"),
        ("QMC,2022,all,1", "R-json"),
        ('{"area": "QMC"} {"area": "QMD"}', "R-json"),
        ('{"area": "QMC", "year": 2022, "sex": "all", "count": NaN}', "R-json"),
        ('{"area": "QMC", "year": 2022, "sex": "all", "count": Infinity}', "R-json"),
        ('{"area": "\\ud800", "year": 2022, "sex": "all", "count": 1}', "R-json"),
        ("{'area': 'QMC'}", "R-json"),
        ('{"area": "Q\tC"}', "R-json"),
        ('{"area": {"code": "QMC"}, "year": 2022, "sex": "all", "count": 1}', "R-json-nested"),
        ('{"area": "QMC", "year": [2022], "sex": "all", "count": 1}', "R-json-nested"),
        ('{"area": "QMC", "year": 2022, "sex": "all", "count": {}}', "R-json-nested"),
        ('{"area": ' + "[" * 100_000 + "]" * 100_000 + "}", "R-json-nested"),
        ('{"area": "QMC", "area": "QMD", "year": 2022, "sex": "all", "count": 1}', "R-json-key-twice"),
        ('{"area": "QMC", "area ": "QMD", "year": 2022, "sex": "all", "count": 1}', "R-json-key-twice"),
        ('{"area": "QMC", "year": 2022, "sex": "all", "count": null}', "R-value-empty"),
        ('{"area": "QMC", "year": 2022, "sex": "all"}', "R-value-empty"),
        ('{"area": "Q\\u0000", "year": 2022, "sex": "all", "count": 1}', "R-control"),
    ],
)
def test_a_line_that_cannot_be_used_is_a_numbered_problem_and_the_others_are_read(
    tmp_path: Path, line: str, code: str
) -> None:
    found = checked(tmp_path, json.dumps(LINES[0]), line, json.dumps(LINES[1]))
    assert found.codes == {code: (2,)}
    assert (found.count("rows_in"), found.count("rows_accepted"), found.count("rows_quarantined")) == (3, 2, 1)


def test_what_is_excluded_and_what_comes_after_the_end_is_in_the_balance(tmp_path: Path) -> None:
    found = checked(
        tmp_path,
        *map(json.dumps, LINES),
        '{"area": "Total", "year": 2022, "sex": "all", "count": 12}',
        "broken",
        '{"area": "Source: ministry"}',
        "also broken",
        exclude=[{"column": "area", "in": ["Total"], "reason": "total"}],
    )
    counts = {name: found.count(f"rows_{name}") for name in ("in", "accepted", "quarantined", "excluded")}
    assert counts == {"in": 7, "accepted": 3, "quarantined": 3, "excluded": 1}


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "F-empty", ""),
        (b"\n\n", "F-empty", ""),
        (b'[{"area": 1},\n{"area": 2}]\n', "F-type", "JSON array"),
        (b"x\ny\n", "F-type", "no line holds"),
        (b"PK\x03\x04", "F-type", "not text"),
        (b'{"a": "\xff"}\n', "F-encoding", "byte 8 "),
        (b'{"a": "' + b"x" * 40_000 + b'"}\n', "F-too-large", "a cell"),
        (b'{"a": "' + b"x" * 4_100_000 + b'"}\n', "F-too-large", "a line"),
        (b"".join(b'{"k%d": 1}\n' % index for index in range(2_001)), "F-too-large", "different keys"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, code: str, words: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(Refusal) as caught:
        rows_of(path)
    assert caught.value.problem.code == code
    assert words in caught.value.problem.detail


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"), ("utf-16-be", "utf-16-be")],
)  # fmt: skip
def test_encodings(tmp_path: Path, encoding: str, declared: str) -> None:
    path = written(tmp_path / "a", '{"powiat": "Łódź"}', encoding=encoding)
    assert rows_of(path, Format("jsonl", encoding=declared))[1] == [(1, "Łódź")]


@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(codec="utf-8"), max_size=5).map(trimmed),
            st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=8), st.integers(), st.booleans()),
            min_size=1,
            max_size=4,
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_writer_of_json_writes_is_read_back(tmp_path: Path, rows: list[dict]) -> None:
    path = written(tmp_path / "a", *(json.dumps(row, ensure_ascii=bool(index % 2)) for index, row in enumerate(rows)))
    found, read = rows_of(path)

    def text(value: object) -> str:
        return "" if value is None else str(value).upper() if isinstance(value, bool) else trimmed(str(value))

    assert [row[1:] for row in read] == [tuple(text(row.get(name)) for name in found.header) for row in rows]


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "BATCH_ROWS", 1_000)
    line = json.dumps({"area": "QMA", "sex": "all", "text": "x" * 200, "count": 1}) + "\n"
    peaks = []
    for rows in (3_000, 30_000):
        path = tmp_path / f"{rows}.jsonl"
        path.write_text(line * rows, encoding="utf-8")
        tracemalloc.start()
        assert table.read(path, FORM, duckdb.connect()).rows == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"type": "jsonl", "header_rows": [2]}, "no header rows"),
        ({"type": "jsonl", "sheet": "a"}, "only an xlsx file has sheets"),
        ({"type": "jsonl", "fill_labels_down": ["area"]}, "no labels to fill"),
    ],
)
def test_a_form_that_json_lines_cannot_have_is_said_so(tmp_path: Path, form: dict, words: str) -> None:
    root = write_contract(tmp_path, changed(format=form))
    with pytest.raises(DocumentError, match=words):
        load(next(root.rglob("contract.yml")))
