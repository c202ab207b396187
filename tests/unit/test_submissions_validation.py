"""The suite in a process of its own: the same verdicts as here, one bad batch among good ones, deaths, and order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from partner_files import HEADER, PARTNER, ROWS, changed, run, write_contract, write_file

from submissions.contracts import loading
from submissions.reception import landing, receiving
from submissions.store.home import Home
from submissions.store.ledger import Ledger
from submissions.validation import expectations
from submissions.validation import process as validation_process
from submissions.validation.process import ValidationProcess

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def process() -> Iterator[None]:
    yield
    validation_process.stop()


def batch(tmp_path: Path, number: int, fault: str = "") -> duckdb.DuckDBPyConnection:
    """A checked file, its observations with a fault that the row rules never let through."""
    root = write_contract(tmp_path / str(number), changed())
    connection = run(root, write_file(tmp_path / str(number) / "inbox", ROWS)).connection
    if fault:
        connection.execute("CREATE TABLE frozen AS FROM observations")
        connection.execute("DROP VIEW observations")
        connection.execute("ALTER TABLE frozen RENAME TO observations")
        connection.execute(fault)
    return connection


Begin = Callable[[int, str], Callable[[], tuple[expectations.Result, ...]]]


@pytest.fixture
def begin(tmp_path: Path, process: None) -> Begin:
    def beginning(number: int, fault: str = "", profile_above: int = expectations.PROFILE_ABOVE_ROWS):
        connection = batch(tmp_path, number, fault)
        found = loading.load(tmp_path / str(number) / "partners" / PARTNER)
        dataset = found.datasets["victims"]
        return expectations.begin(connection, found, dataset, tmp_path / "handed", profile_above)

    return beginning


def failed(results: tuple[expectations.Result, ...]) -> set[str]:
    return {name for name, holds in results if not holds}


TWICE = "INSERT INTO observations SELECT * FROM observations WHERE area = 'QMB'"
NO_UNIT = "UPDATE observations SET unit = 'cases' WHERE area = 'QMB'"


def test_one_bad_batch_among_good_ones_is_found_and_the_others_pass(begin: Begin, tmp_path: Path) -> None:
    # more than go over at once, all with the same keys: what is unique within a batch may repeat between batches
    faults = {3: TWICE, validation_process.TASKS_TOGETHER + 1: NO_UNIT}
    waiting = [begin(number, faults.get(number, "")) for number in range(validation_process.TASKS_TOGETHER + 3)]
    found = {number: failed(results()) for number, results in enumerate(waiting)}
    expected = {3: {"the key is unique"}, validation_process.TASKS_TOGETHER + 1: {"unit is in its code list"}}
    assert found == {number: expected.get(number, set()) for number in found}
    assert not list((tmp_path / "handed").iterdir()), "what went over is taken away"


def test_the_verdicts_are_those_of_a_validation_here(begin: Begin, tmp_path: Path) -> None:
    found = loading.load(write_contract(tmp_path / "here", changed()) / "partners" / PARTNER)
    here = expectations.run(batch(tmp_path, 7, TWICE), found, found.datasets["victims"])
    assert begin(0, TWICE)() == here
    assert begin(1, TWICE, 0)() == here, "counted first, as a large batch is"


def test_a_process_that_dies_costs_nothing_but_time(begin: Begin) -> None:
    first = begin(0, NO_UNIT)
    assert validation_process._running is not None
    child = validation_process._running[1].child
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert failed(first()) == {"unit is in its code list"}
    assert failed(begin(1)()) == set(), "another one begins"


def test_where_no_process_can_begin_the_work_is_done_here(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*arguments: object, **keywords: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", none)
    assert failed(begin(0, TWICE)()) == {"the key is unique"}


def test_a_task_that_cannot_be_done_is_answered_and_the_next_is_done() -> None:
    process = ValidationProcess()
    try:
        numbers = [process.send({"rows": 1, "name": "a", "file": "/nowhere.parquet", "expectations": []})]
        with pytest.raises(OSError, match="could not"):
            process.answer(numbers[0])
        number = process.send({"rows": 1, "name": "b", "failing": [0, 3]})
        assert process.answer(number) == [True, False]
    finally:
        process.close()
    assert process.child.returncode == 0


def test_the_process_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from submissions.validation.process import ValidationProcess\n"
            "print(ValidationProcess().child.pid, flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{child}").exists()


# --- the order of the books ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows_waiting", [landing.MAXIMUM_ROWS_WAITING, 0], ids=["many", "one"])
def test_reading_ahead_changes_nothing_in_the_books(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_waiting: int
) -> None:
    """Good, refused, quarantined, repeated and successive files: as if each were finished before the next is opened."""
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: (("stands in for the suite", True),))
    dated = {"file_name": r"victims_(?P<date>\d{8})", "date_format": "%Y%m%d"}
    write_contract(tmp_path / "contracts", changed(files=[{"pattern": "victims_*", "issued_on": dated}]))
    bodies = {
        "victims_20240101.csv": ROWS,
        "victims_20240201.csv": HEADER,  # no row: refused
        "victims_20240301.csv": ROWS.replace("QMB,2022,all,<5\n", ""),  # a key of the first one is gone
        "victims_20240401.csv": ROWS + "QMC,2022,all,x\n",
        "victims_20240401b.csv": ROWS + "QMC,2022,all,x\n",  # the same bytes again
        "victims_20240501.csv": ROWS.replace("QMA,2022,all,12", "QMA,2022,all,13"),
    }
    for name, body in bodies.items():
        write_file(tmp_path / "inbox", body, name=name)
    books = []
    for files_waiting, rows in ((0, 0), (landing.MAXIMUM_FILES_WAITING, rows_waiting)):
        monkeypatch.setattr(landing, "MAXIMUM_FILES_WAITING", files_waiting)
        monkeypatch.setattr(landing, "MAXIMUM_ROWS_WAITING", rows)
        home = Home.open(tmp_path / f"home_{files_waiting}", "real", create=True)
        received = receiving.receive(home, tmp_path / "inbox", [tmp_path / "contracts"])
        differs = ("recorded_at", "previous", "blind")
        entries = [{key: entry[key] for key in entry if key not in differs} for entry in Ledger.of(home).entries()]
        books.append((received.receipts, entries))
    assert books[0] == books[1]
    outcomes = [receipt.outcome for receipt in books[0][0]]
    assert outcomes[1] == "refused"
    assert books[0][0][2].vanished_count == 1
    assert outcomes[4] == "already_held"


def test_a_fault_of_the_program_over_one_file_leaves_the_others_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: (("stands in for the suite", True),))
    write_contract(tmp_path / "contracts", changed())
    for name in ("victims_1.csv", "victims_2.csv", "victims_3.csv"):
        write_file(tmp_path / "inbox", ROWS + f"QMC,2022,all,{name[8]}\n", name=name)
    examine = landing.examine

    def broken(*arguments: object, **keywords: object) -> object:
        if arguments[5] == "victims_2.csv":
            raise RuntimeError("a fault of the program")
        return examine(*arguments, **keywords)  # type: ignore[arg-type]

    monkeypatch.setattr(landing, "examine", broken)
    home = Home.open(tmp_path / "home", "real", create=True)
    received = receiving.receive(home, tmp_path / "inbox", [tmp_path / "contracts"])
    assert [receipt.outcome for receipt in received.receipts] == ["accepted", "refused", "accepted"]
    assert [problem.code for problem in received.receipts[1].problems] == ["F-internal"]
    kinds = [entry["kind"] for entry in Ledger.of(home).entries()]
    assert kinds == ["contract", "submission", "refusal", "submission"]


def test_the_process_that_receives_loads_no_great_expectations(tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts", changed())
    write_file(tmp_path / "inbox", ROWS)
    script = (
        "import sys, json\nfrom pathlib import Path\nfrom submissions.reception import receiving; from submissions.validation import process as validation_process\n"
        "from submissions.store.home import Home\nroot = Path(sys.argv[1])\n"
        "home = Home.open(root / 'home', 'real', create=True)\n"
        "receipt, = receiving.receive(home, root / 'inbox', [root / 'contracts']).receipts\n"
        "print(json.dumps([len(receipt.expectations), all(holds for _, holds in receipt.expectations),\n"
        "                  'great_expectations' in sys.modules]))\n"
        "validation_process.stop()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    count, all_hold, is_loaded = json.loads(ran.stdout)
    assert count > 10
    assert all_hold
    assert not is_loaded
    assert not list((tmp_path / "home" / "landing" / landing.VALIDATION_FOLDER).iterdir())
