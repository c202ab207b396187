"""What a person sees while a run works, and where its time went.

One `Progress` a process. Assets ask for it with `current()`, so that a run started from the command line prints lines
and one started from the Dagster UI stays silent (Dagster logs for itself).
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO


@dataclass(frozen=True)
class Timing:
    """Wall and CPU seconds of one step, children (a browser, say) included, and how it ended."""

    stage: str
    wall: float
    cpu: float
    outcome: str = "done"  # or "failed"
    rows: int | None = None


@dataclass
class Step:
    """A step at work; it may say how many rows it wrote."""

    rows: int | None = None


@dataclass
class Progress:
    """Prints one line a step to `stream` (None: silent) and keeps the timings."""

    stream: TextIO | None = None
    timings: list[Timing] = field(default_factory=list)
    _depth: int = 0
    _last_tick: float = 0.0

    @contextmanager
    def step(self, stage: str, title: str = "") -> Iterator[Step]:
        """Time a step; the line appears when it ends, a terminal also shows it while it runs."""
        step, outcome = Step(), "failed"
        started, cpu = time.perf_counter(), cpu_seconds()
        self._depth += 1
        self.tick(title or stage, always=True)
        try:
            yield step
            outcome = "done"
        finally:
            self._depth -= 1
            timing = Timing(stage, time.perf_counter() - started, cpu_seconds() - cpu, outcome, step.rows)
            self.timings.append(timing)
            self.line(f"· {title or stage}", f"{timing.wall:.1f} s")

    def tick(self, text: str, always: bool = False) -> None:
        """Show what is being worked on, on a terminal only, at most ten times a second."""
        if self.stream is None or not self.stream.isatty():
            return
        now = time.perf_counter()
        if always or now - self._last_tick > 0.1:
            self._last_tick = now
            self.stream.write(f"\r\x1b[K  {printable(text)[:100]} …")
            self.stream.flush()

    def line(self, text: str, right: str = "") -> None:
        """One finished line; `right` stands in a column of its own."""
        if self.stream is None:
            return
        clear = "\r\x1b[K" if self.stream.isatty() else ""
        text = printable(text)
        self.stream.write(f"{clear}{text:<66} {right:>8}\n" if right else f"{clear}{text}\n")
        self.stream.flush()

    def table(self) -> list[str]:
        """Where the time went: one line a stage, in the order in which stages first began."""
        totals: dict[str, tuple[float, float]] = {}
        for timing in self.timings:
            wall, cpu = totals.get(timing.stage, (0.0, 0.0))
            totals[timing.stage] = (wall + timing.wall, cpu + timing.cpu)
        rows = [f"{'stage':<28}{'wall s':>9}{'cpu s':>9}"]
        rows += [f"{stage:<28}{wall:>9.2f}{cpu:>9.2f}" for stage, (wall, cpu) in totals.items()]
        return rows


_current = Progress()


def current() -> Progress:
    """The progress of this process."""
    return _current


def show(stream: TextIO | None = sys.stderr) -> Progress:
    """Begin a fresh progress that prints to `stream`."""
    global _current
    _current = Progress(stream)
    return _current


def cpu_seconds() -> float:
    """User and system seconds of this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def printable(text: str) -> str:
    """`text` without control characters: partner text must not steer a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
