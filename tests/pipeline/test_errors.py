"""What goes wrong is said in one readable message: what, where, what to do; exit code 2, never a traceback."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from command_under_test import DEMONSTRATION_CONTRACTS, Ran, waymark
from disturbances import demonstration_inbox

pytestmark = pytest.mark.xdist_group("errors")


def refused(run: Ran, *words: str) -> str:
    """Exit 2, one message with all of `words`, a hint, no traceback, nothing on standard output but perhaps progress."""
    assert run.code == 2, (run.code, run.out, run.err)
    assert "Traceback" not in run.out + run.err
    said = [line for line in run.err.splitlines() if line.startswith("waymark: ")]
    assert len(said) == 1, run.err
    message = run.err[run.err.index("waymark: ") :]
    assert "should not happen" not in message, message
    for word in words:
        assert word in message, message
    assert len(message.splitlines()) >= 2, f"no word on what to do: {message}"
    return message


@pytest.fixture(scope="module")
def sent(made_once) -> Path:
    """The demonstration's files, nothing received; its contracts are those of the repository."""
    return made_once("home-errors", lambda home: demonstration_inbox(home) or []).path


@pytest.fixture
def small_home(sent: Path, tmp_path: Path) -> Path:
    """A demonstration home whose inbox has one partner with one good file."""
    home = tmp_path / "home"
    shutil.copytree(sent, home, ignore=shutil.ignore_patterns("inbox"))
    inbox = home / "inbox" / "qmk_ngo_harbour"
    inbox.mkdir(parents=True)
    shutil.copy(sent / "inbox" / "qmk_ngo_harbour" / "harbour_20240201.csv", inbox)
    return home


def run(home: Path, *more: object) -> Ran:
    return waymark("run", "--home", home, "--contracts", DEMONSTRATION_CONTRACTS, "--areas", home / "areas", *more)


# ---- homes and folders


