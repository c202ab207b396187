"""False discovery within one question shown together: totals first, parts only under a total with a claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.regimes import SPLITS

# the columns of a series that its family and its total are known by
FAMILY = ("measure", "area_level", "source", "dataset", "derivation", "reporter", "area_role", "unit", "frequency")
# the world, its regions and its subregions are shown as one set of trends: alone, the world would be a family of one
ABOVE_COUNTRIES = ("world", "region", "subregion")
# where people were found, counted or judged is one question, whoever counts; where they were exploited, recruited or
# live are others
PLACES = ("exploitation", "recruitment", "residence")
# which areas such a sum is made of changes from period to period: it is shown and never tested
CHANGING_REPORTERS = "sum_of_reporting"
NOT_TESTED = "a sum over areas that change from period to period is not tested; the balanced panel is"
OWN_WAY = ("source", "dataset", "derivation", "reporter", "area_role")


@dataclass(frozen=True)
class Questions:
    """One entry a series, all (n,): its family, the total that it is a part of (or is), and whether it is a total."""

    family_id: np.ndarray
    total: np.ndarray
    is_total: np.ndarray


@dataclass(frozen=True)
class Answers:
    """One entry a series: adjusted p (NaN where not asked), the family's size, and who was not asked and why (None else)."""

    q: np.ndarray
    count: np.ndarray
    unasked: np.ndarray
    reason: np.ndarray


def questions(keys: pd.DataFrame) -> Questions:
    """The family of each series; `keys` has one row a series with area_code, is_leading, the columns of `FAMILY` and `SPLITS`.

    A family is one question shown together: one measure, unit and frequency, one level of areas (those above countries
    are one), one way of splitting. The series that speak for their areas (the selected ones and balanced panels) stand in
    one set whoever reports them; each alternative source is a set of its own.
    """
    splits = keys[list(SPLITS)].to_numpy(object) != "_T"
    kinds = ["+".join(name for name, split in zip(SPLITS, row, strict=True) if split) or "total" for row in splits]
    level = np.where(keys["area_level"].isin(ABOVE_COUNTRIES), "above countries", keys["area_level"].to_numpy(object))
    place = np.where(keys["area_role"].isin(PLACES), keys["area_role"].to_numpy(object), "counted")
    is_shown = keys["is_leading"].to_numpy(bool) | (keys["derivation"] == "balanced_panel").to_numpy(bool)
    own_way = ["|".join(map(str, row)) for row in keys[list(OWN_WAY)].itertuples(index=False)]
    shown = np.where(is_shown, "shown", np.array(own_way, dtype=object))
    families = [
        "|".join(map(str, row))
        for row in zip(keys["measure"], level, keys["unit"], keys["frequency"], place, shown, strict=True)
    ]
    # the total of the same area, source and way of counting; whether a total is published or added up is no other way
    derived = keys["derivation"].where(keys["derivation"] != "sum_of_parts", "published")
    ways = keys.assign(derivation=derived)[["area_code", *FAMILY]]
    totals = ["|".join(map(str, row)) for row in ways.itertuples(index=False)]
    return Questions(
        family_id=np.array([f"{family}|{kind}" for family, kind in zip(families, kinds, strict=True)], dtype=object),
        total=np.array(totals, dtype=object),
        is_total=np.array([kind == "total" for kind in kinds], dtype=bool),
    )


def answered(asked: Questions, p: np.ndarray, significance: float, what: str) -> Answers:
    """Benjamini-Hochberg by family over `p` (n,), NaN for what was not assessed.

    what  ends the reason of a part that is not asked: `the total of this area shows no clear change`.
    """
    p = np.asarray(p, dtype=float).copy()
    q, count = np.full(len(p), np.nan), np.zeros(len(p), dtype=int)
    adjust(p, q, count, asked.family_id, asked.is_total)
    significant = set(asked.total[asked.is_total & (q <= significance)])
    known = set(asked.total[asked.is_total & ~np.isnan(p)])
    unasked = ~asked.is_total & ~np.isnan(p) & np.array([total not in significant for total in asked.total], dtype=bool)
    reason = np.full(len(p), None, dtype=object)
    for position in np.flatnonzero(unasked):
        reason[position] = (
            f"the total of this area {what}, so its parts are not tested"
            if asked.total[position] in known
            else "the total of this area could not be tested, so its parts are not"
        )
    p[unasked] = np.nan
    adjust(p, q, count, asked.family_id, ~asked.is_total)
    return Answers(q, count, unasked, reason)


def adjust(p: np.ndarray, q: np.ndarray, count: np.ndarray, family_id: np.ndarray, chosen: np.ndarray) -> None:
    """Fill q and the family's size for the chosen series, family by family."""
    from trends.tests import false_discovery

    def fill(rows: np.ndarray) -> None:
        q[rows] = false_discovery(p[rows], method="bh")
        count[rows] = int((~np.isnan(p[rows])).sum())

    each_family(family_id, np.flatnonzero(chosen), fill)


def each_family(family_id: np.ndarray, chosen: np.ndarray, do: Callable[[np.ndarray], None]) -> None:
    """Call `do` with the positions of each family's members among `chosen` (positions), family by family in order."""
    order = chosen[np.argsort(family_id[chosen].astype(str), kind="stable")]
    names = family_id[order]
    for rows in np.split(order, np.flatnonzero(names[1:] != names[:-1]) + 1):
        if len(rows):
            do(rows)
