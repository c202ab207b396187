"""A release of the invented example, opened in Chromium with the network blocked."""

import shutil

import published_example
import pytest

from reports import release
from reports.charts import rendering


@pytest.fixture(scope="session")
def browser_path():
    found = rendering.find_browser()
    if found is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium): pages cannot be opened")
    return found


@pytest.fixture(scope="session")
def chromium(browser_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as session:
        browser = session.chromium.launch(executable_path=str(browser_path), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory, browser_path):
    published = published_example.build(tmp_path_factory.mktemp("published") / "published", districts=20)
    written = release.write(published, tmp_path_factory.mktemp("release") / "release", browser=browser_path)
    assert written.missing == []
    return written.path


class Visit:
    """A page with everything that went wrong on it: console errors, failed or outside requests."""

    def __init__(self, context, folder):
        self.folder = folder
        self.problems = []
        context.set_offline(True)
        self.page = context.new_page()
        self.page.on("console", lambda entry: entry.type in ("error", "warning") and self.problems.append(entry.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("requestfailed", lambda request: self.problems.append(f"failed: {request.url}"))
        self.page.on("request", self._inside)

    def _inside(self, request):
        if not request.url.startswith((self.folder.as_uri(), "data:", "blob:")):
            self.problems.append(f"outside: {request.url}")

    def open(self, path):
        self.page.goto((self.folder / path).as_uri(), wait_until="load")
        return self.page


@pytest.fixture
def visit(chromium, folder):
    opened = []

    def make(width=1400, height=900):
        context = chromium.new_context(viewport={"width": width, "height": height})
        opened.append(context)
        return Visit(context, folder)

    yield make
    for context in opened:
        context.close()


@pytest.fixture(scope="session", autouse=True)
def _say_where_chromium_is():
    if not shutil.which("chromium"):
        print("Chromium is not on PATH: browser tests look for other browsers or skip")
