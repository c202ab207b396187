"""Where detections cluster: Getis-Ord on standardised rates for areas inside countries, a funnel for countries.

Raw rates are shown and never tested: few people make wild rates. Where too little reports, the answer is "not
assessed" with its reason, never "cold".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from orchestration.defs.analytics.rounding import round_frame
from orchestration.defs.analytics.series_grid import grid

METHOD_VERSION = "1"
GROUP = ["measure", "exploitation", "source", "dataset", "frequency", "area_set", "area_level", "area_role", "reporter"]
COLUMNS = [
    "area_code", "area_level", "area_set", "measure", "exploitation", "source", "dataset", "period", "method", "value",
    "population_count", "expected_count", "ratio", "z", "p", "p_upper_bound", "p_normal", "q_bh", "q_by", "family_id",
    "family_count", "limit_lower_95", "limit_upper_95", "limit_lower_998", "limit_upper_998", "assessment",
    "eligibility", "eligibility_reason", "emerging_category", "emerging_eligibility", "emerging_reason",
    "method_version",
]  # fmt: skip


def compute(cells: pd.DataFrame, boundaries: Mapping[str, Any], parameters: Mapping[str, Any]) -> pd.DataFrame:
    """One row an area, measure, form, source and period; columns `COLUMNS`, ordered by their key.

    cells       annual or quarterly totals of areas as this audience may see them: the columns of `GROUP`, area_code,
                parent_code, region_code, period, period_start, value (NaN where missing), population_count.
    boundaries  area_set -> GeoDataFrame (area_code, geometry) of the areas that have a polygon.
    """
    from trends.tests import false_discovery

    parts: list[pd.DataFrame] = []
    for key, frame in cells.groupby(GROUP, sort=True):
        group = dict(zip(GROUP, key, strict=True))
        if group["area_level"] == "country":
            parts.extend(_funnels(group, frame, parameters["hotspots"]))
        elif group["area_set"] in boundaries:
            parts.extend(_maps(group, frame, boundaries[group["area_set"]], parameters["hotspots"]))
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    result = pd.concat(parts, ignore_index=True)
    for name in COLUMNS:
        if name not in result:
            result[name] = None
    result["q_by"] = false_discovery(result["p"].to_numpy(float), method="by")
    result["method_version"] = METHOD_VERSION
    result = round_frame(result, parameters["rounding"]["significant_digits"])
    order = ["measure", "exploitation", "source", "dataset", "area_level", "area_code", "period", "method"]
    return result[COLUMNS].sort_values(order, ignore_index=True)


def _maps(
    group: dict[str, str], frame: pd.DataFrame, shapes: Any, rules: Mapping[str, Any]
) -> Iterator[pd.DataFrame]:
    """Getis-Ord Gi* of each period of one group of areas, judged against that period's own map."""
    from geo.hotspots import emerging, getis_ord
    from geo.neighbours import contiguity
    from trends.tests import false_discovery

    shapes = shapes[shapes["area_code"].isin(frame["area_code"])].sort_values("area_code", ignore_index=True)
    table = grid(frame, "area_code", group["frequency"])
    population = grid(frame.assign(value=frame["population_count"]), "area_code", group["frequency"]).values
    on_map = table.keys.isin(shapes["area_code"])
    keys, values, exposure = table.keys[on_map], table.values[on_map], population[on_map]
    n, t = values.shape
    usable = ~np.isnan(values) & ~np.isnan(exposure) & (exposure > 0)
    total = np.where(usable, values, 0).sum(axis=0)
    base = np.where(usable, exposure, 0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.where(usable, exposure * (total / base), np.nan)
    tested = np.where(usable, values, np.nan)

    assessed = np.zeros((n, t), dtype=bool)
    numbers = {name: np.full((n, t), np.nan) for name in ("z", "p", "p_upper_bound", "p_normal")}
    reasons = np.full((n, t), None, dtype=object)
    reporting = usable.sum(axis=0)
    enough = (reporting >= rules["minimum_areas"]) & (total > 0)
    for column in np.flatnonzero(~enough):
        have = int(reporting[column])
        reasons[:, column] = (
            f"{have} areas report with a population; a map needs {rules['minimum_areas']}"
            if have < rules["minimum_areas"]
            else "no detections in this period"
        )
    if enough.any():
        weights = contiguity(shapes)
        result = getis_ord(
            tested[:, enough], weights, expected=expected[:, enough], transform=rules["transform"], window=rules["window"]
        )
        numbers_found = {name: np.asarray(getattr(result, name)) for name in numbers}
        good = np.asarray(result.assessed, dtype=bool) & ~np.isnan(numbers_found["p"])
        assessed[:, enough] = good
        for name, found in numbers_found.items():
            numbers[name][:, enough] = np.where(good, found, np.nan)
        reasons[:, enough] = np.where(good, None, np.asarray(result.reason, dtype=object))
    missing = np.isnan(values)
    no_base = ~missing & ~usable
    reasons[missing & enough] = "no figure that may be shown for this period"
    reasons[no_base] = "no population within five years: no rate, so no test"
    reasons[~assessed & (reasons == None)] = "too few neighbours report"  # noqa: E711 - elementwise

    kinds, kind_eligibility, kind_reason = np.full(n, None, object), np.full(n, "assessed", object), np.full(n, None, object)
    if t < rules["minimum_emerging_periods"]:
        kind_eligibility[:] = "too_short"
        kind_reason[:] = f"{t} periods; a class of change needs {rules['minimum_emerging_periods']}"
    else:
        whole = assessed.all(axis=1)
        kind_eligibility[~whole] = "not_assessed"
        kind_reason[~whole] = "not every period of this area could be assessed"
        if whole.any():
            kinds[whole] = emerging(numbers["z"][whole], alpha=rules["significance"])
    codes = np.array(table.periods, dtype=object)
    level = rules["significance"]
    for column in range(t):
        p = numbers["p"][:, column]
        q = false_discovery(p, method="bh")
        z = numbers["z"][:, column]
        clear = q <= level
        yield pd.DataFrame(
            {
                "area_code": keys.to_numpy(),
                **{name: group[name] for name in ("area_level", "area_set", "measure", "exploitation", "source", "dataset")},
                "period": codes[column],
                "method": "getis_ord_star",
                "value": values[:, column],
                "population_count": exposure[:, column],
                "expected_count": expected[:, column],
                "ratio": _ratio(values[:, column], expected[:, column]),
                **{name: found[:, column] for name, found in numbers.items()},
                "q_bh": q,
                "family_id": "|".join([*(group[name] for name in GROUP), str(codes[column])]),
                "family_count": int((~np.isnan(p)).sum()),
                "assessment": np.select(
                    [~assessed[:, column], clear & (z > 0), clear & (z < 0)], [None, "hot", "cold"], "not_significant"
                ),
                "eligibility": np.where(assessed[:, column], "assessed", "not_assessed"),
                "eligibility_reason": reasons[:, column],
                "emerging_category": kinds,
                "emerging_eligibility": kind_eligibility,
                "emerging_reason": kind_reason,
            }
        )


def _funnels(group: dict[str, str], frame: pd.DataFrame, rules: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """Each country beside the rate of its region, with limits widened for how much countries differ anyway.

    The limits are of the ratio observed / expected: 1 -+ z sqrt(1 / expected + tau2), the additive model of Spiegelhalter
    (2005, 2012): countries detect in different ways, so chance alone is never the yardstick.
    """
    from scipy.stats import norm

    from geo.rates import overdispersion

    levels = dict(zip(("95", "998"), rules["funnel_levels"], strict=True))
    for (region, period), part in frame.groupby(["region_code", "period"], sort=True):
        part = part.sort_values("area_code", ignore_index=True)
        value, base = part["value"].to_numpy(float), part["population_count"].to_numpy(float)
        usable = ~np.isnan(value) & (base > 0)
        expected = np.full(len(part), np.nan)
        if usable.any():
            expected[usable] = base[usable] * value[usable].sum() / base[usable].sum()
        eligible = usable & (expected >= rules["minimum_expected_count"])
        reason = np.full(len(part), None, dtype=object)
        reason[np.isnan(value)] = "no figure that may be shown for this period"
        reason[~np.isnan(value) & ~usable] = "no population within five years: no rate"
        reason[usable & ~eligible] = f"fewer than {rules['minimum_expected_count']} expected at the region's rate"
        if eligible.sum() < 5:
            reason[eligible] = "fewer than 5 countries of the region report"
            eligible = np.zeros(len(part), dtype=bool)
        out: dict[str, Any] = {
            "area_code": part["area_code"].to_numpy(),
            **{name: group[name] for name in ("area_level", "area_set", "measure", "exploitation", "source", "dataset")},
            "period": period,
            "method": "funnel",
            "value": value,
            "population_count": base,
            "expected_count": expected,
            "ratio": _ratio(value, expected),
            "family_id": "|".join([*(group[name] for name in GROUP), str(region), str(period)]),
            "family_count": int(eligible.sum()),
            "eligibility": np.where(eligible, "assessed", "not_assessed"),
            "eligibility_reason": reason,
            "p": np.nan,
            "emerging_eligibility": "not_assessed",
            "emerging_reason": "countries are compared with their region, not classed by neighbours",
        }
        limits = {f"limit_{side}_{name}": np.full(len(part), np.nan) for side in ("lower", "upper") for name in levels}
        position = np.full(len(part), None, dtype=object)
        if eligible.any():
            between = float(overdispersion(value[eligible], expected[eligible]).tau2)
            spread = np.sqrt(1 / expected[eligible] + between)
            for name, level in levels.items():
                z = norm.ppf((1 + level) / 2)
                limits[f"limit_lower_{name}"][eligible] = np.maximum(1 - z * spread, 0)
                limits[f"limit_upper_{name}"][eligible] = 1 + z * spread
            ratio = out["ratio"][eligible]
            position[eligible] = np.select(
                [ratio > limits["limit_upper_998"][eligible], ratio < limits["limit_lower_998"][eligible]],
                ["above", "below"],
                "within",
            )
        yield pd.DataFrame({**out, **limits, "assessment": position})


def _ratio(value: np.ndarray, expected: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = value / expected
    return np.where(np.isfinite(ratio), ratio, np.nan)
