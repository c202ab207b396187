"""Is an area like its neighbours? Local Moran on the same map, rates and family as the hotspots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

# local_moran's codes of the quadrants: the area itself first, its neighbours second
QUADRANTS = {1: "high-high", 2: "low-high", 3: "low-low", 4: "high-low"}
NUMBERS = ("moran_i", "moran_p", "moran_q_bh")


def local_moran_columns(
    counts: np.ndarray,
    expected: np.ndarray,
    weights: Any,
    p: np.ndarray,
    assessed: np.ndarray,
    rules: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """`moran_i`, `moran_p`, `moran_q_bh` and `moran_quadrant` of every area and period, all (n, t).

    counts, expected  (n, t), NaN for what is in no test; Assuncao-Reis standardised rates are made from both.
    p                 (n, t) of `getis_ord` without `star` or with it (both share it): two-sided, from three conditional moments.
    assessed          (n, t) what was assessed as a hotspot: the same areas are assessed here.

    With the area's own value kept, local Moran's I is that value times the mean of the neighbours, so that its
    conditional p is that of the neighbours' sum: the same as Gi's, whose tail stays right for small counts. (Local
    Moran's usual normal tail flags 10 % of maps without effect at 0.3 persons an area, this one under 3 %.) The
    quadrant is given only where `moran_q_bh` is significant, with the areas of one map and period as the family.
    """
    from geo.hotspots import local_moran, standardised_rates
    from trends.tests import false_discovery

    rates = standardised_rates(counts, expected)[0]
    found = local_moran(rates, weights, transform=rules["moran_transform"])
    known = assessed & ~np.isnan(found.i) & ~np.isnan(p)
    tested = np.where(known, p, np.nan)
    q = np.column_stack([false_discovery(tested[:, column], method="bh") for column in range(tested.shape[1])])
    quadrant = np.full(counts.shape, None, dtype=object)
    for code, name in QUADRANTS.items():
        quadrant[(found.quadrant == code) & (q <= rules["significance"])] = name
    return {
        "moran_i": np.where(known, found.i, np.nan),
        "moran_p": tested,
        "moran_q_bh": q,
        "moran_quadrant": quadrant,
    }
