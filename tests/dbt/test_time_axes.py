"""The as-of rule: the models' own SQL against the table of cases and against an independent model in Python."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warehouse_build import ROOT, Build, create_sources, insert_lake, observation

from submissions.store.ledger import state

DOCUMENT = ROOT / "docs" / "decisions" / "time-axes.md"
MODELS = (
    "stg_lake__build_parameters",
    "stg_lake__submissions",
    "stg_lake__observations",
    "stg_lake__datasets",
    "stg_lake__maps",
    "int_submissions_ranked",
    "int_revision_keys",
    "int_observation_lifetimes",
    "int_observations_as_of",
)


@dataclass(frozen=True)
class Cell:
    period: str
    area: str
    sex: str
    value: int

    def __str__(self) -> str:
        return f"{self.period}/{self.area}/{self.sex}={self.value}"

    @classmethod
    def parse(cls, text: str) -> Cell:
        key, value = text.strip().split("=")
        period, area, sex = key.split("/")
        return cls(period, area, sex, int(value))


@dataclass(frozen=True)
class Submission:
    position: int
    issued_on: datetime.date
    replaces: str
    cells: tuple[Cell, ...] = ()
    dataset: str = "table"


@dataclass
class Case:
    """One case of the document: its ledger, and the submissions in it by id."""

    entries: list[dict[str, object]] = field(default_factory=list)
    submissions: dict[str, Submission] = field(default_factory=dict)

    def in_force(self, limit: int) -> list[Submission] | None:
        """What the shipped ledger says is in force at `limit`; None where that needs bytes that were erased later."""
        held = [str(entry["submission_id"]) for entry in state(self.entries[:limit]).in_force()]
        if set(held) & state(self.entries).erased:
            return None
        return [self.submissions[submission_id] for submission_id in held]


def visible(submissions: list[Submission], as_of: datetime.date) -> set[tuple[str, Cell]]:
    """The rule of the document, word for word and without ranks or windows."""
    out = [s for s in submissions if s.issued_on <= as_of]

    def covers(later: Submission, earlier: Submission, cell: Cell) -> bool:
        if later.dataset != earlier.dataset:
            return False
        if (later.issued_on, later.position) <= (earlier.issued_on, earlier.position):
            return False
        if later.replaces == "whole_dataset":
            return True
        if later.replaces == "periods":
            return any(other.period == cell.period for other in later.cells)
        if later.replaces == "periods_x_areas":
            return any((other.period, other.area) == (cell.period, cell.area) for other in later.cells)
        return any((other.period, other.area, other.sex) == (cell.period, cell.area, cell.sex) for other in later.cells)

    return {(s.dataset, cell) for s in out for cell in s.cells if not any(covers(later, s, cell) for later in out)}


def previous(submissions: list[Submission], as_of: datetime.date) -> set[tuple[str, Cell]]:
    """The vintage before the last touch of each period and area, computed by leaving out its day and all later ones."""
    out = sorted((s for s in submissions if s.issued_on <= as_of), key=lambda s: (s.issued_on, s.position))
    found = set()
    for dataset in {s.dataset for s in out}:
        mine = [s for s in out if s.dataset == dataset]
        for period, area in {(cell.period, cell.area) for s in mine for cell in s.cells}:
            touching = [
                index
                for index, s in enumerate(mine)
                if s.replaces == "whole_dataset"
                or (s.replaces == "periods" and any(cell.period == period for cell in s.cells))
                or any((cell.period, cell.area) == (period, area) for cell in s.cells)
            ]
            last = mine[touching[-1]].issued_on
            before = visible([s for s in mine if s.issued_on < last], as_of)
            found |= {(d, cell) for d, cell in before if (cell.period, cell.area) == (period, area)}
    return found


class Warehouse:
    """The compiled models as views over an in-memory database of the same name."""

    def __init__(self, build: Build) -> None:
        build.write({})
        compiled = build.dbt("compile", "--select", *MODELS).result.results
        queries = {result.node.name: result.node.compiled_code for result in compiled}
        self.database = build.path.stem
        self.connection = duckdb.connect()
        self.connection.execute(f"attach ':memory:' as {self.database}")
        self.connection.execute(f"use {self.database}")
        create_sources(self.connection)
        for name in MODELS:
            self.connection.execute(f"create view main.{name} as {queries[name]}")

    def states(self, submissions: list[Submission], as_of: datetime.date) -> tuple[set, set]:
        """Rows of the vintages `current` and `previous`."""
        lake = {
            "build_parameters": [
                {"as_of": as_of, "ledger_position": 99, "home_kind": "demonstration", "audience": "restricted"}
            ],
            "submissions": [
                {
                    "submission_id": f"s{s.position:016x}",
                    "partner_id": "qqq_police_test",
                    "dataset": s.dataset,
                    "replaces": s.replaces,
                    "issued_on": s.issued_on,
                    "ledger_position": s.position,
                }
                for s in submissions
            ],
            "observations": [
                observation(
                    submission_id=f"s{s.position:016x}",
                    partner_id="qqq_police_test",
                    dataset=s.dataset,
                    period=cell.period,
                    area=cell.area,
                    sex=cell.sex,
                    value=cell.value,
                )
                for s in submissions
                for cell in s.cells
            ],
        }
        for table in ("build_parameters", "submissions", "observations"):
            self.connection.execute(f"delete from lake.{table}")
        insert_lake(self.connection, lake)
        rows = self.connection.execute(
            "select vintage, dataset, period, area, sex, value::int from main.int_observations_as_of"
        ).fetchall()
        assert len(rows) == len(set(rows))
        states = {"current": set(), "previous": set(), "later": set()}
        for vintage, dataset, *cell in rows:
            states[vintage].add((dataset, Cell(*cell)))
        return states["current"], states["previous"]


@pytest.fixture(scope="module")
def warehouse(build: Build) -> Warehouse:
    return Warehouse(build)


def table_after(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading of the document, without its header."""
    section = DOCUMENT.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def cells_of(text: str) -> tuple[Cell, ...]:
    return tuple(Cell.parse(cell) for cell in text.split(";") if cell.strip())


