"""Families without any effect through one run of the whole pipeline: how many end with a claim?

    python tests/campaigns/null_families.py

An invented region of three countries, each cut into squares, sends Poisson counts whose rates are the same everywhere
and for ever; only the populations differ. Files, contracts and boundaries are written like any partner's, one run takes
them to releases, and the releases' own tables are read. A claim is `rose` or `fell` in the table of trends, `hot` or
`cold` in the table of hotspots, a form that grew or shrank, a change of level or a joinpoint in the table of trends, a cluster in the table of clusters, an alarm, any class of change over time. A family is one
question shown together (its `family_id` or `map_id`): a map of one period, a map's areas over all periods, or a set of
trends. With control at 5 %, at most 5 % of such families may
hold a claim, whatever their size.
"""

from __future__ import annotations

import csv
import json
import math
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import numpy as np
import pandas as pd
import yaml
from scipy.stats import binom

SIGNIFICANCE = 0.05
CONFIDENCE = 0.999
SEED = 20_250_101
YEARS = range(2015, 2025)
QUARTERS = [f"{year}-Q{quarter}" for year in range(2020, 2025) for quarter in range(1, 5)]
ISSUED_ON = "2025-02-01"
# Counted in persons and published for every level of area; expected persons an area and period, from nearly nothing to
# plenty. A public release protects all figures about the same people together, so no measure is sent twice by public
# partners; the restricted one sends every measure many times over, as sources of its own.
BY_QUARTER = {"persons_suspected": 10.0, "persons_prosecuted": 1.0, "persons_convicted": 40.0}
BY_YEAR = {"victims_identified": 40.0, "victims_referred": 3.0}
MEASURES = ("victims_detected", *BY_YEAR, *BY_QUARTER)
MEANS = (0.3, 1.0, 3.0, 10.0, 40.0)
FORMS = {"SEX": 0.6, "LAB": 0.4}
YEAR = "(?P<year>\\d{4})"
Row = tuple[object, ...]


@dataclass(frozen=True)
class Country:
    """A country of `across` x `down` squares of a quarter of a degree, and how its residents are spread over them."""

    code: str
    name: str
    across: int
    down: int
    residents: str

    @property
    def areas(self) -> list[str]:
        return [f"{self.code}-{number:02d}" for number in range(1, self.across * self.down + 1)]

    def populations(self, random: np.random.Generator) -> np.ndarray:
        """Residents an area: the same everywhere, drawn apart, or a city with its surroundings."""
        column, row = np.meshgrid(np.arange(self.across), np.arange(self.down))
        if self.residents == "equal":
            people = np.full(column.shape, 100_000.0)
        elif self.residents == "scattered":
            people = 80_000 * np.exp(random.normal(0, 0.9, column.shape))
        else:
            distance = np.hypot(column - self.across / 3, row - self.down / 3)
            people = 20_000 + 900_000 * np.exp(-distance / 1.2)
        return people.round().ravel()


COUNTRIES = (
    Country("QMA", "Evenland", 7, 7, "equal"),
    Country("QMB", "Scatterland", 8, 6, "scattered"),
    Country("QMC", "Cityland", 7, 7, "city"),
)


def generate(folder: Path, share: float = 1.0, seed: int = SEED) -> None:
    """Write `folder`/inbox, contracts and areas: with `share` = 1 about 450 maps and 250 sets of trends.

    The same arguments give the same bytes.
    """
    alternatives = max(1, round(12 * share))
    by_quarter = dict(list(BY_QUARTER.items())[: max(1, round(len(BY_QUARTER) * share))])
    for number, country in enumerate(COUNTRIES):
        random = np.random.default_rng([seed, number])
        _write_areas(folder, country, number)
        people = country.populations(random)
        rows = {
            "quarters": _rows(random, country, people, by_quarter, QUARTERS),
            "years": _rows(random, country, people, BY_YEAR, YEARS),
            "forms": _forms(random, country, people),
        }
        patterns = {"quarters": "(?P<year>\\d{4})-Q(?P<quarter>[1-4])"}
        datasets = {name: _dataset(name, patterns.get(name, YEAR), 1, name == "forms") for name in rows}
        _write_partner(folder, f"{country.code.lower()}_police_null", country, "public", datasets, rows)
        rows = {}
        for order in range(alternatives):
            means = {measure: MEANS[(order + place) % len(MEANS)] for place, measure in enumerate(MEASURES)}
            rows[f"source_{order + 1:02d}"] = _rows(random, country, people, means, YEARS)
        datasets = {name: _dataset(name, YEAR, 2 + order) for order, name in enumerate(rows)}
        _write_partner(folder, f"{country.code.lower()}_police_more", country, "restricted", datasets, rows)
        residents = (
            ("population", area, year, "all", int(count))
            for area, count in zip(country.areas, people, strict=True)
            for year in YEARS
        )
        dataset = _dataset("residents", YEAR, 1) | {"source_type": "stat", "period_basis": "mid year"}
        dataset["columns"] = {**dataset["columns"], "area_role": {"constant": "residence"}}
        _write_partner(
            folder,
            f"{country.code.lower()}_stat_null",
            country,
            "public",
            {"residents": dataset},
            {"residents": residents},
        )


