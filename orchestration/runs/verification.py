"""`waymark release verify`: whether a release is what was published. Light: DuckDB and Arrow, no Dagster, no dbt.

A release proves itself in three steps, each against something that an edit of the step before does not reach:
its files against the manifest; its id, recomputed from the tables and from what else the manifest says the id is made
of; and the manifest against the ledger of the home that published it. Away from its home the third step is left out, and
a page that was edited together with the manifest is found only by asking the home.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.runs.releases import AUDIENCES, verify_files
from submissions.errors import WaymarkError
from submissions.store import integrity, proof
from submissions.store.home import Home
from submissions.store.ledger import Ledger

KIND = "manifest"
MANIFEST = "manifest.json"
ANEW = "remove the release folder and run again: the same figures give the same release"


@dataclass(frozen=True)
class Problem:
    """What is wrong with one file of a release, and what to do about it."""

    file: str
    what: str
    cure: str = ANEW

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


# --- the id --------------------------------------------------------------------------------------------------------


def table_digests(folder: Path) -> dict[str, str]:
    """Table -> SHA-256 of its logical content, of every Parquet file of a folder.

    The content is hashed as rows of text in the file's order, which is that of all columns (`publishing.export_tables`), so
    that a release's id does not hang on a file format's version.
    """
    import duckdb

    digests = {}
    with duckdb.connect() as connection, tempfile.TemporaryDirectory(prefix="waymark-") as scratch:
        content = Path(scratch) / "content"
        for path in sorted(folder.glob("*.parquet")):
            connection.execute(
                f"copy (select * from read_parquet('{_quoted(path)}')) to '{_quoted(content)}' (format csv)"
            )
            digests[path.stem] = hashlib.sha256(content.read_bytes()).hexdigest()
    return digests


def release_id(as_of: str, identity: Mapping[str, Any], digests: Mapping[str, str]) -> str:
    """`<as_of>-<hash12>` over the tables and what else decides a release (`provenance.identity` of its manifest)."""
    core = {**identity, "tables": dict(digests)}
    return f"{as_of}-{hashlib.sha256(json.dumps(core, sort_keys=True).encode()).hexdigest()[:12]}"


def identity_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What an id is made of besides the tables, as the manifest says; manifests of version 0.1 say it elsewhere."""
    provenance, said = manifest["provenance"], manifest["release"]
    if "identity" in provenance:
        return provenance["identity"]
    return {
        "parameters": provenance["parameters"],
        **{name: said[name] for name in ("audience", "home_kind", "schema_version")},
    }


# --- the ledger's word ---------------------------------------------------------------------------------------------


def record(home: Home, audience: str, identifier: str) -> None:
    """Enters the manifest of a release that stands into the ledger, unless it is on record so. The caller holds the home."""
    folder = home.releases / audience / identifier
    digest = proof.sha256_of(folder / MANIFEST) or ""
    if on_record(home).get((audience, identifier)) == digest:
        return
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    entry = {
        "kind": KIND,
        "release_id": identifier,
        "audience": audience,
        "as_of": manifest["provenance"]["as_of"],
        "manifest_sha256": digest,
    }
    Ledger.of(home).append([entry])


def on_record(home: Home) -> dict[tuple[str, str], str]:
    """(audience, release id) -> SHA-256 of the manifest, of every release that the ledger knows, oldest first."""
    found: dict[tuple[str, str], str] = {}
    for entry in Ledger.of(home).entries():
        if entry["kind"] == KIND:
            found[entry["audience"], entry["release_id"]] = entry["manifest_sha256"]
        for name, digest in entry.get("releases", {}).items() if entry["kind"] == "seal" else ():
            audience, _, identifier = name.partition("/")
            found[audience, identifier] = digest
    return found


def has_record(home: Home) -> bool:
    """Whether the ledger tells of releases: one of version 0.1 does not, until it is sealed."""
    return Ledger.of(home).sealed_at is not None


def is_on_record(home: Home, audience: str, identifier: str) -> bool:
    """Whether the manifest that stands is the one that the ledger has of this release."""
    digest = proof.sha256_of(home.releases / audience / identifier / MANIFEST)
    return digest is not None and on_record(home).get((audience, identifier)) == digest


def standing_releases(home: Home, audience: str) -> list[Path]:
    """The folders of the releases of an audience that stand, oldest first."""
    return sorted(path for path in (home.releases / audience).glob("[!.]*") if path.is_dir() and not path.is_symlink())


def missing(home: Home) -> list[tuple[str, str]]:
    """(audience, release id) of every release on record whose folder is not there, but those said never to have left."""
    discarded = {
        (entry["audience"], entry["release_id"]) for entry in Ledger.of(home).entries() if entry["kind"] == "discard"
    }
    return [
        each for each in on_record(home) if each not in discarded and not (home.releases / each[0] / each[1]).is_dir()
    ]


