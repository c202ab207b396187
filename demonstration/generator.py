"""The demonstration: an invented region, its partners' files and the truth planted in them, always the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely

from demonstration import companions, counts, effects, geography, police, region, troubles
from demonstration.files import write_json
from demonstration.labels import CONTRACTS, area_names
from demonstration.truth import PlantedTruth, planted_truth

DEFAULT_SEED = 20_250_101

__all__ = ["CONTRACTS", "DEFAULT_SEED", "PlantedTruth", "generate"]


def generate(destination: Path, seed: int = DEFAULT_SEED, scale: float = 1.0) -> PlantedTruth:
    """Write destination/inbox/<partner>/<files>, destination/areas/*.geojson and destination/planted_truth.json.

    The map, the names, the partners and the planted effects are the same for every seed; the seed moves the counts.
    `scale` multiplies the expected number of persons. The contracts stand in `CONTRACTS`.
    Raises ValueError for a scale that is not above zero.
    """
    if not scale > 0:
        raise ValueError(f"scale must be above 0, not {scale}")
    destination = Path(destination)
    streams = np.random.SeedSequence(seed).spawn(4)
    population_draw, counts_draw, police_draw, companions_draw = (np.random.default_rng(stream) for stream in streams)

    land = geography.build()
    planted = effects.build(land)
    residents = region.population(land, population_draw)
    drawn = counts.draw(land, planted, residents, counts_draw, scale)

    inbox = destination / "inbox"
    police_truth = police.write(inbox, land, drawn, police_draw)
    companion_truth = companions.write(inbox, land, residents, drawn, companions_draw)
    withdrawals, bad_files, without_contract = troubles.write(inbox)
    _write_areas(destination / "areas", land)

    truth = planted_truth(land, planted, drawn, police_truth, companion_truth, withdrawals, bad_files, without_contract)
    truth.content["made_with"] = {"seed": seed, "scale": scale}
    write_json(destination / "planted_truth.json", truth.content)
    return truth


def _write_areas(folder: Path, land: geography.Geography) -> None:
    """Small areas, and countries made of them with the same vertices."""
    names = area_names()
    countries = sorted(set(land.countries))
    owners = np.array(land.countries)
    unions = [shapely.coverage_union_all(land.polygons[owners == country]) for country in countries]
    unions = shapely.orient_polygons(shapely.normalize(np.array(unions)))
    _write_geojson(folder / "invented_areas.geojson", land.codes, land.polygons, names)
    _write_geojson(folder / "invented_countries.geojson", countries, unions, names)


def _write_geojson(path: Path, codes: Any, shapes: Any, names: dict[str, tuple[str, str, str]]) -> None:
    features = []
    for code, shape in zip(codes, shapes, strict=True):
        parts = [
            [[list(point) for point in ring.coords] for ring in (part.exterior, *part.interiors)]
            for part in shapely.get_parts(shape)
        ]
        single = len(parts) == 1
        geometry = {"type": "Polygon" if single else "MultiPolygon", "coordinates": parts[0] if single else parts}
        name, level, parent = names[code]
        properties = {"area_code": code, "area_name": name, "area_level": level, "parent_code": parent}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    write_json(path, {"type": "FeatureCollection", "features": features}, indent=None)
