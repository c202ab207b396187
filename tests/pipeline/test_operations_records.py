"""Partitions of submissions, back-fills, the run log, and what `waymark doctor` finds."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import small_home
from command_under_test import REPOSITORY, environment, waymark

from orchestration.operations import back_fill, doctor
from orchestration.runs import intake, progress, run_log
from orchestration.runs.builds import Request
from submissions.errors import WaymarkError
from submissions.reception import receiving
from submissions.store.home import Home
from submissions.store.ledger import Ledger, state

pytestmark = pytest.mark.xdist_group("records")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from orchestration.defs.resources import QUIET, Warehouse
    from orchestration.defs.submissions.assets import inbox, lake_of_submissions, received
    from orchestration.defs.submissions.partitions import LAKE, SUBMISSIONS, partition_key, submission_of


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return small_home.make(tmp_path / "home")


def materialise(
    home: Home, asset: dg.AssetsDefinition, instance: dg.DagsterInstance, **more: Any
) -> dg.ExecuteInProcessResult:
    resources = {"warehouse": Warehouse(home=str(home.path)), "report": intake.Report()}
    return dg.materialize(
        [inbox, received, lake_of_submissions], selection=[asset], instance=instance, resources=resources,
        **{"run_config": QUIET, **more},
    )  # fmt: skip


def partitions(instance: dg.DagsterInstance) -> list[str]:
    return list(instance.get_dynamic_partitions(str(SUBMISSIONS.name)))


def materialised(instance: dg.DagsterInstance) -> dict[str, dg.AssetMaterialization]:
    """Partition -> its newest materialisation."""
    records = instance.fetch_materializations(LAKE, limit=1000, ascending=True).records
    return {
        str(record.partition_key): record.asset_materialization for record in records if record.asset_materialization
    }


def entries(home: Home) -> list[dict[str, Any]]:
    return [entry for entry in Ledger.of(home).entries() if entry["kind"] == "submission"]


# --- partitions -------------------------------------------------------------------------------------------------------


def test_one_run_takes_all_and_each_submission_is_a_partition(home: Home) -> None:
    small_home.send(home.path, "20250115", small_home.rows(2012, 2024))
    instance = dg.DagsterInstance.ephemeral()
    result = materialise(home, received, instance)
    assert partitions(instance) == [partition_key(entry) for entry in entries(home)]
    assert len(partitions(instance)) == 2
    for entry in entries(home):
        shown = materialised(instance)[partition_key(entry)].metadata
        assert shown["dagster/row_count"].value == entry["rows_accepted"]
        assert shown["partner"].value == small_home.PARTNER
        assert Path(str(shown["receipt"].value)).is_file()
        assert Path(str(shown["lake_file"].value)).is_file()
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["waymark/as_of"] == "2025-01-15"
    assert run.tags["waymark/ledger"] == str(Ledger.of(home).position)


def test_partitions_follow_the_ledger_whoever_received(home: Home) -> None:
    """Received by the command line, or by a version that knew no partitions: the next run catches up, once."""
    intake.receive_waiting(Request(home=home, inbox=home.path / "inbox"))
    instance = dg.DagsterInstance.ephemeral()
    materialise(home, received, instance)
    assert len(partitions(instance)) == 1
    first = instance.fetch_materializations(LAKE, limit=10).records
    materialise(home, received, instance)
    assert [record.storage_id for record in instance.fetch_materializations(LAKE, limit=10).records] == [
        record.storage_id for record in first
    ]


def test_dagsters_records_hold_no_name_of_a_file_and_no_cell(home: Home) -> None:
    """They outlive an erasure, so what an erasure removes must not be in them."""
    small_home.send(home.path, "20240201", "area,year,sex,count\nQMA,2023,all,seventy-one\n")
    instance = dg.DagsterInstance.ephemeral()
    result = materialise(home, received, instance)
    (check,) = [each for each in result.get_asset_check_evaluations() if each.check_name == "nothing_refused"]
    assert not check.passed
    text = "\n".join(dg.serialize_value(entry) for entry in instance.all_logs(result.run_id))
    assert "qma_police_small" in text
    assert "victims_2024" not in text
    assert "seventy-one" not in text


def test_a_file_that_comes_in_during_a_run_is_the_next_runs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state that a run remembers is of what it saw, not of what lies in the inbox when it ends."""
    from orchestration.runs import up_to_date

    take = intake.receive_waiting

    def slow(request: Request, report: intake.Report) -> intake.Report:
        take(request, report)
        small_home.send(home.path, "20250115", small_home.rows(2012, 2024))
        return report

    monkeypatch.setattr(intake, "receive_waiting", slow)
    instance = dg.DagsterInstance.ephemeral()
    result = materialise(home, received, instance)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    now = up_to_date.state_of(Warehouse(home=str(home.path)).request(), up_to_date.audiences_of(home))
    assert run.tags["waymark/state"] != now


