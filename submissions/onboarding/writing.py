"""Writes a proposed contract and its maps: every text quoted so that it stays a text, nothing overwritten.

Labels of the sample are only ever cells of a CSV, quoted scalars or comments on one line; file names are fixed.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submissions.contracts.located_yaml import Place, dotted
from submissions.errors import WaymarkError
from submissions.onboarding.model import Proposal
from submissions.store.home import sync_folder
from submissions.validation.screening import displayed

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*")
_NUMBER = re.compile(r"\d+(-\d+)*")


def write_proposal(proposal: Proposal, root: Path) -> list[Path]:
    """Writes `<root>/partners/<partner>/contract.yml` and its maps. Raises WaymarkError where one exists already."""
    folder = root / "partners" / proposal.content["partner"]
    texts = {name: map_text(rows) for name, rows in proposal.maps.items()} | {"contract.yml": contract_text(proposal)}
    existing = [folder / name for name in texts if os.path.lexists(folder / name)]
    if existing:
        raise WaymarkError(
            f"{existing[0]} exists already, and nothing is overwritten",
            hint="Mend it by hand, or move it away first.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        # the contract comes last: without it the folder is none of a partner
        with (folder / name).open("x", encoding="utf-8", newline="") as stream:
            stream.write(text)
    sync_folder(folder)
    return [folder / name for name in texts]


def map_text(rows: list[tuple[str, str, str]]) -> str:
    """The CSV of a map; a label that a spreadsheet would take for a formula stays what it is, as the reader needs it."""
    header = ("source", "code", "valid_from", "valid_to", "note")
    return "".join(
        _csv_line(row) + "\n" for row in (header, *((source, code, "", "", note) for source, code, note in rows))
    )


def _csv_line(cells: Sequence[str]) -> str:
    """One line of CSV. The writer quotes what its own line end has, so both characters of a line end are in it."""
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\r\n").writerow(cells)
    return stream.getvalue().removesuffix("\r\n")


def contract_text(proposal: Proposal) -> str:
    """The contract as YAML, with the reason beside every guess and all of them in `to_confirm`."""
    number = len(proposal.guesses)
    lines = [
        f"# Proposed from a sample. {number} guess{'es' if number != 1 else ''} to confirm: look at each line marked `# guess`, mend it,",
        "# and delete its entry under to_confirm. Nothing is loaded while an entry is left. `waymark contract check` lists them.",
        "# All keys are described in docs/reference/contract-language.md.",
    ]
    lines += [f"# {_comment(note)}" for note in (*proposal.warnings, *proposal.notes)]
    lines += _block(proposal.content, (), proposal, 0)
    if proposal.guesses:
        lines += ["", "to_confirm:"]
        for place, reason in proposal.guesses.items():
            lines.append(
                f"  - {{key: {_scalar(dotted(place), in_flow=True)}, reason: {_scalar(reason, in_flow=True)}}}"
            )
    return "\n".join(lines) + "\n"


def _block(content: dict[str, Any], place: Place, proposal: Proposal, depth: int) -> list[str]:
    lines: list[str] = []
    indent = "  " * depth
    for key, value in content.items():
        inner = (*place, key)
        comment = f"  # guess: {_comment(proposal.guesses[inner])}" if inner in proposal.guesses else ""
        if isinstance(value, dict) and _is_long(value, inner, proposal):
            lines += [f"{indent}{_scalar(key)}:{comment}", *_block(value, inner, proposal, depth + 1)]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{indent}{_scalar(key)}:{comment}")
            for index, item in enumerate(value):
                of_item = [
                    reason for found, reason in proposal.guesses.items() if found[: len(inner) + 1] == (*inner, index)
                ]
                marked = f"  # guess: {_comment('; '.join(of_item))}" if of_item else ""
                lines.append(f"{indent}  - {_flow(item)}{marked}")
        else:
            lines.append(
                f"{indent}{_scalar(key)}: {_flow(value) if isinstance(value, dict | list) else _scalar(value)}{comment}"
            )
    return lines


def _is_long(value: dict[str, Any], place: Place, proposal: Proposal) -> bool:
    """Whether a mapping is written with a key a line: where guesses stand inside, or it holds more mappings."""
    has_guesses = any(found[: len(place)] == place and len(found) > len(place) for found in proposal.guesses)
    return has_guesses or len(place) <= 2 or (place[-1] in ("columns", "format") and "constant" not in value)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key, True)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value, True)


def _scalar(value: Any, in_flow: bool = False) -> str:
    """A scalar that YAML reads back as the same text, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _PLAIN.fullmatch(text) or _NUMBER.fullmatch(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(
        character if character.isprintable() and character != "\ufeff" else _escape(character) for character in quoted
    )


def _escape(character: str) -> str:
    point = ord(character)
    return f"\\u{point:04X}" if point < 0x10000 else f"\\U{point:08X}"


def _comment(text: str) -> str:
    return displayed(text, 200)
