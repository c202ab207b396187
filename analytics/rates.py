"""Rates per 100,000 with exact limits, for every published cell that has a denominator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analytics.rounding import round_frame


def compute(cells: pd.DataFrame, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """One row a cell with a rate: cell_id, the rate and its limits, ordered by cell_id.

    cells   cell_id, value, lower, upper (of what this audience may see), population_count, frequency.

    An exact count has Poisson limits (Garwood 1936). A count known only as an interval (`<5`) has no rate, and limits
    that hold for every count inside it: the low limit of its lower bound, the high limit of its upper bound. Rates of
    quarters and months are brought to a year, so that they compare with annual ones.
    """
    from geo.rates import poisson_interval

    rules = parameters["rates"]
    with_base = cells[cells["population_count"].notna() & cells["upper"].notna()]
    per_year = with_base["frequency"].map({"A": 1.0, "Q": 4.0, "M": 12.0}).to_numpy(float)
    scale = rules["per"] * per_year / with_base["population_count"].to_numpy(float)
    value, lower, upper = (with_base[name].to_numpy(float) for name in ("value", "lower", "upper"))
    limits = {"level": rules["level"], "method": rules["interval"]}
    result = pd.DataFrame(
        {
            "cell_id": with_base["cell_id"].to_numpy(),
            "rate_per_100k": value * scale,
            "rate_lower_per_100k": np.asarray(poisson_interval(lower, **limits).low) * scale,
            "rate_upper_per_100k": np.asarray(poisson_interval(upper, **limits).high) * scale,
        }
    )
    result = round_frame(result, parameters["rounding"]["significant_digits"])
    return result.sort_values("cell_id", ignore_index=True)
