"""From the inbox to the ledger: outcomes, receipts, what is held, withdrawn, erased, and what the lake then shows."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from partner_files import BASE, FILE_NAME, HEADER, PARTNER, ROWS, changed, write_contract, write_file

from submissions import check
from submissions.contracts import area_sets, definitions
from submissions.errors import WaymarkError
from submissions.receipts.receipt import Receipt
from submissions.reception import landing, receiving
from submissions.store import lake
from submissions.store.home import Home
from submissions.store.ledger import Ledger, state
from submissions.validation import expectations
from submissions.validation.problems import KINDS, reference_page


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home", "real", create=True)


@pytest.fixture(autouse=True)
def _without_the_heavy_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite has tests of its own (test_submissions_checking) and takes seconds to load."""
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: (("stands in for the suite", True),))


def receive(home: Home, tmp_path: Path) -> receiving.Received:
    return receiving.receive(home, tmp_path / "inbox", [tmp_path / "contracts"])


def one(received: receiving.Received) -> Receipt:
    assert len(received.receipts) == 1
    return received.receipts[0]


def visible(home: Home, position: int | None = None) -> list[tuple]:
    connection = duckdb.connect()
    lake.load(connection, home, position)
    return connection.execute(
        "SELECT issued_on, area, sex, value FROM lake.observations JOIN lake.submissions USING (submission_id)"
        " ORDER BY ALL"
    ).fetchall()


