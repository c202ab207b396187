"""Groups of neighbouring areas with more detections than an equal rate, or than their own past, would give.

Kulldorff's circular scan looks at the newest year in which nearly all areas of a map report; the prospective space-time
permutation scan at its newest quarters or months, which need no population. Areas without the figures are left out of a
scan and named, never taken as empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analytics.completeness import INCOMPLETE
from analytics.hotspots import GROUP
from analytics.parameters import stated
from analytics.regimes import regimes
from analytics.rounding import round_frame
from analytics.series_grid import PERIODS_A_YEAR, grid

METHOD_VERSION = "2"  # 2: space-time scan; figures still coming in are left out
CIRCULAR, SPACE_TIME = "circular_scan", "space_time_prospective"
NO_BOUNDARY = "no boundary, so no place on the map"
FIGURES = ("cases_count", "expected_count", "relative_risk", "llr", "p", "radius_km")


def compute(
    cells: pd.DataFrame,
    boundaries: Mapping[str, Any],
    breaks: pd.DataFrame,
    parents: Mapping[str, str | None],
    parameters: Mapping[str, Any],
    audience: str | None,
) -> pd.DataFrame:
    """One row an area of a map and method, the columns of analytics.clusters, ordered by map, method and area.

    cells       totals of areas as this audience may see them, as `hotspots.compute` takes them.
    boundaries  area_set -> GeoDataFrame (area_code, geometry); areas without a polygon are named as not assessed.
    breaks, parents  as `trends.compute` takes them: a change of law is no cluster in time.
    audience    "public": a cluster around an area that was left out shows no sums.

    An area belongs to at most one cluster of a method; clusters above the level of significance are no clusters. A single
    country is never called one. The space-time scan is made of totals, of quarters and months.
    """
    rules = parameters["clusters"]
    strata = breaks[breaks["kind"].isin(parameters["trends"]["strata_kinds"])]
    points: dict[str, pd.DataFrame] = {}
    parts = []
    for key, frame in cells.groupby(GROUP, sort=True):
        group = dict(zip(GROUP, key, strict=True))
        area_set = str(group["area_set"])
        if area_set in boundaries and area_set not in points:
            points[area_set] = _points(boundaries[area_set])
        places = points.get(area_set, pd.DataFrame(columns=["longitude", "latitude"], dtype=float))
        if group["frequency"] == "A":
            parts.append(_scanned(group, frame, places, rules, audience == "public"))
        elif group["exploitation"] == "_T" and group["frequency"] in rules["space_time"]:
            parts.append(_scanned_over_time(group, frame, places, strata, parents, rules, audience == "public"))
    if not parts:
        return pd.DataFrame()
    result = pd.concat(parts, ignore_index=True).assign(method_version=METHOD_VERSION)
    common = stated(rules, "maximum_population_share", "minimum_areas", "significance")
    stretches = f"{common}, {stated(rules, 'space_time')}"
    result["parameters"] = np.where(result["method"] == SPACE_TIME, stretches, common)
    result = round_frame(result, parameters["rounding"]["significant_digits"])
    return result.sort_values(["map_id", "method", "area_code"], ignore_index=True)


def _points(shapes: Any) -> pd.DataFrame:
    """Longitude and latitude of a point inside each area's largest part."""
    from geo.areas import representative_points

    coordinates = representative_points(shapes)
    return pd.DataFrame(coordinates, index=pd.Index(shapes["area_code"]), columns=["longitude", "latitude"])


