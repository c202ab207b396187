"""What stays of an exception in Dagster's records: its type, its place in the code, and the number of a report.

An exception of a library may quote a cell of a partner's file ("could not convert string 'A. B., born 1999'"), and
Dagster keeps what an exception says in its event log, its ticks and its runs. Here the text is withheld before Dagster
has it. Messages of this program's own errors are written by hand and are kept.

The report, `logs/faults/<number>.txt`, has types, files, lines and functions of the whole chain of causes, and neither a
message nor a line of a file. WAYMARK_TRACEBACK=1 prints all of it on the developer's terminal.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestration.runs.code_identity import ROOT

# the texts of these are this program's own, or Dagster's about itself, and quote no file
OURS = frozenset({"WaymarkError", "BalanceError", "DamagedLedger", "DamagedInput", "DocumentError", "WarehouseFailed"})
SPOKEN = OURS | {
    "Failure",
    "DagsterExecutionStepExecutionError",
    "DagsterExecutionInterruptedError",
    "KeyboardInterrupt",
}
FOLDER = "faults"

_folder: Path | None = None
_at_work = threading.local()


def keep_in(logs: Path) -> None:
    """Where reports of this process go: `faults/` of a home's logs."""
    global _folder
    _folder = logs / FOLDER


def install() -> None:
    """From now on, whatever Dagster makes of an exception in this process has its text withheld. Safe to repeat."""
    from dagster_shared.error import SerializableErrorInfo

    if getattr(SerializableErrorInfo, "waymark_original", None) is not None:
        return
    original = SerializableErrorInfo.from_traceback

    def from_traceback(cls: Any, tb: traceback.TracebackException) -> Any:
        if getattr(_at_work, "within", False):
            # a cause of the one that is being looked at, which is dealt with as a whole
            return original(tb)
        _at_work.within = True
        try:
            found = original(tb)
        finally:
            _at_work.within = False
        if os.environ.get("WAYMARK_TRACEBACK"):
            print("".join(tb.format()), file=sys.stderr)
        kept = report(tb) if any(not is_spoken(each.cls_name) for each in chain(found)) else None
        return _withheld(found, tb, kept)

    SerializableErrorInfo.waymark_original = original  # pyright: ignore[reportAttributeAccessIssue]
    SerializableErrorInfo.from_traceback = classmethod(from_traceback)  # pyright: ignore[reportAttributeAccessIssue]


def is_spoken(name: str | None) -> bool:
    """Whether the message of an exception of this type may be kept."""
    return name in SPOKEN


def report(tb: traceback.TracebackException) -> str:
    """Writes the report of an exception and its causes, and gives its name: the same fault has the same one.

    Without a home nothing is written.
    """
    text = text_of(tb)
    name = f"{_type(tb).rpartition('.')[2]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    if _folder is not None:
        _folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(_folder / f"{name}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    return name


def text_of(tb: traceback.TracebackException) -> str:
    """Type and places of an exception and of each of its causes, without what any of them says."""
    return "\n".join(
        line for each in _causes(tb) for line in (_type(each), *(f"  {place}" for place in _places(each)), "")
    )


def said_of(tb: traceback.TracebackException, name: str) -> str:
    """What is said of an exception instead of its message."""
    places = list(_places(tb))
    where = f" at {places[-1]}" if places else ""
    kept = f"; report {_folder / name}.txt" if _folder is not None else ""
    return f"{_type(tb)}{where} (its text is withheld: it may quote a partner's file{kept})"


def _withheld(found: Any, tb: traceback.TracebackException, name: str | None) -> Any:
    spoken = is_spoken(found.cls_name)
    cause, context = tb.__cause__, tb.__context__
    return found._replace(
        message=found.message if spoken or name is None else said_of(tb, name) + "\n",
        cause=_withheld(found.cause, cause, name) if found.cause is not None and cause is not None else None,
        context=_withheld(found.context, context, name) if found.context is not None and context is not None else None,
    )


def chain(found: Any) -> Iterator[Any]:
    """An error of Dagster's and what caused it, one after the other."""
    while found is not None:
        yield found
        found = found.cause or found.context


def _causes(tb: traceback.TracebackException | None) -> Iterator[traceback.TracebackException]:
    while tb is not None:
        yield tb
        tb = tb.__cause__ or (None if tb.__suppress_context__ else tb.__context__)


def _type(tb: traceback.TracebackException) -> str:
    kind = tb.exc_type
    return "an exception" if kind is None else f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _places(tb: traceback.TracebackException) -> Iterator[str]:
    """file:line in function, the call that raised last; files of this program by their place in it."""
    for frame in tb.stack:
        path = Path(frame.filename)
        shown = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else "/".join(path.parts[-3:])
        yield f"{shown}:{frame.lineno} in {frame.name}"
