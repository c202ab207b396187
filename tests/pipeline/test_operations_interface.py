"""`waymark ui` at work: releases without a hand on it, a command beside it, and kills of either at bad moments.

One interface for all tests of this file, in their order: each goes on from the home that the one before it left.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import small_home
from command_under_test import environment, program, waymark

from orchestration.operations import alerts, doctor
from submissions.store.home import Home

# waits for daemons and sensors for minutes
pytestmark = [pytest.mark.xdist_group("interface"), pytest.mark.timeout(900), pytest.mark.campaign]

PATIENCE = 420.0  # seconds; a quiet machine needs a tenth


class Interface:
    """A running `waymark ui`."""

    def __init__(self, home: Home, log: Path):
        self.home, self.log, self.port = home, log, free_port()
        self.process = subprocess.Popen(
            self.command(self.port), stdout=log.open("ab"), stderr=subprocess.STDOUT, env=environment()
        )

    def command(self, port: int) -> list[str]:
        return [
            *program(),
            "ui",
            "--home",
            str(self.home.path),
            "--contracts",
            str(self.home.path / "contracts"),
            "--port",
            str(port),
        ]

    def family(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def until(self, condition: Callable[[], object], what: str, patience: float = PATIENCE) -> float:
        """Wait; seconds that it took."""
        started = time.monotonic()
        while not condition():
            assert time.monotonic() - started < patience, (
                f"{what}, after {patience:.0f} s\n{self.log.read_text()[-3000:]}"
            )
            time.sleep(0.2)
        return time.monotonic() - started

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port: int) -> bool:
    """Whether a server listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def latest(home: Home) -> set[str]:
    """The dates of the latest releases, one of each audience."""
    links = list(home.releases.glob("*/latest"))
    return {os.readlink(link)[:10] for link in links} if len(links) == 2 else set()


def runs(home: Home) -> list[tuple[str, str]]:
    """(job, status) of every run that Dagster knows of, oldest first."""
    from orchestration.runs.running import instance_of

    with instance_of(home) as instance:
        return [(run.job_name, run.status.value) for run in reversed(instance.get_runs())]


def quiet(home: Home) -> bool:
    return home.holder() is None and all(status in ("SUCCESS", "FAILURE") for _, status in runs(home))


def worker(home: Home) -> int | None:
    """The process that works on the home for Dagster, if one does."""
    holder = home.holder()
    return holder.pid if holder is not None and holder.command.startswith("Dagster run") else None


@pytest.fixture(scope="module")
def interface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interface]:
    folder = tmp_path_factory.mktemp("interface")
    home = small_home.make(folder / "home")
    running = Interface(home, folder / "log")
    try:
        yield running
    finally:
        running.stop()


def test_what_waits_is_released_without_a_hand_on_it(interface: Interface) -> None:
    seconds = interface.until(lambda: latest(interface.home) == {"2024-01-15"}, "no release of what waited")
    print(f"from the start of the interface to two releases: {seconds:.0f} s")
    interface.until(lambda: quiet(interface.home), "it does not come to rest")
    assert runs(interface.home) == [("receive_and_build", "SUCCESS"), ("release", "SUCCESS"), ("release", "SUCCESS")]
    arguments = ["--home", interface.home.path, "--contracts", interface.home.path / "contracts"]
    assert waymark("run", *arguments, "--json").ok().json()["outcome"] == "nothing_new", "the command knows of it"


