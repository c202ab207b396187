"""What tests do to a command from outside: other surroundings, an ear on the network, a kill at a chosen moment."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from command_under_test import environment, start
from filelock import FileLock, Timeout

# every Python process writes down each attempt to reach anything but this machine, and then makes it
EAR = """
import os, socket
_LOCAL = ("localhost", "127.", "::1", "0.0.0.0", "")

def _heard(what, target):
    host = target[0] if isinstance(target, tuple) else target
    host = host.decode() if isinstance(host, bytes) else host
    if isinstance(host, str) and not host.startswith("/") and not any(host == x or (x and host.startswith(x)) for x in _LOCAL):
        with open({record!r}, "a") as file:
            file.write(f"{{what}} {{host}} {{os.getpid()}}\\n")

def _listening(name, function, position):
    def heard(*arguments, **named):
        if len(arguments) > position:
            target = arguments[position]
            family = getattr(arguments[0], "family", None)
            if family is None or family in (socket.AF_INET, socket.AF_INET6):
                _heard(name, target)
        return function(*arguments, **named)
    return heard

class _Socket(socket.socket):
    connect = _listening("connect", socket.socket.connect, 1)
    connect_ex = _listening("connect_ex", socket.socket.connect_ex, 1)

socket.socket = _Socket
socket.getaddrinfo = _listening("getaddrinfo", socket.getaddrinfo, 0)
socket.gethostbyname = _listening("gethostbyname", socket.gethostbyname, 0)
"""

# DuckDB takes its threads from the machine; a test that wants one thread says so at each connection
ONE_THREAD = """
import importlib.abc, importlib.machinery, sys

class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "duckdb":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            plain = module.connect
            def connect(*arguments, **named):
                connection = plain(*arguments, **named)
                connection.execute("set threads to 1")
                with open({record!r}, "a") as file:
                    file.write("1\\n")
                return connection
            module.connect = connect
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, _Finder())
"""


def shim(folder: Path, *parts: str) -> Path:
    """A folder whose `sitecustomize` each Python process of a command loads before anything else."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text("\n".join(parts), encoding="utf-8")
    return folder


def other_locale() -> str:
    """A locale that differs from the usual one: Turkish where Debian's `locales` made it, another, else plain C."""
    listed = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.split()
    wanted = ("tr_tr", "de_de", "fr_fr")
    return next((name for start in wanted for name in listed if name.lower().startswith(start)), "C")


def python(code: str, *arguments: object, env: Mapping[str, str] | None = None) -> str:
    """Run a few lines against this checkout in a process of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=dict(env or environment()),
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def demonstration_inbox(home: Path) -> None:
    """The demonstration's files in a new demonstration home, nothing received yet."""
    python(
        "import sys; from pathlib import Path; from submissions.store.home import Home; from demonstration.generator import generate\n"
        "home = Path(sys.argv[1]); Home.open(home, kind='demonstration', create=True); generate(home)",
        home,
    )


def receive_only(home: Path, env: Mapping[str, str]) -> None:
    """Receive what waits, without building anything from it."""
    python(
        "import sys; from pathlib import Path\n"
        "from orchestration.runs import demonstration as demonstration_run; from orchestration.runs import intake; from submissions.store.home import Home\n"
        "home = Home.open(Path(sys.argv[1]))\n"
        "with home.lock():\n    intake.receive_waiting(demonstration_run.request(home))\n",
        home,
        env=env,
    )


def killed(
    arguments: Sequence[object],
    after: str,
    seconds: float,
    folder: Path,
    env: Mapping[str, str] | None = None,
    limit: float = 300,
) -> str:
    """Start a command, wait until its progress says `after`, wait some seconds more, and kill -9 it. What it had said.

    Its children stay: a person's `kill -9` does not end them either. They are ended when the test is over.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out, err = folder / "out", folder / "err"
    process = start(arguments, out, err, env)
    until = time.monotonic() + limit
    while after not in err.read_text(encoding="utf-8", errors="replace"):
        assert process.poll() is None, f"it ended before it said {after!r}: {err.read_text()[-2000:]}"
        assert time.monotonic() < until, f"it did not say {after!r} within {limit} s"
        time.sleep(0.05)
    time.sleep(seconds)
    assert process.poll() is None, "it had ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _orphans.append(process.pid)
    return err.read_text(encoding="utf-8", errors="replace")


_orphans: list[int] = []


def end_orphans() -> None:
    """End what killed commands left running: each was the leader of a group of its own."""
    while _orphans:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(_orphans.pop(), signal.SIGKILL)


def is_locked(home: Path) -> bool:
    """Whether some process holds the lock of a home."""
    lock = FileLock(str(home / ".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def left_over(home: Path) -> list[str]:
    """Files and folders that only an unfinished run leaves behind, outside of the folder of builds and logs."""
    return sorted(
        path.relative_to(home).as_posix()
        for part in ("landing", "lake", "ledger", "quarantine", "releases")
        for path in (home / part).rglob("*")
        if path.name.endswith((".part", ".tmp", ".building", ".replaced", ".switching"))
    )


def without_network() -> list[str]:
    """A prefix that runs a command in a network of its own with nothing in it; empty where the machine does not allow it."""
    if shutil.which("unshare") is None:
        return []
    for prefix in (["unshare", "-n"], ["unshare", "-rn"]):
        if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
            return prefix
    return []


def read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def edit_json(path: Path, **changes: object) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **changes}, ensure_ascii=False, indent=1), encoding="utf-8")
