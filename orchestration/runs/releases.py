"""Reading releases that stand in a home. Light: DuckDB at most, no Dagster, no dbt, no pandas."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from submissions.errors import WaymarkError
from submissions.store.home import Home, write_whole
from submissions.store.ledger import Ledger, state
from submissions.store.publications import AUDIENCES as AUDIENCES

RESERVED = ("_T", "_Z")
NOT_REBUILDABLE = "not-rebuildable.json"


def releases(home: Home, audiences: Iterable[str]) -> list[dict[str, Any]]:
    """The manifests of all releases of a home, newest first; `is_latest` marks where `latest` points, `folder` the place.

    `erased` are the inputs that were erased since, as the manifest names them: with one, the release cannot be built
    again, and a look at the ledger says so however the release's folder came here.
    """
    found = []
    gone = _erased(home)
    for audience in audiences:
        shelf = home.releases / audience
        latest = os.readlink(shelf / "latest") if (shelf / "latest").is_symlink() else None
        for folder in sorted(shelf.glob("[!.]*"), reverse=True) if shelf.is_dir() else []:
            if folder.is_symlink() or not (folder / "manifest.json").is_file():
                continue
            manifest = _manifest(folder)
            inputs = {each["submission"] for each in manifest["provenance"]["inputs"]} if gone else set()
            inputs |= set(manifest["provenance"].get("other_inputs", []))
            found.append(
                {
                    **manifest,
                    "audience": audience,
                    "folder": str(folder),
                    "is_latest": folder.name == latest,
                    "erased": sorted(inputs & gone),
                }
            )
    return found


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if {"core", "renderings", "provenance"} <= manifest.keys():
            return manifest
    except (OSError, ValueError, AttributeError):
        pass
    raise WaymarkError(
        f"{path} cannot be read as the manifest of a release",
        hint="remove the release folder and run again, or restore it from a backup (docs/runbooks/restore.md, Damage)",
    )


def _erased(home: Home) -> set[str]:
    """Erased submissions, by id and by the names that public manifests have for them."""
    identifiers = state(Ledger.of(home).entries()).erased
    return {*identifiers, *(home.keyed(identifier)[:16] for identifier in identifiers)}


def mark_not_rebuildable(home: Home) -> list[Path]:
    """Says beside the releases of each audience which of them cannot be built again, because an input was erased.

    Gives the files that were written. A release's own folder is never touched. The caller holds the home.
    """
    written: list[Path] = []
    if not _erased(home):
        return written
    for audience in AUDIENCES:
        touched = {each["release_id"]: each["erased"] for each in releases(home, [audience]) if each["erased"]}
        if not touched:
            continue
        content = {
            "what": "these releases cannot be built again: submissions that they were made from were erased for legal reasons",
            "releases": {identifier: {"erased_submissions": erased} for identifier, erased in sorted(touched.items())},
        }
        file = home.releases / audience / NOT_REBUILDABLE
        text = (json.dumps(content, indent=1) + "\n").encode()
        if not file.is_file() or file.read_bytes() != text:
            write_whole(file, text)
            written.append(file)
    return written


def verify_files(folder: Path) -> list[str]:
    """One line for each file that is missing, changed, or not in the manifest."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    stated = {**_digests(manifest["core"]), **_digests(manifest["renderings"])}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"manifest.json"}
    problems = [f"missing: {name}" for name in sorted(stated.keys() - present)]
    problems += [f"not in the manifest: {name}" for name in sorted(present - stated.keys())]
    problems += [
        f"changed: {name}"
        for name in sorted(present & stated.keys())
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != stated[name]
    ]
    return problems


def _digests(part: Any) -> dict[str, str]:
    """File -> SHA-256 of one part of a manifest, whether listed or mapped."""
    files = part.get("files", part) if isinstance(part, dict) else part
    if isinstance(files, dict):
        return {name: entry["sha256"] if isinstance(entry, dict) else entry for name, entry in files.items()}
    return {entry["path"]: entry["sha256"] for entry in files}


