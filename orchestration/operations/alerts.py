"""Alerts: what a person should look at, each said once, in the home's `logs/alerts.jsonl` and to a webhook.

An alert is known by what it is about, so whoever looks again finds it said already. It names partners, datasets and
submissions, never what a file is called or says: alerts leave the house through the webhook.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from orchestration.operations.lateness import late, today_of
from orchestration.runs.releases import AUDIENCES, releases
from submissions.store.home import Home, write_whole
from submissions.store.ledger import Ledger, state

WEBHOOK = "WAYMARK_ALERT_WEBHOOK"
SECONDS_FOR_WEBHOOK = 10
# a receiver that starts again or is busy answers the second or third time; what it got twice has the same id
TRIES_AGAIN, BUSY = 2, (429, 502, 503, 504)
KINDS = ("refused_file", "held_submission", "late_partner", "failed_check", "failed_run", "early_warning")
# what tells one signal from another, as far as the table has it; no figure is among them
SIGNAL_KEY = (
    "source", "dataset", "measure", "area_code", "area_role", "reporter", "offence", "exploitation", "sex", "age", "period",
)  # fmt: skip
SIGNALS_SAID = 200


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


def of_signals(home: Home) -> list[Alert]:
    """Early-warning signals of each audience's latest release that its release before did not have: one each.

    A first release has nothing to be compared with, and a look back at an earlier date is no news: the one is said in one
    sentence, the other not at all. Texts say where, what, when and by whom it was counted, and never how many: they
    leave the house, and a count may be one that no release shows.
    """
    found: list[Alert] = []
    for audience in AUDIENCES:
        of_audience = releases(home, [audience])
        latest = next((each for each in of_audience if each["is_latest"]), None)
        if latest is None:
            continue
        signals = _signals(latest)
        others = [each for each in of_audience if each is not latest]
        if not signals or any(_when(each) > _when(latest) for each in others):
            continue
        page = str(Path(latest["folder"]) / "index.html")
        before = _signals(max(others, key=_when)) if others else None
        if before is None:
            text = f"{len(signals)} early-warning signals in the first {audience} release that has any to show"
            found.append(Alert("early_warning", f"{audience}/{latest['release_id']}", text, page))
            continue
        new = sorted(set(signals) - set(before))
        found += [Alert("early_warning", "/".join(key), signals[key], page) for key in new[:SIGNALS_SAID]]
        if len(new) > SIGNALS_SAID:
            text = f"{len(new) - SIGNALS_SAID} more new early-warning signals in the {audience} release of {latest['release_id']}"
            found.append(Alert("early_warning", f"{audience}/{latest['release_id']}/more", text, page))
    return found


def _when(release: dict[str, Any]) -> tuple[str, int]:
    return str(release["provenance"]["as_of"]), int(release["provenance"]["ledger_position"])


def _signals(release: dict[str, Any]) -> dict[tuple[str, ...], str] | None:
    """Key -> sentence of every alarm of a release; None where it has no such table, as releases of earlier versions."""
    import duckdb

    from reports.wording.words import Words
    from submissions.vocabulary.fields import labels as words_of_codes

    table = Path(release["folder"]) / "tables" / "alerts.parquet"
    if not table.is_file():
        return None
    with duckdb.connect() as connection:
        cursor = connection.execute("select * from read_parquet(?)", [str(table)])
        names = [column[0] for column in cursor.description or []]
        if not {"is_alarm", "measure", "period"} <= set(names) or not {"area_code", "area_name"} & set(names):
            return None
        key = [name for name in SIGNAL_KEY if name in names]
        labels = [name for name in ("area_name",) if name in names]
        rows = connection.execute(
            f"select {', '.join([*key, *labels])} from read_parquet(?) where is_alarm order by all", [str(table)]
        ).fetchall()
    words, found = Words(words_of_codes()), {}
    for values in rows:
        row = {name: "" if value is None else str(value) for name, value in zip([*key, *labels], values, strict=True)}
        splits = [
            words.label(name, row[name])
            for name in ("exploitation", "sex", "age", "reporter")
            if row.get(name, "_T") not in ("_T", "_Z", "")
        ]
        what = ", ".join([words.label("measure", row["measure"]), *splits])
        where = row.get("area_name") or row.get("area_code", "")
        by = f" ({row['source']})" if row.get("source") else ""
        found[tuple(row[name] for name in key)] = (
            f"new early-warning signal: {what} in {where}, {row['period']}{by}: more than its own past would suggest"
        )
    return found


def watch(
    home: Home,
    also: Iterable[Alert] = (),
    today: date | None = None,
    calendar: bool = True,
    releases_changed: bool = True,
) -> list[Alert]:
    """Say what is new among the ledger's, the calendar's and the releases' alerts and `also`; send what waits.

    calendar          False: late partners are not looked for, because neither the day nor the ledger has changed since
                      they were.
    releases_changed  False: signals are not looked for, because the latest releases are those that were looked at.
    """
    looked_for = [*(of_lateness(home, today) if calendar else ()), *(of_signals(home) if releases_changed else ())]
    return say(home, [*of_ledger(home), *looked_for, *also])


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
    import requests
    from urllib3.util import Retry

    again = Retry(TRIES_AGAIN, read=False, status_forcelist=BUSY, allowed_methods=None, backoff_factor=0.2)
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=again))
        try:
            answer = session.post(
                address,
                data=content.encode(),
                headers={"Content-Type": "application/json"},
                timeout=SECONDS_FOR_WEBHOOK,
                allow_redirects=False,
            )
        except requests.RequestException:
            return False
    return 200 <= answer.status_code < 300