def named(home: Home | None, identifier: str, audience: str | None) -> list[tuple[str, Path]]:
    """(what to call it, folder) of the releases that an id, `latest` or a path names: one, or one of each audience.

    A release that is on record or pointed to, and is not there, is among them. Raises WaymarkError where none is meant.
    """
    if home is None or (os.sep in identifier and Path(identifier).is_dir()):
        if not Path(identifier).is_dir():
            raise WaymarkError(f"{identifier} is no release folder", hint="give --home DIR to name a release by its id")
        return [(Path(identifier).resolve().name, Path(identifier).resolve())]
    known = on_record(home)
    found = []
    for each in [audience] if audience else AUDIENCES:
        shelf = home.releases / each
        of_audience = [release for place, release in known if place == each]
        if identifier != "latest":
            name = identifier if identifier in of_audience or (shelf / identifier).is_dir() else None
        elif (shelf / "latest").is_symlink():
            name = os.readlink(shelf / "latest")
        elif of_audience:
            raise WaymarkError(
                f"{shelf / 'latest'} is missing; the newest on record is {of_audience[-1]}",
                hint=f"waymark run --home {home.path} makes it anew",
            )
        else:
            name = None
        found += [(f"{name} ({each})", shelf / name)] if name is not None else []
    if not found:
        raise WaymarkError(
            f"no release is called {identifier!r}", hint=f"`waymark release list --home {home.path}` lists them"
        )
    return found


def damages_of_inputs(home: Home) -> list[proof.Damage]:
    """What the home holds and is not as it was written: what a release was made from, and what was said of it."""
    return [damage for damages in integrity.damages(home, Ledger.of(home).entries()).values() for damage in damages]


# --- verifying -----------------------------------------------------------------------------------------------------


def verify(folder: Path, home: Home | None = None, deep: bool = True) -> list[Problem]:
    """Everything that is wrong with a release folder, compared with its home's ledger where one is given.

    deep  read the tables too: their rows, the id that they give, and CSV against Parquet.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        provenance, said = manifest["provenance"], manifest["release"]
        files = verify_files(folder)
        identity, as_of = identity_of(manifest), str(provenance["as_of"])
    except FileNotFoundError:
        what = "is missing: not a release folder, or not finished" if folder.is_dir() else "is missing with its folder"
        return [Problem(MANIFEST, what)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [Problem(MANIFEST, "cannot be read as the manifest of a release")]
    problems = [Problem(name, what) for what, _, name in (line.partition(": ") for line in files)]
    problems += _against_ledger(folder, home, manifest)
    if deep:
        names = {
            "the folder": folder.name,
            MANIFEST: manifest.get("release_id"),
            "what pages say (release)": said.get("release_id"),
        }
        problems += _tables(folder, provenance, (as_of, identity), names)
    if (said.get("audience"), said.get("as_of")) != (identity.get("audience"), as_of):
        problems.append(Problem(MANIFEST, "names one audience or date for the pages and another for the id"))
    return problems


def _against_ledger(folder: Path, home: Home | None, manifest: Mapping[str, Any]) -> list[Problem]:
    if home is None or not has_record(home):
        return []
    digest = on_record(home).get((str(manifest["release"].get("audience")), folder.name))
    if digest is None:
        return [Problem(MANIFEST, f"the ledger of {home.path} has no release {folder.name} of this audience on record")]
    if digest != proof.sha256_of(folder / MANIFEST):
        return [Problem(MANIFEST, f"was altered: its digest is not the one in the ledger of {home.path}")]
    return []


def _tables(
    folder: Path,
    provenance: Mapping[str, Any],
    release_id_of: tuple[str, Mapping[str, Any]],
    names: Mapping[str, str | None],
) -> list[Problem]:
    """The tables' digests against the manifest's, the id that they give against every place that names it, CSV against Parquet."""
    import duckdb

    try:
        digests = table_digests(folder / "tables")
    except (duckdb.Error, OSError):
        return [
            Problem(f"tables/{path.name}", "cannot be read as a table")
            for path in sorted((folder / "tables").glob("*.parquet"))
            if not _is_readable(path)
        ]
    stated = provenance.get("table_digests", {})
    problems = [
        Problem(f"tables/{name}.parquet", "its rows are not those that the release was made from")
        for name in sorted(digests.keys() | stated.keys())
        if digests.get(name) != stated.get(name)
    ]
    found = release_id(*release_id_of, digests)
    problems += [
        Problem(MANIFEST, f"the tables and parameters give the id {found}; {place} says {name}")
        for place, name in names.items()
        if name != found
    ]
    return problems + [
        Problem(f"tables/{name}.csv", "does not hold the rows of the Parquet file beside it")
        for name in digests
        if not _csv_agrees(folder / "tables" / name)
    ]


def _is_readable(path: Path) -> bool:
    import duckdb

    with duckdb.connect() as connection:
        try:
            connection.execute("select * from read_parquet(?)", [str(path)]).fetch_arrow_table()
        except (duckdb.Error, OSError):
            return False
    return True


def _csv_agrees(stem: Path) -> bool:
    """Whether the CSV file is what the Parquet file gives when it is written anew."""
    import pyarrow.parquet as pq

    from reports.packages.table_files import write_csv

    csv = stem.with_suffix(".csv")
    if not csv.is_file():
        return False
    with tempfile.TemporaryDirectory(prefix="waymark-") as scratch:
        anew = Path(scratch) / csv.name
        write_csv(pq.read_table(stem.with_suffix(".parquet")), anew)
        return anew.read_bytes() == csv.read_bytes()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
