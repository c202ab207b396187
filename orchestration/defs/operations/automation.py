"""For those who materialise single assets by hand: what lies downstream follows, once the blocking checks have passed.

The jobs do not need this, so its sensor is switched off until somebody switches it on: a job carries the date and the
ledger position from one half of the walk to the other, which a condition cannot.
"""

from collections.abc import Sequence

import dagster as dg

# an asset follows what it is made from, unless a check that blocks has failed there
FOLLOWS_CHECKED = dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()
BY_HAND = {"submissions", "lake", "definitions"}


def following(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets, each with the condition; what people put in by hand has none."""
    return list(
        dg.map_asset_specs(
            lambda spec: (
                spec if spec.key.path[0] in BY_HAND else spec.replace_attributes(automation_condition=FOLLOWS_CHECKED)
            ),
            assets,
        )
    )


automation_sensor = dg.AutomationConditionSensorDefinition(
    "follow_what_was_made_by_hand",
    target=dg.AssetSelection.all(),
    default_status=dg.DefaultSensorStatus.STOPPED,
    minimum_interval_seconds=60,
    emit_backfills=False,
    description="Off by default. Switch it on while you materialise single assets by hand: whatever lies downstream "
    "follows, "
    "as soon as the blocking checks of all that it is made from have passed.",
)