def difference(first: Path, second: Path) -> list[dict[str, Any]]:
    """One row a table: rows of the first release that are gone, rows of the second that are new, rows that changed, and
    rows that are the same in both.

    A row changed where both have one with its key, as the data package of the second declares it. Raises WaymarkError
    where a table's columns differ.
    """
    import duckdb

    names = sorted({path.stem for folder in (first, second) for path in (folder / "tables").glob("*.parquet")})
    keys = _keys(second)
    rows = []
    with duckdb.connect() as connection:
        # a bar among the rows would be no JSON
        connection.execute("set enable_progress_bar = false")
        for name in names:
            paths = [folder / "tables" / f"{name}.parquet" for folder in (first, second)]
            if not all(path.exists() for path in paths):
                only = 0 if paths[0].exists() else 1
                count = connection.execute("select count(*) from read_parquet(?)", [str(paths[only])]).fetchall()[0][0]
                rows.append(
                    _compared(name, removed=0 if only else count, added=count if only else 0, changed=0, same=0)
                )
                continue
            columns = [
                [row[0] for row in connection.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()]
                for path in paths
            ]
            if columns[0] != columns[1]:
                raise WaymarkError(
                    f"the table {name} has other columns in {second.name}",
                    hint="the releases are of different schema versions",
                )
            # as_of differs in every row of two dates; it is the question, not a difference
            kept = ", ".join(f'"{column}"' for column in columns[0] if column != "as_of")
            key = ", ".join(f'"{column}"' for column in keys.get(name, ()))
            total, gone, new, changed = connection.execute(
                f"""
                with before as materialized (select {kept} from read_parquet($1)),
                    now as materialized (select {kept} from read_parquet($2)),
                    gone as materialized (select * from before except all select * from now),
                    new as materialized (select * from now except all select * from before),
                    changed as (select {key or 1} from gone intersect all select {key or 1} from new)
                select (select count(*) from before), (select count(*) from gone), (select count(*) from new),
                    (select count(*) from changed)
                """,
                [str(path) for path in paths],
            ).fetchall()[0]
            changed = changed if key else 0
            rows.append(
                _compared(name, removed=gone - changed, added=new - changed, changed=changed, same=total - gone)
            )
    return rows


def _compared(table: str, **counts: int) -> dict[str, Any]:
    return {"table": table, **counts}


def _keys(folder: Path) -> dict[str, list[str]]:
    """The key of each table as the data package of a release declares it; older releases declare none."""
    package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    return {
        Path(resource["path"]).stem: resource["schema"]["primaryKey"]
        for resource in package["resources"]
        if "primaryKey" in resource["schema"]
    }


def explain(manifest: dict[str, Any], area: str, period: str, measure: str | None) -> list[dict[str, Any]]:
    """Every published figure of an area and period: what it says, its source, dataset, issue, definition and submissions."""
    import duckdb

    table = Path(manifest["folder"]) / "tables" / "observations.parquet"
    with duckdb.connect() as connection:
        cursor = connection.execute(
            "select * from read_parquet(?) where area_code = ? and period = ? and (?::varchar is null or measure = ?) order by all",
            [str(table), area, period, measure, measure],
        )
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    inputs = manifest["provenance"]["inputs"]
    found = []
    for row in rows:
        split = {
            name: row[name]
            for name in ("offence", "exploitation", "sex", "age", "counterpart_area", "detail")
            if row[name] not in RESERVED
        }
        found.append(
            {
                "figure": {
                    name: row[name]
                    for name in (
                        "area_code",
                        "area_name",
                        "period",
                        "measure",
                        "unit",
                        "value",
                        "lower",
                        "upper",
                        "missing_reason",
                    )
                },
                "split": split,
                "came_from": {
                    name: row[name]
                    for name in ("source", "dataset", "issued_on", "derivation", "definition_id", "comparability")
                },
                "denominator": {
                    name: row.get(name) for name in ("rate_per_100k", "population_count", "population_period")
                },
                "submissions": [
                    each["submission"]
                    for each in inputs
                    if (each["partner_id"], each["dataset"], each["issued_on"])
                    == (row["source"], row["dataset"], str(row["issued_on"]))
                ],
                "code_version": manifest["provenance"]["code_version"],
            }
        )
    return found
