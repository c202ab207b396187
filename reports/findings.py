"""What is new, in plain words: sentences made from the tables, each with how sure it is and where to read on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.maps import SPATIAL, View
from reports.revisions import revised
from reports.series import SeriesBook, is_clear, is_clear_step, sentence, step_sentence
from reports.tables import Published
from reports.words import day, joined, number, percent, period_label, span

STRONG, FAIR, LIMITED = "Well supported", "Supported", "Limited"


@dataclass(frozen=True)
class Finding:
    """Headline, one or two sentences, certainty with its ground, and the page that shows it."""

    headline: str
    text: str
    certainty: str
    ground: str
    page: str
    link: str


def findings(published: Published, book: SeriesBook, views: list[View]) -> list[Finding]:
    """At most eight findings: overall trend, areas that stand out, alerts, law changes, flows, revisions, gaps."""
    found = [*_overall_trends(book), *_standing_out(published, views), *_alerts(published), *_law_steps(book)]
    found += [*_flows(published), *_revisions(published), *_gaps(published)]
    return found[:8]


def _overall_trends(book: SeriesBook) -> list[Finding]:
    """The main measures at the widest level, from the balanced panel where there is one."""
    candidates = [series for series in book.all() if series.is_total and series.trend is not None]
    if not candidates:
        return []
    top = min(book.level_rank(series.key["area_level"]) for series in candidates)
    if top > book.level_rank("subregion"):
        return _counted_trends(book, candidates)
    widest = [series for series in candidates if book.level_rank(series.key["area_level"]) == top]
    panel = {series.key["measure"]: series for series in widest if series.key["derivation"] == "balanced_panel"}
    for series in widest:
        if series.key.get("is_selected"):
            panel.setdefault(series.key["measure"], series)
    found = []
    for measure in sorted(panel, key=_measure_rank)[:2]:
        series = panel[measure]
        trend = series.trend
        label = book.words.label("measure", measure)
        if is_clear(trend):
            headline = f"{label} {trend['direction']} in {series.key['area_name']}"
        elif trend["eligibility"] == "assessed":
            headline = f"{label}: no clear change in {series.key['area_name']}"
        else:
            headline = f"{label}: the series of {series.key['area_name']} cannot be judged yet"
        text = sentence(trend, book.words, series.key["unit"])
        grounds = []
        if series.key["derivation"] == "balanced_panel":
            count = book.last(series, "areas_panel_count")
            grounds.append(f"{number(count)} areas that report in every period" if count == count else "balanced panel")
        coverage = book.last(series, "coverage_share")
        if coverage is not None and coverage == coverage:
            grounds.append(f"{percent(coverage)} of areas covered")
        share, contributor = book.last(series, "top_contributor_share"), book.last(series, "top_contributor_area")
        if share is not None and share == share and contributor:
            name = book.published.area_names.get(contributor, contributor)
            grounds.append(f"{percent(share)} of the total comes from {name}")
        strong = is_clear(trend) and trend["q_by"] < 0.05 and (coverage is None or not coverage < 0.8)
        certainty = STRONG if strong else FAIR if trend["eligibility"] == "assessed" else LIMITED
        found.append(Finding(headline, text, certainty, joined(grounds), "trends.html", "Trends"))
    return found


def _counted_trends(book: SeriesBook, candidates: list[Any]) -> list[Finding]:
    """Without a wider area: how many series of the main measure rose or fell."""
    selected = [series for series in candidates if series.key.get("is_selected")]
    if not selected:
        return []
    measure = min({series.key["measure"] for series in selected}, key=_measure_rank)
    mine = [series for series in selected if series.key["measure"] == measure]
    assessed = [series for series in mine if series.trend["eligibility"] == "assessed"]
    label = book.words.label("measure", measure)
    if not assessed:
        text = (
            f"None of the {len(mine)} series is long and complete enough for a trend test; the page says why for each."
        )
        return [
            Finding(f"{label}: no trend can be judged yet", text, LIMITED, "series too short", "trends.html", "Trends")
        ]
    rose = sorted(series.key["area_name"] for series in assessed if series.trend["direction"] == "rose")
    fell = sorted(series.key["area_name"] for series in assessed if series.trend["direction"] == "fell")
    text = f"Of {len(assessed)} series that could be tested, {len(rose)} rose and {len(fell)} fell beyond chance."
    if 0 < len(rose) <= 5:
        text += f" Rose: {joined(rose)}."
    if 0 < len(fell) <= 5:
        text += f" Fell: {joined(fell)}."
    ground = f"false discovery rate held at 5 % over {len(assessed)} tests"
    return [Finding(f"{label}: {len(rose)} series rose, {len(fell)} fell", text, FAIR, ground, "trends.html", "Trends")]


def _standing_out(published: Published, views: list[View]) -> list[Finding]:
    found, seen = [], set()
    for view in views:
        for method in view.methods:
            period = view.latest()
            assessed = view.assessed_count(method, period)
            kind = (method, view.key["area_level"], view.key["area_set"])
            if not assessed or kind in seen or view.key["exploitation"] != "_T":
                continue
            seen.add(kind)
            found.append(_standing_out_in(published, view, method, period, assessed))
    return found[:2]


def _standing_out_in(published: Published, view: View, method: str, period: int, assessed: int) -> Finding:
    words = published.words
    letters = view.states[method][period]
    high = [view.names[index] for index in np.flatnonzero(letters == ("h" if method == SPATIAL else "a"))]
    low = int((letters == ("c" if method == SPATIAL else "b")).sum())
    measure, when = words.label("measure", view.key["measure"]), period_label(view.periods[period])
    level = words.label("area_level", view.key["area_level"]).lower()
    if method == SPATIAL:
        headline = f"{len(high) or 'None'} of {assessed} {level} stand out together with their neighbours"
        text = f"{measure}, {when}: rates are {'' if high else 'nowhere '}higher {'there ' if high else ''}than chance"
        text += " would give"
    else:
        headline = f"{len(high) or 'None'} of {assessed} {level} lie above the range of their region"
        text = f"{measure}, {when}: {'above' if high else 'none above'} the funnel limits for the size of the area"
    text += f" ({joined(sorted(high))})." if 0 < len(high) <= 5 else "."
    text += f" {low} lie significantly low." if low else ""
    text += " Detected, not prevalence: a high figure may show good detection."
    ground = f"{assessed} areas compared"
    if method == SPATIAL:
        each = " in each source's map" if view.is_of_several_sources else ""
        ground = f"false discovery rate held at 5 %{each}, {assessed} areas assessed"
    return Finding(headline, text, FAIR, ground, "hotspots.html", "Hotspots")


def _alerts(published: Published) -> list[Finding]:
    """Newest counts of the first measure and finest level that are out of line with their own past."""
    table = published.table("alerts")
    if table.empty:
        return []
    totals = table[(table["exploitation"] == "_T") & (table["sex"] == "_T") & (table["age"] == "_T")]
    judged = totals[totals["eligibility"] == "assessed"]
    found = judged[judged["is_alarm"].astype(bool)]
    if found.empty:
        return []
    measure = min(found["measure"].unique(), key=_measure_rank)
    mine = found[found["measure"] == measure]
    level = mine.groupby("area_level")["area_code"].nunique().sort_values(kind="stable").index[-1]
    judged = judged[(judged["measure"] == measure) & (judged["area_level"] == level)]
    mine = mine[mine["area_level"] == level]
    names, first = sorted(mine["area_name"].unique()), str(judged["period"].min())
    label = published.words.label("measure", measure)
    places = published.words.label("area_level", level).lower()
    count = judged["area_code"].nunique()
    text = f"{label}, since {period_label(first)}: counts are above what the past of the same areas would give"
    text += f" ({joined(names)})." if len(names) <= 5 else "."
    text += " A reason to look and no finding about what happened: a raid or a new hotline raises them too."
    ground = f"false discovery rate held at 5 % in each period, {count} areas judged"
    headline = f"Newest counts of {len(names)} of {count} {places} are above their past"
    return [Finding(headline, text, FAIR, ground, "trends.html#alerts", "Alerts")]


def _law_steps(book: SeriesBook) -> list[Finding]:
    found = []
    for series in book.all():
        text = step_sentence(series.trend)
        if (
            text
            and is_clear_step(series.trend)
            and series.is_total
            and series.key.get("is_selected")
            and series.key["area_level"] == "country"
        ):
            label = book.words.label("measure", series.key["measure"])
            headline = f"{series.key['area_name']}: the law changed, the series breaks"
            found.append((_measure_rank(series.key["measure"]), headline, f"{label}. {text}"))
    found.sort()
    return [
        Finding(headline, text, FAIR, "dated change in the law tables", "definitions.html", "Definitions")
        for _, headline, text in found[:1]
    ]


def _flows(published: Published) -> list[Finding]:
    table = published.table("corridors")
    if table.empty:
        return []
    last = table[table["period"] == table["period"].max()]
    assessed = last[last["eligibility"] == "assessed"]
    strong = assessed[(assessed["q"] < 0.05) & (assessed["residual"] > 0)].sort_values(
        ["counterpart_area_name", "area_name"]
    )
    if strong.empty:
        return []
    pairs = [f"{row.counterpart_area_name} to {row.area_name}" for row in strong.itertuples()]
    text = f"{len(assessed)} flows were large enough to assess ({period_label(last['period'].iat[0])})."
    text += f" More than origin and destination alone would give: {joined(pairs[:4])}." if pairs else ""
    headline = f"{len(strong)} flow{'s' if len(strong) != 1 else ''} stand{'s' if len(strong) == 1 else ''} out"
    return [Finding(headline, text, FAIR, f"{len(assessed)} flows tested together", "corridors.html", "Corridors")]


def _revisions(published: Published) -> list[Finding]:
    table = published.table("changes")
    if table.empty:
        return []
    moved = revised(table)
    new = int((table["kind"] == "new").sum())
    text = f"{number(len(moved))} figures were revised and {number(new)} are new since the sources' previous issues."
    if len(moved):
        top = moved.loc[moved["size"].sort_values(kind="stable").index[-1]]
        text += (
            f" The largest revision: {top['area_name']}, {published.words.label('measure', top['measure']).lower()} "
            f"{period_label(top['period'])}, {span(top['least'], top['most'], sign=True)}."
        )
    headline = (
        f"{number(len(moved))} figures revised, {number(new)} new" if len(moved) else f"{number(new)} new figures"
    )
    return [Finding(headline, text, STRONG, "both issues as of the same day", "changes.html", "Changes")]


def _gaps(published: Published) -> list[Finding]:
    table = published.table("coverage")
    if table.empty or "is_late" not in table:
        return []
    late = table[table["is_late"]]
    if late.empty:
        return []
    names = sorted(set(late["area_name"]) - {""}) or sorted(set(late["source_name"]))
    listed = joined(names) if len(names) <= 5 else f"{len(names)} areas"
    sources = sorted(set(late["source_name"]) - {""})
    by = f", reported by {joined(sources)}" if 0 < len(sources) <= 3 else f", reported by {len(sources)} sources"
    text = f"Figures are overdue for {listed}{by} (as of {day(published.as_of)}). Totals with them are incomplete."
    headline = f"Figures of {len(names)} areas are late" if len(names) != 1 else f"{names[0]} is late"
    return [Finding(headline, text, STRONG, "against the agreed dates", "coverage.html", "Coverage")]


def _measure_rank(measure: str) -> tuple[int, str]:
    order = ("victims_detected", "victims_referred", "victims_identified", "cases_reported", "persons_convicted")
    return (order.index(measure) if measure in order else len(order), measure)
