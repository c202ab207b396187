"""Pictures: what is random is fixed, PDF files stay well-formed, failures are reported and never raised."""

import json
import re
import shutil
from pathlib import Path

import published_example
import pytest
import vl_convert
from PIL import Image

from reports import release
from reports.charts import rendering
from reports.charts.drawings import Line, Mark, Point, line_chart, scale_ticks
from reports.charts.specification import Chart
from reports.wording.words import Words, name_order, number, period_label, period_position, signed, signed_percent
from submissions.vocabulary.fields import labels

TEXT_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="80"><defs><clipPath id="clipab12cdxy"><rect '
    'width="200" height="80"/></clipPath></defs><g clip-path="url(#clipab12cdxy)" font-family="DejaVu Sans">'
    '<text x="5" y="20" font-weight="bold">Bold title</text><text x="5" y="50" opacity="0.5">plain ▲ text</text>'
    "</g></svg>"
)


def pdf_objects(pdf):
    """Offsets of the cross-reference table and the object numbers found there."""
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF$", pdf).group(1))
    count = int(re.match(rb"xref\n0 (\d+)\n", pdf[start:]).group(1))
    table = start + len(b"xref\n0 %d\n" % count)
    return [int(pdf[table + 20 * number :][:10]) for number in range(1, count)]


def test_equal_drawings_make_equal_pdf_files_and_they_stay_well_formed():
    raw = {vl_convert.svg_to_pdf(TEXT_SVG) for _ in range(12)}
    fixed = {rendering.fixed_pdf(pdf) for pdf in raw}
    assert len(fixed) == 1
    pdf = fixed.pop()
    for number_, offset in enumerate(pdf_objects(pdf), start=1):
        assert pdf[offset:].startswith(b"%d 0 obj\n" % number_)
    references = {int(found) for found in re.findall(rb"(\d+) 0 R", pdf)}
    assert references <= set(range(1, len(pdf_objects(pdf)) + 1))
    root = int(re.search(rb"/Root (\d+) 0 R", pdf).group(1))
    assert b"/Type /Catalog" in pdf[pdf_objects(pdf)[root - 1] :][:80]


def test_random_ids_of_a_drawing_are_replaced_wherever_they_are_used():
    one, two = TEXT_SVG.replace("ab12cd", "0f3e9a"), TEXT_SVG
    assert one != two
    assert rendering.fixed_svg(one, "chart") == rendering.fixed_svg(two, "chart")
    ids = re.findall(r'id="([^"]+)"', rendering.fixed_svg(two, "chart"))
    assert f"url(#{ids[0]})" in rendering.fixed_svg(two, "chart")


def test_a_broken_browser_is_reported_with_the_way_out(tmp_path):
    chart = Chart("one", "One", "", {"data": [], "layout": {}}, None, {}, 300, 200)
    broken = tmp_path / "browser"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    outcome = rendering.render([chart], tmp_path, browser=broken)
    assert outcome.files == {}
    assert len(outcome.missing) == 1
    assert outcome.missing[0].startswith("charts/one (svg, png, pdf)")
    assert "apt-get install chromium" in outcome.missing[0]


def test_a_browser_that_never_answers_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "SECONDS_OF_SILENCE", 2)
    monkeypatch.setattr(rendering, "SECONDS_TO_CLOSE", 1)
    silent, trace = tmp_path / "browser", tmp_path / "pid"
    silent.write_text(f"#!/bin/sh\necho $$ >> {trace}\nexec sleep 600\n")
    silent.chmod(0o755)
    chart = Chart("one", "One", "", {"data": [], "layout": {}}, None, {}, 300, 200)
    monkeypatch.setattr(rendering, "_browser_version", lambda program: "silent")
    outcome = rendering.render([chart], tmp_path, browser=silent)
    assert "stopped answering" in outcome.missing[0]
    for pid in trace.read_text().split():
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_one_bad_chart_does_not_take_the_others_with_it(tmp_path):
    _browser()
    layout = {"width": 300, "height": 200}
    bad = Chart("bad", "Bad", "", {"data": [{"type": "no such trace"}], "layout": "not a layout"}, None, {}, 300, 200)
    good_figure = {"data": [{"type": "scatter", "x": [1, 2], "y": [1, 2]}], "layout": layout}
    good = Chart("good", "Good", "", good_figure, None, {}, 300, 200)
    outcome = rendering.render([bad, good], tmp_path)
    assert set(outcome.files["good"]) == {"svg", "png", "pdf"}
    assert [text for text in outcome.missing if "charts/bad" in text]


