"""A small published directory of an invented region, for the tests of reports: exact pub_ columns, planted facts.

Twelve countries (QMA to QML), each with a number of districts, ten years, hostile texts from partners, suppressed,
unreported and unmapped cells, a law break, a declared trend, a hot cluster, two vintages.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import published_counts
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from geo.layers import layer
from orchestration.runs import table_declarations
from submissions.vocabulary import fields

COUNTRIES = [f"QM{letter}" for letter in "ABCDEFGHIJKL"]
NAMES = dict(
    zip(
        COUNTRIES,
        [
            "Ardany",
            "Belmora",
            "Cantria",
            "Dorvane",
            "Estmark",
            "Falland",
            "Gravina",
            "Halden Isles",
            "Istria Vale",
            "Jorland",
            "Kestrel",
            "Lumen",
        ],
        strict=True,
    )
)
AS_OF = datetime.date(2025, 3, 31)
ISSUED = datetime.date(2025, 3, 1)
HOSTILE = '</script><img src=x onerror=alert(1)>=cmd|"\u2028'
TABLES = (
    "observations", "series", "trends", "hotspots", "corridors", "breaks", "comparability", "coverage",
    "reconciliation", "changes", "areas", "datasets", "verdicts", "shares", "summary",
)  # fmt: skip
DECLARED = table_declarations.tables()
# decimals as doubles, which reading makes of them anyway: tests change figures in frames
TYPES = {
    "string": pa.string(), "double": pa.float64(), "integer": pa.int32(), "boolean": pa.bool_(), "date": pa.date32(),
    "decimal(20, 4)": pa.float64(),
}  # fmt: skip
BALANCE = {"files": 24, "rows_in": 120034, "accepted": 119800, "quarantined": 200, "excluded": 34}
FIELDS = {
    "area_code": {"description": "Code of the area counted", "type": "string", "unit": ""},
    "value": {"description": "The figure as published", "type": "number", "unit": "see unit"},
    "rate_per_100k": {"description": "Figure per 100,000 residents", "type": "number", "unit": "per 100,000"},
    "is_selected": {"description": "Chosen by declared precedence", "type": "boolean", "unit": ""},
    "as_of": {"description": "Figures published up to this day are used", "type": "date", "unit": ""},
}


def build(
    destination: Path,
    districts: int = 20,
    years: int = 10,
    invented: bool = True,
    audience: str = "public",
    drop: tuple[str, ...] = (),
    shift: int = 0,
) -> Path:
    """Write the directory; `drop` leaves tables out, `shift` is added to every figure (for differences)."""
    random = np.random.default_rng(7)
    areas, shapes = _areas(districts)
    (destination / "tables").mkdir(parents=True)
    (destination / "layers").mkdir()
    periods = [str(2025 - years + index) for index in range(years)]
    observations = _observations(areas, periods, random, shift)
    series = _series(observations)
    trends = _trends(series)
    tables = {
        "observations": observations,
        "series": series,
        "trends": trends,
        "hotspots": _hotspots(areas, observations, periods),
        "corridors": _corridors(random, periods[-1]),
        "breaks": _breaks(),
        "comparability": _comparability(),
        "coverage": _coverage(periods),
        "reconciliation": _reconciliation(periods),
        "changes": _changes(observations, periods),
        "areas": areas,
        "datasets": _datasets(),
        "verdicts": published_counts.verdicts(series, trends),
    }
    tables["shares"] = published_counts.shares(observations)
    tables["summary"] = published_counts.summary(tables, BALANCE, AS_OF)
    for name, table in tables.items():
        if name not in drop:
            pq.write_table(as_declared(name, table), destination / "tables" / f"{name}.parquet")
    for name, title in (("country", "Countries"), ("admin1", "Districts")):
        drawn = layer(shapes[shapes["area_level"] == name], name, title, "Invented boundaries")
        (destination / "layers" / f"{name}.json").write_text(json.dumps(drawn, separators=(",", ":")), encoding="utf-8")
    release = {
        "release_id": f"{AS_OF}-0123456789ab",
        "audience": audience,
        "as_of": str(AS_OF),
        "home_kind": "demonstration" if invented else "real",
        "is_invented": invented,
        "schema_version": 1,
        "code_version": "0.1.0+test",
        "parameters": {"minimum_periods_trend": 8, "false_discovery_level": 0.05, "minimum_cell": 11},
        "sources": [
            {"source": "qma_police_ard", "source_name": "Ardany Police " + HOSTILE, "licence": "CC BY 4.0"},
            {"source": "qmz_io_region", "source_name": "Regional Observatory", "licence": "Open licence 1.0"},
        ],
        "balance": BALANCE,
        "fields": FIELDS,
        "tables": table_declarations.described(),
        "labels": fields.labels(),
    }
    (destination / "release.json").write_text(json.dumps(release), encoding="utf-8")
    return destination


def as_declared(name: str, table: pd.DataFrame) -> pa.Table:
    """The table with the columns and types that are declared for it; what the example does not say is missing."""
    columns = DECLARED[name].columns
    assert set(table.columns) <= set(columns), f"{name} is not declared with {set(table.columns) - set(columns)}"
    arrays = {}
    for column, kind in columns.items():
        if column not in table:
            arrays[column] = pa.nulls(len(table), TYPES[kind])
        else:
            arrays[column] = pa.array(table[column], from_pandas=True).cast(TYPES[kind])
    return pa.table(arrays)


def _areas(districts: int) -> tuple[pd.DataFrame, gpd.GeoDataFrame]:
    random = np.random.default_rng(3)
    coast = shapely.Polygon(
        [
            (-150 + 9 * r * np.cos(a), 2 + 6 * r * np.sin(a))
            for a, r in zip(np.linspace(0, 2 * np.pi, 60, endpoint=False), random.uniform(0.85, 1.1, 60), strict=True)
        ]
    )
    country_shapes = _divide(coast, len(COUNTRIES), random)
    rows = [("WLD", "Whole region", "world", "", False)]
    records = []
    for code, shape in zip(COUNTRIES, country_shapes, strict=True):
        rows.append((code, NAMES[code], "country", "WLD", True))
        records.append((code, NAMES[code], "country", shape))
        for index, part in enumerate(_divide(shape, districts, random), start=1):
            name = f"{NAMES[code]} district {index}"
            if (code, index) == ("QMB", 2):
                name = "Belmora " + HOSTILE
            rows.append((f"{code}-{index:02d}", name, "admin1", code, True))
            records.append((f"{code}-{index:02d}", name, "admin1", part))
    areas = pd.DataFrame(rows, columns=["area_code", "area_name", "area_level", "parent_code", "has_polygon"])
    areas["area_set"] = "qm_region"
    shapes = gpd.GeoDataFrame(
        records, columns=["area_code", "area_name", "area_level", "geometry"], geometry="geometry", crs="EPSG:4326"
    )
    return areas.sort_values("area_code", ignore_index=True), shapes


def _divide(shape: shapely.Geometry, count: int, random: np.random.Generator) -> list[shapely.Geometry]:
    """Voronoi parts of a shape, evened out by two steps of Lloyd."""
    west, south, east, north = shape.bounds
    points: list[shapely.Point] = []
    while len(points) < count:
        point = shapely.Point(random.uniform(west, east), random.uniform(south, north))
        if shape.contains(point):
            points.append(point)
    parts: list[shapely.Geometry] = []
    for _ in range(3):
        cells = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=shape, ordered=True))
        parts = [shapely.intersection(cell, shape) for cell in cells]
        points = [part.centroid if part.contains(part.centroid) else part.representative_point() for part in parts]
    return parts


def _observations(areas: pd.DataFrame, periods: list[str], random: np.random.Generator, shift: int) -> pd.DataFrame:
    rows = []
    for index, area in enumerate(areas.itertuples()):
        size = {"world": 240, "country": 20 + 4 * (index % 9), "admin1": 1}[area.area_level]
        population = 200_000 * size
        country = area.parent_code if area.area_level == "admin1" else area.area_code
        hot = area.area_level == "admin1" and country == "QMC"
        for measure, base in (("victims_detected", 22), ("persons_convicted", 6)):
            forms = ("_T", "SEX", "LAB", "LAB+SEX") if measure == "victims_detected" else ("_T",)
            for exploitation in forms:
                share = {"_T": 1.0, "SEX": 0.45, "LAB": 0.4, "LAB+SEX": 0.1}[exploitation]
                for step, period in enumerate(periods):
                    growth = 1.06**step if country in ("QMA", "QMC", "WLD") else 1.0
                    law = 2.0 if country == "QMD" and int(period) >= 2020 else 1.0
                    mean = base * size * share * growth * law * (3.0 if hot else 1.0)
                    value = float(random.poisson(mean)) + shift
                    rows.append(
                        _observation(area, measure, exploitation, "_T", "_T", period, value, population, country)
                    )
            if area.area_level != "admin1" and measure == "victims_detected":
                for sex, age in (
                    ("F", "_T"),
                    ("M", "_T"),
                    ("F", "0-17"),
                    ("F", "18+"),
                    ("M", "0-17"),
                    ("M", "18+"),
                ):
                    value = float(random.poisson(base * size * (0.3 if age == "_T" else 0.15)))
                    rows.append(_observation(area, measure, "_T", sex, age, periods[-1], value, population, country))
    return pd.DataFrame(rows).sort_values(
        ["area_code", "measure", "exploitation", "sex", "age", "period"], ignore_index=True
    )


def _observation(area, measure, exploitation, sex, age, period, value, population, country) -> dict:
    status = {"obs_status": "A", "conf_status": "F", "missing_reason": ""}
    lower = upper = value
    if area.area_level == "admin1" and value < 11:
        value, lower, upper = np.nan, np.nan, np.nan
        status = {"obs_status": "Q", "conf_status": "D", "missing_reason": "suppressed"}
    if country == "QMK" and int(period) >= 2023:
        value, lower, upper = np.nan, np.nan, np.nan
        status = {"obs_status": "M", "conf_status": "F", "missing_reason": "not_reported"}
    rate = value / population * 100_000
    error = 1.96 * np.sqrt(max(value, 1)) / population * 100_000 if value == value else np.nan
    return dict(
        table_id="measure_by_area",
        area_code=area.area_code,
        area_name=area.area_name,
        area_level=area.area_level,
        area_role="detection",
        period=period,
        period_start=datetime.date(int(period), 1, 1),
        measure=measure,
        unit="persons",
        reporter="police",
        offence="_T",
        exploitation=exploitation,
        sex=sex,
        age=age,
        counterpart_area="_T",
        counterpart_role="_Z",
        detail_kind="_T",
        detail="_T",
        value=value,
        lower=lower,
        upper=upper,
        rate_per_100k=rate,
        derivation="published",
        source="qmz_io_region",
        dataset="cases",
        definition_id=f"{country}_act_{1 if int(period) < 2020 else 2}",
        comparability="B" if country == "QMD" else "A",
        issued_on=ISSUED,
        as_of=AS_OF,
        frequency="A",
        parent_code=area.parent_code,
        rate_lower_per_100k=rate - error,
        rate_upper_per_100k=rate + error,
        population_count=float(population),
        population_period=period,
        is_population_carried=False,
        is_overlapping=False,
        **status,
    )


def _series(observations: pd.DataFrame) -> pd.DataFrame:
    series = observations[[name for name in DECLARED["series"].columns if name in observations]].copy()
    series = series[(series["sex"] == "_T")]
    series["series_id"] = (
        series["area_code"] + "." + series["measure"] + "." + series["exploitation"] + "." + series["source"]
    )
    series["precedence"] = 1
    series["is_selected"] = True
    series["is_leading"] = True
    series["part"] = "whole"
    series["areas_reporting_count"] = np.where(series["area_code"] == "WLD", 11, 1)
    series["areas_panel_count"] = np.where(series["area_code"] == "WLD", 10, 1)
    series["coverage_share"] = np.where(series["area_code"] == "WLD", 11 / 12, 1.0)
    series["top_contributor_area"] = np.where(series["area_code"] == "WLD", "QMC", "")
    series["top_contributor_share"] = np.where(series["area_code"] == "WLD", 0.31, np.nan)
    series["index_value"] = np.nan
    world = series[(series["area_code"] == "WLD") & (series["exploitation"] == "_T")]
    extra = []
    for derivation in ("balanced_panel", "chain_linked"):
        part = world.copy()
        part["derivation"] = derivation
        part["series_id"] = part["series_id"] + "." + derivation
        part["is_selected"] = part["is_leading"] = False
        part["precedence"] = 2
        part["value"] = part["value"] * (0.8 if derivation == "balanced_panel" else 1.0)
        first = part.groupby("measure")["value"].transform("first")
        part["index_value"] = part["value"] / first * 100
        extra.append(part)
    other = world.copy()
    other["source"], other["series_id"], other["is_selected"] = "qma_police_ard", other["series_id"] + ".alt", False
    other["is_leading"] = False
    other["precedence"], other["value"] = 3, other["value"] * 0.6
    return pd.concat([series, *extra, other]).sort_values(["series_id", "period"], ignore_index=True)


def _trends(series: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for series_id, group in series.groupby("series_id", sort=True):
        first = group.iloc[0]
        values = group["value"].to_numpy(float)
        known = values[~np.isnan(values)]
        row = {
            "series_id": series_id,
            "eligibility": "assessed",
            "eligibility_reason": "",
            "first_period": group["period"].iloc[0],
            "last_period": group["period"].iloc[-1],
            "periods_count": len(known),
            "regimes_count": 1,
            "tau": np.nan,
            "s": np.nan,
            "z": np.nan,
            "p": np.nan,
            "q_bh": np.nan,
            "q_by": np.nan,
            "family_id": f"{first.measure}.{first.area_level}",
            "family_count": 240 if first.area_level == "admin1" else 12,
            "slope_per_year": np.nan,
            "slope_lower_per_year": np.nan,
            "slope_upper_per_year": np.nan,
            "slope_of_median_per_year_share": np.nan,
            "trend_ratio_per_year": np.nan,
            "trend_ratio_lower": np.nan,
            "trend_ratio_upper": np.nan,
            "step_on": None,
            "step_ratio": np.nan,
            "step_ratio_lower": np.nan,
            "step_ratio_upper": np.nan,
            "direction": "",
            "method": "mann_kendall",
            "method_version": "1",
        }
        if len(known) < 8:
            reported = len(known) + group["missing_reason"].eq("suppressed").sum()
            row["eligibility"] = "too_short" if reported < 8 else "not_assessed"
            row["eligibility_reason"] = f"{len(known)} of 8 periods" if reported < 8 else "suppressed"
        else:
            growing = first.area_code in ("WLD", "QMA", "QMC") or first.area_code.startswith(("QMA-", "QMC-"))
            slope = float(np.polyfit(np.arange(len(known)), known, 1)[0])
            spread = float(np.std(known) / 4 + 0.4)
            law = first.area_code.startswith("QMD")
            row.update(
                tau=0.8 if growing else 0.1,
                s=30.0,
                z=2.9,
                p=0.004 if growing else 0.6,
                q_bh=0.01 if growing else 0.7,
                q_by=0.04 if growing else 1.0,
                slope_per_year=0.2 if law else slope,
                slope_lower_per_year=(0.2 if law else slope) - spread,
                slope_upper_per_year=(0.2 if law else slope) + spread,
                slope_of_median_per_year_share=(0.01 if law else slope) / max(known.mean(), 1),
                trend_ratio_per_year=1 + (0.01 if law else slope) / max(known.mean(), 1),
                trend_ratio_lower=1 + ((0.01 if law else slope) - spread) / max(known.mean(), 1),
                trend_ratio_upper=1 + ((0.01 if law else slope) + spread) / max(known.mean(), 1),
                direction="rose" if growing else "no_clear_change",
                regimes_count=2 if law else 1,
            )
            if law:
                row.update(
                    step_on=datetime.date(2020, 1, 1), step_ratio=2.02, step_ratio_lower=1.8, step_ratio_upper=2.3
                )
        keep = [
            "area_code",
            "area_name",
            "area_level",
            "area_role",
            "measure",
            "unit",
            "reporter",
            "offence",
            "exploitation",
            "sex",
            "age",
            "source",
            "dataset",
            "derivation",
            "frequency",
            "as_of",
        ]
        rows.append(row | {name: first[name] for name in keep})
    return pd.DataFrame(rows)


def _hotspots(areas: pd.DataFrame, observations: pd.DataFrame, periods: list[str]) -> pd.DataFrame:
    rows = []
    totals = observations[
        (observations["exploitation"] == "_T") & (observations["sex"] == "_T") & (observations["age"] == "_T")
    ]
    for record in totals[totals["area_level"].isin(["country", "admin1"])].itertuples():
        funnel = record.area_level == "country"
        known = record.value == record.value
        base = 22 if record.measure == "victims_detected" else 6
        expected = base * record.population_count / 200_000 * 1.15
        ratio = record.value / expected
        hot = record.area_code.startswith("QMC")
        if not known:
            assessment, eligibility = "", "not_assessed"
        elif funnel:
            assessment, eligibility = ("above" if ratio > 1.25 else "below" if ratio < 0.8 else "within"), "assessed"
        else:
            cold = record.area_code in ("QMF-03", "QMF-04")
            assessment, eligibility = ("hot" if hot else "cold" if cold else "not_significant"), "assessed"
        rows.append(
            {
                "area_code": record.area_code,
                "area_level": record.area_level,
                "area_set": "qm_region",
                "measure": record.measure,
                "exploitation": "_T",
                "source": record.source,
                "dataset": record.dataset,
                "period": record.period,
                "method": "funnel" if funnel else "getis_ord_star",
                "value": record.value,
                "population_count": record.population_count,
                "expected_count": expected,
                "ratio": ratio,
                "z": 4.2 if hot else 0.3,
                "p": 0.0001 if hot else 0.7,
                "p_upper_bound": 0.0002,
                "p_normal": 0.0001,
                "q_bh": 0.001 if hot else 0.9,
                "q_by": 0.004 if hot else 1.0,
                "family_id": f"{record.measure}.{record.area_level}",
                "family_count": 12 if funnel else 240,
                "limit_lower_95": 1 - 1.96 / np.sqrt(expected) if funnel else np.nan,
                "limit_upper_95": 1 + 1.96 / np.sqrt(expected) if funnel else np.nan,
                "limit_lower_998": 1 - 3.09 / np.sqrt(expected) if funnel else np.nan,
                "limit_upper_998": 1 + 3.09 / np.sqrt(expected) if funnel else np.nan,
                "assessment": assessment,
                "eligibility": eligibility,
                "eligibility_reason": "" if known else record.missing_reason,
                "emerging_category": "" if funnel else "persistent hot spot" if hot else "no pattern detected",
                "emerging_eligibility": "not_assessed" if funnel else "assessed",
                "emerging_reason": "",
                "method_version": "1",
                "area_name": record.area_name,
                "parent_code": record.parent_code,
                "rate_per_100k": record.rate_per_100k,
                "rate_lower_per_100k": record.rate_lower_per_100k,
                "rate_upper_per_100k": record.rate_upper_per_100k,
                "comparability": record.comparability,
                "issued_on": ISSUED,
                "is_leading": True,
                "as_of": AS_OF,
            }
        )
    table = pd.DataFrame(rows)
    # two districts never report: they stay out of the table and show as not reported on the map
    return table[~table["area_code"].isin(["QML-01", "QML-02"])].reset_index(drop=True)


def _corridors(random: np.random.Generator, period: str) -> pd.DataFrame:
    rows = []
    for origin in COUNTRIES[:8]:
        for target in COUNTRIES:
            value = float(random.poisson(60 if (origin, target) == ("QMB", "QMC") else 18))
            small = value < 11
            strong = (origin, target) == ("QMB", "QMC")
            rows.append(
                {
                    "counterpart_area": origin,
                    "counterpart_role": "citizenship",
                    "area_code": target,
                    "measure": "victims_detected",
                    "source": "qmz_io_region",
                    "dataset": "cases",
                    "period": period,
                    "value": np.nan if small else value,
                    "share": np.nan if small else value / 2000,
                    "location_quotient": np.nan if small else value / 18,
                    "expected_count": 18.0,
                    "residual": np.nan if small else (value - 18) / np.sqrt(18),
                    "p": np.nan if small else 0.0001 if strong else 0.5,
                    "q": np.nan if small else 0.002 if strong else 0.9,
                    "family_count": 96,
                    "assessment": "" if small else "above" if strong else "within",
                    "eligibility": "not_assessed" if small else "assessed",
                    "eligibility_reason": "suppressed" if small else "",
                    "area_name": NAMES[target],
                    "counterpart_area_name": NAMES[origin],
                    "lower": np.nan if small else value,
                    "upper": np.nan if small else value,
                    "issued_on": ISSUED,
                    "as_of": AS_OF,
                }
            )
    return pd.DataFrame(rows)


def _breaks() -> pd.DataFrame:
    rows = [
        (
            "QMD",
            "2020-01-01",
            "law",
            "victims_detected",
            "The offence was widened to child victims without means",
            "QMD_act_1",
            "QMD_act_2",
            "stratum",
        ),
        (
            "QMB",
            "2019-07-01",
            "source mix",
            "victims_detected",
            "A second police force began to report " + HOSTILE,
            "",
            "",
            "drawn",
        ),
    ]
    return pd.DataFrame(
        [
            {
                "area_code": code,
                "area_name": NAMES[code],
                "break_on": datetime.date.fromisoformat(day),
                "kind": kind,
                "measure": measure,
                "evidence": evidence,
                "definition_before_id": before,
                "definition_after_id": after,
                "treatment": treatment,
                "as_of": AS_OF,
            }
            for code, day, kind, measure, evidence, before, after, treatment in rows
        ]
    )


def _comparability() -> pd.DataFrame:
    rows = []
    for code in COUNTRIES:
        for part, (start, end) in enumerate((("2008-01-01", "2020-01-01"), ("2020-01-01", None)), start=1):
            grade = "B" if (code in ("QMD", "QME") and part == 1) else "C" if code == "QMJ" else "A"
            rows.append(
                {
                    "jurisdiction": code,
                    "area_name": NAMES[code],
                    "definition_id": f"{code}_act_{part}",
                    "statute": "Penal Code",
                    "provision": f"s. {100 + part}",
                    "valid_from": datetime.date.fromisoformat(start),
                    "valid_to": datetime.date.fromisoformat(end) if end else None,
                    "has_act_match": True,
                    "has_means_match": grade != "C",
                    "has_child_rule_match": grade == "A",
                    "purposes_share": 1.0 if grade == "A" else 0.6,
                    "elements_share": 1.0 if grade == "A" else 0.7,
                    "comparability": grade,
                    "override_reason": "",
                    "penalties": "up to 10 years",
                    "citation": "Gazette 12/2008",
                    "review_status": "reviewed",
                    "as_of": AS_OF,
                }
            )
    return pd.DataFrame(rows)


def _coverage(periods: list[str]) -> pd.DataFrame:
    rows = []
    for code in COUNTRIES:
        late = code == "QMK"
        reported = len(periods) - (2 if late else 0)
        rows.append(
            {
                "source": "qmz_io_region",
                "source_name": "Regional Observatory",
                "dataset": "cases",
                "dataset_name": "Case statistics",
                "area_code": code,
                "area_name": NAMES[code],
                "frequency": "A",
                "first_period": periods[0],
                "last_period": periods[reported - 1],
                "periods_reported_count": reported,
                "periods_expected_count": len(periods),
                "coverage_share": reported / len(periods),
                "last_issued_on": ISSUED,
                "due_on": datetime.date(2025, 6, 1),
                "is_late": late,
                "days_late": 395 if late else 0,
                "unmapped_count": 14 if code == "QMB" else 0,
                "quality_note": "",
                "as_of": AS_OF,
            }
        )
    return pd.DataFrame(rows)


def _reconciliation(periods: list[str]) -> pd.DataFrame:
    rows = []
    for code, verdict, gap in (("QMA", "equal", 0.0), ("QME", "under", -38.0), ("QMG", "undecided", 0.0)):
        for period in periods[-3:]:
            rows.append(
                {
                    "area_code": code,
                    "area_name": NAMES[code],
                    "period": period,
                    "measure": "victims_detected",
                    "source": "qmz_io_region",
                    "dataset": "cases",
                    "split": "sex",
                    "total_value": 440.0,
                    "parts_lower": 440.0 + gap,
                    "parts_upper": 440.0 + gap + (4 if verdict == "undecided" else 0),
                    "gap_lower": gap,
                    "gap_upper": gap + (4 if verdict == "undecided" else 0),
                    "verdict": verdict,
                    "as_of": AS_OF,
                }
            )
    return pd.DataFrame(rows)


def _changes(observations: pd.DataFrame, periods: list[str]) -> pd.DataFrame:
    rows = []
    chosen = observations[
        (observations["area_level"] == "country")
        & (observations["exploitation"] == "_T")
        & (observations["sex"] == "_T")
        & (observations["period"].isin(periods[-4:]))
        & observations["value"].notna()
    ]
    for index, record in enumerate(chosen.itertuples()):
        kind = "new" if record.period == periods[-1] else "revised"
        previous = np.nan if kind == "new" else record.value - (120 if record.area_code == "QMC" else index % 5 + 1)
        rows.append(
            {
                "area_code": record.area_code,
                "area_name": record.area_name,
                "area_level": record.area_level,
                "measure": record.measure,
                "exploitation": "_T",
                "sex": "_T",
                "age": "_T",
                "source": record.source,
                "dataset": record.dataset,
                "period": record.period,
                "unit": "persons",
                "issued_on": ISSUED,
                "previous_issued_on": datetime.date(2024, 3, 1),
                "value": record.value,
                "lower": record.value,
                "upper": record.value,
                "previous_value": previous,
                "previous_lower": previous,
                "previous_upper": previous,
                "difference": record.value - previous,
                "difference_lower": record.value - previous,
                "difference_upper": record.value - previous,
                "difference_certain": record.value - previous,
                "kind": kind,
                "is_moved": kind == "revised",
                "is_selected": True,
                "frequency": "A",
                "reporter": "police",
                "as_of": AS_OF,
            }
        )
    return pd.DataFrame(rows)


def _datasets() -> pd.DataFrame:
    common = {
        "sector": "io",
        "legal_basis": "agreement",
        "dataset": "cases",
        "dataset_name": "Case statistics",
        "source_type": "police",
        "counting_unit": "persons",
        "period_basis": "detection",
        "age_basis": "at_identification",
        "population_basis": "resident",
        "multi_response": "exploitation",
        "last_issued_on": ISSUED,
        "as_of": AS_OF,
    }
    return pd.DataFrame(
        [
            dict(source="qma_police_ard", source_name="Ardany Police " + HOSTILE, licence="CC BY 4.0", **common),
            dict(source="qmz_io_region", source_name="Regional Observatory", licence="Open licence 1.0", **common),
        ]
    )
