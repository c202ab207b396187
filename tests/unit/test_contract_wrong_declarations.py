"""A wrong declaration is never silent: what is said names the line of contract.yml that is wrong, and a cure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import messy_tables as tables
import pytest

from submissions import check
from submissions.contracts.loading import load
from submissions.contracts.located_yaml import DocumentError

FRENCH, GERMAN = tables.FRENCH_CONTRACT, tables.WORKBOOK_CONTRACT
MULTIPLIER = '        multiplier: {from: Unité, values: {"Milliers d’euros": 1000, Personnes: 1}}\n'
CONTROLS = FRENCH[FRENCH.index("    control_totals:") : FRENCH.index("    columns:")]
NO_FISCAL = [("    fiscal_year: {starts: 04-01, named_after: start}\n", ""), (", fiscal: true", "")]


def changed(text: str, *changes: tuple[str, str]) -> str:
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text.lstrip("\n")


def said(tmp_path: Path, text: str) -> tuple[str, str]:
    """(outcome, all that is said) of the table under a contract."""
    partner = text.split("partner: ", 1)[1].split("\n", 1)[0]
    tables.write_contract(tmp_path / "contracts", text)
    is_french = partner == "qna_police_judiciaire"
    write: Callable[[Path], Path] = tables.write_french if is_french else tables.write_workbook
    file = write(tmp_path / ("traite_2024.csv" if is_french else "taldienst_2024.xlsx"))
    try:
        receipt = check(file, partner, contracts=tmp_path / "contracts")
    except DocumentError as error:
        return "contract", str(error)
    return receipt.outcome, receipt.as_text()


def line_of(text: str, key: str) -> int:
    """The line that holds a text."""
    return next(number for number, line in enumerate(text.lstrip("\n").splitlines(), start=1) if key in line)


@pytest.mark.parametrize(
    ("text", "outcome", "expected", "key"),
    [
        (changed(FRENCH, (MULTIPLIER, "")), "refused", ["F-multiplier", "1,000", "Declare `multiplier`"], "      value:"),
        (changed(FRENCH, ('d’euros": 1000', 'd’euros": 100')),
         "contract", ["says 1,000, declared is 100", "mend it"], "multiplier:"),
        (changed(FRENCH, (MULTIPLIER, "        multiplier: 1000\n")), "rows_quarantined",
         ["R-multiplier", "Add the label to `multiplier"], "multiplier:"),
        (changed(FRENCH, ("Personnes: 1}", "Personne: 1}")), "rows_quarantined", ["R-multiplier", "Add the label"], "multiplier:"),
        (changed(FRENCH, ("encoding: cp1252", "encoding: utf-8")), "refused", ["F-encoding", "change `encoding`"], "encoding:"),
        (changed(FRENCH, ("[6, 7]", "[5, 6]")), "refused", ["F-unpivot", "change the header rows"], "header_rows:"),
        (changed(FRENCH, ("[6, 7]", "[7]")), "refused", ["F-header-missing", "header rows"], "header_rows:"),
        (changed(FRENCH, ('delimiter: ";"', 'delimiter: "|"')), "refused", ["F-header-missing", "delimiter"], "delimiter:"),
        (changed(FRENCH, ('decimal: ","', 'decimal: "."')), "rows_quarantined", ["R-value", "decimal marks"], 'thousands: " "'),
        (changed(FRENCH, ('thousands: " "', 'thousands: "."')), "rows_quarantined", ["R-value", "thousands"], "thousands:"),
        (changed(FRENCH, ("e: E, ", "")), "rows_quarantined", ["R-suffix", "not declared: 'e'", "`suffixes`"], "suffixes:"),
        (changed(FRENCH, *NO_FISCAL), "contract", ["names a fiscal year", "declare `fiscal: true`"], "      period:"),
        (changed(FRENCH, (", named_after: start", "")), "contract", ["named_after: start", "named_after: end"], "fiscal_year:"),
        (changed(FRENCH, ("named_after: start", "named_after: end")), "contract",
         ["the first of two years", "put the group"], "      period:"),
        (changed(FRENCH, (", fiscal: true}\n      value", "}\n      value")), "contract", ["say `fiscal: true` here"], "      period:"),
        (changed(FRENCH, (CONTROLS, "")), "refused", ["F-period-names", "declare totals under `control_totals`"], "      period:"),
        (changed(FRENCH, ("      - {column: Région, in: Ensemble, over: [area]}\n", "")), "accepted_with_warnings",
         ["W-total-undeclared", "Declare it under `control_totals`"], "control_totals:"),
        (changed(FRENCH, ("over: [area]", "over: [sex]")), "accepted_with_warnings", ["W-total-alone", "`over`"], "in: Ensemble"),
        (changed(FRENCH, ("Avoirs saisis: assets_frozen", "Avoirs saisis: assets_frozn")), "contract",
         ["is no code of measure", "did you mean 'assets_frozen'"], "      measure:"),
        (changed(FRENCH, ("T(?P<quarter>[1-4])", "Q(?P<quarter>[1-4])")), "refused", ["F-period-names", "Change `period`"], "      period:"),
        (changed(FRENCH, ("type: csv", "type: xlsx"), ("      encoding: cp1252\n", "      sheet: A\n")), "refused",
         ["F-type", "Send the declared type"], "type: xlsx"),
        (changed(FRENCH, ("{cell: A4", "{cell: A3")), "refused", ["F-issue-date", "change `issued_on`"], "files:"),
        (changed(FRENCH, ("n.d.: {", "n.r.: {")), "rows_quarantined", ["R-value", "declare other marks"], 'thousands: " "'),
        (changed(FRENCH, ("from: Région, values", "from: Regions, values")), "refused",
         ["F-header-missing", "change it in the contract"], "      area:"),
        (changed(GERMAN, ("sheet: Monatswerte", "sheet: Monate")), "refused", ["F-sheet", "change `sheet`"], "sheet: Monate"),
        (changed(GERMAN, ("revises: monate", "revises: monat")), "contract", ["is no other dataset", "monate"], "revises:"),
        (changed(GERMAN, ("replaces: keys", "replaces: periods")), "contract", ["`replaces: keys`"], "replaces: periods"),
        (changed(GERMAN, (", names: {Jän: M01, Feber: M02}", "")), "refused", ["R-period", "change `period`"], "      period:"),
        (changed(GERMAN, ("{from: year, as: year}", "{from: year, as: semester}")), "refused", ["R-period"], "in: Jahr"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_named_with_line_and_cure(
    tmp_path: Path, text: str, outcome: str, expected: list[str], key: str
) -> None:
    found, message = said(tmp_path, text)
    assert found == outcome, message
    for words in expected:
        assert words in message
    assert f"contract.yml line {line_of(text, key)}" in message, message


def test_the_right_declarations_are_taken_without_a_word(tmp_path: Path) -> None:
    for text in (FRENCH, GERMAN):
        outcome, message = said(tmp_path, text)
        assert outcome == "accepted", message
        load(tables.write_contract(tmp_path / "again", text))
