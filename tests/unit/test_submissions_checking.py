"""Row rules: fates, balance, duplicates, totals, cases, and what the lake keeps of a label."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from partner_files import HEADER, ROWS, Run, changed, run, write_contract, write_file

from submissions.errors import BalanceError
from submissions.validation import expectations, row_rules
from submissions.validation.problems import Refusal


def made(tmp_path: Path, content: dict, body: str, name: str = "victims_2024.csv", **maps: str) -> Run:
    return run(write_contract(tmp_path, content, **maps), write_file(tmp_path / "inbox", body, name))


def test_labels_stay_the_partners_own_and_left_out_columns_are_totals(tmp_path: Path) -> None:
    found = made(tmp_path, changed(), ROWS)
    assert found.observations("area", "sex", "value", "lower", "upper") == [
        ("QMA", "all", 12, 12, 12),
        ("QMA", "men", 5, 5, 5),
        ("QMA", "women", 7, 7, 7),
        ("QMB", "all", None, 0, 4),
    ]
    rest = found.observations(
        "counterpart_area", "counterpart_role", "age", "detail_kind", "detail", "unit", "frequency"
    )
    assert set(rest) == {("_T", "_Z", "_T", "_Z", "_T", "persons", "A")}


def test_namibia_and_hostile_labels_are_only_labels(tmp_path: Path) -> None:
    labels = [
        "NA",
        "=cmd|' /C calc'!A0",
        "<script>alert(1)</script>",
        "'; DROP TABLE cells; --",
        "{{ 1/0 }}",
        "$p0",
        "null",
        "@x",
    ]
    rows = "".join(f'"{label}",2022,all,{index}\n' for index, label in enumerate(labels))
    found = made(tmp_path, changed(), HEADER + rows)
    assert not found.codes
    assert {label for (label,) in found.observations("area")} == set(labels)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b[31m", "a\nb", "\x85", "\u202e", "\u2066"])
def test_control_characters_put_a_row_into_quarantine(tmp_path: Path, character: str) -> None:
    found = made(tmp_path, changed(), f'{HEADER}"x{character}y",2022,all,1\nQMB,2022,all,2\n')
    assert list(found.codes) == ["R-control"]
    assert found.observations("area") == [("QMB",)]


def test_hostile_header_texts_never_become_sql(tmp_path: Path) -> None:
    body = 'area,year,sex,count,"x"" VARCHAR); DROP TABLE source; --",*\nQMA,2022,all,1,y,z\n'
    assert made(tmp_path, changed(), body).count("rows_accepted") == 1


@pytest.mark.parametrize(
    ("duplicates", "accepted", "quarantined", "excluded", "observations"),
    [
        ("error", 1, 3, 0, [("QMB", 9, 1)]),
        ("sum", 4, 0, 0, [("QMA", 6, 3), ("QMB", 9, 1)]),
        ("keep_last", 2, 0, 2, [("QMA", 3, 1), ("QMB", 9, 1)]),
    ],
)
def test_rows_with_one_key(
    tmp_path: Path, duplicates: str, accepted: int, quarantined: int, excluded: int, observations: list[tuple]
) -> None:
    body = HEADER + "QMA,2022,all,1\nQMA,2022,all,2\nQMB,2022,all,9\nQMA,2022,all,3\n"
    found = made(tmp_path, changed(duplicates=duplicates), body)
    counts = [found.count(f"rows_{name}") for name in ("accepted", "quarantined", "excluded")]
    assert counts == [accepted, quarantined, excluded]
    assert found.observations("area", "value", "source_row_count") == observations


def test_sums_add_bounds_and_a_gap_in_a_sum_leaves_a_gap(tmp_path: Path) -> None:
    body = (
        HEADER + "QMA,2022,all,<5\nQMA,2022,all,7\nQMB,2022,all,3\nQMB,2022,all,..\nQMC,2022,all,..\nQMC,2022,all,..\n"
    )
    found = made(tmp_path, changed(duplicates="sum"), body)
    assert found.observations("area", "value", "lower", "upper", "obs_status", "conf_status", "missing_reason") == [
        ("QMA", None, 7, 11, "A", "C", None),
        ("QMB", None, None, None, "O", "F", "not_reported"),
        ("QMC", None, None, None, "O", "F", "not_reported"),
    ]
    assert [(problem.code, problem.count) for problem in found.checked.problems] == [("W-sum-with-missing", 1)]


def test_wide_tables_are_turned_and_a_row_is_quarantined_as_a_whole(tmp_path: Path) -> None:
    content = changed(
        unpivot={"columns": r"(?P<year>\d{4}) (?P<who>men|women)", "into": {"name": "label", "value": "n"}},
        columns={
            "period": {"from": "year", "as": "year"},
            "sex": {"from": "who", "values": {"women": "F", "men": "M"}},
            "value": {"from": "n"},
        },
    )
    body = "area,2022 men,2022 women,2023 men,note\nQMA,1,2,3,x\nQMB,4,bad,6,y\n"
    found = made(tmp_path, content, body)
    assert found.observations("area", "period", "sex", "value") == [
        ("QMA", "2022", "men", 1),
        ("QMA", "2022", "women", 2),
        ("QMA", "2023", "men", 3),
    ]
    assert found.codes == {"R-value": (3,)}
    assert (found.count("rows_in"), found.count("rows_accepted"), found.count("rows_quarantined")) == (2, 1, 1)


def test_alternatives_are_taken_in_order_and_none_fitting_is_a_problem(tmp_path: Path) -> None:
    rules = [
        {"constant": "F", "where": {"sex": "women", "area": ["QMA", "QMB"]}},
        {"constant": "M", "where": {"sex": "men"}},
    ]
    body = HEADER + "QMA,2022,women,1\nQMC,2022,women,2\nQMC,2022,men,3\n"
    found = made(tmp_path, changed(columns={"sex": rules}), body)
    assert found.observations("area", "sex") == [("QMA", "F"), ("QMC", "M")]
    assert found.codes == {"R-no-alternative": (3,)}
    with_else = [rules[0], {"from": "sex", "where": {"sex": "men"}, "else": "_U"}]
    assert made(tmp_path / "else", changed(columns={"sex": with_else}), body).observations("area", "sex") == [
        ("QMA", "F"),
        ("QMC", "_U"),
        ("QMC", "men"),
    ]


def test_exclusions_are_counted_by_their_reason_before_anything_else(tmp_path: Path) -> None:
    exclude = [
        {"column": "area", "in": "left_out.csv", "reason": "counted elsewhere"},
        {"column": "area", "blank": True, "reason": "no area"},
        {"where": {"sex": "men", "area": "QMA"}, "reason": "men of QMA"},
        {"column": "sex", "in": ["total"], "where": {"area": ["QMA"]}, "reason": "total of QMA"},
    ]
    body = HEADER + "QMZ,x,y,z\n ,2022,all,1\nQMA,2022,men,2\nQMA,2022,total,3\nQMB,2022,total,4\nQMB,2022,men,5\n"
    found = made(tmp_path, changed(exclude=exclude), body, left_out="source\nQMZ\n")
    assert found.checked.exclusions == (
        ("counted elsewhere", 1),
        ("no area", 1),
        ("men of QMA", 1),
        ("total of QMA", 1),
    )
    assert found.count("rows_accepted") == 2


def test_totals_are_compared_as_intervals(tmp_path: Path) -> None:
    content = changed(
        check_totals=[{"column": "sex", "member": "total", "tolerance": 1}],
        exclude=[{"column": "sex", "in": ["total"], "reason": "kept as check"}],
    )
    body = HEADER + "".join(
        f"{area},2022,{sex},{value}\n"
        for area, values in {
            "QMA": ("10", "6", "4"),  # equal
            "QMB": ("11", "6", "4"),  # within the tolerance
            "QMC": ("12", "6", "4"),  # over
            "QMD": ("10", "6", "<5"),  # the bounds allow it
            "QME": ("13", "6", "<5"),  # they do not
            "QMF": ("4", "6", "<5"),  # parts surely more than the total
            "QMG": ("99", "6", ".."),  # a part is missing: nothing to say
        }.items()
        for sex, value in zip(("total", "women", "men"), values, strict=True)
    )
    found = made(tmp_path, content, body)
    assert [(problem.code, problem.count, problem.lines) for problem in found.checked.problems] == [
        ("W-total", 3, (8, 14, 17))
    ]
    assert found.count("rows_excluded") == 7


def test_cases_are_counted_at_entry(tmp_path: Path) -> None:
    content = changed(kind="cases", duplicates=None, columns={"value": None})
    body = "area,year,sex\n" + "QMA,2022,women\n" * 3 + "QMA,2022,men\nQMB,2022,men\nQMB,20222,men\n"
    found = made(tmp_path, content, body)
    assert found.observations("area", "sex", "value", "source_row_count") == [
        ("QMA", "men", 1, 1),
        ("QMA", "women", 3, 3),
        ("QMB", "men", 1, 1),
    ]
    assert found.codes == {"R-period": (7,)}


def test_several_issues_in_one_file_are_told_apart(tmp_path: Path) -> None:
    issue = {"column": "issue", "values": {"first": "2023-05-01", "second": "2024-05-01"}}
    content = changed(files=[{"pattern": "*.csv", "issued_on": issue}])
    body = "area,year,sex,count,issue\nQMA,2022,all,1,first\nQMA,2022,all,2,second\n"
    body += "QMB,2022,all,3,third\nQMB,2024,all,3,first\n"
    found = made(tmp_path, content, body)
    assert found.codes == {"R-issue": (4,), "R-period-after-issue": (5,)}
    counts = {issue.isoformat(): tuple(numbers.values()) for issue, numbers in found.checked.counts.items()}
    assert counts == {"2023-05-01": (3, 1, 2, 0), "2024-05-01": (1, 1, 0, 0)}


@pytest.mark.parametrize(
    ("issue", "name", "code"),
    [
        ({"file_name": r"victims_(?P<date>\d{8})", "date_format": "%Y%m%d"}, "victims_20240230.csv", "F-issue-date"),
        ({"file_name": r"victims_(?P<date>\d{8})", "date_format": "%Y%m%d"}, "victims_x.csv", "F-issue-date"),
        ({"cell": "A9", "date_format": "%Y"}, "victims_x.csv", "F-issue-date"),
        ({"column": "sex", "date_format": "%Y-%m-%d"}, "victims_x.csv", "F-issue-date"),
    ],
)
def test_a_file_without_its_date_of_issue_is_refused(tmp_path: Path, issue: dict, name: str, code: str) -> None:
    content = changed(files=[{"pattern": "victims_*", "issued_on": issue}])
    with pytest.raises(Refusal) as caught:
        made(tmp_path, content, ROWS, name)
    assert caught.value.problem.code == code


def test_all_missing_columns_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        made(tmp_path, changed(), "region,jahr,sex,count\nQMA,2022,all,1\n")
    assert caught.value.problem.columns == ("area", "year")


def test_unmapped_labels_are_listed_with_their_rows_and_kept(tmp_path: Path) -> None:
    body = HEADER + "QMA,2022,all,1\nQMA,2022,femmes,2\nQMB,2022,femmes,3\nQMB,2022,?,4\n"
    found = made(tmp_path, changed(), body)
    assert found.checked.unmapped == (("sex", "femmes", 2), ("sex", "?", 1))
    assert [(problem.code, problem.count) for problem in found.checked.problems] == [("W-unmapped", 3)]
    assert found.count("rows_accepted") == 4
    defaulted = changed(columns={"sex": {"from": "sex", "values": {"all": "_T"}, "else": "_U"}})
    assert not made(tmp_path / "else", defaulted, body).checked.problems


CELLS = st.sampled_from(
    [
        "QMA",
        "QMB",
        "",
        "2022",
        "2022.0",
        "20x",
        "all",
        "women",
        "men",
        "1",
        "<5",
        "..",
        "1,000",
        "-1",
        "1.5",
        "\x01",
        "x,y",
    ]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=6), min_size=1, max_size=25),
    duplicates=st.sampled_from(["error", "sum", "keep_last"]),
    reads_cases=st.booleans(),
)
def test_every_row_of_any_table_has_one_fate_and_the_batch_meets_its_expectations(
    tmp_path: Path, rows: list[list[str]], duplicates: str, reads_cases: bool
) -> None:
    import csv
    import io

    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    content = changed(duplicates=duplicates, exclude=[{"column": "sex", "in": ["men"], "reason": "x"}])
    if reads_cases:
        content = changed(kind="cases", columns={"value": None})
    found = made(tmp_path, content, HEADER + stream.getvalue())
    written = [row for row in rows if any(row)]
    parts = [found.count(f"rows_{name}") for name in ("accepted", "quarantined", "excluded")]
    assert found.count("rows_in") == len(written) == sum(parts)
    ragged = [row for row in written if len(row) != 4 and (len(row) < 4 or any(cell.strip() for cell in row[4:]))]
    assert found.count("rows_quarantined") >= len(ragged) - parts[2]
    accepted = found.connection.execute("SELECT coalesce(sum(source_row_count), 0) FROM observations").fetchone()[0]
    assert accepted == parts[0]
    broken = found.connection.execute(
        """
        SELECT count(*) FROM observations
        WHERE lower > upper OR value < lower OR value > upper OR lower < 0
              OR (value IS NULL AND lower IS NULL AND missing_reason IS NULL)
        """
    ).fetchone()
    assert broken == (0,)


@pytest.mark.parametrize("table", ["parsed", "fates"])
@pytest.mark.parametrize("row_id", [1, 3])
def test_a_row_that_gets_lost_on_the_way_stops_the_run(
    tmp_path: Path, table: str, row_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = row_rules._fates

    def losing(connection, issues) -> None:
        original(connection, issues)
        connection.execute(f"DELETE FROM {table} WHERE row_id = {row_id}")

    monkeypatch.setattr(row_rules, "_fates", losing)
    with pytest.raises(BalanceError, match="balance does not hold"):
        made(tmp_path, changed(), ROWS)


def test_a_row_that_is_never_read_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = row_rules._texts

    def losing(connection, *arguments) -> None:
        connection.execute("DELETE FROM source WHERE row_id = 2")
        original(connection, *arguments)

    monkeypatch.setattr(row_rules, "_texts", losing)
    with pytest.raises(BalanceError):
        made(tmp_path, changed(), ROWS)


# --- expectations ----------------------------------------------------------------------------------------------------


FAULTS = {
    "no part of the key or status is missing": "UPDATE observations SET area = NULL WHERE area = 'QMB'",
    "obs_status is in its code list": "UPDATE observations SET obs_status = 'Z9' WHERE area = 'QMB'",
    "conf_status is in its code list": "UPDATE observations SET conf_status = 'Z9' WHERE area = 'QMB'",
    "missing_reason is in its code list": "UPDATE observations SET missing_reason = 'forgot' WHERE area = 'QMB'",
    "frequency is in its code list": "UPDATE observations SET frequency = 'W' WHERE area = 'QMB'",
    "unit is in its code list": "UPDATE observations SET unit = 'cases' WHERE area = 'QMB'",
    "period is ISO 8601": "UPDATE observations SET period = '22' WHERE area = 'QMB'",
    "lower is within bounds": "UPDATE observations SET lower = -1 WHERE area = 'QMB'",
    "upper is at least lower": "UPDATE observations SET lower = 5 WHERE area = 'QMB'",
    "upper is at least value": "UPDATE observations SET value = 9 WHERE sex = 'men'",
    "value is at least lower": "UPDATE observations SET value = 1 WHERE sex = 'men'",
    "a figure, bounds or a reason is given": "UPDATE observations SET lower = NULL WHERE area = 'QMB'",
    "the key is unique": "INSERT INTO observations SELECT * FROM observations WHERE area = 'QMB'",
}


@pytest.mark.parametrize("profile_above", [expectations.PROFILE_ABOVE_ROWS, 0], ids=["frame", "profile"])
def test_each_expectation_fails_on_its_fault_in_both_ways_of_running(tmp_path: Path, profile_above: int) -> None:
    root = write_contract(tmp_path, changed())
    path = write_file(tmp_path / "inbox", ROWS)
    from submissions.contracts import loading

    found = loading.load(root / "partners" / path.parent.name)
    dataset = found.datasets["victims"]
    sound = expectations.run(run(root, path).connection, found, dataset, profile_above)
    assert all(holds for _, holds in sound)
    assert set(FAULTS) <= {name for name, _ in sound}
    for name, fault in FAULTS.items():
        connection = run(root, path).connection
        connection.execute("CREATE TABLE frozen AS FROM observations")
        connection.execute("DROP VIEW observations")
        connection.execute("ALTER TABLE frozen RENAME TO observations")
        connection.execute(fault)
        outcome = dict(expectations.run(connection, found, dataset, profile_above))
        assert not outcome[name], name
