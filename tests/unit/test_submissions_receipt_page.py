"""The receipt as a page: whatever a partner wrote stands on it as text, and what the receipt says is all there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hostile_texts import HOSTILE
from hypothesis import given, settings
from hypothesis import strategies as st
from partner_files import ROWS, changed, write_contract, write_file

from submissions import check
from submissions.receipts import page as receipt_page
from submissions.receipts.receipt import _GRAVITY, Receipt
from submissions.reception import receiving
from submissions.store.home import Home
from submissions.validation import expectations
from submissions.validation.problems import KINDS, Problem

ROOT = Path(__file__).resolve().parents[2]
VOID = {"meta", "link", "br", "img", "hr", "input"}
HARMLESS = {
    "html", "head", "meta", "title", "style", "body", "p", "b", "main", "section", "h1", "h2", "h3", "div", "strong", "span",
    "ol", "ul", "li", "table", "tr", "td", "th", "article", "dl", "dt", "dd", "a", "bdi", "br",
}  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=60), st.text(min_size=1, max_size=8).map(lambda t: t * 1_500)
)
COUNTS = st.integers(0, 10**9)
PROBLEMS = st.builds(
    Problem,
    st.sampled_from(sorted(KINDS)),
    TEXTS,
    st.integers(1, 10**7),
    st.lists(st.integers(1, 10**7), max_size=20).map(tuple),
    st.lists(TEXTS, max_size=3).map(tuple),
)
RECEIPTS = st.builds(
    Receipt,
    st.sampled_from(_GRAVITY),
    TEXTS,
    st.just("qma_police_test"),
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
    st.lists(PROBLEMS, max_size=6).map(tuple),
    dataset=st.one_of(st.none(), TEXTS),
    submission_id=st.just("s" + "0" * 16),
    exclusions=st.lists(st.tuples(TEXTS, COUNTS), max_size=3).map(tuple),
    unmapped=st.lists(st.tuples(st.sampled_from(["area", "sex"]), TEXTS, COUNTS), max_size=150).map(tuple),
    vanished_count=COUNTS,
    vanished=st.lists(TEXTS, max_size=150).map(tuple),
    notes=st.lists(TEXTS, max_size=2).map(tuple),
    expectations=st.lists(st.tuples(st.just("the key is unique"), st.booleans()), max_size=3).map(tuple),
)


class Page(HTMLParser):
    """Elements, attributes and texts of a page; wrong nesting is an error."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@settings(max_examples=150, deadline=None)
@given(receipt=RECEIPTS, is_invented=st.booleans())
def test_whatever_a_partner_wrote_is_text(receipt: Receipt, is_invented: bool) -> None:
    content = receipt_page.page(receipt, is_invented)
    content.encode("utf-8")
    page = Page(content)
    assert {tag for tag, _ in page.elements} <= HARMLESS
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcdoc", "action")]
        assert (attributes.get("href") or "#").startswith("#")
    # no control and no direction character, but the ends of our own lines
    assert not [c for c in content if unicodedata.category(c)[0] == "C" and c != "\n"]
    targets = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {str(attributes["href"])[1:] for tag, attributes in page.elements if tag == "a"} <= targets
    longest = max((len(text) for text in page.texts if "{" not in text), default=0)
    assert longest < 1_000
    assert ("do not exist" in page.text) == is_invented


def test_hostile_labels_read_as_they_were_written() -> None:
    label = "<script>alert('1')</script> & \"so\""
    page = Page(
        receipt_page.page(Receipt("accepted_with_warnings", "a.csv", "p", 3, 3, unmapped=(("area", label, 3),)))
    )
    assert label in page.text
    assert receipt_page.shown("W" * 10_000).endswith("(10,000 characters)")
    assert len(receipt_page.shown("W" * 10_000)) < 150
    assert receipt_page.shown("Z" + "\u0301" * 5_000).startswith("Z\u0301\u0301") is True
    assert receipt_page.shown("Z" + "\u0301" * 5_000).count("\u0301") == 2
    assert receipt_page.shown("Åland Islands, Việt Nam, العربية") == "Åland Islands, Việt Nam, العربية"


