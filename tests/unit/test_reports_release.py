"""A release folder: complete, self-contained, the same bytes, sound links, safe texts, comparable with another."""

import ast
import csv
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import frictionless
import published_example
import pyarrow as pa
import pytest

from orchestration.runs import releases, table_declarations
from reports import release
from reports.packages.manifest import verify
from reports.packages.table_files import safe_cell, write_csv
from reports.tables import read

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "index.html",
    "hotspots.html",
    "trends.html",
    "corridors.html",
    "definitions.html",
    "coverage.html",
    "changes.html",
    "methods.html",
    "downloads.html",
}
NO_BROWSER = "/nonexistent/browser"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return published_example.build(tmp_path_factory.mktemp("published") / "published", districts=4)


@pytest.fixture(scope="module")
def written(published, tmp_path_factory):
    folder = tmp_path_factory.mktemp("release") / "release"
    return release.write(published, folder, browser=NO_BROWSER)


def texts(folder, *endings):
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.suffix in endings
    }


class _Elements(html.parser.HTMLParser):
    """Names of all elements and attributes of a page."""

    def __init__(self):
        super().__init__()
        self.elements, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attrs)


def test_reports_imports_nothing_of_the_house():
    house = {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()} - {"reports"}
    assert {"geo", "trends", "submissions"} <= house
    for source in (ROOT / "reports").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & house, source


