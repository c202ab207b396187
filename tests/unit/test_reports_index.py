"""The first page tells counts of the summary and headline verdicts, and what does not survive as no finding."""

import re
import shutil

import pandas as pd
import published_example
import pytest

from reports import release
from reports.charts.site import Site
from reports.pages import findings
from reports.tables import read


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return published_example.build(tmp_path_factory.mktemp("published") / "published", districts=4)


def write(published, folder):
    release.write(published, folder, browser="/nonexistent/browser")
    page = (folder / "index.html").read_text(encoding="utf-8")
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def changed(published, copy, table, function):
    shutil.copytree(published, copy)
    file = copy / "tables" / f"{table}.parquet"
    function(pd.read_parquet(file)).to_parquet(file, index=False)
    return copy


def test_the_page_says_what_the_summary_counts(published, tmp_path):
    def other(summary):
        mine = summary["statistic"] == "areas_with_figures"
        return summary.assign(value=summary["value"].where(~mine, 4321.0))

    text = write(changed(published, tmp_path / "published", "summary", other), tmp_path / "release")
    assert "Statistics of 1 source on 4,321 areas, brought to common definitions" in text
    assert "Areas with figures 4,321 of 61 inhabited" in text
    assert "Of 120,034 rows received, 119,800 were accepted, 200 held back with a reason" in text


def test_without_a_summary_no_count_is_made_up(published, tmp_path):
    copy = tmp_path / "published"
    shutil.copytree(published, copy)
    (copy / "tables" / "summary.parquet").unlink()
    text = write(copy, tmp_path / "release")
    assert "Statistics, brought to common definitions" in text
    assert "Areas with figures" not in text


def test_a_sum_that_two_areas_carry_is_no_finding(published):
    site = Site(read(published), [], [], [])
    found = [entry.headline for entry in findings.findings(site)]
    assert "Victims detected rose in Whole region" in found
    assert not [headline for headline in found if headline.startswith("Persons convicted rose")]
    (other,) = findings.no_findings(site)
    assert other.headline == "Whole region, persons convicted: looks like a change, is not"
    text = re.sub("\ue000[^\ue001]*\ue001|\ue002", "", other.text)
    assert "the sum rose, but two areas carry that" in text
    assert (
        "Most of the change comes from Cantria (61 %) and Ardany (22 %). Without them: no clear change, +0.4 % a year"
        in text
    )


def test_an_area_has_one_verdict_on_every_page(published, tmp_path):
    def say(verdicts):
        mine = (verdicts["area_code"] == "QMA") & (verdicts["measure"] == "victims_detected")
        return verdicts.assign(verdict_label=verdicts["verdict_label"].where(~mine, "Rose; above its peers"))

    write(changed(published, tmp_path / "published", "verdicts", say), tmp_path / "release")
    for path in ("areas/QMA.html", "trends.html"):
        page = (tmp_path / "release" / path).read_text(encoding="utf-8")
        assert re.search(r"rose; above its peers", page, re.IGNORECASE), path
    payload = (tmp_path / "release" / "hotspots.html").read_text(encoding="utf-8")
    assert "Rose; above its peers" in payload
