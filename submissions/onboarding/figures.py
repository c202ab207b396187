"""What a proposal says of periods and figures: how they are written, what stands behind a number, thousands and millions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from submissions.onboarding.form import NUMBER, SampleForm, behind
from submissions.onboarding.headings import names_as_written
from submissions.onboarding.values import are_thousands_with_point, mark_of, status_of_suffix, thousands_of
from submissions.vocabulary.multiplier_words import multiplier_said

if TYPE_CHECKING:
    from submissions.contracts.located_yaml import Place
    from submissions.onboarding.columns import Meaning
    from submissions.onboarding.model import Proposal

MARKS, MARK_CHARACTERS = 20, 16


def propose_period(proposal: Proposal, place: Place, meaning: Meaning, says_fiscal: bool) -> None:
    rule = meaning.period
    if rule is None:
        proposal.put(
            (*place, "columns", "period"), {"constant": "1900", "as": "year"}, "no column of periods was found"
        )
        return
    sources: Any = list(rule.sources)
    if not sources:
        sources = ["period" if "(?P<period>" in (meaning.unpivot or "") else "heading"]
    content: dict[str, Any] = {"from": sources[0] if len(sources) == 1 else sources}
    content["as"] = rule.forms[0] if len(rule.forms) == 1 else list(rule.forms)
    reason = "all its texts are read so"
    if rule.languages:
        content["language"] = rule.languages[0]
        reason = "months or quarters are named in this language"
    if rule.names:
        content["names"] = names_as_written(rule)
        reason += "; `names` are the publisher's own, by their place among the others"
    if rule.is_fiscal:
        content["fiscal"] = True
        proposal.put(
            (*place, "fiscal_year"),
            {"starts": "04-01", "named_after": "start"},
            "years such as 2019/20: on which day do they begin? which of the two years is a label with one alone?",
        )
    elif says_fiscal:
        content["fiscal"] = True
        proposal.put(
            (*place, "fiscal_year"),
            {"starts": "04-01", "named_after": "start"},
            "the file speaks of fiscal years: on which day do they begin, and does a label name the year they begin or end in?",
        )
    proposal.put((*place, "columns", "period"), content, reason)


def propose_value(proposal: Proposal, inner: Place, meaning: Meaning, form: SampleForm) -> None:
    if not meaning.figures:
        return
    source = "figure" if meaning.unpivot else meaning.figures[0].name
    place = (*inner, "value")
    proposal.put((*place, "from"), source, None if meaning.unpivot else "it holds numbers")
    texts = list(dict.fromkeys(label for column in meaning.figures for label in column.texts))
    thousands = thousands_of(texts, form.keys.get("decimal", "."))
    if "decimal" not in form.keys and are_thousands_with_point(texts):
        proposal.put((*place, "thousands"), ".", "all numbers with a point have three digits after it")
        proposal.put((*place, "decimal"), ",", "the point parts thousands")
    elif thousands:
        proposal.put((*place, "thousands"), thousands, "numbers such as 1" + thousands + "234 stand in the sample")
    _multiplier(proposal, place, meaning, form)
    suffixes = list(dict.fromkeys(part for text in texts for part in behind(text)))
    if suffixes and len(suffixes) <= MARKS:
        proposal.put((*place, "suffixes"), {text: status_of_suffix(text) for text in suffixes})
        for text in suffixes:
            proposal.guesses[(*place, "suffixes", text)] = (
                "what does it say behind a number? a status, or `none` for a footnote"
            )
    texts = [text for text in texts if not NUMBER.fullmatch(text) and not (suffixes and behind(text))]
    marks = [text for text in texts if len(text) <= MARK_CHARACTERS]
    others = len(texts) - len(marks[:MARKS])
    if any(column.blanks for column in meaning.figures):
        marks.insert(0, "")
    for text in marks[:MARKS]:
        meaning_of_mark, reason = mark_of(text)
        proposal.put((*place, "marks", text), meaning_of_mark, reason)
    if others > 0:
        proposal.warnings.append(f"{others:,} more texts stand among the figures: is this the column of figures?")


def _multiplier(proposal: Proposal, place: Place, meaning: Meaning, form: SampleForm) -> None:
    """Thousands or millions, where a label of the row, a header or a title says so."""
    unit = meaning.roles.get("unit") or meaning.roles.get("measure")
    if unit is not None and any(map(multiplier_said, unit.texts)):
        values = {label: str(multiplier_said(label) or 1) for label in unit.texts}
        proposal.put(
            (*place, "multiplier"), {"from": unit.name, "values": values}, "its labels say in what the figures stand"
        )
        return
    titles = [" ".join(row) for _, row in form.preamble]
    said = [
        (number, text)
        for text in (*(each.name for each in meaning.figures), *titles)
        if (number := multiplier_said(text))
    ]
    if said:
        proposal.put((*place, "multiplier"), str(said[0][0]), "a title or header says so")
