"""YAML in which every scalar is text and every place knows its line.

YAML's own types lose what partners write: `NO` (Norway) becomes false, `04-01` or `1_000` become something else.
So all scalars are read as text; the JSON schema then says where a number or true/false is meant, and only there is
text converted. Duplicate keys, aliases and over-large files are refused.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from submissions.errors import WaymarkError

MAXIMUM_BYTES = 2_000_000
SCHEMAS = Path(__file__).resolve().parents[2] / "contracts" / "schema"

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class DocumentProblem:
    """One thing wrong in a YAML file or in a file it names."""

    file: Path
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file.name} line {self.line}"
        return f"{where}, {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class DocumentError(WaymarkError):
    """A contract or area set that cannot be used; `.problems` lists everything wrong, in the order of the file."""

    def __init__(self, file: Path, problems: list[DocumentProblem]):
        self.file = file
        self.problems = sorted(problems, key=lambda problem: (problem.file.name, problem.line, problem.message))
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        number = len(self.problems)
        super().__init__(
            f"{file} has {number} problem{'s' if number != 1 else ''}:\n{lines}",
            hint="The language of contracts is described in docs/reference/contract-language.md.",
        )


@dataclass(frozen=True)
class Document:
    """The content of a YAML file (text, lists, dictionaries; typed by the schema) and the line of every place in it."""

    file: Path
    content: Any
    lines: dict[Place, int] = field(repr=False)

    def line(self, *place: str | int) -> int:
        """The line of a place, or of the nearest enclosing place that exists."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def problem(self, place: Place, message: str, file: Path | None = None, line: int | None = None) -> DocumentProblem:
        return DocumentProblem(file or self.file, line or self.line(*place), dotted(place), message)


def dotted(place: Place) -> str:
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def read(file: Path, schema_name: str) -> Document:
    """Reads a YAML file against a schema of contracts/schema/.

    Raises DocumentError with every problem found: YAML errors, duplicate keys, unknown or missing keys, wrong values.
    """
    document = _compose(file)
    schema = json.loads((SCHEMAS / schema_name).read_text(encoding="utf-8"))
    content = _typed(document.content, schema, schema)
    document = Document(file, content, document.lines)
    problems = list(_schema_problems(document, schema))
    if problems:
        raise DocumentError(file, problems)
    return document


def _compose(file: Path) -> Document:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise WaymarkError(f"{file} cannot be read: {error.strerror}") from error
    if len(raw) > MAXIMUM_BYTES:
        raise WaymarkError(f"{file} is larger than {MAXIMUM_BYTES:,} bytes", hint="Move long value lists to CSV maps.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DocumentError(file, [DocumentProblem(file, line, "", "is not UTF-8 text")]) from error
    lines: dict[Place, int] = {}
    problems: list[DocumentProblem] = []
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                assert event.start_mark is not None
                line = event.start_mark.line + 1
                problems.append(DocumentProblem(file, line, "", f"alias *{event.anchor} is not allowed: write it out"))
        root = yaml.compose(text, Loader=yaml.SafeLoader) if not problems else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"is not valid YAML: {error.problem or error.context}"
        raise DocumentError(file, [DocumentProblem(file, mark.line + 1 if mark else 1, "", message)]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentError(file, [DocumentProblem(file, 1, "", f"is not valid YAML: {error}")]) from error
    content = _content(root, (), lines, problems, file) if root is not None else {}
    if root is None and not problems:
        problems.append(DocumentProblem(file, 1, "", "is empty"))
    if problems:
        raise DocumentError(file, problems)
    return Document(file, content, lines)


def _content(
    node: yaml.Node, place: Place, lines: dict[Place, int], problems: list[DocumentProblem], file: Path
) -> Any:
    lines[place] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                problems.append(DocumentProblem(file, line, dotted(place), "a key must be plain text"))
                continue
            key = key_node.value
            if key in content:
                first = lines[(*place, key)]
                problems.append(
                    DocumentProblem(file, line, dotted((*place, key)), f"stands twice (first in line {first})")
                )
                continue
            content[key] = _content(value_node, (*place, key), lines, problems, file)
            lines[(*place, key)] = line
        return content
    if isinstance(node, yaml.SequenceNode):
        return [_content(item, (*place, index), lines, problems, file) for index, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    return node.value


def _resolved(schema: dict, root: dict) -> dict:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _typed(value: Any, schema: dict, root: dict) -> Any:
    """Converts text to integers, numbers and true/false exactly where the schema asks for them."""
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        return _typed(value, _branch(value, schema["anyOf"], root), root)
    kind = schema.get("type")
    if isinstance(value, dict):
        properties, other = schema.get("properties", {}), schema.get("additionalProperties", {})
        other = other if isinstance(other, dict) else {}
        return {key: _typed(item, properties.get(key, other), root) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, schema.get("items", {}), root) for item in value]
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "integer" and re.fullmatch(r"[+-]?\d{1,15}", value):
        return int(value)
    if kind == "number" and re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,15})?", value):
        return int(value) if "." not in value else float(value)
    return value


