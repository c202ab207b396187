"""What a person decides about a submission: confirm, withdraw, erase. Each leaves an entry and a reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from submissions.errors import WaymarkError
from submissions.store import published_cells
from submissions.store.chain import digest_of, line_of
from submissions.store.home import Home, write_whole
from submissions.store.ledger import Entry, Ledger, State, state
from submissions.store.vintages import lake_file


def confirm(home: Home, submission_id: str, reason: str) -> Entry:
    """Lets a held submission count from now on."""
    known, submission_id = _known(home, submission_id)
    standing = known.standing(submission_id)
    if standing != "held_for_confirmation":
        raise WaymarkError(f"{submission_id} is not held: it is {standing.replace('_', ' ')}")
    return _append(home, "confirmation", submission_id, reason)


def withdraw(home: Home, submission_id: str, reason: str) -> Entry:
    """Takes a submission out of every later build; earlier releases keep their figures."""
    known, submission_id = _known(home, submission_id)
    standing = known.standing(submission_id)
    if standing in ("withdrawn", "erased"):
        raise WaymarkError(f"{submission_id} is {standing} already")
    return _append(home, "withdrawal", submission_id, reason)


def erase(home: Home, submission_id: str, reason: str) -> list[Entry]:
    """Removes the bytes of a submission's file for legal reasons, with every submission and refusal made from it.

    What stays are the ids, a keyed digest and the reason. Releases built from it cannot be built again.
    """
    _reason(reason)
    ledger = Ledger.of(home)
    entries = ledger.entries()
    known = state(entries)
    if submission_id in known.refusals:
        digest = known.refusals[submission_id]["file_sha256"]
    else:
        known, submission_id = _known(home, submission_id)
        digest = known.submissions[submission_id]["file_sha256"]
    if submission_id in known.erased:
        raise WaymarkError(f"{submission_id} is erased already")
    ledger.seal()
    entries = ledger.entries()
    keyed = home.keyed(digest)
    touched = [
        entry.get("submission_id") or entry["refusal_id"]
        for entry in entries
        if entry["kind"] in ("submission", "refusal") and entry["file_sha256"] == digest
    ]
    # The erasure is on record before a byte is removed: a crash in between is finished later.
    write_whole(home.ledger / "erasing", digest.encode())
    rewritten = _digests(_without(ledger, touched, digest, keyed))
    appended = ledger.append(
        {
            "kind": "erasure",
            "submission_id": identity,
            "reason": reason,
            "keyed_digest": keyed,
            "rewritten": rewritten if place == 0 else {},
        }
        for place, identity in enumerate(dict.fromkeys(touched))
    )
    finish_erasures(home)
    return appended


def finish_erasures(home: Home) -> None:
    """Removes what erased submissions left in ledger, landing, lake, quarantine and builds. Safe to repeat."""
    pending = home.ledger / "erasing"
    ledger = Ledger.of(home)
    if pending.exists():
        digest = pending.read_text()
        keyed = home.keyed(digest)
        if any(entry["kind"] == "erasure" and entry["keyed_digest"] == keyed for entry in ledger.entries()):
            _rewrite(ledger, digest, keyed)
            (home.landing / digest).unlink(missing_ok=True)
            # builds are made again from the ledger; what was erased must not stand in one
            for build in home.builds.glob("*/"):
                shutil.rmtree(build, ignore_errors=True)
        pending.unlink()
    known = state(ledger.entries())
    for identity in known.erased:
        shutil.rmtree(home.quarantine / identity, ignore_errors=True)
        (home.logs / "data-docs" / "validations" / f"{identity}.html").unlink(missing_ok=True)
        entry = known.submissions.get(identity)
        if entry is not None:
            lake_file(home, entry["partner_id"], identity).unlink(missing_ok=True)
    published_cells.erase(home, known)


def _rewrite(ledger: Ledger, digest: str, keyed: str) -> None:
    """Takes what was erased out of the ledger's lines, each vouched for by an entry of the erasure."""
    ledger.seal()
    erasures = [entry for entry in ledger.entries() if entry["kind"] == "erasure" and entry["keyed_digest"] == keyed]
    lines = _without(ledger, [entry["submission_id"] for entry in erasures], digest, keyed)
    vouched = {position: said for entry in erasures for position, said in entry.get("rewritten", {}).items()}
    rewritten = _digests(lines)
    if not rewritten.items() <= vouched.items():
        # an erasure that version 0.1 began: its entry is from before the chain
        again = {key: erasures[0][key] for key in ("kind", "submission_id", "reason", "keyed_digest")}
        ledger.append([again | {"rewritten": rewritten}])
    if lines:
        ledger.replace(lines)


def _without(ledger: Ledger, identities: Sequence[str], digest: str, keyed: str) -> dict[int, Entry]:
    """Position -> what stays of every line that tells of erased bytes: neither their name nor any digest of them."""
    found: dict[int, Entry] = {}
    for entry in ledger.entries():
        kept = {key: value for key, value in entry.items() if key != "blind"}
        if entry.get("file_sha256") == digest:
            kept |= {"file_sha256": f"keyed:{keyed}", "file_name": "erased"}
            kept.pop("files", None)
        elif entry["kind"] == "seal" and (gone := _named(entry["files"], identities)):
            kept["files"] = {name: value for name, value in entry["files"].items() if name not in gone}
        else:
            continue
        found[entry["position"]] = kept | {"original_sha256": ledger.original_sha256(entry["position"])}
    return found


def _named(files: Iterable[str], identities: Sequence[str]) -> set[str]:
    """The files of a seal that belong to submissions or refusals: their ids stand in the paths."""
    return {name for name in files if any(identity in name for identity in identities)}


def _digests(lines: Mapping[int, Entry]) -> dict[str, str]:
    return {str(position): digest_of(line_of(entry)) for position, entry in lines.items()}


def listing(home: Home) -> list[dict[str, Any]]:
    """All submissions and refusals, oldest first, with what became of them."""
    known = state(Ledger.of(home).entries())
    rows = [entry | {"standing": known.standing(entry["submission_id"])} for entry in known.submissions.values()]
    rows += [
        entry
        | {
            "submission_id": entry["refusal_id"],
            "standing": "erased" if entry["refusal_id"] in known.erased else "refused",
        }
        for entry in known.refusals.values()
    ]
    return sorted(rows, key=lambda row: row["position"])


def _known(home: Home, submission_id: str) -> tuple[State, str]:
    known = state(Ledger.of(home).entries())
    matches = (
        [identity for identity in known.submissions if identity.startswith(submission_id)] if submission_id else []
    )
    if len(matches) != 1:
        what = "is no submission of this home" if not matches else f"fits {len(matches)} submissions"
        raise WaymarkError(f"'{submission_id}' {what}", hint="`waymark submissions` lists them.")
    return known, matches[0]


def _append(home: Home, kind: str, submission_id: str, reason: str) -> Entry:
    return Ledger.of(home).append([{"kind": kind, "submission_id": submission_id, "reason": _reason(reason)}])[0]


def _reason(reason: str) -> str:
    if not reason.strip():
        raise WaymarkError("a reason is needed", hint="Give it with --reason; it stays in the ledger.")
    return reason.strip()
