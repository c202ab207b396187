"""Data Docs: what Great Expectations expects of each dataset, and what it found in every accepted batch, as pages.

The suites are those of the contract under which a batch was accepted, looked at again on what stands in the lake. Great
Expectations renders the content; the frame around it is ours, because its own fetches styles, scripts and pictures from
six hosts. No observed value is asked for, so none can be shown. A page that is there and still true is not made again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submissions.contracts import loading as contracts_module
from submissions.contracts.loading import Contract, Dataset
from submissions.errors import WaymarkError
from submissions.store.home import Home, write_whole
from submissions.store.ledger import ACCEPTED, Entry, Ledger, State, is_evidence, state
from submissions.store.vintages import lake_file
from submissions.validation import expectations

if TYPE_CHECKING:
    from jinja2 import Template

FOLDER = "data-docs"
TEMPLATE = "data_docs_page.html"
KEPT = "standing.json"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SCRIPT = re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE)
# what unfolds at a press needs their script; here it stands open, and their folder of pages is not ours
_LINK = re.compile(r"<a\b[^>]*>(.*?)</a\s*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Batch:
    """An accepted submission, the contract that it was accepted under, and what its page says about it."""

    entry: Entry
    contract: Contract
    dataset: Dataset

    @property
    def suite(self) -> str:
        return f"{self.entry['partner_id']}.{self.entry['dataset']}"

    @property
    def suite_page(self) -> str:
        """The suite's page; suites of one dataset under several contracts differ, and have a page each."""
        return f"suites/{self.suite}.{self.rules_digest}.html"

    @property
    def rules_digest(self) -> str:
        rules = [(rule.name, rule.expectation, rule.arguments) for rule in expectations.rules(self.dataset)]
        return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Written:
    """The site's first page, how many batches it shows and how many were looked at now, and whose contract is unreadable."""

    index: Path
    batches: int
    looked_at: int
    failed: tuple[str, ...]
    unreadable: tuple[str, ...]


def write(
    home: Home, only: Collection[str] = (), progress: Callable[[str], None] | None = None, again: bool = False
) -> Written:
    """Writes the site into `logs/data-docs/` of a home; the caller holds the home.

    only   ids of submissions to look at; pages of the others stay. All by default.
    again  looks at batches whose page is still true, too.
    Raises WaymarkError for an id that is no accepted submission.
    """
    say = progress or (lambda text: None)
    folder = home.logs / FOLDER
    known = state(Ledger.of(home).entries())
    accepted = {entry["submission_id"]: entry for entry in _accepted(known)}
    for identifier in only:
        if identifier not in accepted:
            raise WaymarkError(
                f"{identifier} is no accepted submission of this home", hint="`waymark submissions` lists them."
            )
    batches, unreadable = _batches(home, accepted.values())
    stood, stood_suites = _stood(folder)
    results: dict[str, dict[str, Any]] = {}
    looked_at = 0
    for batch in batches:
        identifier = batch.entry["submission_id"]
        page = folder / "validations" / f"{identifier}.html"
        key = _key(home, batch)
        before = stood.get(identifier, {})
        is_true = before.get("key") == key and page.is_file()
        if (only and identifier not in only) or (is_true and not again):
            if is_true:
                results[identifier] = before
            continue
        say(f"{batch.suite}, {batch.entry['issued_on']}")
        results[identifier] = {"key": key, **_look(home, batch, page)}
        looked_at += 1
    suites = _write_suites(folder, batches, stood_suites)
    _tidy(folder, {f"{identifier}.html" for identifier in results}, {batch.suite_page for batch in batches})
    shown = [batch for batch in batches if batch.entry["submission_id"] in results]
    index = folder / "index.html"
    write_whole(index, _index(home, shown, results, known).encode())
    kept = {"validations": results, "suites": suites}
    write_whole(folder / KEPT, json.dumps(kept, sort_keys=True, indent=1).encode())
    failed = tuple(identifier for identifier, result in sorted(results.items()) if result["failed"])
    return Written(index, len(shown), looked_at, failed, tuple(unreadable))


