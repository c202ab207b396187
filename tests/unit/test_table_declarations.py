"""A published table is declared once: what is generated is current, readers are the true ones, and the gate holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pandas as pd
import published_example
import pytest

from orchestration.defs.protection import lines
from orchestration.defs.warehouse.lake import create_between, fill
from orchestration.operations import column_docs
from orchestration.runs import publishing, table_declarations
from orchestration.runs.table_declarations import Table, tables
from reports import tables as release_tables
from reports.charts import catalogue
from reports.charts.site import Site
from reports.pages import areas as pages_areas
from reports.pages import assembly
from submissions.errors import WaymarkError
from submissions.vocabulary import fields

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("path", column_docs.written(), ids=lambda path: path.name)
def test_generated_text_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == column_docs.written()[path], f"run {column_docs.COMMAND}"


@pytest.mark.parametrize("table", tables().values(), ids=lambda table: table.name)
def test_a_declaration_is_whole(table: Table) -> None:
    assert set(table.key) <= set(table.columns)
    assert set(table.values) <= set(table.columns)
    assert bool(table.values) == bool(table.over)
    assert set(table.columns) <= set(fields.registry())
    assert not table_declarations.not_publishable(table.audience, {table.name: table.columns})
    head = (table_declarations.PUBLISHED.parent / f"pub_{table.name}.sql").read_text(encoding="utf-8").split("\n")
    stated = " ".join(line.removeprefix("--").strip() for line in head[:4] if line.startswith("--"))
    assert stated.startswith(f"grain: {table.grain}")


def test_protection_knows_every_sum_that_is_declared() -> None:
    """Figures are added over no dimension that protection of small counts draws no lines along."""
    known = set(tables()["observations"].over)
    assert {lines.CODED.get(name, name) for name in known} == set(lines.POOLED) - {lines.SUBJECT}
    for table in tables().values():
        assert set(table.over) <= known, table.name
        assert {fields.registry()[name]["privacy"] for name in table.values} <= {"protected"}, table.name


def test_a_frame_is_all_that_the_select_does_not_add() -> None:
    between = table_declarations.between()
    for table in tables().values():
        if table.frame:
            assert list(between[f"analytics.{table.name}"]) == list(table.frame)
    assert "area_name" not in between["analytics.trends"]
    assert between["analytics.trends"]["step_on"] == "date"


def test_a_frame_fills_its_declared_columns_or_none() -> None:
    connection = duckdb.connect()
    create_between(connection)
    frame = pd.DataFrame({"rate_per_100k": [2.5], "scratch": [1], "cell_id": ["c"], "rate_lower_per_100k": [1.0]})
    with pytest.raises(ValueError, match="rate_upper_per_100k"):
        fill(connection, "analytics.rates", frame)
    fill(connection, "analytics.rates", frame.assign(rate_upper_per_100k=4.0))
    assert connection.execute("select * from analytics.rates").fetchall() == [("c", 2.5, 1.0, 4.0)]
    fill(connection, "analytics.rates", pd.DataFrame())
    assert connection.execute("select count(*) from analytics.rates").fetchall() == [(0,)]


# ---- readers ------------------------------------------------------------------------------------------------------


class _Recording(release_tables.Published):
    """A published directory that remembers which tables were asked for."""

    def table(self, name: str):
        self.__dict__.setdefault("asked", set()).add(name)
        return super().table(name)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_example.build(tmp_path_factory.mktemp("published") / "published", districts=2)


def asked(published: Path, make) -> set[str]:
    opened = release_tables.read(published)
    known = Site(opened, [], [], [])
    recording = _Recording(opened.path, opened.release, opened.layers, opened.table_paths)
    site = Site(recording, [], [], [])
    # which areas have a page decides where links lead, on every page alike
    site.__dict__["area_pages"] = known.area_pages
    make(site)
    return recording.__dict__.get("asked", set())


def declared_readers(kind: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table in tables().values():
        for reader in getattr(table, kind):
            found.setdefault(reader, set()).add(table.name)
    return found


def test_pages_read_what_is_declared(published: Path) -> None:
    contents = {Path(path).stem: content for path, content in assembly.CONTENTS.items() if path != "downloads.html"}
    contents["areas"] = lambda site: list(pages_areas.contents(site))
    assert {name: asked(published, make) for name, make in contents.items()} == declared_readers("pages")


def test_charts_read_what_is_declared(published: Path) -> None:
    found = {chart.id: asked(published, chart.make) for chart in catalogue.declared()}
    assert found == declared_readers("charts")
    assert all(chart.table in found[chart.id] for chart in catalogue.declared())


# ---- the gate of public columns ------------------------------------------------------------------------------------


@pytest.fixture
def build_of_areas() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    columns = ", ".join(f"{name} {kind}" for name, kind in tables()["areas"].columns.items())
    connection.execute(f"create table pub_areas ({columns})")
    return connection


def test_declared_open_columns_go_out(build_of_areas) -> None:
    assert publishing.published_tables(build_of_areas, "public") == ["areas"]


def test_a_restricted_column_stops_the_public_release(build_of_areas, monkeypatch: pytest.MonkeyPatch) -> None:
    areas = tables()["areas"]
    widened = replace(areas, columns={**areas.columns, "submission_id": "string", "no_field": "string"})
    monkeypatch.setattr(table_declarations, "tables", lambda: {"areas": widened})
    build_of_areas.execute("alter table pub_areas add column submission_id varchar")
    with pytest.raises(WaymarkError, match=r"areas\.submission_id has the privacy class restricted"):
        publishing.published_tables(build_of_areas, "public")
    assert publishing.published_tables(build_of_areas, "restricted") == ["areas"]
    build_of_areas.execute("alter table pub_areas drop column submission_id")
    build_of_areas.execute("alter table pub_areas add column no_field varchar")
    with pytest.raises(WaymarkError, match=r"areas\.no_field has the privacy class unknown"):
        publishing.published_tables(build_of_areas, "public")


@pytest.mark.parametrize("audience", ["public", "restricted"])
def test_what_is_not_declared_goes_nowhere(build_of_areas, audience: str) -> None:
    build_of_areas.execute("alter table pub_areas add column rows_in integer")
    with pytest.raises(WaymarkError, match=r"areas\.rows_in is not declared"):
        publishing.published_tables(build_of_areas, audience)
    build_of_areas.execute("alter table pub_areas drop column rows_in")
    build_of_areas.execute("create table pub_cases (age integer)")
    with pytest.raises(WaymarkError, match="the table cases is not declared"):
        publishing.published_tables(build_of_areas, audience)


def test_a_table_for_the_restricted_stays_behind_in_public(build_of_areas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        table_declarations, "tables", lambda: {"areas": replace(tables()["areas"], audience="restricted")}
    )
    assert publishing.published_tables(build_of_areas, "public") == []
    assert publishing.published_tables(build_of_areas, "restricted") == ["areas"]


# ---- a new column --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("table", "after"), [("trends", "      - *series_id\n"), ("areas", "      - *area_code\n")])
def test_a_new_column_is_one_line(table: str, after: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line in the declaration, and frame, dictionary, data package and gate have the column."""
    head, start, rest = table_declarations.PUBLISHED.read_text(encoding="utf-8").partition(f"  - name: pub_{table}\n")
    before, at, behind = rest.partition(after)
    assert start, table
    assert at, table
    line = "      - {name: newest_thing, data_type: double, description: new}\n"
    declaration = tmp_path / "models.yml"
    declaration.write_text(f"{head}{start}{before}{at}{line}{behind}", encoding="utf-8")
    widened, registry = tables(declaration), dict(fields.registry())
    monkeypatch.setattr(table_declarations, "tables", lambda: widened)
    monkeypatch.setattr(fields, "registry", lambda: registry)
    found = {table: [*widened[table].columns]}
    assert "newest_thing" in found[table]
    # what nobody described has no privacy class, and a public release stops
    assert table_declarations.not_publishable("public", found) == [
        f"{table}.newest_thing has the privacy class unknown"
    ]
    registry["newest_thing"] = {"description": "The newest thing", "type": "number", "privacy": "open"}
    assert table_declarations.not_publishable("public", found) == []
    assert column_docs.data_dictionary().count("| newest_thing | double |  | open | The newest thing |") == 1
    between = table_declarations.between.__wrapped__()
    assert (between.get(f"analytics.{table}", {}).get("newest_thing") == "double") == bool(widened[table].frame)
    # what is declared and was never built is no column of a release
    assert publishing.field_texts()["newest_thing"] == {"description": "The newest thing", "type": "number"}
