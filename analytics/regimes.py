"""Regimes of series: the stretches between changes of law, code list, counting rule or area that are no trend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analytics.series_grid import Grid, ancestors

SPLITS = ("offence", "exploitation", "sex", "age", "counterpart_area", "detail")


def regimes(
    table: Grid,
    keys: pd.DataFrame,
    per_year: int,
    breaks: pd.DataFrame,
    parents: Mapping[str, str | None],
    minimum: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Regime of each period (n, t) with NaN for a mixed period or a regime too short to compare; and the kept steps."""
    n, t = table.values.shape
    starts = table.starts
    ends = starts + pd.DateOffset(months=12 // per_year)
    by_area: dict[str, list[tuple[str, str, pd.Timestamp]]] = {}
    for row in breaks.itertuples():
        by_area.setdefault(str(row.area_code), []).append(
            (str(row.measure), str(row.dimension), pd.Timestamp(row.break_on))
        )
    split = keys[list(SPLITS)] != "_T"
    split_by = [{"_T", *(name for name in SPLITS if row[name])} for row in split.to_dict("records")]
    labels = np.zeros((n, t))
    steps: list[list[tuple[int, Any]]] = []
    for position, (area, measure) in enumerate(zip(keys["area_code"], keys["measure"], strict=True)):
        dates = sorted(
            {
                date
                for place in ancestors(parents, area)
                for about, dimension, date in by_area.get(place, ())
                if about in (measure, "_T") and dimension in split_by[position] and starts[0] < date < ends[-1]
            }
        )
        for date in dates:
            labels[position, starts >= date] += 1
            labels[position, (starts < date) & (ends > date)] = np.nan
        observed = ~np.isnan(table.values[position]) & ~np.isnan(labels[position])
        kept: list[tuple[int, Any]] = []
        if dates:
            for regime in np.unique(labels[position][observed]):
                inside = labels[position] == regime
                if (inside & observed).sum() < minimum:
                    labels[position, inside] = np.nan
            present = [regime for regime in np.unique(labels[position]) if not np.isnan(regime)]
            for regime in present[1:]:
                date = dates[int(regime) - 1]
                kept.append((int(np.argmax(labels[position] == regime)), date.date()))
        steps.append(kept)
    width = max(1, max(len(kept) for kept in steps))
    positions = np.full((n, width), np.nan)
    step_dates = np.full((n, width), None, dtype=object)
    for position, kept in enumerate(steps):
        for place, (index, date) in enumerate(kept):
            positions[position, place] = index
            step_dates[position, place] = date
    return labels, positions, step_dates
