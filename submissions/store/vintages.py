"""What a new submission replaces, and which keys of the previous issue it no longer has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from submissions.contracts.model import OF_FEW_MEMBERS, Dataset
from submissions.store.home import Home
from submissions.store.ledger import Entry, State, is_evidence
from submissions.vocabulary.observations import KEY
from submissions.vocabulary.personal_texts import shown as fit

if TYPE_CHECKING:
    import duckdb

SCOPES = {"whole_dataset": (), "periods": ("period", "frequency"), "periods_x_areas": ("period", "frequency", "area")}
LISTED = 200
_OURS = frozenset(("period", "measure", "area_role", "counterpart_role"))


@dataclass(frozen=True)
class Vanished:
    count: int = 0
    share: float = 0.0
    keys: tuple[str, ...] = ()


def lake_file(home: Home, partner: str, submission_id: str):
    """Where the accepted rows of a submission stand; evidence is reference and stands apart from observations."""
    shelf = home.lake / "reference" / "evidence" if is_evidence(submission_id) else home.lake / "observations"
    return shelf / f"partner_id={partner}" / f"submission_id={submission_id}.parquet"


def vanished(
    connection: duckdb.DuckDBPyConnection,
    home: Home | None,
    state: State | None,
    partner: str,
    dataset: Dataset,
    issue: date,
    replaced: Sequence[str] = (),
) -> Vanished:
    """Keys visible before this issue, within what it replaces, that it does not have.

    Before it are the submissions in force with an earlier or the same date of issue, and earlier issues in the same
    file. `replaced` are ids that the new submission supersedes: they are not compared with.
    """
    if dataset.replaces == "keys":
        return Vanished()
    earlier: list[Entry] = []
    if home is not None and state is not None:
        earlier = [
            entry
            for entry in state.in_force(partner, dataset.name)
            if date.fromisoformat(entry["issued_on"]) <= issue and entry["submission_id"] not in replaced
        ]
    earlier.sort(key=lambda entry: (entry["issued_on"], entry["position"]))
    if dataset.replaces == "whole_dataset":
        earlier = earlier[-1:]
    key = [column for column in KEY if column != "period_start"]
    columns = ", ".join(key)
    sources = [f"SELECT {columns}, issue AS issued_on, 1000000000 AS position FROM observations WHERE issue < $issue"]
    parameters: dict[str, object] = {"issue": issue}
    for index, entry in enumerate(earlier):
        assert home is not None
        parameters |= {
            f"file_{index}": str(lake_file(home, partner, entry["submission_id"])),
            f"issued_{index}": date.fromisoformat(entry["issued_on"]),
        }
        sources.append(
            f"SELECT {columns}, $issued_{index}::DATE, {int(entry['position'])} "
            f"FROM read_parquet($file_{index}, hive_partitioning = false)"
        )
    scope = SCOPES[dataset.replaces]
    within = f"SEMI JOIN (SELECT DISTINCT {', '.join(scope)} FROM new) USING ({', '.join(scope)})" if scope else ""
    partition = f"PARTITION BY {', '.join(scope)}" if scope else ""
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE vanished AS
        WITH new AS (SELECT {columns} FROM observations WHERE issue = $issue),
        before AS ({" UNION ALL ".join(sources)}),
        visible AS (
            SELECT * FROM before {within}
            QUALIFY dense_rank() OVER ({partition} ORDER BY issued_on DESC, position DESC) = 1
        )
        SELECT visible.*, new.measure IS NULL AS is_gone
        FROM visible LEFT JOIN new USING ({columns})
        """,
        parameters,
    )
    row = connection.execute("SELECT count(*) FILTER (is_gone), count(*) FROM vanished").fetchone()
    assert row is not None
    gone, before = row
    if not gone:
        return Vanished()
    shown = [column for column in key if column != "frequency"]
    rows = connection.execute(
        f"SELECT {', '.join(shown)} FROM vanished WHERE is_gone ORDER BY ALL LIMIT {LISTED}"
    ).fetchall()
    keys = tuple(
        ", ".join(
            f"{column} {text if column in _OURS else fit(text, column not in OF_FEW_MEMBERS)}"
            for column, text in zip(shown, row, strict=True)
            if text not in ("_T", "_Z")
        )
        for row in rows
    )
    return Vanished(gone, gone / before, keys)
