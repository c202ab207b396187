"""One writer a home: within a thread, between threads, between processes, and after a kill. Runs whose process is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import small_home
from command_under_test import REPOSITORY, environment

from orchestration.runs import orphaned_runs
from orchestration.runs.lock import hold
from submissions.store.home import Home

HOLDER = """
import sys, time
from orchestration.runs.lock import hold
from submissions.store.home import Home
with hold(Home.open(sys.argv[1]), command="the other one"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return small_home.make(tmp_path / "home")


def other_process(home: Home) -> subprocess.Popen[str]:
    """A process that holds the home until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_run_may_ask_for_the_home_that_its_own_command_holds(home: Home) -> None:
    waited: list[object] = []
    with hold(home), hold(home, waited.append):
        assert home.holder() is not None
    assert waited == []
    assert home.holder() is None, "the inner one must not let go of it for the outer one, nor the outer one keep it"


def test_the_inner_one_does_not_let_go(home: Home) -> None:
    entered = threading.Event()

    def other() -> None:
        with hold(home):
            entered.set()

    thread = threading.Thread(target=other)
    with hold(home):
        with hold(home):
            pass
        thread.start()
        assert not entered.wait(0.5), "another thread came in while the home was held"
    assert entered.wait(10)
    thread.join()


def test_another_process_is_waited_for_and_named_and_its_death_frees_the_home(home: Home) -> None:
    process = other_process(home)
    told: list[object] = []
    entered = threading.Event()

    def wait() -> None:
        with hold(home, told.append):
            entered.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not entered.wait(1.5)
    assert "the other one" in str(told[0])
    assert str(process.pid) in str(told[0])
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert entered.wait(10), "a killed holder leaves no lock"
    thread.join()
    assert home.holder() is None


def test_a_process_tag_tells_the_living_from_the_dead_and_from_another_with_the_same_number() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    tag = orphaned_runs.process_tag("run", process.pid)
    assert orphaned_runs.is_alive(tag)
    number, began, run = tag.split(":")
    assert not orphaned_runs.is_alive(f"{number}:{int(began) - 1}:{run}"), "the same number, given to a later process"
    process.kill()
    deadline = time.monotonic() + 10
    while orphaned_runs.is_alive(tag) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not orphaned_runs.is_alive(tag), "ended, although nobody has waited for it yet"
    process.wait()
    assert not orphaned_runs.is_alive(tag)
    assert not orphaned_runs.is_alive("::run")
    assert orphaned_runs.is_alive(orphaned_runs.process_tag("run"))


def test_lost_runs_are_settled_and_others_left_alone() -> None:
    import dagster as dg

    instance = dg.DagsterInstance.ephemeral()
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    gone = orphaned_runs.process_tag("", dead.pid)
    dead.wait()

    def started(job: str, tag: str | None, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED) -> str:
        run = dg.DagsterRun(job_name=job, run_id=os.urandom(16).hex(), status=status)
        instance.add_run(run.with_tags({orphaned_runs.TAG: tag.replace("RUN", run.run_id)} if tag else {}))
        return run.run_id

    alive = orphaned_runs.process_tag("RUN")
    lost = started("release", f"{gone}RUN")
    working = started("release", alive)
    waiting = started("release", f"{gone}another-run", dg.DagsterRunStatus.NOT_STARTED)
    starting = started("release", f"{gone}another-run", dg.DagsterRunStatus.STARTING)
    command = started("__ephemeral_asset_job__", None)
    assert orphaned_runs.settle(instance) == [lost], "a run that is started again inherits the tag of the lost one"
    assert orphaned_runs.settle(instance, of_commands=True) == [command]
    assert orphaned_runs.settle(instance, of_jobs=True) == [starting]
    statuses = {run.run_id: run.status for run in instance.get_runs()}
    assert statuses[working] == dg.DagsterRunStatus.STARTED
    assert statuses[waiting] == dg.DagsterRunStatus.NOT_STARTED
    assert {statuses[each] for each in (lost, starting, command)} == {dg.DagsterRunStatus.FAILURE}
