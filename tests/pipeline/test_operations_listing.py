"""What a home tells about refused files, erased submissions and releases; numbers as people read them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import small_home
from command_under_test import waymark

from orchestration.cli import printing
from orchestration.runs import intake, releases, verification
from orchestration.runs.builds import Request
from orchestration.runs.running import Summary
from submissions.reception import receiving
from submissions.store.home import Home
from submissions.store.ledger import Ledger, state
from submissions.validation import expectations

BROKEN = "area,year,sex,count\nQMA,2023,all,many\n"


@pytest.fixture
def received(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Home, intake.Report]:
    """A home and what it received: one file accepted, one refused."""
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: (("stands in for the suite", True),))
    home = small_home.make(tmp_path / "home")
    small_home.send(home.path, "20240201", BROKEN)
    return home, receive(home)


@pytest.fixture
def home(received: tuple[Home, intake.Report]) -> Home:
    return received[0]


def receive(home: Home, **request: Any) -> intake.Report:
    return intake.receive_waiting(Request(home=home, inbox=home.path / "inbox", **request))


def accepted(home: Home) -> str:
    (identifier, *_) = state(Ledger.of(home).entries()).submissions
    return identifier


def plant_release(home: Home, audience: str, name: str, inputs: list[str], latest: bool = True) -> Path:
    """A release of one page, as its manifest describes it."""
    folder = home.releases / audience / name
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f"{audience} {name}\n")
    page = {"bytes": 3, "sha256": hashlib.sha256((folder / "index.html").read_bytes()).hexdigest()}
    manifest = {
        "release_id": name,
        "release": {"release_id": name, "audience": audience, "as_of": "2024-01-15"},
        "core": {"index.html": page},
        "renderings": {"files": {}},
        "provenance": {
            "as_of": "2024-01-15",
            "ledger_position": 4,
            "code_version": "0",
            "identity": {"audience": audience},
            "table_digests": {},
            "inputs": [{"submission": each, "partner_id": small_home.PARTNER} for each in inputs],
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    if latest:
        os.symlink(name, home.releases / audience / "latest")
    return folder


# --- refused files ----------------------------------------------------------------------------------------------------


def test_a_refused_file_is_listed_with_number_and_date_and_what_came_after(home: Home) -> None:
    known = state(Ledger.of(home).entries())
    (refusal,) = known.refusals
    (row,) = [
        row for row in waymark("submissions", "--home", home.path, "--json").ok().json() if row["standing"] == "refused"
    ]
    assert (row["submission"], row["later"], row["dataset"]) == (refusal, None, "victims")
    assert row["problems"] == "F-no-row-accepted, R-value"
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", row["refused_on"])
    assert row["rows_in"] == row["accepted"] + row["quarantined"] + row["excluded"] == 1
    assert "nothing came after it" in waymark("submissions", "--home", home.path).ok().out

    small_home.send(home.path, "20240301", small_home.rows(2012, 2023, women=42))  # another name: it came after
    receive(home)
    (row,) = intake.refusals(Ledger.of(home).entries())
    after = state(Ledger.of(home).entries())
    assert row["later"] == next(
        each["submission_id"] for each in after.submissions.values() if each["issued_on"] == "2024-03-01"
    )
    assert not row["later_is_same_file"]

    small_home.send(home.path, "20240201", small_home.rows(2012, 2023, women=41))  # mended, under its name
    receive(home)
    (row,) = intake.refusals(Ledger.of(home).entries())
    assert row["later_is_same_file"]
    text = waymark("submissions", "--home", home.path).ok().out
    assert f"{row['later']} (the same file)" in text
    assert refusal in text
    assert (
        waymark("submissions", "--home", home.path, "--partner", "qmz_police_none")
        .ok()
        .out.startswith("no submissions")
    )


def test_a_file_that_was_refused_before_is_said_once_and_counted_apart(received: tuple[Home, intake.Report]) -> None:
    home, first = received
    assert [receipt.outcome for receipt in first.receipts] == ["accepted", "refused"]
    assert not first.refused_before
    small_home.send(home.path, "20240301", small_home.rows(2012, 2023, women=42))
    second = receive(home)
    assert [receipt.outcome for receipt in second.receipts] == ["accepted"]
    assert second.already_held == 1
    ((key, receipt),) = second.refused_before.items()
    assert key == (small_home.PARTNER, "victims_20240201.csv")
    row = intake.refused_row(receipt)
    (refusal,) = state(Ledger.of(home).entries()).refusals
    assert row == {
        "partner": small_home.PARTNER,
        "file": "victims_20240201.csv",
        "refusal": refusal,
        "problems": "F-no-row-accepted, R-value",
    }
    # changed by one byte it is another file, and refused as a new one
    small_home.send(home.path, "20240201", BROKEN + "\n")
    third = receive(home)
    assert [receipt.outcome for receipt in third.receipts] == ["refused"]
    assert not third.refused_before


def test_a_file_refused_a_moment_ago_is_new_in_that_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run may look at the inbox twice."""
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: (("stands in for the suite", True),))
    home = small_home.make(tmp_path / "home", {"20240201": BROKEN, "20240115": small_home.rows(2012, 2023)})
    report = intake.Report()
    for _ in range(2):
        intake.receive_waiting(Request(home=home, inbox=home.path / "inbox"), report)
    assert sorted(receipt.outcome for receipt in report.receipts) == ["accepted", "refused"]
    assert not report.refused_before


