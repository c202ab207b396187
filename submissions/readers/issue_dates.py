"""When a whole file was put out, as its contract says to find it: a date, its name, or one of its cells."""

from __future__ import annotations

import re
from datetime import date

from submissions.contracts.model import FileRule
from submissions.readers.table import Reading
from submissions.validation.problems import Refusal
from submissions.vocabulary.periods import EARLIEST_ISSUE, day, is_plausible_issue


def issue_of_file(rule: FileRule, file_name: str, reading: Reading) -> date | None:
    """The date of issue of a whole file; None when the contract reads it from a column. Refuses a file without one."""
    issue = rule.issued_on
    if issue.kind == "column":
        return None
    if issue.kind == "date":
        return issue.day
    if issue.kind == "cell":
        found = day(reading.cell(issue.cell or ""), issue.date_format or "")
        where = f"cell {issue.cell}"
    else:
        match = re.search(issue.pattern or "", file_name)
        found = day(match["date"], issue.date_format or "") if match else None
        where = "the file name"
    if found is None:
        raise Refusal("F-issue-date", f"no date in {where} in the form {issue.date_format}")
    if not is_plausible_issue(found):
        raise Refusal("F-issue-date", f"the date in {where} is before {EARLIEST_ISSUE.year} or over a year ahead")
    return found
