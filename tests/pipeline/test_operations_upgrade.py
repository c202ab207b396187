"""Small homes as earlier programs wrote them (layouts 1 and 2) open, tell their story, and are released.

A home is kept in the repository as it was then and never written anew: what a later version cannot read of it, its
users could not read of theirs. Each was made by `small_home.make` and four more files: one refused, one with a row in
quarantine, one withdrawn, one held for confirmation. Builds, releases and logs are left out: all are made again. Of layout
2 a public release is on record, of which one count of 4 is hidden; what later releases need of it is kept beside the ledger.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import duckdb
import pytest
import small_home
from command_under_test import release, waymark

from orchestration.defs.protection import unrecorded_releases
from orchestration.operations import doctor
from submissions.errors import WaymarkError
from submissions.store import publications, published_cells
from submissions.store.home import SCHEMA_VERSION, Home
from submissions.store.ledger import Ledger, state

OLD = Path(__file__).parent / "homes" / "v1"
SEALED = OLD.parent / "v2"
STANDINGS = {
    "2024-01-15": "accepted",
    "2024-04-01": "withdrawn",
    "2025-01-15": "rows_quarantined",
    "2025-03-01": "held_for_confirmation",
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the old home, with the rights that a home has and a checkout loses."""
    path = Path(shutil.copytree(OLD, tmp_path / "home"))
    (path / "ledger" / "key").chmod(0o600)
    return path


def test_the_old_home_is_small_and_whole() -> None:
    files = [path for path in OLD.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 100_000
    assert json.loads((OLD / "home.json").read_text()) == {"schema_version": 1, "kind": "demonstration"}


def test_it_tells_its_story(old: Path) -> None:
    known = state(Ledger.of(Home.open(old)).entries())
    assert {
        entry["issued_on"]: known.standing(identifier) for identifier, entry in known.submissions.items()
    } == STANDINGS
    assert [entry["problems"][0]["code"] for entry in known.refusals.values()] == ["F-no-row-accepted"]
    rows = waymark("submissions", "--home", old, "--json").ok().json()
    refused = [row for row in rows if row["standing"] == "refused"]
    assert {row["issued_on"]: row["standing"] for row in rows if row not in refused} == STANDINGS
    assert [row["problems"] for row in refused] == ["F-no-row-accepted, R-value"]
    assert {each.about for each in doctor.examine(old, deep=True) if each.gravity == doctor.BROKEN} == set()


@pytest.mark.parametrize("goes_on", [False, pytest.param(True, marks=pytest.mark.campaign)])
def test_it_is_released_with_its_own_figures(old: Path, goes_on: bool) -> None:
    """What was accepted then is in the release; the withdrawn and the held file are not; a new file is received."""
    arguments = ["--home", old, "--contracts", old / "contracts", "--audience", "restricted", "--json"]
    waymark("run", *arguments).ok()
    assert figures(old) == expected(2024)
    assert waymark("run", *arguments).ok().json()["outcome"] == "nothing_new"
    if not goes_on:
        return
    small_home.send(old, "20260115", small_home.rows(2012, 2025))
    assert waymark("run", *arguments).ok().json()["as_of"] == "2026-01-15"
    assert figures(old) == expected(2025)


# ---- layout 2: a sealed ledger, and a public release on record


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(shutil.copytree(SEALED, tmp_path_factory.mktemp("sealed") / "home"))
    (path / "ledger" / "key").chmod(0o600)
    return path


def damages(home: Path) -> set[str]:
    """What is broken, but for the release that was left out of the repository."""
    found = {each.about for each in doctor.examine(home, deep=True) if each.gravity == doctor.BROKEN}
    return found - {"release"}


def test_a_sealed_home_is_small_proved_whole_and_tells_its_story(sealed: Path) -> None:
    files = [path for path in SEALED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 150_000
    assert json.loads((SEALED / "home.json").read_text()) == {"schema_version": 2, "kind": "demonstration"}
    known = state(Ledger.of(Home.open(sealed)).entries())
    assert {
        entry["issued_on"]: known.standing(identifier) for identifier, entry in known.submissions.items()
    } == STANDINGS
    assert damages(sealed) == set()
    (out,) = publications.record_of(Home.open(sealed), "public").out()
    kept = published_cells.earlier(Home.open(sealed), "public", [1])
    assert out.release_id.startswith("2024-01-15-")
    assert kept["suppressed"].value_counts().to_dict() == {published_cells.SHOWN: 70, published_cells.HIDDEN: 2}


def test_a_sealed_home_is_released_against_what_was_out_before(sealed: Path) -> None:
    """Both audiences; what the release before hid stays hidden, though it is not small any more where its total is known."""
    ran = waymark("run", "--home", sealed, "--contracts", sealed / "contracts").ok()
    assert "protected against 1 earlier releases" in ran.out
    sent = (SEALED / "inbox" / small_home.PARTNER / "victims_20250115.csv").read_text(encoding="utf-8").splitlines()
    codes = {"all": "_T", "women": "F", "men": "M"}
    accepted = [line.split(",") for line in sent[1:] if not line.endswith(",many")]
    truth = {(area, year, codes[sex]): int(count) for area, year, sex, count in accepted}
    assert figures(sealed) == truth
    shown = figures(sealed, "public")
    assert shown == {key: value for key, value in truth.items() if key in shown}
    hidden = truth.keys() - shown.keys()
    assert ("QMB", "2013", "M") in hidden
    assert {key[:2] for key in hidden} == {("QMB", "2013")} and len(hidden) == 2
    (manifest,) = [json.loads((release(sealed, "public") / "manifest.json").read_text(encoding="utf-8"))]
    (before,) = publications.record_of(Home.open(SEALED), "public").out()
    assert before.release_id in json.dumps(manifest["provenance"])
    assert damages(sealed) == set()


def figures(home: Path, audience: str = "restricted") -> dict[tuple[str, str, str], int]:
    """(area, year, sex) -> value in the latest release."""
    table = release(home, audience) / "tables" / "observations.parquet"
    rows = duckdb.execute(
        """
        select distinct area_code, period, sex, value::int from read_parquet(?)
        where measure = 'victims_detected' and area_level = 'country' and derivation = 'published' and value is not null
        """,
        [str(table)],
    ).fetchall()
    return {(area, period, sex): value for area, period, sex, value in rows}


def expected(last: int) -> dict[tuple[str, str, str], int]:
    codes = {"all": "_T", "women": "F", "men": "M"}
    lines = [line.split(",") for line in small_home.rows(2012, last).splitlines()[1:]]
    return {(area, year, codes[sex]): int(count) for area, year, sex, count in lines}


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1, "1"])
def test_a_layout_that_is_not_known_is_left_alone(old: Path, version: object) -> None:
    (old / "home.json").write_text(json.dumps({"schema_version": version, "kind": "demonstration"}))
    before = sorted((path, path.stat().st_mtime_ns) for path in old.rglob("*"))
    with pytest.raises(WaymarkError, match="layout"):
        Home.open(old)
    ran = waymark("run", "--home", old)
    assert ran.code == 2
    assert "layout" in ran.err
    assert "upgrade" in ran.err
    assert sorted((path, path.stat().st_mtime_ns) for path in old.rglob("*")) == before


