"""The numbered list of what can be wrong with a file (problem_kinds.csv). docs/reference/problems.md is made from it.

`F-` refuses the file, `R-` puts a row into quarantine, `H-` holds the submission, `W-` is a warning only.
A problem names lines and columns and counts rows; it never repeats what a cell says.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from importlib import resources


@dataclass(frozen=True)
class ProblemKind:
    number: int
    code: str
    meaning: str
    cure: str


def _kinds() -> dict[str, ProblemKind]:
    text = resources.files("submissions.validation").joinpath("problem_kinds.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), strict=True)
    return {row["code"]: ProblemKind(int(row["number"]), row["code"], row["meaning"], row["cure"]) for row in rows}


KINDS: dict[str, ProblemKind] = _kinds()


@dataclass(frozen=True)
class Problem:
    """One kind of problem in one file: how many rows, the first lines, which columns, and a sentence.

    `lines` are physical line numbers (sheet rows for xlsx), the first twenty in order.
    """

    code: str
    detail: str = ""
    count: int = 1
    lines: tuple[int, ...] = field(default=())
    columns: tuple[str, ...] = field(default=())
    column: str = ""
    """Our column that it is about, where it is about one."""
    declared: str = ""
    """Where in the contract the declaration stands that it is about: file, line and key."""

    @property
    def number(self) -> int:
        return KINDS[self.code].number

    @property
    def meaning(self) -> str:
        return KINDS[self.code].meaning

    @property
    def cure(self) -> str:
        cure = KINDS[self.code].cure
        return f"{cure} See {self.declared}." if self.declared else cure

    def __str__(self) -> str:
        where = f" in line{'s' if len(self.lines) != 1 else ''} {', '.join(map(str, self.lines))}" if self.lines else ""
        more = " …" if self.lines and self.count > len(self.lines) else ""
        what = f" ({self.detail})" if self.detail else ""
        times = f"{self.count:,} × " if self.count > 1 else ""
        return f"{self.number} {self.code}: {times}{self.meaning}{where}{more}{what}"


class Refusal(Exception):
    """Raised inside the reading of one file; becomes its outcome, never an end of the run."""

    def __init__(
        self, code: str, detail: str = "", *, lines: tuple[int, ...] = (), columns: tuple[str, ...] = (), count: int = 1
    ):
        super().__init__(code)
        self.problem = Problem(code, detail, count, lines, columns)


def reference_page() -> str:
    """docs/reference/problems.md as text."""
    parts = [
        "# Problems",
        "",
        "Every problem of a file has a number and a name. A receipt lists each with its lines and a cure.",
        "The letter says what happens: `F` the file is refused, `R` the row goes into quarantine, "
        "`H` the submission is held until it is confirmed, `W` is a warning.",
        "No message repeats what a cell says.",
    ]
    titles = {1: "The file is refused", 2: "The row goes into quarantine", 3: "Warnings", 4: "The submission is held"}
    for hundred, title in titles.items():
        parts += ["", f"## {title}", "", "| number | name | what it means | what to do |", "|---|---|---|---|"]
        kinds = sorted((kind for kind in KINDS.values() if kind.number // 100 == hundred), key=lambda kind: kind.number)
        parts += [f"| {kind.number} | `{kind.code}` | {kind.meaning} | {kind.cure} |" for kind in kinds]
    return "\n".join(parts) + "\n"