def _scanned(
    group: dict[str, str], frame: pd.DataFrame, points: pd.DataFrame, rules: Mapping[str, Any], is_public: bool
) -> pd.DataFrame:
    """The circular scan of the newest year."""
    from geo.scan import circular

    has_rate = frame["value"].notna() & (frame["population_count"] > 0) & ~frame["is_incomplete"]
    period = _newest(frame[has_rate & frame["area_code"].isin(points.index)], rules) or str(frame["period"].max())
    # an area that has no row in this period is missing from it, not empty
    of_period = frame.loc[frame["period"] == period, ["area_code", "value", "population_count", "is_incomplete"]]
    table = _everyone(frame).merge(of_period, on="area_code", how="left").sort_values("area_code", ignore_index=True)
    is_placed = table["area_code"].isin(points.index).to_numpy()
    known, populated = table["value"].notna().to_numpy(), (table["population_count"] > 0).to_numpy()
    is_open = known & (table["is_incomplete"] == True).to_numpy()  # noqa: E712 - missing where the period has no row
    reason = np.full(len(table), None, dtype=object)
    reason[known & ~populated] = "no population within five years: no rate, so no test"
    reason[is_open] = INCOMPLETE
    reason[~known] = "no figure that may be shown for this period"
    reason[~is_placed] = NO_BOUNDARY
    _refuse_small_maps(reason, table["value"].to_numpy(float), rules, "report with a population")
    out = _rows(table, group, CIRCULAR, (period, period), reason, rules)
    rows = np.flatnonzero(out["eligibility"] == "assessed")
    if not len(rows):
        return out
    places = points.reindex(table["area_code"]).to_numpy(float)
    found = circular(
        table.loc[rows, "value"], table.loc[rows, "population_count"], places[rows], max_share=rules["maximum_population_share"],
        permutations=rules["permutations"], seed=rules["seed"], distance=rules["distance"],
    )  # fmt: skip
    left_out = places[is_placed & (out["eligibility"] != "assessed").to_numpy()]
    return _marked(out, found, rows, places, left_out if is_public else left_out[:0], group, rules)


def _scanned_over_time(
    group: dict[str, str],
    frame: pd.DataFrame,
    points: pd.DataFrame,
    breaks: pd.DataFrame,
    parents: Mapping[str, str | None],
    rules: Mapping[str, Any],
    is_public: bool,
) -> pd.DataFrame:
    """The prospective space-time scan: circles in which the newest periods hold more than area and period explain."""
    from geo.scan import space_time

    settings = rules["space_time"][group["frequency"]]
    whole = grid(frame, "area_code", group["frequency"])
    keys = frame.drop_duplicates("area_code").set_index("area_code", drop=False).loc[whole.keys]
    regime = regimes(whole, keys, PERIODS_A_YEAR[group["frequency"]], breaks, parents, minimum=1)[0]
    is_open = frame["is_incomplete"].to_numpy(bool)
    is_placed = whole.keys.isin(points.index)
    usable = frame[frame["value"].notna() & ~is_open & frame["area_code"].isin(points.index)]
    newest = _newest(usable, rules) or str(frame["period"].max())
    last = whole.periods.index(newest)
    first = max(last - settings["periods"] + 1, 0)
    window = slice(first, last + 1)
    values = whole.values[:, window]
    open_ = grid(frame.assign(value=is_open.astype(float)), "area_code", group["frequency"]).values[:, window] == 1
    reason = np.full(len(values), None, dtype=object)
    reason[(values != np.floor(values)).any(axis=1)] = "figures that are no whole numbers"
    reason[open_.any(axis=1)] = INCOMPLETE
    reason[(regime[:, window] != regime[:, [last]]).any(axis=1)] = (
        "a change of law or of counting lies within the periods"
    )
    reason[np.isnan(values).any(axis=1)] = (
        f"not every period from {whole.periods[first]} has a figure that may be shown"
    )
    reason[~is_placed] = NO_BOUNDARY
    _refuse_small_maps(reason, values.sum(axis=1), rules, "with every period")
    if last + 1 < settings["periods"]:
        reason[reason == None] = f"{last + 1} periods; the scan needs {settings['periods']}"  # noqa: E711 - elementwise
    table = pd.DataFrame({"area_code": whole.keys}).merge(_everyone(frame), on="area_code", how="left")
    out = _rows(table, group, SPACE_TIME, (whole.periods[first], newest), reason, rules)
    rows = np.flatnonzero(out["eligibility"] == "assessed")
    if not len(rows):
        return out
    places = points.reindex(table["area_code"]).to_numpy(float)
    found = space_time(
        values[rows], places[rows], max_share=rules["maximum_population_share"], max_periods=settings["longest"],
        permutations=rules["permutations"], seed=rules["seed"], distance=rules["distance"],
    )  # fmt: skip
    left_out = places[is_placed & (out["eligibility"] != "assessed").to_numpy()]
    not_told = left_out if is_public else left_out[:0]
    return _marked(out, found, rows, places, not_told, group, rules, whole.periods[window])


