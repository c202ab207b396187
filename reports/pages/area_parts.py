"""The parts of an area's figures by form, sex and age, side by side over the newest periods."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from reports.charts.series import Series
from reports.wording import cells
from reports.wording.verdicts import words_of_change
from reports.wording.words import period_label

if TYPE_CHECKING:
    from reports.charts.site import Site

PERIODS_SHOWN = 5
PART_SPLITS = {"exploitation": "Form of exploitation", "sex": "Sex", "age": "Age"}
OTHER_SPLITS = ("counterpart_area", "detail", "offence")
TOTALS = ["_T", "_Z", ""]


def parts_by_area(table: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Cells that are split by exactly one of form, sex and age."""
    if table.empty:
        return {}
    is_split = [~table[name].isin(TOTALS) for name in PART_SPLITS]
    alone = np.logical_or.reduce(is_split)
    for first, second in combinations(is_split, 2):
        alone &= ~(first & second)
    others = np.logical_and.reduce([table[name].isin(TOTALS) for name in OTHER_SPLITS if name in table])
    kept = table[alone & others]
    wanted = [
        "area_code", "period", "measure", "exploitation", "sex", "age", "value", "lower", "upper", "missing_reason",
        "source", "dataset", "reporter", "frequency", "at",
    ]  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = {}
    for row in kept[[name for name in wanted if name in kept]].to_dict("records"):
        found.setdefault(str(row["area_code"]), []).append(row)
    return found


def parts(site: Site, rows: list[dict[str, Any]], series: list[Series]) -> list[dict[str, Any]]:
    words = site.published.words
    trends = {
        (
            item.key["measure"],
            *(item.key[name] for name in PART_SPLITS),
            item.key["source"],
            item.key["frequency"],
        ): item
        for item in series
        if len(item.split_by) == 1 and item.trend is not None
    }
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        split = next(name for name in PART_SPLITS if row[name] not in TOTALS)
        key = (
            row["measure"],
            list(PART_SPLITS).index(split),
            row["source"],
            row.get("dataset", ""),
            row.get("frequency", "A"),
        )
        groups.setdefault(key, []).append(row)
    made = []
    for (measure, index, source, _, frequency), members in sorted(groups.items()):
        split = list(PART_SPLITS)[index]
        periods = sorted({row["period"] for row in members})[-PERIODS_SHOWN:]
        held = {(row[split], row["period"]): row for row in members}
        lines = []
        for member in sorted(
            {row[split] for row in members}, key=lambda code: (code.startswith("_"), words.label(split, code))
        ):
            key = dict.fromkeys(PART_SPLITS, "_T") | {split: member}
            item = trends.get((measure, *key.values(), source, frequency))
            lines.append(
                {
                    "name": words.label(split, member),
                    "cells": [_cell(held.get((member, period)), words) for period in periods],
                    "trend": _part_verdict(site, item),
                }
            )
        made.append(
            {
                "title": f"{words.label('measure', measure)} by {PART_SPLITS[split].lower()} "
                f"({site.published.source_name(source)})",
                "head": PART_SPLITS[split],
                "periods": [period_label(period) for period in periods],
                "rows": lines,
            }
        )
    return made


def _part_verdict(site: Site, item: Series | None) -> str:
    row = site.verdicts.by_series.get(item.key["series_id"]) if item else None
    return "–" if row is None else words_of_change(row, site.published.words)


def _cell(row: dict[str, Any] | None, words: Any) -> str:
    if row is None:
        return "–"
    if row["value"] == row["value"]:
        return cells.number(row)
    if row["lower"] == row["lower"] and row["upper"] == row["upper"] and row["upper"] > row["lower"]:
        return cells.span(row)
    return {"suppressed": "hidden"}.get(
        row["missing_reason"], words.label("missing_reason", row["missing_reason"]) or "–"
    )
