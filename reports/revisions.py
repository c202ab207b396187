"""In which order changed figures are shown: those that moved most for certain come first."""

from __future__ import annotations

import numpy as np
import pandas as pd


def moved_most(changes: pd.DataFrame) -> pd.DataFrame:
    """The rows by how far the figure moved at least, ties in the order of the table.

    Where one of the two figures is known only between bounds, that is the least distance of any two figures within them; a
    figure that is new or gone has moved by itself.
    """
    names = ("lower", "upper", "previous_lower", "previous_upper")
    lower, upper, previous_lower, previous_upper = (changes[name].astype(float).fillna(0) for name in names)
    distance = np.maximum(np.maximum(lower - previous_upper, previous_lower - upper), 0)
    return changes.loc[distance.sort_values(ascending=False, kind="stable").index]
