"""Freshness as Dagster shows it: a check on the lake that fails while a partner is late."""

import dagster as dg

from orchestration.defs.resources import Warehouse
from orchestration.defs.submissions.partitions import LAKE, RECEIVED
from orchestration.operations import lateness

ON_TIME = dg.AssetCheckKey(LAKE, "partners_on_time")


@dg.asset_check(
    asset=LAKE,
    name=ON_TIME.name,
    additional_deps=[RECEIVED],
    description="Every dataset has been delivered by the date that the cadence of its contract sets (every, "
    "late_after). A "
    "late partner stops no release; the table says who, since when.",
)
def partners_on_time(warehouse: Warehouse) -> dg.AssetCheckResult:
    home = warehouse.request().home
    today = lateness.today_of(home)
    overdue = lateness.late(home, today)
    known = lateness.deliveries(home)
    lines = [
        "| partner | dataset | last period begins | last issue | due on | days late |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {each.partner} | {each.dataset} | {each.last_period_start} | {each.last_issued_on} | {each.due_on} | "
        f"{each.days_late(today)} |"
        for each in overdue
    ]
    return dg.AssetCheckResult(
        passed=not overdue,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "late": len(overdue),
            "datasets_with_a_cadence": len(known),
            "counted_to": str(today),
            "next_due_on": str(min((each.due_on for each in known if each not in overdue), default="nothing")),
            "late_deliveries": dg.MetadataValue.md("\n".join(lines) if overdue else "none"),
        },
    )
