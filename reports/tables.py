"""Published tables: what is read from the published directory, as frames and facts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reports.wording.cells import MARKS
from reports.wording.words import Words


@dataclass(frozen=True)
class Published:
    """The published directory: release facts, map layers and tables (read when first asked for)."""

    path: Path
    release: dict[str, Any]
    layers: dict[str, dict[str, Any]]
    table_paths: dict[str, Path]
    _frames: dict[str, pd.DataFrame] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.table_paths

    @cached_property
    def declared(self) -> dict[str, dict[str, Any]]:
        """What the release says of each of its tables: title, description, grain, key, what may be added."""
        return {entry["name"]: entry for entry in self.release.get("tables", [])}

    def table(self, name: str) -> pd.DataFrame:
        """The table as a frame: text columns as text ('' where missing), numbers as floats, dates as ISO text; and `at`,
        the name of the table with the number of the row.

        An absent table comes back empty and without columns.
        """
        if name not in self._frames:
            path = self.table_paths.get(name)
            frame = pd.DataFrame() if path is None else _plain(pq.read_table(path))
            if path is not None:
                # which cell a number on a page is from (reports.wording.cells): the table and the row as in its file
                # objects, like all its texts: one block of memory is faster to take rows of than two kinds
                frame["at"] = pd.Series([f"{name}.{row}" for row in range(len(frame))], dtype=object)
            self._frames[name] = frame
        return self._frames[name]

    @cached_property
    def words(self) -> Words:
        return Words(self.release.get("labels"))

    @property
    def as_of(self) -> str:
        return str(self.release["as_of"])

    @property
    def is_invented(self) -> bool:
        return bool(self.release.get("is_invented"))

    @cached_property
    def source_names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for name in ("coverage", "datasets"):
            table = self.table(name)
            if {"source", "source_name"} <= set(table.columns):
                names.update(zip(table["source"], table["source_name"], strict=True))
        for entry in self.release.get("sources", []):
            if isinstance(entry, dict) and entry.get("source"):
                names.setdefault(entry["source"], entry.get("source_name") or entry.get("name") or entry["source"])
        return names

    def source_name(self, source: str) -> str:
        return self.source_names.get(source) or source

    @cached_property
    def dataset_names(self) -> dict[tuple[str, str], str]:
        table = self.table("datasets")
        if not {"source", "dataset", "dataset_name"} <= set(table.columns):
            return {}
        return {
            (source, dataset): name
            for source, dataset, name in zip(table["source"], table["dataset"], table["dataset_name"], strict=True)
        }

    def dataset_name(self, source: str, dataset: str) -> str:
        return self.dataset_names.get((source, dataset)) or dataset.replace("_", " ")

    @cached_property
    def licences(self) -> dict[str, str]:
        licences: dict[str, str] = {}
        table = self.table("datasets")
        if {"source", "licence"} <= set(table.columns):
            licences.update(zip(table["source"], table["licence"], strict=True))
        for entry in self.release.get("sources", []):
            if isinstance(entry, dict) and entry.get("licence"):
                licences.setdefault(entry.get("source", ""), entry["licence"])
        return licences

    @cached_property
    def area_names(self) -> dict[str, str]:
        table = self.table("areas")
        if {"area_code", "area_name"} <= set(table.columns):
            return dict(zip(table["area_code"], table["area_name"], strict=True))
        return {}


def grouped(rows: Iterable[dict[str, Any]], keys: tuple[str, ...]) -> dict[tuple, list[dict[str, Any]]]:
    """Rows that belong together, by their key, both in the order in which they come. Nothing is counted or added."""
    found: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in keys), []).append(row)
    return found


def parts_of(table: pd.DataFrame, keys: list[str]) -> list[tuple[tuple, pd.DataFrame]]:
    """(key, rows) of a table cut by the values of columns, in the order of the keys; rows keep their order and index."""
    if table.empty:
        return []
    places: dict[tuple, list[int]] = {}
    for place, key in enumerate(zip(*(table[name].tolist() for name in keys), strict=True)):
        places.setdefault(key, []).append(place)
    return [(key, table.iloc[places[key]]) for key in sorted(places)]


def read(path: Path) -> Published:
    """Open a published directory (see the module docstring of reports.release for what it holds)."""
    release_path = path / "release.json"
    if not release_path.is_file():
        raise FileNotFoundError(f"{release_path} is missing: this is not a published directory")
    release = json.loads(_unmarked(release_path.read_text(encoding="utf-8")))
    for key in ("release_id", "audience", "as_of"):
        if key not in release:
            raise ValueError(f"{release_path}: key {key!r} is missing")
    layers = {}
    for layer_path in sorted((path / "layers").glob("*.json")):
        content = json.loads(_unmarked(layer_path.read_text(encoding="utf-8")))
        layers[content.get("layer", layer_path.stem)] = content
    found = {table.stem: table for table in sorted((path / "tables").glob("*.parquet"))}
    declared = [entry["name"] for entry in release.get("tables", [])]
    order = [name for name in declared if name in found]
    order += [name for name in found if name not in declared]
    return Published(path, release, layers, {name: found[name] for name in order})


def _plain(table: pa.Table) -> pd.DataFrame:
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if pa.types.is_dictionary(kind):
            column, kind = pc.cast(column, kind.value_type), kind.value_type
        if pa.types.is_boolean(kind):
            columns[name] = pc.fill_null(column, False).to_numpy()
        elif pa.types.is_decimal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
            columns[name] = pc.cast(column, pa.float64()).to_numpy()
        elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
            columns[name] = pc.fill_null(pc.strftime(column, format="%Y-%m-%d"), "").to_pandas().astype(object)
        elif pa.types.is_null(kind):
            columns[name] = pd.Series([""] * len(table), dtype=object)
        else:
            text = pc.fill_null(pc.cast(column, pa.string()), "")
            if pc.any(pc.match_substring(pc.cast(text, pa.binary()), b"\xee\x80"), min_count=0).as_py():
                text = pc.replace_substring_regex(text, MARKS.pattern, "\ufffd")
            columns[name] = text.to_pandas().astype(object)
    return pd.DataFrame(columns)


def _unmarked(text: str) -> str:
    """A text from outside without the characters that mark numbers as cells, also where JSON has them escaped."""
    return MARKS.sub("\ufffd", re.sub(r"\\u[eE]00[0-2]", "\ufffd", text))
