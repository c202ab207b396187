"""What a caller knows of a sample, and the proposal that is made of it, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from submissions.contracts.located_yaml import Place


@dataclass(frozen=True)
class Answers:
    """What the caller knows; None is guessed and marked."""

    name: str | None = None
    dataset: str | None = None
    title: str | None = None
    measure: str | None = None
    counting_unit: str | None = None
    period_basis: str | None = None
    area_role: str | None = None
    replaces: str | None = None
    audience: str | None = None
    minimum_cell: int | None = None
    issued_on: str | None = None
    legal_basis: str | None = None
    licence: str | None = None
    sheet: str | None = None


@dataclass
class Proposal:
    """`content` is the contract; `guesses` are reasons by place; `maps` are rows (source, code, note) by file name."""

    content: dict[str, Any]
    guesses: dict[Place, str] = field(default_factory=dict)
    maps: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def put(self, place: Place, value: Any, reason: str | None = None) -> None:
        """Sets a value; a reason makes it a guess."""
        inner: Any = self.content
        for key in place[:-1]:
            inner = inner[key] if isinstance(inner, list) else inner.setdefault(key, {})
        if isinstance(inner, list):
            inner.append(value)
        else:
            inner[place[-1]] = value
        if reason:
            self.guesses[place] = reason
