"""The real `waymark` command of this checkout, run as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
DEMONSTRATION_CONTRACTS = REPOSITORY / "demonstration" / "contracts"
SHARED = Path(os.environ.get("WAYMARK_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))


@dataclass(frozen=True)
class Ran:
    """How a command ended: exit code, what it printed, and CPU seconds of it and the children it waited for."""

    code: int
    out: str
    err: str
    cpu: float

    def json(self) -> Any:
        return json.loads(self.out)

    def ok(self) -> Ran:
        assert self.code == 0, f"exit {self.code}\n{self.out[-2000:]}\n{self.err[-4000:]}"
        return self


def program() -> list[str]:
    """The installed `waymark`, or the same entry point through the interpreter where it is not installed."""
    installed = Path(sys.executable).with_name("waymark")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "orchestration.cli.main"]


def environment(changes: Mapping[str, str] | None = None, shims: Sequence[Path] = ()) -> dict[str, str]:
    """The environment of a command: this checkout first on the path, nothing of the tests' own settings.

    shims  folders with a `sitecustomize.py` that each Python process of the command loads first.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WAYMARK_", "PYTEST_", "COV_"))}
    path = os.pathsep.join([*map(str, shims), str(REPOSITORY)])
    return {**kept, "PYTHONPATH": path, **(changes or {})}


def start(
    arguments: Sequence[object], out: Path, err: Path, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Begin a command without waiting for it; what it prints goes to two files. `prefix` is a program that runs it."""
    with out.open("wb") as stdout, err.open("wb") as stderr:
        return subprocess.Popen(
            [*prefix, *program(), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=dict(env or environment()),
            cwd=out.parent,
            start_new_session=True,
        )


def waymark(*arguments: object, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> Ran:
    """Run a command to its end."""
    folder = Path(tempfile.mkdtemp(prefix="waymark-command-"))
    try:
        out, err = folder / "out", folder / "err"
        process = start(arguments, out, err, env, prefix)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return Ran(
            process.returncode,
            out.read_text(encoding="utf-8", errors="replace"),
            err.read_text(encoding="utf-8", errors="replace"),
            usage.ru_utime + usage.ru_stime,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def release(home: Path, audience: str, identifier: str = "latest") -> Path:
    """The folder of a release."""
    return (home / "releases" / audience / identifier).resolve()


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
