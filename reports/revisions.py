"""Which figures of the table of changes moved, and by how much where one of the two is given as bounds only."""

from __future__ import annotations

import numpy as np
import pandas as pd


def revised(changes: pd.DataFrame) -> pd.DataFrame:
    """Rows of kind `revised` whose figure moved, with the columns least, most and size.

    least, most  the difference: equal where both figures are exact, bounds where one of them is given as `<5` or the like
    size         the difference that is certain, without its sign: 0 where the bounds of before and now overlap
    """
    table = changes[changes["kind"] == "revised"]
    bounds = [table[name].astype(float) for name in ("lower", "upper", "previous_lower", "previous_upper")]
    lower, upper, previous_lower, previous_upper = bounds
    least, most = lower - previous_upper, upper - previous_lower
    size = np.maximum(np.maximum(least, -most), 0)
    has_moved = (lower != previous_lower) | (upper != previous_upper)
    return table.assign(least=least, most=most, size=size)[has_moved & least.notna() & most.notna()]
