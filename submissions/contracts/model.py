"""What a partner contract says, as plain frozen data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

DIMENSIONS = (
    "measure", "area", "area_role", "counterpart_area", "counterpart_role", "reporter", "offence", "exploitation",
    "sex", "age", "detail_kind", "detail", "unit",
)  # fmt: skip
STATUSES = ("obs_status", "conf_status")
# dimensions with a closed list of members; the others hold places, bodies and provisions, whose names may be any words
OF_FEW_MEMBERS = frozenset(
    ("measure", "area_role", "counterpart_role", "exploitation", "sex", "age", "detail_kind", "unit")
)
DEFAULT_MEMBERS = dict.fromkeys(DIMENSIONS, "_T") | {"counterpart_role": "_Z", "detail_kind": "_Z"}

FREQUENCY_OF_FORM = {"year": "A", "semester": "S", "quarter": "Q", "month": "M"}

Where = tuple[tuple[str, tuple[str, ...]], ...]
Bounds = tuple[float, float]


@dataclass(frozen=True)
class Split:
    """One column that packs several, as the key column of bulk tables does: `A,ICCS0101,NR,AL`."""

    column: str
    delimiter: str
    into: tuple[str, ...]


@dataclass(frozen=True)
class Format:
    type: str
    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    decimal: str = "."
    header_rows: tuple[int, ...] = (1,)
    fill_labels_right: bool = False
    fill_labels_down: tuple[str, ...] = ()
    sheet: str | None = None
    sheets: str | None = None
    stop_at: tuple[str, str] | None = None
    split: Split | None = None


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
    line: int = 0


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
    forms: tuple[str, ...] = ()
    pattern: str | None = None
    is_fiscal: bool = False
    says_fiscal: bool = False
    """Whether the contract says `fiscal`, be it true or false: labels that look fiscal are never read by silence."""
    languages: tuple[str, ...] = ()
    where: Where = ()
    names: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """The publisher's own names of months, quarters and half-years, folded, to (month | quarter | semester, number)."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Whole texts to the ISO 8601 period each means."""

    @property
    def frequency(self) -> str:
        """The finest frequency the rule can give."""
        given = [FREQUENCY_OF_FORM[form] for form in self.forms]
        given += ["Q" if "-Q" in code else "M" if "-" in code else "A" for code in self.values.values()]
        if given:
            return max(given, key="ASQM".index)
        groups = re.compile(self.pattern or "").groupindex
        if "name" in groups:
            kinds = [FREQUENCY_OF_FORM[kind] for kind, _ in self.names.values()]
            return max([*kinds, *("M" for _ in self.languages)], key="ASQM".index, default="A")
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
class Multiplier:
    """How many units one of the table's figures is: `number` for all, or `values` by the label in a column.

    `otherwise` is the number of every label that is not listed; a `reason` says why it differs from what a title says.
    """

    number: Decimal | None = None
    source: str | None = None
    values: Mapping[str, Decimal] = field(default_factory=dict)
    otherwise: Decimal | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ValueRule:
    source: str
    thousands: str = ""
    decimal: str = "."
    marks: tuple[Mark, ...] = ()
    has_corrections: bool = False
    multiplier: Multiplier | None = None
    suffixes: Mapping[str, str] = field(default_factory=dict)
    """What may stand behind a number, to the OBS_STATUS it says; empty where it says nothing (a footnote)."""


@dataclass(frozen=True)
class Exclusion:
    reason: str
    column: str | None = None
    labels: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    ends_with: tuple[str, ...] = ()
    is_blank: bool = False
    where: Where = ()
    labels_file: str | None = None
    is_of_other_rows: bool = False
    """The rows where `where` does not hold: those that `only` leaves to another dataset."""


@dataclass(frozen=True)
class TotalRule:
    """Which cells are totals of others, and over which of our columns; `period` reads the span of a total over periods.

    A control total is compared and is no figure (`control_totals`); the others are figures as well (`check_totals`).
    """

    column: str
    labels: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    ends_with: tuple[str, ...] = ()
    where: Where = ()
    over: tuple[str, ...] = ()
    period: PeriodRule | None = None
    tolerance: float = 0
    is_control: bool = False


@dataclass(frozen=True)
class Ignored:
    """A column of the file, or all whose whole name fits a pattern, that is not read, and why."""

    reason: str
    column: str | None = None
    columns: str | None = None

    def names(self, header: str) -> bool:
        return header == self.column or bool(self.columns and re.fullmatch(self.columns, header))


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
    totals: tuple[TotalRule, ...]
    not_personal: tuple[str, ...]
    ignored: tuple[Ignored, ...]
    revises: str | None
    """The dataset of the same contract whose cells this sheet of corrections replaces."""
    columns: Mapping[str, tuple[ColumnRule, ...]]
    periods: tuple[PeriodRule, ...]
    value: ValueRule | None
    reading_digest: str

    @property
    def period_rules(self) -> tuple[PeriodRule, ...]:
        """The period rules, and behind them those of totals over periods."""
        return (*self.periods, *(rule.period for rule in self.totals if rule.period is not None))

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
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """Line of every key of contract.yml, by its dotted name."""
    defined_offences: frozenset[str] | None = None
    """Offence codes with a row in a definition_map, where the roots were looked through; else None."""

    @property
    def figures(self) -> list[Dataset]:
        """The datasets that bring figures; the others are evidence."""
        return [dataset for dataset in self.datasets.values() if dataset.kind != "evidence"]

    def map_rows(self, rule: ColumnRule) -> Iterator[tuple[str, MapRow]]:
        """(origin, row) of the rule's map file and values, in that order."""
        for row in self.maps.get(rule.map_file or "", ()):
            yield "file", row
        for label, code in rule.values.items():
            yield "values", MapRow(label, code)


def trimmed(text: str) -> str:
    """Text without white space of any script at its ends, as labels stand in the lake."""
    return text.strip(" \t\r\n\u00a0\u2000\u2001\u2002\u2003\u2007\u2009\u202f\u3000\ufeff")
