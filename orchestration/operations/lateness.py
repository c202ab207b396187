"""Who is late: the next delivery of each dataset against the cadence that its contract promises.

The rule is that of the published coverage table, for a dataset as a whole: the period after the last one reported is
due `late_after` days past its end, in whole deliveries of the cadence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from submissions.errors import WaymarkError
from submissions.store.home import Home
from submissions.store.ledger import Ledger, State, state

MONTHS = {"A": 12, "Q": 3, "M": 1}


@dataclass(frozen=True)
class Delivery:
    """The next delivery that a dataset owes: its first missing period ends before `due_on`."""

    partner: str
    dataset: str
    last_period_start: date
    last_issued_on: date
    due_on: date

    def days_late(self, today: date) -> int:
        """Days since it was due; 0 while it is not."""
        return max(0, (today - self.due_on).days)


def today_of(home: Home) -> date:
    """The date that lateness is counted to. Invented partners send nothing any more: theirs is the newest issue."""
    if home.kind == "real":
        return datetime.now(UTC).date()
    issued = [entry["issued_on"] for entry in state(Ledger.of(home).entries()).in_force()]
    return date.fromisoformat(max(issued)) if issued else datetime.now(UTC).date()


def deliveries(home: Home) -> list[Delivery]:
    """One row a dataset and frequency whose contract declares a cadence, ordered by partner and dataset.

    Reads the lake's periods only. Datasets of which nothing is in force have no last period and are left out.
    """
    known = state(Ledger.of(home).entries())
    cadences = _cadences(home, known)
    issued: dict[tuple[str, str], date] = {}
    for entry in known.in_force():
        key = (entry["partner_id"], entry["dataset"])
        issued[key] = max(issued.get(key, date.min), date.fromisoformat(entry["issued_on"]))
    rows = []
    for partner, dataset, frequency, last in _last_periods(home, known):
        if partner in cadences:
            every, late_after = cadences[partner]
            length = MONTHS[frequency]
            # a delivery brings whole periods: at least one, and as many as fit into the cadence
            next_end = _plus_months(last, length * (max(1, every // length) + 1))
            due = next_end + timedelta(days=late_after - 1)
            rows.append(Delivery(partner, dataset, last, issued[partner, dataset], due))
    return sorted(rows, key=lambda each: (each.partner, each.dataset, each.due_on))


def late(home: Home, today: date | None = None) -> list[Delivery]:
    """The deliveries that are overdue, the longest overdue first."""
    now = today or today_of(home)
    return sorted(
        (each for each in deliveries(home) if each.days_late(now)), key=lambda each: (each.due_on, each.partner)
    )


def _cadences(home: Home, known: State) -> dict[str, tuple[int, int]]:
    """Months between deliveries and days of grace, of each partner whose contract as held declares a cadence."""
    from submissions.contracts.loading import load_snapshot
    from submissions.contracts.located_yaml import DocumentError

    found = {}
    for partner, digest in known.contracts.items():
        try:
            contract = load_snapshot(home.lake / "reference" / "contracts" / partner / digest, partner)
        except (DocumentError, WaymarkError, OSError):
            continue
        if contract.cadence_months:
            found[partner] = (contract.cadence_months, contract.late_after_days or 0)
    return found


def _last_periods(home: Home, known: State) -> list[tuple[str, str, str, date]]:
    """(partner, dataset, frequency, first day of the last period with a figure) over the submissions in force."""
    from submissions.store.vintages import lake_file

    files = [lake_file(home, entry["partner_id"], entry["submission_id"]) for entry in known.in_force()]
    present = sorted(str(file) for file in files if file.is_file())
    if not present:
        return []
    import duckdb

    with duckdb.connect() as connection:
        return connection.execute(
            """
            select partner_id, dataset, frequency, max(period_start)::date
            from read_parquet($files, hive_partitioning = false)
            where missing_reason is null or lower is not null
            group by all order by all
            """,
            {"files": present},
        ).fetchall()


def _plus_months(day: date, months: int) -> date:
    """The first of the month that many months after the month of `day`."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
