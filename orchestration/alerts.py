"""Alerts: what a person should look at, each said once, in the home's `logs/alerts.jsonl` and to a webhook.

An alert is known by what it is about, so whoever looks again finds it said already. It names partners, datasets and
submissions, never what a file is called or says: alerts leave the house through the webhook.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from orchestration.lateness import late, today_of
from submissions.home import Home, write_whole
from submissions.ledger import Ledger, state

WEBHOOK = "WAYMARK_ALERT_WEBHOOK"
SECONDS_FOR_WEBHOOK = 10
KINDS = ("refused_file", "held_submission", "late_partner", "failed_check", "failed_run")


@dataclass(frozen=True)
class Alert:
    """One thing to look at.

    kind     one of `KINDS`.
    subject  what it is about; the same kind and subject is said once.
    text     a sentence for a person.
    look_at  a path or command that tells more.
    """

    kind: str
    subject: str
    text: str
    look_at: str = ""

    @property
    def alert_id(self) -> str:
        return hashlib.sha256(f"{self.kind}\0{self.subject}".encode()).hexdigest()[:16]


def of_ledger(home: Home) -> list[Alert]:
    """Refused files and held submissions, from the ledger: one each."""
    known = state(Ledger.of(home).entries())
    found = [
        Alert(
            "refused_file",
            identifier,
            f"a file of {entry['partner_id']} for {entry['dataset']} was refused: "
            + ", ".join(dict.fromkeys(problem["code"] for problem in entry["problems"])),
            str(home.quarantine / identifier / "receipt.txt"),
        )
        for identifier, entry in known.refusals.items()
        if identifier not in known.erased
    ]
    found += [
        Alert(
            "held_submission",
            identifier,
            f"a submission of {entry['partner_id']} for {entry['dataset']} is held: {entry['vanished_count']} figures "
            f"of its "
            "previous issue are gone",
            f"waymark confirm {identifier} --home {home.path} --reason TEXT, or waymark withdraw",
        )
        for identifier, entry in known.submissions.items()
        if known.standing(identifier) == "held_for_confirmation"
    ]
    return found


def of_lateness(home: Home, today: date | None = None) -> list[Alert]:
    """One alert a missed delivery: the next one that is missed has another due date, and is said again."""
    return [
        Alert(
            "late_partner",
            f"{each.partner}/{each.dataset}/{each.due_on}",
            f"{each.partner} is late with {each.dataset}: figures after {each.last_period_start} were due on "
            f"{each.due_on}",
            "docs/runbooks/late-partner.md",
        )
        for each in late(home, today or today_of(home))
    ]


def watch(home: Home, also: Iterable[Alert] = (), today: date | None = None, calendar: bool = True) -> list[Alert]:
    """Say what is new among the ledger's and the calendar's alerts and `also`, and send what waits for the webhook.

    calendar  False: late partners are not looked for, because neither the day nor the ledger has changed since they were.
    """
    return say(home, [*of_ledger(home), *(of_lateness(home, today) if calendar else ()), *also])


def say(home: Home, alerts: Iterable[Alert]) -> list[Alert]:
    """Write the alerts that were never said, then send all that wait for the webhook. Gives the new ones."""
    from filelock import FileLock

    # the daemon and a command may look at the same time; neither has to wait for a run to end
    with FileLock(str(home.logs / ".alerts.lock")):
        said = {each["alert"] for each in read(home)}
        new = [each for each in {each.alert_id: each for each in alerts}.values() if each.alert_id not in said]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        lines = [{"at": now, "alert": each.alert_id, **asdict(each)} for each in new]
        if lines:
            with file_of(home).open("a", encoding="utf-8") as stream:
                stream.write("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
        _send_waiting(home, lines)
    return new


def file_of(home: Home) -> Path:
    return home.logs / "alerts.jsonl"


def read(home: Home) -> list[dict[str, Any]]:
    """All alerts said so far, oldest first."""
    if not file_of(home).exists():
        return []
    found = []
    for text in file_of(home).read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(text))
        except ValueError:
            continue
    return found


def _send_waiting(home: Home, lines: list[dict[str, Any]]) -> None:
    """Post each alert as one JSON document. What cannot be delivered waits in a file for the next time."""
    address = os.environ.get(WEBHOOK, "")
    outbox = home.logs / "alerts-to-send.json"
    waiting = [*(json.loads(outbox.read_text(encoding="utf-8")) if outbox.exists() else []), *lines]
    if not address or not waiting:
        return
    left = []
    for line in waiting:
        # one that does not answer is not asked again for the rest: each would cost the full waiting time
        if left or not _post(address, line):
            left.append(line)
    if left:
        write_whole(outbox, json.dumps(left, ensure_ascii=False).encode())
    else:
        outbox.unlink(missing_ok=True)


def _post(address: str, line: dict[str, Any]) -> bool:
    # a receiver needs the id, the kind and the sentence; paths of this machine stay here
    content = json.dumps({name: line[name] for name in ("at", "alert", "kind", "subject", "text")}, ensure_ascii=False)
    if not address.startswith(("http://", "https://")):
        return False  # `waymark doctor` says so; a run must not fail for it
    request = urllib.request.Request(address, content.encode(), {"Content-Type": "application/json"}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_FOR_WEBHOOK) as answer:
            return 200 <= answer.status < 300
    except (urllib.error.URLError, OSError):
        return False
