"""In which order changed figures are shown: those that moved most for certain come first."""

from __future__ import annotations

import pandas as pd


def moved_most(changes: pd.DataFrame) -> pd.DataFrame:
    """The rows by the difference that is certain whatever the figures within their bounds are; ties keep their order.

    A figure that is new or gone has no difference; such rows stand by the size of the figure.
    """
    certain = changes["difference_certain"].abs()
    distance = certain.fillna(changes["lower"]).fillna(changes["previous_lower"]).fillna(0)
    return changes.loc[distance.sort_values(ascending=False, kind="stable").index]
