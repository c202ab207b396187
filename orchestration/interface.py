"""`waymark ui`: Dagster's own web server and daemon on one home, reachable from this machine only."""

from __future__ import annotations

import os
import subprocess
import sys

import click

from orchestration.running import prepare_instance_folder
from submissions.home import Home


def serve(home: Home, port: int) -> None:
    """Run until stopped by hand; the home, its Dagster records and the telemetry settings go by environment."""
    environment = {
        **os.environ,
        "WAYMARK_HOME": str(home.path),
        "DAGSTER_HOME": str(prepare_instance_folder(home)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "GX_ANALYTICS_ENABLED": "false",
    }
    click.echo(f"Dagster for {home.path} at http://127.0.0.1:{port} (stop with Ctrl-C)")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "orchestration.definitions", "-h", "127.0.0.1", "-p", str(port)]
    try:
        raise SystemExit(subprocess.run(command, env=environment, check=False).returncode)
    except KeyboardInterrupt:
        raise SystemExit(0) from None
