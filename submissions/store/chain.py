"""The chain of a ledger: each line carries the digest of the line before it, and so of all lines before.

`ledger/head.json` says where the ledger ends, so that a line altered or removed at the end is found as well. A ledger
of version 0.1 has no chain: its first chained line is a `seal`, which holds one digest over all lines that stood then.

An erasure rewrites lines, because a law may ask for it. A rewritten line keeps the digest of the line that it replaces
(`original_sha256`), which is what the chain goes on from, and the erasure's own entry, further down, vouches for the
rewritten line by its digest: nothing else can take a line's place. Lines that an erasure may rewrite carry a random
`blind` that goes with the rest, so that the digest which stays cannot confirm a guess of what was erased.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from submissions.errors import WaymarkError

Entry = dict[str, Any]
GENESIS = "0" * 64
CURE = "Restore ledger/ from a backup of the home (docs/runbooks/restore.md, Damage)."


class DamagedLedger(WaymarkError):
    """A ledger that is not what was written; the message names file and line."""


@dataclass
class Proved:
    """Lines that were read and proved: `raw` as it stood, an entry and a digest a line (the original's, if rewritten)."""

    raw: bytes = b""
    entries: list[Entry] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)

    @property
    def end(self) -> str:
        """What the next line carries as `previous`."""
        return self.digests[-1] if self.digests else GENESIS

    @property
    def sealed_at(self) -> int | None:
        """Position of the first chained line; 1 where the ledger is chained from its beginning, None where not at all."""
        return next((entry["position"] for entry in self.entries if "previous" in entry), None)


def line_of(entry: Entry) -> bytes:
    """One entry as it is written, without the newline."""
    return json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest_of(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def digest_of_lines(digests: Sequence[str]) -> str:
    """One digest over the lines before a seal."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def extend(known: Proved, raw: bytes, file: Path, head: dict[str, Any]) -> Proved:
    """What `raw` holds, proved. `known` was proved before; where `raw` begins with it only the lines after it are read.

    Raises DamagedLedger with the first line that is not what was written.
    """
    if known.raw and not raw.startswith(known.raw):
        known = Proved()
    whole = raw[: raw.rfind(b"\n") + 1]
    lines = whole[len(known.raw) :].split(b"\n")[:-1]
    entries, digests = list(known.entries), list(known.digests)
    found = list(_parsed(lines, len(entries) + 1, file))
    entries += found
    # only a line that says of itself that it was rewritten needs an erasure that vouches for it
    vouched = _vouched(entries) if any("original_sha256" in entry for entry in found) else {}
    for entry, line in zip(found, lines, strict=True):
        digest, position = digest_of(line), entry["position"]
        if "original_sha256" in entry and digest in vouched.get(position, ()):
            digest = entry["original_sha256"]
        digests.append(digest)
    _prove(entries, digests, len(known.entries), file, head)
    return Proved(whole, entries, digests)


def _parsed(lines: Sequence[bytes], first: int, file: Path) -> Iterator[Entry]:
    for number, line in enumerate(lines, start=first):
        try:
            entry = json.loads(line)
            position = entry["position"]
            entry["kind"]
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(file, number, "it cannot be read") from error
        if position != number:
            raise damaged(
                file, number, f"it says that it is entry {position}: lines were removed, added or put in another order"
            )
        yield entry


def _vouched(entries: Sequence[Entry]) -> dict[int, set[str]]:
    """Position -> digests of the lines that erasures put there."""
    found: dict[int, set[str]] = {}
    for entry in entries:
        for position, digest in entry.get("rewritten", {}).items() if entry["kind"] == "erasure" else ():
            if int(position) < entry["position"]:
                found.setdefault(int(position), set()).add(digest)
    return found


def _prove(entries: Sequence[Entry], digests: Sequence[str], known: int, file: Path, head: dict[str, Any]) -> None:
    """Raises DamagedLedger unless every entry after the first `known` carries the digest of what stands before it."""
    wrong = [place for place in range(known, len(entries)) if not _follows(entries, digests, place)]
    if not wrong:
        return
    # a line that does not fit what is before it: that one was altered, unless its own successor does not fit either
    place = wrong[0]
    while place + 1 in wrong:
        place += 1
    if head and head["position"] == place + 1 and head["line_sha256"] != digests[place]:
        raise damaged(file, place + 1, "neither the line before it nor head.json knows it: it was altered or replaced")
    if "previous" not in entries[place]:
        raise damaged(
            file, place + 1, "it does not carry the digest of the line before it: this version did not write it"
        )
    raise damaged(file, max(place, 1), f"it is not the line that line {place + 1} follows: it was altered or replaced")


def _follows(entries: Sequence[Entry], digests: Sequence[str], place: int) -> bool:
    entry = entries[place]
    if "previous" not in entry:
        return place == 0 or "previous" not in entries[place - 1]
    if entry["previous"] != (digests[place - 1] if place else GENESIS):
        return False
    if place == 0 or "previous" in entries[place - 1]:
        return True
    return entry["kind"] == "seal" and entry.get("lines_sha256") == digest_of_lines(digests[:place])


def head_of(proved: Proved, key: bytes | None, home_sha256: str | None) -> bytes:
    """`head.json`: where the ledger ends, the digest of home.json, and both under the home's key."""
    content = {"position": len(proved.digests), "line_sha256": proved.end, "home_sha256": home_sha256}
    return json.dumps(content | {"keyed": _keyed(content, key)}, sort_keys=True).encode()


def _keyed(content: dict[str, Any], key: bytes | None) -> str | None:
    text = json.dumps({name: value for name, value in content.items() if name != "keyed"}, sort_keys=True)
    return None if key is None else hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def read_head(raw: bytes | None, file: Path) -> dict[str, Any]:
    """The content of head.json (`raw`); empty where there is none. Raises DamagedLedger where it cannot be read."""
    if raw is None:
        return {}
    try:
        content = json.loads(raw)
        return {**content, "position": int(content["position"]), "line_sha256": str(content["line_sha256"])}
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedLedger(f"{file} cannot be read", hint=CURE) from error


def prove_head(head: dict[str, Any], file: Path, proved: Proved, ledger: Path, key: bytes | None) -> None:
    """Raises DamagedLedger unless the lines go at least as far as the head says, and the head was made with the key.

    Lines after the head's are those of a crash between the two writes, and the chain alone proves them.
    """
    if not head:
        if proved.sealed_at is None:
            return
        raise DamagedLedger(f"{file} is missing", hint=CURE)
    position, digest = head["position"], head["line_sha256"]
    if position > len(proved.digests):
        last = len(proved.digests)
        raise damaged(ledger, last + 1, f"it is missing: {position} lines were written, and {last} are there")
    if position and proved.digests[position - 1] != digest:
        raise damaged(ledger, position, f"it is not the line that {file.name} names: it was altered or replaced")
    if key is not None and head.get("keyed") != _keyed(head, key):
        raise DamagedLedger(
            f"{file.parent / 'key'} is not the key that this home was made with, or {file} was altered", hint=CURE
        )


def damaged(file: Path, line: int, what: str) -> DamagedLedger:
    return DamagedLedger(f"the ledger {file} is damaged in line {line}: {what}", hint=CURE)
