"""Great Expectations in a process of its own, on the second core: it loads and validates while DuckDB reads the next file.

One process a process, begun when first needed and ended with `stop()` or with its parent, however that ends: it works
until its standard input closes. Batches go over as Parquet files, several at a time because most of a validation's cost
is not its rows; results come back as one JSON line for them all, in order. Where the process cannot begin or has died,
the same work is done here.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

Task = Mapping[str, Any]
Work = Callable[[Task], Sequence[bool]]
TASKS_TOGETHER = 8
ROWS_TOGETHER = 200_000


class ValidationProcess:
    """Tasks out, outcomes back, first in first out."""

    def __init__(self) -> None:
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self.child = subprocess.Popen(
            [sys.executable, "-m", "submissions.validation.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # a library may quote a partner's figures in a warning: nothing of it is kept
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "GX_ANALYTICS_ENABLED": "false"},
            cwd=root,
            text=True,
            encoding="utf-8",
            # a terminal's interrupt is for the parent, which then closes the pipe
            start_new_session=True,
        )
        self.lock = threading.Lock()
        self.sent = 0
        self.gathered: list[Task] = []
        self.answers: list[Any] = []

    def send(self, task: Task) -> int:
        """Takes a task, to be given over with the next ones; returns its number, from 0."""
        with self.lock:
            self.gathered.append(task)
            if len(self.gathered) >= TASKS_TOGETHER or sum(each["rows"] for each in self.gathered) > ROWS_TOGETHER:
                self._give_over()
            return self.sent + len(self.gathered) - 1

    def answer(self, number: int) -> list[bool]:
        """Outcomes of a task. Raises OSError where the process died or could not do it."""
        assert self.child.stdout is not None
        with self.lock:
            if number >= self.sent:
                self._give_over()
            while number >= len(self.answers):
                line = self.child.stdout.readline()
                if not line:
                    raise BrokenPipeError("the validation process ended")
                self.answers += json.loads(line)
            found = self.answers[number]
        if not isinstance(found, list):
            raise BrokenPipeError("the validation process could not do its task")
        return found

    def _give_over(self) -> None:
        assert self.child.stdin is not None
        # counted as sent even where the pipe is broken: the answer is then missing, and the work is done here
        tasks, self.gathered = self.gathered, []
        self.sent += len(tasks)
        self.child.stdin.write(json.dumps(tasks) + "\n")
        self.child.stdin.flush()

    def close(self) -> None:
        for stream in (self.child.stdin, self.child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self.child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


_running: tuple[int, ValidationProcess] | None = None
_guard = threading.Lock()


def submit(task: Task, otherwise: Work) -> Callable[[], list[bool]]:
    """Begins a task; the function that comes back waits for its outcomes.

    otherwise  does the task in this process: where no other process can begin, or it dies.
    """
    try:
        process = _process()
        number = process.send(task)
    except (OSError, ValueError):
        return lambda: list(otherwise(task))

    def outcomes() -> list[bool]:
        try:
            return process.answer(number)
        except (OSError, ValueError):
            return list(otherwise(task))

    return outcomes


def stop() -> None:
    """Ends the process, if there is one; its seconds count as this process's children's."""
    global _running
    with _guard:
        if _running is not None and _running[0] == os.getpid():
            _running[1].close()
        _running = None


def _process() -> ValidationProcess:
    global _running
    with _guard:
        # one that a fork has inherited is its parent's
        if _running is None or _running[0] != os.getpid() or _running[1].child.poll() is not None:
            if _running is not None and _running[0] == os.getpid():
                _running[1].close()
            _running = (os.getpid(), ValidationProcess())
            atexit.unregister(stop)
            atexit.register(stop)
        return _running[1]


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Does tasks until there are no more. One that fails is answered with null: whoever asked does it again."""
    from submissions.validation.batches import outcomes_of_all, prepare

    prepare()
    for line in requests:
        tasks = json.loads(line)
        try:
            found: list[Any] = outcomes_of_all(tasks)
        except Exception:
            found = [None] * len(tasks)
        answers.write(json.dumps(found) + "\n")
        answers.flush()


if __name__ == "__main__":
    # what libraries print must not stand among the answers
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        serve(sys.stdin, channel)
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(0)
