"""Partner contracts: what a partner sends and how it is read.

`load` reads one contract.yml with the CSV files it names and raises DocumentError with every problem, its key and its
line. The result is plain frozen data; nothing here opens a partner's file.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from submissions.errors import WaymarkError
from submissions.marked_yaml import Document, DocumentError, DocumentProblem, Place, read

REPOSITORY_CONTRACTS = Path(__file__).resolve().parent.parent / "contracts"

DIMENSIONS = (
    "measure", "area", "area_role", "counterpart_area", "counterpart_role", "reporter", "offence", "exploitation",
    "sex", "age", "detail_kind", "detail", "unit",
)  # fmt: skip
STATUSES = ("obs_status", "conf_status")
DEFAULT_MEMBERS = {column: "_T" for column in DIMENSIONS} | {"counterpart_role": "_Z", "detail_kind": "_Z"}
MAP_HEADER = ("source", "code", "valid_from", "valid_to", "note")
EXCLUSION_KEYS = frozenset(("in", "blank", "where"))
PERIOD_GROUPS = frozenset(("year", "quarter", "month"))

Where = tuple[tuple[str, tuple[str, ...]], ...]
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Format:
    type: str
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    decimal: str = "."
    header_rows: tuple[int, ...] = (1,)
    fill_labels_right: bool = False
    sheet: str | None = None
    stop_at: tuple[str, str] | None = None


@dataclass(frozen=True)
class IssueRule:
    """Where the date of issue stands: `date`, `cell`, `file_name` or `column` (one submission an issue)."""

    kind: str
    day: date | None = None
    cell: str | None = None
    pattern: str | None = None
    column: str | None = None
    date_format: str | None = None
    values: Mapping[str, date] = field(default_factory=dict)
    is_approximate: bool = False


@dataclass(frozen=True)
class FileRule:
    pattern: str
    format: Format
    issued_on: IssueRule


@dataclass(frozen=True)
class MapRow:
    source: str
    code: str
    valid_from: date | None = None
    valid_to: date | None = None
    note: str = ""


@dataclass(frozen=True)
class ColumnRule:
    """One way to fill one of our columns; the first alternative whose `where` holds is taken."""

    column: str
    constant: str | None = None
    source: str | None = None
    where: Where = ()
    otherwise: str | None = None
    map_file: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    library: str | None = None

    @property
    def is_mapped(self) -> bool:
        return bool(self.map_file or self.values or self.library)


@dataclass(frozen=True)
class PeriodRule:
    sources: tuple[str, ...] = ()
    constant: str | None = None
    form: str | None = None
    pattern: str | None = None
    is_fiscal: bool = False
    where: Where = ()

    @property
    def frequency(self) -> str:
        if self.form:
            return {"year": "A", "quarter": "Q", "month": "M"}[self.form]
        groups = re.compile(self.pattern or "").groupindex
        return "M" if "month" in groups else "Q" if "quarter" in groups else "A"


@dataclass(frozen=True)
class Mark:
    """What a text in a value cell stands for: bounds, an exact number, or a coded reason why there is none."""

    text: str
    lower: float | None = None
    upper: float | None = None
    missing_reason: str | None = None

    @property
    def is_exact(self) -> bool:
        return self.missing_reason is None and self.lower == self.upper


@dataclass(frozen=True)
class ValueRule:
    source: str
    thousands: str = ""
    decimal: str = "."
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Exclusion:
    reason: str
    column: str | None = None
    labels: tuple[str, ...] = ()
    is_blank: bool = False
    where: Where = ()
    labels_file: str | None = None


@dataclass(frozen=True)
class TotalCheck:
    column: str
    member: str
    tolerance: float = 0


@dataclass(frozen=True)
class Unpivot:
    columns: str
    name: str
    value: str


@dataclass(frozen=True)
class Dataset:
    name: str
    title: str
    kind: str
    source_type: str
    counting_unit: str
    period_basis: str
    age_basis: str | None
    population_basis: str | None
    multi_response: tuple[str, ...]
    precedence: int | None
    jurisdiction: str | None
    replaces: str
    hold_above_vanished_share: float
    duplicates: str
    files: tuple[FileRule, ...]
    unpivot: Unpivot | None
    fiscal_starts: tuple[int, int]
    fiscal_named_after: str
    exclusions: tuple[Exclusion, ...]
    total_checks: tuple[TotalCheck, ...]
    not_personal: tuple[str, ...]
    columns: Mapping[str, tuple[ColumnRule, ...]]
    periods: tuple[PeriodRule, ...]
    value: ValueRule | None
    reading_digest: str

    @property
    def frequency(self) -> str:
        """The finest frequency the period rules can give; mixed tables are told apart row by row in the lake."""
        return max((rule.frequency for rule in self.periods), key="AQM".index, default="A")

    def file_rule(self, file_name: str) -> FileRule | None:
        return next((rule for rule in self.files if fnmatchcase(file_name, rule.pattern)), None)


@dataclass(frozen=True)
class Contract:
    file: Path
    partner: str
    name: str
    sector: str
    licence: str | None
    legal_basis: str | None
    audience: str
    minimum_cell: int
    already_public: Mapping[str, Any] | None
    cadence_months: int | None
    late_after_days: int | None
    datasets: Mapping[str, Dataset]
    maps: Mapping[str, tuple[MapRow, ...]]
    snapshot_files: tuple[str, ...]
    digest: str

    def map_rows(self, rule: ColumnRule) -> Iterator[tuple[str, MapRow]]:
        """(origin, row) of the rule's map file and values, in that order."""
        for row in self.maps.get(rule.map_file or "", ()):
            yield "file", row
        for label, code in rule.values.items():
            yield "values", MapRow(label, code)


