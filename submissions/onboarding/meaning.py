"""What was made of the columns of a sample: the column itself, rows that are totals, and the role of each column."""

from __future__ import annotations

from dataclasses import dataclass, field

from submissions.contracts.model import PeriodRule
from submissions.onboarding.form import NUMBER, is_figure
from submissions.onboarding.headings import PART, YEAR

LABELS = 2_000
MOST_FIGURES = 0.6


@dataclass(frozen=True)
class Column:
    """A column of the sample: its labels, most frequent first, and what its header's words point to."""

    position: int
    name: str
    labels: tuple[tuple[str, int], ...]
    blanks: int

    @property
    def texts(self) -> list[str]:
        return [label for label, _ in self.labels]

    @property
    def rows(self) -> int:
        return sum(number for _, number in self.labels)

    @property
    def is_of_figures(self) -> bool:
        figures = sum(number for label, number in self.labels if is_figure(label))
        return bool(self.rows) and figures >= MOST_FIGURES * self.rows and any(NUMBER.fullmatch(x) for x in self.texts)


@dataclass(frozen=True)
class Exclusion:
    """Rows that are totals of other rows, by the labels of a column or by how these begin."""

    column: str
    labels: tuple[str, ...]
    starts_with: tuple[str, ...]
    reason: str


@dataclass
class Meaning:
    """What was made of the columns. `roles` are our columns by name; texts of `why` say what each rests on."""

    roles: dict[str, Column] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    period: PeriodRule | None = None
    figures: list[Column] = field(default_factory=list)
    """The column of figures, or all those that `unpivot` turns into rows."""
    unpivot: str | None = None
    """A pattern of their names, with the groups `period` and `group` where the names say more than one thing."""
    group_role: str | None = None
    group_labels: tuple[str, ...] = ()
    group_source: str | None = None
    """What `unpivot` calls what else the names say; by default `group`, or all of the name."""
    totals: tuple[tuple[str, str], ...] = ()
    """(label, year or semester) of parts of a year that are totals of the others."""
    year_source: str = YEAR
    """Where the year of these parts stands: a part of the names, or a column."""
    issued: Column | None = None
    """A column of days on which the figures were put out."""
    unread: list[str] = field(default_factory=list)
    outer_areas: list[Column] = field(default_factory=list)

    @property
    def unpivot_has_period(self) -> bool:
        """Whether the names of the columns of figures say periods, or parts of them."""
        return (
            bool(self.unpivot) and self.period is not None and (not self.period.sources or PART in self.period.sources)
        )