def test_a_home_may_be_moved(old: Path) -> None:
    moved = old.with_name("elsewhere")
    os.rename(old, moved)
    assert {each.about for each in doctor.examine(moved, deep=True) if each.gravity == doctor.BROKEN} == set()


def old_release(home: Path, audience: str, name: str, figures: dict[str, int | None]) -> Path:
    """A release as version 0.1 left it: area -> value, None where it is hidden. Only what is read of it."""
    folder = home / "releases" / audience / name
    (folder / "tables").mkdir(parents=True)
    provenance = {"as_of": "2024-12-31", "ledger_position": 4, "inputs": []}
    (folder / "manifest.json").write_text(json.dumps({"provenance": provenance, "release_id": name}), encoding="utf-8")
    with duckdb.connect() as connection:
        text = ", ".join(
            f"'{value}' as {name}"
            for name, value in (dict.fromkeys(published_cells.CELL, "_T") | COMMON).items()
            if name not in ("area_code", "period_start")
        )
        connection.execute(
            f"create table seen as select {text}, date '2023-01-01' as period_start, area_code, value::decimal(20, 4) as value, "
            "value::decimal(20, 4) as lower, value::decimal(20, 4) as upper, case when value is null then 'suppressed' end as "
            "missing_reason, date '2024-01-15' as issued_on, 'published' as derivation "
            "from (select unnest($1) as area_code, unnest($2::integer[]) as value)",
            [list(figures), list(figures.values())],
        )
        connection.execute(f"copy seen to '{folder / 'tables' / 'observations.parquet'}' (format parquet)")
    return folder


COMMON = {
    "source": small_home.PARTNER,
    "dataset": "victims",
    "measure": "victims_detected",
    "unit": "persons",
    "period": "2023",
}


def test_public_releases_of_an_old_home_are_inputs_of_the_next(old: Path) -> None:
    """What it shows is known from its tables, what it hides from the restricted release beside it; the rest stays hidden."""
    old_release(old, "public", "2024-12-31-aaaaaaaaaaaa", {"QMA": 60, "QMB": None, "QMC": None})
    old_release(old, "restricted", "2024-12-31-bbbbbbbbbbbb", {"QMA": 60, "QMB": 5})
    home = Home.open(old)
    before = publications.data_position(Ledger.of(home).entries())
    assert unrecorded_releases.adopt(home, "public") == ["2024-12-31-aaaaaaaaaaaa"]
    assert unrecorded_releases.adopt(home, "public") == [], "a second time there is nothing to take"
    known = publications.record_of(home, "public")
    assert [(each.release_id, each.built_at) for each in known.out()] == [("2024-12-31-aaaaaaaaaaaa", 4)]
    kept = published_cells.earlier(home, "public", [1]).set_index("area_code")
    assert kept["suppressed"].to_dict() == {
        "QMA": published_cells.SHOWN,
        "QMB": published_cells.HIDDEN,
        "QMC": published_cells.ALWAYS,
    }
    assert kept["value"].fillna(-1).astype(int).to_dict() == {"QMA": 60, "QMB": 5, "QMC": -1}
    assert publications.data_position(Ledger.of(home).entries()) == before, "nothing is new for a build"
