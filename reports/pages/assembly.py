"""The pages of a release: one Jinja environment, one list of pages, one pass over the areas.

Every page depends on the published directory alone: whether pictures could be made is not known here, so that the
text of a release is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from reports.charts.site import Site
from reports.pages import areas as pages_areas
from reports.pages import changes, corridors, coverage, law, methods, overview, trends
from reports.wording import cells
from reports.wording.words import day

MENU = (
    ("index.html", "What is new"),
    ("hotspots.html", "Hotspots"),
    ("trends.html", "Trends"),
    ("corridors.html", "Corridors"),
    ("definitions.html", "Definitions"),
    ("coverage.html", "Coverage"),
    ("changes.html", "Changes"),
    ("methods.html", "Methods"),
    ("downloads.html", "Downloads"),
)
# Nothing is fetched, sent, framed or run but the release's own files ('self' holds for a page opened from a disk too).
# plotly.js makes an empty style element and fills it rule by rule: the digest is that of nothing.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "img-src 'self' data:",
        "connect-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)
TEMPLATES = Path(__file__).parent / "templates"


def environment(site: Site) -> jinja2.Environment:
    """Autoescape everywhere; drawings and embedded JSON are the only marked-up values that come in."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    published = site.published
    made.filters["lower_first"] = lambda text: text[:1].lower() + text[1:]
    made.globals.update(
        release={"code_version": "", **published.release},
        as_of_day=day(published.as_of),
        is_invented=published.is_invented,
        menu=MENU,
        policy=POLICY,
        area_pages=site.area_pages,
    )
    return made


# page -> what it says; which tables each reads is declared with the tables, and a test looks
CONTENTS: dict[str, Callable[[Site], dict[str, Any]]] = {
    "index.html": overview.index,
    "hotspots.html": overview.hotspots,
    "trends.html": trends.trends,
    "corridors.html": corridors.corridors,
    "definitions.html": law.definitions,
    "coverage.html": coverage.coverage,
    "changes.html": changes.changes,
    "methods.html": methods.methods,
    "downloads.html": methods.downloads,
}


def write_pages(site: Site, destination: Path, progress: Callable[[str], None]) -> list[str]:
    """Write all pages; returns their paths relative to the release, in order."""
    templates = environment(site)
    written = []

    def write(path: str, template: str, content: dict[str, Any]) -> None:
        root = "../" * path.count("/")
        text = cells.tagged(templates.get_template(template).render(page=path, root=root, **content))
        (destination / path).write_text(text, encoding="utf-8", newline="\n")
        written.append(path)

    for path, content in CONTENTS.items():
        progress(f"page {path}")
        write(path, path, content(site))
    progress(f"pages of {len(site.area_pages)} areas")
    (destination / "areas").mkdir(exist_ok=True)
    for code, stem, content in pages_areas.contents(site):
        del code
        write(f"areas/{stem}.html", "area.html", content)
    return written
