"""Sections that ask a question rather than answer one: clusters found by the scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from reports import maps
from reports.words import name_order, number, period_label, probability

if TYPE_CHECKING:
    from reports.pages import Site


def clusters(site: Site) -> dict[str, Any] | None:
    """The clusters of each scanned map, maps of totals first; the maps and areas that were not scanned, with the reason.

    None where the release holds no table of clusters.
    """
    table = site.published.table("clusters")
    if table.empty:
        return None
    words = site.published.words
    scanned, refused = [], []
    for _, rows in sorted(table.groupby("map_id", sort=True), key=lambda item: _map_order(item[1].iloc[0])):
        first = rows.iloc[0]
        title = f"{words.measure(first['measure'], first['exploitation'])}, "
        title += f"{words.label('area_level', first['area_level']).lower()}"
        title += f", {words.label('source_type', first['source_type']).lower()}, {period_label(first['period_first'])}"
        if (rows["eligibility"] == "assessed").any():
            scanned.append({"title": title, "clusters": _found(rows), "left_out": _left_out(rows)})
        else:
            reasons = rows["eligibility_reason"].value_counts()
            refused.append({"title": title, "reason": str(sorted(reasons[reasons == reasons.max()].index)[0])})
    return {
        "maps": scanned,
        "refused": refused,
        "permutations": number(table["permutations"].iloc[0]),
        "facts": site.provenance(table["source"].unique(), str(table["period_last"].max()), "tables/clusters.csv"),
    }


def _map_order(first: pd.Series) -> tuple:
    order = maps.MEASURE_ORDER
    measure = str(first["measure"])
    rank = order.index(measure) if measure in order else len(order)
    return (first["exploitation"] != "_T", rank, measure, str(first["area_level"]), str(first["map_id"]))


def _found(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry a cluster, in the order of the name of its centre: the list is no league table."""
    found = []
    for _, members in rows[rows["cluster_id"] != ""].groupby("cluster_id", sort=True):
        first, centre = members.iloc[0], members[members["is_centre"].astype(bool)].iloc[0]
        found.append(
            {
                "centre": (centre["area_code"], centre["area_name"]),
                "areas": _named(members),
                "radius": number(first["radius_km"], 0),
                "cases": number(first["cases_count"]),
                "expected": number(first["expected_count"]),
                "relative_risk": number(first["relative_risk"]),
                "p": probability(first["p"]),
            }
        )
    return sorted(found, key=lambda cluster: (name_order(cluster["centre"][1]), cluster["centre"][0]))


def _left_out(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Areas of a scanned map that were not in the scan, by reason."""
    return [
        {
            "reason": str(reason),
            "areas": _named(members),
        }
        for reason, members in rows[rows["eligibility"] != "assessed"].groupby("eligibility_reason", sort=True)
    ]


def _named(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Code and name of each area, in the order of names."""
    return sorted(zip(rows["area_code"], rows["area_name"], strict=True), key=lambda area: name_order(area[1]))
