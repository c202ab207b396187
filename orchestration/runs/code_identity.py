"""Which code made a release: a digest of the files that decide figures, and the installation's version.

It must be cheap (it is part of the "nothing new" decision) and the same in every clone, so it hashes file contents
by relative path and looks neither at times nor at git.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("submissions", "disclosure", "geo", "trends", "analytics", "reports", "orchestration", "demonstration")
SUFFIXES = {".py", ".sql", ".yml", ".csv", ".css", ".js", ".html", ".j2", ".md", ".jinja"}
SKIPPED = {"__pycache__", "target", "logs", "dbt_packages"}


def files() -> list[Path]:
    """Every file that may change a release, sorted by its path relative to the installation."""
    found: list[Path] = []
    for folder in (*PACKAGES, "dbt_project", "contracts"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SUFFIXES and path.is_file() and not SKIPPED.intersection(path.relative_to(ROOT).parts):
                found.append(path)
    return sorted(found, key=lambda path: path.relative_to(ROOT).as_posix())


@cache
def digest() -> str:
    """SHA-256 over the relative paths and contents of `files()`, as 64 hexadecimal digits."""
    total = hashlib.sha256()
    for path in files():
        total.update(path.relative_to(ROOT).as_posix().encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def version() -> str:
    """The version and the first 12 digits of the code's digest, as manifests print it."""
    from importlib.metadata import version as installed

    return f"{installed('waymark')}+{digest()[:12]}"
