"""From the content of a contract.yml to its model: defaults, the CSV files beside it, the digest of how it is read."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from submissions.contracts.located_yaml import Document, DocumentProblem, Place
from submissions.contracts.model import (
    STATUSES,
    Dataset,
    FileRule,
    Format,
    IssueRule,
    MapRow,
    Split,
    Unpivot,
    trimmed,
)
from submissions.contracts.questions import compiled_pattern
from submissions.contracts.rules import (
    column_rule,
    exclusion,
    ignored,
    listed,
    only,
    period_rule,
    total_rules,
    value_rule,
)

MAP_HEADER = ("source", "code", "valid_from", "valid_to", "note")
NOT_OF_THE_FORM = ("pattern", "issued_on", "note")


def digest_of(parts: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


# --- the CSV files beside a contract --------------------------------------------------------------------------------


def maps_of(document: Document, problems: list[DocumentProblem]) -> dict[str, tuple[MapRow, ...]]:
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
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    seen: dict[str, list[MapRow]] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        needed = ("source", "code") if is_map else ("source",)
        if any(name not in header for name in needed):
            return wrong(
                1, f"the header needs the columns {', '.join(needed)}; found: {', '.join(header) or 'nothing'}"
            )
        for cells in reader:
            line = reader.line_num
            if not any(cells):
                continue
            if len(cells) != len(header):
                wrong(line, f"has {len(cells)} cells, the header has {len(header)}")
                continue
            row = dict(zip(header, cells, strict=True))
            try:
                valid_from, valid_to = (
                    date.fromisoformat(row[key]) if row.get(key) else None for key in MAP_HEADER[2:4]
                )
            except ValueError:
                wrong(line, "valid_from and valid_to are dates as YYYY-MM-DD or empty")
                continue
            if is_map and not row["code"].strip():
                wrong(
                    line,
                    f"the label '{row['source']}' has no code: write it, or delete the line "
                    "(its rows are then kept as not mapped)",
                )
                continue
            entry = MapRow(
                trimmed(row["source"]), row.get("code", "").strip(), valid_from, valid_to, row.get("note", ""), line
            )
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


def dataset_of(document: Document, name: str, maps: Mapping[str, tuple[MapRow, ...]], problems: list) -> Dataset:
    content = document.content["datasets"][name]
    place: Place = ("datasets", name)
    columns = {
        column: tuple(column_rule(column, rule) for rule in listed(rules))
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
        exclusions=(*only(content.get("only")), *(exclusion(rule, maps) for rule in content.get("exclude", ()))),
        totals=total_rules(content, columns),
        not_personal=tuple(rule["column"] for rule in content.get("not_personal", ())),
        ignored=tuple(ignored(rule) for rule in content.get("ignored", ())),
        revises=content.get("revises"),
        columns=columns,
        periods=tuple(period_rule(rule) for rule in listed(content["columns"].get("period", []))),
        value=value_rule(content["columns"]["value"], formats.get("decimal", "."))
        if "value" in content["columns"]
        else None,
        reading_digest=_reading_digest(content, document.file.parent),
    )


def _file_rule(
    document: Document, place: Place, rule: Mapping[str, Any], dataset: Mapping[str, Any], problems: list
) -> FileRule:
    own = {key: value for key, value in rule.items() if key not in NOT_OF_THE_FORM}
    keys = dataset["format"] | own
    kind = keys["type"]
    stop, split = keys.get("stop_at"), keys.get("split")
    issued = rule.get("issued_on", dataset.get("issued_on"))
    if issued is None:
        problems.append(
            document.problem(place, "the key 'issued_on' is missing, here or at the dataset: when was it published?")
        )
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
            fill_labels_down=tuple(trimmed(name) for name in keys.get("fill_labels_down", ())),
            sheet=None if "sheets" in own else keys.get("sheet"),
            sheets=None if "sheet" in own else keys.get("sheets"),
            stop_at=(stop["column"], stop["starts_with"]) if stop else None,
            split=Split(trimmed(split["column"]), split["delimiter"], tuple(split["into"])) if split else None,
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
        compiled_pattern(document, (*place, "issued_on"), rule["file_name"], ("date",), problems)
        return IssueRule(
            "file_name", pattern=rule["file_name"], date_format=rule["date_format"], is_approximate=approximate
        )
    if ("values" in rule) == ("date_format" in rule):
        problems.append(
            document.problem((*place, "issued_on"), "a column needs either 'values' (label: date) or 'date_format'")
        )
    values = {trimmed(label): found for label, text in rule.get("values", {}).items() if (found := day(text))}
    return IssueRule(
        "column", column=rule["column"], date_format=rule.get("date_format"), values=values, is_approximate=approximate
    )


def _reading_digest(content: Mapping[str, Any], folder: Path) -> str:
    """A digest of what decides the rows in the lake. Maps and value lists are left out: they are applied later."""
    columns = {
        column: [
            {
                key: value
                for key, value in rule.items()
                if column in ("period", "value", *STATUSES) or key not in ("map", "values", "library", "note")
            }
            for rule in listed(rules)
        ]
        for column, rules in content["columns"].items()
    }
    keys = (
        "kind",
        "counting_unit",
        "duplicates",
        "format",
        "unpivot",
        "fiscal_year",
        "exclude",
        "only",
        "control_totals",
    )
    reading = {key: content[key] for key in keys if key in content} | {"columns": columns}
    if reading.get("fiscal_year", {}).get("named_after") == "start":
        # once it could be left out and meant this: a file held since then is not read again
        reading["fiscal_year"] = {"starts": reading["fiscal_year"]["starts"]}
    own = [{key: value for key, value in rule.items() if key not in NOT_OF_THE_FORM} for rule in content["files"]]
    if any(own):
        reading["files"] = own
    lists = [rule["in"] for rule in content.get("exclude", ()) if isinstance(rule.get("in"), str)]
    parts = [(name, (folder / name).read_bytes()) for name in sorted(set(lists)) if (folder / name).is_file()]
    return digest_of([("dataset", json.dumps(reading, sort_keys=True).encode()), *parts])
