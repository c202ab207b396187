"""Three public releases of the demonstration with a withdrawal between, attacked country by country; and a hundred releases.

`tests/trust/test_public_sequences.py` attacks a seeded fifth of this in every run of the tests.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DAYS = (("2024-12-30", False), ("2025-02-28", False), ("2025-03-20", False), ("2025-03-20", True))
WITHDRAWN = ("qmb_police_gendarmerie", "victims_by_year", "2025-02-24")
THRESHOLD = 11


def main(share: float) -> None:
    from command_under_test import waymark
    from released_attack import attack
    from releases_in_sequence import DIMENSIONS, Releases, marts, small_changes

    from submissions.store.home import Home
    from submissions.store.ledger import Ledger
    from submissions.store.publications import data_position

    with tempfile.TemporaryDirectory(prefix="waymark-releases-") as folder:
        home = Path(folder) / "home"
        waymark("demo", "--home", home).ok()
        releases = Releases()
        for number, (day, is_withdrawn) in enumerate(DAYS, start=1):
            if is_withdrawn:
                rows = waymark("submissions", "--home", home, "--partner", WITHDRAWN[0], "--json").ok().json()
                taken = next(row for row in rows if (row["dataset"], row["issued_on"]) == WITHDRAWN[1:])
                waymark("withdraw", taken["submission"], "--home", home, "--reason", "sent by mistake").ok()
                releases.withdrawn.append((WITHDRAWN[0], WITHDRAWN[2], number))
            position = data_position(Ledger.of(Home.open(home)).entries())
            built = marts(home, position, day, Path(folder) / str(number) / "warehouse.duckdb")
            begun = time.process_time()
            decided = releases.release(built)
            print(
                f"  release {number} as of {day}: {time.process_time() - begun:.1f} s CPU, {decided.losses}", flush=True
            )
            assert decided.is_safe
        read = releases.read()
        assert small_changes(read, THRESHOLD) == 0
        countries = sorted({area[:3] for area in read[0]["area_code"]})
        chosen = countries[: max(1, round(share * len(countries)))]
        for country in chosen:
            part = [release[release["area_code"].str[:3] == country].reset_index(drop=True) for release in read]
            found = attack(part, list(DIMENSIONS), THRESHOLD)
            print(f"  {country}: {sum(map(len, part))} cells, {found}", flush=True)
            assert found.nothing, country
        grows(releases, max(3, round(97 * share)))


def grows(releases, more: int) -> None:
    """The last build again and again with a few figures moved: what is kept and the time of a release stay bounded."""
    built, random = releases.marts[-1], np.random.default_rng(5)
    seconds, kept = [], []
    for _ in range(more):
        cells = built.cells.copy()
        large = np.flatnonzero((cells["value"] > 500).to_numpy() & (cells["vintage"] == "current").to_numpy())
        moved = random.choice(large, 3, replace=False)
        for name in ("value", "lower", "upper"):
            cells.loc[moved, name] += 50
        built = type(built)(cells, built.pairs, built.declarations, built.as_of)
        begun = time.process_time()
        decided = releases.release(built)
        seconds.append(time.process_time() - begun)
        kept.append(len(releases.kept))
        assert decided.is_safe
        releases.marts[-2] = built  # marts of old releases need not stay in memory
    print(
        f"  {more} more releases: {seconds[0]:.1f} s CPU the first, {seconds[-1]:.1f} s the last; {kept[0]} and {kept[-1]} rows kept"
    )
    assert seconds[-1] <= 2 * seconds[0]
    assert kept[-1] <= 2 * kept[0]
