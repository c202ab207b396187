"""What goes wrong with one file, whatever it is, as that file's numbered problem.

A refusal says what it is. Anything else is a fault of this program that the file brought to light: the problem names its
kind and place and never its message, which may quote a cell. What a file cannot have caused, such as a full disk or a
damaged ledger, is no problem of a file and goes on upwards.
"""

from __future__ import annotations

import errno
import hashlib
import platform
import traceback
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from submissions.errors import BalanceError, WaymarkError
from submissions.validation.problems import Problem, Refusal

INTERNAL = "F-internal"
FAULT_REPORT = "fault.txt"
FOLDER = Path(__file__).resolve().parents[1]
SUFFIXES = {".py", ".csv", ".txt"}
_OF_THE_SYSTEM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE}


def problem_of_fault(error: Exception) -> Problem:
    """The problem that an exception is. Raises the exception again where no file can be its cause."""
    if isinstance(error, Refusal):
        return error.problem
    if isinstance(error, WaymarkError) and not isinstance(error, BalanceError):
        raise error
    if any(isinstance(each, OSError) and each.errno in _OF_THE_SYSTEM for each in _chain(error)):
        raise home_failed(error) from error
    if isinstance(error, OSError) and error.strerror and not isinstance(error, UnicodeError):
        return Problem("F-not-readable", error.strerror)
    return Problem(INTERNAL, f"{type(error).__name__} in {_place(error)}")


def home_failed(error: Exception) -> WaymarkError:
    """What to say where the home cannot be written: every other file would fail alike, so the run stops."""
    reason = next((each.strerror for each in _chain(error) if isinstance(each, OSError) and each.strerror), None)
    return WaymarkError(
        f"the home cannot be written: {reason or type(error).__name__}",
        hint="Make room or mend the rights of its folder, then run again; what was received before stands.",
    )


def report_of(error: Exception) -> str:
    """What a developer needs of an unforeseen exception: kinds, places, versions. No message, and no value."""
    if isinstance(error, Refusal) or problem_of_fault(error).code != INTERNAL:
        return ""
    lines = [f"code {code_digest()}, Python {platform.python_version()}"]
    for each in _chain(error):
        lines.append(f"{type(each).__module__}.{type(each).__name__}")
        lines += [f"  {_name(frame.filename)}:{frame.lineno} {frame.name}" for frame in _frames(each)]
    return "\n".join(lines) + "\n"


@cache
def code_digest() -> str:
    """A digest of everything that takes part in reading a file: 16 hexadecimal digits."""
    total = hashlib.sha256()
    for file in sorted(path for path in FOLDER.rglob("*") if path.suffix in SUFFIXES):
        name = file.relative_to(FOLDER).as_posix()
        total.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and those that it came from, at most ten."""
    found: BaseException | None = error
    for _ in range(10):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    """The last frames; a recursion without end has thousands."""
    return list(traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False))[-30:]


def _place(error: Exception) -> str:
    """The deepest line of this program that took part."""
    own = [frame for frame in _frames(error) if FOLDER in Path(frame.filename).parents]
    return f"{_name(own[-1].filename)}:{own[-1].lineno}" if own else "a library"


def _name(file: str) -> str:
    path = Path(file)
    return f"{path.parent.name}/{path.name}"
