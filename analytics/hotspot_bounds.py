"""Hotspots on maps where some counts are known only as bounds: what holds whatever the hidden counts are.

Only bounds that this audience may see are used (they stand in the published observations), so nothing here narrows a
hidden count. Everything is said of counts and not of rates: bounds on a rate's test would need the population of every
completion, and areas with many residents hold more counts anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

BOUNDS = "the count is known only between two bounds"
REASONS = {
    "certain": f"{BOUNDS}; whatever it is, this area and its neighbours hold more (counts, not rates) than chance gives",
    "possible": f"{BOUNDS}; with some of the possible counts this area and its neighbours hold more (counts, not rates) "
    "than chance gives, with others not",
    "not": f"{BOUNDS}; whatever it is, this area and its neighbours hold no more (counts, not rates) than chance gives",
    "not_assessed": f"{BOUNDS}, and too little is known around it to say more",
}


def has_bounds(value: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Where a count is known only to lie between two different, finite bounds. Any shape."""
    return np.isnan(value) & np.isfinite(lower) & np.isfinite(upper) & (lower < upper)


def certainty(
    value: np.ndarray, lower: np.ndarray, upper: np.ndarray, weights: Any, rules: Mapping[str, Any]
) -> np.ndarray:
    """`certain`, `possible`, `not` or `not_assessed` (high) of every area and period, (n, t); None on maps of exact counts.

    value, lower, upper  (n, t); NaN in `value` with two finite bounds is an interval, without them missing.

    An area is high where its Gi* of counts reaches the two-sided normal quantile of significance / areas of the map
    (Bonferroni): a map is one family. Lowest and highest Gi* are taken over every completion of the intervals. Not
    assessed: maps with fewer than `minimum_areas` areas, with counts that are no whole numbers, or whose intervals are together wider
    than `maximum_interval_width` (wide bounds say little and every sum within them is tried), and neighbourhoods of which less than
    `minimum_neighbourhood_share` is known at least as bounds, or that would hold fewer than
    `minimum_expected_count` were the surely known counts spread evenly.
    """
    from scipy.special import ndtri

    from geo.hotspots import getis_ord_interval

    said = np.full(value.shape, None, dtype=object)
    is_interval = has_bounds(value, lower, upper)
    maps = np.flatnonzero(is_interval.any(axis=0))
    if not maps.size:
        return said
    low = np.where(is_interval, lower, value)[:, maps]
    high = np.where(is_interval, upper, value)[:, maps]
    present = ~np.isnan(low)
    number = present.sum(axis=0)
    whole = ((np.isnan(low) | (low == np.floor(low))) & (np.isnan(high) | (high == np.floor(high)))).all(axis=0)
    usable = whole & (number >= rules["minimum_areas"])
    usable &= np.nansum(high - low, axis=0) <= rules["maximum_interval_width"]
    said[:, maps] = np.where(present, "not_assessed", None)
    if not usable.any():
        return said
    chosen = maps[usable]
    low, high, present, number = low[:, usable], high[:, usable], present[:, usable], number[usable]
    found = getis_ord_interval(low, high, weights, transform="B")
    links = (weights != 0).astype(float)
    members = links @ present + present
    neighbours = np.asarray(links.sum(axis=1)).ravel()[:, None] + 1
    evenly = np.nansum(low, axis=0) / number * members
    assessed = present & ~np.isnan(found.z_low)
    assessed &= members >= rules["minimum_neighbourhood_share"] * neighbours
    assessed &= evenly >= rules["minimum_expected_count"]
    limit = ndtri(1 - rules["significance"] / (2 * number))
    names = np.where(found.z_low >= limit, "certain", np.where(found.z_high >= limit, "possible", "not")).astype(object)
    said[:, chosen] = np.where(assessed, names, np.where(present, "not_assessed", None))
    return said
