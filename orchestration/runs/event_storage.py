"""Dagster's SQLite records of events, without a new SQLAlchemy engine, a new file and four waits for the disk for every event.

A run writes more than a thousand events. Making an engine sets up a dialect and asks the database what it can do, and
opening and closing a file brings its log into it: both cost more than writing the row, and each closing waits until the
disk has it, which takes seconds a run on a busy disk. So a file stays open from event to event, and is closed by the first
event after `SECONDS_OPEN`: the UI, which watches the files, sees what happens within that time.

Not waiting for the disk is safe when a process is killed: the system still holds what was written. After a loss of
power the history of runs may be damaged; it is history only (ledger, lake and releases wait for the disk), and
docs/runbooks/restore.md says how to begin a new one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from orchestration.runs import fault_reports

SECONDS_OPEN = 1.0


class EventRecords(SqliteEventLogStorage):
    """`SqliteEventLogStorage`, faster."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None):
        # every process that has this home's records, Dagster's own too, comes through here before it writes an event
        fault_reports.keep_in(Path(base_dir).parents[2])
        fault_reports.install()
        self._engines: dict[str, Engine] = {}
        self._open: dict[str, tuple[Connection, float]] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> EventRecords:
        return cls(inst_data=inst_data, **config_value)

    def run_connection(self, run_id: str | None = None) -> Any:
        return self._kept(run_id or "")

    def index_connection(self) -> AbstractContextManager[Connection]:
        return self._kept(INDEX_SHARD_NAME)

    def dispose(self) -> None:
        with self._db_lock:
            for shard in list(self._open):
                self._open.pop(shard)[0].close()
        super().dispose()

    @contextmanager
    def _kept(self, shard: str) -> Iterator[Connection]:
        if shard not in self._engines:
            # the library's own way creates the file and its tables
            with super()._connect(shard):
                pass
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=NullPool,
                # one thread after the other uses a connection, under the library's own lock
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _do_not_wait_for_the_disk)
            self._engines[shard] = engine
        with self._db_lock:
            connection, opened = self._open.pop(shard, None) or (self._engines[shard].connect(), time.monotonic())
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                connection.close()
                raise
            if time.monotonic() - opened < SECONDS_OPEN:
                self._open[shard] = (connection, opened)
            else:
                connection.close()


def _do_not_wait_for_the_disk(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")