def documented_cases() -> dict[str, Case]:
    cases: dict[str, Case] = {}
    for name, ledger, file, entry, issued, replaces, rows in table_after("Cases: what arrived"):
        case = cases.setdefault(name, Case())
        position = int(ledger)
        assert position == len(case.entries) + 1, f"{name}: entries stand in the order of the ledger"
        if entry == "submission":
            submission = f"{file} {issued}"
            issue = datetime.date.fromisoformat(issued)
            case.submissions[submission] = Submission(position, issue, replaces, cells_of(rows))
            names = {"submission_id": submission, "partner_id": "qqq_police_test", "dataset": "table"}
            case.entries.append({"kind": "submission", "outcome": "accepted", **names})
        else:
            (submission,) = [known for known in case.submissions if known.startswith(f"{file} ")]
            kind = {"w": "withdrawal", "e": "erasure"}[entry]
            case.entries.append({"kind": kind, "submission_id": submission, "keyed_digest": "digest"})
    return cases


CASES = documented_cases()
EXPECTED = table_after("Cases: what is visible")


def test_every_documented_case_has_an_expectation_and_every_way_of_replacing_is_in_them() -> None:
    assert {row[0] for row in EXPECTED} == set(CASES)
    assert {s.replaces for case in CASES.values() for s in case.submissions.values()} == {
        "whole_dataset",
        "periods",
        "periods_x_areas",
        "keys",
    }
    assert {entry["kind"] for case in CASES.values() for entry in case.entries} == {
        "submission",
        "withdrawal",
        "erasure",
    }
    for rule in re.findall(r"^\| `(\w+)` \| ", DOCUMENT.read_text(), flags=re.MULTILINE):
        assert rule in {"issued_on", "whole_dataset", "periods", "periods_x_areas", "keys"}


@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: f"{row[0]}, {row[1]}, {row[2]}")
def test_documented_case(warehouse: Warehouse, row: list[str]) -> None:
    name, as_of, limit, rows, _ = row
    in_force = CASES[name].in_force(int(limit))
    assert (in_force is None) == (rows == "cannot be built")
    if in_force is None:
        return
    current, _ = warehouse.states(in_force, datetime.date.fromisoformat(as_of))
    assert {cell for _, cell in current} == set(cells_of(rows))
    assert current == visible(in_force, datetime.date.fromisoformat(as_of))


DATES = [datetime.date(2024, 1, day) for day in (1, 2, 3, 4)]
CELLS = st.lists(
    st.builds(
        Cell,
        st.sampled_from(["2022", "2023"]),
        st.sampled_from(["QMA", "QMB"]),
        st.sampled_from(["F", "M"]),
        st.integers(0, 3),
    ),
    max_size=4,
    unique_by=lambda cell: (cell.period, cell.area, cell.sex),
)
SUBMISSIONS = st.lists(
    st.tuples(
        st.sampled_from(DATES),
        st.sampled_from(["whole_dataset", "periods", "periods_x_areas", "keys"]),
        CELLS,
        st.sampled_from(["table", "other"]),
    ),
    min_size=1,
    max_size=6,
).map(
    lambda given: [
        Submission(position, date, replaces, tuple(cells), dataset)
        for position, (date, replaces, cells, dataset) in enumerate(given, start=1)
    ]
)


@settings(max_examples=100, deadline=None)
@given(submissions=SUBMISSIONS, as_of=st.sampled_from(DATES), data=st.data())
def test_the_models_follow_the_rule(warehouse: Warehouse, submissions, as_of, data) -> None:
    withdrawn = data.draw(st.sets(st.sampled_from([s.position for s in submissions]), max_size=2))
    in_force = [s for s in submissions if s.position not in withdrawn]
    current, before = warehouse.states(in_force, as_of)
    assert current == visible(in_force, as_of)
    assert before == previous(in_force, as_of)


@settings(max_examples=30, deadline=None)
@given(submissions=SUBMISSIONS, data=st.data())
def test_order_of_arrival_matters_between_equal_dates_only(warehouse: Warehouse, submissions, data) -> None:
    """Renumber the ledger freely but keep the order among submissions of one date: nothing visible changes."""
    order = data.draw(st.permutations(submissions))
    by_date: dict[datetime.date, list[Submission]] = {}
    for submission in submissions:
        by_date.setdefault(submission.issued_on, []).append(submission)
    queues = {date: list(items) for date, items in by_date.items()}
    renumbered = []
    for position, slot in enumerate(order, start=1):
        s = queues[slot.issued_on].pop(0)
        renumbered.append(Submission(position, s.issued_on, s.replaces, s.cells, s.dataset))
    assert warehouse.states(submissions, DATES[-1]) == warehouse.states(renumbered, DATES[-1])
