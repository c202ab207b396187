"""Every number on a page is a cell of a table: the script outside reports/ finds none that differs, none unexplained."""

import json
import re
import shutil

import page_numbers
import pandas as pd
import published_example
import pytest

from reports import release
from reports.tables import read
from reports.wording import cells

NO_BROWSER = "/nonexistent/browser"
EVERY = (
    "index.html",
    "changes.html",
    "hotspots.html",
    "coverage.html",
    "trends.html",
    "corridors.html",
    "definitions.html",
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    published = published_example.build(tmp_path_factory.mktemp("published") / "published", districts=2)
    folder = tmp_path_factory.mktemp("release") / "release"
    release.write(published, folder, browser=NO_BROWSER)
    return folder


@pytest.fixture
def copy(written, tmp_path):
    return shutil.copytree(written, tmp_path / "release")


def edited(folder, page, pattern, instead):
    path = folder / page
    text, count = re.subn(pattern, instead, path.read_text(encoding="utf-8"), count=1)
    assert count == 1, pattern
    path.write_text(text, encoding="utf-8")
    return page_numbers.recompute(folder, [page])


def test_all_pages_are_recomputed_from_the_tables(written):
    areas = [f"areas/{path.name}" for path in (written / "areas").glob("*.html")]
    found = page_numbers.recompute(written, [*EVERY, *areas])
    assert found.differ == []
    assert found.unexplained == []
    assert sum(found.checked.values()) > 5000
    assert all(found.checked[page] for page in ("index.html", "changes.html", "coverage.html", "hotspots.html (map)"))


def test_charts_hold_rows_of_the_tables(written, copy):
    found = page_numbers.recompute_charts(written)
    assert found.differ == []
    assert found.unexplained == []
    assert len(found.checked) >= 8
    file = copy / "charts" / "sex-and-age.csv"
    file.write_text(re.sub(r"(?m),(\d+),", r",\g<1>7,", file.read_text(encoding="utf-8")), encoding="utf-8")
    assert page_numbers.recompute_charts(copy).differ


def test_an_altered_cell_is_found(copy):
    """Mutation: the table says something else than the pages that were made from it."""
    file = copy / "tables" / "summary.parquet"
    table = pd.read_parquet(file)
    mine = table["statistic"] == "areas_with_figures"
    table.assign(value=table["value"].where(~mine, table["value"] + 1)).to_parquet(file, index=False)
    found = page_numbers.recompute(copy, ["index.html"])
    assert found.differ
    assert all("summary." in fault for fault in found.differ)


def test_an_altered_figure_of_the_map_is_found(copy):
    def more(match):
        content = json.loads(match[1])
        content["views"][0]["value"][0][0] = (content["views"][0]["value"][0][0] or 0) + 7
        text = json.dumps(content).replace("<", "\\u003c")
        return f'id="map-data">{text}</script>'

    found = edited(copy, "hotspots.html", r'(?s)id="map-data">(.*?)</script>', more)
    assert len(found.differ) == 1


@pytest.mark.parametrize(
    ("page", "pattern", "instead", "left"),
    [
        ("index.html", r"(<h2 id=\"basis\")", r"<p>17,559 victims in all.</p>\1", "17,559"),
        ("coverage.html", r"(</main>)", r"<p>Together 42 areas.</p>\1", "42"),
        ("changes.html", r"(<svg|</main>)", r'<p title="a sum of 318">x</p>\1', "318"),
    ],
    ids=["hard-coded", "a count of rows", "in a tooltip"],
)
def test_a_number_that_is_no_cell_is_found(copy, page, pattern, instead, left):
    """Mutations: a number typed into a page, a sum made on it, and one in an attribute."""
    found = edited(copy, page, pattern, instead)
    assert [entry for entry in found.unexplained if repr(left) in entry]


def test_a_number_beside_its_cell_is_found(copy):
    found = edited(
        copy, "changes.html", r'(data-cell="changes\.\d+\.upper">|data-cell="changes\.\d+\.lower">)', r"\g<1>9"
    )
    assert len(found.differ) == 1


def test_two_cells_that_no_table_declares_are_found(copy):
    found = edited(
        copy, "changes.html", r'data-cell="(changes\.\d+)\.lower"', r'data-cell="\1.lower-\1.previous_lower"'
    )
    assert "not declared" in found.differ[0]


# ---- the marks themselves


def test_undeclared_derivations_raise():
    row, other = {"at": "changes.1", "lower": 7.0}, {"at": "changes.1", "previous_lower": 2.0}
    with pytest.raises(cells.UndeclaredDerivation, match=r"changes\.lower and changes\.previous_lower"):
        cells.difference(row, "lower", other, "previous_lower")
    with pytest.raises(cells.UndeclaredDerivation):
        cells.ratio({"at": "series.1", "value": 1.0}, "value", {"at": "summary.1", "value": 2.0}, "value")
    with pytest.raises(cells.UndeclaredDerivation):
        cells.change({"at": "series.1", "value": 1.2}, "value")
    assert (
        cells.plain(
            cells.ratio(
                {"at": "summary.3", "value": 1.0}, "value", {"at": "summary.3", "denominator": 4.0}, "denominator"
            )
        )
        == "0.25"
    )


def test_marks_become_attributes_wherever_a_number_stands():
    text = cells.number({"at": "series.7", "value": 1234.0})
    assert cells.tagged(f"<td>{text}</td>") == '<td data-cell="series.7.value">1,234</td>'
    assert cells.tagged(f"<p>so {text}.</p>") == '<p>so <span data-cell="series.7.value">1,234</span>.</p>'
    assert (
        cells.tagged(f"<title>2020: {text} cases</title>")
        == '<title data-cells="series.7.value=1,234">2020: 1,234 cases</title>'
    )
    assert cells.tagged(f'<a title="{text}">x</a>') == '<a title="1,234" data-title-cells="series.7.value=1,234">x</a>'
    assert cells.plain(text) == "1,234"


def test_a_mark_that_was_cut_stops_the_page():
    with pytest.raises(ValueError, match="cut in two"):
        cells.tagged(f"<p>{cells.number({'at': 'series.7', 'value': 1234.0})[:-3]}</p>")


def test_no_partner_text_can_forge_a_mark(tmp_path):
    published = published_example.build(tmp_path / "p", districts=2)
    file = published / "tables" / "areas.parquet"
    table = pd.read_parquet(file)
    forged = "\ue000series.0.value\ue0019\ue002"
    table.assign(area_name=table["area_name"].where(table["area_code"] != "QMA", forged)).to_parquet(file, index=False)
    assert "\ue000" not in "".join(read(published).table("areas")["area_name"])
    release.write(published, tmp_path / "r", browser=NO_BROWSER)
    assert 'data-cell="series.0.value">9<' not in (tmp_path / "r" / "areas" / "QMA.html").read_text(encoding="utf-8")


def test_bounds_read_as_words():
    row = {"at": "changes.1", "lower": 0.0, "upper": 4.0, "previous_lower": 7.0, "previous_upper": 7.0}
    assert cells.plain(cells.span(row)) == "at most 4"
    assert cells.plain(cells.span(row, "previous_lower", "previous_upper")) == "7"
    assert cells.plain(cells.span(row | {"lower": 2.0})) == "2 to 4"


@pytest.mark.parametrize(
    ("written_as", "value", "holds"),
    [
        ("1,234", 1234.4, True), ("1,234", 1234.6, False), ("12.3 %", 0.1232, True), ("12.3 %", 0.124, False),
        ("−0.5", -0.52, True), ("+0.5", -0.52, False), ("< 0.001", 0.0004, True), ("< 0.001", 0.002, False), ("0.034", 0.034, True),
    ],
)  # fmt: skip
def test_a_written_number_agrees_to_its_last_digit(written_as, value, holds):
    assert page_numbers.agrees(written_as, value) is holds