def test_it_listens_on_this_machine_only_and_once_a_home(interface: Interface) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{interface.port}/server_info", timeout=30) as answer:
        assert json.load(answer)["dagster_webserver_version"]
    listening = {
        each.laddr.ip
        for process in interface.family()
        for each in process.net_connections(kind="inet")
        if each.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
    second = subprocess.run(
        interface.command(free_port()), capture_output=True, text=True, env=environment(), timeout=120, check=False
    )
    assert second.returncode == 2
    assert "running already" in second.stderr


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:{port}"}, 200),
        ({"Host": "localhost:{port}", "Origin": "http://localhost:{port}"}, 200),
        ({"Host": "waymark.example:{port}"}, 400),
        ({"Host": "127.0.0.1.waymark.example"}, 400),
        ({"Host": "127.0.0.1:{port}", "Origin": "http://waymark.example"}, 400),
    ],
)
def test_it_answers_to_names_of_this_machine_only(interface: Interface, headers: dict[str, str], status: int) -> None:
    """Every page of it and its GraphQL: a page under another name that points here reads nothing."""
    wanted = {name: value.format(port=interface.port) for name, value in headers.items()}
    interface.until(lambda: accepts(interface.port), "nobody listens")
    for path in ("/server_info", "/", "/graphql?query=%7Bversion%7D"):
        request = urllib.request.Request(f"http://127.0.0.1:{interface.port}{path}", headers=wanted)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                found, allowed = answer.status, answer.headers.get("Access-Control-Allow-Origin")
        except urllib.error.HTTPError as refused:
            found, allowed = refused.code, refused.headers.get("Access-Control-Allow-Origin")
        assert (found, allowed) == (status, None), path


def test_a_dropped_file_is_released_and_a_command_beside_it_waits_its_turn(interface: Interface) -> None:
    home = interface.home
    small_home.send(home.path, "20250115", small_home.rows(2012, 2024))
    interface.until(lambda: worker(home), "no run for the new file")
    ran = waymark("run", "--home", home.path, "--contracts", home.path / "contracts", "--json").ok()
    assert ran.json()["as_of"] == "2025-01-15"
    assert re.search(r"waiting: the home is held by process \d+ \(Dagster run", ran.err)
    interface.until(lambda: latest(home) == {"2025-01-15"} and quiet(home), "no release of the new file")
    assert {status for _, status in runs(home)} == {"SUCCESS"}, "both succeed"


def test_a_killed_run_leaves_no_lock_and_is_started_again(interface: Interface) -> None:
    home = interface.home
    small_home.send(home.path, "20260115", small_home.rows(2012, 2025))
    interface.until(lambda: worker(home), "no run for the new file")
    pid = worker(home)
    assert pid is not None
    time.sleep(2)
    os.kill(pid, signal.SIGKILL)
    interface.until(lambda: latest(home) == {"2026-01-15"} and quiet(home), "nobody took up what the killed run left")
    assert [status for _, status in runs(home)].count("FAILURE") == 1
    assert {each.text for each in doctor.lock(home)} == {"free"}
    interface.until(lambda: any(line["kind"] == "failed_run" for line in alerts.read(home)), "nobody said it")


def test_a_killed_command_holds_nothing_up(interface: Interface) -> None:
    """Killed while it works, beside the interface: the daemon settles its run, and takes over what it left undone."""
    home = interface.home
    small_home.send(home.path, "20270115", small_home.rows(2012, 2026))
    command = subprocess.Popen(
        [*program(), "run", "--home", str(home.path), "--contracts", str(home.path / "contracts")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
    )  # fmt: skip
    interface.until(
        lambda: (holder := home.holder()) is not None and holder.pid == command.pid, "the command did not get to work"
    )
    interface.until(
        lambda: ("__ephemeral_asset_job__", "STARTED") in runs(home) or command.poll() is not None,
        "no run of the command",
    )
    command.kill()
    command.wait()
    interface.until(
        lambda: latest(home) == {"2027-01-15"} and quiet(home), "nobody took up what the killed command left"
    )
    assert ("__ephemeral_asset_job__", "FAILURE") in runs(home)


def test_a_killed_interface_takes_its_daemon_with_it(interface: Interface) -> None:
    family = interface.family()
    assert len(family) >= 5
    interface.process.kill()
    interface.process.wait()
    _, left = psutil.wait_procs(family, timeout=120)
    assert not left, [process.cmdline() for process in left]
    home = interface.home
    assert {each.text for each in doctor.lock(home)} == {"free"}
    small_home.send(home.path, "20270201", small_home.rows(2012, 2026))
    waymark("run", "--home", home.path, "--contracts", home.path / "contracts").ok()
    assert latest(home) == {"2027-02-01"}
