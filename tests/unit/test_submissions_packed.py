"""Key columns that pack several, as Eurostat's bulk tables do: taken apart as declared, and rows that do not fit."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from partner_files import changed, write_contract

from submissions.contracts import loading
from submissions.contracts.loading import Format
from submissions.contracts.located_yaml import DocumentError
from submissions.contracts.model import Split
from submissions.readers import table
from submissions.validation.problems import Refusal

KEY = "freq,iccs,geo\\TIME_PERIOD"
FORM = Format("tsv", delimiter="\t", split=Split(KEY, ",", ("freq", "iccs", "geo")))
PARTNER = "qma_police_test"


def read(path: Path, form: Format = FORM) -> tuple[table.Reading, list[tuple]]:
    connection = duckdb.connect()
    found = table.read(path, form, connection)
    cells = ", ".join(f"c{index}" for index in range(len(found.header)))
    return found, connection.execute(f"SELECT line, width, {cells} FROM source ORDER BY row_id").fetchall()


def test_a_packed_column_becomes_several(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"{KEY}\t2008 \t2009 \nA,0101,AT\t58 \t: \nA,0102,BE\t7 \t8 \n", encoding="utf-8")
    found, rows = read(path)
    assert found.header == ("freq", "iccs", "geo", "2008", "2009")
    assert rows == [(2, 5, "A", "0101", "AT", "58", ":"), (3, 5, "A", "0102", "BE", "7", "8")]


@pytest.mark.parametrize("packed", ["A,0101", "A,0101,AT,extra", "", "A,0101,AT,x,y"])
def test_a_cell_with_another_number_of_parts_never_passes_for_a_whole_row(tmp_path: Path, packed: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"{KEY}\t2008\t2009\n{packed}\t1\t2\t3\t4\nA,0101,AT\t5\t6\n", encoding="utf-8")
    found, rows = read(path)
    assert rows[0][1] != len(found.header)
    assert rows[1][1:] == (5, "A", "0101", "AT", "5", "6")


def test_a_table_without_the_packed_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("freq\tgeo\t2008\nA\tAT\t1\n", encoding="utf-8")
    with pytest.raises(Refusal) as caught:
        read(path)
    assert caught.value.problem.code == "F-header-missing"
    assert caught.value.problem.columns == (KEY,)


def test_the_contract_says_what_is_packed_and_parquet_packs_nothing(tmp_path: Path) -> None:
    split = {"column": "key", "delimiter": "|", "into": ["area", "sex"]}
    content = changed(format={"type": "csv", "split": split})
    found = loading.load(write_contract(tmp_path / "csv", content) / "partners" / PARTNER)
    assert found.datasets["victims"].files[0].format.split == Split("key", "|", ("area", "sex"))
    content = changed(format={"type": "parquet", "split": split})
    with pytest.raises(DocumentError, match="no column that packs several"):
        loading.load(write_contract(tmp_path / "parquet", content) / "partners" / PARTNER)
