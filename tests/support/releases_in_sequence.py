"""Public releases one after the other, as far as protection goes: marts, the walk, what is kept, what a reader gets.

Pages, charts and analytics are left out, so that a sequence of releases costs a test seconds: the same functions as in a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from analytics.parameters import parameters
from orchestration.defs.protection import walk
from orchestration.defs.protection.lines import DIMENSIONS, Declarations, coded, declared
from submissions.store.home import Home
from submissions.store.published_cells import VERSION

FIGURES = """
select 'current' as vintage, * from fct_cells union all by name select 'previous' as vintage, * from fct_cells_previous
order by cell_id
"""
TOLD = """
select cell_id, previous_cell_id from fct_changes
where previous_cell_id is not null and counterpart_area = '_T' and detail = '_T' order by all
"""


@dataclass(frozen=True)
class Marts:
    """What protection takes of one build."""

    cells: pd.DataFrame
    pairs: pd.DataFrame
    declarations: Declarations
    as_of: date | None = None


def marts(home: Path, position: int, as_of: str, database: Path) -> Marts:
    """Build the marts of a date and ledger position in a file of its own, and read what protection takes."""
    from orchestration.defs.warehouse import dbt
    from orchestration.defs.warehouse.lake import create_between
    from submissions.store import lake

    database.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(database)) as connection:
        lake.load(connection, Home.open(home), position, date.fromisoformat(as_of))
        create_between(connection)
    results = dbt.run(database, "marts")
    bad = [result.node.name for result in results if str(result.status) in ("error", "fail", "runtime error")]
    assert not bad, bad
    return replace(read(database), as_of=date.fromisoformat(as_of))


def read(database: Path) -> Marts:
    with duckdb.connect(str(database)) as connection:
        return Marts(connection.execute(FIGURES).df(), connection.execute(TOLD).df(), declared(connection))


@dataclass
class Releases:
    """Releases so far: what each decided, its marts, and what is kept of them."""

    threshold: int | None = None
    decided: list[walk.Decided] = field(default_factory=list)
    marts: list[Marts] = field(default_factory=list)
    kept: pd.DataFrame | None = None
    withdrawn: list[tuple[str, str, int]] = field(default_factory=list)

    def release(self, built: Marts) -> walk.Decided:
        """Protect one more build against all before; its ordinal stands for its ledger position."""
        ordinal = len(self.decided) + 1
        rules: dict[str, Any] = parameters()
        if self.threshold is not None:
            rules = {**rules, "disclosure": {**rules["disclosure"], "threshold": self.threshold}}
        earlier = None
        if self.kept is not None:
            withdrawn = pd.DataFrame(self.withdrawn, columns=["source", "issued_on", "position"])
            earlier = walk.Earlier(self.kept, withdrawn, {number: number for number in range(1, ordinal)}, built.as_of)
        decided = walk.protected_cells(built.cells, built.pairs, "public", built.declarations, rules, earlier)
        self.kept = folded(self.kept, decided.versions, ordinal)
        self.decided.append(decided)
        self.marts.append(built)
        return decided

    def read(self) -> list[pd.DataFrame]:
        """What a reader gets of each release, with the truth beside: `DIMENSIONS`, value, suppressed ("" is shown).

        A figure whose revision is held back counts as hidden there: what stands in its place is the older release's.
        """
        return [as_read(built, decided) for built, decided in zip(self.marts, self.decided, strict=True)]


def folded(kept: pd.DataFrame | None, versions: pd.DataFrame, ordinal: int) -> pd.DataFrame:
    """What `published_cells.extended` writes, on frames."""
    new = versions.assign(first_release=ordinal, last_release=ordinal)
    if kept is None:
        return new
    both = pd.concat([kept, new], ignore_index=True)
    pause = both["first_release"].where(both["last_release"] < ordinal - 1, -1)
    grouped = both.assign(pause=pause).groupby([*VERSION, "pause"], dropna=False, sort=False, as_index=False)
    return grouped.agg(first_release=("first_release", "min"), last_release=("last_release", "max")).drop(
        columns="pause"
    )


def as_read(built: Marts, decided: walk.Decided, vintage: str = "current") -> pd.DataFrame:
    seen = built.cells[(built.cells["audience"] == "public") & (built.cells["vintage"] == vintage)]
    seen = seen[~seen["unit"].str.fullmatch("[A-Z]{3}")].merge(decided.cells, on="cell_id", suffixes=("_true", ""))
    hidden = (seen["is_suppressed"] | seen["is_held_back"]).to_numpy(bool)
    frame = coded(seen)
    frame["value"] = np.where(hidden, seen["value_true"].astype(float), seen["value"].astype(float))
    frame["suppressed"] = np.where(hidden, "hidden", "")
    frame["given"] = np.where(seen["is_suppressed"], np.nan, seen["value"].astype(float))
    reported = seen[["value_true", "lower_true", "upper_true"]].notna().any(axis=1).to_numpy()
    return frame[reported].reset_index(drop=True)


def small_changes(releases: Sequence[pd.DataFrame], threshold: float) -> int:
    """Cells of which two releases give figures that differ by 1 to threshold - 1, held-back figures included."""
    count = 0
    given = [release.dropna(subset=["given"]).set_index(list(DIMENSIONS))["given"] for release in releases]
    for number, later in enumerate(given):
        for earlier in given[:number]:
            step = (later - earlier).abs().dropna()
            count += int(((step > 0) & (step < threshold)).sum())
    return count


def issued_until(built: Marts, day: str) -> Marts:
    """The build as of a day, of datasets whose issues only add periods (no figure is ever revised)."""
    cells = built.cells[(pd.to_datetime(built.cells["issued_on"]) <= pd.Timestamp(day)).to_numpy()]
    cells = cells[cells["vintage"] == "current"]
    return Marts(cells.reset_index(drop=True), built.pairs.iloc[:0], built.declarations, date.fromisoformat(day))


def only(built: Marts, datasets: Iterable[str]) -> Marts:
    return Marts(
        built.cells[built.cells["dataset"].isin(list(datasets))].reset_index(drop=True), built.pairs, built.declarations
    )
