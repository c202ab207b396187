"""Partner contracts: what a partner sends and how it is read.

`load` reads one contract.yml with the CSV files it names and raises DocumentError with every problem, its key and its
line. The result is plain frozen data (contract_model); nothing here opens a partner's file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from submissions.contracts.language import dataset_of, digest_of, maps_of
from submissions.contracts.located_yaml import Document, DocumentError, DocumentProblem, dotted, read
from submissions.contracts.model import (
    DEFAULT_MEMBERS,
    DIMENSIONS,
    STATUSES,
    ColumnRule,
    Contract,
    Dataset,
    FileRule,
    Format,
    IssueRule,
    MapRow,
    Mark,
    PeriodRule,
    ValueRule,
    Where,
    trimmed,
)
from submissions.contracts.offences import declared_maps, defined
from submissions.contracts.omissions import silences
from submissions.contracts.questions import questions
from submissions.errors import WaymarkError
from submissions.store.home import Home

__all__ = [
    "DEFAULT_MEMBERS",
    "DIMENSIONS",
    "REPOSITORY_CONTRACTS",
    "STATUSES",
    "ColumnRule",
    "Contract",
    "Dataset",
    "FileRule",
    "Format",
    "IssueRule",
    "MapRow",
    "Mark",
    "PeriodRule",
    "ValueRule",
    "Where",
    "find",
    "load",
    "load_snapshot",
    "own_roots",
    "roots",
    "trimmed",
]

REPOSITORY_CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"


def find(roots: Iterable[Path], only: str | None = None) -> dict[str, Contract | DocumentError]:
    """All contracts under the roots by partner id, or the one of `only`; an earlier root wins. A broken contract stands as
    its error."""
    found: dict[str, Contract | DocumentError] = {}
    roots = list(roots)
    maps = declared_maps(roots)
    for root in roots:
        folder = root / "partners" if (root / "partners").is_dir() else root
        for file in sorted(folder.glob("*/contract.yml")):
            partner = file.parent.name
            if partner in found or only not in (None, partner):
                continue
            try:
                contract = load(file)
                found[partner] = replace(contract, defined_offences=defined(partner, maps))
            except DocumentError as error:
                found[partner] = error
            except Exception as error:  # whatever it is, it is this contract's, and the other partners' stand
                problem = DocumentProblem(file, 1, "", f"cannot be read ({type(error).__name__})")
                found[partner] = DocumentError(file, [problem])
    return found


def roots(contracts: Iterable[Path] | Path | None, home: Path | None) -> list[Path]:
    """Where contracts are looked for, in order: the given folders, the home's, the repository's."""
    given = [contracts] if isinstance(contracts, Path | str) else list(contracts or ())
    missing = [folder for folder in given if not Path(folder).is_dir()]
    if missing:
        raise WaymarkError(f"the contracts folder {missing[0]} does not exist", hint="Give a folder to --contracts.")
    found = [Path(folder) for folder in given]
    if home is not None and (home / "contracts").is_dir():
        found.append(home / "contracts")
    return [*found, REPOSITORY_CONTRACTS]


def own_roots(roots: Iterable[Path], home: Home) -> list[Path]:
    """The roots whose areas and definitions belong into a home: an invented region never takes the real world's."""
    return [root for root in roots if home.kind == "real" or root.resolve() != REPOSITORY_CONTRACTS]


def load_snapshot(folder: Path, partner: str) -> Contract:
    """Reads a contract as the lake keeps it: in a folder named by its digest."""
    return load(folder / "contract.yml", folder_name=partner)


def load(file: Path, folder_name: str | None = None) -> Contract:
    """Reads contract.yml and the CSV files it names. Raises DocumentError with every problem found."""
    file = Path(file)
    if file.is_dir():
        file = file / "contract.yml"
    document = read(file, "contract.schema.json")
    content = document.content
    problems: list[DocumentProblem] = list(_unconfirmed(document))
    if content["partner"] != (folder_name or file.parent.name):
        problems.append(document.problem(("partner",), f"differs from the name of its folder, '{file.parent.name}'"))
    maps = maps_of(document, problems)
    datasets = {name: dataset_of(document, name, maps, problems) for name in content["datasets"]}
    problems += [problem for dataset in datasets.values() for problem in questions(document, dataset, maps)]
    if folder_name is None:
        problems += silences(document, datasets)
    if problems:
        raise DocumentError(file, problems)
    names = tuple(sorted({*maps, *(("corrections.csv",) if (file.parent / "corrections.csv").is_file() else ())}))
    cadence = content.get("cadence", {})
    return Contract(
        file=file,
        partner=content["partner"],
        name=content["name"],
        sector=content["sector"],
        licence=content.get("licence"),
        legal_basis=content.get("legal_basis"),
        audience=content["audience"],
        minimum_cell=content["minimum_cell"],
        already_public=content.get("already_public"),
        cadence_months=_length(cadence.get("every"), {"month": 1, "quarter": 3, "year": 12}),
        late_after_days=_length(cadence.get("late_after"), {"day": 1, "month": 30, "year": 365}),
        datasets=datasets,
        maps=maps,
        snapshot_files=names,
        digest=digest_of(
            [("contract.yml", file.read_bytes()), *((name, (file.parent / name).read_bytes()) for name in names)]
        ),
        lines={dotted(place): line for place, line in document.lines.items()},
    )


def _unconfirmed(document: Document) -> Iterator[DocumentProblem]:
    """A problem a guess that nobody has confirmed: nothing is read under a guess."""
    places = {dotted(place): place for place in document.lines}
    for index, entry in enumerate(document.content.get("to_confirm", ())):
        entry_line = document.line("to_confirm", index)
        place = places.get(entry["key"])
        cure = f"mend it where it is wrong, then delete line {entry_line} (to_confirm)"
        if place is None:
            yield document.problem(
                ("to_confirm", index), f"there is no key '{entry['key']}' (any more): delete the entry"
            )
        else:
            yield document.problem(place, f"a guess that is not confirmed ({entry['reason']}): {cure}")


def _length(text: str | None, units: Mapping[str, int]) -> int | None:
    if text is None:
        return None
    number, unit = text.split()
    return int(number) * units[unit.removesuffix("s")]
