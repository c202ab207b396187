"""The seeds are code lists that other files lean on: their own rules are tested here without a database."""

from __future__ import annotations

import csv
import itertools
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SEEDS = REPOSITORY / "dbt_project" / "seeds"
PROTOCOL_ACTS = {"recruitment", "transportation", "transfer", "harbouring", "receipt"}
PROTOCOL_PURPOSES = {"SEX", "LAB", "SLAV", "SERV", "ORG"}


def rows(name: str) -> list[dict[str, str]]:
    with open(SEEDS / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def codes(name: str, column: str) -> set[str]:
    return {row[column] for row in rows(name)}


def validity(row: dict[str, str]) -> tuple[date, date]:
    start = date.fromisoformat(row["valid_from"]) if row["valid_from"] else date.min
    return start, date.fromisoformat(row["valid_to"]) if row["valid_to"] else date.max


def assert_no_overlap(periods: list[tuple[date, date]], what: object) -> None:
    periods = sorted(periods)
    assert all(start < end for start, end in periods), what
    for (_, end), (start, _) in itertools.pairwise(periods):
        assert end <= start, f"{what}: two rows hold on {start}"


def test_every_cell_row_has_the_width_of_its_header_and_no_row_stands_twice() -> None:
    for file in sorted(SEEDS.glob("*.csv")):
        with open(file, encoding="utf-8", newline="") as opened:
            lines = list(csv.reader(opened))
        assert {len(line) for line in lines} == {len(lines[0])}, file.name
        assert len({tuple(line) for line in lines}) == len(lines), file.name


def test_a_combined_form_is_its_single_forms_sorted() -> None:
    forms = rows("exploitation")
    known = {form["exploitation"] for form in forms}
    for form in forms:
        singles = form["exploitation"].split("+")
        assert singles == sorted(set(singles))
        assert set(singles) <= known
        assert (form["is_combination"] == "true") == (len(singles) > 1)


def test_definitions_of_a_provision_do_not_overlap_and_one_regime_holds_a_day() -> None:
    provisions = defaultdict(list)
    regimes = defaultdict(list)
    for row in rows("definitions"):
        provisions[row["jurisdiction"], row["statute"], row["provision"]].append(validity(row))
        if row["is_regime"] == "true":
            regimes[row["jurisdiction"]].append(validity(row))
    for what, periods in [*provisions.items(), *regimes.items()]:
        assert_no_overlap(periods, what)
    for jurisdiction, periods in regimes.items():
        ordered = sorted(periods)
        # a change of law leaves no day without a regime
        assert all(a[1] == b[0] for a, b in itertools.pairwise(ordered)), jurisdiction


def test_definitions_use_the_house_codes_and_say_what_was_read() -> None:
    forms = codes("exploitation", "exploitation")
    for row in rows("definitions"):
        assert set(row["purposes"].split(",")) <= forms, row["definition_id"]
        assert row["source_mark"] in ("seen", "recalled")
        assert row["date_source_mark"] in ("seen", "recalled")
        given = [bool(row[key]) for key in ("override_grade", "override_reason", "override_on")]
        assert all(given) or not any(given), f"{row['definition_id']}: an override needs grade, reason and date"


@pytest.mark.parametrize(
    ("definition", "grade"),
    [
        ("INT-PROTOCOL", "A"),
        ("EUR-2024-1712", "A"),
        ("USA-TVPA", "B"),
        ("POL-PK-253", "C"),
        ("POL-PK-189A", "A"),
        ("THA-1997", "C"),
        ("THA-2008", "A"),
        ("IRL-2013", "A"),
        ("GBR-MSA", "C"),
    ],
)
def test_the_published_formula_gives_the_grades_that_the_method_page_lists(definition: str, grade: str) -> None:
    row = next(row for row in rows("definitions") if row["definition_id"] == definition)
    share = (
        (2 * len(PROTOCOL_ACTS & set(row["acts"].split(","))) > len(PROTOCOL_ACTS))
        + (row["means_required_adult"] == "yes")
        + (row["means_required_child"] == "no" and int(row["child_age_limit"]) >= 18)
        + len(PROTOCOL_PURPOSES & set(row["purposes"].split(","))) / len(PROTOCOL_PURPOSES)
    ) / 4
    assert ("A" if share >= 0.9 else "B" if share >= 0.6 else "C") == grade, share
    page = (REPOSITORY / "docs" / "methods" / "definitions.md").read_text(encoding="utf-8")
    listed = {"INT-PROTOCOL": "UN Protocol", "EUR-2024-1712": ""}.get(definition, definition[:3])
    assert not listed or any(
        line.startswith(f"| {listed}") and line.endswith(f"| {share:.2f} | {grade} |") for line in page.splitlines()
    )


def test_maps_say_one_thing_at_a_time_and_each_relation_has_one_counting_rule() -> None:
    rule = {
        "exactMatch": "add",
        "closeMatch": "add_flagged",
        "broadMatch": "add_to_target",
        "narrowMatch": "keep_at_parent",
        "relatedMatch": "do_not_add",
    }
    targets = {"ICCS": codes("iccs_offences", "offence"), "EXPLOITATION": codes("exploitation", "exploitation")}
    parents = {row["offence"]: row["parent_code"] for row in rows("iccs_offences")}
    periods = defaultdict(list)
    for row in rows("definition_map"):
        assert row["counting_rule"] == rule[row["relation"]], row
        assert row["target_code"] in targets[row["target_scheme"]], row
        if row["relation"] == "narrowMatch" and row["target_scheme"] == "ICCS":
            assert parents[row["target_code"]], "a broader source needs a parent to stay at"
        periods[row["source_scheme"], row["source_code"], row["jurisdiction"], row["target_scheme"]].append(
            validity(row)
        )
    for what, found in periods.items():
        assert_no_overlap(found, what)


def test_each_status_triple_stands_once_and_only_missing_or_hidden_values_have_a_reason() -> None:
    triples = [(row["obs_status"], row["conf_status"], row["value_state"]) for row in rows("statuses")]
    assert len(triples) == len(set(triples))
    reasons = {row["missing_reason"]: (row["obs_status"], row["conf_status"]) for row in rows("missing_reasons")}
    for row in rows("statuses"):
        if row["missing_reason"]:
            assert reasons[row["missing_reason"]] == (row["obs_status"], row["conf_status"])
            assert row["is_allowed"] == "true"
            assert row["value_state"] != "exact"
        if row["is_allowed"] == "true" and row["value_state"] == "none":
            assert row["missing_reason"], row
        assert bool(row["rule"]) == (row["is_allowed"] == "false"), row


def test_published_tables_have_at_most_three_splits_and_known_names() -> None:
    measures = codes("measures", "measure")
    splits = {"sex", "age", "exploitation", "counterpart_area", "offence", "reporter", "detail"}
    declared = set()
    for row in rows("published_tables"):
        dims = row["dims"].split(",")
        assert dims[:2] == ["area", "period"], row["table_id"]
        assert len(dims) <= 5, row["table_id"]
        assert set(dims[2:]) <= splits, row["table_id"]
        assert row["measure"] in measures
        assert row["frequency"] in "AQM"
        key = (row["measure"], tuple(sorted(dims)), row["area_level"], row["frequency"])
        assert key not in declared, row["table_id"]
        declared.add(key)


def test_precedence_orders_the_sources_of_a_measure_without_ties() -> None:
    ranks = defaultdict(list)
    for row in rows("source_precedence"):
        ranks[row["measure"]].append(int(row["precedence"]))
    assert set(ranks) <= codes("measures", "measure")
    for measure, found in ranks.items():
        assert sorted(found) == list(range(1, len(found) + 1)), measure
