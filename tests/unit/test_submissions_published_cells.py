"""What is kept of earlier releases: versions fold without growing, a record says what stood before what, an erasure blanks."""

from __future__ import annotations

import datetime
from pathlib import Path

import pandas as pd
import pytest

from submissions.errors import WaymarkError
from submissions.store import publications, published_cells
from submissions.store.home import Home
from submissions.store.ledger import Ledger, State
from submissions.store.published_cells import ALWAYS, CELL, ERASED, HIDDEN, SHOWN, VERSION

RULES = "rules00000000000"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home", kind="demonstration", create=True)


def versions(values: dict[str, float], hidden: tuple[str, ...] = (), issued: str = "2024-01-15") -> pd.DataFrame:
    """A version an area: everything but area and figure is the same."""
    common = dict.fromkeys(CELL, "_T") | {
        "source": "qma_police_small", "dataset": "victims", "period_start": datetime.date(2023, 1, 1), "vintage": "current",
        "is_interval": False, "issued_on": datetime.date.fromisoformat(issued), "derivation": "published",
    }  # fmt: skip
    rows = [
        common
        | {
            "area_code": area,
            "value": value,
            "lower": value,
            "upper": value,
            "suppressed": HIDDEN if area in hidden else SHOWN,
        }
        for area, value in values.items()
    ]
    return pd.DataFrame(rows, columns=list(VERSION))


def publish(home: Home, name: str, frame: pd.DataFrame, built_at: int = 1, as_of: str = "2024-12-31") -> None:
    ledger = Ledger.of(home)
    known = publications.record(ledger.entries(), "public")
    digest = published_cells.extended(home, "public", len(known.publications) + 1, frame)
    out = [each.release_id for each in known.out()]
    ledger.append([publications.entry_of(name, "public", as_of, built_at, RULES, out, digest)])
    published_cells.remove_others(home)


def spans(home: Home, ordinals: list[int]) -> dict[tuple[str, float], tuple[int, int]]:
    frame = published_cells.earlier(home, "public", ordinals)
    return {
        (row.area_code, float(row.value)): (row.first_release, row.last_release)
        for row in frame.itertuples(index=False)
    }


def test_a_version_is_one_row_however_many_releases_show_it(home: Home) -> None:
    publish(home, "r1", versions({"QMA": 40, "QMB": 5}, hidden=("QMB",)))
    publish(home, "r2", versions({"QMA": 40, "QMB": 5}, hidden=("QMB",)))
    publish(home, "r3", versions({"QMA": 60, "QMB": 5}, hidden=("QMB",)))
    assert spans(home, [1, 2, 3]) == {("QMA", 40.0): (1, 2), ("QMA", 60.0): (3, 3), ("QMB", 5.0): (1, 3)}


def test_what_stood_before_is_what_it_was_then(home: Home) -> None:
    """The second release gets the same rows of the first whatever was added since: a past release can be made anew."""
    publish(home, "r1", versions({"QMA": 40, "QMB": 5}, hidden=("QMB",)))
    then = published_cells.earlier(home, "public", [1])
    publish(home, "r2", versions({"QMA": 60, "QMB": 5}, hidden=("QMB",)))
    publish(home, "r3", versions({"QMA": 40, "QMB": 5}, hidden=("QMB",)))
    pd.testing.assert_frame_equal(published_cells.earlier(home, "public", [1]), then)
    # a figure that comes back after a pause is a version of its own
    assert sorted(published_cells.earlier(home, "public", [1, 2, 3])["area_code"]) == ["QMA", "QMA", "QMA", "QMB"]


def test_a_release_that_was_discarded_counts_no_more_and_keeps_its_number(home: Home) -> None:
    publish(home, "r1", versions({"QMA": 40}))
    publish(home, "r2", versions({"QMA": 60}))
    publications.discard(home, "public", "r1", "made on the wrong machine")
    publish(home, "r3", versions({"QMA": 80}))
    known = publications.record_of(home, "public")
    assert [each.ordinal for each in known.out()] == [2, 3]
    assert known.publications[2].earlier == ("r2",)
    assert known.publications[1].earlier == ("r1",), "it was protected against what stood then"
    for identifier, reason, said in (
        ("r1", "again", "discarded already"),
        ("r9", "none", "is no public"),
        ("r2", " ", "reason"),
    ):
        with pytest.raises(WaymarkError, match=said):
            publications.discard(home, "public", identifier, reason)


