"""A receipt with hostile texts in a real browser: it asks for nothing, runs nothing, and fits a phone and a sheet of paper."""

import pytest
from hostile_texts import HOSTILE

from submissions.receipts.page import page as receipt_page
from submissions.receipts.receipt import Receipt
from submissions.validation.problems import Problem

pytestmark = pytest.mark.browser

RECEIPT = Receipt(
    "rows_quarantined",
    "".join(HOSTILE),
    "qma_police_test",
    10_005,
    9_000,
    5,
    1_000,
    problems=tuple(Problem("R-value", text, 30, tuple(range(1, 21)), (text, "count")) for text in HOSTILE),
    unmapped=tuple(("exploitation", text, 7) for text in HOSTILE),
    vanished_count=500,
    vanished=tuple(HOSTILE),
    exclusions=tuple((text, 9) for text in HOSTILE),
    notes=tuple(HOSTILE),
    expectations=(("the key is unique", True), ("unit is in its code list", False)),
)


@pytest.fixture
def opened(chromium, tmp_path):
    file = tmp_path / "receipt.html"
    file.write_text(receipt_page(RECEIPT, is_invented=True), encoding="utf-8")
    problems, contexts = [], []

    def make(width):
        context = chromium.new_context(viewport={"width": width, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: request.url != file.as_uri() and problems.append(f"asked for {request.url}"))
        page.on("dialog", lambda dialog: (problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda entry: problems.append(entry.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(file.as_uri(), wait_until="load")
        return page

    make.problems = problems
    yield make
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_runs_nothing_is_fetched_and_it_fits(opened, width):
    page = opened(width)
    page.wait_for_timeout(200)
    assert opened.problems == []
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow == 0
    assert (
        page.evaluate("document.scripts.length + document.images.length + document.querySelectorAll('svg').length") == 0
    )
    # texts that turn the direction of writing do not turn ours
    assert page.locator("h1").evaluate("e => getComputedStyle(e).direction") == "ltr"
    # a word of ours is never broken into letters, and a tower of accents does not climb over its neighbours
    heights = page.evaluate("[...document.querySelectorAll('td.word')].map(e => e.getClientRects()[0].height)")
    assert heights
    widths = page.evaluate(
        "[...document.querySelectorAll('.bar span')].map(e => [e.className, e.getBoundingClientRect().width])"
    )
    shares = dict(widths)
    assert set(shares) == {"accepted", "quarantined", "excluded"}
    assert shares["quarantined"] >= 3, "five rows of ten thousand are still seen"
    assert shares["accepted"] == pytest.approx(9 * shares["excluded"], rel=0.05)


def test_it_prints_without_cutting_anything(opened):
    page = opened(900)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 680, "height": 900})  # the width of A4 between margins
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow == 0
    assert len(page.pdf(format="A4")) > 10_000
    assert opened.problems == []


def test_each_problem_leads_to_its_reference_text(opened):
    page = opened(900)
    link = page.locator("article.problem a").first
    link.click()
    assert page.url.endswith("#problem-203")
    assert "not a number" in page.locator("#problem-203").inner_text()