def _branch(value: Any, branches: list[dict], root: dict) -> dict:
    """The alternative that the writer most likely meant: of the same shape, sharing most keys."""
    resolved = [_resolved(branch, root) for branch in branches]
    shape = "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "scalar"

    def fitness(branch: dict) -> tuple[int, int, int]:
        kind = branch.get("type", "string")
        same = kind == shape or (shape == "scalar" and kind not in ("object", "array"))
        if not isinstance(value, dict):
            return int(same), 0, 0
        shared = len(value.keys() & branch.get("properties", {}).keys())
        required = len(value.keys() & set(branch.get("required", ())))
        return int(same), required, shared

    return max(resolved, key=fitness)


def _schema_problems(document: Document, schema: dict) -> Iterator[DocumentProblem]:
    from jsonschema import Draft202012Validator

    # one error a missing key, each of which lists them all: what is said once is enough
    problems = (
        problem
        for error in Draft202012Validator(schema).iter_errors(document.content)
        for problem in _explained(document, error, schema)
    )
    yield from dict.fromkeys(problems)


def _explained(document: Document, error: Any, root: dict) -> Iterator[DocumentProblem]:
    place: Place = tuple(error.absolute_path)
    value = error.instance
    if error.validator == "anyOf":
        branches = [_resolved(branch, root) for branch in error.schema["anyOf"]]
        meant = branches.index(_branch(value, error.schema["anyOf"], root))
        chosen = [inner for inner in error.context if inner.schema_path[0] == meant]
        for inner in chosen:
            yield from _explained(document, inner, root)
        return
    if error.validator == "additionalProperties":
        allowed = sorted(error.schema.get("properties", {}))
        for key in value:
            if key not in allowed:
                close = difflib.get_close_matches(key, allowed, 1)
                advice = f"; did you mean '{close[0]}'?" if close else "."
                if value[key] == "" and not close:
                    advice = " without a value: does a text with a comma inside { } lack its quotes?"
                yield document.problem((*place, key), f"unknown key{advice} Allowed here: {', '.join(allowed)}")
        return
    if error.validator == "required":
        for key in error.validator_value:
            if key not in value:
                close = difflib.get_close_matches(key, list(value), 1, 0.75)
                known = error.schema.get("properties", {})
                slip = f" ('{close[0]}' stands there)" if close and close[0] not in known else ""
                yield document.problem(place, f"the key '{key}' is missing{slip}{_allowed(known.get(key, {}), root)}")
        return
    if error.validator == "enum":
        allowed = [str(item) for item in error.validator_value]
        close = difflib.get_close_matches(str(value), allowed, 1)
        advice = f"; did you mean '{close[0]}'? One of: " if close else "; one of: "
        message = f"'{_short(value)}' is not allowed{advice}{', '.join(allowed)}"
    elif error.validator == "pattern":
        expected = error.schema.get("x-expected", f"text that matches {error.validator_value}")
        message = f"'{_short(value)}' is not {expected}"
    elif error.validator == "type":
        expected = {
            "object": "keys with values", "array": "a list", "integer": "a whole number", "number": "a number",
            "boolean": "true or false", "string": "text",
        }.get(error.validator_value, str(error.validator_value))  # fmt: skip
        message = f"expected {expected}, found {_shape(value)}"
    elif error.validator in ("minimum", "maximum"):
        side = "at least" if error.validator == "minimum" else "at most"
        message = f"{value} is out of range: {side} {error.validator_value}"
    elif error.validator in ("minItems", "minProperties", "minLength"):
        message = "must not be empty" if error.validator_value == 1 else f"needs {error.validator_value} entries"
    else:
        message = error.message
    yield document.problem(place, message)


def _allowed(schema: dict, root: dict) -> str:
    """What a missing key may say, where that is short."""
    schema = _resolved(schema, root)
    if "enum" in schema:
        return f"; one of: {', '.join(str(item) for item in schema['enum'])}"
    return f"; {schema['x-expected']}" if "x-expected" in schema else ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    return f"'{_short(value)}'"
