"""Series over time as pages show them: points with gaps and bounds, and the breaks of their area."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reports.charts import palette
from reports.charts.drawings import Line, Mark, Point, line_chart
from reports.tables import Published
from reports.wording import cells
from reports.wording.series_words import sentence, unexplained_changes
from reports.wording.verdicts import Verdicts
from reports.wording.verdicts import sentence as verdict_sentence
from reports.wording.words import (
    Words,
    date_position,
    day,
    is_missing,
    number,
    period_label,
    period_position,
    period_start,
)

TOTALS = ("_T", "_Z", "")
SPLITS = ("exploitation", "sex", "age", "counterpart_area", "detail", "offence")
LEVEL_ORDER = ("world", "region", "subregion", "country", "admin1", "police_force", "state", "admin2")
STEP_KINDS = ("law", "code list", "counting rule", "area")


@dataclass(frozen=True)
class Series:
    """One series: its key, its rows in the series table and the trend row that belongs to it."""

    key: dict[str, Any]
    rows: slice
    trend: dict[str, Any] | None

    @property
    def is_total(self) -> bool:
        return all(self.key.get(split, "_T") in TOTALS for split in SPLITS)

    @property
    def split_by(self) -> list[str]:
        return [split for split in SPLITS if self.key.get(split, "_T") not in TOTALS]


@dataclass
class SeriesBook:
    """All series of a release, by id and by area."""

    published: Published
    by_id: dict[str, Series] = field(default_factory=dict)
    by_area: dict[str, list[Series]] = field(default_factory=dict)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    breaks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def words(self) -> Words:
        return self.published.words

    def all(self) -> list[Series]:
        return list(self.by_id.values())

    def points(self, series: Series) -> list[Point]:
        words, made = self.words, []
        columns = {name: values[series.rows] for name, values in self.columns.items()}
        unit = str(series.key.get("unit", "")).replace("_", " ")
        is_index = series.key.get("derivation") == "chain_linked"
        for index, period in enumerate(columns["period"]):
            value = columns["index_value" if is_index and "index_value" in columns else "value"][index]
            lower, upper = columns["lower"][index], columns["upper"][index]
            label, at = period_label(period), columns["at"][index]
            if value == value:
                figure = cells.mark(f"{at}.{'index_value' if is_index else 'value'}", number(value))
                text = f"{label}: {figure} {'(index)' if is_index else unit}{self._of_areas(series, columns, index)}"
                made.append(Point(period_position(period), value, text))
            elif lower == lower and upper == upper and upper > lower:
                low, high = cells.mark(f"{at}.lower", number(lower)), cells.mark(f"{at}.upper", number(upper))
                text = f"{label}: between {low} and {high}{self._of_areas(series, columns, index)}"
                made.append(Point(period_position(period), None, text, lower, upper))
            else:
                reason = words.label("missing_reason", columns["missing_reason"][index]) or "no figure"
                made.append(Point(period_position(period), None, f"{label}: {reason}"))
        return made

    @staticmethod
    def _of_areas(series: Series, columns: dict[str, list[Any]], index: int) -> str:
        """Of how many areas a sum is made: a sum over areas is never told as a total of the whole."""
        derivation = series.key.get("derivation")
        name = {"sum_of_reporting": "areas_reporting_count", "balanced_panel": "areas_panel_count"}.get(str(derivation))
        count = columns[name][index] if name in columns else None
        if name is None or is_missing(count):
            return ""
        said = cells.mark(f"{columns['at'][index]}.{name}", number(count))
        kind = "areas that report" if derivation == "sum_of_reporting" else "areas that report in every period"
        return f", sum of {said} {kind}"

    def marks(self, series: Series) -> list[Mark]:
        """Breaks of the area itself and, for a district, of its country; law and counting changes are known steps."""
        found = []
        for entry in self.breaks_of(series.key["area_code"]):
            if entry["measure"] in ("", "_T", series.key["measure"]):
                kind = self.words.label("kind", entry["kind"])
                label = f"{kind}, {day(entry['break_on'])}: {entry['evidence']}"
                found.append(Mark(date_position(entry["break_on"]), label, entry["kind"] in STEP_KINDS))
        for period in unexplained_changes(series.trend):
            label = f"{period_label(period)}: the level changes; no known break explains it"
            found.append(Mark(period_start(period), label, is_step=False, is_found=True))
        return found

    def breaks_of(self, area_code: str) -> list[dict[str, Any]]:
        own = list(self.breaks.get(area_code, []))
        parent = self._parents.get(area_code, "")
        if parent and self._levels.get(parent) == "country":
            own.extend(self.breaks.get(parent, []))
        return sorted(own, key=lambda entry: (entry["break_on"], entry["kind"], entry["measure"]))

    def __post_init__(self) -> None:
        self.verdicts = Verdicts(self.published)
        areas = self.published.table("areas")
        known = {"area_code", "parent_code", "area_level"} <= set(areas.columns)
        self._parents = dict(zip(areas["area_code"], areas["parent_code"], strict=True)) if known else {}
        self._levels = dict(zip(areas["area_code"], areas["area_level"], strict=True)) if known else {}
        breaks = self.published.table("breaks")
        for entry in breaks.to_dict("records") if len(breaks) else []:
            self.breaks.setdefault(entry["area_code"], []).append(entry)

    def chart(self, series: Series, width: int = 320, height: int = 150, others: list[Series] | None = None) -> str:
        name = f"{self.words.measure(series.key['measure'], series.key['exploitation'])}, {series.key['area_name']}"
        lines = [Line(self.points(series), self.describe(series))]
        for index, other in enumerate(others or [], start=1):
            colour = palette.LINES[index % len(palette.LINES)]
            lines.append(Line(self.points(other), self.describe(other), colour, dashed=True))
        return line_chart(lines, self.marks(series), f"{name}, line over time", width, height)

    def says(self, series: Series) -> str:
        """The verdict where this series speaks for its area and measure; else what was tested, in numbers alone."""
        row = self.verdicts.of(series.key["area_code"], series.key["measure"])
        if row is not None and row["series_id"] == series.key["series_id"]:
            return verdict_sentence(row, self.words)
        if series.key["derivation"] == "chain_linked":
            return "Index, 100 in the first period; the test is made on the balanced panel."
        return sentence(series.trend, self.words)

    def describe(self, series: Series) -> str:
        """Source and how the figures came about, for legends."""
        derivation = self.words.label("derivation", series.key.get("derivation", ""))
        part = self.part_of(series)
        return f"{self.published.source_name(series.key['source'])}, {derivation}{f', {part}' if part else ''}"

    def part_of(self, series: Series) -> str:
        """`counted by one kind of body (police)` where the figures are those of a part and not of the whole area."""
        reporter, offence = series.key.get("reporter", "_T"), series.key.get("offence", "_T")
        if series.key.get("part", "whole") == "reporter":
            return f"counted by one kind of body ({self.words.label('reporter', reporter).lower()})"
        return f"one offence ({offence})" if series.key.get("part", "whole") == "offence" else ""

    def last_point(self, series: Series) -> tuple[str, float] | None:
        """Last period with an exact figure."""
        periods, values = self.columns["period"][series.rows], self.columns["value"][series.rows]
        for period, value in zip(reversed(periods), reversed(values), strict=True):
            if value == value:
                return period, value
        return None

    def last(self, series: Series, column: str) -> Any:
        """A column in the last period of the series (coverage_share, top_contributor_area, …); None without it."""
        values = self.columns.get(column)
        return values[series.rows][-1] if values else None

    def level_rank(self, level: str) -> int:
        return LEVEL_ORDER.index(level) if level in LEVEL_ORDER else len(LEVEL_ORDER)


KEPT_COLUMNS = (
    "period", "value", "lower", "upper", "missing_reason", "rate_per_100k", "index_value", "coverage_share",
    "areas_reporting_count", "areas_panel_count", "top_contributor_area", "top_contributor_share", "issued_on",
    "population_period", "is_population_carried", "rate_basis", "at",
)  # fmt: skip
KEY_COLUMNS = (
    "series_id", "area_code", "area_name", "area_level", "area_role", "measure", "unit", "reporter", "offence",
    "exploitation", "sex", "age", "counterpart_area", "counterpart_role", "detail_kind", "detail", "source", "dataset",
    "derivation", "frequency", "precedence", "is_leading", "part", "definition_id", "comparability",
)  # fmt: skip


def read_series(published: Published) -> SeriesBook:
    """Group the series table by series and hang the trend rows on it."""
    book = SeriesBook(published)
    table = published.table("series")
    if table.empty:
        return book
    table = table.sort_values(["area_code", "measure", "series_id", "period"], kind="stable", ignore_index=True)
    trends = published.table("trends")
    trend_rows = {row["series_id"]: row for row in trends.to_dict("records")} if len(trends) else {}
    book.columns = {name: table[name].tolist() for name in KEPT_COLUMNS if name in table}
    ids = table["series_id"].to_numpy(dtype=object)
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    ends = np.append(starts[1:], len(ids))
    # the key is read from the last row: there the definition in force is the current one
    keys = table.loc[ends - 1, [name for name in KEY_COLUMNS if name in table]].to_dict("records")
    for key, start, end in zip(keys, starts.tolist(), ends.tolist(), strict=True):
        series = Series(key, slice(start, end), trend_rows.get(key["series_id"]))
        book.by_id[key["series_id"]] = series
        book.by_area.setdefault(key["area_code"], []).append(series)
    return book
