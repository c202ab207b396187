"""Receipts: what became of a file, for programs (JSON) and for people (text). No receipt repeats what a cell says."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from submissions.validation.problems import Problem

# From harmless to grave: a file with several submissions has the gravest of their outcomes.
_GRAVITY = (
    "already_held",
    "withdrawn",
    "accepted",
    "accepted_with_warnings",
    "rows_quarantined",
    "held_for_confirmation",
    "refused",
)


@dataclass(frozen=True)
class Receipt:
    """The outcome of one file, or of one submission in it (`parts` are then empty).

    rows_in = rows_accepted + rows_quarantined + rows_excluded, in rows of the file. `unmapped` are (our column, the
    partner's label, rows); `vanished` are keys of the previous issue that are gone, as text, at most two hundred.
    """

    outcome: str
    file_name: str
    partner: str
    rows_in: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rows_excluded: int = 0
    problems: tuple[Problem, ...] = ()
    dataset: str | None = None
    submission_id: str | None = None
    issued_on: str | None = None
    file_sha256: str | None = None
    exclusions: tuple[tuple[str, int], ...] = ()
    unmapped: tuple[tuple[str, str, int], ...] = ()
    vanished_count: int = 0
    vanished: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    expectations: tuple[tuple[str, bool], ...] = ()
    parts: tuple[Receipt, ...] = field(default=())

    @property
    def warnings(self) -> dict[str, int]:
        """Rows by warning code."""
        counts: dict[str, int] = {}
        for problem in self.problems:
            if problem.code.startswith(("W-", "H-")):
                counts[problem.code] = counts.get(problem.code, 0) + problem.count
        return dict(sorted(counts.items()))

    @property
    def exit_code(self) -> int:
        """0 accepted, with or without warnings, or already held; 1 rows quarantined, held or withdrawn; 2 refused."""
        if self.outcome == "refused":
            return 2
        return 1 if self.outcome in ("rows_quarantined", "held_for_confirmation", "withdrawn") else 0

    def as_dict(self) -> dict[str, Any]:
        content = asdict(self)
        content["problems"] = [
            {"number": problem.number, **asdict(problem), "meaning": problem.meaning, "cure": problem.cure}
            for problem in self.problems
        ]
        content["parts"] = [part.as_dict() for part in self.parts]
        return content

    def as_json(self) -> str:
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"

    def as_text(self) -> str:
        """The receipt as a partner reads it."""
        lines = [f"{self.file_name}: {self.outcome.replace('_', ' ')}"]
        if self.submission_id:
            issued = f", issued on {self.issued_on}" if self.issued_on else ""
            lines.append(f"  submission {self.submission_id} to {self.partner}, {self.dataset}{issued}")
        if self.rows_in or self.outcome != "refused":
            lines.append(
                f"  {self.rows_in:,} rows in = {self.rows_accepted:,} accepted + {self.rows_quarantined:,} in "
                f"quarantine + {self.rows_excluded:,} excluded"
            )
        lines += [f"  excluded: {number:,} rows, {reason}" for reason, number in self.exclusions]
        for problem in self.problems:
            columns = f" [column {', '.join(problem.columns)}]" if problem.columns else ""
            lines += [f"  {problem}{columns}", f"      {problem.cure}"]
        if self.unmapped:
            lines.append("  labels without a code:")
            lines += [
                f"      {column}: {label or '(empty)'} ({number:,})" for column, label, number in self.unmapped[:50]
            ]
            if len(self.unmapped) > 50:
                lines.append(f"      and {len(self.unmapped) - 50:,} more in the JSON receipt")
        if self.vanished_count:
            lines.append(f"  {self.vanished_count:,} keys of the previous issue are gone:")
            lines += [f"      {key}" for key in self.vanished[:20]]
            if self.vanished_count > 20:
                lines.append(f"      and {self.vanished_count - 20:,} more")
        lines += [f"  note: {note}" for note in self.notes]
        text = "\n".join(lines) + "\n"
        if len(self.parts) > 1:
            text += "".join(part._brief() for part in self.parts)
        return text

    def _brief(self) -> str:
        return (
            f"  issue {self.issued_on}, {self.dataset}: {self.outcome.replace('_', ' ')}, "
            f"submission {self.submission_id}, {self.rows_in:,} rows in, {self.rows_accepted:,} accepted\n"
        )


def joined(parts: tuple[Receipt, ...], /, **shared: Any) -> Receipt:
    """The receipt of a file from those of its submissions; problems common to all stand in `shared`."""
    outcome = max((part.outcome for part in parts), key=_GRAVITY.index)
    sums = {
        name: sum(getattr(part, name) for part in parts)
        for name in ("rows_in", "rows_accepted", "rows_quarantined", "rows_excluded", "vanished_count")
    }
    one = parts[0]
    content = {
        "dataset": ", ".join(dict.fromkeys(part.dataset for part in parts if part.dataset)) or None,
        "submission_id": one.submission_id if len(parts) == 1 else None,
        "issued_on": one.issued_on if len(parts) == 1 else None,
        "vanished": tuple(key for part in parts for key in part.vanished),
        "expectations": tuple(dict.fromkeys(result for part in parts for result in part.expectations)),
        "notes": tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    }
    return Receipt(outcome=outcome, **(sums | content | {"parts": parts} | shared))
