"""Write releases.

A published directory holds `release.json` (what, for whom, as of when, parameters, sources, balance, field texts),
`tables/<name>.parquet` and `layers/<layer>.json`. From it alone a release folder is made: pages, charts, tables, data
package and manifest; self-contained, readable from a file system without network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.charts import palette, plotly_script, rendering
from reports.charts.catalogue import charts, write_data
from reports.charts.site import Site
from reports.packages.data_package import data_package, linked_data
from reports.packages.manifest import RENDERINGS_SCRIPT, sha256_of, write_json, write_manifest
from reports.packages.table_files import write_tables
from reports.pages.assembly import write_pages
from reports.tables import read
from reports.wording.words import size

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
    provenance: Mapping[str, Any] | None = None,
) -> ReleaseResult:
    """Write a complete release folder.

    Parameters
    ----------
    published : the published directory (see above).
    destination : a folder that does not exist yet; the caller builds aside and switches when this has returned.
    progress : called with a short text before each step.
    browser : path of a Chromium browser; None looks for one. Without one the pictures are left out and `.missing`
        says what and how to get it; every other file has the same bytes either way.
    provenance : what the manifest says beside the core: ledger position, inputs, code.
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
                f"tables/{record['name']}.csv": sha256_of(destination / f"tables/{record['name']}.csv")
                for record in records
            }
            write_json(destination / "datapackage.json", data_package(source, records, hashes))
            write_json(destination / "dataset.jsonld", linked_data(source, records))
    rendered = pictures.result()
    _write_renderings_script(destination, rendered, {chart.id: (chart.width, chart.height) for chart in made})
    say("manifest")
    write_manifest(destination, source.release, rendered.versions, rendered.missing, provenance)
    return ReleaseResult(destination, pages, [chart.id for chart in made], rendered.missing)


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