def _accepted(known: State) -> list[Entry]:
    """Submissions whose rows stand in the lake, whether or not they still count, in the order of the ledger."""
    return [
        entry
        for identifier, entry in known.submissions.items()
        if not is_evidence(identifier)
        and identifier not in known.erased
        and (entry["outcome"] in ACCEPTED or entry["outcome"] == "held_for_confirmation")
    ]


def _batches(home: Home, entries: Iterable[Entry]) -> tuple[list[Batch], list[str]]:
    """Batches with the contract that the home kept of them, and ids of those whose contract cannot be read any more."""
    contracts: dict[str, Contract | None] = {}
    found, unreadable = [], []
    for entry in entries:
        kept = home.lake / "reference" / "contracts" / entry["partner_id"] / entry["contract_digest"]
        if str(kept) not in contracts:
            try:
                contracts[str(kept)] = contracts_module.load_snapshot(kept, entry["partner_id"])
            except (WaymarkError, OSError):
                contracts[str(kept)] = None
        contract = contracts[str(kept)]
        dataset = contract.datasets.get(entry["dataset"]) if contract else None
        if contract is None or dataset is None:
            unreadable.append(entry["submission_id"])
        else:
            found.append(Batch(entry, contract, dataset))
    return found, unreadable


def _key(home: Home, batch: Batch) -> str:
    """What a page of results is true for: the rows, the rules, and the versions of the page and of the library."""
    file = lake_file(home, batch.entry["partner_id"], batch.entry["submission_id"])
    rows = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
    return hashlib.sha256("\0".join((rows, batch.rules_digest, _versions())).encode()).hexdigest()[:16]


@cache
def _versions() -> str:
    from importlib.metadata import version

    template = (Path(__file__).parent / TEMPLATE).read_bytes()
    return f"{version('great-expectations')} {hashlib.sha256(template).hexdigest()[:16]}"


