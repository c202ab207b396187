"""The table `summary`: every count that pages tell, looked up and written as a cell, never counted here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reports.tables import Published
from reports.wording import cells
from reports.wording.words import is_missing

KEY = ("measure", "exploitation", "area_level", "area_code", "frequency", "source", "dataset", "period", "word")
# what a key leaves out: over all; of the form, that the count is not by form (`_T` are the figures without a form)
LEFT_OUT = {name: "_Z" if name == "exploitation" else "_T" for name in KEY}


@dataclass
class Summary:
    """Rows of the table by statistic and key; what a key leaves out stands for all."""

    published: Published
    _rows: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    _of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        table = self.published.table("summary")
        if table.empty:
            return
        names = ("statistic", *KEY, "value", "lower", "upper", "denominator", "at")
        for values in zip(*(table[name].tolist() for name in names), strict=True):
            row = dict(zip(names, values, strict=True))
            self._rows[values[: len(KEY) + 1]] = row
            self._of.setdefault(row["statistic"], []).append(row)

    def row(self, statistic: str, **key: str) -> dict[str, Any] | None:
        return self._rows.get((statistic, *(key.get(name, left) for name, left in LEFT_OUT.items())))

    def rows(self, statistic: str, **key: str) -> list[dict[str, Any]]:
        """All rows of a statistic that agree in the key; of what it leaves out, any."""
        return [row for row in self._of.get(statistic, []) if all(row[name] == value for name, value in key.items())]

    def value(self, statistic: str, **key: str) -> float:
        """For what depends on a count and does not show it (one or many, any or none); 0 where it is not known."""
        row = self.row(statistic, **key)
        return 0.0 if row is None or is_missing(row["value"]) else float(row["value"])

    def has(self, statistic: str, **key: str) -> bool:
        return self.value(statistic, **key) > 0

    def number(self, statistic: str, **key: str) -> str:
        """The count as text; a dash where it is not in the table."""
        row = self.row(statistic, **key)
        return "–" if row is None else cells.number(row, "value")

    def of(self, statistic: str, **key: str) -> str:
        """What the count is out of."""
        row = self.row(statistic, **key)
        return "–" if row is None else cells.number(row, "denominator")

    def share(self, statistic: str, digits: int = 0, **key: str) -> str:
        """The count over what it is out of, in per cent."""
        row = self.row(statistic, **key)
        return "–" if row is None else cells.ratio(row, "value", row, "denominator", cells.words.percent, digits)

    def counted(self, statistic: str, one: str, many: str = "", **key: str) -> str:
        """`1 area`, `12 areas`."""
        return f"{self.number(statistic, **key)} {one if self.value(statistic, **key) == 1 else many or one + 's'}"
