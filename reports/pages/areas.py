"""One page an area: only what is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from reports.charts import palette
from reports.charts.maps import ASSESSED
from reports.charts.series import Series
from reports.pages.area_parts import parts, parts_by_area
from reports.pages.changes import change_row
from reports.pages.law import break_rows, definition_row
from reports.wording import cells
from reports.wording.series_words import change_sentence, step_sentence
from reports.wording.verdicts import label as verdict_label
from reports.wording.verdicts import of_areas, of_contributors, reasons
from reports.wording.verdicts import sentence as verdict_sentence
from reports.wording.words import day, joined, name_order, number, order_names, period_label, probability

if TYPE_CHECKING:
    from reports.charts.site import Site

CHARTS_PER_AREA = 8
OTHER_SOURCES = 3
FACTS = 6
FLOWS_SHOWN = 60
CHANGES_SHOWN = 40


def contents(site: Site) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(code, file name without ending, content) for every area with a page, by code."""
    lookup = _Lookup(site)
    for code, stem in site.area_pages.items():
        yield code, stem, _content(site, lookup, code)


class _Lookup:
    """The tables cut by area once, so that each page is a few dictionary reads."""

    def __init__(self, site: Site) -> None:
        published = site.published
        areas = published.table("areas")
        self.areas = {row["area_code"]: row for row in areas.to_dict("records")} if len(areas) else {}
        self.children: dict[str, list[tuple[str, str]]] = {}
        for code, row in self.areas.items():
            if row["parent_code"]:
                self.children.setdefault(row["parent_code"], []).append((code, row["area_name"]))
        self.coverage = _by(published.table("coverage"), "area_code")
        self.changes = _by(published.table("changes"), "area_code")
        self.definitions = _by(published.table("comparability"), "jurisdiction")
        self.parts = parts_by_area(published.table("observations"))
        self.assessments: dict[str, list[tuple[Any, int, int]]] = {}
        for view in site.views:
            period = view.latest()
            for position, view_code in enumerate(view.codes):
                self.assessments.setdefault(view_code, []).append((view, period, position))
        self.flows = _flows_by_area(published.table("corridors"))


