"""`waymark doctor`: what is installed and what is missing, how a home is, and what to do about each finding.

It changes nothing and loads neither Dagster nor dbt. Every file of the home that the ledger knows is read and compared
with its digest; `deep` also recomputes the id of every release from its tables.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from orchestration.operations import alerts, lateness
from orchestration.runs import run_log, up_to_date, verification
from orchestration.runs.code_identity import ROOT, version
from submissions.contracts import offences_in_force
from submissions.errors import WaymarkError
from submissions.store import integrity
from submissions.store.home import Home
from submissions.store.ledger import Entry, Ledger, State, state
from submissions.store.vintages import lake_file
from submissions.validation.problems import KINDS

WELL, WARNING, BROKEN = 0, 1, 2
MARKS = ("ok", "look", "broken")
# less than this and a build of a few hundred thousand rows may not fit
GIGABYTES_WANTED = 5
LISTED = 10


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `gravity` is 0 well, 1 a warning, 2 broken; `cure` says what to do."""

    gravity: int
    about: str
    text: str
    cure: str = ""

    @property
    def mark(self) -> str:
        return MARKS[self.gravity]


def examine(home_path: Path | None, deep: bool = False) -> list[Finding]:
    """All findings, the installation first. Without a home only the installation is looked at."""
    findings = [*installation()]
    if home_path is None:
        return findings
    try:
        home = Home.open(home_path)
    except WaymarkError as error:
        return [*findings, Finding(BROKEN, "home", error.message, error.hint or "")]
    findings += [*place(home), *lock(home)]
    try:
        entries = Ledger.of(home).entries()
    except WaymarkError as error:
        return [*findings, Finding(BROKEN, "ledger", error.message, error.hint or "")]
    known = state(entries)
    return [
        *findings,
        *ledger_and_lake(home, entries, known, deep),
        *partners(home),
        *undefined_offences(home, known),
        *last_releases(home, deep),
        *last_runs(home),
    ]


def installation() -> Iterator[Finding]:
    """Python, packages against what this version asks for, the browser."""
    yield Finding(WELL, "program", f"waymark {version()} on Python {sys.version.split()[0]}, in {ROOT}")
    missing, other = [], []
    for name, wanted in _requirements():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if wanted is not None and found != wanted:
            other.append(f"{name} {found} instead of {wanted}")
    if missing:
        yield Finding(BROKEN, "packages", f"not installed: {', '.join(missing)}", "`make setup` installs them")
    if other:
        yield Finding(
            WARNING,
            "packages",
            f"other versions than this program was tested with: {', '.join(other)}",
            "`make setup` installs the tested ones",
        )
    if not missing and not other:
        yield Finding(WELL, "packages", f"{len(_requirements())} packages, of the versions asked for")
    from reports.charts.rendering import HOW_TO_GET, find_browser

    browser = find_browser()
    if browser is None:
        yield Finding(WARNING, "browser", "none: pictures (svg, png, pdf) are left out of releases", HOW_TO_GET)
    else:
        yield Finding(WELL, "browser", str(browser))
    address = os.environ.get(alerts.WEBHOOK, "")
    if address and not address.startswith(("http://", "https://")):
        yield Finding(
            WARNING,
            "webhook",
            f"{alerts.WEBHOOK} is not an http address",
            "give the full address, https://…, or unset it",
        )


def place(home: Home) -> Iterator[Finding]:
    """The home's kind and layout, the space on its disk, whether it may be written."""
    layout = json.loads((home.path / "home.json").read_text(encoding="utf-8"))["schema_version"]
    yield Finding(WELL, "home", f"{home.path}, {home.kind}, layout {layout}")
    free = shutil.disk_usage(home.path).free / 1e9
    gravity = WELL if free >= GIGABYTES_WANTED else WARNING
    yield Finding(
        gravity,
        "disk",
        f"{free:.1f} GB free",
        "" if gravity == WELL else "builds/ may be emptied: each is made again from the ledger",
    )
    seen = [path.relative_to(home.path).as_posix() for path in home.open_to_others()]
    if seen:
        text = f"{len(seen)} folders and files may be read by others: {_some(sorted(seen))}"
        yield Finding(WARNING, "rights", text, f"the next `waymark run` mends it; or chmod -R go= {home.path}")
    closed = [
        folder.name
        for folder in (home.landing, home.lake, home.ledger, home.builds, home.releases, home.logs)
        if not os.access(folder, os.W_OK)
    ]
    if closed:
        yield Finding(
            BROKEN, "home", f"may not be written: {', '.join(closed)}", "give this user the right to write there"
        )


