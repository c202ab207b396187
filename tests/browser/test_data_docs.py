"""Data Docs in a real browser with the network off: no request leaves the folder, nothing is missing, links lead on."""

import pytest
from small_home import make

from submissions.reception import receiving
from submissions.validation import data_docs

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = make(tmp_path_factory.mktemp("docs") / "home")
    receiving.receive(home, home.path / "inbox")
    data_docs.write(home)
    return home


@pytest.mark.parametrize("width", [390, 1200])
def test_pages_open_without_a_network_and_fit(chromium, home, width):
    folder = home.logs / data_docs.FOLDER
    asked, said = [], []
    context = chromium.new_context(viewport={"width": width, "height": 900}, offline=True)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    page.on("console", lambda entry: said.append(entry.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((folder / "index.html").as_uri())
    page.locator("main table a").first.click()
    page.wait_for_url("**/validations/*.html")
    assert page.locator(".text-success:visible").count() == 15
    assert "holds" in page.evaluate("getComputedStyle(document.querySelector('.text-success'), '::before').content")
    page.get_by_text("the suite").click()
    page.wait_for_url("**/suites/*.html")
    assert page.locator("h1").inner_text().startswith("What is expected of")
    page.get_by_text("Data Docs", exact=True).click()
    page.wait_for_url("**/index.html")
    assert [url for url in asked if not url.startswith(folder.as_uri())] == []
    assert said == []
    for file in sorted(folder.rglob("*.html")):
        page.goto(file.as_uri())
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, file
    context.close()
