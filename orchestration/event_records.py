"""Dagster's SQLite records of events, with one SQLAlchemy engine a file kept instead of a new one for every event.

A run writes about a thousand events. Making an engine costs several times what writing the row does: it sets up a
dialect and asks the database what it can do. Connections are still opened and closed for each event, as the library
does, so that files are closed between events and the UI, which watches them, sees every event at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool


class EventRecords(SqliteEventLogStorage):
    """`SqliteEventLogStorage`, faster."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None):
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
            self._engines[shard] = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=NullPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
        with self._db_lock, self._engines[shard].begin() as connection:
            yield connection
