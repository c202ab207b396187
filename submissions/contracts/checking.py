"""Every contract in the roots, read as a run would read it: what is wrong, what is worth knowing, and what is hidden.

A problem keeps the contract from being used. A note does not: an area code that no area set lists, a contract that an
earlier root hides. Nothing is written.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from submissions.contracts import area_sets, definitions, offences
from submissions.contracts.loading import Contract, load
from submissions.contracts.located_yaml import DocumentError, DocumentProblem
from submissions.errors import WaymarkError
from submissions.validation.problems import KINDS

LISTED_CODES = 8


@dataclass(frozen=True)
class Report:
    """A contract (or an area set, or definitions) and what was found: `problems` refuse it, `notes` do not."""

    kind: str
    name: str
    file: Path
    problems: tuple[DocumentProblem, ...] = ()
    notes: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "name": self.name,
            "file": str(self.file),
            "datasets": list(self.datasets),
            "problems": [
                {"file": str(each.file), "line": each.line, "key": each.key, "message": each.message}
                for each in self.problems
            ],
            "notes": list(self.notes),
        }


def check_contracts(roots: Sequence[Path], wanted: Sequence[str] = ()) -> list[Report]:
    """Reports on all contracts, area sets and definitions of the roots, or on the wanted contracts alone.

    `wanted` are ids of partners, contract files, or folders that hold one. Raises WaymarkError for one that is none.
    """
    files = _contract_files(roots)
    if wanted:
        chosen = [_chosen(text, files) for text in wanted]
    else:
        chosen = [file for of_partner in files.values() for file in of_partner]
    reports = [] if wanted else [*_area_sets(roots), *_definitions(roots)]
    codes = None if any(report.problems for report in reports) else _area_codes(roots)
    maps = offences.declared_maps(roots)
    reports += [_report(file, codes, files.get(file.parent.name, ()), maps) for file in chosen]
    return reports


def _contract_files(roots: Iterable[Path]) -> dict[str, list[Path]]:
    """Contract files by partner, in the order of the roots: the first one is used."""
    found: dict[str, list[Path]] = {}
    for root in roots:
        folder = root / "partners" if (root / "partners").is_dir() else root
        for file in sorted(folder.glob("*/contract.yml")):
            found.setdefault(file.parent.name, []).append(file)
    return found


def _chosen(text: str, files: Mapping[str, list[Path]]) -> Path:
    if text in files:
        return files[text][0]
    path = Path(text)
    if path.is_dir():
        path = path / "contract.yml"
    if path.is_file():
        return path
    close = difflib.get_close_matches(text, files, 1)
    advice = f"Did you mean {close[0]}?" if close else "Give its folder with --contracts, or its home with --home."
    raise WaymarkError(f"there is no contract for the partner {text}, and no such file", hint=advice)


def _report(
    file: Path, codes: frozenset[str] | None, of_partner: Sequence[Path], maps: Sequence[Mapping[str, str]]
) -> Report:
    notes = [f"is not used: {of_partner[0]} comes first"] if of_partner and file != of_partner[0] else []
    try:
        contract = load(file)
    except DocumentError as error:
        return Report("contract", file.parent.name, file, tuple(error.problems), tuple(notes))
    except WaymarkError as error:
        return Report("contract", file.parent.name, file, (DocumentProblem(file, 1, "", error.message),), tuple(notes))
    notes += _unknown_areas(contract, codes) if codes else []
    notes += _undefined_offences(contract, maps)
    return Report("contract", contract.partner, file, (), tuple(notes), tuple(contract.datasets))


def _unknown_areas(contract: Contract, codes: frozenset[str]) -> Iterator[str]:
    """Area codes that no area set lists: their figures would stand under no known area."""
    for dataset in contract.figures:
        for column in ("area", "counterpart_area"):
            used: set[str] = set()
            for rule in dataset.columns.get(column, ()):
                used |= {code for code in (rule.constant, rule.otherwise) if code}
                used |= {row.code for _, row in contract.map_rows(rule)}
            unknown = sorted(code for code in used - codes if not code.startswith("_"))
            if unknown:
                shown = ", ".join(unknown[:LISTED_CODES]) + (" …" if len(unknown) > LISTED_CODES else "")
                close = difflib.get_close_matches(unknown[0], codes, 1)
                advice = f"; did you mean {close[0]}?" if close and len(unknown) == 1 else ""
                yield f"datasets.{dataset.name}.columns.{column}: in no area set: {shown}{advice}"


def _undefined_offences(contract: Contract, maps: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Offences that no definition_map knows: their figures would stand under no harmonised offence."""
    kind = KINDS["W-offence-undefined"]
    for dataset, text in offences.undefined_in_contract(contract, maps):
        key = f"datasets.{dataset.name}.columns.offence"
        line = contract.lines.get(key, 1)
        yield f"{kind.number} {kind.code}: {contract.file.name} line {line} ({key}): {text}. {kind.cure}"


def _area_codes(roots: Sequence[Path]) -> frozenset[str] | None:
    """All known codes; None where a set takes its members from boundaries, which are not at hand."""
    if any("members" not in area_set.document.content for area_set in area_sets.find(roots)):
        return None
    from submissions.vocabulary.country_names import country_codes

    return frozenset(member["area_code"] for member in area_sets.known_members(roots)) | set(country_codes().values())


def _area_sets(roots: Sequence[Path]) -> Iterator[Report]:
    for root in roots:
        for file in sorted((root / "areas").glob("*.yml")):
            problems: tuple[DocumentProblem, ...] = ()
            try:
                area_sets.known_members_of(file)
            except DocumentError as error:
                problems = tuple(error.problems)
            except WaymarkError as error:
                problems = (DocumentProblem(file, 1, "", error.message),)
            yield Report("area set", file.stem, file, problems)


def _definitions(roots: Sequence[Path]) -> Iterator[Report]:
    for table in definitions.TABLES:
        for root in roots:
            file = root / f"{table}.csv"
            if file.is_file():
                try:
                    definitions.rows(table, [root])
                except WaymarkError as error:
                    yield Report("definitions", table, file, (DocumentProblem(file, 1, "", error.message),))
                except (UnicodeDecodeError, ValueError) as error:
                    yield Report("definitions", table, file, (DocumentProblem(file, 1, "", f"is no CSV: {error}"),))