# --- back-fills -------------------------------------------------------------------------------------------------------


def other_reading() -> dict[str, Any]:
    """The contract, corrected: what it called men and women were boys and girls too, so sex is no longer split."""
    contract = copy.deepcopy(small_home.CONTRACT)
    contract["datasets"]["victims"]["columns"]["sex"]["values"] = {
        "all": "_T",
        "women": "F",
        "men": "M",
        "others": "_U",
    }
    contract["datasets"]["victims"]["columns"]["area_role"] = {"constant": "exploitation"}
    return contract


def test_landed_files_are_read_again_under_todays_contract(home: Home) -> None:
    small_home.send(home.path, "20250115", small_home.rows(2012, 2024))
    instance = dg.DagsterInstance.ephemeral()
    materialise(home, received, instance)
    before = entries(home)
    shutil.rmtree(home.path / "inbox")
    small_home.write_contract(home.path, other_reading())
    config = {**QUIET, "ops": {"submissions__received": {"config": {"read_again": [small_home.PARTNER]}}}}
    materialise(home, received, instance, run_config=config)
    after = entries(home)[len(before) :]
    assert [entry["file_sha256"] for entry in after] == [entry["file_sha256"] for entry in before], (
        "in the order in which they came"
    )
    assert [entry["supersedes"] for entry in after] == [[entry["submission_id"]] for entry in before]
    assert state(Ledger.of(home).entries()).in_force() == after
    assert set(partitions(instance)) == {partition_key(entry) for entry in [*before, *after]}
    position = Ledger.of(home).position
    materialise(home, received, instance, run_config=config)
    assert Ledger.of(home).position == position, "read as before, nothing changes"
    assert not list(home.builds.glob(f"{back_fill.PREFIX}*"))


def test_partitions_materialised_by_hand_are_read_again(home: Home) -> None:
    instance = dg.DagsterInstance.ephemeral()
    materialise(home, received, instance)
    (key,) = partitions(instance)
    small_home.write_contract(home.path, other_reading())
    result = materialise(home, lake_of_submissions, instance, partition_key=key)
    assert result.success
    known = state(Ledger.of(home).entries())
    assert known.standing(submission_of(key)) == "superseded"
    assert len(partitions(instance)) == 2


def test_what_was_withdrawn_is_not_read_again(home: Home) -> None:
    intake.receive_waiting(Request(home=home, inbox=home.path / "inbox"))
    (entry,) = entries(home)
    receiving.withdraw(home, entry["submission_id"], "a test")
    with pytest.raises(WaymarkError, match="nothing of qma_police_small"):
        back_fill.of_partners(home, [small_home.PARTNER])
    assert back_fill.of_submissions(home, [entry["submission_id"]]) == []


def test_a_back_fill_without_the_bytes_says_so(home: Home) -> None:
    intake.receive_waiting(Request(home=home, inbox=home.path / "inbox"))
    (entry,) = entries(home)
    (home.landing / entry["file_sha256"]).unlink()
    with pytest.raises(WaymarkError, match="not in the home"):
        back_fill.read_again(Request(home=home), back_fill.of_partners(home, [small_home.PARTNER]))


# --- run log ----------------------------------------------------------------------------------------------------------


def test_each_step_of_a_run_is_a_line(home: Home) -> None:
    instance = dg.DagsterInstance.ephemeral()
    result = materialise(home, received, instance)
    lines = run_log.read(home)
    assert [(line["run"], line["step"], line["outcome"]) for line in lines] == [
        (result.run_id, "intake", "done"),
        (result.run_id, "run", "done"),
    ]
    assert lines[0]["rows"] == 72
    assert 0 < lines[0]["wall"] <= lines[1]["wall"]
    assert all(
        line.keys() == {"at", "run", "job", "audience", "step", "wall", "cpu", "rows", "outcome"} for line in lines
    )
    assert "victims" not in run_log.file_of(home).read_text(encoding="utf-8")


def test_a_failed_step_and_its_run_say_so(home: Home) -> None:
    with (
        pytest.raises(ValueError, match="on purpose"),
        run_log.recorded(home, "r", "job"),
        progress.current().step("half"),
    ):
        raise ValueError("on purpose")
    # Dagster keeps a step's error to itself: the log asks for it
    with run_log.recorded(home, "s", "job", has_failed=lambda: True):
        pass
    assert [(line["run"], line["step"], line["outcome"]) for line in run_log.read(home)] == [
        ("r", "half", "failed"),
        ("r", "run", "failed"),
        ("s", "run", "failed"),
    ]


# --- doctor -----------------------------------------------------------------------------------------------------------