def run(folder: Path, audiences: Sequence[str]) -> Path:
    """One run of the pipeline over the files in `folder`; returns the home's folder of releases.

    Pictures are left out: they repeat what the tables say.
    """
    from orchestration.runs import running
    from orchestration.runs.builds import Request
    from reports.charts import rendering
    from submissions.store.home import Home

    home = Home.open(folder / "home", kind="demonstration", create=True)
    request = Request(home=home, inbox=folder / "inbox", contracts=(folder / "contracts",), areas=(folder / "areas",))
    with mock.patch.object(rendering, "BROWSERS", ()), mock.patch.dict("os.environ", {"BROWSER_PATH": ""}):
        summary = running.run(request, audiences)
    lost = [each for each in summary.files if each["outcome"] != "accepted"]
    if lost or not summary.files:
        raise AssertionError(f"every invented file is a good one, but: {lost or 'none was received'}")
    return home.releases


def families(releases: Path, audience: str) -> pd.DataFrame:
    """One row a family of a release: audience, kind, family_id, tested, has_claim, has_small_p.

    `tested` is the number of members with a p-value; `has_small_p` says that some member has p <= 5 %: what would be
    claimed without false discovery control. Of a country's panels the balanced one is counted: the sum over those who
    report repeats its figures here, and one accident would count twice.
    """
    claimed = (
        f"coalesce(bool_or({{}}), false) as has_claim, coalesce(bool_or(p <= {SIGNIFICANCE}), false) as has_small_p"
    )
    tables = releases / audience / "latest" / "tables"
    residents = " ".join(f"when '{country.code}' then '{country.residents}'" for country in COUNTRIES)
    with duckdb.connect() as connection:
        return connection.execute(
            f"""
            select '{audience}' as audience,
                case when frequency = 'Q' then 'trends of quarters' else 'trends of years' end
                    || case when area_level = 'country' then ', countries' else '' end
                    || case when exploitation <> '_T' then ', by form' else '' end as kind,
                family_id, count(p) as tested, {claimed.format("direction in ('rose', 'fell')")}
            from read_parquet('{tables}/trends.parquet')
            where family_id is not null and derivation <> 'sum_of_reporting' group by all
            union all
            select '{audience}', case when frequency = 'Q' then 'changes of level, quarters' else 'changes of level, years' end
                    || case when area_level = 'country' then ', countries' else '' end
                    || case when exploitation <> '_T' then ', by form' else '' end,
                family_id, count(change_points_p), bool_or(change_points is not null),
                coalesce(bool_or(change_points_p <= {SIGNIFICANCE}), false)
            from read_parquet('{tables}/trends.parquet')
            where family_id is not null and derivation <> 'sum_of_reporting' group by all
            union all
            select '{audience}', 'joinpoints' || case when area_level = 'country' then ', countries' else '' end,
                family_id, count(joinpoints_p), bool_or(joinpoints is not null),
                coalesce(bool_or(joinpoints_p <= {SIGNIFICANCE}), false)
            from read_parquet('{tables}/trends.parquet')
            where exploitation = '_T' and derivation <> 'sum_of_reporting' group by all
            union all
            select '{audience}',
                'maps, residents ' || case left(area_code, 3) {residents} end
                    || case when exploitation <> '_T' then ', by form' else '' end,
                family_id, count(p), {claimed.format("assessment in ('hot', 'cold')")}
            from read_parquet('{tables}/hotspots.parquet') where method <> 'funnel' group by all
            union all
            select '{audience}', 'mixes of forms' || case when area_level = 'country' then ', countries' else '' end,
                family_id, count(distinct area_code) filter (where eligibility = 'assessed'),
                coalesce(bool_or(direction in ('grew', 'shrank')), false), coalesce(bool_or(p <= {SIGNIFICANCE}), false)
            from read_parquet('{tables}/compositions.parquet') group by all
            union all
            select '{audience}', case method when 'circular_scan' then 'clusters' else 'clusters in time' end
                    || ', residents ' || case left(area_code, 3) {residents} end,
                map_id, count(*) filter (where eligibility = 'assessed'), count(cluster_id) > 0, count(cluster_id) > 0
            from read_parquet('{tables}/clusters.parquet') where area_level <> 'country' group by all
            union all
            select '{audience}', 'alerts of quarters' || case when area_level = 'country' then ', countries' else '' end,
                family_id, count(p), {claimed.format("is_alarm")}
            from read_parquet('{tables}/alerts.parquet') group by all
            union all
            select '{audience}', 'classes of change' || case when exploitation <> '_T' then ', by form' else '' end,
                concat_ws('|', left(area_code, 3), measure, exploitation, dataset, length(period)),
                count(distinct area_code) filter (where emerging_eligibility = 'assessed'),
                coalesce(bool_or(emerging_category <> 'No Pattern Detected'), false),
                coalesce(bool_or(emerging_q_bh <= {SIGNIFICANCE}), false)
            from read_parquet('{tables}/hotspots.parquet') where method <> 'funnel' group by all
            order by all
            """
        ).df()


