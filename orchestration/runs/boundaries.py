"""Boundaries of area sets as they stood at a build's ledger position."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestration.runs.builds import Build

if TYPE_CHECKING:
    import geopandas as gpd


def shapes(build: Build, area_sets: Iterable[str]) -> dict[str, gpd.GeoDataFrame]:
    """area_set -> area_code, geometry (EPSG:4326), with `title` and `attribution` in `.attrs`; sets without any are left out."""
    import geopandas as gpd

    from submissions.contracts.area_sets import boundaries

    files = boundaries(build.home, build.ledger_position)
    found: dict[str, gpd.GeoDataFrame] = {}
    for name in area_sets:
        if name not in files:
            continue
        frame = gpd.read_parquet(files[name]).sort_values("area_code", ignore_index=True)
        said = json.loads(files[name].with_suffix(".json").read_text(encoding="utf-8"))
        frame.attrs = {"title": said.get("title") or name, "attribution": said.get("attribution", "")}
        found[name] = frame
    return found
