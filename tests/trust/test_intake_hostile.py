"""Files that mean harm, or carry what must not be carried: what becomes of them, and that nothing of them gets out."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from partner_files import HEADER, PARTNER, ROWS, changed, write_contract, write_file

from submissions import check
from submissions.receipts.receipt import Receipt
from submissions.reception import receiving
from submissions.store.home import Home
from submissions.store.ledger import Ledger
from submissions.validation import expectations


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: ())
    return Home.open(tmp_path / "home", "real", create=True)


def received(home: Home, tmp_path: Path) -> Receipt:
    receipts = receiving.receive(home, tmp_path / "inbox", [tmp_path / "contracts"]).receipts
    assert len(receipts) == 1
    return receipts[0]


def texts_outside_landing(home: Home) -> dict[str, str]:
    """All text that the house wrote outside the sealed landing folder, parquet unpacked."""
    found = {}
    for path in sorted(home.path.rglob("*")):
        if path.is_file() and home.landing not in path.parents:
            raw = path.read_bytes().decode("utf-8", "replace")
            if path.suffix == ".parquet":
                raw += json.dumps(pq.read_table(path, partitioning=None).to_pylist(), default=str, ensure_ascii=False)
            found[str(path.relative_to(home.path))] = raw
    return found


# --- person data -----------------------------------------------------------------------------------------------------


def table(name: str, texts: list[str]) -> str:
    """An otherwise sound table with one more column."""
    lines = [f'QM{chr(65 + index % 26)},{1990 + index},all,{index},"{text}"' for index, text in enumerate(texts)]
    return f"area,year,sex,count,{name}\n" + "\n".join(lines) + "\n"


PLANTED: dict[str, tuple[str, list[str]]] = {
    "e-mail": ("contact_point", ["", "", "jana.novak@post.example", ""]),
    "telephone, international": ("x1", ["", "+49 30 901820-77", ""]),
    "telephone, national": ("x2", ["020 7946 0958", ""]),
    "telephone, American": ("x3", ["(212) 555-0173", ""]),
    "account number": ("ref", ["", "GB82 WEST 1234 5698 7654 32"]),
    "passport numbers": ("document", [f"C0{index:07d}"[:9] for index in range(31, 60, 3)]),
    "social security number": ("x4", ["", "078-05-1120"]),
    "birth dates by name": ("Geburtsdatum", ["1990-01-02"]),
    "birth dates by content": ("x5", [f"{1 + index % 28:02d}/0{1 + index % 9}/19{60 + index}" for index in range(30)]),
    "coordinates": ("x6", [f"{50 + index / 977:.5f}" for index in range(12)]),
    "a point": ("x7", ["", "52.52001, 13.40495"]),
    "names, English": ("First Name", ["Jana"]),
    "names, camel case": ("victimName", ["Jana Novak"]),
    "names, French": ("Prénom", ["Jana"]),
    "names, Spanish": ("Apellidos", ["Novak"]),
    "names, Polish": ("Nazwisko", ["Novak"]),
    "names, Russian": ("Фамилия", ["Новак"]),
    "address": ("home_address", ["1 Example Street"]),
    "free text by name": ("Remarks", ["she was met at the station"]),
    "free text by content": ("x8", [f"she was met at station {index} by a man who said so" for index in range(8)]),
    "identifiers": ("x9", [f"A-{index * 7919 % 99991}-k" for index in range(40)]),
    "web address": ("x10", ["", "https://example.org/jana"]),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_planted_personal_data_refuses_the_file_and_stands_nowhere_else(
    home: Home, tmp_path: Path, planted: str
) -> None:
    name, texts = PLANTED[planted]
    content = changed(files=[{"pattern": "*", "issued_on": "2030-01-01"}])
    write_contract(tmp_path / "contracts", content)
    write_file(tmp_path / "inbox", table(name, texts))
    receipt = received(home, tmp_path)
    assert [problem.code for problem in receipt.problems] == ["F-person-data"], receipt.as_text()
    assert receipt.outcome == "refused"
    for file, text in texts_outside_landing(home).items():
        for personal in filter(None, texts):
            assert personal not in text, (planted, file)


def test_personal_data_in_odd_places_is_found_too(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    for body in (
        HEADER + "QMA,2022,all,1\nQMB,2022,all,call +44 20 7946 0958\n",
        HEADER + "QMA,2022,all,1\nQMB,2022,all,1,jana@post.example\n",
        HEADER + "QMA,2022,all,1\njana@post.example,2022,all,1\n",
    ):
        write_file(tmp_path / "inbox", body)
        assert [problem.code for problem in received(home, tmp_path).problems] == ["F-person-data"], body
        assert not any("jana@" in text or "7946" in text for text in texts_outside_landing(home).values())


CLEAN: dict[str, tuple[str, list[str]]] = {
    "country names": ("Country Name", ["Namibia", "Niger"] * 20),
    "state names": ("STATE_NAME", ["Ohio", "Utah"] * 20),
    "codes of agencies": ("ORI", ["MO0480600", "TX2201200"] * 20),
    "vector numbers": ("VECTOR", [f"v4436{index % 9}238" for index in range(40)]),
    "quarter ends": ("Date", ["2018-03-31", "2018-06-30"] * 20),
    "counts that all differ": ("population_2024", [str(1_000_003 + index * 7919) for index in range(40)]),
    "shares": ("poverty_rate", [f"{index / 3:.1f}" for index in range(40)]),
    "decimals": ("rate", [f"{index / 7:.4f}" for index in range(4)]),
    "long labels": ("Category", ["Trafficking in persons for the purpose of the removal of organs"] * 40),
    "counties": ("COUNTY_NAME", ["PARKER; DENTON; TARRANT", "JACKSON"] * 20),
    "an empty column of notes": ("Notes", ["", ""]),
    "one name an area": ("state", [f"State {chr(65 + index)}" for index in range(26)]),
    "ranges and grouped numbers": ("x", ["100,000-249,999", "1.282.345", "0 to 17 years", "2022/23"]),
}


@pytest.mark.parametrize("clean", CLEAN)
def test_statistics_raise_no_false_alarm(tmp_path: Path, clean: str) -> None:
    name, texts = CLEAN[clean]
    content = changed(
        files=[{"pattern": "*", "issued_on": "2035-01-01"}], ignored=[{"column": name, "reason": "another figure"}]
    )
    write_contract(tmp_path / "contracts", content)
    receipt = check(write_file(tmp_path / "inbox", table(name, texts)), PARTNER, tmp_path / "contracts")
    assert receipt.outcome == "accepted", receipt.as_text()


def test_a_column_that_nobody_named_refuses_the_file(tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    path = write_file(tmp_path / "inbox", "area,year,sex,count,colour,\nQMA,2022,all,1,red,\n")
    receipt = check(path, PARTNER, tmp_path / "contracts")
    assert [(problem.code, problem.columns) for problem in receipt.problems] == [("F-undeclared-columns", ("colour",))]


def test_a_contract_may_clear_a_column_with_a_reason(tmp_path: Path) -> None:
    content = changed(
        files=[{"pattern": "*", "issued_on": "2035-01-01"}],
        not_personal=[{"column": "Address", "reason": "the address of a ministry"}],
        ignored=[{"column": "Address", "reason": "no figure"}],
    )
    write_contract(tmp_path / "contracts", content)
    path = write_file(tmp_path / "inbox", table("Address", ["1 Ministry Square"]))
    assert check(path, PARTNER, tmp_path / "contracts").outcome == "accepted"


def test_rows_of_cases_that_can_be_told_apart_are_refused(tmp_path: Path) -> None:
    ignored = [{"column": "n", "reason": "a number of the row"}]
    write_contract(tmp_path / "contracts", changed(kind="cases", ignored=ignored, columns={"value": None}))
    body = "area,year,sex,n\n" + "".join(f"QMA,2022,all,{1000 + 7 * index}\n" for index in range(40))
    receipt = check(write_file(tmp_path / "inbox", body), PARTNER, tmp_path / "contracts")
    assert [(problem.code, problem.columns) for problem in receipt.problems] == [("F-person-data", ("n",))]


def test_quarantine_keeps_only_the_columns_that_the_contract_reads(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts", changed(ignored=[{"column": "x", "reason": "no figure"}]))
    write_file(tmp_path / "inbox", "area,year,sex,count,x\nQMA,2022,all,1,kept\nQMB,2022,all,bad,secret\n")
    assert received(home, tmp_path).outcome == "rows_quarantined"
    written = texts_outside_landing(home)
    assert any("bad" in text for text in written.values())
    assert not any("secret" in text for text in written.values())


def test_no_receipt_repeats_what_a_bad_cell_says(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox", ROWS + "QMC,unspeakable1,all,unspeakable2\nQMD,2022,unspeakable3\n")
    received(home, tmp_path)
    receipts = {
        name: text for name, text in texts_outside_landing(home).items() if "receipt" in name or "ledger" in name
    }
    assert len(receipts) >= 3
    assert not any("unspeakable" in text for text in receipts.values())


# --- names and containers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "victims_..%2f..%2fetc.csv",
        "victims_\u202egnp.csv",
        "victims_\n\x1b[2J.csv",
        "victims_ {{ 1 }} <b>.csv",
        "victims_'; --.csv",
        "victims_" + "x" * 200 + ".csv",
    ],
)
def test_a_file_name_is_shown_safely_and_is_never_part_of_a_path(home: Home, tmp_path: Path, name: str) -> None:
    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox", name=name)
    receipt = received(home, tmp_path)
    assert receipt.outcome == "accepted"
    assert len(receipt.file_name) <= 120
    assert not any(character in receipt.file_name for character in "\n\x1b\u202e")
    stem = name[len("victims_") : len("victims_") + 10]
    assert not [path for path in home.path.rglob("*") if stem in path.name]


def test_a_name_that_is_no_text_is_taken_too(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    folder = tmp_path / "inbox" / PARTNER
    folder.mkdir(parents=True)
    import os

    with open(os.fsencode(folder) + b"/victims_\xff\xfe.csv", "wb") as stream:
        stream.write(ROWS.encode())
    assert received(home, tmp_path).outcome == "accepted"
    assert Ledger.of(home).file.read_bytes().decode("utf-8")


SHEET = {"format": {"type": "xlsx", "sheet": "data"}}


def hostile_workbooks(folder: Path) -> dict[str, Path]:
    """Workbooks that are none: a bomb, a nested bomb, an outside entity, a broken zip, a legacy file."""
    paths = {name: folder / f"victims_{name}.xlsx" for name in ("bomb", "entity", "truncated", "legacy", "not_a_book")}
    with zipfile.ZipFile(paths["bomb"], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 120_000_000)
    with zipfile.ZipFile(paths["entity"], "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(
            "xl/workbook.xml", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><workbook>&e;</workbook>'
        )
    paths["truncated"].write_bytes(b"PK\x03\x04" + b"\0" * 50)
    paths["legacy"].write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    with zipfile.ZipFile(paths["not_a_book"], "w") as archive:
        archive.writestr("readme.txt", "hello")
    return paths


def test_hostile_workbooks_are_refused_without_a_crash(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts", changed(**SHEET))
    folder = tmp_path / "inbox" / PARTNER
    folder.mkdir(parents=True)
    paths = hostile_workbooks(folder)
    receipts = receiving.receive(home, tmp_path / "inbox", [tmp_path / "contracts"]).receipts
    outcomes = {receipt.file_name: receipt.problems[0].code for receipt in receipts}
    assert outcomes == {
        paths["bomb"].name: "F-too-large",
        paths["entity"].name: "F-type",
        paths["truncated"].name: "F-type",
        paths["legacy"].name: "F-type",
        paths["not_a_book"].name: "F-type",
    }
    assert not any("root:" in text for text in texts_outside_landing(home).values())


def test_a_parquet_file_with_a_hostile_schema_is_only_data(home: Home, tmp_path: Path) -> None:
    ignored = [{"columns": "x.*", "reason": "no figure"}]
    write_contract(tmp_path / "contracts", changed(format={"type": "parquet"}, ignored=ignored))
    columns = {"area": ["QMA"], "year": [2022], "sex": ["all"], "count": [1.0], 'x" ; DROP TABLE source; --': ["y"]}
    path = tmp_path / "inbox" / PARTNER / "victims_1.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), path)
    assert received(home, tmp_path).outcome == "accepted"


def test_hostile_labels_reach_the_lake_unchanged_and_a_receipt_without_control_characters(
    home: Home, tmp_path: Path
) -> None:
    labels = [
        '=HYPERLINK("x")',
        "<img src=x onerror=alert(1)>",
        "'; DROP TABLE observations; --",
        "{% raw %}",
        "+1",
        "@SUM",
    ]
    write_contract(tmp_path / "contracts", changed(columns={"sex": {"from": "sex", "values": {"all": "_T"}}}))
    quoted = ['"' + label.replace('"', '""') + '"' for label in labels]
    write_file(tmp_path / "inbox", HEADER + "".join(f"QMA,2022,{label},1\n" for label in quoted) + "QMB,2022,all,1\n")
    receipt = received(home, tmp_path)
    shown = [label for _, label, _ in receipt.unmapped]
    assert len(shown) == len(labels)
    assert not set(shown) & set(labels) - {"+1"}
    stored = pq.read_table(next(home.lake.glob("observations/*/*.parquet")), partitioning=None)
    assert set(stored["sex"].to_pylist()) == {*labels, "all"}


def test_deep_trees_and_special_files_in_the_inbox_do_no_harm(home: Home, tmp_path: Path) -> None:
    import os

    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox", name="2024/victims_deep.csv")
    os.mkfifo(tmp_path / "inbox" / PARTNER / "victims_pipe.csv")
    (tmp_path / "inbox" / PARTNER / "victims_folder.csv").mkdir()
    (tmp_path / "inbox" / "loose.csv").write_text(ROWS)
    assert received(home, tmp_path).file_name == "victims_deep.csv"


# --- what is loaded --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["import submissions", "submissions.check(path, 'qma_police_test', root)"])
def test_the_partners_check_loads_nothing_heavy(tmp_path: Path, statement: str) -> None:
    write_contract(tmp_path / "contracts")
    path = write_file(tmp_path / "inbox")
    probe = (
        "import json, pathlib, sys\nimport submissions\n"
        f"path, root = pathlib.Path({str(path)!r}), pathlib.Path({str(tmp_path / 'contracts')!r})\n"
        f"{statement}\nprint(json.dumps(sorted(name.split('.')[0] for name in sys.modules)))\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    loaded = set(json.loads(output))
    assert not loaded & {"dagster", "dbt", "great_expectations", "geopandas", "plotly", "scipy", "babel"}
    if statement == "import submissions":
        assert not loaded & {"duckdb", "pandas", "pyarrow", "yaml", "numpy", "jsonschema"}
