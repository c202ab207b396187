"""The drawing script that a release ships holds no upload, and pages allow nothing to leave them."""

import re

import published_example
import pytest

from reports import release
from reports.charts import plotly_script
from reports.charts.palette import colour_class, style_rules

NO_BROWSER = "/nonexistent/browser"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    published = published_example.build(
        tmp_path_factory.mktemp("published") / "published", districts=2, audience="restricted"
    )
    return release.write(published, tmp_path_factory.mktemp("release") / "release", browser=NO_BROWSER).path


def test_the_shipped_script_cannot_send_a_figure_away(folder):
    script = (folder / "assets" / "plotly.min.js").read_text(encoding="utf-8")
    for word in (
        "sendDataToCloud",
        "sendChartToCloud",
        "cloud.plotly.com",
        "chart-studio.plotly.com",
        "cdn.plot.ly",
        "newchart",
    ):
        assert word not in script, word
    assert "Licensed under the MIT license" in script[:400]
    assert "Changed for Waymark" in script[:400]
    assert plotly_script.without_upload(plotly_script.packaged()) == script


def test_another_script_is_refused_rather_than_shipped():
    script = plotly_script.packaged()
    with pytest.raises(ValueError, match="is not the script that"):
        plotly_script.without_upload(script.replace("sendChartToCloud", "sendChartAway"))
    with pytest.raises(ValueError, match="still holds"):
        plotly_script.without_upload(script + "/* https://cloud.plotly.com/elsewhere */")


def test_every_page_forbids_connections_forms_and_inline_code(folder):
    pages = sorted(folder.rglob("*.html"))
    assert len(pages) > 20
    for path in pages:
        page = path.read_text(encoding="utf-8")
        (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', page)
        rules = dict(rule.split(" ", 1) for rule in policy.replace("&#39;", "'").split("; "))
        for name in ("default-src", "connect-src", "form-action", "base-uri", "object-src"):
            assert rules[name] == "'none'", (path, name)
        assert rules["script-src"] == "'self'"
        assert "unsafe" not in policy
        assert page.index("Content-Security-Policy") < page.index("<link"), "a policy holds for what comes after it"
        visible = re.sub(r'(?s)<script type="application/(?:ld\+)?json"[^>]*>.*?</script>', "", page)
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|<form|<iframe", visible), path


def test_every_colour_of_a_line_has_its_class(folder):
    css = (folder / "assets" / "waymark.css").read_text(encoding="utf-8")
    assert css.endswith(style_rules())
    used = {
        name
        for path in folder.rglob("*.html")
        for name in re.findall(r"colour-[0-9a-f]{6}", path.read_text(encoding="utf-8"))
    }
    assert used
    assert all(f".{name} {{" in css for name in used)
    assert colour_class("#0b5c73") == "colour-0b5c73"


def test_a_restricted_release_is_not_called_free(folder, tmp_path):
    import json

    linked = json.loads((folder / "dataset.jsonld").read_text(encoding="utf-8"))
    assert linked["isAccessibleForFree"] is False
    assert "Restricted" in linked["conditionsOfAccess"]
    assert linked["license"] == ["CC BY 4.0", "Open licence 1.0"]
    page = (folder / "index.html").read_text(encoding="utf-8")
    (block,) = re.findall(r'(?s)<script type="application/ld\+json">(.*?)</script>', page)
    assert json.loads(block)["isAccessibleForFree"] is False
    public = published_example.build(tmp_path / "p", districts=2, drop=("datasets",))
    release.write(public, tmp_path / "r", browser=NO_BROWSER)
    linked = json.loads((tmp_path / "r" / "dataset.jsonld").read_text(encoding="utf-8"))
    assert linked["isAccessibleForFree"] is True
    assert linked["license"]
