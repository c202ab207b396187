"""What a balanced panel's change is made of: its areas' shares of it, how many rose or fell, and the panel without the
two that contribute most.

A sum over areas can be carried by two of them. So each panel is tested again without its two main contributors, by the
same methods and in families of its own, and a finding that does not come out again is no headline.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

LEFT_OUT = 2
COLUMNS = [
    "series_id", "top_contributor_1_area", "top_contributor_1_share", "top_contributor_2_area", "top_contributor_2_share",
    "areas_panel_count", "areas_rose_count", "areas_fell_count", "areas_no_clear_change_count",
    "areas_not_assessed_count",
]  # fmt: skip
COUNTED = {
    "rose": "areas_rose_count",
    "fell": "areas_fell_count",
    "no_clear_change": "areas_no_clear_change_count",
}


def contributions(members: pd.DataFrame) -> pd.DataFrame:
    """Each area's part of its panel's change from the first period to the last: series_id, area_code, change, share, place.

    members  long: series_id (of the panel), area_code, member_id (the area's own series), period_start, value; every
             area of a panel has every period.

    share is NaN where the panel did not change. place 1 is the area that moved the sum most in the direction of its
    change (or most at all, where it did not change); equal ones stand in the order of their codes.
    """
    # areas of a panel have the same periods, so the sorted rows hold each area's first and last figure at its ends
    ordered = members.sort_values(["series_id", "area_code", "period_start"])
    ends = (
        ordered.groupby(["series_id", "area_code", "member_id"], sort=True)["value"]
        .agg(["first", "last"])
        .reset_index()
    )
    ends["change"] = ends["last"] - ends["first"]
    whole = ends.groupby("series_id")["change"].transform("sum")
    ends["share"] = np.where(whole != 0, ends["change"] / whole.where(whole != 0, np.nan), np.nan)
    weight = np.where(whole != 0, np.sign(whole) * ends["change"], ends["change"].abs())
    ends = ends.assign(weight=weight).sort_values(
        ["series_id", "weight", "area_code"], ascending=[True, False, True], kind="stable"
    )
    ends["place"] = ends.groupby("series_id").cumcount() + 1
    return ends[["series_id", "area_code", "member_id", "change", "share", "place"]].reset_index(drop=True)


def described(parts: pd.DataFrame, words: dict[str, str]) -> pd.DataFrame:
    """One row a panel, `COLUMNS`: `parts` as `contributions` gives it, `words` the change word of each area's own series."""
    rows: list[dict[str, Any]] = []
    parts = parts.assign(word=[words.get(each) for each in parts["member_id"]])
    for series_id, mine in parts.groupby("series_id", sort=True):
        top = mine.set_index("place")
        said = Counter(mine["word"])
        row: dict[str, Any] = {"series_id": series_id, "areas_panel_count": len(mine)}
        for place in (1, 2):
            row[f"top_contributor_{place}_area"] = top["area_code"].get(place)
            row[f"top_contributor_{place}_share"] = top["share"].get(place, np.nan)
        row |= {column: int(said.get(word, 0)) for word, column in COUNTED.items()}
        row["areas_not_assessed_count"] = len(mine) - sum(row[column] for column in COUNTED.values())
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def without_top(series: pd.DataFrame, members: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """The points of each panel less its two main contributors; panels of so few areas that nothing is left have none.

    series  long rows of the panels as `trends.compute` takes them.
    """
    top = parts[parts["place"] <= LEFT_OUT]
    theirs = members.merge(top[["series_id", "area_code"]], on=["series_id", "area_code"])
    taken = theirs.groupby(["series_id", "period"])["value"].sum().rename("taken").reset_index()
    number = parts.groupby("series_id").size()
    left = series[series["series_id"].map(number).fillna(0) > LEFT_OUT]
    merged = left.merge(taken, on=["series_id", "period"], how="left")
    value = pd.to_numeric(merged["value"], errors="coerce") - merged["taken"]
    return merged.assign(value=value).drop(columns="taken")
