"""What `waymark check` says of a file is what a run made of it: every file that an invented partner sent.

The check is made without the home, as a partner makes it who has none: what follows from earlier submissions (a file held
because much of what it replaces is gone) is not known to it, and nothing else may differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from submissions import check

pytestmark = pytest.mark.xdist_group("demonstration")

CONTRACTS = Path(__file__).parents[2] / "demonstration" / "contracts"
FATES = ("rows_in", "rows_accepted", "rows_quarantined", "rows_excluded")
OF_EARLIER = "H-vanished"


def said(receipts: Iterable[dict]) -> tuple:
    """Rows by fate, problems with how many rows they meet, and outcomes; a file of several issues has several receipts."""
    receipts = list(receipts)
    problems = {
        (problem["code"], problem["count"])
        for each in receipts
        for problem in each["problems"]
        if problem["code"] != OF_EARLIER
    }
    outcomes = {"accepted" if each["outcome"] == "held_for_confirmation" else each["outcome"] for each in receipts}
    return tuple(sum(each[fate] or 0 for each in receipts) for fate in FATES), problems, outcomes


def test_every_file_of_the_demonstration_is_checked_as_it_was_received(demonstration_home) -> None:
    home = Path(demonstration_home.path)
    received: dict[tuple[str, str], list[dict]] = {}
    for path in home.glob("quarantine/*/receipt.json"):
        receipt = json.loads(path.read_text(encoding="utf-8"))
        received.setdefault((receipt["partner"], receipt["file_name"]), []).append(receipt)
    differ, outcomes = {}, set()
    for (partner, name), receipts in sorted(received.items()):
        checked = json.loads(check(home / "inbox" / partner / name, partner, [CONTRACTS]).as_json())
        outcomes.add(checked["outcome"])
        if said([checked]) != said(receipts):
            differ[partner, name] = (said([checked]), said(receipts))
    assert differ == {}
    assert len(received) > 70
    assert outcomes >= {"accepted", "refused", "rows_quarantined"}