def table(found: pd.DataFrame) -> pd.DataFrame:
    """By audience and kind, and in all: families tested, families with a claim, their share, and what chance allows.

    `limit_low` and `limit_high` hold the number of claims of `families` independent families at exactly 5 % in 99.9 %
    of cases; `uncorrected` is the share of families with any p <= 5 %. Families in which nothing could be tested make
    no claim and are counted apart, so that they cannot thin the share.
    """
    rows = []
    tested = found[found["tested"] > 0]
    groups: Iterator[tuple[tuple[str, str], pd.DataFrame]] = iter(tested.groupby(["audience", "kind"], sort=True))
    wholes = [((audience, "all together"), frame) for audience, frame in tested.groupby("audience", sort=True)]
    for (audience, kind), frame in [*groups, *wholes]:
        count, claims = len(frame), int(frame["has_claim"].sum())
        low, high = binom.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], count, SIGNIFICANCE)
        silent = found[(found["audience"] == audience) & (found["tested"] == 0)]
        rows.append(
            {
                "audience": audience,
                "kind": kind,
                "untested": int(len(silent) if kind == "all together" else (silent["kind"] == kind).sum()),
                "families": count,
                "claims": claims,
                "share": claims / count,
                "uncorrected": float(frame["has_small_p"].mean()),
                "limit_low": int(low),
                "limit_high": int(high),
            }
        )
    return pd.DataFrame(rows)


def above_limit(counted: pd.DataFrame) -> pd.DataFrame:
    """The rows in which more families make a claim than chance allows."""
    return counted[counted["claims"] > counted["limit_high"]]


