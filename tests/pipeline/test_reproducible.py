"""The same figures from the same files, whatever surrounds the program and however often it is stopped by force.

One home differs from the shared one in everything that must not matter, all at once: time zone, locale, hash seed, one
thread in DuckDB, the order of arrival, two kills on the way, no network, and it never had the file that the other home
received and withdrew. Its releases must be the same byte for byte.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_under_test import Ran, environment, manifest, release, waymark
from disturbances import (
    EAR,
    ONE_THREAD,
    demonstration_inbox,
    edit_json,
    end_orphans,
    is_locked,
    killed,
    left_over,
    other_locale,
    python,
    read_lines,
    receive_only,
    shim,
    without_network,
)

pytestmark = pytest.mark.xdist_group("variation")

AUDIENCES = ("restricted", "public")


def other_surroundings(place: Path) -> dict[str, str]:
    place.mkdir(parents=True, exist_ok=True)
    folder = shim(
        place / "shim",
        EAR.format(record=str(place / "heard")),
        ONE_THREAD.format(record=str(place / "single-threaded")),
    )
    return environment(
        {
            "TZ": "Pacific/Kiritimati",
            "LC_ALL": other_locale(),
            "LANG": other_locale(),
            "PYTHONHASHSEED": "4711",
            "COLUMNS": "61",
        },
        shims=[folder],
    )


def notes_of(home: Path) -> Path:
    return home.with_name(f"{home.name}-notes")


@pytest.fixture(scope="module")
def varied(made_once):
    """The other home, with notes on what happened beside it."""

    def make(home: Path) -> list[Ran]:
        notes = notes_of(home)
        env = other_surroundings(notes)
        demonstration_inbox(home)
        truth = json.loads((home / "planted_truth.json").read_text(encoding="utf-8"))
        for each in truth["withdrawals"]:
            (home / "inbox" / each["partner_id"] / each["file_name"]).unlink()
        edit_json(home / "planted_truth.json", withdrawals=[])
        receive_every_second_file_first(home, {each["partner_id"] for each in truth["held_files"]}, env)
        demo = ["demo", "--home", home]
        seen = {}
        try:
            seen["said before the first kill"] = killed(demo, "starting Dagster", 2.0, notes / "kill-1", env)
            seen["locked after the first kill"] = is_locked(home)
            seen["said before the second kill"] = killed(
                demo, "published tables and map layers", 1.5, notes / "kill-2", env
            )
            seen["locked after the second kill"] = is_locked(home)
            seen["latest after the kills"] = [(home / "releases" / each / "latest").exists() for each in AUDIENCES]
            run = waymark(*demo, env=env, prefix=without_network()).ok()
        finally:
            end_orphans()
        (notes / "seen.json").write_text(json.dumps(seen), encoding="utf-8")
        return [run]

    return made_once("home-varied", make)


def receive_every_second_file_first(home: Path, whole: set[str], env: dict[str, str]) -> None:
    """Half of the files arrive in a run of their own, later issues before earlier ones.

    Partners in `whole` send all at once: whether a file is held depends on what it would make vanish, and so on the order.
    """
    aside = home.with_name(f"{home.name}-aside")
    for partner in sorted((home / "inbox").iterdir()):
        files = sorted(path for path in partner.iterdir() if path.is_file())
        for path in files if partner.name in whole else files[::2]:
            target = aside / partner.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    receive_only(home, env)
    for path in sorted(aside.rglob("*")):
        if path.is_file():
            path.rename(home / "inbox" / path.parent.name / path.name)


@pytest.fixture(scope="module")
def seen(varied) -> dict:
    return json.loads((notes_of(varied.path) / "seen.json").read_text(encoding="utf-8"))


def ledger(home: Path) -> list[dict]:
    return [json.loads(line) for line in (home / "ledger" / "ledger.jsonl").read_text(encoding="utf-8").splitlines()]


# the first test asks for this home only, so that it is made while another worker makes the other one
def test_kills_came_where_they_should_and_left_no_lock(seen: dict) -> None:
    assert "files received" not in seen["said before the first kill"]
    assert "pages and charts" not in seen["said before the second kill"]
    assert seen["latest after the kills"] == [False, False], "a half-made release was published"
    assert not seen["locked after the first kill"]
    assert not seen["locked after the second kill"]


def test_the_surroundings_were_really_others(demonstration_home, varied) -> None:
    """Otherwise the equalities below would say nothing."""
    assert len(read_lines(notes_of(varied.path) / "single-threaded")) > 5
    orders = [
        [(entry["partner_id"], entry["file_name"]) for entry in ledger(home) if entry["kind"] == "submission"]
        for home in (demonstration_home.path, varied.path)
    ]
    common = [each for each in orders[0] if each in set(orders[1])]
    assert [each for each in orders[1] if each in set(orders[0])] != common
    assert sorted(set(orders[0]) - set(orders[1])) == [("qmk_ngo_harbour", "harbour_20240301.csv")]


@pytest.mark.parametrize("audience", AUDIENCES)
def test_same_release_id(demonstration_home, varied, audience: str) -> None:
    assert release(varied.path, audience).name == release(demonstration_home.path, audience).name


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("part", ["core", "renderings"])
def test_equal_bytes(demonstration_home, varied, audience: str, part: str) -> None:
    """Core files are equal everywhere; pictures are equal on one machine with one browser."""
    stated = [manifest(release(home.path, audience))[part] for home in (demonstration_home, varied)]
    files = [each.get("files", each) for each in stated]
    assert files[0], "nothing to compare" if part == "core" else f"no pictures: {stated[0].get('missing')}"
    different = sorted(name for name in files[0].keys() | files[1].keys() if files[0].get(name) != files[1].get(name))
    assert not different, f"{len(different)} of {len(files[0])} differ: {different[:12]}"


@pytest.mark.parametrize("audience", AUDIENCES)
def test_the_release_after_the_kills_verifies(varied, audience: str) -> None:
    waymark("release", "verify", "--home", varied.path, "--audience", audience).ok()


def test_nothing_half_made_is_left(varied) -> None:
    assert left_over(varied.path) == []
    assert not is_locked(varied.path)
    assert not (varied.path / ".lock-holder.json").exists()


def test_no_entry_of_the_ledger_is_doubled_by_a_kill(demonstration_home, varied) -> None:
    """A submission is entered once, however often its file was begun."""
    for home in (demonstration_home.path, varied.path):
        entered = [entry["submission_id"] for entry in ledger(home) if entry["kind"] == "submission"]
        assert len(entered) == len(set(entered))
    counts = [
        sum(entry["rows_in"] for entry in ledger(home) if entry["kind"] == "submission")
        for home in (demonstration_home.path, varied.path)
    ]
    assert counts[0] - counts[1] == 4, "the file that was never sent has four rows"


def test_public_ids_of_submissions_differ_between_homes(demonstration_home, varied) -> None:
    """They are keyed with a secret of the home, so nobody can find one by guessing what was sent."""
    public = [
        {each["submission"] for each in manifest(release(home.path, "public"))["provenance"]["inputs"]}
        for home in (demonstration_home, varied)
    ]
    restricted = [
        {each["submission"] for each in manifest(release(home.path, "restricted"))["provenance"]["inputs"]}
        for home in (demonstration_home, varied)
    ]
    assert restricted[0] == restricted[1]
    assert not public[0] & public[1]
    assert not public[0] & restricted[0]


def test_nothing_was_called_outside(varied) -> None:
    """Dagster, dbt, Great Expectations, Plotly: no attempt to resolve or reach a name or address that is not this machine's."""
    assert read_lines(notes_of(varied.path) / "heard") == []


def test_the_ear_hears(tmp_path: Path) -> None:
    env = environment(shims=[shim(tmp_path / "shim", EAR.format(record=str(tmp_path / "heard")))])
    python(
        "import socket, urllib.request, contextlib\n"
        "with contextlib.suppress(OSError):\n    urllib.request.urlopen('http://192.0.2.7:9/', timeout=0.2)\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM); s.settimeout(0.2)\n"
        "with contextlib.suppress(OSError):\n    s.connect(('192.0.2.8', 9))\n"
        "with contextlib.suppress(OSError):\n    s.connect(('127.0.0.1', 9))\n",
        env=env,
    )
    heard = {tuple(line.split()[:2]) for line in read_lines(tmp_path / "heard")}
    assert {("getaddrinfo", "192.0.2.7"), ("connect", "192.0.2.8")} <= heard
    assert not [host for _, host in heard if host.startswith("127.")]
