"""Holding a home for writing: once for a whole run, whether the command line or Dagster started it.

A run is several steps on one build, so the lock is held from its first step to its last. `waymark run` holds the home
and then lets Dagster work in the same thread, whose own request for the home is therefore granted at once; every other
thread and process waits for the operating system's lock, which ends with its process however that ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from submissions.store.home import Holder, Home

_held = threading.local()


@contextmanager
def hold(
    home: Home, waiting: Callable[[Holder | None], None] | None = None, command: str | None = None
) -> Iterator[None]:
    """The home's lock, or nothing more where this thread has it already.

    waiting  is told who holds the home, now and every ten seconds, while another does.
    command  how the holder is named to those who wait; by default the command line of this process.
    """
    paths: set[Path] = _held.__dict__.setdefault("paths", set())
    if home.path in paths:
        yield
        return
    with home.lock(waiting=waiting, command=command):
        paths.add(home.path)
        try:
            yield
        finally:
            paths.discard(home.path)
