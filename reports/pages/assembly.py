"""The pages of a release: one Jinja environment, one list of pages, one pass over the areas.

Every page depends on the published directory alone: whether pictures could be made is not known here, so that the
text of a release is the same on every machine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from reports.charts.maps import View, views
from reports.charts.series import SeriesBook, read_series
from reports.pages import areas as pages_areas
from reports.pages import changes, corridors, coverage, law, methods, overview, trends
from reports.tables import Published
from reports.wording import cells
from reports.wording.summary import Summary
from reports.wording.verdicts import Verdicts
from reports.wording.words import day, joined, period_label

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


@dataclass
class Site:
    """What all pages share."""

    published: Published
    table_records: list[dict[str, Any]]
    chart_records: list[dict[str, Any]]
    charts_not_made: list[dict[str, str]]

    @cached_property
    def book(self) -> SeriesBook:
        return read_series(self.published)

    @cached_property
    def summary(self) -> Summary:
        return Summary(self.published)

    @cached_property
    def verdicts(self) -> Verdicts:
        return self.book.verdicts

    @cached_property
    def views(self) -> list[View]:
        return views(self.published)

    @cached_property
    def area_pages(self) -> dict[str, str]:
        """Areas with a page, as code: file name without ending. An area of which nothing is known has none."""
        known: set[str] = set(self.book.by_area)
        for name in ("observations", "hotspots", "coverage", "breaks", "corridors"):
            table = self.published.table(name)
            if "area_code" in table:
                known.update(table["area_code"].unique())
        known -= {"", "_T", "_U", "_Z", "_X"}
        areas = self.published.table("areas")
        if {"area_code", "parent_code"} <= set(areas.columns):
            parents = dict(zip(areas["area_code"], areas["parent_code"], strict=True))
            listed = set(parents)
            for code in list(known):
                while parents.get(code) and parents[code] in listed:
                    code = parents[code]
                    known.add(code)
        return {code: file_stem(code) for code in sorted(known)}

    def provenance(self, sources: Iterable[str], newest: str = "", data: str = "") -> dict[str, str]:
        """The line under a figure: sources, day, newest period, licences, file with the data."""
        known = sorted({source for source in sources if source})
        names = [self.published.source_name(source) for source in known]
        licences = sorted({self.published.licences.get(source, "") for source in known} - {""})
        return {
            "source": joined(names) if len(names) <= 4 else f"{', '.join(names[:3])} and others",
            "as_of": day(self.published.as_of),
            "newest": period_label(newest) if newest else "",
            "licence": joined(licences) if licences else "as stated by the source",
            "data": data if Path(data).stem in self.published.table_paths else "",
        }


def file_stem(code: str) -> str:
    """An area code as a file name; anything unusual is replaced by a digest of the code."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}", code):
        return code
    return f"area-{hashlib.sha256(code.encode()).hexdigest()[:12]}"


def script_json(value: Any) -> Markup:
    """JSON that may stand inside a script element: no tag and no line separator can end it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


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
