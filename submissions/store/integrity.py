"""Whether a home is as it was written: every file that the ledger speaks of, its key and its kind.

A run looks at what figures are made from and refuses to build on anything else; `waymark doctor` looks at all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from submissions.errors import WaymarkError
from submissions.store import proof
from submissions.store.chain import CURE, Entry
from submissions.store.home import Home
from submissions.store.ledger import Ledger, state
from submissions.store.proof import Damage
from submissions.store.vintages import lake_file

ZONES = ("lake", "landing", "receipts", "reference", "protection")


class DamagedInput(WaymarkError):
    """A file that figures are made from is not what was received; nothing is built from it."""


def refuse_damaged(home: Home, position: int | None = None) -> None:
    """Raises DamagedInput, or DamagedLedger, where what a build at a ledger position reads is not as it was written.

    Every file in question is read once: lake and references are small beside what is built from them.
    """
    for damage in (*_place(home), *proof.damages(home.path, _inputs(home, position))):
        raise DamagedInput(
            f"{home.path / damage.name} {damage.what}; nothing is built or released from it",
            hint=f"{damage.cure[0].upper()}{damage.cure[1:]}; `waymark doctor --home {home.path}` lists all damages.",
        )


def _inputs(home: Home, position: int | None) -> dict[str, str]:
    entries = Ledger.of(home).entries()
    known, digests = state(entries[:position]), proof.expected(entries, state(entries).erased)
    needed: dict[str, str] = {}
    for entry in entries[:position]:
        if entry["kind"] == "refusal" or (
            entry["kind"] == "submission" and known.standing(entry["submission_id"]) in ("erased", "superseded")
        ):
            continue
        needed |= {name: digests[name] for name in entry.get("files", {}) if name in digests}
    kept = {name: digest for name, digest in digests.items() if name.startswith("ledger/")}
    return {name: digest for name, digest in needed.items() if name.startswith("lake/")} | kept


def damages(home: Home, entries: Sequence[Entry]) -> dict[str, list[Damage]]:
    """All damages by zone, every file of the home read: an empty list where a zone is sound."""
    return {"home": list(_place(home))} | {
        zone: list(proof.damages(home.path, wanted)) for zone, wanted in files(home, entries).items()
    }


def files(home: Home, entries: Sequence[Entry]) -> dict[str, dict[str, str | None]]:
    """By zone: path within the home -> digest on record; None where only that it is there can be told (version 0.1)."""
    known = state(entries)
    found: dict[str, dict[str, str | None]] = {zone: {} for zone in ZONES}
    for identifier, entry in (*known.submissions.items(), *known.refusals.items()):
        if identifier in known.erased:
            continue
        if identifier in known.submissions:
            rows = lake_file(home, entry["partner_id"], identifier).relative_to(home.path).as_posix()
            found["lake"][rows] = None
        digest = entry["file_sha256"]
        found["landing"][f"landing/{digest}"] = digest
        found["receipts"][f"quarantine/{identifier}/receipt.json"] = None
    reference = "lake/reference"
    found["reference"] |= {f"{reference}/contracts/{p}/{d}/contract.yml": None for p, d in known.contracts.items()}
    found["reference"] |= {f"{reference}/areas/{name}/{d}.csv": None for name, d in known.areas.items()}
    if known.definitions:
        found["reference"] |= {f"{reference}/definitions/{known.definitions}/definitions.csv": None}
    for name, digest in proof.expected(entries, known.erased).items():
        found[_zone(name)][name] = digest
    return found


def _zone(name: str) -> str:
    if name.startswith("lake/reference/evidence/"):
        return "lake"
    return {"lake/reference": "reference", "ledger/published": "protection"}.get(
        "/".join(name.split("/")[:2]), {"lake": "lake", "quarantine": "receipts"}.get(name.split("/")[0], "reference")
    )


def _place(home: Home) -> Iterator[Damage]:
    """The home's key and home.json."""
    if not (home.ledger / "key").is_file():
        yield Damage(
            "ledger/key",
            "is missing: ids in public releases and what was erased cannot be told any more",
            proof.cure_of("ledger/key"),
        )
    digest = Ledger.of(home).home_sha256()
    if digest is not None and proof.sha256_of(home.path / "home.json") != digest:
        yield Damage(
            "home.json", "was altered: it is not what this home was made as", CURE.replace("ledger/", "home.json")
        )
