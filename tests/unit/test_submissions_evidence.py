"""Evidence, such as panels of laws: taken in like any file, kept as reference, never a figure."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from partner_files import PARTNER, changed, write_contract, write_file

from submissions.errors import WaymarkError
from submissions.reception import receiving
from submissions.store import lake
from submissions.store.home import Home
from submissions.store.ledger import Ledger, state
from submissions.validation import expectations

PANEL = "country,year,level,month\nNorway,2004,1,\nNorway,2005,2.5,7\nSweden,2005,0,\n"


@pytest.fixture(autouse=True)
def _without_the_heavy_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: (("stands in for the suite", True),))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    content = changed()
    panel = changed(
        kind="evidence",
        counting_unit="score",
        files=[{"pattern": "panel_*", "issued_on": "2030-01-31"}],
        unpivot={"columns": "level|month", "into": {"name": "item", "value": "number"}},
        columns={
            "area": {"from": "country"},
            "measure": {"from": "item"},
            "sex": None,
            "value": {"from": "number", "marks": {"": {"missing": "not_reported"}}},
        },
    )
    content["datasets"]["panel"] = panel["datasets"]["victims"]
    write_contract(tmp_path / "contracts", content)
    return Home.open(tmp_path / "home", "real", create=True)


def receive(home: Home, tmp_path: Path) -> receiving.Received:
    return receiving.receive(home, tmp_path / "inbox", [tmp_path / "contracts"])


def panel(home: Home, tmp_path: Path) -> tuple[str, Path]:
    write_file(tmp_path / "inbox", PANEL, "panel_1.csv")
    receipt = next(one for one in receive(home, tmp_path).receipts if one.file_name == "panel_1.csv")
    assert (receipt.outcome, receipt.rows_in, receipt.rows_accepted) == ("accepted", 3, 3)
    folder = home.lake / "reference" / "evidence" / f"partner_id={PARTNER}"
    return str(receipt.submission_id), folder / f"submission_id={receipt.submission_id}.parquet"


def test_evidence_stands_in_reference_with_its_fractions_and_gaps(home: Home, tmp_path: Path) -> None:
    identity, file = panel(home, tmp_path)
    assert identity.startswith("e")
    rows = pq.read_table(file, partitioning=None).to_pylist()
    found = {
        (row["area"], row["period"], row["measure"]): None if row["value"] is None else float(row["value"])
        for row in rows
    }
    assert found == {
        ("Norway", "2004", "level"): 1,
        ("Norway", "2005", "level"): 2.5,
        ("Sweden", "2005", "level"): 0,
        ("Norway", "2004", "month"): None,
        ("Norway", "2005", "month"): 7,
        ("Sweden", "2005", "month"): None,
    }
    assert {row["missing_reason"] for row in rows if row["value"] is None} == {"not_reported"}
    assert receive(home, tmp_path).receipts[0].outcome == "already_held"


def test_evidence_is_no_figure_and_sets_no_date(home: Home, tmp_path: Path) -> None:
    panel(home, tmp_path)
    assert state(Ledger.of(home).entries()).in_force() == []
    with pytest.raises(WaymarkError, match="no accepted submission"):
        lake.load(duckdb.connect(), home)
    write_file(tmp_path / "inbox")
    receive(home, tmp_path)
    connection = duckdb.connect()
    assert str(lake.load(connection, home)) == "2024-12-31"
    for table in ("observations", "submissions", "datasets"):
        assert connection.execute(f"SELECT DISTINCT dataset FROM lake.{table}").fetchall() == [("victims",)], table


def test_evidence_can_be_erased(home: Home, tmp_path: Path) -> None:
    identity, file = panel(home, tmp_path)
    assert file.is_file()
    receiving.erase(home, identity, "order of a court")
    assert not file.exists()
    assert not list(home.landing.iterdir())
