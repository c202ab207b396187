"""What a proposal says of the columns: measure, unit, area, splits and counterparts, each with the map that its labels need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from submissions.onboarding.figures import propose_period, propose_value
from submissions.onboarding.form import SampleForm
from submissions.onboarding.meaning import Meaning
from submissions.onboarding.values import unit_of
from submissions.vocabulary.country_names import country_codes, resolve
from submissions.vocabulary.fields import codes
from submissions.vocabulary.label_words import begins_with_total, code_of_label, codes_of_labels, is_total
from submissions.vocabulary.multiplier_words import fiscal_said, multiplier_said
from submissions.vocabulary.period_names import folded_period

if TYPE_CHECKING:
    from submissions.contracts.located_yaml import Place
    from submissions.onboarding.model import Answers, Proposal


def propose_columns(
    proposal: Proposal,
    place: Place,
    answers: Answers,
    meaning: Meaning,
    country: str,
    known: dict[str, str],
    form: SampleForm,
    revised: str,
) -> None:
    inner: Place = (*place, "columns")
    if "measure" in meaning.roles and answers.measure is None:
        column = meaning.roles["measure"]
        file = _map_file(proposal, inner, "measure")
        proposal.maps[file] = [(label, "", "") for label in sorted(column.texts, key=folded_period)]
        proposal.put((*inner, "measure"), {"from": column.name, "map": file})
        proposal.guesses[(*inner, "measure", "map")] = (
            "each row has its measure; the measures stand in the seed `measures`"
        )
    else:
        proposal.put(
            (*inner, "measure"),
            {"constant": answers.measure or "victims_detected"},
            None if answers.measure else "what is counted; the measures stand in the seed `measures`",
        )
    of_units = meaning.roles.get("unit") or meaning.roles.get("measure")
    if of_units is not None and ("unit" in meaning.roles or any(map(multiplier_said, of_units.texts))):
        column = of_units
        proposal.put(
            (*inner, "unit"), {"from": column.name, "values": {label: unit_of(label) for label in column.texts}}
        )
        proposal.guesses[(*inner, "unit", "values")] = "each row has its unit"
    _area(proposal, inner, meaning, country, known)
    proposal.put(
        (*inner, "area_role"),
        {"constant": answers.area_role or "detection"},
        None if answers.area_role else "what the area is: detection, exploitation, recruitment, court, reporting body?",
    )
    for role in ("sex", "age", "exploitation"):
        if role == meaning.group_role:
            source = meaning.group_source or ("group" if "(?P<group>" in (meaning.unpivot or "") else "heading")
            _mapped(proposal, inner, role, source, meaning.group_labels, "from the header")
        elif role in meaning.roles:
            column = meaning.roles[role]
            _mapped(proposal, inner, role, column.name, column.texts, meaning.why[role], bool(column.blanks))
    if meaning.group_labels and meaning.group_role is None and len(meaning.group_labels) > 1:
        proposal.notes.append(
            "the headers also say: " + ", ".join(meaning.group_labels) + "; the group is not read yet"
        )
    if "counterpart_area" in meaning.roles:
        _counterpart(proposal, inner, meaning)
    says_fiscal = any(fiscal_said(" ".join(row)) for _, row in form.preamble)
    says_fiscal = says_fiscal or "fiscal_year" in proposal.content["datasets"].get(revised, {})
    propose_period(proposal, place, meaning, says_fiscal)
    named = proposal.content["datasets"].get(revised, {}).get("columns", {}).get("period", {}).get("names")
    own = proposal.content["datasets"][place[1]]["columns"]["period"]
    if named and ("language" in own or "names" in own):
        # the publisher's own names are the same on both sheets, whichever of them the corrections happen to hold
        proposal.put((*inner, "period", "names"), named)
    propose_value(proposal, inner, meaning, form)


def _area(proposal: Proposal, inner: Place, meaning: Meaning, country: str, known: dict[str, str]) -> None:
    column = meaning.roles.get("area")
    if column is None:
        code = country if country not in ("INT", "EUR") else "_U"
        proposal.put((*inner, "area"), {"constant": code}, "no column of areas was found")
        return
    labels = [label for label in column.texts if not is_total(label) and not begins_with_total(label)]
    rows = [
        (label, known.get(label) or known.get(folded_period(label), ""), "")
        for label in sorted(labels, key=folded_period)
    ]
    found = sum(1 for _, code, _ in rows if code)
    file = _map_file(proposal, inner, "area")
    proposal.maps[file] = rows
    if not found:
        proposal.notes.append(
            "no label is the name of a known area: where the areas have a set, put it into areas/ of the contracts "
            "folder first, then propose again"
        )
    proposal.put((*inner, "area"), {"from": column.name, "map": file})
    proposal.guesses[(*inner, "area", "from")] = meaning.why["area"]
    proposal.guesses[(*inner, "area", "map")] = (
        f"{found} of {len(rows)} labels have the name of a known area; look through the map"
    )


def _map_file(proposal: Proposal, inner: Place, role: str) -> str:
    """Maps of a second dataset have its name: its labels may mean something else."""
    is_first = next(iter(proposal.content["datasets"])) == inner[1]
    return f"map_{role}.csv" if is_first else f"map_{inner[1]}_{role}.csv"


def _mapped(
    proposal: Proposal, inner: Place, role: str, source: str, labels: Sequence[str], why: str, has_blanks: bool = False
) -> None:
    known = codes_of_labels(role, labels, codes(role))
    rows = [(label, known[label], "") for label in sorted(labels, key=folded_period)]
    if has_blanks:
        rows.insert(0, ("", "", "cells without a label"))
    found = sum(1 for _, code, _ in rows if code)
    file = _map_file(proposal, inner, role)
    proposal.maps[file] = rows
    proposal.put((*inner, role), {"from": source, "map": file})
    proposal.guesses[(*inner, role, "from")] = why
    proposal.guesses[(*inner, role, "map")] = (
        f"{found} of {len(rows)} labels have a word that is known; look through the map"
    )


def _counterpart(proposal: Proposal, inner: Place, meaning: Meaning) -> None:
    column = meaning.roles["counterpart_area"]
    left = [label for label in column.texts if resolve(label) is None]
    rule: dict[str, Any] = {"from": column.name, "library": "country_names"}
    if left or column.blanks:
        rows = [(label, _counterpart_code(label), "") for label in sorted(left, key=folded_period)]
        file = _map_file(proposal, inner, "counterpart_area")
        proposal.maps[file] = [("", "", "cells without a label")] * bool(column.blanks) + rows
        rule = {"from": column.name, "map": file, "library": "country_names"}
    proposal.put((*inner, "counterpart_area"), rule)
    proposal.guesses[(*inner, "counterpart_area", "from")] = meaning.why["counterpart_area"]
    if "map" in rule:
        proposal.guesses[(*inner, "counterpart_area", "map")] = (
            "labels that are no name of a country; look through the map"
        )
    totals = [label for label in column.texts if is_total(label)]
    roles: Any = {"constant": "citizenship"}
    if totals:
        roles = [{"constant": "_Z", "where": {column.name: totals}}, roles]
    proposal.put((*inner, "counterpart_role"), roles, "citizenship, recruitment, repatriation or asset location?")


def _counterpart_code(label: str) -> str:
    code = code_of_label("counterpart_area", label, ())
    return code or (label if label in country_codes().values() else "")