def _stood(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """What the pages that stand are true for: of validations, and of suites."""
    try:
        kept = json.loads((folder / KEPT).read_text(encoding="utf-8"))
        return kept["validations"], kept["suites"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}, {}


# --- one batch -------------------------------------------------------------------------------------------------------


def _look(home: Home, batch: Batch, page: Path) -> dict[str, Any]:
    """Validates a batch and writes its page. Returns how many expectations hold and which fail."""
    result, names = expectations.results_of_file(
        lake_file(home, batch.entry["partner_id"], batch.entry["submission_id"]), batch.suite, batch.dataset
    )
    failed = [name for name, each in zip(names, result.results, strict=True) if not each.success]
    result.meta = {}  # the time of loading, and a fingerprint of the frame in memory
    facts = {
        "partner": batch.entry["partner_id"],
        "dataset": batch.entry["dataset"],
        "title of the dataset": batch.dataset.title,
        "submission": batch.entry["submission_id"],
        "issued on": batch.entry["issued_on"],
        "rows of the file taken": f"{batch.entry['rows_accepted']:,}",
    }
    write_whole(
        page,
        _page(
            f"{batch.suite}, issued on {batch.entry['issued_on']}",
            "All expectations hold." if not failed else f"{len(failed)} expectations fail: {'; '.join(failed)}.",
            facts,
            # the first section is an overview of what stands above it
            _sections(_validation_renderer().render(result))[1:],
            home.kind == "demonstration",
            {"the suite": f"../{batch.suite_page}", "its receipt": _receipt(home, batch)},
        ).encode(),
    )
    return {"holds": len(names) - len(failed), "failed": failed}


def _receipt(home: Home, batch: Batch) -> str:
    file = home.quarantine / batch.entry["submission_id"] / "receipt.html"
    return f"../../../quarantine/{batch.entry['submission_id']}/receipt.html" if file.is_file() else ""


def _write_suites(folder: Path, batches: Sequence[Batch], stood: Mapping[str, str]) -> dict[str, str]:
    """Writes the pages of suites that are not there yet or were made by another version. Returns what all are true for."""
    suites = {batch.suite_page: batch for batch in batches}
    for page, batch in suites.items():
        if (folder / page).is_file() and stood.get(page) == _versions():
            continue
        suite = expectations.suite(batch.suite, batch.dataset)
        facts = {
            "partner": batch.entry["partner_id"],
            "dataset": batch.entry["dataset"],
            "title of the dataset": batch.dataset.title,
            "made from": "the field registry (formats, code lists) and the partner's contract (unit, kind)",
        }
        says = f"{len(suite.expectations)} expectations of every batch, and that it is not empty."
        sections = _sections(_suite_renderer().render(suite))
        content = _page(f"What is expected of {batch.suite}", says, facts, sections, False, {})
        write_whole(folder / page, content.encode())
    return dict.fromkeys(suites, _versions())


def _tidy(folder: Path, validations: Collection[str], suites: Collection[str]) -> None:
    """Takes away pages of what was erased, and of suites that no batch was accepted under."""
    for path in (folder / "validations").glob("*"):
        if path.name not in validations:
            path.unlink()
    for path in (folder / "suites").glob("*"):
        if f"suites/{path.name}" not in suites:
            path.unlink()


# --- pages -----------------------------------------------------------------------------------------------------------


def _validation_renderer() -> Any:
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    return ValidationResultsPageRenderer()


def _suite_renderer() -> Any:
    from great_expectations.render.renderer.page_renderer import ExpectationSuitePageRenderer

    return ExpectationSuitePageRenderer()


@cache
def _view() -> Any:
    """One for all pages: it compiles its templates once."""
    from great_expectations.render.view.view import DefaultJinjaSectionView

    return DefaultJinjaSectionView()


def _sections(document: Any) -> list[str]:
    """Great Expectations' own HTML of a document's sections, without script and without ways out of the site."""
    view, found = _view(), []
    for number, section in enumerate(document.sections, start=1):
        html = view.render({"section": section.to_json_dict(), "section_loop": {"index": number}})
        html = _LINK.sub(r"\1", _SCRIPT.sub("", html)).replace("content-block-", f"section-{number}-content-block-")
        found.append("\n".join(line.strip() for line in _UUID.sub("0", html).splitlines() if line.strip()))
    return found


def _page(
    title: str,
    says: str,
    facts: Mapping[str, str],
    sections: Sequence[str],
    is_invented: bool,
    links: Mapping[str, str],
) -> str:
    from markupsafe import Markup

    return _template().render(
        title=title,
        says=says,
        facts=facts,
        sections=[Markup(section) for section in sections],
        is_invented=is_invented,
        links={name: target for name, target in links.items() if target},
        back="../index.html",
        rows=[],
        suites=[],
    )


def _index(home: Home, batches: Sequence[Batch], results: Mapping[str, Mapping[str, Any]], known: State) -> str:
    rows = [
        {
            "batch": batch,
            "standing": known.standing(batch.entry["submission_id"]).replace("_", " "),
            "result": results[batch.entry["submission_id"]],
            "page": f"validations/{batch.entry['submission_id']}.html",
        }
        for batch in batches
    ]
    failing = sum(bool(row["result"]["failed"]) for row in rows)
    return _template().render(
        title="Data Docs: what is expected of every batch, and what was found",
        says=f"{len(rows)} accepted batches; in {failing} of them an expectation fails."
        if failing
        else f"{len(rows)} accepted batches; every expectation holds in every one.",
        facts={},
        sections=[],
        is_invented=home.kind == "demonstration",
        links={},
        back="",
        rows=rows,
        suites=_named(batches),
    )


def _named(batches: Sequence[Batch]) -> list[tuple[str, str, int]]:
    """Suites with their pages and batches; one name stands several times where contracts expect different things."""
    pages = Counter((batch.suite, batch.suite_page) for batch in batches)
    return sorted((name, page, number) for (name, page), number in pages.items())


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE)
