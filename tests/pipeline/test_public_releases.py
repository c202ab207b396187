"""Public releases one after the other: each is protected against those before it, and comes back as it was, byte for byte.

A small home (`small_home`): two countries, men, women and all, by year. The second issue moves every count of women by
three, the third by forty; the second is withdrawn.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import duckdb
import pytest
import small_home
from command_under_test import Ran, manifest, release, waymark

from submissions.store import publications, published_cells
from submissions.store.home import Home
from submissions.store.ledger import Ledger

pytestmark = pytest.mark.xdist_group("public releases")

ISSUES = {"first": "20240115", "second": "20250115", "third": "20260115"}


def run(home: Path, *more: object) -> Ran:
    return waymark("run", "--home", home, "--contracts", home / "contracts", "--audience", "public", "--json", *more)


def ledger_positions(home: Path) -> list[dict]:
    return [json.loads(line) for line in (home / "ledger" / "ledger.jsonl").read_text(encoding="utf-8").splitlines()]


def submission(home: Path, issued: str) -> str:
    rows = waymark("submissions", "--home", home, "--json").ok().json()
    return next(row["submission"] for row in rows if row["file"] == f"victims_{issued}.csv")


@pytest.fixture(scope="module")
def story(made_once):
    """Three issues, each released; the second is withdrawn before the third comes."""

    def make(home: Path) -> list[Ran]:
        small_home.make(home, {ISSUES["first"]: small_home.rows(2012, 2022)})
        runs = [run(home).ok()]
        small_home.send(home, ISSUES["second"], small_home.rows(2012, 2023, women=43))
        runs.append(run(home).ok())
        waymark("withdraw", submission(home, ISSUES["second"]), "--home", home, "--reason", "another register").ok()
        small_home.send(home, ISSUES["third"], small_home.rows(2012, 2024, women=43))
        runs.append(run(home).ok())
        return runs

    return made_once("home-three-public-releases", make)


def ids(story) -> list[str]:
    return [ran.json()["releases"][0]["release_id"] for ran in story.runs]


def figures(folder: Path) -> dict[tuple[str, str, str], tuple[float | None, bool, str]]:
    """(area, year, sex) -> value, whether its revision is held back, date of issue."""
    rows = duckdb.execute(
        """
        select area_code, period, sex, value::double, is_revision_held_back, issued_on::varchar from read_parquet(?)
        where measure = 'victims_detected' and area_level = 'country'
        """,
        [str(folder / "tables" / "observations.parquet")],
    ).fetchall()
    return {(area, period, sex): (value, held, issued) for area, period, sex, value, held, issued in rows}


def test_each_release_names_those_before_it_and_is_on_record(story) -> None:
    first, second, third = ids(story)
    earlier = [manifest(release(story.path, "public", each))["release"]["earlier_releases"] for each in ids(story)]
    assert earlier == [[], [first], [first, second]]
    known = publications.record_of(Home.open(story.path), "public")
    assert [each.release_id for each in known.publications] == [first, second, third]
    assert [list(each.earlier) for each in known.publications] == earlier
    assert published_cells.problems(Home.open(story.path)) == []
    for each in ids(story):
        waymark("release", "verify", each, "--home", story.path, "--audience", "public").ok()


def test_a_small_revision_waits_and_the_older_figure_stands_with_its_date(story) -> None:
    first, second, _ = (figures(release(story.path, "public", each)) for each in ids(story))
    moved = [key for key in first if key[2] in ("F", "_T")]
    assert len(moved) == 2 * 11 * 2
    for key in moved:
        assert second[key] == (first[key][0], True, "2024-01-15"), key
    # what did not move is the second issue's, and what is new too
    assert {second[key] for key in second if key[2] == "M" and key[1] < "2023"} == {
        (first[key][0], False, "2025-01-15") for key in first if key[2] == "M"
    }
    assert all(
        not held and issued == "2025-01-15" for (_, year, _), (_, held, issued) in second.items() if year == "2023"
    )


def test_no_change_of_less_than_the_threshold_is_visible_between_any_two_releases(story) -> None:
    shown = [figures(release(story.path, "public", each)) for each in ids(story)]
    for one in shown:
        for other in shown:
            steps = [
                abs(one[key][0] - other[key][0])
                for key in one.keys() & other.keys()
                if None not in (one[key][0], other[key][0])
            ]
            assert steps
            assert not [step for step in steps if 0 < step < 11]


def test_nothing_of_the_withdrawn_issue_is_held_back(story) -> None:
    """2023 was out in the withdrawn issue alone; the third issue has it three higher for nobody: the same figures."""
    third = figures(release(story.path, "public", ids(story)[2]))
    assert "2025-01-15" not in {issued for _, _, issued in third.values()}


def test_a_withdrawal_is_one_entry_and_leaves_its_file_out_of_the_next_release(story) -> None:
    """Its bytes still lie in the inbox when the next run looks there: they are known, and stay withdrawn."""
    (withdrawal,) = [entry for entry in ledger_positions(story.path) if entry["kind"] == "withdrawal"]
    assert withdrawal["reason"] == "another register"
    assert withdrawal["submission_id"] == submission(story.path, ISSUES["second"])
    assert (story.path / "inbox" / small_home.PARTNER / f"victims_{ISSUES['second']}.csv").is_file()
    rows = waymark("submissions", "--home", story.path, "--json").ok().json()
    assert {row["issued_on"]: row["standing"] for row in rows} == {
        "2024-01-15": "accepted",
        "2025-01-15": "withdrawn",
        "2026-01-15": "accepted",
    }
    inputs = [manifest(release(story.path, "public", each))["provenance"]["inputs"] for each in ids(story)]
    assert [sorted(each["issued_on"] for each in release_inputs) for release_inputs in inputs] == [
        ["2024-01-15"],
        ["2024-01-15", "2025-01-15"],
        ["2024-01-15", "2026-01-15"],
    ]


def test_the_releases_are_listed_with_their_positions_and_differ(story) -> None:
    rows = waymark("release", "list", "--home", story.path, "--audience", "public", "--json").ok().json()
    assert {row["release"] for row in rows} == set(ids(story))
    assert len({row["ledger"] for row in rows}) == 3
    assert [row["release"] for row in rows if row["latest"] == "latest"] == [ids(story)[2]]
    compared = waymark("release", "diff", *ids(story)[:2], "--home", story.path, "--json")
    assert compared.code == 1
    assert {row["table"]: row["added"] + row["removed"] for row in compared.json()}["observations"] > 0


def test_confirm_withdraw_and_erase_refuse_what_makes_no_sense(story) -> None:
    """Each says what is wrong in one line, and the ledger stays as it was."""
    before, already = ledger_positions(story.path), submission(story.path, ISSUES["second"])
    for arguments in (
        ["withdraw", already, "--home", story.path, "--reason", "again"],
        ["withdraw", "s0000000000000000", "--home", story.path, "--reason", "no such thing"],
        ["confirm", already, "--home", story.path, "--reason", "not held"],
        ["erase", "s0000000000000000", "--home", story.path, "--reason", "no such thing"],
    ):
        done = waymark(*arguments)
        assert done.code == 2, arguments
        assert "Traceback" not in done.err
        assert done.err.startswith("waymark: ")
    assert ledger_positions(story.path) == before


def test_the_same_request_again_is_nothing_new(story) -> None:
    before = ledger_positions(story.path)
    assert run(story.path).json()["outcome"] == "nothing_new"
    assert ledger_positions(story.path) == before


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("again", [[1], pytest.param([0, 1], marks=pytest.mark.campaign)])
def test_a_past_release_is_made_anew_byte_for_byte_with_those_that_stood_before_it(story, copy_of, again) -> None:
    """Two folders are lost; asked for by date and position they come back, under their own ids, and nothing new is out.

    again  which of the two are asked for; the second has one before it, whose folder is gone too.
    """
    home = copy_of(story)
    known = publications.record_of(Home.open(home), "public")
    lost = known.publications[:2]
    before = [content(release(home, "public", each.release_id)) for each in lost]
    for each in lost:
        shutil.rmtree(home / "releases" / "public" / each.release_id)
    entries = len(publications.record_of(Home.open(home), "public").publications)
    for place in again:
        each, files = lost[place], before[place]
        summary = run(home, "--ledger", each.built_at, "--as-of", each.as_of).ok().json()
        assert summary["releases"][0]["release_id"] == each.release_id
        assert content(release(home, "public", each.release_id)) == files
    assert len(publications.record_of(Home.open(home), "public").publications) == entries


@pytest.mark.campaign
def test_a_date_that_no_release_on_record_has_is_a_new_release(story, copy_of) -> None:
    """At whatever position: it is protected against all that are out."""
    home = copy_of(story)
    known = publications.record_of(Home.open(home), "public")
    build_at = known.publications[0].built_at
    summary = run(home, "--ledger", build_at, "--as-of", "2024-06-30").ok().json()
    made = manifest(release(home, "public", summary["releases"][0]["release_id"]))
    assert made["release"]["earlier_releases"] == [each.release_id for each in known.publications]


def test_a_lost_release_is_told_and_counts_until_it_is_discarded(story, copy_of) -> None:
    home = copy_of(story)
    gone = ids(story)[1]
    shutil.rmtree(home / "releases" / "public" / gone)
    assert [each.release_id for each in publications.lost(Home.open(home))] == [gone]
    refused = waymark("release", "discard", gone, "--home", home, "--reason", " ")
    assert refused.code == 2
    assert "reason" in refused.err
    waymark("release", "discard", gone, "--home", home, "--reason", "the machine was never on a network").ok()
    entry = Ledger.of(Home.open(home)).entries()[-1]
    assert (entry["kind"], entry["release_id"], entry["reason"]) == (
        "discard",
        gone,
        "the machine was never on a network",
    )
    assert publications.lost(Home.open(home)) == []
    again = waymark("release", "discard", gone, "--home", home, "--reason", "once more")
    assert again.code == 2
    assert "discarded already" in again.err
    assert "Traceback" not in again.err


def test_an_erasure_leaves_nothing_of_the_figures_beside_the_ledger(story, copy_of) -> None:
    home = copy_of(story)
    waymark("erase", submission(home, ISSUES["first"]), "--home", home, "--reason", "a court's order").ok()
    frame = published_cells.earlier(Home.open(home), "public", [1, 2, 3])
    old = frame[frame["issued_on"].astype(str).str[:10] == "2024-01-15"]
    assert len(old) > 0
    assert old[["value", "lower", "upper"]].isna().all(axis=None)
    assert set(old["suppressed"]) <= {published_cells.ERASED, published_cells.ALWAYS}
    assert published_cells.problems(Home.open(home)) == []
