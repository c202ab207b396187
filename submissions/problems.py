"""The numbered list of what can be wrong with a file. docs/reference/problems.md is made from it.

`F-` refuses the file, `R-` puts a row into quarantine, `H-` holds the submission, `W-` is a warning only.
A problem names lines and columns and counts rows; it never repeats what a cell says.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProblemKind:
    number: int
    code: str
    meaning: str
    cure: str


_KINDS = (
    ProblemKind(101, "F-empty", "The file holds no row under its header.", "Send the file with its rows, or nothing."),
    ProblemKind(102, "F-encoding", "The bytes are not text in the declared encoding.", "Save the file in the encoding of the contract, or change `encoding` there."),
    ProblemKind(103, "F-quoting", "A quotation mark opens or closes in the wrong place, so cells cannot be told apart.", "Quote cells that hold the delimiter, a quotation mark or a line end; double a quotation mark inside."),
    ProblemKind(104, "F-header-missing", "A column that the contract reads is not in the header.", "Restore the column name, or change it in the contract; check the delimiter and the header rows."),
    ProblemKind(105, "F-header-twice", "A column that the contract reads stands twice in the header.", "Give each column a name of its own."),
    ProblemKind(106, "F-type", "The content is not of the declared type (csv, tsv, xlsx, parquet).", "Send the declared type; a renamed file keeps its old type."),
    ProblemKind(107, "F-sheet", "The declared sheet is not in the workbook.", "Restore the sheet's name, or change `sheet` in the contract."),
    ProblemKind(108, "F-too-large", "The file, once unpacked, or one of its cells exceeds the limits.", "Send a plain file; split it by period."),
    ProblemKind(109, "F-person-data", "A column looks like personal data (names, contacts, identity numbers, birth dates, places, free text).", "Take the column out and send statistics only. If it is harmless, the contract may say so under `not_personal` with a reason."),
    ProblemKind(110, "F-issue-date", "The date of issue is not where the contract says.", "Restore the date in the cell, column or file name, or change `issued_on` in the contract."),
    ProblemKind(111, "F-expectations", "The accepted rows fail the expectations of the batch.", "The receipt names the expectation; look at the whole column, not at one row."),
    ProblemKind(112, "F-erased", "These bytes were erased for legal reasons and may not come back.", "Send a file without the erased content."),
    ProblemKind(113, "F-no-row-accepted", "Every row is in quarantine, so nothing is left to accept.", "Start with the most frequent problem of the receipt."),
    ProblemKind(114, "F-unpivot", "No column of the header fits the pattern of `unpivot`.", "Restore the column names, or change the pattern in the contract."),
    ProblemKind(115, "F-contract", "The partner's contract cannot be used.", "Mend the contract; its problems are listed with their lines."),
    ProblemKind(116, "F-not-readable", "The file cannot be opened.", "Give the reader the right to read it."),
    ProblemKind(201, "R-cells", "The row has more or fewer cells than the header.", "Look for a stray or missing delimiter, or a line end inside a cell without quotes."),
    ProblemKind(202, "R-control", "A cell holds control characters or characters that turn the direction of writing.", "Remove them."),
    ProblemKind(203, "R-value", "The value is not a number in the declared form, nor a declared mark.", "Check thousands and decimal marks; declare other marks under `marks`."),
    ProblemKind(204, "R-value-empty", "The value is empty, and the contract does not say what empty means.", "Write the number, or declare the mark \"\" in the contract."),
    ProblemKind(205, "R-negative", "The value is below zero.", "Counts and amounts are zero or more; state corrections as new figures."),
    ProblemKind(206, "R-range", "The value is beyond what the unit allows.", "Check the unit and the number of digits."),
    ProblemKind(207, "R-fraction", "A count is not a whole number.", "Send counts; rates and shares are computed here."),
    ProblemKind(208, "R-period", "The period is not in the declared form.", "Check the form, or change `period` in the contract."),
    ProblemKind(209, "R-period-after-issue", "The period begins after the date of issue.", "Check the year, or the date of issue."),
    ProblemKind(210, "R-duplicate", "Two or more rows have the same key, and the contract says `duplicates: error`.", "Send one row a key, or say `sum` or `keep_last` in the contract."),
    ProblemKind(211, "R-issue", "The row's date of issue is not declared.", "Add the label to the contract's `issued_on.values`, or correct it."),
    ProblemKind(212, "R-label-empty", "A label is empty, and the contract does not say what empty means.", "Write the label, or list \"\" among the values in the contract."),
    ProblemKind(213, "R-label-long", "A label has more than 200 characters.", "A code or short label is meant; free text is not taken."),
    ProblemKind(214, "R-no-alternative", "No alternative of the contract fits the row.", "Add an alternative, or `else`, to the column in the contract."),
    ProblemKind(215, "R-status", "The status contradicts the value, or is no known status.", "A number has no status of missing; a gap needs one."),
    ProblemKind(301, "W-unmapped", "A label has no code yet; its rows are kept under the visible member 'not mapped'.", "Add the label to the map or values in the contract; no file needs to be sent again."),
    ProblemKind(302, "W-total", "Parts do not add up to the published total within the declared tolerance.", "Nothing is changed; check the table with its publisher."),
    ProblemKind(303, "W-sum-with-missing", "Rows to be summed include one without a number, so the sum has none either.", "Send the parts apart, or fill the gap."),
    ProblemKind(304, "W-vanished", "Keys of the previous issue are gone, below the share that holds a submission.", "If they were meant to stay, send them again; the receipt lists them."),
    ProblemKind(305, "W-unread-parts", "Rows stand after the declared end of the table.", "If they are data, mend `stop_at` in the contract."),
    ProblemKind(401, "H-vanished", "More keys of the previous issue are gone than the contract allows.", "If that is right, confirm the submission; otherwise withdraw it and send the whole table."),
)  # fmt: skip

KINDS: dict[str, ProblemKind] = {kind.code: kind for kind in _KINDS}


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

    @property
    def number(self) -> int:
        return KINDS[self.code].number

    @property
    def meaning(self) -> str:
        return KINDS[self.code].meaning

    @property
    def cure(self) -> str:
        return KINDS[self.code].cure

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
