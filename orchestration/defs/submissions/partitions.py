"""A partition for each submission, and what stands in it: outcome, rows, receipt. Partitions end at the lake.

The ledger is the truth and the partitions follow it: whatever received a submission (this run, the command line, an
older version), the next run adds the partitions that are missing.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg

from submissions.store.home import Home
from submissions.store.ledger import Entry, Ledger, State, state
from submissions.store.vintages import lake_file

SUBMISSIONS = dg.DynamicPartitionsDefinition(name="submissions")
RECEIVED = dg.AssetKey(["submissions", "received"])
LAKE = dg.AssetKey(["lake", "submissions"])


def follow_ledger(context: dg.AssetExecutionContext, home: Home, again: Iterable[str] = ()) -> list[str]:
    """Add a partition, and its materialisation, for each submission of the ledger that has none yet.

    again  keys of partitions whose materialisation is recorded although they have one.
    Gives the keys of the partitions that are new.
    """
    known = state(Ledger.of(home).entries())
    keys = {partition_key(entry): entry for entry in known.submissions.values()}
    present = set(context.instance.get_dynamic_partitions(str(SUBMISSIONS.name)))
    new = [key for key in keys if key not in present]
    if new:
        context.instance.add_dynamic_partitions(str(SUBMISSIONS.name), new)
    for key in [*new, *(each for each in again if each in present)]:
        context.log_event(dg.AssetMaterialization(LAKE, partition=key, metadata=metadata(home, known, keys[key])))
    return new


def partition_key(entry: Entry) -> str:
    """`<partner>/<submission>`, as the lake's folders are: the partner's name finds all that a partner sent."""
    return f"{entry['partner_id']}/{entry['submission_id']}"


def submission_of(key: str) -> str:
    """The submission's id in a partition's key."""
    return key.rpartition("/")[2]


def metadata(home: Home, known: State, entry: Entry) -> dict[str, Any]:
    """What Dagster shows of a submission. No file name and no cell: Dagster's records outlive an erasure."""
    identifier = entry["submission_id"]
    return {
        "partner": entry["partner_id"],
        "dataset": entry["dataset"],
        "issued_on": entry["issued_on"],
        "standing": known.standing(identifier).replace("_", " "),
        "ledger_position": entry["position"],
        "dagster/row_count": entry["rows_accepted"],
        "rows": dg.MetadataValue.md(
            f"{entry['rows_in']:,} in = {entry['rows_accepted']:,} accepted + {entry['rows_quarantined']:,} "
            f"quarantined "
            f"+ {entry['rows_excluded']:,} excluded"
        ),
        "problems": dg.MetadataValue.md(
            "\n".join(f"- `{code}`: {count:,} rows" for code, count in entry["warnings"].items()) or "none"
        ),
        "receipt": dg.MetadataValue.path(str(_receipt(home, identifier))),
        "lake_file": dg.MetadataValue.path(str(lake_file(home, entry["partner_id"], identifier))),
    }


def _receipt(home: Home, identifier: str) -> Path:
    """The receipt's page, or its text where an earlier version wrote it."""
    page = home.quarantine / identifier / "receipt.html"
    return page if page.is_file() else page.with_suffix(".txt")
