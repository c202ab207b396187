"""What all charts and pages of a release share: its published tables, and what is read from them once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from reports.charts.maps import View, views
from reports.charts.series import SeriesBook, read_series
from reports.tables import Published
from reports.wording.summary import Summary
from reports.wording.verdicts import Verdicts
from reports.wording.words import day, joined, period_label


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
