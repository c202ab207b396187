"""A kill at any moment of intake: the next run ends where an undisturbed one would, with nothing to clean by hand."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from partner_files import ROWS, changed, write_contract, write_file

from submissions.errors import WaymarkError
from submissions.store.home import Home
from submissions.store.ledger import Ledger, state

# Runs intake and kills its own process just before the n-th step that leaves something on the disk; prints how many
# steps there were when it gets to the end. Steps are renames, removals and flushes to the disk.
INTAKE = """
import os, pathlib, signal, sys
from submissions.validation import expectations; from submissions.reception import receiving
from submissions.store.home import Home

kill_at = int(sys.argv[2])
steps = 0

def counted(original):
    def step(*arguments, **keywords):
        global steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **keywords)
    return step

expectations.begin = lambda *arguments: lambda: ()
os.fsync = counted(os.fsync)
pathlib.Path.replace = counted(pathlib.Path.replace)
pathlib.Path.unlink = counted(pathlib.Path.unlink)
root = pathlib.Path(sys.argv[1])
home = Home.open(root / sys.argv[3], "real", create=True)
with home.lock():
    if (root / "erase").exists():
        receiving.erase(home, (root / "erase").read_text(), "order of a court")
    receiving.receive(home, root / "inbox", [root / "contracts"])
