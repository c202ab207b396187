"""Area sets: members with their validity and parents from CSV, boundaries from the files a user gives.

A set is recorded in the lake whenever its content changed: <digest>.csv (members), <digest>.changes.csv, and
<digest>.parquet (GeoParquet, EPSG:4326, area_code and geometry; only members that have a boundary).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submissions.contracts.loading import own_roots
from submissions.contracts.located_yaml import Document, DocumentError, DocumentProblem, read
from submissions.errors import WaymarkError
from submissions.store.home import Home, write_whole
from submissions.store.ledger import Ledger, state

if TYPE_CHECKING:
    import geopandas as gpd

MEMBER_COLUMNS = (
    "area_set",
    "area_code",
    "area_name",
    "area_level",
    "parent_code",
    "valid_from",
    "valid_to",
    "has_polygon",
)
CHANGE_COLUMNS = ("area_set", "from_code", "to_code", "changed_on", "kind")
CHANGE_KINDS = ("split", "merge", "rename", "recode")


@dataclass(frozen=True)
class AreaSet:
    """A declared set: its document, the boundary files found for each of its rules, and those that were not found."""

    name: str
    document: Document
    boundaries: tuple[tuple[Mapping[str, Any], Path], ...]
    missing: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.document.file.parent

    @property
    def declared(self) -> dict[str, str]:
        """Digests of the files that declare the set, without boundaries."""
        content = self.document.content
        names = [self.document.file.name, *(content[key] for key in ("members", "changes") if key in content)]
        names += [rule["codes"] for rule in content.get("boundaries", ()) if "codes" in rule]
        return {name: _sha256(self.folder / name) for name in dict.fromkeys(names)}


def record(
    home: Home, roots: Iterable[Path], given: Iterable[Path] = (), progress: Callable[[str], None] | None = None
) -> list[str]:
    """Takes a snapshot of every area set that changed since the ledger last saw it.

    `given` are boundary files or folders (`--areas`). Returns a sentence for each boundary file that was not found;
    its areas stay in all tables and off the maps. A set whose boundaries were given before and are not given now
    keeps them.
    """
    ledger = Ledger.of(home)
    recorded = state(ledger.entries()).areas
    messages: list[str] = []
    entries = []
    for area_set in find(own_roots(roots, home), given):
        folder = home.lake / "reference" / "areas" / area_set.name
        inputs = {
            "declared": area_set.declared,
            "boundaries": {path.name: _sha256(path) for _, path in area_set.boundaries},
        }
        digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
        messages += [
            f"area set {area_set.name}: no boundary file {pattern}; give it with --areas"
            for pattern in area_set.missing
        ]
        if recorded.get(area_set.name) == digest:
            continue
        if area_set.missing and area_set.name in recorded:
            before = json.loads((folder / f"{recorded[area_set.name]}.json").read_text(encoding="utf-8"))
            if before["declared"] == inputs["declared"]:
                messages = [message for message in messages if not message.startswith(f"area set {area_set.name}:")]
                continue
        if progress is not None:
            progress(f"area set {area_set.name}")
        _write_snapshot(area_set, folder, digest)
        said = {key: area_set.document.content.get(key, "") for key in ("title", "attribution", "licence")}
        write_whole(folder / f"{digest}.json", json.dumps(inputs | said, sort_keys=True, indent=1).encode())
        entries.append({"kind": "areas", "area_set": area_set.name, "digest": digest})
    ledger.append(entries)
    return messages


def find(roots: Iterable[Path], given: Iterable[Path] = ()) -> list[AreaSet]:
    """All area sets under the roots' `areas/` folders, by name; an earlier root wins. Raises DocumentError."""
    found: dict[str, AreaSet] = {}
    candidates = _boundary_files(given)
    for root in roots:
        for file in sorted((root / "areas").glob("*.yml")):
            document = read(file, "area_set.schema.json")
            name = document.content["area_set"]
            if name in found:
                continue
            pairs, missing = [], []
            for rule in document.content.get("boundaries", ()):
                own = sorted(path for path in file.parent.iterdir() if path.is_file())
                matches = [path for path in [*candidates, *own] if fnmatchcase(path.name, rule["pattern"])]
                if matches:
                    pairs.append((rule, matches[0]))
                elif rule.get("required", True):
                    missing.append(rule["pattern"])
            found[name] = AreaSet(name, document, tuple(pairs), tuple(missing))
    return [found[name] for name in sorted(found)]


