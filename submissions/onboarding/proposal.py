"""A contract proposed from a sample file: its content, its maps, and the reason for every guess in it.

Nothing is loaded from a guess: each stands in `to_confirm`, and a contract with an entry there is refused everywhere.
What the caller answered is no guess.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from submissions.contracts import area_sets
from submissions.contracts.located_yaml import Place
from submissions.errors import WaymarkError
from submissions.onboarding.columns import columns_of, meaning_of
from submissions.onboarding.form import SampleForm, form_of_sample
from submissions.onboarding.meaning import Exclusion, Meaning
from submissions.onboarding.model import Answers, Proposal
from submissions.onboarding.periods import exclusions_of
from submissions.onboarding.proposed_columns import propose_columns
from submissions.onboarding.proposed_rows import (
    propose_control_totals,
    propose_exclusions,
    propose_ignored,
    propose_unpivot,
)
from submissions.onboarding.values import NO_DATE, currency_said, days_of, issue_of_sample
from submissions.store.publications import AUDIENCES
from submissions.validation.problems import Refusal
from submissions.vocabulary.fields import codes, seed
from submissions.vocabulary.multiplier_words import corrections_said
from submissions.vocabulary.period_names import folded_period

PARTNER_ID = re.compile(
    r"([a-z]{3})_(police|prosecution|court|ngo|immigration|labour|fiu|hotline|health|stat|io)_[a-z0-9_]+"
)
DATASET = re.compile(r"[a-z][a-z0-9_]*")


def propose(partner: str, path: Path, answers: Answers, roots: Sequence[Path]) -> Proposal:
    """Looks at a sample and proposes a contract. Raises WaymarkError for an id, a name or a file that cannot be used."""
    match = PARTNER_ID.fullmatch(partner)
    if match is None:
        raise WaymarkError(
            f"'{partner}' is no id of a partner",
            hint="An id is <iso3, int or eur>_<sector>_<short name> in lower case, such as qma_police_national.",
        )
    name = answers.dataset or "figures"
    if not DATASET.fullmatch(name):
        raise WaymarkError(
            f"'{name}' is no name of a dataset", hint="Lower-case letters, digits and _, a letter first."
        )
    _known(answers)
    form = form_of_sample(path, answers.sheet)
    known = _areas(roots, match[1].upper())
    proposal = Proposal({"partner": partner})
    _partner(proposal, answers, match[2])
    _described(proposal, ("datasets", name), path, form, answers, known)
    # corrections to its cells may stand beside a table; the sheet that was asked for is the only one
    sheets = [] if answers.sheet else form.other_sheets
    unread = [sheet for sheet in sheets if not _corrections(proposal, name, path, sheet, answers, known)]
    if unread:
        proposal.notes.append(f"sheets that are not read: {', '.join(unread)}")
    proposal.notes = list(dict.fromkeys(proposal.notes))
    return proposal


def _corrections(
    proposal: Proposal, revised: str, path: Path, sheet: str, answers: Answers, known: dict[str, str]
) -> bool:
    """Proposes a sheet that says it holds corrections as a second dataset, once; whether it did."""
    name = f"{revised}_corrections"
    if name in proposal.content["datasets"]:
        return False
    try:
        form = form_of_sample(path, sheet)
    except WaymarkError:
        return False
    titles = [sheet, *(" ".join(row) for _, row in form.preamble)]
    if not any(map(corrections_said, titles)):
        return False
    issued_before, own = (
        proposal.content["datasets"][revised]["issued_on"],
        replace(answers, replaces="keys", title=None),
    )
    _described(proposal, ("datasets", name), path, form, own, known, revised)
    if proposal.content["datasets"][name]["issued_on"] == NO_DATE:
        proposal.put(
            ("datasets", name, "issued_on"),
            issued_before,
            "no date of its own was found: the corrected figures came out later",
        )
    return True


def _described(
    proposal: Proposal,
    dataset: Place,
    path: Path,
    form: SampleForm,
    answers: Answers,
    known: dict[str, str],
    revised: str = "",
) -> None:
    """One dataset: the sample under its form, what its columns mean, and every guess."""
    country, sector = proposal.content["partner"][:3].upper(), proposal.content["sector"]
    meaning, exclusions, personal = _looked_at(path, form, known)
    _dataset(proposal, dataset, answers, sector, meaning, form)
    if revised:
        proposal.put((*dataset, "revises"), revised, "its title speaks of corrections: to the cells of this dataset?")
        # what is corrected is counted as it was, whether or not the sheet says so again
        proposal.content["datasets"][dataset[1]]["counting_unit"] = proposal.content["datasets"][revised][
            "counting_unit"
        ]
    _form(proposal, dataset, form, path, answers, meaning)
    propose_unpivot(proposal, dataset, meaning)
    propose_exclusions(proposal, dataset, exclusions)
    propose_columns(proposal, dataset, answers, meaning, country, known, form, revised)
    proposal.warnings += [
        f"the column '{column}' looks like personal data ({reason}): it is left out, and a file that holds it is refused"
        for column, reason in personal
    ]
    if personal:
        proposal.warnings.append("ask the partner for a file without it; statistics are taken, never persons")
    propose_ignored(proposal, dataset, meaning, personal)
    propose_control_totals(proposal, dataset, meaning)
    proposal.notes += form.notes


def _known(answers: Answers) -> None:
    """Refuses an answer that no contract could hold, before anything is looked at."""
    lists = {
        "measure": (answers.measure, codes("measure")),
        "area role": (answers.area_role, codes("area_role")),
        "scope": (answers.replaces, frozenset(("whole_dataset", "periods", "periods_x_areas", "keys"))),
        "audience": (answers.audience, frozenset(AUDIENCES)),
    }
    for what, (answer, known) in lists.items():
        if answer is not None and answer not in known:
            close = difflib.get_close_matches(answer, known, 1)
            advice = f"Did you mean '{close[0]}'? " if close else ""
            raise WaymarkError(f"'{answer}' is no {what}", hint=f"{advice}One of: {', '.join(sorted(known))}")
    if answers.issued_on is not None:
        try:
            date.fromisoformat(answers.issued_on)
        except ValueError:
            raise WaymarkError(
                f"'{answers.issued_on}' is no day of the calendar", hint="A date of issue is YYYY-MM-DD."
            ) from None


def _looked_at(
    path: Path, form: SampleForm, known: dict[str, str]
) -> tuple[Meaning, list[Exclusion], list[tuple[str, str]]]:
    """The sample read under its proposed form: what its columns mean, rows that are totals, personal data (column, why)."""
    import duckdb

    from submissions.readers.table import read
    from submissions.validation.screening import Roles, screen

    connection = duckdb.connect()
    try:
        reading = read(path, form.format(), connection)
    except Refusal as refusal:
        raise WaymarkError(
            f"{path.name} cannot be read as {form.keys}: {refusal.problem}", hint=refusal.problem.cure
        ) from refusal
    if not reading.rows:
        raise WaymarkError(f"{path.name} holds no rows", hint="Give a file of the partner with rows to --sample.")
    columns = columns_of(connection, reading)
    issue = "issue" if "sheets" in form.keys else None
    meaning = meaning_of(connection, columns, form, known, frozenset(), issue)
    periods = {column.position for role, column in meaning.roles.items() if role.startswith("period")}
    periods |= {meaning.issued.position} if meaning.issued else set()
    roles = Roles(
        # which of them are codes is what the contract will say
        places=frozenset(column.position for column in meaning.roles.values()) - periods,
        values=frozenset(column.position for column in meaning.figures),
        periods=frozenset(periods | {column.position for column in columns if column.name == issue}),
        is_cases=not meaning.figures,
    )
    findings = screen(connection, reading, roles).findings
    personal = frozenset(finding.position for finding in findings)
    if findings:
        meaning = meaning_of(connection, columns, form, known, personal, issue)
    exclusions = exclusions_of(meaning)
    if exclusions:
        # what is left out says nothing about the labels of the rows that are read
        meaning = meaning_of(connection, columns_of(connection, reading, exclusions), form, known, personal, issue)
    return meaning, exclusions, [(finding.column, finding.reason) for finding in findings]


def _areas(roots: Iterable[Path], country: str) -> dict[str, str]:
    """Codes of known areas by folded name and by code; a name that two areas share is left out.

    A partner of a country is looked for among the areas of its country first, where there are any.
    """
    members = area_sets.known_members(roots)
    own = [member for member in members if member["area_code"].startswith(country) and member["area_code"] != country]
    by_name: dict[str, set[str]] = {}
    for member in own or members:
        by_name.setdefault(folded_period(member["area_name"]), set()).add(member["area_code"])
    found = {name: next(iter(of_name)) for name, of_name in by_name.items() if len(of_name) == 1 and name}
    return found | {member["area_code"]: member["area_code"] for member in own or members}


# --- who and what ----------------------------------------------------------------------------------------------------


def _partner(proposal: Proposal, answers: Answers, sector: str) -> None:
    partner = proposal.content["partner"]
    proposal.put(("name",), answers.name or partner, None if answers.name else "the name shown to readers")
    proposal.put(("sector",), sector)
    for key in ("licence", "legal_basis"):
        if getattr(answers, key):
            proposal.put((key,), getattr(answers, key))
    proposal.put(
        ("audience",), answers.audience or "restricted", None if answers.audience else "what does the partner allow?"
    )
    proposal.put(
        ("minimum_cell",),
        11 if answers.minimum_cell is None else answers.minimum_cell,
        "the smallest count that may be shown" if answers.minimum_cell is None else None,
    )


def _dataset(
    proposal: Proposal, place: Place, answers: Answers, sector: str, meaning: Meaning, form: SampleForm
) -> None:
    measure = answers.measure or "victims_detected"
    unit = next((row["unit_kind"] for row in seed("measures") if row["measure"] == measure), "persons")
    titles = [*(column.name for column in meaning.figures), *(" ".join(row) for _, row in form.preamble)]
    currency = currency_said(titles)
    if unit == "currency" or (answers.measure is None and currency):
        unit = currency or unit
    proposal.put((*place, "title"), answers.title or place[1], None if answers.title else "the title shown to readers")
    if not meaning.figures:
        proposal.put((*place, "kind"), "cases", "no column counts anything: is a row a person or case?")
    proposal.put((*place, "source_type"), sector)
    is_given = answers.counting_unit or (answers.measure and unit not in ("currency", currency))
    proposal.put(
        (*place, "counting_unit"), answers.counting_unit or unit, None if is_given else "what is one of the figures?"
    )
    proposal.put(
        (*place, "period_basis"),
        answers.period_basis or "detection",
        None
        if answers.period_basis
        else "what puts a figure into its period: detection, registration, decision, offence?",
    )
    proposal.put(
        (*place, "replaces"),
        answers.replaces or "whole_dataset",
        None if answers.replaces else "what a new file replaces: whole_dataset, periods, periods_x_areas or keys?",
    )


# --- form and date of issue ------------------------------------------------------------------------------------------


def _form(proposal: Proposal, place: Place, form: SampleForm, path: Path, answers: Answers, meaning: Meaning) -> None:
    for key, value in form.keys.items():
        proposal.put((*place, "format", key), value, form.guesses.get(key))
    pattern = re.sub(r"\d+", "*", re.sub(r"[\[\]?*\x00-\x1f\x7f-\x9f]", "?", path.name))
    pattern = re.sub(r"\*(?:[-_.]?\*)+", "*", pattern)
    proposal.put((*place, "files"), [{"pattern": pattern}])
    proposal.guesses[(*place, "files", 0, "pattern")] = "the name of the sample with any digits"
    if meaning.issued is not None:
        issued: Any = {"column": meaning.issued.name, "date_format": days_of(meaning.issued.texts)}
        reason: str | None = "a column of days on which figures came out"
    else:
        issued, reason = (answers.issued_on, None) if answers.issued_on else issue_of_sample(form, path)
    proposal.put((*place, "issued_on"), issued, reason)
