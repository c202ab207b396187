"""Recompute every number on the pages of a release from its `tables/` alone, and find the numbers that nothing explains.

It imports nothing of reports/: it reads the pages as a browser would and the tables as any reader would. A number on a
page names its cell (`data-cell`, or `data-cells` for a tooltip); it must be what the table holds, to half a unit of its
last digit. Every other digit sequence that a reader can see must be explained: a day or a period that the tables hold,
a name or a reason that stands in them, a fixed value of a method, the ticks of an axis. All else is `unexplained`.

    python tests/support/page_numbers.py RELEASE [PAGE … | charts]
"""

from __future__ import annotations

import csv
import datetime
import html
import html.parser
import json
import random
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

ROOT = Path(__file__).resolve().parents[2]
MONTHS = [datetime.date(2000, month, 1).strftime("%B") for month in range(1, 13)]
DECLARATIONS = ROOT / "reports" / "wording" / "derivations.yml"
CONSTANTS = Path(__file__).parent / "page_constants.yml"

INLINE = {"a", "abbr", "b", "data", "em", "i", "span", "strong", "wbr"}
VOID = {"br", "col", "hr", "img", "input", "link", "meta", "wbr"}
SPOKEN = ("title", "aria-label", "alt", "data-alt", "placeholder")
# what people read in these columns is text that the table holds, digits and all
TEXT_COLUMNS = re.compile(
    r".*(_name|_reason|_label|reasons|evidence|citation|penalties|provision|statute|quality_note|licence|legal_basis|"
    r"bounds_words|wording|sentence)$"
)


@dataclass
class Found:
    """What was looked at and what was wrong, as sentences that name the page."""

    checked: Counter[str] = field(default_factory=Counter)
    differ: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.differ and not self.unexplained


