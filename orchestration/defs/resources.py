"""What a Dagster run is told: the home, where files come from, and which date and ledger position to build."""

from datetime import date
from pathlib import Path

import dagster as dg

from orchestration.building import Build, Request, resolve
from submissions.home import Home

AUDIENCE_PARTITIONS = dg.StaticPartitionsDefinition(["restricted", "public"])


class Warehouse(dg.ConfigurableResource):
    """The home that a run works in. Every path is a string because Dagster shows resources as configuration."""

    home: str
    inbox: str = ""
    contracts: list[str] = []  # noqa: RUF012 - a pydantic field
    areas: list[str] = []  # noqa: RUF012
    as_of: str = ""
    ledger: int = 0

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

    def build(self) -> Build:
        """The build before protection: marts."""
        return resolve(self.request())

    def audience_build(self, context: dg.AssetExecutionContext) -> Build:
        """The build of the audience that this run's partition names."""
        return self.build().for_audience(context.partition_key)

    def database(self, context: dg.AssetExecutionContext, selection: str) -> Path:
        """The database file that a dbt selection works in."""
        return (self.build() if selection == "marts" else self.audience_build(context)).database
