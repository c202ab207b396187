"""Every code that a published column may hold has words of its own: none is shown as it stands in a table."""

from __future__ import annotations

import pytest

from reports.wording.words import RESERVED, Words
from submissions.vocabulary.fields import codes, labels, registry, seed

# a declared table and a statistic have their label in the seed, and no page shows their id
WITHOUT_WORDS = {"table_id", "statistic"}
LISTED = [column for column in registry() if codes(column) and column not in WITHOUT_WORDS]


def has_words(column: str, code: str) -> bool:
    """Whether words were written for a code, or for the parts that it is put together from."""
    if code in RESERVED or code in labels().get(column, {}):
        return True
    if column == "exploitation" and "+" in code:
        return all(has_words(column, part) for part in code.split("+"))
    return column == "age" and Words(labels()).label("age", code) != code


@pytest.mark.parametrize("column", LISTED)
def test_every_code_has_words(column: str) -> None:
    assert sorted(code for code in codes(column) if not has_words(column, code)) == []
    for code in codes(column):
        words = Words(labels()).label(column, code)
        assert words
        assert "_" not in words


def test_words_stand_once() -> None:
    """Where a code list has words of its own the registry says none, and a label is of a code that exists."""
    open_lists = {"area_level", "method", "kind", "reasons"}
    for column, field in registry().items():
        if "codes" in field and column not in ("obs_status", "conf_status"):
            assert not set(field) & {"labels", "members"}, column
        if column not in open_lists:
            assert set(labels().get(column, {})) <= codes(column), column
    assert set(labels()["reasons"]) == {row["reason"] for row in seed("verdict_reasons")}


def test_breaks_roles_and_ages_read_as_words() -> None:
    assert {row["break_kind"] for row in seed("break_kinds")} <= set(labels()["kind"])
    words = Words(labels())
    assert words.label("measure", "decisions_final") == "Final decisions"
    assert words.label("age", "40+") == "40 and over"
    assert words.label("age", "9-17") == "9 to 17"
    assert words.label("age", "0-17") == "Under 18"
    assert words.label("exploitation", "LAB+SEX") == "Forced labour and sexual exploitation"
    assert words.measure("permits_refused") == "Residence permits refused"
    assert Words({"measure": {"decisions_final": "Endgültig"}}).label("measure", "decisions_final") == "Endgültig"


def test_words_of_verdicts_are_put_together_alike() -> None:
    """A verdict in words begins with the word for its change, as pages say it alone."""
    for row in seed("verdict_words"):
        assert row["verdict_label"].startswith(labels()["change_word"][row["change_word"]])
    assert {row["evidence_word"] for row in seed("evidence_rules")} == set(labels()["evidence_word"])
