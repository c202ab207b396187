"""Three public releases with a withdrawal between, read together by somebody who finds additive lines by himself.

The marts are those of the demonstration on three dates; protection, what is kept of each release and what a reader gets are
made by the functions of a run (`releases_in_sequence`). A seeded fifth of the countries is attacked here, all of them in
`PYTHONPATH=tests/support python -m tests.campaigns releases`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_under_test import waymark
from released_attack import attack
from releases_in_sequence import DIMENSIONS, Releases, as_read, issued_until, marts, only, small_changes

from submissions.store.home import Home
from submissions.store.ledger import Ledger
from submissions.store.publications import data_position

pytestmark = pytest.mark.xdist_group("sequences")

THRESHOLD = 11
WITHDRAWN = ("qmb_police_gendarmerie", "victims_by_year", "2025-02-24")
SEED, SHARE = 8, 5


@pytest.fixture(scope="module")
def sequence(demonstration_home, tmp_path_factory) -> Releases:
    folder = tmp_path_factory.mktemp("releases")
    home = folder / "home"
    shutil.copytree(demonstration_home.path, home, symlinks=True, ignore=shutil.ignore_patterns("builds", "releases"))
    for name in ("builds", "releases"):
        (home / name).mkdir()
    ledger = Ledger.of(Home.open(home))
    before = data_position(ledger.entries())
    found = Releases()
    found.release(marts(home, before, "2024-12-30", folder / "first" / "warehouse.duckdb"))
    found.release(marts(home, before, "2025-03-20", folder / "second" / "warehouse.duckdb"))
    rows = waymark("submissions", "--home", home, "--partner", WITHDRAWN[0], "--json").ok().json()
    taken = next(r for r in rows if (r["dataset"], r["issued_on"]) == WITHDRAWN[1:])
    waymark("withdraw", taken["submission"], "--home", home, "--reason", "sent by mistake").ok()
    found.withdrawn.append((WITHDRAWN[0], WITHDRAWN[2], 3))
    found.release(
        marts(
            home,
            data_position(Ledger.of(Home.open(home)).entries()),
            "2025-03-20",
            folder / "third" / "warehouse.duckdb",
        )
    )
    return found


@pytest.fixture(scope="module")
def read(sequence: Releases) -> list[pd.DataFrame]:
    return sequence.read()


def test_every_release_passes_its_own_audit(sequence: Releases) -> None:
    assert [decided.is_safe for decided in sequence.decided] == [True, True, True]


def test_no_small_count_and_no_small_change_is_visible(read: list[pd.DataFrame]) -> None:
    for release in read:
        given = release["given"].dropna()
        assert len(given) > 10_000
        assert not ((given > 0) & (given < THRESHOLD)).any()
    assert small_changes(read, THRESHOLD) == 0


@pytest.fixture(scope="module")
def second_alone(sequence: Releases) -> Releases:
    """The second release protected as if nothing had been out before it; the first one was."""
    by_itself = Releases()
    by_itself.release(sequence.marts[1])
    return by_itself


def test_without_earlier_releases_small_changes_would_show(
    sequence: Releases, read: list[pd.DataFrame], second_alone: Releases
) -> None:
    """The net is not torn: each release protected by itself, as before, shows changes of one to ten persons."""
    assert small_changes([read[0], *second_alone.read()], THRESHOLD) > 20


def test_revisions_wait_and_no_withdrawn_figure_stands_in_for_another(sequence: Releases) -> None:
    second, third = sequence.decided[1].cells, sequence.decided[2].cells
    assert second["is_held_back"].sum() >= 10
    source = sequence.marts[2].cells.set_index("cell_id")["source"]
    held = third[third["is_held_back"]]
    stale = held[(held["cell_id"].map(source) == WITHDRAWN[0]) & (held["issued_on"].astype(str) >= WITHDRAWN[2])]
    assert stale.empty


def test_nothing_hidden_is_told_by_three_releases_together(read: list[pd.DataFrame]) -> None:
    # the country of the withdrawal is always among them
    others = sorted({area[:3] for area in read[0]["area_code"]} - {"QMB"})
    chosen = {"QMB", *np.random.default_rng(SEED).choice(others, len(others) // SHARE - 1, replace=False)}
    part = [release[release["area_code"].str[:3].isin(chosen)].reset_index(drop=True) for release in read]
    found = attack(part, list(DIMENSIONS), THRESHOLD)
    assert sum(map(len, part)) > 5_000
    assert len(found.relations) > 5
    assert found.exact.empty, found.exact.head(20).to_string()
    assert found.near.empty, found.near.head(20).to_string()
    assert found.differences.empty, found.differences.head(20).to_string()


def test_what_earlier_releases_cost_is_told_and_small(sequence: Releases, second_alone: Releases) -> None:
    """Hidden or held back: at most two cells of a hundred more than the same release would hide by itself."""
    alone = second_alone.decided[0]
    together = sequence.decided[1]
    for decided in (alone, together):
        assert decided.losses["hidden"]["cells_share"] < 0.6
        assert decided.losses["threshold_alone"]["cells_share"] < decided.losses["hidden"]["cells_share"]
    assert together.losses["hidden"]["cells_share"] <= alone.losses["hidden"]["cells_share"] + 0.02


# ---- real figures: quarters of the National Referral Mechanism as they came out


NRM_DAYS = ["2022-08-04", "2022-11-03", "2023-03-02", "2023-05-04", "2023-08-03", "2023-11-02", "2024-03-07"]


@pytest.fixture(scope="module")
def referrals(shared_data: Path, tmp_path_factory):
    from orchestration.runs import intake
    from orchestration.runs.builds import Request
    from orchestration.runs.lock import hold

    home = Home.open(tmp_path_factory.mktemp("nrm") / "home", kind="real", create=True)
    inbox = home.path / "inbox" / "gbr_immigration_nrm"
    inbox.mkdir(parents=True)
    for path in (shared_data / "inbox" / "gbr_immigration_nrm").glob("uk_nrm_referrals_*.csv"):
        shutil.copy(path, inbox)
    with hold(home):
        intake.receive_waiting(Request(home, inbox=home.path / "inbox", areas=(shared_data / "reference",)))
    entries = Ledger.of(home).entries()
    return marts(home.path, data_position(entries), NRM_DAYS[-1], home.path.parent / "marts" / "warehouse.duckdb")


@pytest.mark.parametrize("threshold", [pytest.param(5, marks=pytest.mark.campaign), 11])
def test_seven_quarters_of_referrals_by_police_force_published_one_after_the_other(referrals, threshold: int) -> None:
    police = only(referrals, ["nrm_police"])
    police.cells["minimum_cell"] = threshold
    releases = Releases(threshold=threshold)
    for day in NRM_DAYS:
        assert releases.release(issued_until(police, day)).is_safe, day
    read = releases.read()
    assert [len(release) for release in read] == sorted(len(release) for release in read)
    for release in read:
        given = release["given"].dropna()
        assert not ((given > 0) & (given < threshold)).any()
    hidden = read[-1][read[-1]["suppressed"] != ""]
    small = (hidden["value"] > 0) & (hidden["value"] < threshold)
    assert small.sum() > 100
    assert small_changes(read, threshold) == 0
    found = attack([blank(release) for release in read], list(DIMENSIONS), threshold)
    assert found.nothing, str(found)


def blank(release: pd.DataFrame) -> pd.DataFrame:
    """Without the hidden values: of seven quarters and fifty forces many sums come out by chance, and one who knew the hidden
    counts could not tell them from those that must."""
    return release.assign(value=release["given"])


@pytest.mark.parametrize("threshold", [pytest.param(5, marks=pytest.mark.campaign), 11])
def test_overlapping_tables_of_one_partner_published_together(referrals, threshold: int) -> None:
    """All first responders, their splits, the long series and police forces: figures of the same people in four tables."""
    together = only(referrals, ["nrm_police", "nrm_all", "nrm_splits", "nrm_longitudinal"])
    together.cells["minimum_cell"] = threshold
    releases = Releases(threshold=threshold)
    for day in NRM_DAYS[-2:]:
        assert releases.release(issued_until(together, day)).is_safe, day
    last = as_read(releases.marts[-1], releases.decided[-1])
    given = last["given"].dropna()
    assert not ((given > 0) & (given < threshold)).any()
    # one cell in two tables with equal figures: both are shown or neither
    pooled = [name for name in DIMENSIONS if name != "origin"]
    equal = last[last.groupby([*pooled, "value"])["origin"].transform("nunique") > 1]
    assert len(equal) > 50
    assert (
        equal.assign(is_hidden=equal["suppressed"] != "").groupby([*pooled, "value"])["is_hidden"].nunique() == 1
    ).all()
