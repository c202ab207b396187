"""Where a series stands among its peers: the word that the funnel or Getis-Ord gives in the newest period both know."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analytics.clusters import CIRCULAR, SPACE_TIME
from analytics.regimes import SPLITS

WORDS = {
    "above": ("above_peers", "above_funnel"),
    "below": ("below_peers", "below_funnel"),
    "within": ("within_peers", "within_funnel"),
    "hot": ("above_peers", "hot_neighbourhood"),
    "cold": ("below_peers", "cold_neighbourhood"),
    "not_significant": ("within_peers", "neighbourhood_not_significant"),
}
# Classes of change that say what an area is now, each given with false discovery held over the map; a historical,
# sporadic or oscillating one says what it was at times
NOW = ("New", "Consecutive", "Intensifying", "Persistent", "Diminishing")
WHERE = ["area_code", "measure", "exploitation", "source", "dataset"]


def levels(table: pd.DataFrame, hotspots: pd.DataFrame, clusters: pd.DataFrame) -> pd.DataFrame:
    """The level of each series of `table` (index series_id): word, ratio, period, method, q, class of change and reasons.

    A hotspot row is about totals of an area, or one form of exploitation: series split by anything else have no level.
    The newest assessed period within the span counts, in the same way of counting and length of period. An area that its
    course over time makes a hot (cold) spot of today lies above (below) its peers even where its newest map alone, which
    has less to go by, is not clear: the two would contradict each other else. That an area
    lies in a cluster of the scan is a reason and changes no word: the scan asks whether rates are equal everywhere, and
    areas differ more than that anyway.
    """
    splits = [name for name in SPLITS if name != "exploitation"]
    keys = table[(table[splits] == "_T").all(axis=1)].reset_index()
    keys = keys[["series_id", "frequency", "period_last", *WHERE]]
    assessed = hotspots[hotspots["assessment"].notna()]
    assessed = assessed.assign(frequency=_frequency(assessed["period"]))
    both = keys.merge(assessed[[*WHERE, "frequency", "period", "method", "assessment", "ratio", "q_bh", "emerging_category"]],
                      on=[*WHERE, "frequency"])  # fmt: skip
    both = both[both["period"] <= both["period_last"]]
    newest = both.sort_values(["series_id", "period"]).drop_duplicates("series_id", keep="last").set_index("series_id")
    newest = newest.reindex(table.index)
    pairs = [WORDS.get(each, ("not_assessed", "level_not_assessed")) for each in newest["assessment"]]
    reasons = [{reason} for _, reason in pairs]
    _clusters(keys, clusters, dict(zip(table.index, reasons, strict=True)))
    classed = newest["emerging_category"].where(newest["emerging_category"].notna(), None)
    words = [word for word, _ in pairs]
    for place, (kind, mine) in enumerate(zip(classed, reasons, strict=True)):
        if isinstance(kind, str) and ("Hot" in kind or "Cold" in kind):
            mine.add("emerging")
            if words[place] == "within_peers" and kind.startswith(NOW):
                words[place] = "above_peers" if "Hot" in kind else "below_peers"
    return pd.DataFrame(
        {
            "level_word": words,
            "level_ratio": newest["ratio"].astype(float),
            "level_period": newest["period"].where(newest["period"].notna(), None),
            "level_method": newest["method"].where(newest["method"].notna(), None),
            "level_q_bh": newest["q_bh"].astype(float),
            "emerging_category": classed,
            "level_reasons": reasons,
        },
        index=table.index,
    )


def _clusters(keys: pd.DataFrame, clusters: pd.DataFrame, reasons: dict[str, set[str]]) -> None:
    """Adds to the reasons of each series that its area lies in a cluster of the same way of counting."""
    inside = clusters[clusters["cluster_rank"] > 0]
    inside = inside.assign(frequency=_frequency(inside["period_last"]))
    both = keys.merge(inside[[*WHERE, "frequency", "method"]], on=[*WHERE, "frequency"])
    for row in both.itertuples():
        reasons[str(row.series_id)].add({CIRCULAR: "in_cluster", SPACE_TIME: "in_new_cluster"}[str(row.method)])


def _frequency(periods: pd.Series) -> np.ndarray:
    text = periods.astype(str)
    return np.where(text.str.len() == 4, "A", np.where(text.str.contains("Q"), "Q", "M"))
