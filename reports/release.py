"""Write and verify releases.

A published directory holds `release.json` (what, for whom, as of when, parameters, sources, balance, field texts),
`tables/<name>.parquet` and `layers/<layer>.json`. From it alone a release folder is made: pages, charts, tables, data
package and manifest; self-contained, readable from a file system without network.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from reports.charts import palette, plotly_script, rendering
from reports.charts.catalogue import charts, write_data
from reports.charts.site import Site
from reports.packages.data_package import data_package, linked_data
from reports.packages.table_files import write_tables
from reports.pages.assembly import write_pages
from reports.tables import read
from reports.wording.words import size

MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
RENDERED_ENDINGS = (".svg", ".png", ".pdf", ".pptx")
RENDERINGS_SCRIPT = "charts/renderings.js"
ASSETS = Path(__file__).parent / "pages" / "assets"


@dataclass(frozen=True)
class ReleaseResult:
    """What was written: page paths, chart ids, and what is missing with the way to get it."""

    path: Path
    pages: list[str]
    charts: list[str]
    missing: list[str]


def write(
    published: Path,
    destination: Path,
    progress: Callable[[str], None] | None = None,
    browser: str | Path | None = None,
) -> ReleaseResult:
    """Write a complete release folder.

    Parameters
    ----------
    published : the published directory (see above).
    destination : a folder that does not exist yet; the caller builds aside and switches when this has returned.
    progress : called with a short text before each step.
    browser : path of a Chromium browser; None looks for one. Without one the pictures are left out and `.missing`
        says what and how to get it; every other file has the same bytes either way.
    """
    if destination.exists() and any(destination.iterdir()):
        raise FileExistsError(f"{destination} exists and is not empty: a release is written into a new folder")
    say = progress or (lambda text: None)
    source = read(published)
    destination.mkdir(parents=True, exist_ok=True)
    (destination / "charts").mkdir()

    with rendering.session(browser) as started:
        say("tables")
        records = write_tables(source, destination / "tables")
        say("charts")
        site = Site(source, records, [], [])
        made, absent = charts(site)
        site.chart_records = [write_data(chart, destination / "charts") for chart in made]
        site.charts_not_made = absent
        with ThreadPoolExecutor(1) as drawing:
            # the browser draws in its own process while this one writes the pages
            pictures = drawing.submit(rendering.render, made, destination / "charts", browser, say, started)
            pages = write_pages(site, destination, say)
            _copy_assets(destination / "assets")
            hashes = {
                f"tables/{record['name']}.csv": _sha256(destination / f"tables/{record['name']}.csv")
                for record in records
            }
            _write_json(destination / "datapackage.json", data_package(source, records, hashes))
            _write_json(destination / "dataset.jsonld", linked_data(source, records))
    rendered = pictures.result()
    _write_renderings_script(destination, rendered, {chart.id: (chart.width, chart.height) for chart in made})
    say("manifest")
    _write_manifest(destination, source.release, rendered)
    return ReleaseResult(destination, pages, [chart.id for chart in made], rendered.missing)


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
        elif _sha256(file) != entry["sha256"]:
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


def _copy_assets(directory: Path) -> None:
    directory.mkdir()
    for asset in sorted(ASSETS.iterdir()):
        if asset.suffix in (".css", ".js"):
            text = asset.read_text(encoding="utf-8")
            text += palette.style_rules() if asset.suffix == ".css" else ""
            (directory / asset.name).write_text(text, encoding="utf-8", newline="\n")
    script = plotly_script.without_upload(plotly_script.packaged())
    (directory / "plotly.min.js").write_text(script, encoding="utf-8", newline="\n")


def _write_renderings_script(
    destination: Path, rendered: rendering.Rendered, sizes: dict[str, tuple[int, int]]
) -> None:
    """Which pictures exist, for the downloads page: beside the core, because it depends on the machine."""
    entries: dict[str, Any] = {}
    for chart_id, files in sorted(rendered.files.items()):
        width, height = sizes[chart_id]
        entries[chart_id] = {"width": width, "height": height} | {
            ending: {"file": path.name, "size": size(path.stat().st_size)} for ending, path in sorted(files.items())
        }
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"))
    (destination / RENDERINGS_SCRIPT).write_text(f"window.WAYMARK_RENDERINGS={text};\n", encoding="utf-8")


def _write_manifest(destination: Path, release: dict[str, Any], rendered: rendering.Rendered) -> None:
    core, pictures = {}, {}
    for file in sorted(destination.rglob("*")):
        if not file.is_file():
            continue
        path = file.relative_to(destination).as_posix()
        entry = {"bytes": file.stat().st_size, "sha256": _sha256(file)}
        is_picture = file.suffix in RENDERED_ENDINGS or path == RENDERINGS_SCRIPT
        (pictures if is_picture else core)[path] = entry
    facts = {name: value for name, value in release.items() if name not in ("fields", "labels", "tables")}
    manifest = {
        "manifest_version": MANIFEST_VERSION,
        "release": facts,
        "core": core,
        "renderings": {"files": pictures, "versions": rendered.versions, "missing": rendered.missing},
    }
    _write_json(destination / MANIFEST, manifest)


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


def _write_json(path: Path, content: Any) -> None:
    path.write_text(
        json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
