"""One structured line for each step of each run, in the home's `logs/runs.jsonl`: how long, how much, how it ended.

The lines are for those who run the house. They hold no text of a partner and no count of persons: rows are rows of a
table or of a file.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestration.runs import progress
from submissions.store.home import Home


def file_of(home: Home) -> Path:
    return home.logs / "runs.jsonl"


@contextmanager
def recorded(
    home: Home, run_id: str, job: str, audience: str | None = None, has_failed: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Write the lines of a run when it ends: one a step that ended within, then one for the run as a whole.

    has_failed  asked at the end: whoever keeps a step's error from being raised here knows of it.
    """
    shown = progress.current()
    before, started, cpu = len(shown.timings), time.perf_counter(), progress.cpu_seconds()
    outcome = "failed"
    try:
        yield
        outcome = "failed" if has_failed() else "done"
    finally:
        steps = shown.timings[before:]
        total = progress.Timing("run", time.perf_counter() - started, progress.cpu_seconds() - cpu, outcome)
        append(home, [line(run_id, job, audience, each) for each in (*steps, total)])


def line(run_id: str, job: str, audience: str | None, timing: progress.Timing) -> dict[str, Any]:
    """One line: run, job, audience, step, wall and CPU seconds, rows, outcome."""
    return {
        "run": run_id,
        "job": job,
        "audience": audience,
        "step": timing.stage,
        "wall": round(timing.wall, 3),
        "cpu": round(timing.cpu, 3),
        "rows": timing.rows,
        "outcome": timing.outcome,
    }


def append(home: Home, lines: list[dict[str, Any]]) -> None:
    """Add lines, each with the time at which it was written, in one write: a reader never sees half a line."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    text = "".join(json.dumps({"at": now, **each}, ensure_ascii=False) + "\n" for each in lines)
    descriptor = os.open(file_of(home), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def read(home: Home) -> list[dict[str, Any]]:
    """All whole lines, oldest first. A line that a full disk cut off is passed over."""
    if not file_of(home).exists():
        return []
    found = []
    for text in file_of(home).read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(text))
        except ValueError:
            continue
    return found
