"""The manifest of a release: every file with its digest, and what the release was made from. Written here alone."""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
RENDERED_ENDINGS = (".svg", ".png", ".pdf", ".pptx")
RENDERINGS_SCRIPT = "charts/renderings.js"


def write_manifest(
    destination: Path,
    release: Mapping[str, Any],
    versions: Mapping[str, str],
    missing: Sequence[str],
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """What stands in a finished folder (`core`, `renderings`), the facts of the release, and what stands outside its core.

    versions    of what drew the pictures; `missing` says which of them are not there, and why.
    provenance  ledger position, inputs, code: of whoever builds the release; None for a folder that nobody publishes.
    """
    core, pictures = {}, {}
    for file in sorted(destination.rglob("*")):
        if not file.is_file():
            continue
        path = file.relative_to(destination).as_posix()
        entry = {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
        is_picture = file.suffix in RENDERED_ENDINGS or path == RENDERINGS_SCRIPT
        (pictures if is_picture else core)[path] = entry
    facts = {name: value for name, value in release.items() if name not in ("fields", "labels", "tables")}
    manifest = {
        "manifest_version": MANIFEST_VERSION,
        "release": facts,
        "core": core,
        "renderings": {"files": pictures, "versions": versions, "missing": missing},
    }
    if provenance is not None:
        manifest |= {"release_id": release["release_id"], "provenance": provenance}
    write_json(destination / MANIFEST, manifest)


def verify(folder: Path) -> list[str]:
    """Problems of a release folder, as sentences; an empty list means that it is sound.

    Checked: every file of the manifest with size and checksum, no file beside it, every link and resource of every
    page exists inside the folder, the tables of the data package exist.
    """
    manifest_path = folder / MANIFEST
    if not manifest_path.is_file():
        return [f"{manifest_path} is missing: not a release folder, or not finished"]
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        listed = {**manifest["core"], **manifest["renderings"]["files"]}
    except (ValueError, KeyError, TypeError) as problem:
        return [f"{manifest_path} cannot be read: {problem}"]
    problems = []
    for path, entry in sorted(listed.items()):
        file = folder / path
        if not file.is_file():
            problems.append(f"{path} is missing")
        elif file.stat().st_size != entry["bytes"]:
            problems.append(f"{path} has {file.stat().st_size} bytes, the manifest says {entry['bytes']}")
        elif sha256_of(file) != entry["sha256"]:
            problems.append(f"{path} was changed: its checksum differs from the manifest")
    present = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    problems += [f"{path} is a link" for path in sorted(present) if (folder / path).is_symlink()]
    problems += [f"{path} is not in the manifest" for path in sorted(present - set(listed) - {MANIFEST})]
    for page in sorted(path for path in present if path.endswith(".html")):
        problems += _broken_links(folder, page, present)
    if "datapackage.json" in present:
        package = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
        problems += [
            f"datapackage.json names {resource['path']}, which is missing"
            for resource in package["resources"]
            if resource["path"] not in present
        ]
    return problems


def _broken_links(folder: Path, page: str, present: set[str]) -> list[str]:
    text = (folder / page).read_text(encoding="utf-8")
    problems = []
    base = posixpath.dirname(page)
    for found in sorted(set(re.findall(r'<(?:a|link|script|img)\b[^>]*?\s(?:href|src)="([^"]*)"', text))):
        target = unescape(found)
        if target.startswith(("#", "data:,")):
            continue
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//", target):
            problems.append(f"{page} points outside the folder: {target}")
            continue
        # by its text alone: `verify` has seen that no file of the folder is a link to elsewhere
        inside = posixpath.normpath(posixpath.join(base, unquote(target.split("#")[0].split("?")[0])))
        if inside.startswith(("../", "/")) or inside == "..":
            problems.append(f"{page} points outside the folder: {target}")
            continue
        if inside not in present:
            problems.append(f"{page} points to {target}, which is missing")
    return problems


def write_json(path: Path, content: Any) -> None:
    path.write_text(
        json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n"
    )


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