class Tables:
    """The tables of a release, a column at a time."""

    def __init__(self, folder: Path) -> None:
        self.paths = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
        self._columns: dict[tuple[str, str], list[Any]] = {}

    def column(self, table: str, column: str) -> list[Any]:
        key = (table, column)
        if key not in self._columns:
            if table not in self.paths:
                raise KeyError(f"no table {table}")
            values = pq.read_table(self.paths[table], columns=[column]).column(0)
            if pa.types.is_decimal(values.type):
                values = pc.cast(values, pa.float64())
            self._columns[key] = values.to_pylist()
        return self._columns[key]

    def cell(self, reference: str) -> Any:
        table, row, column = reference.split(".")
        return self.column(table, column)[int(row)]

    @cached_property
    def texts(self) -> dict[str, list[str]]:
        """Texts of the tables that hold digits, by each of their digit sequences, longest first."""
        found: set[str] = set()
        for path in self.paths.values():
            schema = pq.read_schema(path)
            names = [entry.name for entry in schema if TEXT_COLUMNS.match(entry.name) and _is_text(entry.type)]
            codes = [name for name in ("dataset", "exploitation", "detail") if name in schema.names]
            for column in pq.read_table(path, columns=names + codes).columns if names + codes else []:
                if pa.types.is_dictionary(column.type):
                    column = pc.cast(column, column.type.value_type)
                for text in pc.unique(column).to_pylist():
                    if text and re.search(r"\d", text) and re.search(r"[^\W\d]", text):
                        found |= {text, text.replace("_", " ")}
            if "age" in schema.names:
                ages = pq.read_table(path, columns=["age"]).column(0)
                for age in pc.unique(pc.cast(ages, pa.string())).to_pylist():
                    if between := re.fullmatch(r"(\d+)(?:-(\d+)|\+)", age or ""):
                        found.add(f"{between[1]} to {between[2]}" if between[2] else f"{between[1]} and over")
        by_digits: dict[str, list[str]] = defaultdict(list)
        for text in sorted(found, key=lambda each: (-len(each), each)):
            for digits in set(re.findall(r"\d+", text)):
                by_digits[digits].append(text)
        return by_digits

    @cached_property
    def calendar(self) -> tuple[set[str], set[str]]:
        """Days (ISO) and periods that stand in the tables."""
        days: set[str] = set()
        periods: set[str] = set()
        for path in self.paths.values():
            for entry in pq.read_schema(path):
                is_day = pa.types.is_date(entry.type) or pa.types.is_timestamp(entry.type)
                is_stretch = "period" in entry.name or entry.name in ("joinpoints", "change_points", "step_on")
                is_day_text = entry.name.endswith("_on") or entry.name in ("valid_from", "valid_to", "as_of")
                if not (is_day or is_stretch or is_day_text):
                    continue
                for value in pc.unique(
                    _undictionaried(pq.read_table(path, columns=[entry.name]).column(0))
                ).to_pylist():
                    if isinstance(value, datetime.date):
                        days.add(value.isoformat()[:10])
                    elif isinstance(value, str):
                        for part in re.findall(r"\d{4}-\d{2}-\d{2}|\d{4}-Q\d|\d{4}-\d{2}|\d{4}", value):
                            (days if len(part) == 10 else periods).add(part)
        return days, periods | {day[:4] for day in days} | {period[:4] for period in periods}


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _undictionaried(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column


# ---- one number against its cell --------------------------------------------------------------------------------


class Judge:
    """Decides of one written number whether it is what its cell says."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.declared = yaml.safe_load(DECLARATIONS.read_text(encoding="utf-8"))

    def fault(self, reference: str, written: str) -> str:
        """'' or what is wrong."""
        try:
            value = self.value(reference)
        except (KeyError, IndexError, ValueError, TypeError) as problem:
            return f"{reference} cannot be read ({type(problem).__name__}: {problem})"
        if value is None or value != value:
            return f"{written!r} stands where {reference} is empty"
        return "" if agrees(written, float(value)) else f"{written!r} stands where {reference} is {value!r}"

    def value(self, reference: str) -> Any:
        parts = re.fullmatch(r"([^-/]+)(?:([-/])(.+))?", reference)
        if not parts:
            raise ValueError("not a reference")
        first, operation, second = parts.groups()
        if not operation:
            return self.tables.cell(first)
        table, _, column = first.split(".")
        allowed = self.declared.get(table, {})
        if operation == "-" and second == "1":
            if column not in allowed.get("changes", []):
                raise ValueError(f"{column} is not declared as a ratio that tells a change")
            return float(self.tables.cell(first)) - 1
        other_table, _, other_column = second.split(".")
        kind = {"-": "differences", "/": "ratios"}[operation]
        if table != other_table or [column, other_column] not in allowed.get(kind, []):
            raise ValueError(f"not declared among the {kind}")
        a, b = float(self.tables.cell(first)), float(self.tables.cell(second))
        return a - b if operation == "-" else a / b


def agrees(written: str, value: float) -> bool:
    """Whether a written number is the value to half a unit of its last digit: `1,234`, `−0.5`, `+3.2 %`, `< 0.001`."""
    if below := re.fullmatch(r"< ([\d.]+)", written):
        return value < float(below[1])
    found = re.fullmatch(r"([+−-]?)(\d[\d,]*)(?:\.(\d+))?( %)?", written)
    if not found:
        return False
    sign, whole, decimals, is_percent = found.groups()
    if not re.fullmatch(r"\d{1,3}(,\d{3})*|\d{1,3}", whole) and len(whole) > 3:
        return False
    shown = float(whole.replace(",", "") + (f".{decimals}" if decimals else ""))
    shown = -shown if sign in ("−", "-") and sign else shown
    value = value * 100 if is_percent else value
    room = 0.5 * 10.0 ** -len(decimals or "")
    return abs(shown - value) <= room * (1 + 1e-6) + 1e-9 * abs(value)


# ---- reading a page ---------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """The numbers of a page with their cells, its other visible text in blocks, and its embedded data."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.numbers: list[tuple[str, str]] = []
        self.blocks: list[str] = []
        self.scripts: dict[str, str] = {}
        self._stack: list[tuple[str, dict[str, str]]] = []
        self._cell: tuple[str, int, list[str]] | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        for name in SPOKEN:
            if name in given:
                self.blocks.append(self._listed(given[name], given.get(f"data-{name}-cells", "")))
        if tag not in INLINE:
            self._flush()
        if tag in VOID:
            return
        self._stack.append((tag, given))
        if "data-cell" in given:
            self._cell = (given["data-cell"], len(self._stack), [])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not any(name == tag for name, _ in self._stack):
            return
        while self._stack:
            name, given = self._stack[-1]
            if self._cell and self._cell[1] == len(self._stack):
                self.numbers.append((self._cell[0], "".join(self._cell[2])))
                self._text.append("\0")
                self._cell = None
            if name not in INLINE:
                self._flush(given.get("data-cells", ""))
            self._stack.pop()
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        tag, given = self._stack[-1] if self._stack else ("", {})
        if tag in ("script", "style"):
            if tag == "script" and given.get("type", "").endswith("json"):
                self.scripts[given.get("id", given["type"])] = data
            return
        if "tick" in given.get("class", "").split():  # the scale of an axis says no figure
            return
        if self._cell:
            self._cell[2].append(data)
        else:
            self._text.append(data)

    def close(self) -> None:
        super().close()
        self._flush()

    def _flush(self, cells: str = "") -> None:
        text = "".join(self._text)
        self._text = []
        if text.strip():
            self.blocks.append(self._listed(text, cells))

    def _listed(self, text: str, cells: str) -> str:
        """The text without the numbers that are listed beside it, each found after the one before."""
        at = 0
        for entry in filter(None, cells.split("|")):
            reference, written = entry.split("=", 1)
            self.numbers.append((reference, written))
            # a whole number, not the same digits inside a year
            standing = re.compile(rf"(?<![\w,.]){re.escape(written)}(?!\d|[,.]\d)").search(text, at)
            place = standing.start() if standing else -1
            if place < 0:
                self.numbers.append((reference, f"{written} (not in {text!r})"))
                continue
            text, at = f"{text[:place]}\0{text[place + len(written) :]}", place + 1
        return text


def read_page(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


# ---- what explains a number that is no cell ---------------------------------------------------------------------


class Explanations:
    """Takes out of a text what is explained; what digits are left are not."""

    def __init__(self, tables: Tables, facts: dict[str, Any]) -> None:
        self.tables = tables
        self.fixed = [str(facts.get(name, "")) for name in ("release_id", "code_version") if facts.get(name)]
        declared = yaml.safe_load(CONSTANTS.read_text(encoding="utf-8"))
        self.phrases = [re.compile(entry["phrase"]) for entry in declared]
        self.days, self.periods = tables.calendar
        self.days = self.days | {str(facts["as_of"])}
        self.periods = self.periods | {str(facts["as_of"])[:4]}
        self._known: dict[str, list[str]] = {}

    def left(self, text: str) -> list[str]:
        if not re.search(r"\d", text):
            return []
        text = " ".join(text.split())
        if text not in self._known:
            self._known[text] = self._left(text)
        return self._known[text]

    def _left(self, text: str) -> list[str]:
        for fixed in self.fixed:
            text = text.replace(fixed, " ")
        for digits in dict.fromkeys(re.findall(r"\d+", text)):
            for name in self.tables.texts.get(digits, ()):
                name = " ".join(name.split())
                text = text.replace(name, " ").replace(name[:1].upper() + name[1:], " ")
        for phrase in self.phrases:
            text = phrase.sub(" ", text)
        months = "|".join(MONTHS)
        text = re.sub(rf"\b(\d{{1,2}}) ({months}) (\d{{4}})\b", self._day, text)
        text = re.sub(
            r"(?<![\w,.])(\d{4})-(\d{2})-(\d{2})\b", lambda found: self._in(self.days, found[0], found[0]), text
        )
        text = re.sub(rf"\b({months}) (\d{{4}})\b", self._month, text)
        text = re.sub(
            r"(?<![\w,.])(\d{4})[ -]Q([1-4])\b",
            lambda found: self._in(self.periods, f"{found[1]}-Q{found[2]}", found[0]), text,
        )  # fmt: skip
        text = re.sub(
            r"(?<![\w,.])((?:19|20)\d\d)(?![\d,]\d|\.\d| %)\b",
            lambda found: self._in(self.periods, found[1], found[0]),
            text,
        )
        return [f"{digits!r} in {text!r}" for digits in re.findall(r"\d[\d,.]*", text)]

    def _day(self, found: re.Match[str]) -> str:
        return self._in(self.days, f"{found[3]}-{MONTHS.index(found[2]) + 1:02}-{int(found[1]):02}", found[0])

    def _month(self, found: re.Match[str]) -> str:
        return self._in(self.periods, f"{found[2]}-{MONTHS.index(found[1]) + 1:02}", found[0])

    @staticmethod
    def _in(known: set[str], code: str, text: str) -> str:
        return " " if code in known else text


# ---- a whole release --------------------------------------------------------------------------------------------


def recompute(release: Path, pages: list[str] | None = None) -> Found:
    """Check the pages (by default index, changes, hotspots, coverage and ten areas drawn with a fixed seed)."""
    found = Found()
    tables = Tables(release / "tables")
    facts = json.loads((release / "manifest.json").read_text(encoding="utf-8"))["release"]
    judge, explanations = Judge(tables), Explanations(tables, facts)
    for name in pages or chosen_pages(release):
        page = read_page(release / name)
        for reference, written in page.numbers:
            found.checked[name] += 1
            if fault := judge.fault(reference, written):
                found.differ.append(f"{name}: {fault}")
        for block in page.blocks:
            found.unexplained += [f"{name}: {left}" for left in explanations.left(block)]
        if "map-data" in page.scripts:
            count, faults = map_faults(json.loads(page.scripts["map-data"]), tables)
            found.checked[f"{name} (map)"] += count
            found.differ += [f"{name}: {fault}" for fault in faults]
    return found


CHART_KEYS = (
    "series_id",
    "area_code",
    "period",
    "measure",
    "source",
    "dataset",
    "split",
    "member",
    "derivation",
    "counterpart_area",
)


def recompute_charts(release: Path) -> Found:
    """Check the texts and the data of every chart: each row of its CSV must be a row of the table that its JSON names."""
    found = Found()
    tables = Tables(release / "tables")
    facts = json.loads((release / "manifest.json").read_text(encoding="utf-8"))["release"]
    judge, explanations = Judge(tables), Explanations(tables, facts)
    for path in sorted((release / "charts").glob("*.json")):
        chart = json.loads(path.read_text(encoding="utf-8"))
        claims = [(claim["cell"], claim["figure"]) for claim in chart["cells"]]
        for cell, written in claims:
            found.checked[path.stem] += 1
            if fault := judge.fault(cell, written):
                found.differ.append(f"{path.stem}: {fault}")
        for text in _texts_of(chart):
            for _, written in claims:
                text = re.sub(rf"(?<![\w,.]){re.escape(written)}(?!\d|[,.]\d)", "\0", text)
            found.unexplained += [f"{path.stem}: {left}" for left in explanations.left(text)]
        if chart["table"]:
            count, faults = row_faults(path.with_suffix(".csv"), chart["table"], tables)
            found.checked[path.stem] += count
            found.differ += [f"{path.stem}: {fault}" for fault in faults]
    return found


def _texts_of(chart: dict[str, Any]) -> list[str]:
    """Title, caption, and what stands in the picture; scales of axes and the line of sources aside."""
    layout, texts = chart["figure"]["layout"], [chart["title"], chart["caption"]]
    for trace in chart["figure"]["data"]:
        for name in ("text", "name"):
            value = trace.get(name, [])
            rows = [value] if isinstance(value, str) else value
            texts += [cell for row in rows for cell in ([row] if isinstance(row, str) else row or [])]
    texts += [note["text"] for note in layout.get("annotations", []) if "Licence:" not in note["text"]]
    texts = [html.unescape(re.sub(r"<[^>]+>", " ", text)) for text in texts if "As of" not in text]
    # the classes of the map of rates are a scale, like the ticks of an axis
    classes = re.compile(r"(below )?[\d.,]+( to [\d.,]+| and more)?$") if chart["id"] == "rates-map" else None
    return [classes.sub("", text) for text in texts] if classes else texts


def row_faults(path: Path, table: str, tables: Tables) -> tuple[int, list[str]]:
    """Rows of a chart's CSV that are no row of the table, by their key and their numbers."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    schema = pq.read_schema(tables.paths[table])
    numeric = {entry.name for entry in schema if not _is_text(entry.type) and _is_number(entry.type)}
    names = [
        name for name in (rows[0] if rows else {}) if name in schema.names and (name in CHART_KEYS or name in numeric)
    ]
    held = set(zip(*([_plain(value) for value in tables.column(table, name)] for name in names), strict=True))
    faults = []
    for row in rows:
        key = tuple(_plain(float(row[name])) if name in numeric and row[name] else _plain(row[name]) for name in names)
        is_blank = not any(cell for name, cell in zip(names, key, strict=True) if name in numeric)
        if key not in held and not is_blank:  # an area of a map without a row says no number
            faults.append(f"{dict(zip(names, key, strict=True))} is no row of tables/{table}")
    return len(rows) * len(numeric & set(names)), faults


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_decimal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _plain(value: Any) -> str:
    """One text for equal values: missing is empty, numbers to nine digits."""
    if value is None or value != value:
        return ""
    return value if isinstance(value, str) else f"{float(value):.9g}"


def chosen_pages(release: Path, seed: int = 8) -> list[str]:
    areas = sorted(path.name for path in (release / "areas").glob("*.html"))
    drawn = random.Random(seed).sample(areas, min(10, len(areas)))
    return [
        "index.html",
        "changes.html",
        "hotspots.html",
        "coverage.html",
        *(f"areas/{name}" for name in sorted(drawn)),
    ]


LETTERS = {"h": "hot", "c": "cold", "n": "not_significant", "a": "above", "b": "below", "w": "within"}


def map_faults(payload: dict[str, Any], tables: Tables) -> tuple[int, list[str]]:
    """How many numbers of the map were looked up in tables/hotspots and tables/observations, and those that differ."""
    keys = ("area_set", "area_level", "measure", "exploitation", "period", "area_code", "method", "source", "dataset")
    columns = [tables.column("hotspots", key) for key in keys]
    rows: dict[tuple, list[int]] = defaultdict(list)
    for row, key in enumerate(zip(*columns, strict=True)):
        rows[key[:7]].append(row)
    source, dataset = columns[7], columns[8]
    count, faults = 0, []

    def same(shown: Any, value: Any, digits: int) -> bool:
        if shown is None or value is None or value != value:
            return shown is None and (value is None or value != value)
        return abs(float(shown) - float(value)) <= 0.5000001 * 10.0 ** (1 - digits) * max(abs(float(value)), 1e-300)

    def check(shown: Any, column: str, row: int | None, digits: int, where: str) -> None:
        nonlocal count
        value = None if row is None else tables.column("hotspots", column)[row]
        count += shown is not None
        if not same(shown, value, digits):
            faults.append(f"map, {where}: {shown!r} stands where hotspots.{row}.{column} is {value!r}")

    for view in payload["views"]:
        key = view["key"]
        for method, entry in view["methods"].items():
            for period, counts in zip(view["periods"], entry["counts"], strict=True):
                for letter, (shown, row) in counts.items():
                    count += 1
                    wanted = {
                        "statistic": "map_areas_by_assessment", "measure": key["measure"], "period": period,
                        "source": key["source"] or "_T", "word": f"{key['area_set']}:{method}:{LETTERS[letter]}",
                    }  # fmt: skip
                    held = {name: tables.column("summary", name)[row] for name in (*wanted, "value")}
                    if any(held[name] != value for name, value in wanted.items()) or held["value"] != shown:
                        faults.append(f"map, {view['measure']}: {shown} areas stand where summary.{row} is {held}")
        for at, period in enumerate(view["periods"]):
            for place, code in enumerate(view["codes"]):
                where = f"{view['measure']}, {code}, {period}"
                wanted = (key["area_set"], key["area_level"], key["measure"], key["exploitation"], period, code)
                mine = view["sources"][view["sourceOf"][place]] if view["sources"] else key["source"]
                held: int | None = None
                for method, entry in view["methods"].items():
                    matching = [
                        row
                        for row in rows.get((*wanted, method), [])
                        if source[row] == mine and (not key["dataset"] or dataset[row] == key["dataset"])
                    ]
                    row = next(
                        (
                            row
                            for row in matching
                            if same(entry["q"][at][place], tables.column("hotspots", "q_bh")[row], 3)
                        ),
                        None,
                    )
                    row = row if row is not None else (matching[0] if matching else None)
                    held = row if row is not None else held
                    check(entry["q"][at][place], "q_bh", row, 3, where)
                    check(entry["family"][at][place], "family_count", row, 6, where)
                    if entry["expected"]:
                        check(entry["expected"][at][place], "expected_count", row, 4, where)
                for name, column in (
                    ("rate", "rate_per_100k"),
                    ("low", "rate_lower_per_100k"),
                    ("high", "rate_upper_per_100k"),
                ):
                    check(view[name][at][place], column, held, 4, where)
                check(view["value"][at][place], "value", held, 6, where)
    return count, faults


if __name__ == "__main__":
    result = (
        recompute_charts(Path(sys.argv[1]))
        if sys.argv[2:] == ["charts"]
        else recompute(Path(sys.argv[1]), sys.argv[2:] or None)
    )
    per_page: Counter[str] = Counter()
    for line in [*result.differ, *result.unexplained]:
        page = line.split(":")[0]
        per_page[page] += 1
        if per_page[page] <= 25:
            print(line)
    print(json.dumps(result.checked, indent=1))
    print(f"{sum(result.checked.values())} numbers, {len(result.differ)} differ, {len(result.unexplained)} unexplained")
    sys.exit(0 if result.is_clean else 1)
