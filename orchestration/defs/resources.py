"""What a Dagster run is told: the home, where files come from, and which date and ledger position to build."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.runs import intake, orphaned_runs, run_log, up_to_date
from orchestration.runs.builds import Build, Request, prune, resolve
from orchestration.runs.lock import hold
from submissions.errors import WaymarkError
from submissions.store.home import Holder, Home

# the interface of a real home shows no partition that must not be made
AUDIENCE_PARTITIONS = dg.StaticPartitionsDefinition(os.environ.get("WAYMARK_AUDIENCES", "restricted,public").split(","))
# Dagster's events are in its records, where the interface shows them; a terminal need not repeat them
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PARTITION_TAG = "dagster/partition"
STATE_TAG, AS_OF_TAG, LEDGER_TAG, RELEASE_TAG = "waymark/state", "waymark/as_of", "waymark/ledger", "waymark/release_id"


@dg.resource(
    description="What a run receives, from its first attempt to its last: the command line reads it afterwards."
)
def report_of_run(_: dg.InitResourceContext) -> intake.Report:
    return intake.Report()


class Warehouse(dg.ConfigurableResource):
    """The home that a run works in. Every path is a string because Dagster shows resources as configuration.

    A run holds the home from its first step to its last, so that what its steps build belongs together.
    """

    home: str
    inbox: str = ""
    contracts: list[str] = []  # noqa: RUF012 - a pydantic field
    areas: list[str] = []  # noqa: RUF012
    as_of: str = ""
    ledger: int = 0

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Warehouse"]:
        run, instance, log = context.run, context.instance, context.log
        if run is None or instance is None:
            yield self
            return
        home = self.request().home

        def waiting(holder: Holder | None) -> None:
            if log is not None:
                log.info(f"waiting: the home is held by {holder or 'another process'}")

        def has_failed() -> bool:
            return bool(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE))

        instance.add_run_tags(run.run_id, {orphaned_runs.TAG: orphaned_runs.process_tag(run.run_id)})
        with (
            hold(home, waiting, command=f"Dagster run {run.run_id[:8]}, {run.job_name}"),
            run_log.recorded(home, run.run_id, run.job_name, run.tags.get(PARTITION_TAG), has_failed),
        ):
            yield self
            self._prune(home)

    def _prune(self, home: Home) -> None:
        try:
            build = self.build()
        except WaymarkError:
            return
        prune(home, [build, *(build.for_audience(audience) for audience in up_to_date.audiences_of(home))])

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> "Warehouse":
        """What `waymark ui` was asked for: WAYMARK_HOME, _INBOX, and lists of _CONTRACTS and _AREAS."""

        def paths(name: str) -> list[str]:
            return [path for path in environment.get(name, "").split(os.pathsep) if path]

        return cls(
            home=environment.get("WAYMARK_HOME", ""),
            inbox=environment.get("WAYMARK_INBOX", ""),
            contracts=paths("WAYMARK_CONTRACTS"),
            areas=paths("WAYMARK_AREAS"),
        )

    def request(self) -> Request:
        home = Home.open(Path(self.home))
        return Request(
            home=home,
            as_of=date.fromisoformat(self.as_of) if self.as_of else None,
            ledger=self.ledger or None,
            inbox=Path(self.inbox) if self.inbox else home.path / "inbox",
            contracts=tuple(Path(path) for path in self.contracts),
            areas=tuple(Path(path) for path in self.areas),
        )

    def run_config(self, as_of: str, ledger: int) -> dict[str, Any]:
        """The configuration of a run on this home with a date and a ledger position fixed: what follows a build."""
        places = {"home": self.home, "inbox": self.inbox, "contracts": self.contracts, "areas": self.areas}
        return {**QUIET, "resources": {"warehouse": {"config": {**places, "as_of": as_of, "ledger": ledger}}}}

    def build(self) -> Build:
        """The build before protection: marts."""
        return resolve(self.request())

    def audience_build(self, context: dg.AssetExecutionContext) -> Build:
        """The build of the audience that this run's partition names."""
        build = self.build()
        up_to_date.audiences_of(build.home, [context.partition_key])
        return build.for_audience(context.partition_key)

    def database(self, context: dg.AssetExecutionContext, selection: str) -> Path:
        """The database file that a dbt selection works in."""
        return (self.build() if selection == "marts" else self.audience_build(context)).database
