"""What a proposal says of rows and columns that are no figures of their own: totals, what is left out, what is read as rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from submissions.onboarding.form import escaped
from submissions.onboarding.headings import PART, names_as_written
from submissions.onboarding.meaning import Exclusion, Meaning
from submissions.onboarding.periods import control_of_rows, span_with_year, without_year
from submissions.vocabulary.label_words import half_of_year, rule_of_numbers, says, span_of_total

if TYPE_CHECKING:
    from submissions.contracts.located_yaml import Place
    from submissions.onboarding.model import Proposal


def propose_ignored(proposal: Proposal, place: Place, meaning: Meaning, personal: Sequence[tuple[str, str]]) -> None:
    """Columns that nothing is read from: each needs its reason, and is refused without one."""
    outer = [column.name for column in meaning.outer_areas]
    hidden = {column for column, _ in personal}
    names = [name for name in dict.fromkeys([*meaning.unread, *outer]) if name not in hidden]
    if not names:
        return
    reason = "not read"
    proposal.put((*place, "ignored"), [{"column": name, "reason": reason} for name in names])
    for index, name in enumerate(names):
        what = "what the areas are part of" if name in outer else "does it split the figures? then add it under columns"
        if says("other_figure", name):
            what = "what stood before, or a difference?"
        proposal.guesses[(*place, "ignored", index)] = what


def propose_control_totals(proposal: Proposal, place: Place, meaning: Meaning) -> None:
    """Totals over periods: compared with their parts, and no figures."""
    if meaning.period is None:
        return
    fiscal = {"fiscal": True} if meaning.period.is_fiscal else {}
    rules: list[dict[str, Any]] = [
        {"column": PART} | rule
        for rule in _totals_of_parts([label for label, _ in meaning.totals], PART, meaning.year_source)
    ]
    column = control_of_rows(meaning)
    if column is not None and "period_2" in meaning.roles:
        (year,) = (name for name in meaning.period.sources if name != column.name)
        of_months = meaning.period.forms == ("month",)
        rules += [
            {"column": column.name} | rule for rule in _totals_of_parts(column.texts, column.name, year, of_months)
        ]
    elif column is not None:
        halves = [label for label in column.texts if span_with_year(label) == "semester"]
        if halves:
            period: dict[str, Any] = {"from": column.name, "as": "semester"}
            rules.append({"column": column.name, "in": halves, "period": period | _names_of_halves(halves)})
        years = [label for label in column.texts if span_with_year(label) == "year"]
        for words in dict.fromkeys(map(without_year, years)):
            same = [label for label in years if without_year(label) == words]
            pattern = escaped(same[0]).replace(re.findall(r"\d{4}", same[0])[0], r"(?P<year>\d{4})")
            rules.append({"column": column.name, "in": same, "period": {"from": column.name, "pattern": pattern}})
    if rules:
        proposal.put((*place, "control_totals"), [rule | {"period": rule["period"] | fiscal} for rule in rules])
        for index in range(len(rules)):
            proposal.guesses[(*place, "control_totals", index)] = "totals of the parts of a year: compared, no figures"


def _totals_of_parts(labels: Sequence[str], part: str, year: str, of_months: bool = False) -> list[dict[str, Any]]:
    """Whole years and half-years among the parts of a year, and quarters among months, each with how its period is read."""
    found: list[dict[str, Any]] = []
    for span in ("year", "semester"):
        of_span = [label for label in labels if span_of_total(label) == span]
        if of_span and span == "year":
            found.append({"in": of_span, "period": {"from": year, "as": "year"}})
        elif of_span:
            found.append({"in": of_span, "period": {"from": [year, part], "as": span} | _names_of_halves(of_span)})
    quarters = [label for label in labels if of_months and rule_of_numbers([f"{label} 2000"])]
    rule = rule_of_numbers([f"{label} 2000" for label in quarters])
    if rule is not None:
        names = names_as_written(rule)
        found.append({"in": quarters, "period": {"from": [year, part], "as": "quarter", "names": names}})
    return found


def _names_of_halves(labels: Sequence[str]) -> dict[str, Any]:
    """`names` of half-years, where the reader does not know them without: the label without its year."""
    names = dict.fromkeys(map(without_year, labels))
    if all(re.fullmatch(r"[SsHh][12]", name) for name in names):
        return {}
    return {"names": {name: f"S{half_of_year(name)}" for name in names}}


def propose_unpivot(proposal: Proposal, place: Place, meaning: Meaning) -> None:
    if meaning.unpivot is None:
        return
    number = len(meaning.figures)
    proposal.put(
        (*place, "unpivot"),
        {"columns": meaning.unpivot, "into": {"name": "heading", "value": "figure"}},
        f"{number} columns of figures are read as rows",
    )


def propose_exclusions(proposal: Proposal, place: Place, exclusions: Sequence[Exclusion]) -> None:
    rules = [
        {"column": each.column}
        | ({"in": list(each.labels)} if each.labels else {"starts_with": list(each.starts_with)})
        | {"reason": each.reason}
        for each in exclusions
    ]
    if rules:
        proposal.put((*place, "exclude"), rules)
        for index, rule in enumerate(rules):
            proposal.guesses[(*place, "exclude", index)] = (
                f"rows named {', '.join(rule.get('in', rule.get('starts_with')))}"
            )