def known_members(roots: Iterable[Path]) -> list[dict[str, str]]:
    """Members (area_code, area_name, area_level, parent_code, …, area_set) of all sets that list them in a CSV."""
    sets = [area_set for area_set in find(roots) if "members" in area_set.document.content]
    return [{**member, "area_set": each.name} for each in sets for member in _members(each, None)]


def known_members_of(file: Path) -> list[dict[str, str]]:
    """The members that one set lists. Raises DocumentError with what is wrong in it or in its CSV files."""
    document = read(file, "area_set.schema.json")
    area_set = AreaSet(document.content["area_set"], document, (), ())
    _changes(area_set)
    return _members(area_set, None)


def boundaries(home: Home, limit: int | None = None) -> dict[str, Path]:
    """The GeoParquet file of each area set at a ledger position; sets without any boundary are left out."""
    recorded = state(Ledger.of(home).entries(limit)).areas
    files = {
        name: home.lake / "reference" / "areas" / name / f"{digest}.parquet"
        for name, digest in sorted(recorded.items())
    }
    return {name: file for name, file in files.items() if file.is_file()}


def _boundary_files(given: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in given:
        path = Path(path)
        if path.is_dir():
            files += sorted(entry for entry in path.iterdir() if entry.is_file())
        elif path.is_file():
            files.append(path)
        else:
            raise WaymarkError(
                f"there is no boundary file or folder {path}", hint="Give existing files or folders to --areas."
            )
    return files


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise WaymarkError(f"{path} cannot be read: {error.strerror}", hint="The area set names it.") from error


def _write_snapshot(area_set: AreaSet, folder: Path, digest: str) -> None:
    shapes = _shapes(area_set)
    members = _members(area_set, shapes)
    drawn = set(shapes["area_code"]) if shapes is not None else set()
    rows = [
        {**member, "area_set": area_set.name, "has_polygon": str(member["area_code"] in drawn).lower()}
        for member in members
    ]
    rows.sort(key=lambda row: (row["area_code"], row["valid_from"]))
    write_whole(folder / f"{digest}.csv", _csv(MEMBER_COLUMNS, rows))
    write_whole(folder / f"{digest}.changes.csv", _csv(CHANGE_COLUMNS, _changes(area_set)))
    if shapes is not None:
        kept = (
            shapes[shapes["area_code"].isin([row["area_code"] for row in rows])]
            .sort_values("area_code")
            .reset_index(drop=True)
        )
        target = folder / f".{digest}.parquet.{os.getpid()}.part"
        kept.to_parquet(target, index=False)
        target.replace(folder / f"{digest}.parquet")


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def _members(area_set: AreaSet, shapes: gpd.GeoDataFrame | None) -> list[dict[str, str]]:
    content = area_set.document.content
    if "members" in content:
        rows = _table(area_set, content["members"], ("area_code", "area_name"))
    elif shapes is not None:
        rows = [
            (0, {key: str(value) for key, value in row.items() if key != "geometry"})
            for row in shapes.to_dict("records")
        ]
    else:
        return []
    problems: list[DocumentProblem] = []
    members: dict[tuple[str, str], dict[str, str]] = {}
    for line, row in rows:
        member = {
            "area_code": row["area_code"],
            "area_name": row["area_name"],
            "area_level": row.get("area_level") or content.get("level", ""),
            "parent_code": row.get("parent_code")
            or ("" if "parent_code" in row and not content.get("parent") else content.get("parent", "")),
            "valid_from": row.get("valid_from") or content.get("valid_from", ""),
            "valid_to": row.get("valid_to") or content.get("valid_to", ""),
        }
        key = (member["area_code"], member["valid_from"])
        message = ""
        if not member["area_code"] or not member["area_level"]:
            message = "an area needs a code and a level (a column area_level, or 'level' of the set)"
        elif key in members:
            message = f"the area {member['area_code']} stands twice for the same time"
        if message:
            problems.append(
                DocumentProblem(
                    area_set.folder / content.get("members", area_set.document.file.name), line, "members", message
                )
            )
        members[key] = member
    if problems:
        raise DocumentError(area_set.document.file, problems)
    return list(members.values())


def _changes(area_set: AreaSet) -> list[dict[str, str]]:
    content = area_set.document.content
    if "changes" not in content:
        return []
    rows = _table(area_set, content["changes"], ("from_code", "to_code", "changed_on", "kind"))
    wrong = [
        DocumentProblem(
            area_set.folder / content["changes"], line, "changes", f"the kind is one of {', '.join(CHANGE_KINDS)}"
        )
        for line, row in rows
        if row["kind"] not in CHANGE_KINDS
    ]
    if wrong:
        raise DocumentError(area_set.document.file, wrong)
    changes = [{**row, "area_set": area_set.name} for _, row in rows]
    return sorted(changes, key=lambda row: (row["changed_on"], row["from_code"], row["to_code"]))


def _table(area_set: AreaSet, name: str, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    file = area_set.folder / name
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WaymarkError(
            f"{file} cannot be read as UTF-8 text", hint=f"The area set {area_set.name} names it."
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    missing = [column for column in needed if column not in (reader.fieldnames or ())]
    if missing:
        raise DocumentError(
            area_set.document.file, [DocumentProblem(file, 1, name, f"the header lacks {', '.join(missing)}")]
        )
    return [(reader.line_num, {key: (value or "").strip() for key, value in row.items() if key}) for row in reader]


def _shapes(area_set: AreaSet) -> gpd.GeoDataFrame | None:
    """Boundaries of the set in EPSG:4326, one row a code; parts of one code are joined."""
    if not area_set.boundaries:
        return None
    import geopandas as gpd
    import pandas as pd

    frames = []
    for rule, path in area_set.boundaries:
        try:
            frame = gpd.read_file(path, **({"layer": rule["layer"]} if "layer" in rule else {}))
        except Exception as error:  # the drivers raise many types, each meaning that this file cannot be used
            raise WaymarkError(
                f"the boundaries {path} cannot be read: {error}",
                hint="GeoJSON, TopoJSON, GeoPackage and shapefiles are read.",
            ) from error
        absent = [
            rule[key]
            for key in ("code_column", "name_column", "parent_column")
            if rule.get(key, "geometry") not in frame.columns
        ]
        if absent:
            raise WaymarkError(
                f"the boundaries {path} lack the column {', '.join(absent)}",
                hint=f"It has: {', '.join(map(str, frame.columns))}",
            )
        for column, labels in rule.get("where", {}).items():
            wanted = labels if isinstance(labels, list) else [labels]
            if column not in frame.columns:
                raise WaymarkError(f"the boundaries {path} lack the column {column}")
            frame = frame[frame[column].astype(str).isin(wanted)]
        declared = rule.get("crs", "EPSG:4326")
        frame = frame.set_crs(declared) if frame.crs is None else frame
        codes = frame[rule["code_column"]].astype(str).str.strip()
        if "codes" in rule:
            codes = codes.map(
                {row["source"]: row["code"] for _, row in _table(area_set, rule["codes"], ("source", "code"))}
            )
        shapes = gpd.GeoDataFrame({"area_code": codes}, geometry=frame.geometry.values, crs=frame.crs)
        if "members" not in area_set.document.content:
            shapes["area_name"] = frame[rule.get("name_column", rule["code_column"])].astype(str).values
            shapes["parent_code"] = (
                frame[rule["parent_column"]].astype(str).values
                if "parent_column" in rule
                else area_set.document.content.get("parent", "")
            )
        frames.append(shapes[shapes["area_code"].notna() & shapes.geometry.notna()].to_crs("EPSG:4326"))
    together = pd.concat(frames, ignore_index=True)
    if together["area_code"].duplicated().any():
        together = together.dissolve("area_code", as_index=False)
    return gpd.GeoDataFrame(together, geometry="geometry", crs="EPSG:4326")