def test_a_release_is_complete_without_a_browser(written):
    assert set(written.pages) >= PAGES
    assert "areas/QMA.html" in written.pages
    assert len(written.charts) == 12
    for chart in written.charts:
        assert (written.path / "charts" / f"{chart}.csv").stat().st_size > 0
        content = json.loads((written.path / "charts" / f"{chart}.json").read_text(encoding="utf-8"))
        assert {"title", "caption", "source", "as_of", "newest_data", "licence", "figure"} <= set(content)
    assert not list(written.path.rglob("*.png"))
    assert len(written.missing) == 1
    assert "chromium" in written.missing[0]
    manifest = json.loads((written.path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["renderings"]["missing"] == written.missing
    assert set(manifest["renderings"]["files"]) == {"charts/renderings.js"}
    assert verify(written.path) == []


def test_core_is_the_same_bytes_elsewhere(published, written, tmp_path):
    """Another process, hash seed, time zone and folder."""
    program = (
        "import sys; from pathlib import Path; from reports import release;"
        f"release.write(Path(sys.argv[1]), Path(sys.argv[2]), browser={NO_BROWSER!r})"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "TZ": "Pacific/Auckland", "PYTHONPATH": str(ROOT)}
    copy = tmp_path / "elsewhere"
    shutil.copytree(published, copy)
    subprocess.run([sys.executable, "-c", program, copy, tmp_path / "second"], check=True, env=environment)
    first = json.loads((written.path / "manifest.json").read_text(encoding="utf-8"))
    second = json.loads((tmp_path / "second" / "manifest.json").read_text(encoding="utf-8"))
    assert first["core"] == second["core"]


def test_nothing_points_outside_and_nothing_runs_from_text(written):
    for path, text in texts(written.path, ".html").items():
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text), path
        parsed = _Elements()
        parsed.feed(text)
        assert not [name for name in parsed.attributes if name.startswith("on")], f"{path}: inline handler"
        assert "img" not in parsed.elements, path
        assert "\u2028" not in re.sub(r"(?s)<(?!script).*?>", "", "".join(re.findall(r"(?s)<script.*?</script>", text)))
        for block in re.findall(r'(?s)<script type="application/(?:ld\+)?json"[^>]*>(.*?)</script>', text):
            json.loads(block)
        assert text.count("<h1") == 1, path
        assert "Invented data." in text, path


def test_partner_text_is_shown_as_it_is(written):
    page = (written.path / "areas" / "QMB-02.html").read_text(encoding="utf-8")
    assert "Belmora &lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in page


def test_tables_have_captions_and_drawings_have_names(written):
    for path, text in texts(written.path, ".html").items():
        for table in re.findall(r"(?s)<table.*?</table>", text):
            assert "<caption" in table, path
            assert "<th scope=" in table, path
        for drawing in re.findall(r"<svg[^>]*>", text):
            assert "aria-label=" in drawing or "aria-hidden" in drawing, (path, drawing)
        for label, field in re.findall(r'<(select|input)[^>]*\sid="([^"]+)"', text):
            assert f'for="{field}"' in text, (path, label, field)


def test_words_on_pages_are_careful(written):
    for path, text in texts(written.path, ".html").items():
        visible = re.sub(r"(?s)<script.*?</script>|<[^>]+>", " ", text)
        assert not re.search(r"\b(got worse|worsened|rank(ed|ing)?\b|league table of)", visible), path
        assert not re.search(r"\bnan\b|\bNaN\b|\bNone\b(?! of)|\bnull\b|undefined", visible), path
    assert "Detected, not prevalence" in (written.path / "hotspots.html").read_text(encoding="utf-8")


def test_a_law_change_is_a_break_and_a_hidden_figure_is_hidden(written):
    page = (written.path / "areas" / "QMD.html").read_text(encoding="utf-8")
    assert "is a break, not a trend" in page
    assert 'class="break step"' in page
    other = (written.path / "areas" / "QMB.html").read_text(encoding="utf-8")
    assert 'class="break drawn"' in other
    district = (written.path / "areas" / "QMA-01.html").read_text(encoding="utf-8")
    assert "hidden" in district


def test_the_late_partner_stands_on_the_coverage_page(written):
    page = (written.path / "coverage.html").read_text(encoding="utf-8")
    late = page[page.index("Overdue as of") : page.index("</table>")]
    assert "Kestrel" in late
    assert "395" in late


def test_changes_name_the_largest_difference(written):
    page = (written.path / "changes.html").read_text(encoding="utf-8")
    explained = page[page.index("The largest differences") : page.index("Revised figures")]
    text = " ".join(re.sub(r"<[^>]+>", " ", explained).split())
    assert re.search(r"Cantria : victims detected, 2023 \S+ before, \S+ now \( \+120 \)\. Source: Regional", text), text


def test_real_releases_carry_no_mark_of_invention(tmp_path):
    source = published_example.build(tmp_path / "p", districts=2, invented=False, audience="restricted")
    written = release.write(source, tmp_path / "r", browser=NO_BROWSER)
    for path, text in texts(written.path, ".html").items():
        assert "Invented data" not in re.sub(r"(?s)<script.*?</script>", "", text), path
        assert "<strong>Restricted.</strong>" in text, path


@pytest.mark.parametrize(
    "dropped",
    [
        ("hotspots",),
        ("corridors", "changes", "reconciliation", "breaks", "comparability"),
        ("observations", "series", "trends"),
        published_example.TABLES,
    ],
    ids=["no hotspots", "no law", "no series", "nothing"],
)
def test_absent_tables_only_leave_sections_out(tmp_path, dropped):
    source = published_example.build(tmp_path / "p", districts=2, drop=dropped)
    written = release.write(source, tmp_path / "r", browser=NO_BROWSER)
    assert set(written.pages) >= PAGES
    assert verify(written.path) == []
    downloads = (written.path / "downloads.html").read_text(encoding="utf-8")
    assert "no table" in downloads


def test_seven_quarters_are_too_short_and_say_so(tmp_path):
    source = published_example.build(tmp_path / "p", districts=2, years=7)
    written = release.write(source, tmp_path / "r", browser=NO_BROWSER)
    page = (written.path / "trends.html").read_text(encoding="utf-8")
    assert "Too short to judge: 7 of 8 periods" in page
    assert re.search(r"12</span> areas with a verdict: <span[^>]*>12</span> are too short for a trend", page)


def test_verify_finds_what_was_tampered_with(written, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(written.path, folder)
    (folder / "tables" / "areas.csv").write_text("changed", encoding="utf-8")
    (folder / "corridors.html").unlink()
    (folder / "added.html").write_text(
        '<a href="https://example.org/">x</a><a href="gone.html">y</a>', encoding="utf-8"
    )
    flipped = bytearray((folder / "tables" / "breaks.parquet").read_bytes())
    flipped[10] ^= 1
    (folder / "tables" / "breaks.parquet").write_bytes(flipped)
    problems = "\n".join(verify(folder))
    for expected in (
        "tables/areas.csv has 7 bytes",
        "corridors.html is missing",
        "added.html is not in the manifest",
        "tables/breaks.parquet was changed",
        "added.html points outside the folder: https://example.org/",
        "added.html points to gone.html, which is missing",
        "index.html points to corridors.html, which is missing",
    ):
        assert expected in problems
    assert verify(tmp_path / "nothing") != []


def test_difference_of_a_release_with_itself_and_with_another(written, tmp_path):
    same = releases.difference(written.path, written.path)
    assert {(row["removed"], row["added"], row["changed"]) for row in same} == {(0, 0, 0)}
    other = published_example.build(tmp_path / "p", districts=4, shift=1, drop=("corridors",))
    second = release.write(other, tmp_path / "r", browser=NO_BROWSER)
    found = {row["table"]: row for row in releases.difference(written.path, second.path)}
    before = read(tmp_path / "p").table("observations")
    # a figure that is another one under the same key has changed: none is gone, none is new
    assert (found["observations"]["removed"], found["observations"]["added"]) == (0, 0)
    assert 0 < found["observations"]["changed"] <= len(before)
    assert found["observations"]["same"] == len(before) - found["observations"]["changed"]
    assert found["corridors"]["removed"] == 96


def test_the_data_package_is_valid_and_described(written):
    package = frictionless.Package(str(written.path / "datapackage.json"))
    report = package.validate()
    assert report.valid, report.flatten(["title", "message"])[:3]
    schema = package.get_resource("observations").schema
    assert schema.get_field("area_code").description == "Code of the area counted"
    assert schema.get_field("value").type == "number"
    declared = table_declarations.tables()
    for resource in package.resources:
        table = declared[resource.name]
        assert resource.schema.primary_key == list(table.key)
        assert resource.schema.field_names == list(table.columns)
        assert (resource.title, table.grain in resource.description) == (table.title, True)
    linked = json.loads((written.path / "dataset.jsonld").read_text(encoding="utf-8"))
    assert linked["@type"] == "Dataset"
    assert all((written.path / entry["contentUrl"]).is_file() for entry in linked["distribution"])


def test_csv_cells_cannot_be_formulas_and_come_back_whole(tmp_path):
    nasty = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "plain", 'quote"d', "comma,", "line\nbreak", "", None]
    table = pa.table({"text": nasty, "number": [-1.0, 2.5, None, *[0.0] * 9], "whole": [-3.0, *[1.0] * 10, None]})
    write_csv(table, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["text"] for row in rows] == [safe_cell(text or "") for text in nasty]
    assert not any(row["text"].startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows)
    assert [row["number"] for row in rows[:3]] == ["-1", "2.5", ""]
    assert rows[0]["whole"] == "-3"
    assert rows[-1]["whole"] == ""


def test_tables_keep_their_parquet_bytes(published, written):
    for source in (published / "tables").iterdir():
        assert (written.path / "tables" / source.name).read_bytes() == source.read_bytes()


def test_pages_stay_light(tmp_path):
    """250 areas, ten years: the map page under 3 MB, every other page under 1.5 MB."""
    source = published_example.build(tmp_path / "p", districts=20)
    written = release.write(source, tmp_path / "r", browser=NO_BROWSER)
    sizes = {page: (written.path / page).stat().st_size for page in written.pages}
    assert sizes["hotspots.html"] < 3_000_000
    assert max(size for page, size in sizes.items() if page != "hotspots.html") < 1_500_000
    assert sum(page.startswith("areas/") for page in written.pages) == 253


def test_a_used_folder_is_refused(published, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "x").write_text("x")
    with pytest.raises(FileExistsError, match="not empty"):
        release.write(published, tmp_path / "r")
    with pytest.raises(FileNotFoundError, match=r"release\.json is missing"):
        release.write(tmp_path / "r", tmp_path / "s")