def test_a_release_on_record_is_made_with_what_stood_before_it_and_a_new_one_with_all(home: Home) -> None:
    publish(home, "r1", versions({"QMA": 40}), built_at=4, as_of="2024-01-31")
    publish(home, "r2", versions({"QMA": 60}), built_at=7, as_of="2024-12-31")
    known = publications.record_of(home, "public")

    def taken(*build: object) -> list[str]:
        return [each.release_id for each in known.before(*build)]  # type: ignore[arg-type]

    assert taken("2024-01-31", 4, RULES) == []
    assert taken("2024-12-31", 7, RULES) == ["r1"]
    assert taken("2024-01-31", 4, "other rules") == ["r1", "r2"], "other code chooses otherwise: it is a new release"
    assert taken("2024-01-31", 3, RULES) == ["r1", "r2"], "a new release at an old position takes all that are out"


def test_entries_of_releases_move_no_data_position(home: Home) -> None:
    ledger = Ledger.of(home)
    ledger.append([{"kind": "areas", "area_set": "a", "digest": "0"}])
    before = publications.data_position(ledger.entries())
    publish(home, "r1", versions({"QMA": 40}), built_at=before)
    publications.discard(home, "public", "r1", "never left")
    entries = ledger.entries()
    assert len(entries) > before
    assert publications.data_position(entries) == before
    assert publications.data_position(entries, len(entries)) == before
    assert publications.data_position(entries, before - 1) < before


def erased_state(issued: str) -> State:
    entry = {"submission_id": "s1", "partner_id": "qma_police_small", "dataset": "victims", "issued_on": issued}
    return State(submissions={"s1": entry}, erased=frozenset({"s1"}))


def test_an_erasure_leaves_no_figure_and_says_so(home: Home) -> None:
    publish(home, "r1", versions({"QMA": 40, "QMB": 5}, hidden=("QMB",)))
    publish(home, "r2", versions({"QMA": 60, "QMB": 5}, hidden=("QMB",), issued="2025-01-15"))
    published_cells.erase(home, erased_state("2024-01-15"))
    frame = published_cells.earlier(home, "public", [1, 2])
    old = frame[frame["first_release"] == 1]
    assert old[["value", "lower", "upper"]].isna().all(axis=None)
    assert sorted(old["suppressed"]) == sorted([ERASED, ALWAYS])
    assert frame[frame["first_release"] == 2]["value"].notna().all(), "figures of other issues stay"
    assert len(list((home.ledger / "published").glob("*.parquet"))) == 1, "no older file is left"
    position = Ledger.of(home).position
    published_cells.erase(home, erased_state("2024-01-15"))
    assert Ledger.of(home).position == position, "a second time changes nothing"


def test_a_missing_or_altered_file_is_told(home: Home) -> None:
    publish(home, "r1", versions({"QMA": 40}))
    assert published_cells.problems(home) == []
    path = published_cells.current_file(home, "public")
    assert path is not None
    assert path.stat().st_mode & 0o077 == 0
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    assert "not what the ledger says" in published_cells.problems(home)[0]
    path.unlink()
    assert "missing" in published_cells.problems(home)[0]
    with pytest.raises(WaymarkError, match="are gone"):
        published_cells.earlier(home, "public", [1])


def test_a_hundred_releases_with_few_changes_take_hardly_more_than_three(home: Home) -> None:
    """Size of what is kept, in bytes and rows: one area in four hundred changes from release to release."""
    areas = {f"QM{i:03}": 50.0 + i for i in range(400)}
    sizes: dict[int, int] = {}
    for number in range(1, 101):
        areas[f"QM{number:03}"] += 20
        publish(home, f"r{number}", versions(areas))
        path = published_cells.current_file(home, "public")
        assert path is not None
        sizes[number] = path.stat().st_size
    assert sizes[100] <= 2 * sizes[3], sizes
    assert len(published_cells.earlier(home, "public", range(1, 101))) == 400 + 99