@pytest.mark.parametrize("outcome", _GRAVITY)
def test_every_outcome_has_words_and_a_first_step(outcome: str) -> None:
    page = Page(receipt_page.page(Receipt(outcome, "a.csv", "p", 10, 10)))
    assert receipt_page.OUTCOMES[outcome][1] in page.text
    assert receipt_page._FIRST_STEP[outcome] in page.text


def test_a_page_says_all_that_the_receipt_says(tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts", changed())
    # lines 6 and 7 are wrong, one sex has no code
    path = write_file(tmp_path / "inbox", ROWS + "QMC,2022,all,x\nQMD,2022\nQMA,2023,unknown persons,3\n")
    receipt = check(path, "qma_police_test", contracts=[tmp_path / "contracts"])
    page = Page(receipt_page.page(receipt, is_invented=True))
    for text in ("victims_2024.csv", "Accepted in part", "203", "201", "301", "unknown persons", "count", "2024-12-31"):
        assert text in page.text, text
    assert re.search(r"taken 5 71.4 % set aside \(quarantine\) 2 28.6 % .* in the file 7", page.text)
    assert KINDS["R-value"].meaning in page.text
    assert KINDS["R-value"].cure in page.text
    assert page.text.index("201") < page.text.index("301"), "rows set aside come before warnings"


def test_shares_never_hide_what_is_there() -> None:
    page = Page(receipt_page.page(Receipt("rows_quarantined", "a.csv", "p", 1_000_000, 999_999, 1)))
    assert "over 99.9 %" in page.text
    assert "under 0.1 %" in page.text
    refused = Page(receipt_page.page(Receipt("refused", "a.csv", "p", problems=(Problem("F-encoding"),))))
    assert "could not be read that far" in refused.text


@pytest.mark.parametrize("kind", ["real", "demonstration"])
def test_a_home_keeps_the_page_beside_the_receipt_until_it_is_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(expectations, "begin", lambda *arguments: lambda: (("stands in for the suite", True),))
    write_contract(tmp_path / "contracts", changed())
    for name, body in (("victims_a.csv", ROWS), ("victims_b.csv", "x\n")):
        write_file(tmp_path / "inbox", body, name)
    home = Home.open(tmp_path / "home", kind, create=True)
    receipts = receiving.receive(home, tmp_path / "inbox", [tmp_path / "contracts"]).receipts
    folders = [home.quarantine / str(receipt.submission_id) for receipt in receipts]
    for receipt, folder in zip(receipts, folders, strict=True):
        assert {path.name for path in folder.iterdir()} >= {"receipt.html", "receipt.json", "receipt.txt"}
        page = Page((folder / "receipt.html").read_text(encoding="utf-8"))
        assert receipt.file_name in page.text
        assert receipt_page.OUTCOMES[receipt.outcome][1] in page.text
        assert ("do not exist" in page.text) == (kind == "demonstration")
    receiving.erase(home, str(receipts[0].submission_id), "order of a court")
    assert not folders[0].exists()


def test_the_command_writes_the_page_beside_what_it_prints(tmp_path: Path) -> None:
    write_contract(tmp_path / "contracts", changed())
    paths = [
        write_file(tmp_path / "inbox", body, name) for name, body in (("victims_a.csv", ROWS), ("victims_b.csv", "x\n"))
    ]
    target = tmp_path / "receipt.html"
    command = [
        sys.executable,
        "-m",
        "orchestration.cli.main",
        "check",
        *map(str, paths),
        "--partner",
        "qma_police_test",
    ]
    ran = subprocess.run(
        [*command, "--contracts", str(tmp_path / "contracts"), "--receipt", str(target), "--json"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert ran.returncode == 2, ran.stderr
    assert [each["outcome"] for each in json.loads(ran.stdout)] == ["accepted", "refused"]
    page = Page(target.read_text(encoding="utf-8"))
    assert "victims_a.csv" in page.text
    assert "victims_b.csv" in page.text
    assert "do not exist" not in page.text
