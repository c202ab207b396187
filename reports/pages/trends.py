"""Contents of the trends page: sections of series by level and measure, beside alerts, nowcasts and mixes of forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.charts.series import STEP_KINDS, Series
from reports.pages import composition, signals
from reports.wording import cells
from reports.wording.series_words import change_sentence, step_sentence, unexplained_changes, verdict, yearly_change
from reports.wording.verdicts import label as verdict_label
from reports.wording.words import measure_rank, name_order, period_label

if TYPE_CHECKING:
    from reports.charts.site import Site

CHANGES = (
    ("rose", "rose"),
    ("fell", "fell"),
    ("no_clear_change", "show no clear change"),
    ("too_short", "are too short for a trend"),
    ("not_comparable", "cannot be compared over time"),
)
CHARTS_PER_SECTION = 24
ROWS_PER_TABLE = 600


def trends(site: Site) -> dict[str, Any]:
    book, words = site.book, site.published.words
    groups: dict[tuple, list[Series]] = {}
    for series in book.all():
        if series.is_total and series.trend is not None:
            key = (series.key["area_level"], series.key["measure"], series.key["frequency"])
            groups.setdefault(key, []).append(series)
    order = sorted(groups, key=lambda key: (book.level_rank(key[0]), key[0], measure_rank(key[1]), key[2]))
    sections = []
    for level, measure, frequency in order:
        members = groups[level, measure, frequency]
        members.sort(
            key=lambda series: (
                name_order(series.key["area_name"]), series.key["area_code"], not series.key.get("is_leading"),
                series.key["derivation"], series.key["source"], series.key["series_id"],
            )
        )  # fmt: skip
        title = f"{words.label('measure', measure)}, {words.label('area_level', level).lower()}"
        title += f", {words.label('frequency', frequency)}"
        main = [series for series in members if series.key.get("is_leading")] or members
        wide = book.level_rank(level) <= book.level_rank("subregion")
        if wide:
            main = members
        charted, note = main, "Every series of this section, by name."
        if wide and level != "world":
            charted = [series for series in main if series.key.get("is_leading")] or main
        if len(charted) > CHARTS_PER_SECTION:
            charted = [series for series in main if _has_news(site, series)]
            note = "Drawn: series with a change, a measured break or a new level, by name. The table holds all."
            if len(charted) > CHARTS_PER_SECTION:
                note = "Drawn: the first series with a change, a measured break or a new level, by name. The table holds all."
                charted = charted[:CHARTS_PER_SECTION]
        sections.append(
            {
                "id": f"{level}-{measure}-{frequency}".replace("_", "-").lower(),
                "title": title,
                "short": title,
                "summary": _summary(site, measure, level),
                # the widest level and the first measure of each other one stand open, the rest is one click away
                "is_open": level == order[0][0] or level not in {section["level"] for section in sections},
                "level": level,
                "charts": [
                    {
                        "code": series.key["area_code"],
                        "name": series.key["area_name"],
                        "variant": words.label("derivation", series.key["derivation"]) if wide else "",
                        "svg": Markup(book.chart(series)),
                        "text": book.says(series),
                        "step": step_sentence(series.trend),
                        "change": change_sentence(series.trend),
                        "source": site.published.source_name(series.key["source"]) if wide else "",
                    }
                    for series in charted
                ],
                "chart_note": note,
                "facts": site.provenance(
                    [series.key["source"] for series in members],
                    max((series.trend["last_period"] for series in members if series.trend), default=""),
                    "tables/trends.csv",
                ),
                "rows": [_trend_row(site, series) for series in members[:ROWS_PER_TABLE]],
                "is_cut": len(members) > ROWS_PER_TABLE,
                "total": "",
            }
        )
    return {
        "sections": sections,
        "alerts": signals.alerts(site),
        "nowcasts": signals.nowcasts(site),
        "compositions": composition.compositions(site),
    }


def _has_news(site: Site, series: Series) -> bool:
    row = site.verdicts.by_series.get(series.key["series_id"])
    told = row is not None and row["change_word"] in ("rose", "fell")
    return bool(told or step_sentence(series.trend) or change_sentence(series.trend))


def _summary(site: Site, measure: str, level: str) -> str:
    """How many areas of the level have a verdict on the measure, by the word for their change."""
    key = {"measure": measure, "area_level": level}
    if not site.summary.has("headlines", **key):
        return "No area of this level has a verdict on this measure; the table says why for each series."
    told = [
        f"{site.summary.number('headlines_by_change', word=word, **key)} {said}"
        for word, said in CHANGES
        if site.summary.has("headlines_by_change", word=word, **key)
    ]
    return f"{site.summary.counted('headlines', 'area', **key)} with a verdict: {', '.join(told)}."


def _trend_row(site: Site, series: Series) -> dict[str, Any]:
    book, words, trend = site.book, site.published.words, series.trend or {}
    assessed = trend.get("eligibility") == "assessed"
    row = site.verdicts.of(series.key["area_code"], series.key["measure"])
    steps = [entry for entry in book.breaks_of(series.key["area_code"]) if entry["kind"] in STEP_KINDS]
    steps = [entry for entry in steps if entry["measure"] in ("", "_T", series.key["measure"])]
    step = ", ".join(f"{entry['kind']} {entry['break_on'][:4]}" for entry in steps)
    if trend.get("step_on") and trend["step_ratio"] == trend["step_ratio"]:
        step = f"{step or trend['step_on'][:4]} (level × {cells.number(trend, 'step_ratio', 2)})"
    variant = book.part_of(series) if series.key.get("is_leading") else book.describe(series)
    return {
        "code": series.key["area_code"],
        "name": series.key["area_name"],
        "variant": variant,
        "verdict": verdict_label(row) if row else verdict(series.trend, words) if not assessed else "–",
        "change": yearly_change(series.trend),
        "slope": cells.signed(trend, "slope_per_year") if assessed else "–",
        "interval": cells.interval(trend, "slope_lower_per_year", "slope_upper_per_year", sign=True)
        if assessed
        else "–",
        "q": cells.probability(trend, "q_bh") if assessed else "–",
        "q_strict": cells.probability(trend, "q_by") if assessed else "–",
        "periods": cells.number(trend, "periods_count") if trend else "–",
        "step": step or "–",
        "level": _new_level(trend),
    }


def _new_level(trend: dict[str, Any]) -> str:
    """Newest change of the level that no known break explains."""
    changes = unexplained_changes(trend)
    if not changes:
        return "–"
    ratio = trend["change_point_ratio"]
    return period_label(changes[-1]) + (
        f" (level × {cells.number(trend, 'change_point_ratio', 2)})" if ratio == ratio else ""
    )