def lock(home: Home) -> Iterator[Finding]:
    """Who holds the home. A note left by a killed process is no lock, and says so."""
    from filelock import FileLock, Timeout

    holder = home.holder()
    attempt = FileLock(str(home.path / ".lock"))
    try:
        attempt.acquire(timeout=0)
    except Timeout:
        yield Finding(WELL, "lock", f"held by {holder or 'another process'}: others wait for it")
        return
    attempt.release()
    left = f"; {holder} was cut off" if holder else ""
    yield Finding(WELL, "lock", f"free{left}")


def ledger_and_lake(home: Home, entries: list[Entry], known: State, deep: bool) -> Iterator[Finding]:
    """Whether lake, landing and quarantine hold what the ledger says, and nothing that it does not know of."""
    held = known.in_force()
    yield Finding(
        WELL,
        "ledger",
        f"{len(entries)} entries, {len(known.submissions)} submissions, {len(held)} in force, {len(known.refusals)} "
        f"refusals",
    )
    if (home.ledger / "erasing").exists():
        yield Finding(
            WARNING, "erasure", "one was cut off before its bytes were removed", "the next `waymark run` finishes it"
        )
    waiting = [identifier for identifier in known.submissions if known.standing(identifier) == "held_for_confirmation"]
    if waiting:
        yield Finding(
            WARNING,
            "held",
            f"{len(waiting)} submissions wait for a decision: {_some(waiting)}",
            "`waymark confirm` or `waymark withdraw`; the receipts say what is gone",
        )
    yield from _chained(home, entries)
    yield from _sound(home, entries)
    expected = {
        str(lake_file(home, entry["partner_id"], entry["submission_id"])) for entry in known.submissions.values()
    }
    strange = [path.name for path in (home.lake / "observations").glob("*/*.parquet") if str(path) not in expected]
    if strange:
        yield Finding(
            WARNING,
            "lake",
            f"{len(strange)} files that the ledger does not know: {_some(strange)}",
            "a run that was cut off left them; the same file received again takes their place, and no build reads them",
        )


def _chained(home: Home, entries: list[Entry]) -> Iterator[Finding]:
    """That reading the ledger proved its lines, and from where on."""
    start = Ledger.of(home).sealed_at
    if start is None and entries:
        text = "its lines are from version 0.1 and prove nothing yet"
        yield Finding(WARNING, "ledger", text, "the next `waymark run` seals it as it stands")
    elif start is not None:
        before = (
            "" if start == 1 else f"; the {start - 1} before it are sealed as they stood then, not as they were written"
        )
        yield Finding(WELL, "ledger", f"every line proves those before it, from position {start} on{before}")


def _sound(home: Home, entries: list[Entry]) -> Iterator[Finding]:
    """A finding a damaged file, or one that its zone is as it was written."""
    files = integrity.files(home, entries)
    for zone, damages in integrity.damages(home, entries).items():
        for damage in damages[:LISTED]:
            yield Finding(BROKEN, zone, f"{damage.name} {damage.what}", damage.cure)
        if len(damages) > LISTED:
            cure = "restore the folder from a backup of the home (docs/runbooks/restore.md, Damage)"
            yield Finding(BROKEN, zone, f"{len(damages) - LISTED} more files are missing or altered", cure)
        known = files.get(zone, {})
        if not damages and known:
            unproved = sum(digest is None for digest in known.values())
            of_old = f"; of {unproved} only that they are there, for want of a digest" if unproved else ""
            yield Finding(WELL, zone, f"{len(known)} files of the ledger are as they were written{of_old}")


