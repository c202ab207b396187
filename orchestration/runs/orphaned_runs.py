"""Runs that Dagster believes to be at work although their process is gone.

A process that is killed cannot say so. The home's lock ends with it, but its run would stand as started for ever, and
with it the place in the queue. Each run therefore carries its process as a tag, and whoever comes next looks.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

TAG = "waymark/process"
WHY = "Its process is gone (killed, or the machine went down). Running again starts over safely."


def process_tag(run_id: str, pid: int | None = None) -> str:
    """`<process id>:<when it began>:<run id>`.

    A process id alone may be given to another process later, and a run that is started again inherits the tags of the
    run that was lost.
    """
    number = os.getpid() if pid is None else pid
    return f"{number}:{_began(number) or ''}:{run_id}"


def is_alive(tag: str) -> bool:
    """Whether the process that a tag names still runs; one that ended but was not yet waited for does not."""
    number, began, _ = tag.split(":")
    return number.isdigit() and _began(int(number)) not in (None, "") and _began(int(number)) == began


def settle(instance: dg.DagsterInstance, of_jobs: bool = False, of_commands: bool = False) -> list[str]:
    """Report every lost run as failed and give their ids. Runs that wait in the queue are left alone.

    of_jobs      also the jobs' runs that never came to say their process: when no daemon runs that could be starting them.
    of_commands  the same for runs of the command line: when the caller holds the home and has not begun its own.
    """
    import dagster as dg

    at_work = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    lost = []
    for run in instance.get_runs(dg.RunsFilter(statuses=at_work)):
        tag = run.tags.get(TAG, "")
        if tag.endswith(f":{run.run_id}"):
            is_lost = not is_alive(tag)
        else:
            is_lost = of_commands if run.job_name.startswith("__ephemeral") else of_jobs
        if is_lost:
            instance.report_run_failed(run, message=WHY)
            lost.append(run.run_id)
    return lost


def _began(pid: int) -> str | None:
    """When a process began, in clock ticks since the machine started; None when there is none, or it has ended."""
    try:
        # the second field is the program's name in brackets, which may hold blanks and brackets
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _exists(pid)
    return None if fields[0] in ("Z", "X") else fields[19]


def _exists(pid: int) -> str | None:
    """Without /proc: that it exists is all that can be told."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "exists"
