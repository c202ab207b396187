"""Contents of the trends page: sections of series by level and measure, beside alerts, nowcasts and mixes of forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports import maps, pages_composition, pages_signals
from reports.series import (
    STEP_KINDS,
    Series,
    change_sentence,
    is_clear,
    step_sentence,
    unexplained_changes,
    verdict,
    yearly_change,
)
from reports.words import name_order, number, period_label, probability, signed

if TYPE_CHECKING:
    from reports.pages import Site

CHARTS_PER_SECTION = 24
ROWS_PER_TABLE = 600


def trends(site: Site) -> dict[str, Any]:
    book, words = site.book, site.published.words
    groups: dict[tuple, list[Series]] = {}
    for series in book.all():
        if series.is_total and series.trend is not None:
            key = (series.key["area_level"], series.key["measure"], series.key["frequency"])
            groups.setdefault(key, []).append(series)
    order = sorted(groups, key=lambda key: (book.level_rank(key[0]), key[0], maps.measure_rank(key[1]), key[2]))
    sections = []
    for level, measure, frequency in order:
        members = groups[level, measure, frequency]
        members.sort(
            key=lambda series: (
                name_order(series.key["area_name"]), series.key["area_code"], not series.key.get("is_selected"),
                series.key["derivation"], series.key["source"], series.key["series_id"],
            )
        )  # fmt: skip
        title = f"{words.label('measure', measure)}, {words.label('area_level', level).lower()}"
        title += f", {words.label('frequency', frequency)}"
        main = [series for series in members if series.key.get("is_selected")] or members
        wide = book.level_rank(level) <= book.level_rank("subregion")
        if wide:
            main = members
        charted, note = main, "Every series of this section, by name."
        if wide and level != "world":
            charted = [series for series in main if series.key.get("is_selected")] or main
        if len(charted) > CHARTS_PER_SECTION:
            charted = [series for series in main if _has_news(series)]
            note = (
                "Drawn: the series with a clear change, a measured break or a new level, by name. The table holds all."
            )
            if len(charted) > CHARTS_PER_SECTION:
                note = f"Drawn: the first {CHARTS_PER_SECTION} of {len(charted)} series with a clear change, by name."
                charted = charted[:CHARTS_PER_SECTION]
        sections.append(
            {
                "id": f"{level}-{measure}-{frequency}".replace("_", "-").lower(),
                "title": title,
                "short": title,
                "summary": _trend_summary(main, words),
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
                "rows": [_trend_row(book, series, words) for series in members[:ROWS_PER_TABLE]],
                "total": len(members),
            }
        )
    return {
        "sections": sections,
        "alerts": pages_signals.alerts(site),
        "nowcasts": pages_signals.nowcasts(site),
        "compositions": pages_composition.compositions(site),
    }


def _has_news(series: Series) -> bool:
    return bool(is_clear(series.trend) or step_sentence(series.trend) or change_sentence(series.trend))


def _trend_summary(members: list[Series], words: Any) -> str:
    members = [series for series in members if series.key["derivation"] != "chain_linked"] or members
    states = [verdict(series.trend, words) for series in members]
    rose, fell = states.count("rose"), states.count("fell")
    assessed = sum(series.trend is not None and series.trend["eligibility"] == "assessed" for series in members)
    if not assessed:
        reasons = sorted(set(states))
        listed = "; ".join(reasons[:3])
        return f"None of {len(members)} series can be judged yet ({listed})."
    text = f"{assessed} of {len(members)} series could be tested: {rose} rose, {fell} fell, "
    return text + f"{assessed - rose - fell} showed no clear change."


def _trend_row(book: Any, series: Series, words: Any) -> dict[str, Any]:
    trend = series.trend or {}
    assessed = trend.get("eligibility") == "assessed"
    steps = [entry for entry in book.breaks_of(series.key["area_code"]) if entry["kind"] in STEP_KINDS]
    steps = [entry for entry in steps if entry["measure"] in ("", "_T", series.key["measure"])]
    step = ", ".join(f"{entry['kind']} {entry['break_on'][:4]}" for entry in steps)
    if trend.get("step_on") and trend["step_ratio"] == trend["step_ratio"]:
        step = f"{step or trend['step_on'][:4]} (level × {number(trend['step_ratio'], 2)})"
    variant = "" if series.key.get("is_selected") else book.describe(series)
    return {
        "code": series.key["area_code"],
        "name": series.key["area_name"],
        "variant": variant,
        "verdict": verdict(series.trend, words),
        "change": yearly_change(series.trend),
        "slope": signed(trend.get("slope_per_year")) if assessed else "–",
        "interval": _signed_interval(trend) if assessed else "–",
        "q": probability(trend.get("q_bh")) if assessed else "–",
        "q_strict": probability(trend.get("q_by")) if assessed else "–",
        "periods": number(trend.get("periods_count")),
        "step": step or "–",
        "level": _new_level(trend),
    }


def _new_level(trend: dict[str, Any]) -> str:
    """Newest change of the level that no known break explains."""
    changes = unexplained_changes(trend)
    if not changes:
        return "–"
    ratio = trend["change_point_ratio"]
    return period_label(changes[-1]) + (f" (level × {number(ratio, 2)})" if ratio == ratio else "")


def _signed_interval(trend: dict[str, Any]) -> str:
    low, high = trend["slope_lower_per_year"], trend["slope_upper_per_year"]
    return f"{signed(low)} to {signed(high)}" if low == low and high == high else "–"
