"""Multipliers, suffixes, control totals, names of months and fiscal labels: what becomes of a cell, by numbers known beforehand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from partner_files import PARTNER, changed, run, write_contract, write_file

from submissions import check
from submissions.contracts.checking import check_contracts
from submissions.contracts.loading import PeriodRule, load
from submissions.contracts.located_yaml import DocumentError
from submissions.contracts.offences import declared_maps, defined
from submissions.vocabulary.multiplier_words import fiscal_said, multiplier_said
from submissions.vocabulary.period_names import folded_period
from submissions.vocabulary.periods import looks_fiscal, parse


def made(tmp_path: Path, body: str, value: dict[str, Any] | None = None, **dataset: Any):
    """The test table under a changed contract: `value` is merged into the rule of the value."""
    columns = dataset.pop("columns", {})
    if value is not None:
        columns["value"] = {"from": "count"} | value
    return run(write_contract(tmp_path / "contracts", changed(columns=columns, **dataset)), write_file(tmp_path, body))


def test_a_multiplier_is_exact_and_goes_before_every_rule(tmp_path: Path) -> None:
    body = (
        "area,year,sex,count\nA,2022,all,1234.5678\nB,2022,all,0.001\nC,2022,all,<5\nD,2022,all,..\nE,2022,all,1.0004\n"
    )
    found = made(tmp_path, body, {"multiplier": "1000", "marks": {"<5": [0, 4], "..": {"missing": "not_reported"}}})
    values = {row[0]: row[1:] for row in found.observations("area", "value", "lower", "upper")}
    # 1.0004 thousand persons are no whole number of them: the row is set aside, and not rounded
    assert values == {
        "B": (1, 1, 1),
        "C": (None, 0, 4000),
        "D": (None, None, None),
    }
    assert found.codes["R-fraction"] == (2, 6)


def test_a_multiplier_by_row_with_units_and_measures_of_one_column(tmp_path: Path) -> None:
    body = 'area,year,what,count\nA,2022,"assets, k€",12.5\nA,2022,victims,7\nB,2022,victims,7.5\nB,2022,places,3\nC,2022,Mio. EUR,2\n'
    columns = {
        "sex": None,
        "measure": {"from": "what", "values": {"assets, k€": "assets_frozen", "victims": "victims_detected",
                                               "places": "shelter_places", "Mio. EUR": "assets_frozen"}},
        "unit": {"from": "what", "values": {"assets, k€": "EUR", "victims": "persons", "places": "places", "Mio. EUR": "EUR"}},
    }  # fmt: skip
    rule = {"multiplier": {"from": "what", "values": {"assets, k€": "1000", "victims": "1", "Mio. EUR": "1000000"}}}
    found = made(tmp_path, body, rule, columns=columns)
    assert found.observations("area", "measure", "value") == [
        ("A", "assets, k€", 12500), ("A", "victims", 7), ("C", "Mio. EUR", 2_000_000),
    ]  # fmt: skip
    assert found.codes["R-fraction"] == (4,)
    assert found.codes["R-multiplier"] == (5,)


@pytest.mark.parametrize(
    ("number", "text", "expected"),
    [("0.01", "250", "2.5"), ("1000000000", "0.5", "500000000"), ("1000", "9999999999999", None)],
)
def test_amounts_of_any_size(tmp_path: Path, number: str, text: str, expected: str | None) -> None:
    columns = {"measure": {"constant": "assets_frozen"}}
    body = f"area,year,sex,count\nA,2022,all,{text}\nB,2022,all,0\n"
    found = made(tmp_path, body, {"multiplier": number}, counting_unit="EUR", columns=columns)
    values = dict(found.observations("area", "value"))
    assert values.get("A") == (Decimal(expected) if expected else None)
    assert ("R-range" in found.codes) == (expected is None)


@pytest.mark.parametrize("suffixes", [{"(r)": "none"}, {"a)": "none", "*": "none"}, {"p": "P"}])
def test_footnotes_alone_say_no_status_and_statuses_need_no_footnote(tmp_path: Path, suffixes: dict[str, str]) -> None:
    """What is bound into a query and not used refuses it: a contract of footnotes alone could read no file."""
    body = "".join(f"QMA,{2010 + place},all,{20 + place} {text}\n" for place, text in enumerate(suffixes))
    found = made(tmp_path, f"area,year,sex,count\n{body}", {"suffixes": suffixes})
    assert found.codes == {}
    assert found.observations("period", "value", "obs_status") == [
        (str(2010 + place), 20 + place, "A" if status == "none" else status)
        for place, status in enumerate(suffixes.values())
    ]


def test_suffixes_are_statuses_or_nothing(tmp_path: Path) -> None:
    cells = ["12 p", "5*", "7p *", "1 234 (r)", "8", "9 e", "10 pe", "11 x", "n.d. *", "*", "13 1)"]
    body = "area;year;sex;count\n" + "".join(f"{chr(65 + index)};2022;all;{cell}\n" for index, cell in enumerate(cells))
    value = {
        "thousands": " ",
        "suffixes": {"p": "P", "e": "E", "*": "none", "(r)": "none", "1)": "B"},
        "marks": {"n.d.": {"missing": "not_reported"}, "*": {"suppressed": [1, 4]}},
    }
    found = made(tmp_path, body, value, format={"type": "csv", "delimiter": ";"})
    assert {row[0]: row[1:] for row in found.observations("area", "value", "obs_status")} == {
        "A": (12, "P"), "B": (5, "A"), "C": (7, "P"), "D": (1234, "A"), "E": (8, "A"), "F": (9, "E"), "I": (None, "O"),
        "J": (None, "Q"), "K": (13, "B"),
    }  # fmt: skip
    assert found.codes["R-status"] == (8,)
    assert found.codes["R-suffix"] == (9,)
    assert "'x'" in next(problem.detail for problem in found.checked.problems if problem.code == "R-suffix")


def test_a_decimal_mark_that_always_parts_three_digits_is_named(tmp_path: Path) -> None:
    """1.234 may be one and a bit, or a thousand: the figure stands as declared, and the receipt asks."""
    body = "area,year,sex,count\n" + "".join(
        f"{area},2022,all,{value}\n" for area, value in zip("ABC", ("1.234", "2.500", "17.350"), strict=True)
    )
    assert (
        made(tmp_path, body, {}, counting_unit="EUR", columns={"measure": {"constant": "assets_frozen"}}).codes[
            "W-decimal"
        ]
        == ()
    )
    assert (
        "W-decimal"
        not in made(
            tmp_path / "other",
            body.replace("17.350", "17.35"),
            {},
            counting_unit="EUR",
            columns={"measure": {"constant": "assets_frozen"}},
        ).codes
    )


TOTALS = "area,year,quarter,sex,count\n" + "".join(
    f"{area},2022,{quarter},{sex},{count}\n"
    for area, sex, counts in (
        ("A", "women", (1, 2, 3, 4, 10)), ("A", "men", (5, 5, 5, 5, 20)), ("A", "all", (6, 7, 8, 9, 30)),
        ("B", "women", (1, 1, 1, 1, 4)), ("B", "men", (2, 2, 2, 2, 8)), ("B", "all", (3, 3, 3, 3, 12)),
        ("All", "all", (9, 10, 11, 12, 42)),
    )
    for quarter, count in zip(("Q1", "Q2", "Q3", "Q4", "Year"), counts, strict=True)
)  # fmt: skip
CONTROLS = [
    {"column": "quarter", "in": "Year", "period": {"from": "year", "as": "year"}},
    {"column": "sex", "in": "all"},
    {"column": "area", "in": "All"},
]


def totals(tmp_path: Path, body: str):
    columns = {"period": {"from": ["year", "quarter"], "as": "quarter"}}
    return made(tmp_path, body, {}, columns=columns, control_totals=CONTROLS)


def test_control_totals_are_compared_and_are_no_figures(tmp_path: Path) -> None:
    found = totals(tmp_path, TOTALS)
    assert found.codes == {}
    rows = found.observations("area", "sex", "period", "value")
    assert len(rows) == 2 * 2 * 4
    assert {row[2] for row in rows} == {f"2022-Q{quarter}" for quarter in range(1, 5)}
    assert sum(row[3] for row in rows) == 42
    assert dict(found.checked.exclusions) == {"control totals": 35 - 16}
    assert found.count("rows_in") == 35


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A,2022,Year,women,10", "A,2022,Year,women,11"),
        ("B,2022,Q1,all,3", "B,2022,Q1,all,4"),
        ("All,2022,Q2,all,10", "All,2022,Q2,all,9"),
        ("All,2022,Year,all,42", "All,2022,Year,all,43"),
    ],
)
def test_a_wrong_total_is_seen_wherever_it_stands(tmp_path: Path, before: str, after: str) -> None:
    assert before in TOTALS
    found = totals(tmp_path, TOTALS.replace(before, after))
    line = TOTALS.replace(before, "here").splitlines().index("here") + 1
    assert any(problem.code == "W-total" and line in problem.lines for problem in found.checked.problems)


def test_a_wrong_corner_is_seen_where_no_margin_is_published(tmp_path: Path) -> None:
    inside = [
        line for line in TOTALS.splitlines() if line.startswith("area") or ("Year" not in line and ",all," not in line)
    ]
    body = "\n".join([*inside, "All,2022,Year,all,{corner}", ""])
    assert totals(tmp_path / "right", body.format(corner=42)).codes == {}
    assert set(totals(tmp_path / "wrong", body.format(corner=43)).codes) == {"W-total"}


def test_a_total_without_all_its_quarters_is_said_and_not_judged(tmp_path: Path) -> None:
    body = "area,year,quarter,sex,count\nA,2022,Q1,women,1\nA,2022,Q2,women,1\nA,2022,Year,women,9\n"
    assert set(totals(tmp_path, body).codes) == {"W-total-alone"}


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [
        ("Jänner 2023", {"as": "month", "language": "de", "names": {"Jänner": "M01"}}, "2023-01"),
        ("Sept. 2023", {"as": "month", "language": "fr", "names": {"Sept": "M09"}}, "2023-09"),
        ("1er trim. 2023", {"as": "quarter", "names": {"1er trim": "Q1"}}, "2023-Q1"),
        ("T1 2023", {"as": "quarter"}, "2023-Q1"),
        ("Q1 FY24", {"as": "quarter", "fiscal": True}, "2023-Q2"),
        ("FY24 Q4", {"as": "quarter", "fiscal": True}, "2024-Q1"),
        ("FY24", {"as": "year", "fiscal": True}, "2023"),
        ("Q1 2023/24", {"as": "quarter", "fiscal": True}, "2023-Q2"),
        ("janv.-23", {"pattern": r"(?P<name>.+)-(?P<year>\d{2})", "language": "fr"}, "2023-01"),
        ("first wave", {"values": {"first wave": "2023-Q2"}}, "2023-Q2"),
        ("Jänner 2023", {"as": "month", "language": "pl"}, None),
        ("third wave", {"values": {"first wave": "2023-Q2"}}, None),
    ],
)  # fmt: skip
def test_labels_of_publishers(tmp_path: Path, text: str, rule: dict[str, Any], expected: str | None) -> None:
    fiscal = {"fiscal_year": {"starts": "04-01", "named_after": "end"}} if rule.get("fiscal") else {}
    content = changed(columns={"period": {"from": "year"} | rule}, **fiscal)
    dataset = load(write_contract(tmp_path, content) / "partners" / PARTNER).datasets["victims"]
    found = parse(text, dataset.periods[0], dataset)
    assert (found.code if found else None) == expected


FISCAL = {"starts": "04-01", "named_after": "start"}


@pytest.mark.parametrize(
    ("period", "fiscal_year", "message"),
    [
        ({"as": "year", "fiscal": True}, None, "needs 'fiscal_year: {starts"),
        ({"as": "year", "fiscal": True}, {"starts": "04-01"}, "`named_after: start`"),
        ({"as": "year", "fiscal": True}, {"named_after": "end"}, "the key 'starts' is missing"),
        ({"as": "year"}, FISCAL, "say `fiscal: true` here, or `fiscal: false`"),
        ({"as": "year", "fiscal": False}, FISCAL, "no period says `fiscal: true`"),
        ({"pattern": r"T(?P<quarter>\d) (?P<year>\d{4})/\d{2}"}, None, "names a fiscal year"),
        ({"pattern": r"FY(?P<year>\d{4})"}, None, "names a fiscal year"),
        ({"pattern": r"T(?P<quarter>\d) (?P<year>\d{4})/\d{2}", "fiscal": False}, None, ""),
        ({"as": "year", "fiscal": True}, FISCAL, ""),
    ],
)  # fmt: skip
def test_every_combination_of_fiscal_keys(
    tmp_path: Path, period: dict[str, Any], fiscal_year: dict[str, str] | None, message: str
) -> None:
    content = changed(columns={"period": {"from": "year"} | period})
    if fiscal_year is not None:
        content["datasets"]["victims"]["fiscal_year"] = fiscal_year
    folder = write_contract(tmp_path, content) / "partners" / PARTNER
    if not message:
        load(folder)
        return
    with pytest.raises(DocumentError, match=r"contract\.yml line") as raised:
        load(folder)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("label", "header"),
    [("2022/23", "year"), ("FY22", "year"), ("2022", "Exercice budgétaire"), ("2022", "Fiscal year")],
)
def test_a_fiscal_label_is_never_read_by_silence(tmp_path: Path, label: str, header: str) -> None:
    body = f"area,{header},sex,count\nA,{label},all,3\n"
    for says, code in (({}, "F-fiscal"), ({"fiscal": False}, None)):
        content = changed(columns={"period": {"from": header, "as": "year"} | says})
        root = write_contract(tmp_path / str(bool(says)), content)
        receipt = check(write_file(tmp_path, body), PARTNER, contracts=root)
        assert ("F-fiscal" in {problem.code for problem in receipt.problems}) == (code is not None)
    assert not looks_fiscal("2020-12", PeriodRule(forms=("month",)))
    assert not looks_fiscal("2019-21", PeriodRule(forms=("year",)))


def test_words_for_thousands_in_many_languages_and_words_that_are_none() -> None:
    for text in (
        "Montants en milliers d'euros", "(milliers d’euros)", "EUR thousand", "Wert in Tsd. EUR", "in 1 000 EUR", "tys. zł", "USD '000",
        "en miles de euros", "Avoirs (k€)", "Thousands", "(000s)", "mii lei", "bin TL", "em milhares de euros", "тыс. руб.",
    ):  # fmt: skip
        assert multiplier_said(text) == 1000, text
    for text in ("Mio. EUR", "mln zł", "Value ($ millions)", "million lei", "MEUR"):
        assert multiplier_said(text) == 1_000_000, text
    for text in (
        "per thousand inhabitants", "Thousand Oaks", "Rate je 1000 Einwohner", "Mil", "Bin", "pour mille", "3 millions d'euros",
        "100 000 persons", "per 100,000", "EUR", "Miles City", "Victims 2023",
    ):  # fmt: skip
        assert multiplier_said(text) is None, text
    assert fiscal_said("Haushaltsjahr 2023")
    assert not fiscal_said("Exploitation, année 2023")
    assert folded_period("Févr.") == "fevr"


def test_text_of_another_encoding_is_not_taken_for_letters(tmp_path: Path) -> None:
    body = "area,year,sex,count\nBélair,2022,all,3\n"
    root = write_contract(tmp_path / "contracts", changed(format={"type": "csv", "encoding": "cp1252"}))
    wrong = check(write_file(tmp_path, body.encode()), PARTNER, contracts=root)
    assert [problem.code for problem in wrong.problems] == ["F-encoding"]
    assert check(write_file(tmp_path, body.encode("cp1252")), PARTNER, contracts=root).outcome != "refused"


def test_offences_without_a_definition_are_said_with_rows_and_codes(tmp_path: Path) -> None:
    offence = {"from": "sex", "values": {"all": "12a", "women": "12b", "men": "12c"}}
    root = write_contract(tmp_path / "contracts", changed(columns={"sex": None, "offence": offence}))
    header = "source_scheme,source_code,jurisdiction,target_scheme,target_code,relation,counting_rule,valid_from,valid_to,note\n"
    (root / "definition_map.csv").write_text(
        header + f"{PARTNER},12c,QMA,ICCS,0204,exactMatch,add,,,\n", encoding="utf-8"
    )
    assert defined(PARTNER, declared_maps([root])) >= {"12c"}
    receipt = check(
        write_file(tmp_path, "area,year,sex,count\nQMA,2022,all,12\nQMA,2022,women,7\nQMA,2022,men,5\n"),
        PARTNER,
        contracts=root,
    )
    (problem,) = [each for each in receipt.problems if each.code == "W-offence-undefined"]
    assert (problem.count, problem.detail) == (2, "2 offence codes (12a, 12b)")
    notes = " ".join(note for report in check_contracts([root], [PARTNER]) for note in report.notes)
    assert "308 W-offence-undefined: contract.yml line" in notes
    assert "12a, 12b" in notes


def test_a_total_beside_its_quarters_is_no_figure(tmp_path: Path) -> None:
    body = "area,2022 Q1,2022 Q2,2022 Q3,2022 Q4,2022 Total\nA,1,2,3,4,10\nB,1,2,3,4,11\n"
    found = made(
        tmp_path,
        body,
        {"from": "n"},
        columns={"sex": None, "period": {"from": ["year", "part"], "as": "quarter"}},
        unpivot={"columns": r"(?P<year>\d{4}) (?P<part>Q\d|Total)", "into": {"name": "when", "value": "n"}},
        control_totals=[{"column": "part", "in": "Total", "period": {"from": "year", "as": "year"}}],
    )
    rows = found.observations("area", "period", "value")
    assert rows == [(area, f"2022-Q{quarter}", quarter) for area in "AB" for quarter in range(1, 5)]
    assert found.codes == {"W-total": (3,)}
    assert found.count("rows_accepted") == found.count("rows_in") == 2
