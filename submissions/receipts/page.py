"""A receipt as a page: what became of a file, why, and what to do, for the people who sent it.

One file of HTML that works from anywhere: no script, no network (a policy in the page forbids both), readable on a phone
and on paper. What partners wrote (names of files and columns, labels, keys) is escaped, shortened, rid of control and
direction characters, and kept apart from the direction of the text around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from submissions.receipts.receipt import Receipt
from submissions.validation.problems import KINDS, Problem
from submissions.validation.screening import displayed

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = "receipt_page.html"
LABELS_SHOWN, KEYS_SHOWN, PARTS_SHOWN = 100, 100, 100
LABEL_CHARACTERS = 120

# outcome -> (is it good, a matter of care, or bad; heading; what it means)
OUTCOMES: Mapping[str, tuple[str, str, str]] = {
    "accepted": ("good", "Accepted", "Every row was taken, and nothing was found that needs a look."),
    "accepted_with_warnings": (
        "good",
        "Accepted, with warnings",
        "The figures were taken. Some of them need a look: the warnings below say which.",
    ),
    "rows_quarantined": (
        "care",
        "Accepted in part",
        "Some rows were set aside (quarantine). They count nowhere until they are mended and sent again; the others count.",
    ),
    "held_for_confirmation": (
        "care",
        "Held until it is confirmed",
        "More figures of the issue before are gone than was agreed. Nothing of this file counts until someone confirms it.",
    ),
    "refused": ("bad", "Refused", "Nothing of this file was taken. What you sent before stands as it was."),
    "already_held": ("good", "Held already", "The very same content came before and stands. Nothing was changed."),
    "withdrawn": (
        "care",
        "Withdrawn",
        "This very content was withdrawn before. Its figures are in no release from then on.",
    ),
}
_FIRST_STEP = {
    "accepted": "Nothing. Keep this receipt.",
    "accepted_with_warnings": "Look at the warnings. Nothing needs to be sent again unless a figure was wrong.",
    "rows_quarantined": "Mend the rows listed below and send the whole table again, under a new date of issue.",
    "held_for_confirmation": (
        "If the figures were taken out on purpose, ask the data team to confirm the submission by its number. "
        "If not, send the whole table again."
    ),
    "refused": "Mend what is listed below and send the file again.",
    "already_held": "Nothing. If you meant to send something newer, the wrong file was sent.",
    "withdrawn": "If it was withdrawn by mistake, send the figures again in a new file and ask the data team.",
}
# from the gravest: what happens to a row or file with a problem of this kind
_KINDS = {"F": "refuses the file", "H": "holds the submission", "R": "sets rows aside", "W": "warning"}
_MARKS = re.compile(r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{2})"
                    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")  # fmt: skip


def page(receipts: Receipt | Sequence[Receipt], is_invented: bool = False) -> str:
    """The page of one receipt, or of those of several files.

    is_invented  says on top that the partner and the figures do not exist (demonstration).
    """
    several = [receipts] if isinstance(receipts, Receipt) else list(receipts)
    codes = {problem.code for receipt in several for problem in receipt.problems}
    kinds = sorted((KINDS[code] for code in codes if code in KINDS), key=lambda kind: kind.number)
    title = displayed(several[0].file_name, 60) if len(several) == 1 else f"{len(several)} files"
    return _template().render(
        title=title,
        is_invented=is_invented,
        receipts=[_content(receipt) for receipt in several],
        kinds=[{"number": kind.number, "code": kind.code, "meaning": kind.meaning, "cure": kind.cure,
                "effect": _KINDS[kind.code[0]]} for kind in kinds],
    )  # fmt: skip


def shown(text: str, length: int = LABEL_CHARACTERS) -> str:
    """What a partner wrote, fit to stand on a page: see `screening.displayed`; marks do not pile up on a letter."""
    whole = displayed(text, max(len(text), 1))
    kept = displayed(_MARKS.sub(r"\1", whole), length)
    return f"{kept} ({len(text):,} characters)" if len(whole) > length else kept


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
    environment.filters["shown"] = shown
    environment.filters["count"] = lambda number: f"{number:,}"
    return environment.get_template(TEMPLATE)


def _content(receipt: Receipt) -> dict[str, Any]:
    manner, heading, meaning = OUTCOMES[receipt.outcome]
    parts = receipt.parts if len(receipt.parts) > 1 else ()
    return {
        "receipt": receipt,
        "manner": manner,
        "heading": heading,
        "meaning": meaning,
        "shares": _shares(receipt),
        "steps": _steps(receipt),
        "problems": [_problem(problem) for problem in sorted(receipt.problems, key=_gravity)],
        "unmapped": receipt.unmapped[:LABELS_SHOWN],
        "unmapped_more": max(len(receipt.unmapped) - LABELS_SHOWN, 0),
        "vanished": receipt.vanished[:KEYS_SHOWN],
        "vanished_more": max(receipt.vanished_count - min(len(receipt.vanished), KEYS_SHOWN), 0),
        "parts": [(part, OUTCOMES[part.outcome][1]) for part in parts[:PARTS_SHOWN]],
        "parts_more": max(len(parts) - PARTS_SHOWN, 0),
        "expectations": receipt.expectations,
        "failed": sum(not holds for _, holds in receipt.expectations),
    }


def _shares(receipt: Receipt) -> list[dict[str, Any]]:
    """Parts of the balance, for the bar and its legend."""
    parts = (
        ("accepted", "taken", receipt.rows_accepted),
        ("quarantined", "set aside (quarantine)", receipt.rows_quarantined),
        ("excluded", "left out, as the contract says", receipt.rows_excluded),
    )
    return [
        {"name": name, "words": words, "rows": rows, "share": _percent(rows, receipt.rows_in)}
        for name, words, rows in parts
    ]


def _percent(part: int, whole: int) -> str:
    """A share as people write it: never 0 % of something that is there, nor 100 % where something is missing."""
    if not whole or not part:
        return "0 %"
    share = 100 * part / whole
    if part < whole and share > 99.9:
        return "over 99.9 %"
    return "under 0.1 %" if share < 0.1 else f"{share:.3g} %"


def _gravity(problem: Problem) -> tuple[int, int, int]:
    return "FHRW".index(problem.code[0]), -problem.count, problem.number


def _problem(problem: Problem) -> dict[str, Any]:
    more = problem.count - len(problem.lines)
    return {
        "number": problem.number,
        "code": problem.code,
        "effect": _KINDS[problem.code[0]],
        "meaning": problem.meaning,
        "detail": problem.detail,
        "count": problem.count,
        "lines": ", ".join(f"{line:,}" for line in problem.lines),
        "more": more if problem.lines and more > 0 else 0,
        "columns": problem.columns,
        "cure": problem.cure,
    }


def _steps(receipt: Receipt) -> list[str]:
    """What to do, in order: what the outcome asks for, then the cure of each problem, the gravest first."""
    cures: Iterable[str] = (problem.cure for problem in sorted(receipt.problems, key=_gravity))
    return [_FIRST_STEP[receipt.outcome], *dict.fromkeys(cures)]
