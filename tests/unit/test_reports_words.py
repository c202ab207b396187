"""Every code that a published column may hold has words of its own: none is shown as it stands in a table."""

from __future__ import annotations

import pytest

from reports.labels import LABELS
from reports.labels_verdicts import VERDICT_WORDS
from reports.words import RESERVED, Words
from submissions.fields import codes, registry, seed

# a declared table and a statistic have their label in the seed, and no page shows their id
WITHOUT_WORDS = {"table_id", "statistic"}
LISTED = [column for column in registry() if codes(column) and column not in WITHOUT_WORDS]


def has_words(column: str, code: str) -> bool:
    """Whether words were written for a code, or for the parts that it is put together from."""
    if code in RESERVED or code in LABELS.get(column, {}):
        return True
    if column == "exploitation" and "+" in code:
        return all(has_words(column, part) for part in code.split("+"))
    return column == "age" and Words().label("age", code) != code


@pytest.mark.parametrize("column", LISTED)
def test_every_code_has_words(column: str) -> None:
    assert sorted(code for code in codes(column) if not has_words(column, code)) == []
    for code in codes(column):
        words = Words().label(column, code)
        assert words
        assert "_" not in words


def test_words_stand_for_codes_that_exist() -> None:
    """A label of a measure or a form that is no code any more misleads whoever maintains the list."""
    older = {"victims_presumed", "UNK", "MIXED"}  # of releases that were written before the lists
    for column in ("measure", "reporter", "unit", "detail_kind", "source_type", "sector", "obs_status", "conf_status"):
        assert set(LABELS[column]) - codes(column) <= older, column


def test_breaks_roles_and_ages_read_as_words() -> None:
    assert {row["break_kind"] for row in seed("break_kinds")} <= set(LABELS["kind"])
    words = Words()
    assert words.label("measure", "decisions_final") == "Final decisions"
    assert words.label("age", "40+") == "40 and over"
    assert words.label("age", "9-17") == "9 to 17"
    assert words.label("age", "0-17") == "Under 18"
    assert words.label("exploitation", "LAB+SEX") == "Forced labour and sexual exploitation"
    assert words.measure("permits_refused") == "Residence permits refused"
    assert Words({"measure": {"decisions_final": "Endgültig"}}).label("measure", "decisions_final") == "Endgültig"


def test_words_of_verdicts_are_those_of_the_published_lists() -> None:
    assert LABELS["reason"] == {row["reason"]: row["reason_label"] for row in seed("verdict_reasons")}
    assert {row["verdict"]: row["verdict_label"] for row in seed("verdict_words")} == VERDICT_WORDS
    assert set(LABELS["evidence_word"]) == {row["evidence_word"] for row in seed("evidence_rules")}
