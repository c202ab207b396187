"""`waymark ui`: Dagster's own web server and daemon on one home, reachable from this machine only."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

import click

from orchestration import lost_runs, standing
from orchestration.building import Request
from orchestration.running import instance_of

END_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def serve(request: Request, port: int) -> None:
    """Run until stopped by hand. Dagster starts runs by itself: what waits in the inbox is taken and released.

    The home, its Dagster records and the telemetry settings go by environment. Raises SystemExit with Dagster's code.
    """
    home = request.home
    with instance_of(home) as instance:
        # nobody else is starting runs of this home now, so those that say they are at work are lost
        lost = lost_runs.settle(instance)
    if lost:
        click.echo(f"{len(lost)} runs had lost their process and are marked as failed")
    click.echo(f"Dagster for {home.path} at http://127.0.0.1:{port} (stop with Ctrl-C)")
    click.echo(f"  it watches {request.inbox} and releases for: {', '.join(standing.audiences_of(home))}")
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-m",
        "orchestration.definitions",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    process = subprocess.Popen(command, env=environment(request), preexec_fn=_end_with_parent)
    try:
        raise SystemExit(process.wait())
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        raise SystemExit(0 if process.wait() in (0, -signal.SIGINT, 1) else process.returncode) from None


def environment(request: Request) -> dict[str, str]:
    """The environment of Dagster's processes: what `Warehouse.of_environment` reads, and no telemetry."""
    from orchestration.running import prepare_instance_folder

    return {
        **os.environ,
        "WAYMARK_HOME": str(request.home.path),
        "WAYMARK_INBOX": str(request.inbox or ""),
        "WAYMARK_CONTRACTS": os.pathsep.join(str(path) for path in request.contracts),
        "WAYMARK_AREAS": os.pathsep.join(str(path) for path in request.areas),
        "WAYMARK_AUDIENCES": ",".join(standing.audiences_of(request.home)),
        "DAGSTER_HOME": str(prepare_instance_folder(request.home)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def _end_with_parent() -> None:
    """In the child: a command that is killed takes Dagster with it, so that no daemon is left working on the home."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(END_WITH_PARENT, signal.SIGINT)
