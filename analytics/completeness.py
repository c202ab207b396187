"""Periods whose reports are still coming in: such a figure is masked in every test, so that nobody late looks cold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

INCOMPLETE = "incomplete_reporting"
KEY = ["source", "measure", "frequency", "period"]


def is_incomplete(keys: pd.DataFrame, periods: Sequence[str], incomplete: pd.DataFrame) -> np.ndarray:
    """(n, t): whether reporting of each period is still coming in.

    keys        one row a series: source, measure, frequency.
    incomplete  the columns of `KEY`, one row a source, measure and period that is incomplete.
    """
    open_ = set(incomplete[KEY].itertuples(index=False, name=None))
    if not open_:
        return np.zeros((len(keys), len(periods)), dtype=bool)
    rows = keys[["source", "measure", "frequency"]].itertuples(index=False, name=None)
    return np.array([[(*row, period) in open_ for period in periods] for row in rows], dtype=bool)


def masked(cells: pd.DataFrame, incomplete: pd.DataFrame) -> pd.Series:
    """Whether each long row (the columns of `KEY`) is a figure whose reporting is still coming in."""
    open_ = pd.MultiIndex.from_frame(incomplete[KEY])
    return pd.Series(pd.MultiIndex.from_frame(cells[KEY]).isin(open_), index=cells.index)
