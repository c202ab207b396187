"""Dagster's SQLite records of events, without a new SQLAlchemy engine and four waits for the disk for every event.

A run writes about a thousand events. Making an engine sets up a dialect and asks the database what it can do, which
costs more than writing the row; and each closing of a file waits until the disk has it, which takes seconds a run on a
busy disk. Connections are still opened and closed for each event, as the library does, so that the UI, which watches
the files, sees every event at once.

Not waiting for the disk is safe when a process is killed: the system still holds what was written. After a loss of
power the history of runs may be damaged; it is history only (ledger, lake and releases wait for the disk), and
docs/runbooks/restore.md says how to begin a new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from orchestration import fault_reports


class EventRecords(SqliteEventLogStorage):
    """`SqliteEventLogStorage`, faster."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None):
        # every process that has this home's records, Dagster's own too, comes through here before it writes an event
        fault_reports.keep_in(Path(base_dir).parents[2])
        fault_reports.install()
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> EventRecords:
        return cls(inst_data=inst_data, **config_value)

    def run_connection(self, run_id: str | None = None) -> Any:
        return self._kept(run_id or "")

    def index_connection(self) -> AbstractContextManager[Connection]:
        return self._kept(INDEX_SHARD_NAME)

    @contextmanager
    def _kept(self, shard: str) -> Iterator[Connection]:
        if shard not in self._engines:
            # the library's own way creates the file and its tables
            with super()._connect(shard):
                pass
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=NullPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            event.listen(engine, "connect", _do_not_wait_for_the_disk)
            self._engines[shard] = engine
        with self._db_lock, self._engines[shard].begin() as connection:
            yield connection


def _do_not_wait_for_the_disk(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