def _by(table: pd.DataFrame, column: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_dict("records") if len(table) else []:
        found.setdefault(str(row[column]), []).append(row)
    return found


def _flows_by_area(table: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    if table.empty:
        return found
    newest: dict[tuple, str] = {}
    keys = list(zip(table["measure"], table["source"], table["dataset"], strict=True))
    for key, period in zip(keys, table["period"], strict=True):
        newest[key] = max(newest.get(key, ""), period)
    last = table[[period == newest[key] for key, period in zip(keys, table["period"], strict=True)]]
    for row in last.sort_values(["counterpart_area_name", "area_name"], key=order_names).to_dict("records"):
        for code in {row["area_code"], row["counterpart_area"]}:
            found.setdefault(code, []).append(row)
    return found


def _content(site: Site, lookup: _Lookup, code: str) -> dict[str, Any]:
    words, book = site.published.words, site.book
    area = lookup.areas.get(code, {"area_name": code, "area_level": "", "parent_code": ""})
    series = book.by_area.get(code, [])
    main = _main_series(series)
    charts = [_chart(site, item, series) for item in main[:CHARTS_PER_AREA]]
    crumbs, parent = [], area["parent_code"]
    while parent and parent in lookup.areas and len(crumbs) < 6:
        crumbs.insert(0, (parent, lookup.areas[parent]["area_name"]))
        parent = lookup.areas[parent]["parent_code"]
    breaks = [
        row | {"inherited": "" if row["code"] == code else f"in {row['name']}"}
        for row in break_rows(book.breaks_of(code), words)
    ]
    name = area["area_name"] or code
    return {
        "name": name,
        "level": _one_of(words.label("area_level", area["area_level"])),
        "crumbs": crumbs,
        "lead": _lead(site, series, lookup.coverage.get(code, [])),
        "facts": _facts(site, main),
        "verdicts": _verdicts(site, code),
        "assessments": [_assessment(site, *entry) for entry in _main_assessments(lookup.assessments.get(code, []))],
        "charts": charts,
        "has_marks": any(chart["has_marks"] for chart in charts),
        "has_gaps": any(chart["has_gaps"] for chart in charts),
        "parts": parts(site, lookup.parts.get(code, []), series),
        "corridors": [_flow(row) for row in lookup.flows.get(code, [])[:FLOWS_SHOWN]],
        "breaks": breaks,
        "definitions": [
            definition_row(row)
            for row in sorted(
                lookup.definitions.get(code, []), key=lambda row: (row["valid_from"], row["definition_id"])
            )
        ],
        "coverage": [_report(row) for row in lookup.coverage.get(code, [])],
        "changes": [
            change_row(site, row) for row in lookup.changes.get(code, []) if row["kind"] != "revised" or row["is_moved"]
        ][:CHANGES_SHOWN],
        "children": sorted(lookup.children.get(code, []), key=lambda entry: (name_order(entry[1]), entry[0])),
    }


def _main_series(series: list[Series]) -> list[Series]:
    """Selected totals, main measures first, years before quarters."""
    order = ("victims_detected", "victims_referred", "victims_identified", "persons_convicted")
    chosen = [item for item in series if item.is_total and item.key.get("is_leading")]
    return sorted(
        chosen,
        key=lambda item: (
            order.index(item.key["measure"]) if item.key["measure"] in order else len(order),
            item.key["measure"], item.key["frequency"] != "A", item.key["source"], item.key["series_id"],
        ),
    )  # fmt: skip


def _chart(site: Site, item: Series, series: list[Series]) -> dict[str, Any]:
    book, words = site.book, site.published.words
    others = [
        other
        for other in series
        if other is not item
        and other.is_total
        and not other.key.get("is_leading")
        and other.key["derivation"] != "chain_linked"
        and all(other.key[name] == item.key[name] for name in ("measure", "frequency", "unit", "area_role"))
    ]
    # another source says more than another way of adding up the same one
    others.sort(key=lambda other: (other.key["source"] == item.key["source"], other.key["series_id"]))
    others = others[:OTHER_SOURCES]
    points = book.points(item)
    colours = [palette.ACCENT, *(palette.LINES[index % len(palette.LINES)] for index in range(1, len(others) + 1))]
    label = words.label("measure", item.key["measure"])
    role = words.label("area_role", item.key.get("area_role", ""))
    period = points[-1].text.split(":")[0] if points else ""
    return {
        "title": f"{label}, {words.label('frequency', item.key['frequency'])}"
        + (f", {role}" if role else "")
        + (f", {part}" if (part := book.part_of(item)) else ""),
        "svg": Markup(book.chart(item, width=440, height=190, others=others)),
        "legend": [
            (palette.colour_class(colour), index > 0, book.describe(member))
            for index, (colour, member) in enumerate(zip(colours, [item, *others], strict=True))
        ]
        if others
        else [],
        "text": book.says(item) if item.trend else "",
        "step": step_sentence(item.trend),
        "change": change_sentence(item.trend),
        "has_marks": bool(book.marks(item)),
        "has_gaps": any(point.value is None for point in points),
        "facts": site.provenance([item.key["source"], *(other.key["source"] for other in others)], period),
    }


def _lead(site: Site, series: list[Series], coverage: list[dict[str, Any]]) -> str:
    """Who reports on the area, and of which years; sources by name, not by number."""
    names = sorted(
        {
            site.published.source_name(code)
            for code in [item.key["source"] for item in series] + [row["source"] for row in coverage]
        }
    )
    if not series:
        return "No series is published for this area itself; what is known about it stands below."
    periods = [period for item in series for period in site.book.columns["period"][item.rows]]
    told = joined(names) if len(names) <= 4 else f"{', '.join(names[:3])} and others"
    first, last = min(periods)[:4], max(periods)[:4]
    return f"Figures of {told}, {first} to {last}." if first != last else f"Figures of {told}, {first}."


def _facts(site: Site, main: list[Series]) -> list[tuple[str, str, str]]:
    """The newest figure of each main measure, and the one verdict on it."""
    book, words, facts, seen = site.book, site.published.words, [], set()
    for item in main:
        measure = item.key["measure"]
        if measure in seen or len(facts) == FACTS:
            continue
        seen.add(measure)
        label = words.label("measure", measure)
        part = book.part_of(item)
        label += f", {part}" if part else ""
        facts.append((label, *_newest(book, item, words)))
        row = site.verdicts.of(item.key["area_code"], measure)
        if row is not None:
            evidence = words.label("evidence_word", row["evidence_word"])
            small = f"{evidence}, {period_label(row['period_first'])} to {period_label(row['period_last'])}"
            facts.append((f"Verdict, {words.label('measure', measure).lower()}", verdict_label(row), small))
    return facts


def _newest(book: Any, item: Series, words: Any) -> tuple[str, str]:
    """The newest exact figure with its period and rate, or why there is none."""
    last = book.last_point(item)
    if last is None:
        reasons = {reason for reason in book.columns["missing_reason"][item.rows] if reason}
        return "–", words.label("missing_reason", sorted(reasons)[0]) if len(reasons) == 1 else "no exact figure"
    period, value = last
    columns = {name: values[item.rows] for name, values in book.columns.items()}
    position = columns["period"].index(period)
    at = columns["at"][position]
    small = period_label(period)
    rate = columns["rate_per_100k"][position] if "rate_per_100k" in columns else float("nan")
    if rate == rate:
        small += f" · {cells.mark(f'{at}.rate_per_100k', number(rate))} per 100,000"
        basis = columns["rate_basis"][position] if "rate_basis" in columns else ""
        small += " a year" if str(basis).startswith("annualised") else ""
        carried = "is_population_carried" in columns and columns["is_population_carried"][position]
        small += f", with the population of {period_label(columns['population_period'][position])}" if carried else ""
    return cells.mark(f"{at}.value", number(value)), small


def _main_assessments(entries: list[tuple[Any, int, int]]) -> list[tuple[Any, int, int]]:
    """All forms together, one row a question, an assessed one before one that is not; single forms that stand out."""
    kept, seen = [], set()
    ordered = sorted(entries, key=lambda entry: _letter(*entry) not in ASSESSED)
    for entry in ordered:
        key = entry[0].key
        question = (key["measure"], key["frequency"])
        if key["exploitation"] != "_T":
            if _letter(*entry) in "hcab":
                kept.append(entry)
        elif question not in seen:
            seen.add(question)
            kept.append(entry)
    return kept


def _letter(view: Any, period: int, position: int) -> str:
    return str(view.states[view.main_method][period][position])


def _assessment(site: Site, view: Any, period: int, position: int) -> dict[str, Any]:
    words, method = site.published.words, view.main_method
    letter = view.states[method][period][position]
    reason = words.reason("not_assessed", view.reasons[method][period][position])
    return {
        "measure": words.measure(view.key["measure"], view.key["exploitation"]),
        "period": period_label(view.periods[period]),
        "rate": view.cell("rate_per_100k", period, position, number(view.rate[period][position]))
        + view.basis(period, position),
        "interval": view.interval(period, position),
        "assessment": f"{reason[:1].upper()}{reason[1:]}" if letter == "x" else palette.STATES[letter]["label"],
        "q": view.cell("q_bh", period, position, probability(view.q[method][period][position]))
        if letter in "hcnabw"
        else "–",
        "emerging": view.emerging[position].capitalize() or "–",
        "method": words.label("method", method),
        "source": site.published.source_name(view.sources[position]),
    }


def _flow(row: dict[str, Any]) -> dict[str, Any]:
    value = cells.number(row)
    if row["value"] != row["value"] and "suppressed" in str(row["eligibility_reason"]):
        value = "hidden"
    return {
        "origin": row["counterpart_area"],
        "origin_name": row["counterpart_area_name"],
        "target": row["area_code"],
        "target_name": row["area_name"],
        "period": period_label(row["period"]),
        "value": value,
        "expected": cells.number(row, "expected_count"),
        "q": cells.probability(row, "q"),
    }


def _report(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": row["source_name"] or row["source"],
        "dataset": row["dataset_name"] or row["dataset"],
        "reported": cells.number(row, "periods_reported_count"),
        "expected": cells.number(row, "periods_expected_count"),
        "span": f"{period_label(row['first_period'])} to {period_label(row['last_period'])}",
        "issued": day(row["last_issued_on"]),
        "late": f"{cells.number(row, 'days_late')} days late" if row["is_late"] else "",
        "share": cells.percent(row, "coverage_share"),
    }


def _verdicts(site: Site, code: str) -> list[dict[str, str]]:
    """The one verdict on each measure of the area, with its reasons and how far the evidence carries."""
    words, rows = site.published.words, []
    for row in site.verdicts.of_area(code):
        said = [verdict_sentence(row, words), of_areas(row), of_contributors(row, site.published)]
        rows.append(
            {
                "measure": words.label("measure", row["measure"]),
                "label": verdict_label(row),
                "text": " ".join(part for part in said if part),
                "reasons": reasons(row, words),
                "evidence": words.label("evidence_word", row["evidence_word"]) or "–",
            }
        )
    return rows


def _one_of(label: str) -> str:
    """The singular of a level's name, for the line above the title."""
    singular = {
        "Countries": "Country", "Regions": "Region", "Subregions": "Subregion",
        "Police force areas": "Police force area",
        "States": "State", "Districts and provinces": "District or province", "Municipalities": "Municipality",
    }  # fmt: skip
    return singular.get(label, label)
