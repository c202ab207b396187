"""`waymark ui`: Dagster's own web server and daemon on one home, reachable from this machine only."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress

import click

from orchestration.runs import orphaned_runs, up_to_date
from orchestration.runs.builds import Request
from orchestration.runs.running import instance_of
from submissions.errors import WaymarkError

END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def serve(request: Request, port: int) -> None:
    """Run until stopped by hand. Dagster starts runs by itself: what waits in the inbox is taken and released.

    The home, its Dagster records and the telemetry settings go by environment. Raises SystemExit with Dagster's code.
    """
    from filelock import FileLock, Timeout

    home = request.home
    only_one = FileLock(str(home.logs / ".interface.lock"))
    try:
        only_one.acquire(timeout=0)
    except Timeout:
        raise WaymarkError(
            f"an interface of {home.path} is running already", hint="one daemon a home: use that one, or stop it first"
        ) from None
    with instance_of(home) as instance:
        # no daemon of this home is running, so a run that was being started will never start
        lost = orphaned_runs.settle(instance, of_jobs=True)
    if lost:
        click.echo(f"{len(lost)} runs had lost their process and are marked as failed")
    click.echo(f"Dagster for {home.path} at http://127.0.0.1:{port} (stop with Ctrl-C)")
    click.echo(f"  it watches {request.inbox} and releases for: {', '.join(up_to_date.audiences_of(home))}")
    raise SystemExit(_run_until_stopped(request, port))


def _run_until_stopped(request: Request, port: int) -> int:
    """Dagster in a process group of its own, ended as a whole: a daemon left behind would go on working on the home."""
    command = f"-m orchestration.operations.loopback dev -m orchestration.definitions -h 127.0.0.1 -p {port}".split()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, *command], env=environment(request), start_new_session=True, preexec_fn=_end_with_parent
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        return 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


def environment(request: Request) -> dict[str, str]:
    """The environment of Dagster's processes: what `Warehouse.of_environment` reads, and no telemetry."""
    from orchestration.runs.running import prepare_instance_folder

    return {
        **os.environ,
        "WAYMARK_HOME": str(request.home.path),
        "WAYMARK_INBOX": str(request.inbox or ""),
        "WAYMARK_CONTRACTS": os.pathsep.join(str(path) for path in request.contracts),
        "WAYMARK_AREAS": os.pathsep.join(str(path) for path in request.areas),
        "WAYMARK_AUDIENCES": ",".join(up_to_date.audiences_of(request.home)),
        "DAGSTER_HOME": str(prepare_instance_folder(request.home)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONWARNINGS": "ignore",
    }


def _end_with_parent() -> None:
    """In the child: be interrupted when the command is killed, and heed it even if the command was told to ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(END_WITH_PARENT, signal.SIGINT)
