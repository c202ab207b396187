"""Who is detected where: flows from a counterpart area (citizenship, recruitment, repatriation) to an area of detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from orchestration.defs.analytics.rounding import round_frame

KEY = ["measure", "source", "dataset", "counterpart_role", "period"]
RESERVED = ("_T", "_U", "_Z", "_X")
COLUMNS = [
    "counterpart_area", "counterpart_role", "area_code", "measure", "source", "dataset", "period", "value", "share",
    "location_quotient", "expected_count", "residual", "p", "q", "family_count", "eligibility", "eligibility_reason",
]  # fmt: skip


def compute(cells: pd.DataFrame, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """One row a flow, columns `COLUMNS`, ordered by their key.

    cells   annual counts split by counterpart: the columns of `KEY`, area_code, counterpart_area, value (NaN where the
            count is protected or only an interval).

    Tested against quasi-independence (origin and destination unrelated, own nationals left out), Poisson upper tail,
    false discovery within the flows of one measure, source and period. Unknown, unmapped and total members are kept in
    the published cells and are no flow.
    """
    rules = parameters["corridors"]
    parts = []
    for key, frame in cells[~cells["counterpart_area"].isin(RESERVED)].groupby(KEY, sort=True):
        parts.append(_one_table(dict(zip(KEY, key, strict=True)), frame, rules))
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    result = round_frame(pd.concat(parts, ignore_index=True), parameters["rounding"]["significant_digits"])
    return result[COLUMNS].sort_values([*KEY, "area_code", "counterpart_area"], ignore_index=True)


def _one_table(key: dict[str, str], frame: pd.DataFrame, rules: Mapping[str, Any]) -> pd.DataFrame:
    from geo.corridors import statistics

    frame = frame.sort_values(["area_code", "counterpart_area"], ignore_index=True)
    out = frame[["counterpart_area", "area_code", "value"]].assign(**key)
    for name in ("share", "location_quotient", "expected_count", "residual", "p", "q"):
        out[name] = np.nan
    known = frame["value"].notna() & (frame["value"] > 0)
    total = frame.loc[known, "value"].sum()
    out["family_count"] = 0
    out["eligibility"] = "not_assessed"
    out["eligibility_reason"] = np.where(
        frame["value"].isna(),
        "the count is protected or known only as an interval",
        f"{total:.0f} persons with a known origin and an exact count; a test of flows needs {rules['minimum_total_count']}",
    )
    if total < rules["minimum_total_count"] or known.sum() < 2:
        return out
    flows = frame[known].rename(columns={"counterpart_area": "origin", "area_code": "destination", "value": "count"})
    found = statistics(flows[["origin", "destination", "count"]].reset_index(drop=True))
    rows = frame.index[known]
    out.loc[rows, "share"] = found["share"].to_numpy(float)
    out.loc[rows, "location_quotient"] = found["location_quotient"].to_numpy(float)
    out.loc[rows, "expected_count"] = found["expected"].to_numpy(float)
    out.loc[rows, "residual"] = found["residual"].to_numpy(float)
    out.loc[rows, "p"] = found["p"].to_numpy(float)
    out.loc[rows, "q"] = found["q"].to_numpy(float)
    out["family_count"] = int(found["p"].notna().sum())
    tested = out["p"].notna()
    out.loc[tested, "eligibility"] = "assessed"
    out.loc[tested, "eligibility_reason"] = None
    untested = known & ~tested
    out.loc[untested, "eligibility_reason"] = "no other flow to compare this one with"
    return out