def trimmed(text: str) -> str:
    """Text without white space of any script at its ends, as labels stand in the lake."""
    return text.strip(" \t\r\n\u00a0\u2000\u2001\u2002\u2003\u2007\u2009\u202f\u3000\ufeff")


def find(roots: Iterable[Path]) -> dict[str, Contract | DocumentError]:
    """All contracts under the roots by partner id; an earlier root wins. A broken contract stands as its error."""
    found: dict[str, Contract | DocumentError] = {}
    for root in roots:
        folder = root / "partners" if (root / "partners").is_dir() else root
        for file in sorted(folder.glob("*/contract.yml")):
            partner = file.parent.name
            if partner in found:
                continue
            try:
                found[partner] = load(file)
            except DocumentError as error:
                found[partner] = error
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
    problems: list[DocumentProblem] = []
    if content["partner"] != (folder_name or file.parent.name):
        problems.append(document.problem(("partner",), f"differs from the name of its folder, '{file.parent.name}'"))
    maps = _maps(document, problems)
    datasets = {name: _dataset(document, name, maps, problems) for name in content["datasets"]}
    problems += [problem for dataset in datasets.values() for problem in _questions(document, dataset)]
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
        digest=_digest([("contract.yml", file.read_bytes()), *((name, (file.parent / name).read_bytes()) for name in names)]),
    )


def _length(text: str | None, units: Mapping[str, int]) -> int | None:
    if text is None:
        return None
    number, unit = text.split()
    return int(number) * units[unit.removesuffix("s")]


