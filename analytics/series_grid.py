"""Series as rows of a regular grid of periods, which is the shape that `trends` and `geo` work on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

PERIODS_A_YEAR = {"A": 1, "Q": 4, "M": 12}


@dataclass(frozen=True)
class Grid:
    """`values` (n, t) with NaN for what is missing, one row a key; `starts` (t,) first days; `periods` (t,) codes."""

    keys: pd.Index
    periods: list[str]
    starts: pd.DatetimeIndex
    values: np.ndarray


def period_codes(starts: pd.DatetimeIndex, frequency: str) -> list[str]:
    """ISO 8601 codes of periods by their first day: `2023`, `2023-Q2`, `2023-04`."""
    if frequency == "A":
        return [f"{start.year}" for start in starts]
    if frequency == "Q":
        return [f"{start.year}-Q{(start.month + 2) // 3}" for start in starts]
    return [f"{start.year}-{start.month:02d}" for start in starts]


def grid(frame: pd.DataFrame, key: str, frequency: str, value: str = "value") -> Grid:
    """Spread long rows (key, period, period_start, value) over every period between the first and the last.

    Fiscal years keep their own first days: the grid is laid over the period codes, and each column's start is the one
    that its rows state. Raises ValueError when a key has two rows in one period: a series has one figure a period.
    """
    double = frame.duplicated([key, "period"])
    if double.any():
        first = frame.loc[double.idxmax()]
        raise ValueError(f"series {first[key]} has more than one figure for {first['period']}")
    starts = pd.to_datetime(frame["period_start"])
    step = 12 // PERIODS_A_YEAR[frequency]
    months = starts.dt.year * 12 + starts.dt.month - 1
    positions = (months - months.min()) // step
    n_periods = int(positions.max()) + 1
    keys = pd.Index(sorted(frame[key].unique()), name=key)
    values = np.full((len(keys), n_periods), np.nan)
    values[keys.get_indexer(frame[key]), positions] = pd.to_numeric(frame[value], errors="coerce").to_numpy(float)
    first_month = int(months.min())
    grid_starts = pd.DatetimeIndex(
        [
            pd.Timestamp(year=month // 12, month=month % 12 + 1, day=1)
            for month in first_month + step * np.arange(n_periods)
        ]
    )
    return Grid(keys, period_codes(grid_starts, frequency), grid_starts, values)


def ancestors(parents: Mapping[str, str | None], area: str) -> list[str]:
    """The area itself and everything above it, nearest first. A loop in the hierarchy ends the walk."""
    line = [area]
    while (above := parents.get(line[-1])) and above not in line:
        line.append(above)
    return line
