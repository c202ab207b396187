"""The published tables as dbt's YAML declares them: columns, types, key, what may be added, who gets and who reads them.

Read from the project's files, without dbt: contract, frames of the analytics, diff, data package, dictionary and the gate
of public columns all take it from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from orchestration.runs.code_identity import ROOT
from submissions.store.publications import AUDIENCES
from submissions.vocabulary import fields

MODELS = ROOT / "dbt_project" / "models"
PUBLISHED = MODELS / "published" / "_published__models.yml"
SOURCES = MODELS / "staging" / "_staging__sources.yml"
# from the most to the least open
# what fields.yml lets into a public release: figures of people have gone through disclosure control
PUBLIC_PRIVACY = frozenset(["open", "protected"])


@dataclass(frozen=True)
class Table:
    """One published table.

    name      as the release has it: `trends` is the model `pub_trends`
    key       columns that tell its rows apart
    values    columns whose figures may be added, `over` these dimensions of an observation; both empty: nothing is added
    audience  the most open audience that gets it
    pages, charts  what reads it, the downloads aside
    columns   name -> dbt's type, in the published order
    frame     the columns that Python fills, none where SQL alone makes the table
    """

    name: str
    title: str
    description: str
    grain: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    over: tuple[str, ...]
    audience: str
    pages: tuple[str, ...]
    charts: tuple[str, ...]
    columns: Mapping[str, str]
    frame: tuple[str, ...]

    def is_for(self, audience: str) -> bool:
        return AUDIENCES.index(audience) <= AUDIENCES.index(self.audience)


@cache
def tables(path: Path = PUBLISHED) -> dict[str, Table]:
    """Name -> declaration, in the order in which a release lists its tables. A key that is missing is a KeyError."""
    return {
        model["name"].removeprefix("pub_"): _table(model)
        for model in _yaml(path)["models"]
        if model["name"].startswith("pub_")
    }


def _table(model: Mapping[str, Any]) -> Table:
    meta = model["config"]["meta"]
    columns = {column["name"]: column["data_type"] for column in model["columns"]}
    added = {"values": (), "over": ()} if meta["additivity"] == "none" else meta["additivity"]
    beside = meta["frame"]["beside"] if "frame" in meta else columns
    return Table(
        name=model["name"].removeprefix("pub_"),
        title=meta["title"],
        description=model["description"],
        grain=meta["grain"],
        key=tuple(meta["key"]),
        values=tuple(added["values"]),
        over=tuple(added["over"]),
        audience=meta["audience"],
        pages=tuple(meta["readers"].get("pages", ())),
        charts=tuple(meta["readers"].get("charts", ())),
        columns=columns,
        frame=tuple(name for name in columns if name not in beside),
    )


@cache
def between() -> dict[str, dict[str, str]]:
    """The tables that Python fills between the dbt selections, `schema.table` -> column -> type.

    A frame that becomes a published table has the columns declared there, any other those of its dbt source.
    """
    found: dict[str, dict[str, str]] = {}
    for source in _yaml(SOURCES)["sources"]:
        if source["name"] == "lake":
            continue
        for table in source["tables"]:
            declared = tables().get(table["name"])
            if declared is not None and declared.frame:
                columns = {name: declared.columns[name] for name in declared.frame}
            else:
                columns = {column["name"]: column["data_type"] for column in table["columns"]}
            found[f"{source['name']}.{table['name']}"] = columns
    return found


def described() -> list[dict[str, Any]]:
    """What a release says of its tables, in order: for the data package, the downloads and a diff of releases."""
    return [
        {
            "name": table.name,
            "title": table.title,
            "description": table.description,
            "grain": table.grain,
            "key": list(table.key),
            "additive_values": list(table.values),
            "additive_over": list(table.over),
        }
        for table in tables().values()
    ]


def not_publishable(audience: str, found: Mapping[str, Iterable[str]]) -> list[str]:
    """Why tables of a build may not go out to an audience, one line each; none where all may.

    found  table -> columns as the build has them. A table or column that is not declared goes nowhere; a public release
           takes no column whose privacy class in contracts/fields.yml is restricted or unknown.
    """
    problems = []
    for name, columns in found.items():
        declared = tables().get(name)
        if declared is None or not declared.is_for(audience):
            problems.append(f"the table {name} is not declared for the {audience} audience")
            continue
        for column in columns:
            if column not in declared.columns:
                problems.append(f"{name}.{column} is not declared")
            elif audience == "public":
                privacy = fields.registry().get(column, {}).get("privacy", "unknown")
                if privacy not in PUBLIC_PRIVACY:
                    problems.append(f"{name}.{column} has the privacy class {privacy}")
    return problems


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