def _everyone(frame: pd.DataFrame) -> pd.DataFrame:
    """Each area of a map with the source that it was last reported by."""
    last = frame.sort_values("period").drop_duplicates("area_code", keep="last")
    return last[["area_code", "source", "dataset"]]


def _refuse_small_maps(reason: np.ndarray, totals: np.ndarray, rules: Mapping[str, Any], what: str) -> None:
    """Sets the reason of all areas that could be scanned (None so far) where they are too few or hold nothing."""
    left = reason == None  # noqa: E711 - elementwise
    if left.sum() < rules["minimum_areas"]:
        reason[left] = f"{left.sum()} areas {what}; a map needs {rules['minimum_areas']}"
    elif totals[left].sum() <= 0:
        reason[left] = "no detections in this period"


def _rows(
    table: pd.DataFrame,
    group: dict[str, str],
    method: str,
    periods: tuple[str, str],
    reason: np.ndarray,
    rules: Mapping[str, Any],
) -> pd.DataFrame:
    """Every area of a map, in no cluster yet."""
    return table[["area_code", "source", "dataset"]].assign(
        **{name: value for name, value in group.items() if name != "frequency"},
        map_id="|".join(group[name] for name in GROUP),
        cluster_id=None,
        cluster_rank=0,
        period_first=periods[0],
        period_last=periods[1],
        method=method,
        is_centre=False,
        **dict.fromkeys(FIGURES, np.nan),
        permutations=rules["permutations"],
        seed=rules["seed"],
        distance=rules["distance"],
        eligibility=np.where(reason == None, "assessed", "not_assessed"),  # noqa: E711 - elementwise
        eligibility_reason=reason,
    )


def _marked(
    out: pd.DataFrame,
    found: Any,
    rows: np.ndarray,
    places: np.ndarray,
    left_out: np.ndarray,
    group: dict[str, str],
    rules: Mapping[str, Any],
    periods: list[str] | None = None,
) -> pd.DataFrame:
    """The rows with the clusters that are significant; `rows` are the places of the scanned areas in `out`.

    A cluster that holds one of `left_out` (their places) tells no counts.
    """
    rank = 0
    for cluster in found:
        # one country alone stands in the funnel beside its region; it is no hotspot
        if not cluster.p <= rules["significance"] or (group["area_level"] == "country" and len(cluster.areas) < 2):
            continue
        rank += 1
        members, centre = rows[cluster.areas], int(rows[cluster.centre])
        out.loc[members, "cluster_rank"] = rank
        identity = f"{out['map_id'].iloc[0]}|{out['period_last'].iloc[0]}|{out['method'].iloc[0]}|{rank}"
        out.loc[members, "cluster_id"] = hashlib.sha256(identity.encode()).hexdigest()[:12]
        out.loc[centre, "is_centre"] = True
        out.loc[members, ["relative_risk", "llr", "p", "radius_km"]] = (
            cluster.relative_risk, cluster.llr, cluster.p, cluster.radius,
        )  # fmt: skip
        if not _holds(places[centre], cluster.radius, left_out):
            out.loc[members, "cases_count"], out.loc[members, "expected_count"] = cluster.cases, cluster.expected
        if periods is not None:
            out.loc[members, "period_first"] = periods[cluster.periods[0]]
    return out


def _newest(usable: pd.DataFrame, rules: Mapping[str, Any]) -> str | None:
    """The newest period in which nearly as many areas report as in the best one of its season (`2024-Q3`: third quarters)."""
    reporting = usable.groupby("period")["area_code"].nunique()
    if reporting.empty:
        return None
    best = reporting.groupby(reporting.index.str[4:]).transform("max")
    return str(reporting.index[reporting >= rules["minimum_reporting_share"] * best].max())


def _holds(centre: np.ndarray, radius: float, others: np.ndarray) -> bool:
    """Whether one of `others` (longitude, latitude) lies in the circle; a touch of slack for rounding."""
    from geo.neighbours import EARTH_RADIUS_KM, great_circle_vectors

    if not len(others):
        return False
    here = great_circle_vectors(centre[:1], centre[1:])
    there = great_circle_vectors(others[:, 0], others[:, 1])
    chord = np.sqrt(((there - here) ** 2).sum(axis=1))
    return bool((2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chord / 2, 1)) <= radius * (1 + 1e-9)).any())
