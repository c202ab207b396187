"""What is new, in plain words: the headline rows of the verdicts and counts of the summary, each with where to read on.

Nothing is decided here. Which sum over areas speaks for a measure, how far its evidence carries and whether it stands
without the two areas that contribute most are columns of the table `verdicts`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reports.charts.maps import SPATIAL, View
from reports.charts.revisions import moved_most
from reports.pages.changes import before, of_kind
from reports.wording import cells
from reports.wording.series_words import step_sentence
from reports.wording.verdicts import DOTS, NO_FINDING, is_total, listed, of_areas, of_contributors, reasons, sentence
from reports.wording.words import day, joined, measure_rank, name_order, period_label

if TYPE_CHECKING:
    from reports.charts.site import Site

FINDINGS, NAMES = 8, 5
# what is no verdict has no word for evidence: a probability says how rare a figure is by chance, not how good it is
TEST, COUNT = "Found by a test", "A plain count"
AREA_MEASURES = 2  # measures of which the index tells how many areas rose and fell


@dataclass(frozen=True)
class Finding:
    """Headline, one or two sentences, how far the evidence carries and why, and the page that shows it."""

    headline: str
    text: str
    certainty: str
    ground: str
    page: str
    link: str
    dots: str = field(default="")


def findings(site: Site) -> list[Finding]:
    """At most eight: sums over areas, areas by their change, areas that stand out, alerts, law, flows, revisions, gaps."""
    found = [*_sums(site), *_areas(site), *_standing_out(site), *_alerts(site), *_law_steps(site)]
    found += [*_flows(site), *_revisions(site), *_late(site)]
    return found[:FINDINGS]


def no_findings(site: Site) -> list[Finding]:
    """Sums over areas that seem to rise or fall and do not without the two areas that contribute most to it."""
    rows = [row for row in site.verdicts.carried() if _is_wide(site, row) and is_total(row)]
    rows.sort(
        key=lambda row: (
            measure_rank(row["measure"]),
            site.book.level_rank(row["area_level"]),
            row["area_name"],
            row["series_id"],
        )
    )
    return [
        _of_verdict(
            site,
            row,
            f"{row['area_name']}, {site.published.words.label('measure', row['measure']).lower()}: {NO_FINDING.lower()}",
        )
        for row in rows[:FINDINGS]
    ]


def _is_wide(site: Site, row: dict[str, Any]) -> bool:
    return site.book.level_rank(row["area_level"]) <= site.book.level_rank("subregion")


def _of_verdict(site: Site, row: dict[str, Any], headline: str) -> Finding:
    words = site.published.words
    text = " ".join(
        part for part in (sentence(row, words), of_areas(row), of_contributors(row, site.published)) if part
    )
    evidence = row["evidence_word"]
    return Finding(
        headline,
        text,
        words.label("evidence_word", evidence),
        reasons(row, words),
        "trends.html",
        "Trends",
        DOTS.get(evidence, ""),
    )


def _sums(site: Site) -> list[Finding]:
    """The verdict on the main measures at the widest level."""
    rows = [row for row in site.verdicts.headlines() if _is_wide(site, row)]
    if not rows:
        return []
    top = min(site.book.level_rank(row["area_level"]) for row in rows)
    rows = sorted(
        (row for row in rows if site.book.level_rank(row["area_level"]) == top),
        key=lambda row: (measure_rank(row["measure"]), name_order(row["area_name"]), row["series_id"]),
    )
    made = []
    for row in rows[:2]:
        measure = site.published.words.label("measure", row["measure"])
        word = {"rose": " rose", "fell": " fell", "no_clear_change": ": no clear change"}.get(
            row["change_word"], ": cannot be judged over time"
        )
        made.append(_of_verdict(site, row, f"{measure}{word} in {row['area_name']}"))
    return made


def _areas(site: Site) -> list[Finding]:
    """How many areas of the first level below the sums rose and fell, and which, where they are few."""
    words, summary = site.published.words, site.summary
    rows = [row for row in summary.rows("headlines") if row["value"] > 1]
    rows = [row for row in rows if site.book.level_rank(row["area_level"]) > site.book.level_rank("subregion")]
    if not rows:
        return []
    top = min(site.book.level_rank(row["area_level"]) for row in rows)
    rows = sorted(
        (row for row in rows if site.book.level_rank(row["area_level"]) == top),
        key=lambda row: measure_rank(row["measure"]),
    )
    made = []
    for row in rows[:AREA_MEASURES]:
        key = {"measure": row["measure"], "area_level": row["area_level"]}
        counts = {
            word: summary.row("headlines_by_change", word=word, **key) for word in ("rose", "fell", "no_clear_change")
        }
        label, level = words.label("measure", row["measure"]), words.label("area_level", row["area_level"]).lower()
        told = [
            f"{cells.number(count)} {said}" if count else f"none {said}"
            for count, said in zip(counts.values(), ("rose", "fell", "showed no clear change"), strict=True)
        ]
        text = f"Of {cells.number(row)} {level} with a verdict {joined(told)}; the others are too short or cannot be compared over time."
        for word, said in (("rose", "Rose"), ("fell", "Fell")):
            names = _names(site, word, key)
            text += f" {said}: {joined(names)}." if 0 < len(names) <= NAMES else ""
        headline = f"{label}: {joined(told[:2])} among {level}"
        made.append(Finding(headline, text, COUNT, "one verdict an area", "trends.html", "Trends"))
    return made


def _names(site: Site, word: str, key: dict[str, str]) -> list[str]:
    rows = [row for row in site.verdicts.headlines() if row["change_word"] == word]
    return sorted(
        {row["area_name"] for row in rows if all(row[name] == value for name, value in key.items())}, key=name_order
    )


def _standing_out(site: Site) -> list[Finding]:
    found, seen = [], set()
    for view in site.views:
        for method in view.methods:
            period = view.latest()
            kind = (method, view.key["area_level"], view.key["area_set"])
            key = view.summary_key(period)
            name = f"{view.key['area_set']}:{method}"
            if not site.summary.has("map_areas", word=name, **key) or kind in seen or view.key["exploitation"] != "_T":
                continue
            seen.add(kind)
            found.append(_standing_out_in(site, view, method, period, name, key))
    return found[:2]


def _standing_out_in(site: Site, view: View, method: str, period: int, name: str, key: dict[str, str]) -> Finding:
    words, summary = site.published.words, site.summary
    assessed = summary.number("map_areas", word=name, **key)
    high, low = ("hot", "cold") if method == SPATIAL else ("above", "below")
    found = {side: summary.row("map_areas_by_assessment", word=f"{name}:{side}", **key) for side in (high, low)}
    told = {side: cells.number(row) if row else "None" for side, row in found.items()}
    measure, when = words.label("measure", view.key["measure"]), period_label(view.periods[period])
    level = words.label("area_level", view.key["area_level"]).lower()
    if method == SPATIAL:
        headline = f"{told[high]} of {assessed} {level} stand out together with their neighbours"
        text = f"{measure}, {when}: rates higher than chance would give, an area and its neighbours taken together"
    else:
        headline = f"{told[high]} of {assessed} {level} lie above the range of their region"
        text = f"{measure}, {when}: above the funnel limits for the size of the area"
    names = view.names_of(method, period, high)
    text += f" ({joined(names)})." if 0 < len(names) <= NAMES else "."
    text += f" {told[low]} lie significantly low." if found[low] else ""
    text += " Detected, not prevalence: a high figure may show good detection."
    ground = "false discovery rate held at 5 %"
    ground += " in each source's map" if view.is_of_several_sources else ""
    return Finding(headline, text, TEST, ground, "hotspots.html", "Hotspots")


def _alerts(site: Site) -> list[Finding]:
    """Newest counts of the first measure and finest level above their own past, quarter by quarter."""
    summary, words = site.summary, site.published.words
    rows = [
        row
        for row in summary.rows("areas_alerted_of_totals", period="_T")
        if row["value"] > 0 and row["denominator"] > 1
    ]
    if not rows:
        return []
    first = min(measure_rank(row["measure"]) for row in rows)
    mine = [row for row in rows if measure_rank(row["measure"]) == first]
    row = max(mine, key=lambda row: (site.book.level_rank(row["area_level"]), row["area_level"]))
    key = {"measure": row["measure"], "area_level": row["area_level"]}
    by_period = [each for each in summary.rows("areas_alerted_of_totals", **key) if each["period"] != "_T"]
    by_period.sort(key=lambda each: each["period"])
    told = [
        f"{period_label(each['period'])}: {cells.number(each)} of {cells.number(each, 'denominator')}"
        for each in by_period
    ]
    places = words.label("area_level", row["area_level"]).lower()
    text = f"{words.label('measure', row['measure'])}, areas with a count above what their own past would give, by period: "
    text += f"{'; '.join(told)}."
    text += " A reason to look and no finding about what happened: a raid or a new hotline raises them too."
    headline = f"{cells.number(row)} of {cells.number(row, 'denominator')} {places} had a newest count above their past"
    ground = "false discovery rate held at 5 % in each period"
    return [Finding(headline, text, TEST, ground, "trends.html#alerts", "Alerts")]


def _law_steps(site: Site) -> list[Finding]:
    """A country whose level changed where its law did: a break, and no verdict of rise or fall."""
    words, found = site.published.words, []
    for row in site.verdicts.headlines():
        series = site.book.by_id.get(row["series_id"])
        said = step_sentence(series.trend) if series else ""
        is_step = {"break_law", "level_changed_at_break"} <= set(listed(row["reasons"]))
        if said and is_step and row["area_level"] == "country":
            label = words.label("measure", row["measure"])
            headline = f"{row['area_name']}: the law changed, the series breaks"
            found.append((measure_rank(row["measure"]), headline, f"{label}. {said}", row["evidence_word"]))
    found.sort()
    return [
        Finding(
            headline,
            text,
            words.label("evidence_word", evidence),
            "dated change in the law tables",
            "definitions.html",
            "Definitions",
            DOTS[evidence],
        )
        for _, headline, text, evidence in found[:1]
    ]


def _flows(site: Site) -> list[Finding]:
    """Flows of the newest period of the first measure that are larger than origin and destination alone would give."""
    rows = [row for row in site.summary.rows("flows_larger_than_expected") if row["value"] > 0]
    if not rows or not site.published.has("corridors"):
        return []
    row = min(
        rows,
        key=lambda row: (
            measure_rank(row["measure"]),
            _backwards(row["period"]),
            row["source"],
            row["dataset"],
            row["word"],
        ),
    )
    table = site.published.table("corridors")
    held = table[(table["assessment"] == "above") & (table["period"] == row["period"])]
    for column, name in (
        ("measure", "measure"),
        ("source", "source"),
        ("dataset", "dataset"),
        ("counterpart_role", "word"),
    ):
        held = held[held[column] == row[name]]
    pairs = [
        f"{flow['counterpart_area_name']} to {flow['area_name']}"
        for flow in held.sort_values(["counterpart_area_name", "area_name"]).to_dict("records")
    ]
    text = f"{cells.number(row, 'denominator')} flows were large enough to assess ({period_label(row['period'])})."
    text += f" More than origin and destination alone would give: {joined(pairs[:4])}" if pairs else ""
    text += (" and others." if len(pairs) > 4 else ".") if pairs else ""
    headline = f"{cells.number(row)} flow{'s stand' if row['value'] != 1 else ' stands'} out"
    return [
        Finding(
            headline,
            text,
            TEST,
            "false discovery rate held at 5 %",
            "corridors.html",
            "Corridors",
        )
    ]


def _backwards(period: str) -> tuple[int, ...]:
    """Sort key that puts the newest period first."""
    return tuple(-ord(letter) for letter in period)


def _revisions(site: Site) -> list[Finding]:
    table, summary = site.published.table("changes"), site.summary
    if table.empty or not (summary.has("figures_moved") or summary.has("figures_changed", word="new")):
        return []
    revised = summary.number("figures_moved") if summary.has("figures_moved") else "no"
    new = summary.number("figures_changed", word="new") if summary.has("figures_changed", word="new") else "none"
    text = f"Since the sources' previous issues {revised} figures were revised and {new} are new."
    moved = moved_most(of_kind(table, "revised"))
    if len(moved):
        top = moved.iloc[0].to_dict()
        text += (
            f" The largest revision: {top['area_name']}, {site.published.words.label('measure', top['measure']).lower()} "
            f"{period_label(top['period'])}, from {before(top)} to {cells.span(top)}."
        )
    headline = f"{revised[:1].upper()}{revised[1:]} figures revised, {new} new"
    return [Finding(headline, text, COUNT, "both issues as of the same day", "changes.html", "Changes")]


def _late(site: Site) -> list[Finding]:
    """Areas that a figure of the field is overdue of; of how many it is expected."""
    summary = site.summary
    if not summary.has("areas_late"):
        return []
    late, of = summary.number("areas_late"), summary.of("areas_late")
    table = site.published.table("coverage")
    names = sorted({row["source_name"] for row in table.to_dict("records") if row["is_late"]} - {""})
    by = f", reported by {joined(names)}" if 0 < len(names) <= 3 else ""
    text = f"Figures are overdue for {late} of the {of} areas that they are expected of{by} (as of {day(site.published.as_of)})."
    text += " Sums with them are incomplete."
    return [
        Finding(
            f"Figures of {late} areas are late", text, COUNT, "against the agreed dates", "coverage.html", "Coverage"
        )
    ]