def about(findings: list[doctor.Finding], gravity: int) -> set[str]:
    return {each.about for each in findings if each.gravity == gravity}


@pytest.fixture(scope="module")
def received_once(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = small_home.make(tmp_path_factory.mktemp("received") / "home")
    intake.receive_waiting(Request(home=home, inbox=home.path / "inbox"))
    return home


@pytest.fixture
def received_home(received_once: Home, tmp_path: Path) -> Home:
    return Home.open(shutil.copytree(received_once.path, tmp_path / "home", symlinks=True))


def test_a_sound_home_is_said_to_be_sound(received_home: Home) -> None:
    findings = doctor.examine(received_home.path, deep=True)
    assert about(findings, doctor.BROKEN) == set()
    assert {"ledger", "lake", "landing", "receipts", "reference", "lock", "disk"} <= about(findings, doctor.WELL)
    assert about(findings, doctor.WARNING) <= {"release", "browser"}


@pytest.mark.parametrize("what", ["lake", "landing", "receipts", "reference", "ledger", "home"])
def test_what_is_lost_is_found(received_home: Home, what: str) -> None:
    home = received_home
    (entry,) = entries(home)
    if what == "lake":
        next(home.lake.glob("observations/*/*.parquet")).unlink()
    elif what == "landing":
        (home.landing / entry["file_sha256"]).unlink()
    elif what == "receipts":
        shutil.rmtree(home.quarantine / entry["submission_id"])
    elif what == "reference":
        shutil.rmtree(home.lake / "reference" / "contracts")
    elif what == "ledger":
        file = home.ledger / "ledger.jsonl"
        file.write_text("{}\n" + file.read_text())
    else:
        (home.path / "home.json").write_text('{"schema_version": 99, "kind": "real"}')
    assert what in about(doctor.examine(home.path), doctor.BROKEN)


def test_bytes_that_changed_are_found(received_home: Home) -> None:
    (entry,) = entries(received_home)
    landed = received_home.landing / entry["file_sha256"]
    landed.chmod(0o600)
    landed.write_bytes(landed.read_bytes().replace(b"women", b"womem"))
    assert "landing" in about(doctor.examine(received_home.path), doctor.BROKEN)


def test_rows_that_no_ledger_knows_are_a_warning(received_home: Home) -> None:
    file = next(received_home.lake.glob("observations/*/*.parquet"))
    shutil.copy(file, file.with_name("submission_id=s0000000000000000.parquet"))
    findings = doctor.examine(received_home.path)
    assert "lake" in about(findings, doctor.WARNING)
    assert "s0000000000000000" in next(each.text for each in findings if each.about == "lake" and each.gravity)


def test_the_command_says_it_and_loads_nothing_heavy(received_home: Home) -> None:
    ran = waymark("doctor", "--home", received_home.path, "--json")
    assert ran.code == 1, ran.err
    assert {each["about"] for each in ran.json()} >= {
        "program",
        "packages",
        "home",
        "lock",
        "ledger",
        "lake",
        "release",
    }
    (received_home.lake / "reference").rename(received_home.lake / "elsewhere")
    ran = waymark("doctor", "--home", received_home.path)
    assert ran.code == 2
    assert "restore" in ran.out
    code = "import sys; from orchestration.operations import doctor; doctor.examine(sys.argv[1]); print(sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code, str(received_home.path)],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
        cwd=REPOSITORY,
    ).stdout
    assert not {"'dagster'", "'dbt'", "'great_expectations'"} & set(loaded.strip("[]\n").split(", "))


def test_a_package_of_another_version_is_a_warning_and_one_that_is_missing_is_not_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "_requirements", lambda: [("click", "0.1"), ("a-package-that-nobody-wrote", None)])
    monkeypatch.setenv("BROWSER_PATH", "")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("WAYMARK_ALERT_WEBHOOK", "file:///etc/passwd")
    findings = list(doctor.installation())
    assert {(each.about, each.gravity) for each in findings} == {
        ("program", doctor.WELL), ("packages", doctor.BROKEN), ("packages", doctor.WARNING), ("browser", doctor.WARNING),
        ("webhook", doctor.WARNING),
    }  # fmt: skip
    assert all(each.cure for each in findings if each.gravity)
    assert json.loads(json.dumps([vars(each) for each in findings]))


def test_tables_of_a_build_are_counted(tmp_path: Path) -> None:
    import duckdb

    from orchestration.defs.warehouse.dbt import row_counts

    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create schema lake; create table lake.other as select 1 as n")
        connection.execute(
            "create table fct_few as select * from range(3); create table fct_none as select 1 as n where false"
        )
        connection.execute("create view stg_seen as select * from fct_few")
    assert row_counts(tmp_path / "warehouse.duckdb") == {"fct_few": 3, "fct_none": 0}
