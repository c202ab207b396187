"""The demonstration: write the invented partners' files, receive them, and withdraw what the planted truth withdraws."""

from __future__ import annotations

import json

from orchestration.runs import intake, progress
from orchestration.runs.builds import Request
from orchestration.runs.code_identity import ROOT
from submissions.store.home import Home

CONTRACTS = ROOT / "demonstration" / "contracts"


def request(home: Home) -> Request:
    """A run on the home's own inbox with the demonstration's contracts and boundaries."""
    return Request(home=home, inbox=home.path / "inbox", contracts=(CONTRACTS,), areas=(home.path / "areas",))


def prepare(asked: Request, report: intake.Report) -> None:
    """Write the files if they are not there yet, and play the partner who withdraws a file after it was received."""
    truth_file = asked.home.path / "planted_truth.json"
    if not truth_file.exists():
        from demonstration.generator import generate

        with progress.current().step("demonstration files", "invented partners' files"):
            generate(asked.home.path)
    withdrawals = json.loads(truth_file.read_text(encoding="utf-8"))["withdrawals"]
    if _standing(asked.home, withdrawals):
        with progress.current().step("intake", "files received"):
            intake.receive_waiting(asked, report)
        from submissions.reception import receiving

        for submission, reason in _standing(asked.home, withdrawals):
            if submission is not None:
                receiving.withdraw(asked.home, submission, reason)


def _standing(home: Home, withdrawals: list[dict[str, str]]) -> list[tuple[str | None, str]]:
    """Submissions that the plan withdraws and that are not withdrawn yet; (None, reason) for a file not yet received."""
    from submissions.store.ledger import Ledger, state

    now = state(Ledger.of(home).entries())
    pending: list[tuple[str | None, str]] = []
    for planned in withdrawals:
        matches = [
            identifier
            for identifier, entry in now.submissions.items()
            if (entry["partner_id"], entry["file_name"]) == (planned["partner_id"], planned["file_name"])
        ]
        pending += [(each, planned["reason"]) for each in matches if now.standing(each) != "withdrawn"]
        if not matches:
            pending.append((None, planned["reason"]))
    return pending
