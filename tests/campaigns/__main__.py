"""`PYTHONPATH=tests/support python -m tests.campaigns [SHARE] [NAME…]`: the long campaigns, one after the other.

Each says its figures and its time.

A campaign is a module here with `main(share)`: it prints what it found and raises where a promise is broken. SHARE is
the part of the full length to run (1 by default). With names only those are run. Exit 1 when one of them fails.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import time
import traceback
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def campaigns() -> list[str]:
    """Names of the modules with `main(share)`, sorted."""
    found = []
    for path in sorted(FOLDER.glob("[!_]*.py")):
        main = getattr(importlib.import_module(f"tests.campaigns.{path.stem}"), "main", None)
        if main is not None and "share" in inspect.signature(main).parameters:
            found.append(path.stem)
    return found


def run(arguments: list[str]) -> int:
    share = 1.0
    if arguments and arguments[0].replace(".", "", 1).isdigit():
        share = float(arguments.pop(0))
    known = campaigns()
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        print(f"no campaign is called {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = []
    for name in arguments or known:
        print(f"── {name}, {share:.0%} of its length", flush=True)
        started = time.perf_counter()
        try:
            importlib.import_module(f"tests.campaigns.{name}").main(share)
        except Exception:
            traceback.print_exc()
            failed.append(name)
        print(
            f"── {name}: {'FAILED' if name in failed else 'held'} after {time.perf_counter() - started:.0f} s\n",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