print(steps)
"""


def prepare(root: Path) -> None:
    issue = {"column": "issue", "values": {"a": "2023-05-01", "b": "2024-05-01"}}
    write_contract(
        root / "contracts", changed(replaces="periods", files=[{"pattern": "victims_*", "issued_on": issue}])
    )
    body = "area,year,sex,count,issue\nQMA,2022,all,1,a\nQMB,2022,all,bad,a\nQMA,2022,all,2,b\n"
    write_file(root / "inbox", body)
    write_file(root / "inbox", ROWS, "victims_wrong.csv")


def intake(root: Path, kill_at: int, home: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", INTAKE, str(root), str(kill_at), home],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def content(home: Path) -> dict[str, str]:
    """Every file of a home by its digest; times, what is random, and what follows from either are left out."""
    found = {}
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        if path.is_dir() or name in ("ledger/key", "ledger/head.json", ".lock"):
            continue
        raw = path.read_bytes()
        if name == "ledger/ledger.jsonl":
            entries = [json.loads(line) for line in raw.splitlines()]
            raw = json.dumps(
                [
                    {key: value for key, value in entry.items() if key not in ("recorded_at", "previous", "blind")}
                    for entry in entries
                ]
            ).encode()
        found[name] = hashlib.sha256(raw).hexdigest()
    return found


def moments(steps: int, number: int | None) -> list[int]:
    """So many steps, spread over the whole run; all of them where no number is given."""
    if number is None:
        return list(range(1, steps + 1))
    return sorted({1 + index * (steps - 1) // (number - 1) for index in range(number)})


@pytest.mark.parametrize("number", [12, pytest.param(None, marks=pytest.mark.campaign)])
def test_a_kill_before_any_step_converges(tmp_path: Path, number: int | None) -> None:
    prepare(tmp_path)
    undisturbed = intake(tmp_path, 0, "undisturbed")
    assert undisturbed.returncode == 0, undisturbed.stderr
    steps = int(undisturbed.stdout)
    assert steps > 30
    expected = content(tmp_path / "undisturbed")
    assert sum(name.startswith("lake/observations") for name in expected) == 2
    for kill_at in moments(steps, number):
        home = f"killed_{kill_at}"
        killed = intake(tmp_path, kill_at, home)
        assert killed.returncode == -signal.SIGKILL, (kill_at, killed.stderr)
        again = intake(tmp_path, 0, home)
        assert again.returncode == 0, (kill_at, again.stderr)
        assert content(tmp_path / home) == expected, kill_at


@pytest.mark.parametrize("number", [6, pytest.param(None, marks=pytest.mark.campaign)])
def test_a_kill_while_erasing_leaves_no_byte_after_the_next_run(tmp_path: Path, number: int | None) -> None:
    prepare(tmp_path)
    assert intake(tmp_path, 0, "first").returncode == 0
    shutil.copytree(tmp_path / "first", tmp_path / "received")
    first = Ledger.of(Home.open(tmp_path / "first")).entries()
    submission = next(entry for entry in first if entry["kind"] == "submission")
    sealed = (tmp_path / "first" / "landing" / submission["file_sha256"]).read_bytes()
    (tmp_path / "erase").write_text(submission["submission_id"])
    steps = int(intake(tmp_path, 0, "first").stdout)
    for kill_at in moments(steps, number):
        home = Path(shutil.copytree(tmp_path / "received", tmp_path / f"killed_{kill_at}"))
        (tmp_path / "erase").write_text(submission["submission_id"])
        killed = intake(tmp_path, kill_at, home.name)
        assert killed.returncode == -signal.SIGKILL
        erased = state(Ledger.of(Home.open(home)).entries()).erased
        if submission["submission_id"] in erased:
            (tmp_path / "erase").unlink()
        again = intake(tmp_path, 0, home.name)
        assert again.returncode == 0, (kill_at, again.stderr)
        assert submission["submission_id"] in state(Ledger.of(Home.open(home)).entries()).erased
        for path in home.rglob("*"):
            if path.is_file():
                raw = path.read_bytes()
                assert sealed not in raw, path
                assert submission["file_sha256"].encode() not in raw, path


def test_a_line_of_the_ledger_that_a_crash_cut_off_does_not_count(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", "real", create=True)
    ledger = Ledger.of(home)
    ledger.append([{"kind": "areas", "area_set": "a", "digest": "1"}])
    head = ledger.file.with_name("head.json")
    whole, head_of_whole = ledger.file.read_bytes(), head.read_bytes()
    ledger.append([{"kind": "areas", "area_set": "b", "digest": "2"}])
    second = ledger.file.read_bytes()
    for cut in range(len(whole), len(second)):
        # the head is written when the lines are on the disk: a crash leaves the one before
        ledger.file.write_bytes(second[:cut])
        head.write_bytes(head_of_whole)
        assert [entry["area_set"] for entry in ledger.entries()] == ["a"]
        ledger.append([{"kind": "areas", "area_set": "c", "digest": "3"}])
        assert [(entry["position"], entry["area_set"]) for entry in ledger.entries()] == [(1, "a"), (2, "c")]


@pytest.mark.parametrize("damage", [b"{}\n", b"not json\n", b'{"position": 7, "kind": "areas"}\n', b"\n"])
def test_a_damaged_ledger_is_named_with_its_line_and_never_passed_over(tmp_path: Path, damage: bytes) -> None:
    home = Home.open(tmp_path / "home", "real", create=True)
    ledger = Ledger.of(home)
    ledger.append([{"kind": "areas", "area_set": "a", "digest": "1"}])
    ledger.file.write_bytes(ledger.file.read_bytes() + damage)
    with pytest.raises(WaymarkError, match="damaged in line 2"):
        ledger.entries()


# --- the lock --------------------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from submissions.store.home import Home
home = Home.open(sys.argv[1])
with home.lock(command="waymark run --home x"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_waits_says_who_holds_it_and_survives_a_kill(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", "real", create=True)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(home.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        told: list[str] = []

        def waiting(found: object) -> None:
            told.append(str(found))
            holder.kill()

        start = time.monotonic()
        with home.lock(waiting=waiting):
            held = home.holder()
        assert time.monotonic() - start < 10
        assert len(told) == 1
        assert told[0].startswith(f"process {holder.pid} (waymark run --home x) since 20")
        assert held is not None
        assert held.pid == os.getpid()
        assert home.holder() is None
    finally:
        holder.kill()
        holder.wait()


def test_two_writers_take_turns(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home", "real", create=True)
    script = (
        "import sys\nfrom submissions.store.home import Home\nfrom submissions.store.ledger import Ledger\n"
        "home = Home.open(sys.argv[1])\n"
        "for turn in range(20):\n"
        "    with home.lock():\n"
        "        Ledger.of(home).append([{'kind': 'areas', 'area_set': sys.argv[2], 'digest': str(turn)}])\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(home.path), name]) for name in ("a", "b")]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    entries = Ledger.of(home).entries()
    assert [entry["position"] for entry in entries] == list(range(1, 41))
    assert [entry["digest"] for entry in entries if entry["area_set"] == "a"] == [str(turn) for turn in range(20)]


# --- homes -----------------------------------------------------------------------------------------------------------


def test_a_home_is_of_one_kind_and_nothing_else_is_taken_for_one(tmp_path: Path) -> None:
    real = Home.open(tmp_path / "real", "real", create=True)
    assert Home.open(real.path).kind == "real"
    with pytest.raises(WaymarkError, match="is a real home, not a demonstration one"):
        Home.open(real.path, "demonstration", create=True)
    with pytest.raises(WaymarkError, match="is not a home"):
        Home.open(tmp_path / "nowhere")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.docx").write_text("x")
    with pytest.raises(WaymarkError, match="not empty"):
        Home.open(tmp_path / "other", "real", create=True)
    (real.path / "home.json").write_text('{"schema_version": 99, "kind": "real"}')
    with pytest.raises(WaymarkError, match="layout 99"):
        Home.open(real.path)
    (real.path / "home.json").write_text("?")
    with pytest.raises(WaymarkError, match="cannot be read"):
        Home.open(real.path)


def test_a_home_half_made_is_made_again(tmp_path: Path) -> None:
    made = Home.open(tmp_path / "home", "real", create=True)
    key = (made.ledger / "key").read_bytes()
    (made.path / "home.json").unlink()
    again = Home.open(tmp_path / "home", "real", create=True)
    assert (again.ledger / "key").read_bytes() == key
    assert again.keyed("x") == made.keyed("x") != Home.open(tmp_path / "b", "real", create=True).keyed("x")