def partners(home: Home) -> Iterator[Finding]:
    """Who is late."""
    try:
        today = lateness.today_of(home)
        overdue = lateness.late(home, today)
    except Exception as error:  # a lake that cannot be read is said above, in its own words
        yield Finding(WARNING, "partners", f"lateness cannot be told: {type(error).__name__}", "see the findings above")
        return
    if not overdue:
        yield Finding(WELL, "partners", f"none is late, counted to {today}")
    for each in overdue:
        text = f"{each.partner} is {each.days_late(today)} days late with {each.dataset} (due on {each.due_on})"
        yield Finding(WARNING, "partners", text, "docs/runbooks/late-partner.md")


def undefined_offences(home: Home, known: State) -> Iterator[Finding]:
    """Offence codes in force that no definition_map knows."""
    kind = KINDS["W-offence-undefined"]
    try:
        found = list(offences_in_force.undefined_of_home(home, known))
    except Exception as error:  # a lake that cannot be read is said above, in its own words
        yield Finding(WARNING, "offences", f"cannot be told: {type(error).__name__}", "see the findings above")
        return
    if not found:
        yield Finding(WELL, "offences", "every offence code in force has a definition")
    for text in found:
        yield Finding(WARNING, "offences", f"{kind.number} {kind.code}: {text}", kind.cure)


def last_releases(home: Home, deep: bool) -> Iterator[Finding]:
    """The latest release of each audience; whether every release stands as it was published.

    deep  also recomputes each id from the release's tables.
    """
    known = verification.on_record(home)
    for audience in sorted({*up_to_date.audiences_of(home), *(audience for audience, _ in known)}):
        shelf = home.releases / audience
        latest = shelf / "latest"
        named = os.readlink(latest) if latest.is_symlink() else None
        if named is not None and (shelf / named).is_dir():
            yield Finding(WELL, "release", f"{audience}: {named} is the latest")
        elif named is not None:
            text = f"{audience}: releases/{audience}/latest points to {named}, which is missing"
            yield Finding(BROKEN, "release", text, f"restore it from a backup, or waymark run --home {home.path}")
        elif any(audience == each for each, _ in known):
            text = f"{audience}: releases/{audience}/latest is missing"
            yield Finding(BROKEN, "release", text, f"waymark run --home {home.path} makes it anew")
        else:
            yield Finding(WARNING, "release", f"{audience}: none yet", f"waymark run --home {home.path}")
        yield from _shelf(home, audience, deep)
    for audience, identifier in verification.missing(home):
        text = f"{audience}: {identifier} is on record, but releases/{audience}/{identifier} is missing"
        cure = "restore it from a backup, or make it again (docs/runbooks/restore.md, A past release)"
        yield Finding(WARNING, "release", text, cure)
    aside = [path.name for path in home.releases.glob("*/.*.building")]
    if aside:
        yield Finding(
            WARNING,
            "release",
            f"{len(aside)} were cut off while they were written: {_some(aside)}",
            "the next run of the same figures writes them anew; they may be removed",
        )


def _shelf(home: Home, audience: str, deep: bool) -> Iterator[Finding]:
    """The releases of one audience that stand."""
    for folder in verification.standing_releases(home, audience):
        problems = verification.verify(folder, home, deep)
        place = folder.relative_to(home.path).as_posix()
        for problem in problems[:LISTED]:
            yield Finding(BROKEN, "release", f"{place}/{problem}", problem.cure)
        if len(problems) > LISTED:
            text = f"{place}: {len(problems) - LISTED} more files differ"
            yield Finding(BROKEN, "release", text, verification.ANEW)


def last_runs(home: Home) -> Iterator[Finding]:
    """The last run that this home knows of."""
    ended = [line for line in run_log.read(home) if line["step"] == "run"]
    if ended:
        last = ended[-1]
        failed = last["outcome"] != "done"
        how = f"{last['outcome']}, {last['wall']:.0f} s"
        text = f"the last of {len(ended)} ended at {last['at']}: {how}"
        cure = "run again, or look at it in `waymark ui`" if failed else ""
        yield Finding(WARNING if failed else WELL, "runs", text, cure)


def _requirements() -> list[tuple[str, str | None]]:
    """(package, pinned version or None) that the installed program asks for, extras left out."""
    found = []
    for requirement in metadata.requires("waymark") or []:
        if ";" not in requirement:
            name, _, pinned = requirement.partition("==")
            found.append((name.strip(), pinned.strip() or None))
    return found


def _some(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