def main(share: float = 1.0, audiences: Sequence[str] = ("restricted", "public")) -> None:
    """Run the campaign and print its table. Raises AssertionError where claims exceed 5 % beyond Monte Carlo error."""
    folder = Path(tempfile.mkdtemp(prefix="null-families-"))
    try:
        generate(folder, share)
        releases = run(folder, audiences)
        counted = table(pd.concat([families(releases, audience) for audience in audiences], ignore_index=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("Families without an effect: how many end with a claim (5 % may)")
    print(counted.to_string(index=False, formatters={"share": "{:.1%}".format, "uncorrected": "{:.1%}".format}))
    above = above_limit(counted)
    if len(above):
        raise AssertionError(f"more claims than 5 % beyond Monte Carlo error:\n{above.to_string(index=False)}")


def _rows(
    random: np.random.Generator,
    country: Country,
    people: np.ndarray,
    means: Mapping[str, float],
    periods: Sequence[object],
) -> Iterator[Row]:
    """Every measure's counts, at one rate for everybody and for all periods."""
    for measure, mean in means.items():
        counts = _draw(random, people, mean, len(periods))
        for area, row in zip(country.areas, counts, strict=True):
            yield from ((measure, area, period, "all", count) for period, count in zip(periods, row, strict=True))


def _forms(random: np.random.Generator, country: Country, people: np.ndarray) -> Iterator[Row]:
    parts = {form: _draw(random, people, 12 * share, len(YEARS)) for form, share in FORMS.items()}
    for form, counts in {"all": sum(parts.values()), **parts}.items():
        for area, row in zip(country.areas, counts, strict=True):
            yield from (("victims_detected", area, year, form, count) for year, count in zip(YEARS, row, strict=True))


def _draw(random: np.random.Generator, people: np.ndarray, mean: float, periods: int) -> np.ndarray:
    """Counts (areas, periods) at one rate for everybody, `mean` persons in an area of mean size."""
    return random.poisson(np.repeat(mean * people[:, None] / people.mean(), periods, axis=1))


def _dataset(name: str, period: str, precedence: int, has_forms: bool = False) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "measure": {"from": "measure"},
        "area": {"from": "area"},
        "area_role": {"constant": "detection"},
        "period": {"from": "period", "pattern": period},
        "value": {"from": "persons"},
    }
    ignored: dict[str, Any] = {}
    if has_forms:
        columns["exploitation"] = {"from": "form", "values": {"all": "_T"} | {form: form for form in FORMS}}
    else:
        ignored = {"ignored": [{"column": "form", "reason": "this dataset is not split by form: every row says all"}]}
    return {
        **ignored,
        "title": f"Counts without any effect: {name.replace('_', ' ')}",
        "source_type": "police",
        "counting_unit": "persons",
        "period_basis": "detection",
        "population_basis": "residents",
        "precedence": precedence,
        "replaces": "whole_dataset",
        "format": {"type": "csv", "encoding": "utf-8", "delimiter": ","},
        "files": [{"pattern": f"{name}.csv", "issued_on": ISSUED_ON}],
        "columns": columns,
    }


def _write_partner(
    folder: Path,
    partner: str,
    country: Country,
    audience: str,
    datasets: Mapping[str, dict[str, Any]],
    rows: Mapping[str, Iterator[Row]],
) -> None:
    """A contract, and one file a dataset in the partner's inbox."""
    place, inbox = folder / "contracts" / "partners" / partner, folder / "inbox" / partner
    place.mkdir(parents=True)
    inbox.mkdir(parents=True)
    document = {
        "partner": partner,
        "name": f"Counts of {country.name} without any effect",
        "sector": partner.split("_")[1],
        "licence": "invented figures, free to use",
        "legal_basis": "invented, no person stands behind any figure",
        "audience": audience,
        "minimum_cell": 11,
        "cadence": {"every": "1 year", "late_after": "13 months"},
        "datasets": dict(datasets),
    }
    (place / "contract.yml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    for name, lines in rows.items():
        with (inbox / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["measure", "area", "period", "form", "persons"])
            writer.writerows(lines)


def _write_areas(folder: Path, country: Country, number: int) -> None:
    """An area set a country: its squares in an empty stretch of the Pacific, as members and as boundaries."""
    contracts, shapes = folder / "contracts" / "areas", folder / "areas"
    contracts.mkdir(parents=True, exist_ok=True)
    shapes.mkdir(parents=True, exist_ok=True)
    name = f"squares_{country.code.lower()}"
    side, west, south = 0.25, -130.0 + 5 * number, -30.0
    features = []
    for position, area in enumerate(country.areas):
        x = west + side * (position % country.across)
        y = south + side * math.floor(position / country.across)
        ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
        features.append(
            {
                "type": "Feature",
                "properties": {"area_code": area, "area_name": f"Square {area}", "parent_code": country.code},
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    collection = {"type": "FeatureCollection", "features": features}
    (shapes / f"{name}.geojson").write_text(json.dumps(collection), encoding="utf-8")
    document = {
        "area_set": name,
        "title": f"Squares of {country.name}",
        "attribution": "Invented map; no place on it exists",
        "members": f"{name}.csv",
        "boundaries": [
            {
                "pattern": f"{name}.geojson", "code_column": "area_code", "name_column": "area_name",
                "parent_column": "parent_code", "crs": "EPSG:4326",
            }
        ],
    }  # fmt: skip
    (contracts / f"{name}.yml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    with (contracts / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["area_code", "area_name", "area_level", "parent_code"])
        writer.writerow([country.code, country.name, "country", ""])
        writer.writerows([area, f"Square {area}", "admin1", country.code] for area in country.areas)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
