"""Where detections cluster: Getis-Ord on standardised rates for areas inside countries, a funnel for countries.

Raw rates are shown and never tested: few people make wild rates. Where too little reports, the answer is "not
assessed" with its reason, never "cold".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from analytics import local_moran
from analytics.completeness import INCOMPLETE
from analytics.hotspot_bounds import BOUNDS, REASONS, certainty, has_bounds
from analytics.parameters import stated
from analytics.rounding import round_frame
from analytics.series_grid import grid

# 2: a class of change only where the area's course stands out among all areas of its map; 3: local Moran, bounds;
# 4: funnel limits on the log scale, false discovery over the countries of a map
METHOD_VERSION = "4"
# One map is one question: the areas of one level of one set, counted by one kind of source. Countries' police forces are
# partners of their own and stand on one map; a figure an area and period is chosen by precedence, never added.
GROUP = ["measure", "exploitation", "source_type", "frequency", "area_set", "area_level", "area_role", "reporter"]
NUMBERS = ("double", "integer")

FUNNEL = ("p", "limit_lower_95", "limit_lower_998", "limit_upper_95", "limit_upper_998")

Columns = dict[str, Any]


def compute(
    cells: pd.DataFrame, boundaries: Mapping[str, Any], parameters: Mapping[str, Any], columns: Mapping[str, str]
) -> pd.DataFrame:
    """One row an area, measure, form, source and period; columns `columns`, ordered by their key.

    cells       annual or quarterly totals of areas as this audience may see them, one figure an area and period: the
                columns of `GROUP`, area_code, region_code, source, dataset, period, period_start, value (NaN where
                missing), lower and upper (both given where a count is known only as bounds), population_count,
                is_incomplete (reports still coming in: shown, not tested).
    boundaries  area_set -> GeoDataFrame (area_code, geometry) of the areas that have a polygon.
    columns     name -> type of the columns to give; what a kind of map does not have is missing there.
    """
    from trends.tests import false_discovery

    parts: list[Columns] = []
    neighbours: dict[tuple[str, ...], Any] = {}
    for key, frame in cells.groupby(GROUP, sort=True):
        group = dict(zip(GROUP, key, strict=True))
        if group["area_level"] == "country":
            parts.extend(_funnels(group, frame, parameters["hotspots"]))
        elif group["area_set"] in boundaries:
            part = _maps(group, frame, boundaries[group["area_set"]], neighbours, parameters["hotspots"])
            parts.extend([part] if part else [])
    if not parts:
        return pd.DataFrame()
    made_here = ("q_by", "method_version")
    result = pd.DataFrame(
        {name: _joined(parts, name, kind in NUMBERS) for name, kind in columns.items() if name not in made_here}
    )
    result["q_by"] = false_discovery(result["p"].to_numpy(float), method="by")
    result["method_version"] = METHOD_VERSION
    result = round_frame(result, parameters["rounding"]["significant_digits"])
    order = ["measure", "exploitation", "source", "dataset", "area_level", "area_code", "period", "method"]
    return result.sort_values(order, ignore_index=True)


def _joined(parts: list[Columns], name: str, is_number: bool) -> np.ndarray:
    """One column over all parts; a scalar stands for its whole part, a column that a part lacks is missing there."""
    arrays = []
    for part in parts:
        length = len(part["area_code"])
        values = part.get(name, np.nan if is_number else None)
        arrays.append(
            values if isinstance(values, np.ndarray) else np.full(length, values, dtype=float if is_number else object)
        )
    return np.concatenate(arrays)


def _maps(
    group: dict[str, str],
    frame: pd.DataFrame,
    shapes: Any,
    neighbours: dict[tuple[str, ...], Any],
    rules: Mapping[str, Any],
) -> Columns | None:
    """Getis-Ord Gi* of every period of one group of areas, each judged against that period's own map."""
    from geo.hotspots import CATEGORIES, emerging, getis_ord
    from geo.neighbours import contiguity
    from trends.tests import false_discovery

    shapes = shapes[shapes["area_code"].isin(frame["area_code"])].sort_values("area_code", ignore_index=True)
    table = grid(frame, "area_code", group["frequency"])
    population = grid(frame.assign(value=frame["population_count"]), "area_code", group["frequency"]).values
    on_map = table.keys.isin(shapes["area_code"])
    keys, values, exposure = table.keys[on_map], table.values[on_map], population[on_map]
    is_open = grid(frame.assign(value=frame["is_incomplete"].astype(float)), "area_code", group["frequency"]).values
    is_open = is_open[on_map] == 1
    lower, upper = (grid(frame, "area_code", group["frequency"], side).values[on_map] for side in ("lower", "upper"))
    n, t = values.shape
    if n == 0:
        return None
    origin = {name: _origin(frame, name, keys, t) for name in ("source", "dataset")}
    usable = ~np.isnan(values) & ~np.isnan(exposure) & (exposure > 0) & ~is_open
    total = np.where(usable, values, 0).sum(axis=0)
    base = np.where(usable, exposure, 0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = np.where(usable, exposure * (total / base), np.nan)

    numbers = {name: np.full((n, t), np.nan) for name in ("z", "p", "p_upper_bound", "p_normal", *local_moran.NUMBERS)}
    quadrant = np.full((n, t), None, dtype=object)
    assessed, direction = np.zeros((n, t), dtype=bool), np.zeros((n, t))
    reasons = np.full((n, t), None, dtype=object)
    reporting = usable.sum(axis=0)
    enough = (reporting >= rules["minimum_areas"]) & (total > 0)
    for column in np.flatnonzero(~enough):
        reasons[:, column] = (
            f"{reporting[column]} areas report with a population; a map needs {rules['minimum_areas']}"
            if reporting[column] < rules["minimum_areas"]
            else "no detections in this period"
        )
    is_interval = has_bounds(values, lower, upper) & ~is_open
    codes = tuple(shapes["area_code"])
    if codes not in neighbours and (enough.any() or is_interval.any()):
        neighbours[codes] = contiguity(shapes)
    if enough.any():
        counts = np.where(usable, values, np.nan)[:, enough]
        result = getis_ord(
            counts, neighbours[codes], expected=expected[:, enough], transform=rules["transform"],
            window=rules["window"],
        )  # fmt: skip
        good = np.asarray(result.assessed, dtype=bool) & ~np.isnan(result.p)
        assessed[:, enough] = good
        direction[:, enough] = np.nan_to_num(np.asarray(result.direction, dtype=float))
        for name in ("z", "p", "p_upper_bound", "p_normal"):
            numbers[name][:, enough] = np.where(good, getattr(result, name), np.nan)
        unlike = local_moran.local_moran_columns(counts, expected[:, enough], neighbours[codes], result.p, good, rules)
        for name in local_moran.NUMBERS:
            numbers[name][:, enough] = unlike[name]
        quadrant[:, enough] = unlike["moran_quadrant"]
        reasons[:, enough] = np.where(good, None, np.asarray(result.reason, dtype=object))
    missing = np.isnan(values)
    reasons[missing & enough] = "no figure that may be shown for this period"
    reasons[~missing & ~usable] = "no population within five years: no rate, so no test"
    known = np.where(is_open, np.nan, values)
    certain = np.full((n, t), None, dtype=object)
    if is_interval.any():
        certain = certainty(known, np.where(is_open, np.nan, lower), upper, neighbours[codes], rules)
        for name, reason in REASONS.items():
            reasons[is_interval & (certain == name)] = reason
    reasons[is_open & ~missing] = INCOMPLETE
    reasons[~assessed & (reasons == None)] = "too few neighbours report"  # noqa: E711 - elementwise

    kinds, kind_eligibility, kind_reason = (
        np.full(n, None, object),
        np.full(n, "assessed", object),
        np.full(n, None, object),
    )
    course_q = np.full(n, np.nan)
    if t < rules["minimum_emerging_periods"]:
        kind_eligibility[:] = "too_short"
        kind_reason[:] = f"{t} periods; a class of change needs {rules['minimum_emerging_periods']}"
    else:
        whole = assessed.all(axis=1)
        kind_eligibility[~whole] = "not_assessed"
        kind_reason[~whole] = "not every period of this area could be assessed"
        if whole.any():
            kinds[whole] = emerging(numbers["z"][whole], alpha=rules["significance"])
            course_q = _course_q(values, expected, numbers["p_normal"], whole, neighbours[codes], rules)
            kinds[whole & ~(course_q <= rules["significance"])] = CATEGORIES[-1]
    q = np.column_stack([false_discovery(numbers["p"][:, column], method="bh") for column in range(t)])
    clear = q <= rules["significance"]
    names = "|".join(group[name] for name in GROUP)
    return {
        "area_code": np.repeat(keys.to_numpy(object), t),
        **_named(group),
        **origin,
        "period": np.tile(np.array(table.periods, dtype=object), n),
        "method": "getis_ord_star",
        "parameters": stated(rules, "weights", "transform", "window", "minimum_areas", "significance"),
        "value": values.ravel(),
        "population_count": exposure.ravel(),
        "expected_count": expected.ravel(),
        "ratio": _ratio(values, expected).ravel(),
        **{name: found.ravel() for name, found in numbers.items()},
        "q_bh": q.ravel(),
        "family_id": np.tile(np.array([f"{names}|{period}" for period in table.periods], dtype=object), n),
        "family_count": np.tile((~np.isnan(numbers["p"])).sum(axis=0), n),
        "assessment": _chosen(
            [~assessed, clear & (direction > 0), clear & (direction < 0)], [None, "hot", "cold"], "not_significant"
        ).ravel(),
        "eligibility": np.where(assessed, "assessed", "not_assessed").astype(object).ravel(),
        "eligibility_reason": reasons.ravel(),
        "emerging_category": np.repeat(kinds, t),
        "emerging_q_bh": np.repeat(course_q, t),
        "emerging_eligibility": np.repeat(kind_eligibility, t),
        "emerging_reason": np.repeat(kind_reason, t),
        "moran_quadrant": quadrant.ravel(),
        "certainty": certain.ravel(),
    }


def _course_q(
    values: np.ndarray,
    expected: np.ndarray,
    p: np.ndarray,
    whole: np.ndarray,
    weights: Any,
    rules: Mapping[str, Any],
) -> np.ndarray:
    """Whether an area's course stands out at all, with the areas of one map as the family: q (n,), NaN where not `whole`.

    values, expected, p  (n, t), p the two-sided normal tail of the scores; whole  (n,) every period assessed.

    The published rules of the classes take every period of every area at 5 %, so that most maps without any effect would
    hold a class. A class says either that an area is hot now or that it mostly was: p is twice the smaller of that of the
    final period and that of all periods added up. Lasting differences between single areas do no harm to the sum, which
    is a map like any other; combining the periods' own p-values would take them for clustering.
    """
    from geo.hotspots import getis_ord
    from trends.tests import false_discovery

    known = whole & ~np.isnan(values).any(axis=1)
    together = getis_ord(
        np.where(known, values.sum(axis=1), np.nan), weights, expected=np.where(known, expected.sum(axis=1), np.nan),
        transform=rules["transform"], min_areas=0,
    )  # fmt: skip
    both = np.fmin(p[:, -1], together.p_normal)
    return false_discovery(np.where(whole, np.minimum(2 * both, 1.0), np.nan), method="bh")


def _funnels(group: dict[str, str], frame: pd.DataFrame, rules: Mapping[str, Any]) -> Iterator[Columns]:
    """Each country beside the rate of its region, with limits widened for how much countries differ anyway.

    The limits are of the ratio observed / expected on the log scale (`geo.funnels`): countries detect in different ways,
    so chance alone is never the yardstick, and a low count can be seen as well as a high one. The countries of all
    regions in one period are one map and one family; a country is above or below by its adjusted p.
    """
    from geo.funnels import multiplicative_funnel
    from trends.tests import false_discovery

    parts = list(_regions(group, frame, rules))
    eligible = [part["eligibility"] == "assessed" for part in parts]
    if any(each.any() for each in eligible):
        value, expected = (
            np.concatenate([part[name][chosen] for part, chosen in zip(parts, eligible, strict=True)])
            for name in ("value", "expected_count")
        )
        funnels = np.repeat(np.arange(len(parts)), [chosen.sum() for chosen in eligible])
        found = multiplicative_funnel(value, expected, rules["funnel_levels"], funnels)
        figures = dict(zip(FUNNEL, (found.p, *found.ratio_low, *found.ratio_high), strict=True))
        for number, (part, chosen) in enumerate(zip(parts, eligible, strict=True)):
            for name, numbers in figures.items():
                part[name][chosen] = numbers[funnels == number]
    by_period: dict[str, list[Columns]] = {}
    for part in parts:
        by_period.setdefault(part["period"], []).append(part)
    for mine in by_period.values():
        q = false_discovery(np.concatenate([part["p"] for part in mine]), method="bh")
        count, first = int((~np.isnan(q)).sum()), 0
        for part in mine:
            part["q_bh"] = q[first : first + len(part["p"])]
            first += len(part["p"])
            part["family_count"] = count
            clear, ratio = part["q_bh"] <= rules["significance"], part["ratio"]
            # the tail that is rare says the side; a region's rate has areas on both sides of it
            outside = [clear & (ratio > part["limit_upper_95"]), clear & (ratio < part["limit_lower_95"])]
            part["assessment"] = _chosen(
                [part["eligibility"] != "assessed", *outside], [None, "above", "below"], "within"
            )
    yield from parts


def _regions(group: dict[str, str], frame: pd.DataFrame, rules: Mapping[str, Any]) -> Iterator[Columns]:
    """What each region and period has to compare, without limits yet."""
    names = "|".join(group[name] for name in GROUP)
    # areas outside every region are compared with each other
    frame = frame.assign(region_code=frame["region_code"].fillna("")).sort_values(
        ["region_code", "period", "area_code"]
    )
    regions, periods = frame["region_code"].to_numpy(object), frame["period"].to_numpy(object)
    codes, sources, datasets = (frame[name].to_numpy(object) for name in ("area_code", "source", "dataset"))
    values, bases = frame["value"].to_numpy(float), frame["population_count"].to_numpy(float)
    is_interval = has_bounds(values, frame["lower"].to_numpy(float), frame["upper"].to_numpy(float))
    is_open = frame["is_incomplete"].to_numpy(bool)
    change = np.flatnonzero((regions[1:] != regions[:-1]) | (periods[1:] != periods[:-1])) + 1
    for start, stop in zip([0, *change], [*change, len(frame)], strict=True):
        value, base = values[start:stop], bases[start:stop]
        usable = ~np.isnan(value) & (base > 0) & ~is_open[start:stop]
        expected = np.full(len(value), np.nan)
        if usable.any():
            expected[usable] = base[usable] * value[usable].sum() / base[usable].sum()
        eligible = usable & (expected >= rules["minimum_expected_count"])
        reason = np.full(len(value), None, dtype=object)
        reason[np.isnan(value)] = "no figure that may be shown for this period"
        reason[is_interval[start:stop]] = BOUNDS
        reason[~np.isnan(value) & ~usable] = "no population within five years: no rate"
        reason[~np.isnan(value) & is_open[start:stop]] = INCOMPLETE
        reason[usable & ~eligible] = f"fewer than {rules['minimum_expected_count']} expected at the region's rate"
        if eligible.sum() < rules["minimum_funnel_countries"]:
            reason[eligible] = f"fewer than {rules['minimum_funnel_countries']} countries of the region report"
            eligible = np.zeros(len(value), dtype=bool)
        yield {
            "area_code": codes[start:stop],
            **_named(group),
            "source": sources[start:stop],
            "dataset": datasets[start:stop],
            "period": periods[start],
            "method": "funnel",
            "parameters": stated(
                rules, "funnel_levels", "significance", "minimum_funnel_countries", "minimum_expected_count"
            ),
            "value": value,
            "population_count": base,
            "expected_count": expected,
            "ratio": _ratio(value, expected),
            **{name: np.full(len(value), np.nan) for name in FUNNEL},
            "family_id": f"{names}|{periods[start]}",
            "eligibility": np.where(eligible, "assessed", "not_assessed").astype(object),
            "eligibility_reason": reason,
            "emerging_eligibility": "not_assessed",
            "emerging_reason": "countries are compared with their region, not classed by neighbours",
        }


def _named(group: dict[str, str]) -> Columns:
    return {name: group[name] for name in ("area_level", "area_set", "measure", "exploitation")}


def _origin(frame: pd.DataFrame, name: str, keys: pd.Index, periods: int) -> np.ndarray:
    """Who an area's figures are from, for each of its periods; an area has one source at a time, mostly for ever."""
    last = frame.sort_values("period").drop_duplicates("area_code", keep="last").set_index("area_code")[name]
    return np.repeat(last.reindex(keys).to_numpy(object), periods)


def _chosen(conditions: list[np.ndarray], choices: list[str | None], default: str) -> np.ndarray:
    """numpy's select for texts and None: the first condition that holds decides."""
    result = np.full(conditions[0].shape, default, dtype=object)
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        result[condition] = choice
    return result


def _ratio(value: np.ndarray, expected: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = value / expected
    return np.where(np.isfinite(ratio), ratio, np.nan)
