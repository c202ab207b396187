"""A home: the folder that holds everything received and released. It is demonstration or real, never both."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from submissions.errors import WaymarkError

SCHEMA_VERSION = 2
# of layout 1 is a ledger without a chain: it is read as it is, and its first writer takes it on (`Ledger.seal`)
READABLE_VERSIONS = (1, 2)
KINDS = ("demonstration", "real")
FOLDERS = ("landing", "quarantine", "lake", "ledger", "builds", "releases", "logs")
SECONDS_BETWEEN_NOTICES = 10.0


@dataclass(frozen=True)
class Holder:
    """Who holds the lock of a home."""

    pid: int
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command}) since {self.since}"


@dataclass(frozen=True)
class Home:
    path: Path
    kind: str
    landing: Path
    quarantine: Path
    lake: Path
    ledger: Path
    builds: Path
    releases: Path
    logs: Path

    @classmethod
    def open(cls, path: Path | str, kind: str | None = None, create: bool = False) -> Home:
        """Opens a home, or makes it with `create`. Raises WaymarkError when it is missing, of another kind or newer."""
        # whatever this process writes from here on is for the owner alone, whoever writes it: DuckDB, Dagster, a browser
        os.umask(0o077)
        path = Path(path).resolve()
        file = path / "home.json"
        if not file.is_file():
            if not create:
                raise WaymarkError(f"{path} is not a home", hint="`waymark run --home DIR` makes one.")
            known = (*FOLDERS, "inbox", "contracts")
            if path.is_dir() and any(entry.name not in known and entry.name[0] != "." for entry in path.iterdir()):
                raise WaymarkError(f"{path} is not empty and not a home", hint="Give an empty or new folder.")
            _make(path, kind or "real")
        state = _state(file)
        if kind is not None and state["kind"] != kind:
            raise WaymarkError(
                f"the home {path} is a {state['kind']} home, not a {kind} one",
                hint="Demonstration and real partners never share a home: give another folder.",
            )
        folders = {name: path / name for name in FOLDERS}
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
        return cls(path=path, kind=state["kind"], **folders)

    @contextlib.contextmanager
    def lock(
        self, waiting: Callable[[Holder | None], None] | None = None, command: str | None = None
    ) -> Iterator[None]:
        """Holds the home for one writer. While another holds it, `waiting` is told who, now and every ten seconds.

        The lock is the operating system's lock on one open file: it ends with its process, however that ends.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(str(self.path / ".lock"))
        holder_file = self.path / ".lock-holder.json"
        told_at = -SECONDS_BETWEEN_NOTICES
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                if waiting is not None and time.monotonic() - told_at >= SECONDS_BETWEEN_NOTICES:
                    waiting(self.holder())
                    told_at = time.monotonic()
                time.sleep(0.1)
        try:
            me = {
                "pid": os.getpid(),
                "command": command or _command(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            write_whole(holder_file, json.dumps(me).encode())
            yield
        finally:
            holder_file.unlink(missing_ok=True)
            lock.release()

    def holder(self) -> Holder | None:
        """Who wrote last that it holds the lock, if that is still readable."""
        try:
            return Holder(**json.loads((self.path / ".lock-holder.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def open_to_others(self) -> Iterator[Path]:
        """Every folder and file of the home that others have any right to."""
        for folder, folders, names in os.walk(self.path):
            for path in (
                *(Path(folder, name) for name in (*folders, *names)),
                *([self.path] if folder == str(self.path) else []),
            ):
                with contextlib.suppress(FileNotFoundError, PermissionError):
                    mode = path.lstat().st_mode
                    if not stat.S_ISLNK(mode) and mode & 0o077:
                        yield path

    def tighten(self) -> int:
        """Takes the rights of all others from every folder and file; how many had any. The caller holds the home.

        A file of another owner stays as it is: `waymark doctor` names it.
        """
        mended = 0
        for path in list(self.open_to_others()):
            with contextlib.suppress(FileNotFoundError, PermissionError):
                path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
                mended += 1
        return mended

    def keyed(self, text: str) -> str:
        """A digest that only this home can make: what stays of a digest after an erasure, and of ids in public."""
        key = self.ledger / "key"
        if not key.is_file():
            raise WaymarkError(
                f"{key} is missing: without it nothing can be received or released",
                hint="Restore ledger/key from a backup of the home (docs/runbooks/restore.md, Damage).",
            )
        return hmac.new(key.read_bytes(), text.encode(), hashlib.sha256).hexdigest()


def _command() -> str:
    return " ".join([Path(sys.argv[0]).name or "python", *sys.argv[1:3]])[:80]


def _make(path: Path, kind: str) -> None:
    if kind not in KINDS:
        raise WaymarkError(f"a home is {' or '.join(KINDS)}, not '{kind}'")
    for name in FOLDERS:
        (path / name).mkdir(parents=True, exist_ok=True)
    if not (path / "ledger" / "key").exists():
        write_whole(path / "ledger" / "key", secrets.token_bytes(32))
    (path / "ledger" / "key").chmod(0o600)
    # home.json comes last: a folder without it is not yet a home, and making it starts over.
    write_whole(path / "home.json", (json.dumps({"schema_version": SCHEMA_VERSION, "kind": kind}) + "\n").encode())


def _state(file: Path) -> dict:
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        version, kind = state["schema_version"], state["kind"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WaymarkError(f"{file} cannot be read", hint="Restore it from a backup of the home.") from error
    if version not in READABLE_VERSIONS:
        raise WaymarkError(
            f"the home {file.parent} has layout {version}, this program knows {SCHEMA_VERSION}",
            hint="Use the version of the program that made it, or upgrade the home.",
        )
    if kind not in KINDS:
        raise WaymarkError(f"{file} says kind '{kind}'; known: {', '.join(KINDS)}")
    return state


def raise_layout(path: Path) -> None:
    """The last step of an upgrade: the home says that it has today's layout, and an older program leaves it alone."""
    file = path / "home.json"
    state = _state(file) if file.is_file() else None
    if state is not None and state["schema_version"] != SCHEMA_VERSION:
        write_whole(file, (json.dumps({**state, "schema_version": SCHEMA_VERSION}) + "\n").encode())


def write_whole(file: Path, content: bytes, mode: int | None = None) -> None:
    """Writes a file so that it is there whole or not at all, whatever happens in between."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    if mode is not None:
        temporary.chmod(mode)
    temporary.replace(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