def test_a_file_lands_is_accepted_and_is_held_afterwards(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    path = write_file(tmp_path / "inbox")
    first = receive(home, tmp_path)
    receipt = one(first)
    assert (receipt.outcome, receipt.rows_in, receipt.rows_accepted, receipt.exit_code) == ("accepted", 4, 4, 0)
    landed = home.landing / str(receipt.file_sha256)
    assert landed.read_bytes() == path.read_bytes()
    assert landed.stat().st_mode & 0o777 == 0o400
    stored = pq.read_table(
        home.lake / "observations" / f"partner_id={PARTNER}" / f"submission_id={receipt.submission_id}.parquet",
        partitioning=None,
    )
    assert stored.num_rows == 4
    assert set(stored["submission_id"].to_pylist()) == {receipt.submission_id}
    folder = home.quarantine / str(receipt.submission_id)
    assert json.loads((folder / "receipt.json").read_text())["rows_accepted"] == 4
    assert "4 rows in = 4 accepted" in (folder / "receipt.txt").read_text()
    kinds = [entry["kind"] for entry in Ledger.of(home).entries()]
    assert kinds == ["contract", "submission"]
    again = receive(home, tmp_path)
    assert (one(again).outcome, one(again).submission_id, again.has_new) == (
        "already_held",
        receipt.submission_id,
        False,
    )
    assert (
        again.balance
        == first.balance
        == {"files": 1, "rows_in": 4, "rows_accepted": 4, "rows_quarantined": 0, "rows_excluded": 0}
    )


def test_the_same_file_gives_the_same_id_and_bytes_in_another_home(tmp_path: Path, home: Home) -> None:
    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox")
    other = Home.open(tmp_path / "other", "real", create=True)
    ids = {one(receive(each, tmp_path)).submission_id for each in (home, other)}
    assert len(ids) == 1
    files = [next(each.lake.glob("observations/*/*.parquet")).read_bytes() for each in (home, other)]
    assert files[0] == files[1]


def test_quarantined_rows_stand_with_their_line_and_codes(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox", ROWS + "QMC,2022,all,x\nQMD,2022\n")
    receipt = one(receive(home, tmp_path))
    assert receipt.outcome == "rows_quarantined"
    assert receipt.exit_code == 1
    folder = home.quarantine / str(receipt.submission_id)
    rows = pq.read_table(folder / "rows.parquet").to_pylist()
    assert [(row["line"], row["codes"]) for row in rows] == [(6, ["R-value:value"]), (7, ["R-cells"])]
    assert json.loads((folder / "header.json").read_text()) == ["area", "year", "sex", "count"]
    assert "203 R-value" in receipt.as_text()
    assert "[column count]" in receipt.as_text()


def test_files_without_a_contract_are_listed_and_left_alone(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox", name="other.csv")
    write_file(tmp_path / "inbox", partner="qmz_ngo_unknown")
    write_file(tmp_path / "inbox", name=".hidden.csv")
    (tmp_path / "inbox" / PARTNER / "victims_link.csv").symlink_to("/etc/passwd")
    received = receive(home, tmp_path)
    assert not received.receipts
    assert {(each.path, each.reason.split(" for")[0].split(";")[0]) for each in received.left_alone} == {
        (f"{PARTNER}/other.csv", "no file pattern of the contract fits the name"),
        ("qmz_ngo_unknown/victims_2024.csv", "no contract"),
        (f"{PARTNER}/victims_link.csv", "it is a link"),
    }
    assert not list(home.landing.iterdir())


def test_a_broken_contract_refuses_its_files_and_no_others(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts", BASE | {"sector": "nothing"})
    write_contract(tmp_path / "contracts", BASE | {"partner": "qmb_police_test"})
    write_file(tmp_path / "inbox")
    write_file(tmp_path / "inbox", partner="qmb_police_test")
    outcomes = {
        receipt.partner: (receipt.outcome, [problem.code for problem in receipt.problems])
        for receipt in receive(home, tmp_path).receipts
    }
    assert outcomes == {PARTNER: ("refused", ["F-contract"]), "qmb_police_test": ("accepted", [])}


def test_a_refused_file_is_refused_once_and_again_when_the_contract_changes(home: Home, tmp_path: Path) -> None:
    root = write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox", "area;year;sex;count\nQMA;2022;all;1\n")
    first = receive(home, tmp_path)
    assert [problem.code for problem in one(first).problems] == ["F-header-missing"]
    assert not receive(home, tmp_path).has_new
    assert one(receive(home, tmp_path)).outcome == "refused"
    write_contract(root, changed(format={"type": "csv", "delimiter": ";"}))
    assert one(receive(home, tmp_path)).outcome == "accepted"


def test_a_corrected_map_needs_no_file_and_a_changed_reading_supersedes(home: Home, tmp_path: Path) -> None:
    root = write_contract(tmp_path / "contracts", changed(columns={"sex": {"from": "sex", "values": {"all": "_T"}}}))
    write_file(tmp_path / "inbox")
    first = one(receive(home, tmp_path))
    assert first.warnings == {"W-unmapped": 2}
    write_contract(root, changed())
    mapped = receive(home, tmp_path)
    assert one(mapped).outcome == "already_held"
    assert mapped.has_new  # the contract is recorded anew
    connection = duckdb.connect()
    lake.load(connection, home)
    assert ("women", "F") in connection.execute("SELECT source, code FROM lake.maps").fetchall()
    before = Ledger.of(home).position
    write_contract(root, changed(columns={"area_role": {"constant": "detection"}}))
    second = one(receive(home, tmp_path))
    assert second.outcome in ("accepted", "accepted_with_warnings")
    assert second.submission_id != first.submission_id
    known = state(Ledger.of(home).entries())
    assert known.standing(first.submission_id) == "superseded"
    assert [entry["submission_id"] for entry in known.in_force()] == [second.submission_id]
    assert len(visible(home, before)) == len(visible(home)) == 4
    write_contract(root, changed())
    third = one(receive(home, tmp_path))
    assert third.submission_id == first.submission_id
    assert [entry["submission_id"] for entry in state(Ledger.of(home).entries()).in_force()] == [first.submission_id]


DATED = {"file_name": r"victims_(?P<date>\d{8})", "date_format": "%Y%m%d"}


def dated(replaces: str, **keys: object) -> dict:
    return changed(replaces=replaces, files=[{"pattern": "victims_*", "issued_on": DATED}], **keys)


@pytest.mark.parametrize(
    ("replaces", "body", "outcome", "gone"),
    [
        ("whole_dataset", "QMA,2022,all,1\nQMA,2023,all,2\nQMB,2022,all,3\n", "accepted_with_warnings", 1),
        ("whole_dataset", "QMA,2022,all,1\n", "held_for_confirmation", 3),
        ("periods", "QMA,2022,all,1\n", "held_for_confirmation", 1),
        ("periods", "QMA,2024,all,1\n", "accepted", 0),
        ("periods_x_areas", "QMA,2022,all,1\n", "accepted", 0),
        ("periods_x_areas", "QMA,2022,women,1\n", "held_for_confirmation", 1),
        ("keys", "QMA,2022,women,1\n", "accepted", 0),
    ],
)
def test_what_vanishes_is_listed_and_above_a_share_the_submission_is_held(
    home: Home, tmp_path: Path, replaces: str, body: str, outcome: str, gone: int
) -> None:
    write_contract(tmp_path / "contracts", dated(replaces, hold_above_vanished_share=0.3))
    before = HEADER + "QMA,2022,all,1\nQMA,2023,all,2\nQMB,2022,all,3\nQMB,2023,all,4\n"
    write_file(tmp_path / "inbox", before, "victims_20240101.csv")
    receive(home, tmp_path)
    path = write_file(tmp_path / "inbox", HEADER + body, "victims_20250101.csv")
    expected = check(path, PARTNER, [tmp_path / "contracts"], home)
    receipt = next(each for each in receive(home, tmp_path).receipts if each.issued_on == "2025-01-01")
    assert (receipt.outcome, receipt.vanished_count, len(receipt.vanished)) == (outcome, gone, gone)
    assert (expected.outcome, expected.vanished_count) == (outcome, gone)
    if outcome == "held_for_confirmation":
        assert receipt.exit_code == 1
        assert {issued for issued, *_ in visible(home)} == {date(2024, 1, 1)}
        position = Ledger.of(home).position
        receiving.confirm(home, str(receipt.submission_id), "the table got smaller")
        assert {issued for issued, *_ in visible(home)} == {date(2024, 1, 1), date(2025, 1, 1)}
        assert {issued for issued, *_ in visible(home, position)} == {date(2024, 1, 1)}
        with pytest.raises(WaymarkError, match="is not held"):
            receiving.confirm(home, str(receipt.submission_id), "again")


def test_a_late_old_correction_is_compared_with_what_was_out_before_it(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts", dated("whole_dataset"))
    write_file(tmp_path / "inbox", HEADER + "QMA,2022,all,1\nQMB,2022,all,2\n", "victims_20250101.csv")
    receive(home, tmp_path)
    write_file(tmp_path / "inbox", HEADER + "QMA,2022,all,1\n", "victims_20240101.csv")
    assert {each.outcome for each in receive(home, tmp_path).receipts} == {"accepted", "already_held"}


def test_several_issues_in_a_file_are_several_submissions(home: Home, tmp_path: Path) -> None:
    issue = {"column": "issue", "values": {"a": "2023-05-01", "b": "2024-05-01"}}
    write_contract(
        tmp_path / "contracts", changed(replaces="periods", files=[{"pattern": "*.csv", "issued_on": issue}])
    )
    write_file(tmp_path / "inbox", "area,year,sex,count,issue\nQMA,2022,all,1,a\nQMA,2022,all,2,b\nQMB,2022,all,3,c\n")
    receipt = one(receive(home, tmp_path))
    assert [(part.issued_on, part.outcome, part.rows_in) for part in receipt.parts] == [
        ("2023-05-01", "rows_quarantined", 2),
        ("2024-05-01", "accepted", 1),
    ]
    assert receipt.outcome == "rows_quarantined"
    assert receipt.rows_in == 3
    assert [[problem.code for problem in part.problems] for part in receipt.parts] == [["R-issue"], []]
    entries = [entry for entry in Ledger.of(home).entries() if entry["kind"] == "submission"]
    assert [(entry["issues_in_file"], entry["rows_quarantined"]) for entry in entries] == [(2, 1), (2, 0)]
    assert visible(home) == [(date(2023, 5, 1), "QMA", "all", 1), (date(2024, 5, 1), "QMA", "all", 2)]
    assert one(receive(home, tmp_path)).outcome == "already_held"


def test_a_withdrawn_submission_counts_no_more_and_its_bytes_do_not_come_back(home: Home, tmp_path: Path) -> None:
    root = write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox")
    receipt = one(receive(home, tmp_path))
    position = Ledger.of(home).position
    receiving.withdraw(home, str(receipt.submission_id)[:8], "sent by mistake")
    assert one(receive(home, tmp_path)).outcome == "withdrawn"
    assert len(visible(home, position)) == 4
    with pytest.raises(WaymarkError, match="no accepted submission"):
        visible(home)
    write_contract(root, changed(columns={"area_role": {"constant": "detection"}}))
    assert one(receive(home, tmp_path)).outcome == "withdrawn"
    with pytest.raises(WaymarkError, match="withdrawn already"):
        receiving.withdraw(home, str(receipt.submission_id), "again")
    with pytest.raises(WaymarkError, match="no submission"):
        receiving.withdraw(home, "s0", "x")
    with pytest.raises(WaymarkError, match="reason is needed"):
        receiving.erase(home, str(receipt.submission_id), " ")


def test_an_erasure_removes_the_bytes_and_every_trace_but_id_digest_and_reason(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox", ROWS + "QMX,2022,all,bad\n")
    receipt = one(receive(home, tmp_path))
    position = Ledger.of(home).position
    receiving.erase(home, str(receipt.submission_id), "order of a court")
    text = Ledger.of(home).file.read_text()
    assert str(receipt.file_sha256) not in text
    assert FILE_NAME not in text
    assert "order of a court" in text
    assert str(receipt.submission_id) in text
    assert not list(home.landing.iterdir())
    assert not list(home.lake.glob("observations/*/*"))
    assert not (home.quarantine / str(receipt.submission_id)).exists()
    again = one(receive(home, tmp_path))
    assert [problem.code for problem in again.problems] == ["F-erased"]
    assert not list(home.landing.iterdir())
    with pytest.raises(WaymarkError, match="erased for legal reasons"):
        visible(home, position)
    assert [row["standing"] for row in receiving.listing(home)] == ["erased"]


def test_a_refusal_can_be_erased_too(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox", "area,year,sex,count,email\nQMA,2022,all,1,a@example.org\n")
    refused = one(receive(home, tmp_path))
    assert [problem.code for problem in refused.problems] == ["F-person-data"]
    receiving.erase(home, str(refused.submission_id), "personal data")
    assert not list(home.landing.iterdir())
    assert not (home.quarantine / str(refused.submission_id)).exists()


def test_an_erasure_that_was_interrupted_is_finished_by_the_next_run(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox")
    receipt = one(receive(home, tmp_path))

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Ledger, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        receiving.erase(home, str(receipt.submission_id), "order of a court")
    monkeypatch.undo()
    (tmp_path / "inbox" / PARTNER / FILE_NAME).unlink()
    receiving.receive(home, tmp_path / "inbox", [tmp_path / "contracts"])
    assert str(receipt.file_sha256) not in Ledger.of(home).file.read_text()
    assert not list(home.landing.iterdir())
    assert not list(home.lake.glob("observations/*/*"))
    assert not (home.ledger / "erasing").exists()


def test_check_says_the_same_as_receiving_and_writes_nothing(home: Home, tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    path = write_file(tmp_path / "inbox", ROWS + "QMC,2022,all,x\nQMC,2022,girls,1\n")

    def tree() -> set[tuple[str, int]]:
        return {(str(file), file.stat().st_mtime_ns) for file in tmp_path.rglob("*")}

    before = tree()
    alone = check(path, PARTNER, contracts=tmp_path / "contracts")
    with_home = check(path, PARTNER, contracts=[tmp_path / "contracts"], home=home.path)
    assert tree() == before
    received = one(receive(home, tmp_path))
    assert replace(alone, expectations=(), parts=()) == replace(with_home, expectations=(), parts=())
    assert replace(alone, expectations=(), parts=()) == replace(received, expectations=(), parts=())
    assert check(path, PARTNER, tmp_path / "contracts", home).outcome == "already_held"


def test_check_says_what_to_do_when_there_is_nothing_to_check(tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts")
    path = write_file(tmp_path / "inbox")
    with pytest.raises(WaymarkError, match="no contract for the partner"):
        check(path, "qmz_ngo_unknown", tmp_path / "contracts")
    with pytest.raises(WaymarkError, match="no file pattern"):
        check(write_file(tmp_path / "inbox", name="other.csv"), PARTNER, tmp_path / "contracts")
    with pytest.raises(WaymarkError, match="there is no file"):
        check(tmp_path / "victims_none.csv", PARTNER, tmp_path / "contracts")


def test_one_file_may_feed_two_datasets(home: Home, tmp_path: Path) -> None:
    content = changed()
    second = json.loads(json.dumps(content["datasets"]["victims"]))
    second["columns"]["measure"] = {"constant": "victims_identified"}
    content["datasets"]["identified"] = second
    write_contract(tmp_path / "contracts", content)
    write_file(tmp_path / "inbox")
    receipt = one(receive(home, tmp_path))
    assert (receipt.dataset, receipt.rows_in, len(receipt.parts)) == ("victims, identified", 8, 2)
    assert one(receive(home, tmp_path)).outcome == "already_held"


def test_the_lake_says_which_dataset_a_sheet_of_corrections_revises(home: Home, tmp_path: Path) -> None:
    content = changed()
    sheet = json.loads(json.dumps(content["datasets"]["victims"])) | {"replaces": "keys", "revises": "victims"}
    content["datasets"]["corrections"] = sheet
    write_contract(tmp_path / "contracts", content)
    write_file(tmp_path / "inbox")
    assert one(receive(home, tmp_path)).outcome == "accepted"
    connection = duckdb.connect()
    lake.load(connection, home)
    rows = connection.execute("SELECT dataset, revises FROM lake.datasets ORDER BY 1").fetchall()
    assert rows == [("corrections", "victims"), ("victims", "")]


def test_a_batch_that_fails_its_suite_is_refused(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_contract(tmp_path / "contracts")
    path = write_file(tmp_path / "inbox")
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: (("the key is unique", False),))
    checked = check(path, PARTNER, tmp_path / "contracts")
    receipt = one(receive(home, tmp_path))
    for each in (checked, receipt):
        assert each.outcome == "refused"
        assert [(problem.code, problem.detail) for problem in each.problems] == [
            ("F-expectations", "the key is unique")
        ]
    assert not list(home.lake.glob("observations/*/*"))


def test_an_inbox_that_is_not_there_is_said_so(home: Home, tmp_path: Path) -> None:
    with pytest.raises(WaymarkError, match="inbox"):
        receiving.receive(home, tmp_path / "nowhere", None)


# --- every problem can happen, and is documented ---------------------------------------------------------------------

CASE_ROWS = "".join(f"QMA,2022,all,{index}\n" for index in range(1, 30))
ISSUE = {"column": "issue", "values": {"a": "2023-05-01"}}
FILES: dict[str, tuple[dict, str | bytes]] = {
    "F-empty": (changed(), HEADER),
    "F-encoding": (changed(), HEADER.encode() + b"\xff,2022,all,1\n"),
    "F-quoting": (changed(), HEADER + '"QMA"x,2022,all,1\n'),
    "F-header-missing": (changed(), "area,year,count\nQMA,2022,1\n"),
    "F-header-twice": (changed(), "area,year,sex,sex,count\nQMA,2022,all,all,1\n"),
    "F-type": (changed(), b"PK\x03\x04"),
    "F-too-large": (changed(), HEADER + f"QMA,2022,{'x' * 40_000},1\n"),
    "F-person-data": (changed(), "area,year,sex,count,date of birth\nQMA,2022,all,1,1990-01-02\n"),
    "F-issue-date": (changed(files=[{"pattern": "*", "issued_on": DATED}]), ROWS),
    "F-no-row-accepted": (changed(), HEADER + "QMA,2022,all,x\n"),
    "F-unpivot": (changed(unpivot={"columns": "Q[1-4]", "into": {"name": "q", "value": "n"}}), ROWS),
    "R-cells": (changed(), ROWS + "QMC,2022\n"),
    "R-control": (changed(), ROWS + "Q\x07,2022,all,1\n"),
    "R-value": (changed(), ROWS + "QMC,2022,all,one\n"),
    "R-value-empty": (changed(), ROWS + "QMC,2022,all,\n"),
    "R-negative": (changed(), ROWS + "QMC,2022,all,-1\n"),
    "R-range": (changed(), ROWS + f"QMC,2022,all,{10**14}\n"),
    "R-fraction": (changed(), ROWS + "QMC,2022,all,1.5\n"),
    "R-period": (changed(), ROWS + "QMC,22,all,1\n"),
    "R-period-after-issue": (changed(), ROWS + "QMC,2026,all,1\n"),
    "R-duplicate": (changed(), ROWS + "QMC,2022,all,1\nQMC,2022,all,1\n"),
    "R-issue": (
        changed(files=[{"pattern": "*", "issued_on": ISSUE}]),
        "area,year,sex,count,issue\nQMA,2022,all,1,a\nQMB,2022,all,1,b\n",
    ),
    "R-label-empty": (changed(), ROWS + ",2022,all,1\n"),
    "R-label-long": (changed(), ROWS + f"{'x' * 201},2022,all,1\n"),
    "R-no-alternative": (changed(columns={"sex": [{"constant": "F", "where": {"sex": "women"}}]}), ROWS),
    "R-status": (
        changed(columns={"obs_status": {"from": "sex"}, "sex": None}),
        HEADER + "QMA,2022,E,1\nQMB,2022,none,1\n",
    ),
    "W-unmapped": (changed(), ROWS + "QMC,2022,girls,1\n"),
    "W-total": (changed(check_totals=[{"column": "sex", "member": "all"}]), ROWS + "QMC,2022,all,9\nQMC,2022,men,1\n"),
    "W-sum-with-missing": (changed(duplicates="sum"), ROWS + "QMC,2022,all,1\nQMC,2022,all,..\n"),
    "W-unread-parts": (
        changed(format={"type": "csv", "stop_at": {"column": "area", "starts_with": "QMC"}}),
        ROWS + "QMC,2022,all,1\n" * 21,
    ),
}
ELSEWHERE = {
    "F-multiplier": "test_contract_wrong_declarations",
    "R-multiplier": "test_contract_wrong_declarations",
    "F-fiscal": "test_contract_units_and_totals",
    "R-suffix": "test_contract_wrong_declarations",
    "W-total-alone": "test_contract_wrong_declarations",
    "W-total-undeclared": "test_contract_wrong_declarations",
    "W-offence-undefined": "test_contract_units_and_totals",
    "W-decimal": "test_contract_units_and_totals",
    "F-sheet": "test_submissions_reading",
    "F-period-names": "test_columns_that_are_no_periods_are_named",
    "R-json": "test_submissions_json_lines",
    "R-json-nested": "test_submissions_json_lines",
    "R-json-key-twice": "test_submissions_json_lines",
    "F-contract": "test_a_broken_contract_refuses_its_files_and_no_others",
    "F-not-readable": "test_a_file_that_cannot_be_opened_is_refused",
    "F-expectations": "test_a_batch_that_fails_its_suite_is_refused",
    "F-undeclared-columns": "test_a_column_that_nobody_named_refuses_the_file",
    "F-internal": "test_an_unforeseen_fault_is_one_files_fault_and_is_tried_again_by_another_version",
    "R-label-person": "test_hostile_files",
    "W-look-alike": "test_hostile_files",
    "W-implausible": "test_hostile_files",
    "F-erased": "test_an_erasure_removes_the_bytes_and_every_trace_but_id_digest_and_reason",
    "W-vanished": "test_what_vanishes_is_listed_and_above_a_share_the_submission_is_held",
    "H-vanished": "test_what_vanishes_is_listed_and_above_a_share_the_submission_is_held",
}


@pytest.mark.parametrize("code", FILES)
def test_each_problem_is_reached_by_a_file(tmp_path: Path, code: str) -> None:
    content, body = FILES[code]
    write_contract(tmp_path / "contracts", content)
    receipt = check(write_file(tmp_path / "inbox", body), PARTNER, tmp_path / "contracts")
    assert code in {problem.code for problem in receipt.problems}, receipt.as_text()
    expected = {"F": "refused", "R": "rows_quarantined", "W": "accepted_with_warnings"}[code[0]]
    assert receipt.outcome == expected
    assert receipt.rows_in == receipt.rows_accepted + receipt.rows_quarantined + receipt.rows_excluded
    assert str(KINDS[code].number) in receipt.as_text()


def test_a_file_that_cannot_be_opened_is_refused(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_contract(tmp_path / "contracts")
    path = write_file(tmp_path / "inbox")
    if os.geteuid() == 0:
        monkeypatch.setattr(
            landing, "sha256_of", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
    else:
        path.chmod(0)
    receipt = one(receive(home, tmp_path))
    assert [(problem.code, problem.detail) for problem in receipt.problems] == [("F-not-readable", "Permission denied")]


def test_the_list_of_problems_is_complete_numbered_and_documented() -> None:
    assert set(FILES) | set(ELSEWHERE) == set(KINDS)
    numbers = [kind.number for kind in KINDS.values()]
    assert len(set(numbers)) == len(numbers)
    hundred = {"F": 1, "R": 2, "W": 3, "H": 4}
    assert all(kind.number // 100 == hundred[code[0]] for code, kind in KINDS.items())
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "problems.md"
    assert page.read_text(encoding="utf-8") == reference_page()


# --- areas and definitions -------------------------------------------------------------------------------------------


def write_area_set(root: Path) -> None:
    folder = root / "areas"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "parts.yml").write_text(
        "area_set: parts\ntitle: Parts\nlevel: admin1\nparent: QMA\nmembers: parts.csv\nchanges: changes.csv\n"
        "boundaries: [{pattern: 'parts*.geojson', code_column: id, where: {kind: land}}]\n"
    )
    (folder / "parts.csv").write_text("area_code,area_name,valid_from\nQA1,One,\nQA2,Two,2020-01-01\n")
    (folder / "changes.csv").write_text("from_code,to_code,changed_on,kind\nQA0,QA1,2020-01-01,rename\n")


def square(code: str, at: float, kind: str = "land") -> dict:
    ring = [[at, 0], [at + 1, 0], [at + 1, 1], [at, 1], [at, 0]]
    return {
        "type": "Feature",
        "properties": {"id": code, "kind": kind},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def test_area_sets_and_definitions_are_recorded_by_content(home: Home, tmp_path: Path) -> None:
    root = tmp_path / "contracts"
    write_contract(root)
    write_area_set(root)
    (root / "breaks.csv").write_text(
        "area_code,measure,break_on,kind,evidence\nQMA,victims_detected,2020-01-01,law,a statute\n"
    )
    write_file(tmp_path / "inbox")
    receive(home, tmp_path)
    messages = area_sets.record(home, [root], [])
    assert messages == ["area set parts: no boundary file parts*.geojson; give it with --areas"]
    definitions.record(home, [root])
    features = [square("QA1", 0), square("QA1", 1), square("QA9", 2), square("QA2", 3, "sea")]
    boundary = tmp_path / "maps" / "parts_2024.geojson"
    boundary.parent.mkdir()
    boundary.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert area_sets.record(home, [root], [boundary.parent]) == []
    position = Ledger.of(home).position
    # without the boundaries the set keeps the ones it was given before
    assert area_sets.record(home, [root], []) == []
    definitions.record(home, [root])
    assert Ledger.of(home).position == position
    connection = duckdb.connect()
    lake.load(connection, home)
    rows = connection.execute("SELECT * EXCLUDE (area_name) FROM lake.areas ORDER BY 2").fetchall()
    assert rows == [
        ("parts", "QA1", "admin1", "QMA", None, None, True),
        ("parts", "QA2", "admin1", "QMA", date(2020, 1, 1), None, False),
    ]
    assert connection.execute("SELECT * FROM lake.area_changes").fetchall() == [
        ("parts", "QA0", "QA1", date(2020, 1, 1), "rename")
    ]
    assert connection.execute("SELECT area_code, break_on, kind FROM lake.breaks").fetchall() == [
        ("QMA", date(2020, 1, 1), "law")
    ]
    import geopandas

    shapes = geopandas.read_parquet(area_sets.boundaries(home)["parts"])
    assert shapes["area_code"].tolist() == ["QA1"]
    assert shapes.geometry.area.tolist() == [2.0]
    assert area_sets.boundaries(home, position - 1) == {}


def test_an_invented_region_takes_no_shipped_areas(tmp_path: Path) -> None:
    from submissions.contracts.loading import REPOSITORY_CONTRACTS

    invented = Home.open(tmp_path / "invented", "demonstration", create=True)
    area_sets.record(invented, [REPOSITORY_CONTRACTS])
    definitions.record(invented, [REPOSITORY_CONTRACTS])
    assert Ledger.of(invented).position == 0


def test_maps_hold_values_files_codes_of_the_contract_names_and_defaults(home: Home, tmp_path: Path) -> None:
    columns = {
        "area": {"from": "area", "map": "map_areas.csv", "library": "country_names"},
        "sex": {"from": "sex", "values": {"all": "_T"}, "else": "_U"},
        "exploitation": {"from": "form", "where": {"sex": "all"}, "values": {"sexual": "SEX"}, "else": "_T"},
    }
    write_contract(
        tmp_path / "contracts",
        changed(columns=columns),
        map_areas="source,code,valid_from,valid_to,note\nHere,QMA,,,by hand\n",
    )
    body = "area,year,sex,count,form\nHere,2022,all,1,sexual\nNamibie,2022,girls,2,x\nNowhere,2022,all,3,labour\n"
    write_file(tmp_path / "inbox", body)
    assert one(receive(home, tmp_path)).unmapped == (("area", "Nowhere", 1), ("exploitation", "labour", 1))
    connection = duckdb.connect()
    as_of = lake.load(connection, home)
    assert as_of == date(2024, 12, 31)
    rows = connection.execute("SELECT column_name, source, code, origin FROM lake.maps ORDER BY ALL").fetchall()
    assert rows == [
        ("area", "Here", "QMA", "file"),
        ("area", "Namibie", "NAM", "library"),
        ("exploitation", "_T", "_T", "values"),
        ("exploitation", "sexual", "SEX", "values"),
        ("sex", "_U", "_U", "values"),
        ("sex", "all", "_T", "values"),
        ("sex", "girls", "_U", "values"),
    ]
    dataset = connection.execute("SELECT * FROM lake.datasets").fetchall()
    assert len(dataset) == 1
    assert connection.execute("SELECT * FROM lake.build_parameters").fetchall() == [
        (as_of, Ledger.of(home).position, "real", None)
    ]


def test_a_position_beyond_the_ledger_is_refused(home: Home) -> None:
    with pytest.raises(WaymarkError, match="0 entries"):
        lake.load(duckdb.connect(), home, 5)


class Unforeseen(Exception):
    """What nobody thought of; its message quotes a cell."""


@pytest.mark.parametrize("place", ["examine", "receipt_of", "write_part"])
def test_an_unforeseen_fault_is_one_files_fault_and_is_tried_again_by_another_version(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    from submissions.reception import examination, faults, landing

    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox", name="victims_a.csv")
    write_file(tmp_path / "inbox", HEADER + "QMB,2022,all,3\n", name="victims_b.csv")
    original, calls = getattr(landing, place), []

    def fails_first(*arguments: object, **keywords: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            if place == "write_part":
                original(*arguments, **keywords)
            raise Unforeseen("the cell says unspeakable")
        return original(*arguments, **keywords)

    monkeypatch.setattr(landing, place, fails_first)
    first, second = receive(home, tmp_path).receipts
    assert (first.outcome, [problem.code for problem in first.problems]) == ("refused", ["F-internal"])
    assert second.outcome == "accepted"
    written = [path.read_text("utf-8", "replace") for path in home.path.rglob("*") if path.is_file()]
    assert not any("unspeakable" in text for text in written)
    report = (home.quarantine / str(first.submission_id) / "fault.txt").read_text()
    assert "Unforeseen" in report
    assert len(list(home.lake.glob("observations/*/*.parquet"))) == 1, "nothing half-written stays"
    # on record as any refusal, until the program has changed
    position = Ledger.of(home).position
    assert [receipt.outcome for receipt in receive(home, tmp_path).receipts] == ["refused", "already_held"]
    assert Ledger.of(home).position == position
    for module in (examination, landing):
        monkeypatch.setattr(module, "code_digest", lambda: "another version")
    assert [receipt.outcome for receipt in receive(home, tmp_path).receipts] == ["accepted", "already_held"]
    assert faults.code_digest() != "another version"


def test_a_full_disk_is_no_files_fault(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from submissions.reception import landing

    def is_full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    write_contract(tmp_path / "contracts")
    write_file(tmp_path / "inbox")
    monkeypatch.setattr(landing, "write_part", is_full)
    with pytest.raises(WaymarkError, match="the home cannot be written: No space left"):
        receive(home, tmp_path)
    assert not [entry for entry in Ledger.of(home).entries() if entry["kind"] == "refusal"]


def test_the_same_bytes_under_another_name_are_held_and_the_receipt_says_where(home: Home, tmp_path: Path) -> None:
    from submissions.contracts import loading
    from submissions.reception import receiving

    write_contract(tmp_path / "contracts")
    path = write_file(tmp_path / "inbox")
    taken = one(receive(home, tmp_path))
    path.rename(path.with_name("victims_again.csv"))
    contracts = loading.find([tmp_path / "contracts"])
    found = receiving.held(home, tmp_path / "inbox", contracts)
    assert found is not None
    (receipt,), left_alone = found
    assert receipt.outcome == "already_held"
    assert receipt.notes == (f"the same bytes are held as {taken.submission_id}, which came as {taken.file_name}",)
    assert left_alone == []
    write_file(tmp_path / "inbox", HEADER + "QMB,2022,all,3\n", name="victims_new.csv")
    assert receiving.held(home, tmp_path / "inbox", contracts) is None