def test_the_summary_says_it_apart_from_the_balance(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"partner": "qma_police_small", "file": "a\x1b[31m.csv", "refusal": "r1", "problems": "F-empty"}
    printing.print_summary(Summary("released", refused_before=[row], notices=["look\x07 here"]), home.path)
    text = capsys.readouterr().out
    assert "refused before and unchanged in the inbox (1)" in text
    assert "attention: look" in text
    assert "\x1b" not in text
    assert "\x07" not in text


# --- contracts that a run is not given --------------------------------------------------------------------------------


def test_a_run_without_the_contracts_of_known_partners_says_so_and_keeps_their_definitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: (("stands in for the suite", True),))
    home = small_home.make(tmp_path / "home")
    outside = tmp_path / "contracts"
    (home.path / "contracts").rename(outside)
    (outside / "breaks.csv").write_text(
        "area_code,measure,break_on,kind,evidence\nQMA,victims_detected,2018-01-01,law,Act of 2017\n"
    )
    assert receive(home, contracts=(outside,)).notices == []
    recorded = state(Ledger.of(home).entries()).definitions
    assert recorded

    small_home.send(home.path, "20250115", small_home.rows(2012, 2024))
    report = receive(home)
    (notice,) = report.notices
    assert small_home.PARTNER in notice
    assert "--contracts" in notice
    assert [each for each in report.without_contract if "victims_20250115.csv" in each]
    assert state(Ledger.of(home).entries()).definitions == recorded, "what is not given is not taken back"

    assert receive(home, contracts=(outside,)).notices == []
    (outside / "breaks.csv").write_text("area_code,measure,break_on,kind,evidence\n")
    receive(home, contracts=(outside,))
    assert state(Ledger.of(home).entries()).definitions != recorded, "given, a change counts"


# --- erasure ----------------------------------------------------------------------------------------------------------


def test_releases_made_from_an_erased_submission_are_marked_and_not_touched(home: Home) -> None:
    identifier = accepted(home)
    touched = plant_release(home, "restricted", "2024-01-15-aaaaaaaaaaaa", [identifier])
    other = plant_release(home, "restricted", "2024-01-10-bbbbbbbbbbbb", ["s" + "1" * 16], latest=False)
    public = plant_release(home, "public", "2024-01-15-cccccccccccc", [home.keyed(identifier)[:16]])
    before = {path: path.read_bytes() for folder in (touched, other, public) for path in folder.iterdir()}
    rows = waymark("release", "list", "--home", home.path, "--json").ok().json()
    assert [row["rebuildable"] for row in rows] == [True, True, True]

    said = waymark("erase", identifier, "--home", home.path, "--reason", "order of a court").ok().out
    assert "cannot be built again" in said
    rows = {
        (row["audience"], row["release"]): row["rebuildable"]
        for row in waymark("release", "list", "--home", home.path, "--json").ok().json()
    }
    assert rows == {
        ("restricted", touched.name): False,
        ("restricted", other.name): True,
        ("public", public.name): False,
    }
    shown = waymark("release", "show", touched.name, "--home", home.path).ok().out
    assert "cannot be built again" in shown
    assert "cannot be built again" not in waymark("release", "show", other.name, "--home", home.path).ok().out
    marks = {
        audience: json.loads((home.releases / audience / releases.NOT_REBUILDABLE).read_text())["releases"]
        for audience in ("restricted", "public")
    }
    assert marks["restricted"] == {touched.name: {"erased_submissions": [identifier]}}
    assert marks["public"] == {public.name: {"erased_submissions": [home.keyed(identifier)[:16]]}}
    assert identifier not in (home.releases / "public" / releases.NOT_REBUILDABLE).read_text()
    assert {path: path.read_bytes() for folder in (touched, other, public) for path in folder.iterdir()} == before
    assert releases.verify_files(touched) == []