@pytest.mark.parametrize(
    "arguments",
    [
        ["submissions"],
        ["release", "list"],
        ["release", "verify"],
        ["explain", "QMA", "2020"],
        ["withdraw", "s0", "--reason", "x"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_a_home_that_is_not_there(tmp_path: Path, arguments: list[str]) -> None:
    refused(waymark(*arguments, "--home", tmp_path / "nowhere"), "nowhere", "not a home", "waymark run")
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_with_other_things_in_it_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    refused(waymark("demo", "--home", tmp_path), "not empty")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters.txt"]


def test_a_home_of_the_other_kind(tmp_path: Path, sent: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    shutil.copytree(sent, real, dirs_exist_ok=True, ignore=shutil.ignore_patterns("inbox"))
    (real / "home.json").write_text(json.dumps({"schema_version": 1, "kind": "real"}))
    refused(waymark("demo", "--home", real), "real home", "another folder")


def test_real_partners_and_the_demonstration_never_share_a_home(small_home: Path, tmp_path: Path) -> None:
    """A file of a partner that is no demonstration partner is not taken into a demonstration home."""
    inbox = tmp_path / "inbox" / "usa_stat_census"
    inbox.mkdir(parents=True)
    (inbox / "us_state_population_2013_2020_wide.csv").write_text("Year, Alabama, Alaska\n2013,4830081,737068\n")
    done = waymark("run", "--home", small_home, "--inbox", tmp_path / "inbox")
    assert "Traceback" not in done.err
    entries = (
        (small_home / "ledger" / "ledger.jsonl").read_text(encoding="utf-8")
        if (small_home / "ledger" / "ledger.jsonl").exists()
        else ""
    )
    assert '"partner_id": "usa_stat_census"' not in entries and '"partner_id":"usa_stat_census"' not in entries
    assert done.code == 2
    assert not list((small_home / "releases").rglob("index.html"))


def test_an_inbox_that_is_not_there(tmp_path: Path) -> None:
    refused(waymark("run", "--home", tmp_path / "home", "--inbox", tmp_path / "post"), "post", "not a folder")


def test_an_empty_inbox(tmp_path: Path) -> None:
    (tmp_path / "post").mkdir()
    refused(waymark("run", "--home", tmp_path / "home", "--inbox", tmp_path / "post"), "no", "inbox")


@pytest.mark.parametrize("where", ["under a file", "in a place that takes no files"])
def test_a_path_that_cannot_be_written(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("x")
    if where == "under a file":
        home = tmp_path / "file" / "home"
    elif os.geteuid() == 0:
        home = Path("/proc/waymark-home")  # root may write anywhere but here
    else:
        (tmp_path / "closed").mkdir(mode=0o555)
        home = tmp_path / "closed" / "home"
    for command in (["demo"], ["run", "--inbox", tmp_path]):
        refused(waymark(*command, "--home", home), "home")


def test_a_damaged_home_says_which_file(small_home: Path) -> None:
    (small_home / "home.json").write_text("{")
    refused(waymark("submissions", "--home", small_home), "home.json", "backup")


def test_a_damaged_ledger_says_where(small_home: Path) -> None:
    (small_home / "ledger" / "ledger.jsonl").write_text('{"position": 1, "kind": "areas"}\nnot json\n{"position": 3}\n')
    refused(waymark("submissions", "--home", small_home), "ledger.jsonl")


# ---- dates, positions, names


def test_a_ledger_position_that_is_not_there(small_home: Path) -> None:
    refused(run(small_home, "--ledger", "999"), "999", "it ends at")
    assert not list((small_home / "releases").rglob("index.html"))


def test_a_date_before_anything_was_issued(small_home: Path) -> None:
    refused(run(small_home, "--as-of", "1999-01-01"), "1999-01-01", "2024-02-01")
    assert not list((small_home / "releases").rglob("index.html"))


def test_a_date_that_is_none(small_home: Path) -> None:
    done = run(small_home, "--as-of", "31.12.2024")
    assert done.code == 2
    assert "31.12.2024" in done.err
    assert "Traceback" not in done.err


def test_a_release_and_a_partner_that_are_not_there(small_home: Path) -> None:
    refused(waymark("release", "show", "2024-01-01-000000000000", "--home", small_home), "no release yet")
    file = small_home / "inbox" / "qmk_ngo_harbour" / "harbour_20240201.csv"
    assert waymark("check", file, "--partner", "qmk_ngo_unknown").code == 2
    assert (
        waymark(
            "check",
            file.with_name("absent.csv"),
            "--partner",
            "qmk_ngo_harbour",
            "--contracts",
            DEMONSTRATION_CONTRACTS,
        ).code
        == 2
    )


# ---- contracts


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    folder = tmp_path / "contracts"
    shutil.copytree(DEMONSTRATION_CONTRACTS, folder)
    return folder


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("audience: public", "audience: everybody", ("audience", "everybody", "restricted")),
        ("sector: ngo", "sektor: ngo", ("sektor",)),
        ("period:", "periode:", ("periode",)),
    ],
    ids=["value", "key", "column"],
)
def test_a_contract_with_a_fault_says_key_and_line(
    small_home: Path, contracts: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    file = contracts / "partners" / "qmk_ngo_harbour" / "contract.yml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    where = f"line {text[: text.index(old)].count(chr(10)) + 1},"
    sample = small_home / "inbox" / "qmk_ngo_harbour" / "harbour_20240201.csv"
    commands = [["check", sample, "--partner", "qmk_ngo_harbour"]]
    if old.startswith("audience"):  # the run says the same, and takes ten times as long
        commands.append(["run", "--home", small_home, "--areas", small_home / "areas"])
    for command in commands:
        refused(waymark(*command, "--contracts", contracts), "contract.yml", where, *words)
    assert not list((small_home / "releases").rglob("index.html"))


def test_a_contract_that_is_no_yaml_says_where(small_home: Path, contracts: Path) -> None:
    file = contracts / "partners" / "qmk_ngo_harbour" / "contract.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("datasets:", "datasets: [", 1), encoding="utf-8")
    at = text[: text.index("datasets:")].count("\n") + 1
    sample = small_home / "inbox" / "qmk_ngo_harbour" / "harbour_20240201.csv"
    message = refused(
        waymark("check", sample, "--partner", "qmk_ngo_harbour", "--contracts", contracts), "contract.yml", "YAML"
    )
    named = re.search(r"line (\d+)", message)
    assert named is not None
    assert at <= int(named[1]) <= at + 3, "where the parser could not go on"


def test_a_map_that_is_not_there(sent: Path, contracts: Path) -> None:
    folder = contracts / "partners" / "int_io_observatory"
    lost = sorted(folder.glob("map_*.csv"))[0]
    lost.unlink()
    sample = sent / "inbox" / "int_io_observatory" / "observatory_20250320.csv"
    refused(waymark("check", sample, "--partner", "int_io_observatory", "--contracts", contracts), lost.name)