def _digest(parts: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


# --- the CSV files beside a contract --------------------------------------------------------------------------------


def _maps(document: Document, problems: list[DocumentProblem]) -> dict[str, tuple[MapRow, ...]]:
    maps: dict[str, tuple[MapRow, ...]] = {}
    for place, name, is_map in _named_files(document.content):
        if name in maps:
            continue
        file = document.file.parent / name
        if not file.is_file():
            problems.append(document.problem(place, f"the file {name} is not beside the contract"))
            maps[name] = ()
            continue
        maps[name] = tuple(_map_rows(document, place, file, is_map, problems))
    return maps


def _named_files(content: Mapping[str, Any]) -> Iterator[tuple[Place, str, bool]]:
    """(place, file name, whether it is a map of labels to codes) of every CSV file the contract names."""
    for name, dataset in content["datasets"].items():
        for column, rules in dataset["columns"].items():
            for index, rule in enumerate(rules if isinstance(rules, list) else [rules]):
                if "map" in rule:
                    inner: Place = (index, "map") if isinstance(rules, list) else ("map",)
                    yield ("datasets", name, "columns", column, *inner), rule["map"], True
    for name, dataset in content["datasets"].items():
        for index, rule in enumerate(dataset.get("exclude", ())):
            if isinstance(rule.get("in"), str):
                yield ("datasets", name, "exclude", index, "in"), rule["in"], False


def _map_rows(
    document: Document, place: Place, file: Path, is_map: bool, problems: list[DocumentProblem]
) -> Iterator[MapRow]:
    def wrong(line: int, message: str) -> None:
        problems.append(document.problem(place, message, file=file, line=line))

    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return wrong(1, f"is not UTF-8 text (byte {error.start + 1})")
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    seen: dict[str, list[MapRow]] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        needed = ("source", "code") if is_map else ("source",)
        if any(name not in header for name in needed):
            return wrong(1, f"the header needs the columns {', '.join(needed)}; found: {', '.join(header) or 'nothing'}")
        for cells in reader:
            line = reader.line_num
            if not any(cells):
                continue
            if len(cells) != len(header):
                wrong(line, f"has {len(cells)} cells, the header has {len(header)}")
                continue
            row = dict(zip(header, cells, strict=True))
            try:
                valid_from, valid_to = (date.fromisoformat(row[key]) if row.get(key) else None for key in MAP_HEADER[2:4])
            except ValueError:
                wrong(line, "valid_from and valid_to are dates as YYYY-MM-DD or empty")
                continue
            if is_map and not row["code"].strip():
                wrong(line, f"the label '{row['source']}' has no code")
                continue
            entry = MapRow(trimmed(row["source"]), row.get("code", "").strip(), valid_from, valid_to, row.get("note", ""))
            if any(_overlap(entry, other) for other in seen.get(entry.source, ())):
                wrong(line, f"the label '{entry.source}' stands twice for the same time")
                continue
            seen.setdefault(entry.source, []).append(entry)
            yield entry
    except csv.Error as error:
        wrong(reader.line_num, f"is not valid CSV: {error}")


def _overlap(one: MapRow, other: MapRow) -> bool:
    starts = max(one.valid_from or date.min, other.valid_from or date.min)
    return starts < min(one.valid_to or date.max, other.valid_to or date.max)


# --- datasets -------------------------------------------------------------------------------------------------------


def _dataset(document: Document, name: str, maps: Mapping[str, tuple[MapRow, ...]], problems: list) -> Dataset:
    content = document.content["datasets"][name]
    place: Place = ("datasets", name)
    columns = {
        column: tuple(_column_rule(column, rule) for rule in _listed(rules))
        for column, rules in content["columns"].items()
        if column not in ("period", "value")
    }
    starts = content.get("fiscal_year", {}).get("starts", "01-01").split("-")
    unpivot = content.get("unpivot")
    formats = content["format"]
    return Dataset(
        name=name,
        title=content["title"],
        kind=content.get("kind", "observations"),
        source_type=content["source_type"],
        counting_unit=content["counting_unit"],
        period_basis=content["period_basis"],
        age_basis=content.get("age_basis"),
        population_basis=content.get("population_basis"),
        multi_response=tuple(content.get("multi_response", ())),
        precedence=content.get("precedence"),
        jurisdiction=content.get("jurisdiction"),
        replaces=content["replaces"],
        hold_above_vanished_share=float(content.get("hold_above_vanished_share", 0.2)),
        duplicates=content.get("duplicates", "error"),
        files=tuple(
            _file_rule(document, (*place, "files", index), rule, content, problems)
            for index, rule in enumerate(content["files"])
        ),
        unpivot=Unpivot(unpivot["columns"], unpivot["into"]["name"], unpivot["into"]["value"]) if unpivot else None,
        fiscal_starts=(int(starts[0]), int(starts[1])),
        fiscal_named_after=content.get("fiscal_year", {}).get("named_after", "start"),
        exclusions=tuple(_exclusion(rule, maps) for rule in content.get("exclude", ())),
        total_checks=tuple(
            TotalCheck(rule["column"], trimmed(rule["member"]), float(rule.get("tolerance", 0)))
            for rule in content.get("check_totals", ())
        ),
        not_personal=tuple(rule["column"] for rule in content.get("not_personal", ())),
        columns=columns,
        periods=tuple(_period_rule(rule) for rule in _listed(content["columns"].get("period", []))),
        value=_value_rule(content["columns"]["value"], formats.get("decimal", ".")) if "value" in content["columns"] else None,
        reading_digest=_reading_digest(content, document.file.parent),
    )


def _listed(rules: Any) -> list:
    return rules if isinstance(rules, list) else [rules]


def _column_rule(column: str, rule: Mapping[str, Any]) -> ColumnRule:
    return ColumnRule(
        column=column,
        constant=rule.get("constant"),
        source=rule.get("from"),
        where=_where(rule.get("where")),
        otherwise=rule.get("else"),
        map_file=rule.get("map"),
        values={trimmed(label): code for label, code in rule.get("values", {}).items()},
        library=rule.get("library"),
    )


def _where(content: Mapping[str, Any] | None) -> Where:
    return tuple((column, tuple(trimmed(label) for label in _listed(labels))) for column, labels in (content or {}).items())


def _period_rule(rule: Mapping[str, Any]) -> PeriodRule:
    return PeriodRule(
        sources=tuple(_listed(rule.get("from", []))),
        constant=rule.get("constant"),
        form=rule.get("as"),
        pattern=rule.get("pattern"),
        is_fiscal=rule.get("fiscal", False),
        where=_where(rule.get("where")),
    )


def _value_rule(rule: Mapping[str, Any], decimal: str) -> ValueRule:
    marks = tuple(_mark(trimmed(text), meaning) for text, meaning in rule.get("marks", {}).items())
    return ValueRule(rule["from"], rule.get("thousands", ""), rule.get("decimal", decimal), marks)


def _mark(text: str, meaning: Any) -> Mark:
    if isinstance(meaning, list):
        return Mark(text, meaning[0], meaning[1])
    if isinstance(meaning, dict) and "suppressed" in meaning:
        return Mark(text, meaning["suppressed"][0], meaning["suppressed"][1], "suppressed_by_publisher")
    if isinstance(meaning, dict):
        return Mark(text, missing_reason=meaning["missing"])
    return Mark(text, meaning, meaning)


def _exclusion(rule: Mapping[str, Any], maps: Mapping[str, tuple[MapRow, ...]]) -> Exclusion:
    labels = rule.get("in", ())
    file = labels if isinstance(labels, str) else None
    return Exclusion(
        reason=rule["reason"],
        column=rule.get("column"),
        labels=tuple(row.source for row in maps.get(file, ())) if file else tuple(trimmed(label) for label in labels),
        is_blank=rule.get("blank", False),
        where=_where(rule.get("where")),
        labels_file=file,
    )


def _file_rule(document: Document, place: Place, rule: Mapping[str, Any], dataset: Mapping[str, Any], problems: list) -> FileRule:
    own = {key: value for key, value in rule.items() if key not in ("pattern", "issued_on", "note")}
    keys = dataset["format"] | own
    kind = keys["type"]
    stop = keys.get("stop_at")
    issued = rule.get("issued_on", dataset.get("issued_on"))
    if issued is None:
        problems.append(document.problem(place, "the key 'issued_on' is missing, here or at the dataset: when was it published?"))
    return FileRule(
        pattern=rule["pattern"],
        format=Format(
            type=kind,
            encoding=keys.get("encoding", "utf-8"),
            delimiter=keys.get("delimiter", "\t" if kind == "tsv" else ","),
            quote=keys.get("quote", '"'),
            decimal=keys.get("decimal", "."),
            header_rows=tuple(sorted(keys.get("header_rows", [1]))),
            fill_labels_right=keys.get("fill_labels_right", False),
            sheet=keys.get("sheet"),
            stop_at=(stop["column"], stop["starts_with"]) if stop else None,
        ),
        issued_on=_issue_rule(document, place, issued, problems),
    )


def _issue_rule(document: Document, place: Place, rule: Any, problems: list) -> IssueRule:
    def day(text: str) -> date | None:
        try:
            return date.fromisoformat(text)
        except ValueError:
            problems.append(document.problem((*place, "issued_on"), f"'{text}' is not a day of the calendar"))
            return None

    if rule is None:
        return IssueRule("date")
    if isinstance(rule, str):
        return IssueRule("date", day=day(rule))
    approximate = rule.get("approximate", False)
    if "date" in rule:
        return IssueRule("date", day=day(rule["date"]), is_approximate=approximate)
    if "cell" in rule:
        return IssueRule("cell", cell=rule["cell"], date_format=rule["date_format"], is_approximate=approximate)
    if "file_name" in rule:
        _compiled(document, (*place, "issued_on"), rule["file_name"], ("date",), problems)
        return IssueRule("file_name", pattern=rule["file_name"], date_format=rule["date_format"], is_approximate=approximate)
    if ("values" in rule) == ("date_format" in rule):
        problems.append(document.problem((*place, "issued_on"), "a column needs either 'values' (label: date) or 'date_format'"))
    values = {trimmed(label): found for label, text in rule.get("values", {}).items() if (found := day(text))}
    return IssueRule("column", column=rule["column"], date_format=rule.get("date_format"), values=values, is_approximate=approximate)


def _compiled(document: Document, place: Place, pattern: str, groups: Iterable[str], problems: list) -> re.Pattern | None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        problems.append(document.problem(place, f"'{pattern}' is not a regular expression: {error}"))
        return None
    for group in groups:
        if group not in compiled.groupindex:
            problems.append(document.problem(place, f"the pattern needs a group named {group}: (?P<{group}>…)"))
    return compiled


def _reading_digest(content: Mapping[str, Any], folder: Path) -> str:
    """A digest of what decides the rows in the lake. Maps and value lists are left out: they are applied later."""
    columns = {
        column: [
            {key: value for key, value in rule.items() if column in ("period", "value", *STATUSES) or key not in ("map", "values", "library", "note")}
            for rule in _listed(rules)
        ]
        for column, rules in content["columns"].items()
    }
    keys = ("kind", "counting_unit", "duplicates", "format", "unpivot", "fiscal_year", "exclude")
    reading = {key: content[key] for key in keys if key in content} | {"columns": columns}
    lists = [rule["in"] for rule in content.get("exclude", ()) if isinstance(rule.get("in"), str)]
    parts = [(name, (folder / name).read_bytes()) for name in sorted(set(lists)) if (folder / name).is_file()]
    return _digest([("dataset", json.dumps(reading, sort_keys=True).encode()), *parts])


# --- questions the schema cannot ask --------------------------------------------------------------------------------


def _questions(document: Document, dataset: Dataset) -> Iterator[DocumentProblem]:
    place: Place = ("datasets", dataset.name)
    problems: list[DocumentProblem] = []

    def wrong(message: str, *inner: str | int) -> None:
        problems.append(document.problem((*place, *inner), message))

    if dataset.kind != "evidence":
        for column in ("measure", "area"):
            if column not in dataset.columns:
                wrong(f"the column '{column}' is missing", "columns")
        if not dataset.periods:
            wrong("the column 'period' is missing", "columns")
        if dataset.kind == "observations" and dataset.value is None:
            wrong("the column 'value' is missing (rows that are cases need kind: cases)", "columns")
        if dataset.kind == "cases" and dataset.value is not None:
            wrong("cases are counted: they have no 'value'", "columns", "value")
    if "detail" in dataset.columns and "detail_kind" not in dataset.columns:
        wrong("a detail needs a 'detail_kind' that says what it splits by", "columns", "detail")
    for column, rules in dataset.columns.items():
        several = isinstance(document.content["datasets"][dataset.name]["columns"][column], list)
        for index, rule in enumerate(rules):
            inner = (index,) if several else ()
            if (rule.constant is None) == (rule.source is None):
                wrong("needs either 'constant' or 'from'", "columns", column, *inner)
            if rule.constant is not None and (rule.is_mapped or rule.otherwise):
                wrong("a constant is not mapped", "columns", column, *inner)
        sourced = [rule for rule in rules if rule.source is not None]
        if len({rule.is_mapped for rule in sourced}) > 1:
            wrong("either all alternatives that read a column have a map or values, or none", "columns", column)
        if sum(1 for rule in sourced if not rule.where and rule.otherwise) > 1:
            wrong("only one alternative may have 'else' without 'where'", "columns", column)
    for rule in dataset.periods:
        if (rule.constant is None) == (not rule.sources):
            wrong("needs either 'constant' or 'from'", "columns", "period")
        if (rule.form is None) == (rule.pattern is None):
            wrong("needs either 'as' (year, quarter or month) or a 'pattern'", "columns", "period")
        if rule.pattern is not None:
            compiled = _compiled(document, (*place, "columns", "period"), rule.pattern, ("year",), problems)
            unknown = set(compiled.groupindex) - PERIOD_GROUPS if compiled else set()
            if unknown:
                wrong(f"unknown groups in the pattern: {', '.join(sorted(unknown))}; known: month, quarter, year", "columns", "period")
        if rule.is_fiscal and "fiscal_year" not in document.content["datasets"][dataset.name]:
            wrong("'fiscal: true' needs 'fiscal_year: {starts: MM-DD}' at the dataset", "columns", "period")
        if rule.is_fiscal and rule.form != "year" and dataset.fiscal_starts not in ((1, 1), (4, 1), (7, 1), (10, 1)):
            if rule.pattern and "quarter" in rule.pattern or rule.form == "quarter":
                wrong("fiscal quarters need a fiscal year that starts with a quarter", "fiscal_year")
    if dataset.value is not None:
        for mark in dataset.value.marks:
            if mark.lower is not None and mark.upper is not None and not 0 <= mark.lower <= mark.upper:
                wrong(f"the bounds of '{mark.text}' are not in order", "columns", "value", "marks")
        if dataset.value.thousands and dataset.value.thousands == dataset.value.decimal:
            wrong("the thousands mark and the decimal mark are the same", "columns", "value")
    if dataset.unpivot is not None:
        _compiled(document, (*place, "unpivot", "columns"), dataset.unpivot.columns, (), problems)
    for index, rule in enumerate(document.content["datasets"][dataset.name].get("exclude", ())):
        if not EXCLUSION_KEYS & rule.keys():
            wrong("says nothing to look for: needs 'in', 'blank' or 'where'", "exclude", index)
        if ("in" in rule or "blank" in rule) and "column" not in rule:
            wrong("'in' and 'blank' need a 'column'", "exclude", index)
    for index, rule in enumerate(dataset.files):
        file_place = ("files", index)
        if rule.format.sheet is None and rule.format.type == "xlsx":
            wrong("an xlsx file needs the name of its 'sheet'", *file_place)
        if rule.issued_on.kind == "cell" and rule.format.type == "parquet":
            wrong("a parquet file has no cells outside its columns to read the date of issue from", *file_place)
        if rule.format.type == "parquet" and rule.format.header_rows != (1,):
            wrong("a parquet file has no header rows", *file_place)
    yield from problems