def test_an_erasure_that_was_cut_off_is_marked_by_the_next_run(home: Home) -> None:
    identifier = accepted(home)
    plant_release(home, "restricted", "2024-01-15-aaaaaaaaaaaa", [identifier])
    receiving.erase(home, identifier, "order of a court")
    assert not (home.releases / "restricted" / releases.NOT_REBUILDABLE).exists()
    receive(home)
    assert (home.releases / "restricted" / releases.NOT_REBUILDABLE).is_file()
    assert releases.mark_not_rebuildable(home) == [], "said once"


def test_checking_bytes_that_were_erased_says_so(home: Home) -> None:
    path = home.path / "inbox" / small_home.PARTNER / "victims_20240115.csv"
    arguments = ("check", path, "--partner", small_home.PARTNER, "--home", home.path)
    assert waymark(*arguments, "--json").ok().json()["outcome"] == "already_held"
    receiving.erase(home, accepted(home), "order of a court")
    ran = waymark(*arguments)
    assert ran.code == 2
    assert "112 F-erased" in ran.out
    assert "erased for legal reasons" in ran.out
    # another home never saw them
    assert waymark("check", path, "--partner", small_home.PARTNER, "--contracts", home.path / "contracts").code == 0


# --- verify, explain --------------------------------------------------------------------------------------------------


def test_verify_takes_the_one_audience_or_all(home: Home) -> None:
    # a release without a table has an id too
    names = {each: verification.release_id("2024-01-15", {"audience": each}, {}) for each in releases.AUDIENCES}
    plant_release(home, "restricted", names["restricted"], [])
    assert "on record" in waymark("release", "verify", "--home", home.path).err, "nobody published it"
    verification.record(home, "restricted", names["restricted"])
    out = waymark("release", "verify", "--home", home.path).ok().out
    assert out.count("agree with the manifest") == 1
    public = plant_release(home, "public", names["public"], [])
    verification.record(home, "public", names["public"])
    out = waymark("release", "verify", "latest", "--home", home.path).ok().out
    assert "(restricted)" in out
    assert "(public)" in out
    (public / "index.html").write_text("other\n")
    ran = waymark("release", "verify", "--home", home.path)
    assert ran.code == 2
    assert "index.html: changed" in ran.err
    assert "(restricted)" in ran.out
    assert waymark("release", "verify", "--home", home.path, "--audience", "restricted").code == 0
    shown = waymark("release", "show", "--home", home.path)
    assert shown.code == 2
    assert "--audience" in shown.err


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("0.0000"), "0"),
        (Decimal("4.0000"), "4"),
        (Decimal("665457.0000"), "665,457"),
        (Decimal("1200.5000"), "1,200.5"),
        (1_000_000, "1,000,000"),
        (10, "10"),
        (2.5, "2.5"),
    ],
)
def test_numbers_are_printed_as_people_read_them(number: Any, text: str) -> None:
    assert printing.plain(number) == text


def test_an_explanation_reads_without_empty_decimals(capsys: pytest.CaptureFixture[str]) -> None:
    figure = {
        "area_code": "QMA", "area_name": "Aldavia", "period": "2023", "measure": "victims_detected", "unit": "persons",
        "value": None, "lower": Decimal("0.0000"), "upper": Decimal("4.0000"), "missing_reason": None,
    }  # fmt: skip
    origin = dict.fromkeys(("source", "dataset", "issued_on", "derivation", "definition_id", "comparability"), "x")
    rate = {"rate_per_100k": 1.25, "population_count": Decimal("665457.0000"), "population_period": "2023"}
    printing.print_explanations(
        [{"figure": figure, "split": {}, "came_from": origin, "denominator": rate, "submissions": ["s1"]}]
    )
    text = capsys.readouterr().out
    assert "between 0 and 4 persons" in text
    assert "of 665,457 people" in text
