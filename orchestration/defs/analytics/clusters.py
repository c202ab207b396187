"""Which groups of neighbouring areas hold more detections than an equal rate would give: Kulldorff's circular scan.

A map is the newest year in which nearly all of its areas report. Areas without a figure that may be shown are left out
of the scan and named, never taken as empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from orchestration.defs.analytics.hotspots import GROUP
from orchestration.defs.analytics.rounding import round_frame

METHOD_VERSION = "1"
COLUMNS = [
    "map_id", "cluster_id", "cluster_rank", "measure", "exploitation", "source_type", "area_set", "area_level",
    "area_role", "reporter", "source", "dataset", "period_first", "period_last", "method", "area_code", "is_centre",
    "cases_count", "expected_count", "relative_risk", "llr", "p", "radius_km", "permutations", "seed", "distance",
    "eligibility", "eligibility_reason", "method_version",
]  # fmt: skip
FIGURES = ("cases_count", "expected_count", "relative_risk", "llr", "p", "radius_km")


def compute(
    cells: pd.DataFrame, boundaries: Mapping[str, Any], parameters: Mapping[str, Any], audience: str | None
) -> pd.DataFrame:
    """One row an area of a map, columns `COLUMNS`, ordered by map, method and area.

    cells       annual totals of areas as this audience may see them, as `hotspots.compute` takes them.
    boundaries  area_set -> GeoDataFrame (area_code, geometry); areas without a polygon are named as not assessed.
    audience    "public": a cluster around an area that was left out shows no sums.

    An area belongs to at most one cluster; clusters above the level of significance are no clusters. A single country
    is never called one.
    """
    rules = parameters["clusters"]
    points: dict[str, pd.DataFrame] = {}
    parts = []
    for key, frame in cells[cells["frequency"] == "A"].groupby(GROUP, sort=True):
        group = dict(zip(GROUP, key, strict=True))
        area_set = str(group["area_set"])
        if area_set in boundaries and area_set not in points:
            points[area_set] = _points(boundaries[area_set])
        parts.append(_scanned(group, frame, points.get(area_set), rules, audience == "public"))
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    result = pd.concat(parts, ignore_index=True).assign(method_version=METHOD_VERSION)
    result = round_frame(result, parameters["rounding"]["significant_digits"])
    return result[COLUMNS].sort_values(["map_id", "method", "area_code"], ignore_index=True)


def _points(shapes: Any) -> pd.DataFrame:
    """Longitude and latitude of a point inside each area's largest part."""
    from geo.areas import representative_points

    coordinates = representative_points(shapes)
    return pd.DataFrame(coordinates, index=pd.Index(shapes["area_code"]), columns=["longitude", "latitude"])


def _scanned(
    group: dict[str, str], frame: pd.DataFrame, points: pd.DataFrame | None, rules: Mapping[str, Any], is_public: bool
) -> pd.DataFrame:
    from geo.scan import circular

    has_rate = frame["value"].notna() & (frame["population_count"] > 0)
    on_map = frame["area_code"].isin(points.index) if points is not None else pd.Series(False, index=frame.index)
    period = _newest(frame[has_rate & on_map], rules) or str(frame["period"].max())
    # an area that has no row in this period is missing from it, not empty
    everyone = frame.sort_values("period").drop_duplicates("area_code", keep="last")[["area_code", "source", "dataset"]]
    of_period = frame.loc[frame["period"] == period, ["area_code", "value", "population_count"]]
    table = everyone.merge(of_period, on="area_code", how="left").sort_values("area_code", ignore_index=True)
    is_placed = table["area_code"].isin(points.index).to_numpy() if points is not None else np.zeros(len(table), bool)
    known, populated = table["value"].notna().to_numpy(), (table["population_count"] > 0).to_numpy()
    scanned = is_placed & known & populated
    reason = np.full(len(table), None, dtype=object)
    reason[known & ~populated] = "no population within five years: no rate, so no test"
    reason[~known] = "no figure that may be shown for this period"
    reason[~is_placed] = "no boundary, so no place on the map"
    count, total = int(scanned.sum()), float(table.loc[scanned, "value"].sum())
    if count < rules["minimum_areas"]:
        reason[scanned] = f"{count} areas report with a population; a map needs {rules['minimum_areas']}"
    elif total <= 0:
        reason[scanned] = "no detections in this period"
    assessed = scanned & (reason == None)  # noqa: E711 - elementwise
    names = "|".join(group[name] for name in GROUP)
    out = table[["area_code", "source", "dataset"]].assign(
        **{name: value for name, value in group.items() if name != "frequency"},
        map_id=names,
        cluster_id=None,
        cluster_rank=0,
        period_first=period,
        period_last=period,
        method="circular_scan",
        is_centre=False,
        **dict.fromkeys(FIGURES, np.nan),
        permutations=rules["permutations"],
        seed=rules["seed"],
        distance=rules["distance"],
        eligibility=np.where(assessed, "assessed", "not_assessed"),
        eligibility_reason=reason,
    )
    if points is None or not assessed.any():
        return out
    rows = np.flatnonzero(assessed)
    places = points.reindex(table["area_code"]).to_numpy(float)
    found = circular(
        table.loc[rows, "value"], table.loc[rows, "population_count"], places[rows], max_share=rules["maximum_population_share"],
        permutations=rules["permutations"], seed=rules["seed"], distance=rules["distance"],
    )  # fmt: skip
    left_out = places[is_placed & ~assessed]
    rank = 0
    for cluster in found:
        # one country alone stands in the funnel beside its region; it is no hotspot
        if not cluster.p <= rules["significance"] or (group["area_level"] == "country" and len(cluster.areas) < 2):
            continue
        rank += 1
        members, centre = rows[cluster.areas], int(rows[cluster.centre])
        out.loc[members, "cluster_rank"] = rank
        identity = f"{names}|{period}|circular_scan|{rank}"
        out.loc[members, "cluster_id"] = hashlib.sha256(identity.encode()).hexdigest()[:12]
        out.loc[centre, "is_centre"] = True
        out.loc[members, ["relative_risk", "llr", "p", "radius_km"]] = (
            cluster.relative_risk, cluster.llr, cluster.p, cluster.radius,
        )  # fmt: skip
        if not (is_public and _holds(places[centre], cluster.radius, left_out)):
            out.loc[members, "cases_count"], out.loc[members, "expected_count"] = cluster.cases, cluster.expected
    return out


def _newest(usable: pd.DataFrame, rules: Mapping[str, Any]) -> str | None:
    """The newest period in which nearly as many areas report as in the best one."""
    reporting = usable.groupby("period")["area_code"].nunique()
    if reporting.empty:
        return None
    enough = reporting[reporting >= rules["minimum_reporting_share"] * reporting.max()]
    return str(enough.index.max())


def _holds(centre: np.ndarray, radius: float, others: np.ndarray) -> bool:
    """Whether one of `others` (longitude, latitude) lies in the circle; a touch of slack for rounding."""
    from geo.neighbours import EARTH_RADIUS_KM, great_circle_vectors

    if not len(others):
        return False
    here = great_circle_vectors(centre[:1], centre[1:])
    there = great_circle_vectors(others[:, 0], others[:, 1])
    chord = np.sqrt(((there - here) ** 2).sum(axis=1))
    return bool((2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(chord / 2, 1)) <= radius * (1 + 1e-9)).any())
