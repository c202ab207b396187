"""A past release comes back by its ledger position; a withdrawal leaves no trace. On a copy of the demonstration home.

The same on a small home, with public releases, is in test_public_releases.py and runs with every test.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_under_test import DEMONSTRATION_CONTRACTS, Ran, manifest, release, waymark

from submissions.store.home import Home
from submissions.store.ledger import Ledger

pytestmark = [pytest.mark.xdist_group("ledger"), pytest.mark.campaign]

OBSERVATORY = ("int_io_observatory", "observatory_20250320.csv")


def run(home: Path, *more: object) -> Ran:
    """The demonstration's partners in a copied home, for one audience."""
    return waymark(
        "run",
        "--home",
        home,
        "--contracts",
        DEMONSTRATION_CONTRACTS,
        "--areas",
        home / "areas",
        "--audience",
        "restricted",
        "--json",
        *more,
    )


def position(home: Path) -> int:
    return len((home / "ledger" / "ledger.jsonl").read_text(encoding="utf-8").splitlines())


def submission(home: Path, partner: str, name: str) -> str:
    rows = waymark("submissions", "--home", home, "--partner", partner, "--json").ok().json()
    return next(row["submission"] for row in rows if row["file"] == name)


@pytest.fixture(scope="module")
def withdrawn(made_once, demonstration_home):
    """The newest file of the demonstration withdrawn, released, and the release before it asked for again."""

    def make(home: Path) -> list[Ran]:
        shutil.copytree(demonstration_home.path, home, symlinks=True)
        shutil.rmtree(home / "builds")
        first, of_figures = position(home), Ledger.of(Home.open(home)).input_position
        done = waymark("withdraw", submission(home, *OBSERVATORY), "--home", home, "--reason", "sent by mistake").ok()
        (home.with_name(f"{home.name}-positions.json")).write_text(
            json.dumps([first, position(home), of_figures]), encoding="utf-8"
        )
        return [done, run(home).ok(), run(home, "--ledger", first).ok()]

    return made_once("home-withdrawn", make)


@pytest.fixture(scope="module")
def positions(withdrawn) -> list[int]:
    return json.loads(withdrawn.path.with_name(f"{withdrawn.path.name}-positions.json").read_text(encoding="utf-8"))


def test_a_withdrawal_is_one_entry_of_the_ledger(withdrawn, positions: list[int]) -> None:
    assert positions[1] == positions[0] + 1
    last = json.loads(
        (withdrawn.path / "ledger" / "ledger.jsonl").read_text(encoding="utf-8").splitlines()[positions[0]]
    )
    assert (last["kind"], last["reason"]) == ("withdrawal", "sent by mistake")
    assert "is withdrawn" in withdrawn.runs[0].out


def test_the_withdrawn_file_does_not_come_back_from_the_inbox(withdrawn) -> None:
    """Its bytes still lie in the inbox: they are known, and stay withdrawn."""
    partner, name = OBSERVATORY
    assert (withdrawn.path / "inbox" / partner / name).is_file()
    rows = waymark("submissions", "--home", withdrawn.path, "--partner", partner, "--json").ok().json()
    assert {row["file"]: row["standing"] for row in rows}[name] == "withdrawn"


def test_the_next_release_has_the_date_and_figures_of_what_is_left(withdrawn, demonstration_home) -> None:
    summary = withdrawn.runs[1].json()
    # the withdrawn file alone was issued on the date of the release before
    assert summary["as_of"] < "2025-03-20"
    made = release(withdrawn.path, "restricted", summary["releases"][0]["release_id"])
    assert made.name != release(demonstration_home.path, "restricted").name
    inputs = manifest(made)["provenance"]["inputs"]
    assert [each["issued_on"] for each in inputs if each["partner_id"] == OBSERVATORY[0]] == ["2024-04-22"]


def test_an_earlier_ledger_position_gives_the_earlier_release(withdrawn, positions, demonstration_home) -> None:
    summary = withdrawn.runs[2].json()
    earlier = release(demonstration_home.path, "restricted")
    assert summary["as_of"] == "2025-03-20"
    assert summary["releases"][0]["release_id"] == earlier.name
    assert not summary["releases"][0]["is_new"], "it stood already and was only pointed to"
    assert release(withdrawn.path, "restricted").name == earlier.name
    assert manifest(earlier)["core"] == manifest(release(withdrawn.path, "restricted"))["core"]
    # what was recorded of releases is no input of figures: the last entry that is one counts
    assert manifest(earlier)["provenance"]["ledger_position"] == positions[2] < positions[0]


def test_both_releases_are_listed_and_differ(withdrawn) -> None:
    home = withdrawn.path
    rows = waymark("release", "list", "--home", home, "--audience", "restricted", "--json").ok().json()
    assert len(rows) == 2
    _, withdrawal, of_figures = json.loads(home.with_name(f"{home.name}-positions.json").read_text())
    assert {row["ledger"] for row in rows} == {withdrawal, of_figures}
    assert [row["latest"] for row in rows].count("latest") == 1
    compared = waymark("release", "diff", *(row["release"] for row in rows), "--home", home, "--json")
    assert compared.code == 1
    changed = {row["table"]: row["added"] + row["removed"] + row["changed"] for row in compared.json()}
    assert changed["observations"] > 0
    for row in rows:
        waymark("release", "verify", row["release"], "--home", home, "--audience", "restricted").ok()


def test_confirm_and_withdraw_refuse_what_makes_no_sense(withdrawn) -> None:
    """Each says what is wrong in one line, and the ledger stays as it was."""
    home, before = withdrawn.path, position(withdrawn.path)
    already = submission(home, *OBSERVATORY)
    for arguments in (
        ["withdraw", already, "--home", home, "--reason", "again"],
        ["withdraw", "s0000000000000000", "--home", home, "--reason", "no such thing"],
        ["confirm", already, "--home", home, "--reason", "not held"],
        ["erase", "s0000000000000000", "--home", home, "--reason", "no such thing"],
    ):
        done = waymark(*arguments)
        assert done.code == 2, arguments
        assert "Traceback" not in done.err
        assert done.err.startswith("waymark: ")
    assert position(home) == before
