"""`waymark doctor`: what is installed and what is missing, how a home is, and what to do about each finding.

It changes nothing and loads neither Dagster nor dbt. `deep` reads every landed file and every release again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from orchestration import alerts, lateness, run_log, standing
from orchestration.code_identity import ROOT, version
from submissions import offences
from submissions.errors import WaymarkError
from submissions.home import SCHEMA_VERSION, Home
from submissions.ledger import Entry, Ledger, State, state
from submissions.problems import KINDS
from submissions.vintages import lake_file

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
    from reports.rendering import HOW_TO_GET, find_browser

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
    yield Finding(WELL, "home", f"{home.path}, {home.kind}, layout {SCHEMA_VERSION}")
    free = shutil.disk_usage(home.path).free / 1e9
    gravity = WELL if free >= GIGABYTES_WANTED else WARNING
    yield Finding(
        gravity,
        "disk",
        f"{free:.1f} GB free",
        "" if gravity == WELL else "builds/ may be emptied: each is made again from the ledger",
    )
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
    kept = [entry for identifier, entry in known.submissions.items() if known.standing(identifier) != "erased"]
    yield from _absent(
        "lake", [lake_file(home, entry["partner_id"], entry["submission_id"]) for entry in kept], "rows of the ledger"
    )
    yield from _absent("landing", [home.landing / entry["file_sha256"] for entry in kept], "files of the ledger")
    yield from _absent(
        "receipts",
        [home.quarantine / entry["submission_id"] / "receipt.json" for entry in kept],
        "receipts of the ledger",
    )
    yield from _references(home, known)
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
    if deep:
        wrong = [path.name for path in sorted(home.landing.glob("[0-9a-f]*")) if _sha256(path) != path.name]
        if wrong:
            yield Finding(
                BROKEN,
                "landing",
                f"{len(wrong)} landed files are not what they were: {_some(wrong)}",
                "restore them from a backup of the home",
            )
        else:
            yield Finding(WELL, "landing", "every landed file has the digest of its name")


def _references(home: Home, known: State) -> Iterator[Finding]:
    folder = home.lake / "reference"
    wanted = [folder / "contracts" / partner / digest / "contract.yml" for partner, digest in known.contracts.items()]
    wanted += [folder / "areas" / name / f"{digest}.csv" for name, digest in known.areas.items()]
    wanted += [folder / "definitions" / known.definitions] if known.definitions else []
    yield from _absent("reference", wanted, "contracts, areas and definitions of the ledger")


def _absent(about: str, paths: list[Path], what: str) -> Iterator[Finding]:
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        yield Finding(
            BROKEN,
            about,
            f"{len(missing)} {what} are missing: {_some(missing)}",
            "restore them from a backup of the home (docs/runbooks/restore.md)",
        )
    else:
        yield Finding(WELL, about, f"{len(paths)} {what}, all there")


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
        found = list(offences.undefined_of_home(home, known))
    except Exception as error:  # a lake that cannot be read is said above, in its own words
        yield Finding(WARNING, "offences", f"cannot be told: {type(error).__name__}", "see the findings above")
        return
    if not found:
        yield Finding(WELL, "offences", "every offence code in force has a definition")
    for text in found:
        yield Finding(WARNING, "offences", f"{kind.number} {kind.code}: {text}", kind.cure)


def last_releases(home: Home, deep: bool) -> Iterator[Finding]:
    """The latest release of each audience, and whether its files are those of its manifest."""
    from orchestration.releases import releases, verify_files

    for audience in standing.audiences_of(home):
        shelf = home.releases / audience
        found = [each for each in releases(home, [audience]) if each["is_latest"]]
        if not found:
            broken = (shelf / "latest").is_symlink()
            text = f"{audience}: `latest` points to nothing" if broken else f"{audience}: none yet"
            yield Finding(BROKEN if broken else WARNING, "release", text, f"waymark run --home {home.path}")
            continue
        latest = found[0]
        position = latest["provenance"]["ledger_position"]
        yield Finding(
            WELL,
            "release",
            f"{audience}: {latest['release_id']}, as of {latest['provenance']['as_of']}, ledger position {position}",
        )
        problems = verify_files(Path(latest["folder"])) if deep else []
        if problems:
            yield Finding(
                BROKEN,
                "release",
                f"{audience}: {len(problems)} files differ from the manifest: {_some(problems)}",
                "remove the release folder and run again",
            )
    aside = [path.name for path in home.releases.glob("*/.*.building")]
    if aside:
        yield Finding(
            WARNING,
            "release",
            f"{len(aside)} were cut off while they were written: {_some(aside)}",
            "the next run of the same figures writes them anew; they may be removed",
        )


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


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