@pytest.mark.browser
def test_two_releases_with_pictures_are_equal_bytes(tmp_path):
    _browser()
    source = published_example.build(tmp_path / "published", districts=3)
    written = [release.write(source, tmp_path / name) for name in ("first", "second")]
    assert written[0].missing == []
    manifests = [json.loads((result.path / "manifest.json").read_text(encoding="utf-8")) for result in written]
    assert manifests[0]["core"] == manifests[1]["core"]
    files = manifests[0]["renderings"]["files"]
    assert files == manifests[1]["renderings"]["files"]
    assert sorted({path.rsplit(".", 1)[1] for path in files}) == ["js", "pdf", "png", "svg"]
    assert len(files) == 3 * len(written[0].charts) + 1
    assert {"browser", "kaleido", "plotly", "vl-convert-python"} <= set(manifests[0]["renderings"]["versions"])
    without = release.write(source, tmp_path / "third", browser="/nonexistent/browser")
    third = json.loads((without.path / "manifest.json").read_text(encoding="utf-8"))
    assert third["core"] == manifests[0]["core"], "the core does not depend on a browser"

    picture = (written[0].path / "charts" / "hotspots-map.svg").read_text(encoding="utf-8")
    for expected in (
        "Invented data",
        "Regional Observatory",
        "As of 31 March 2025",
        "Newest data: 2024",
        "Open licence",
    ):
        assert expected in picture
    image = Image.open(written[0].path / "charts" / "hotspots-map.png").convert("RGB")
    assert image.width == 2400
    share = sum(_near(pixel, (217, 95, 2)) for pixel in image.resize((240, 152)).get_flattened_data()) / (240 * 152)
    assert 0.01 < share < 0.2, "the hot areas are coloured and do not flood the map"


def _near(pixel, colour):
    return all(abs(a - b) < 12 for a, b in zip(pixel, colour, strict=True))


def _browser():
    if rendering.find_browser() is None or not shutil.which("chromium"):
        pytest.skip("no Chromium on this machine: pictures cannot be drawn")


def test_lines_have_gaps_bounds_and_breaks():
    points = [
        Point(2019.5, 10.0, "2019: 10"),
        Point(2020.5, None, "2020: not reported"),
        Point(2021.5, None, "2021: between 0 and 4", 0.0, 4.0),
        Point(2022.5, 12.0, "2022: 12 <b>"),
    ]
    drawing = line_chart([Line(points)], [Mark(2020.0, "law", True), Mark(1990.0, "before", True)], "A & B")
    run = re.search(r'class="run" d="([^"]+)"', drawing).group(1)
    assert run.count("M") == 2
    assert "L" not in run
    assert drawing.count('class="gap"') == 1
    assert drawing.count('class="bounds"') == 1
    assert drawing.count('class="break step"') == 1
    assert "2022: 12 &lt;b&gt;" in drawing
    assert 'aria-label="A &amp; B"' in drawing


@pytest.mark.parametrize(("highest", "last"), [(1, 1), (7, 7.5), (99, 100), (1001, 1500), (0, 1), (0.03, 0.03)])
def test_scales_start_at_zero_and_reach_the_highest(highest, last):
    ticks = scale_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-1] == pytest.approx(last)
    assert ticks[-1] >= highest


def test_words_for_figures_and_periods():
    assert [number(value) for value in (0, 1234.0, 12.345, 0.5, -3.0, float("nan"), None)] == [
        "0", "1,234", "12.3", "0.50", "−3", "–", "–",
    ]  # fmt: skip
    assert [signed(value) for value in (3.0, -3.0, 0.0)] == ["+3", "−3", "0"]
    assert [signed_percent(value) for value in (0.05, -0.0004)] == ["+5.0 %", "0.0 %"]
    assert [period_label(text) for text in ("2023", "2023-Q2", "2023-04")] == ["2023", "2023 Q2", "April 2023"]
    assert [period_position(text) for text in ("2023", "2023-Q1", "2023-12")] == pytest.approx(
        [2023.5, 2023.125, 2023 + 11.5 / 12]
    )
    assert sorted(["District 10", "district 2", "Area 1"], key=name_order) == ["Area 1", "district 2", "District 10"]
    words = Words({**labels(), "measure": {"victims_detected": "Victims found"}})
    assert words.measure("victims_detected", "LAB+SEX") == "Victims found, forced labour and sexual exploitation"
    assert words.measure("brand_new_measure") == "Brand new measure"
    assert words.reason("too_short", "7 of 12 quarters") == "too short to judge: 7 of 12 quarters"
