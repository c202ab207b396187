"""Which files of a home an entry of the ledger speaks of, and their digests: what proves that they are as they were.

Files are named by their path within the home, so that a home may be moved. Of two entries that name one file the newer
counts: a file that is read again is written anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = frozenset({"submission", "refusal", "contract", "areas", "definitions"})
RUNBOOK = "docs/runbooks/restore.md, Damage"


@dataclass(frozen=True)
class Damage:
    """A file that is not what the ledger says: `name` within the home, `what` is missing or altered, `cure`."""

    name: str
    what: str
    cure: str


def identity(entry: Mapping[str, Any]) -> str | None:
    """The id of the submission or refusal that an entry records; None for any other."""
    return entry.get("submission_id") if entry["kind"] == "submission" else entry.get("refusal_id")


def files(home: Path, entry: Mapping[str, Any]) -> list[Path]:
    """The files of an entry that stand: lake rows, quarantine and receipts of a submission, snapshots of references."""
    reference, kind = home / "lake" / "reference", entry["kind"]
    found: list[Path] = []
    if kind in ("submission", "refusal"):
        identifier = identity(entry)
        rows = f"partner_id={entry['partner_id']}/submission_id={identifier}.parquet"
        found = [home / "lake" / "observations" / rows, reference / "evidence" / rows]
        found += _within(home / "quarantine" / str(identifier))
    elif kind == "contract":
        found = _within(reference / "contracts" / entry["partner_id"] / entry["digest"])
    elif kind == "areas":
        found = list((reference / "areas" / entry["area_set"]).glob(f"{entry['digest']}.*"))
    elif kind == "definitions":
        found = _within(reference / "definitions" / entry["digest"])
    return sorted(path for path in found if path.is_file())


def _within(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.name.startswith(".")]


def digests(home: Path, entry: Mapping[str, Any]) -> dict[str, str]:
    """Path within the home -> SHA-256 of every file of an entry that stands."""
    return {path.relative_to(home).as_posix(): sha256_of(path) or "" for path in files(home, entry)}


def releases(home: Path) -> dict[str, str]:
    """`<audience>/<release id>` -> SHA-256 of the manifest, of every release that stands."""
    found = sorted(path for path in (home / "releases").glob("*/[!.]*/manifest.json") if not path.parent.is_symlink())
    return {f"{path.parent.parent.name}/{path.parent.name}": sha256_of(path) or "" for path in found}


def expected(entries: Iterable[Mapping[str, Any]], erased: Iterable[str] = ()) -> dict[str, str]:
    """Path within the home -> the digest that the newest entry has of it. Files of erased submissions are left out."""
    gone = frozenset(erased)
    found: dict[str, str] = {}
    cells: dict[str, str] = {}
    for entry in entries:
        if identity(entry) not in gone:
            found |= entry.get("files", {})
        if "cells_sha256" in entry:
            # what protection keeps of earlier releases: a file for each audience, written anew at every release
            cells[entry["audience"]] = entry["cells_sha256"]
    return found | {f"ledger/published/{name}-{digest[:16]}.parquet": digest for name, digest in cells.items()}


def damages(home: Path, wanted: Mapping[str, str | None]) -> Iterator[Damage]:
    """Every file of `wanted` that is missing, cannot be read, or has another digest than the one stated, if one is."""
    for name, digest in wanted.items():
        path = home / name
        if not path.is_file():
            yield Damage(name, "is missing", cure_of(name))
            continue
        try:
            found = sha256_of(path)
        except OSError as error:
            yield Damage(name, f"cannot be read: {error.strerror}", cure_of(name))
            continue
        if digest is not None and found != digest:
            yield Damage(name, "was altered: its digest is not the one on record", cure_of(name))


def cure_of(name: str) -> str:
    """What to do about a damaged file of a home."""
    return f"restore {name} from a backup of the home ({RUNBOOK})"


def sha256_of(path: Path) -> str | None:
    """The digest of a file in hexadecimal; None where there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
