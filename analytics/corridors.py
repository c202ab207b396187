"""Who is detected where: flows from a counterpart area (citizenship, recruitment, repatriation) to an area of detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analytics.parameters import stated
from analytics.rounding import round_frame

METHOD = "quasi-independence by iterative proportional fitting, Poisson upper tail"
METHOD_VERSION = "2"  # 2: concentration of both ends
KEY = ["measure", "source", "dataset", "counterpart_role", "period"]
ENDS = ("origins", "destinations")
RESERVED = ("_T", "_U", "_Z", "_X")


def compute(cells: pd.DataFrame, parameters: Mapping[str, Any]) -> pd.DataFrame:
    """One row a flow, the columns of analytics.corridors, ordered by their key.

    cells   annual counts split by counterpart: the columns of `KEY`, area_code, counterpart_area, value (NaN where the
            count is protected or only an interval), lower, upper; the totals `_T` of the same areas among them.

    Tested against quasi-independence (origin and destination unrelated, own nationals left out), Poisson upper tail,
    false discovery within the flows of one measure, source and period. Unknown, unmapped and total members are kept in
    the published cells and are no flow.

    `origins_…` says from how many other areas an area's figures come, `destinations_…` to how many an origin's go; both
    repeat on each row of that end.
    """
    rules = parameters["corridors"]
    parts = []
    cells = cells.assign(room=_room(cells))
    for key, frame in cells[~cells["counterpart_area"].isin(RESERVED)].groupby(KEY, sort=True):
        parts.append(_one_table(dict(zip(KEY, key, strict=True)), frame, rules))
    if not parts:
        return pd.DataFrame()
    result = pd.concat(parts, ignore_index=True).assign(
        method=METHOD,
        parameters=stated(rules, "minimum_total_count", "minimum_end_count", "maximum_hidden_share", "significance"),
        method_version=METHOD_VERSION,
    )
    result = round_frame(result, parameters["rounding"]["significant_digits"])
    return result.sort_values([*KEY, "area_code", "counterpart_area"], ignore_index=True)


def _one_table(key: dict[str, str], frame: pd.DataFrame, rules: Mapping[str, Any]) -> pd.DataFrame:
    from geo.corridors import statistics

    frame = frame.sort_values(["area_code", "counterpart_area"], ignore_index=True)
    out = frame[["counterpart_area", "area_code", "value"]].assign(**key, **_ends(frame, rules))
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


def _room(cells: pd.DataFrame) -> np.ndarray:
    """The most that a flow without an exact figure can hold, as far as shown figures say: its bound, or what the area's
    total leaves over after all that is shown of it; infinite where neither is known. (rows,)"""
    place = ["measure", "source", "dataset", "period", "area_code"]
    is_total = cells["counterpart_area"] == "_T"
    totals = cells[is_total].groupby(place)["value"].max()
    shown = cells[~is_total].groupby(place)["value"].sum()
    left = (totals - shown.reindex(totals.index).fillna(0)).clip(lower=0)
    over = left.reindex(pd.MultiIndex.from_frame(cells[place])).to_numpy(float)
    bound = np.where(np.isfinite(cells["upper"].to_numpy(float)), cells["upper"].to_numpy(float), np.inf)
    return np.where(cells["value"].isna(), np.fmin(bound, np.where(np.isnan(over), np.inf, over)), 0.0)


def _ends(frame: pd.DataFrame, rules: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Concentration of each flow's destination over its origins, and of its origin over its destinations.

    Own nationals are left out: they came from nowhere else. An end is assessed with `minimum_end_count` persons in shown
    flows, and where what its other flows can hold is at most `maximum_hidden_share` of them.
    """
    from geo.corridors import concentration

    row, origins = pd.factorize(frame["counterpart_area"], sort=True)
    column, destinations = pd.factorize(frame["area_code"], sort=True)
    value, room = frame["value"].to_numpy(float), frame["room"].to_numpy(float)
    flows, hidden = np.zeros((len(origins), len(destinations))), np.zeros((len(origins), len(destinations)))
    flows[row, column], hidden[row, column] = value, room
    own = np.asarray(origins)[:, None] == np.asarray(destinations)[None, :]
    flows[own], hidden[own] = np.nan, 0.0
    out: dict[str, np.ndarray] = {}
    for end, table, unknown, at in (("origins", flows.T, hidden.T, column), ("destinations", flows, hidden, row)):
        seen = np.nansum(table, axis=1)
        found = concentration(table)
        reason = np.full(len(seen), None, dtype=object)
        reason[unknown.sum(axis=1) > rules["maximum_hidden_share"] * seen] = (
            f"flows without an exact figure may hold more than {100 * rules['maximum_hidden_share']:.0f} % of the others"
        )
        reason[seen < rules["minimum_end_count"]] = f"fewer than {rules['minimum_end_count']} persons across a border"
        reason[(~np.isnan(table) | (unknown > 0)).sum(axis=1) < 2] = "only one area at the other end is reported on"
        assessed = reason == None  # noqa: E711 - elementwise
        figures = (("effective_number", found.effective_number), ("hhi", found.hhi), ("top3_share", found.top3))
        out |= {f"{end}_{name}": np.where(assessed, values, np.nan)[at] for name, values in figures}
        out[f"{end}_eligibility"] = np.where(assessed, "assessed", "not_assessed").astype(object)[at]
        out[f"{end}_reason"] = reason[at]
    return out
