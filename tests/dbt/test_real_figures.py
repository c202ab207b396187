"""UNODC's two releases through intake and warehouse, against figures that pandas counts from the same files.

The files are no part of the project: they are looked for in WAYMARK_SHARED_DATA, else beside the repository, and the
tests are skipped where they are absent.
"""

from __future__ import annotations

import itertools
import os
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from warehouse_build import ROOT, Build, create_sources

INBOX = Path(os.environ.get("WAYMARK_SHARED_DATA", ROOT.parent / "shared" / "data")) / "inbox"
PARTNER = "int_io_unodc"
RELEASES = {
    "2024-12-31": ("unodc_glotip_data_vintage_2024_04.xlsx", 0),
    "2025-12-31": ("unodc_glotip_data_vintage_2025_04_14.xlsx", 2),
}

pytestmark = pytest.mark.skipif(
    not (INBOX / PARTNER).is_dir(), reason=f"real files are not at hand ({INBOX}); set WAYMARK_SHARED_DATA"
)


def country_totals(as_of: str) -> pd.Series:
    """Detected victims as text, by country and year: the rows of the release that are totals of a named country."""
    name, header = RELEASES[as_of]
    table = pd.read_excel(INBOX / PARTNER / name, dtype=str, keep_default_na=False, engine="calamine", header=header)
    is_total = (table["Dimension"] == "Total") & (table["Sex"] == "Total") & (table["Age"] == "Total")
    is_country = (table["Country"] != "") & (table["Iso3_code"] != "")
    chosen = table[is_total & is_country & (table["Indicator"] == "Detected trafficking victims")]
    return chosen.set_index(["Iso3_code", "Year"])["txtVALUE"]


def exact(totals: pd.Series) -> pd.DataFrame:
    """Exact totals as a table country x year; `<5` is no number."""
    numbers = pd.to_numeric(totals.str.replace(",", ""), errors="coerce").dropna()
    return numbers.unstack("Year")


def bounds(totals: pd.Series) -> pd.DataFrame:
    """Least and most that each total can be: `<5` is 0 to 4, since the publisher shows no zeros beside it."""
    numbers = pd.to_numeric(totals.str.replace(",", ""), errors="coerce")
    few = totals.eq("<5")
    table = pd.DataFrame({"lower": numbers.mask(few, 0), "upper": numbers.mask(few, 4)})
    return table.dropna()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory):
    from submissions.contracts import area_sets, definitions, loading
    from submissions.reception import receiving
    from submissions.store.home import Home

    folder = tmp_path_factory.mktemp("real")
    inbox = folder / "inbox" / PARTNER
    inbox.mkdir(parents=True)
    for name, _ in RELEASES.values():
        shutil.copy(INBOX / PARTNER / name, inbox / name)
    opened = Home.open(folder / "home", kind="real", create=True)
    roots = loading.roots(None, opened.path)
    area_sets.record(opened, roots)
    definitions.record(opened, roots)
    received = receiving.receive(opened, inbox.parent)
    assert all(receipt.rows_accepted for receipt in received.receipts)
    return opened


def built(build: Build, home, as_of: str) -> Build:
    from submissions.store import lake

    build.path.unlink(missing_ok=True)
    with build.connect() as connection:
        create_sources(connection)
        lake.load(connection, home, as_of=date.fromisoformat(as_of))
    build.dbt("build", "--select", "tag:marts", "--exclude-resource-type", "unit_test", "test")
    build.protect_nothing()
    build.dbt("build", "--select", "tag:protected", "tag:published", "--exclude-resource-type", "unit_test", "test")
    return build


WORLD = """
    select period, cast(value as integer), cast(lower as integer), cast(upper as integer), areas_reporting_count,
        areas_panel_count
    from pub_series
    where area_code = 'WLD' and measure = 'victims_detected' and sex = '_T' and age = '_T' and exploitation = '_T'
        and derivation = '{}'
    order by period
"""
CHANGES = """
    select kind, count(*)
    from fct_changes
    where measure = 'victims_detected' and exploitation = '_T' and sex = '_T' and age = '_T' and counterpart_area = '_T'
    group by kind
"""


@pytest.mark.parametrize("as_of", RELEASES)
def test_world_sums_panels_and_changes(build: Build, home, as_of: str) -> None:
    warehouse = built(build, home, as_of)
    table = exact(country_totals(as_of))

    # the world is the sum of all that report, in bounds: exact only where each of them is
    reporting = {row[0]: row[1:] for row in warehouse.rows(WORLD.format("sum_of_reporting"))}
    by_year = bounds(country_totals(as_of)).groupby(level="Year").agg(["sum", "count"]).astype(int)
    expected = {}
    for year, row in by_year.iterrows():
        least, most, count = row[("lower", "sum")], row[("upper", "sum")], row[("lower", "count")]
        expected[year] = (least if least == most else None, least, most, count, count)
    assert reporting == expected
    if as_of == max(RELEASES):
        assert reporting["2017"] == (None, 46_000, 46_092, 136, 136)
    chosen = "select distinct derivation from pub_series where is_selected and area_code = 'WLD' and measure = 'victims_detected'"
    assert warehouse.rows(chosen) == [("sum_of_reporting",)]

    balanced = warehouse.rows(WORLD.format("balanced_panel"))
    years = [row[0] for row in balanced]
    # the rule of the window, tried out: at least 8 years, an end among the last three, most areas x periods
    columns = sorted(table.columns)
    best = max(
        (len(table[columns[first : last + 1]].dropna()) * (last - first + 1), last, -first)
        for first, last in itertools.combinations(range(len(columns)), 2)
        if last >= len(columns) - 3 and last - first + 1 >= 8
    )
    assert years == columns[-best[2] : best[1] + 1]
    panel = table[years].dropna()
    assert [row[1] for row in balanced] == [int(panel[year].sum()) for year in years]
    assert {row[5] for row in balanced} == {len(panel)}

    changes = dict(warehouse.rows(CHANGES))
    if as_of == min(RELEASES):
        assert changes == {}
    else:
        before, now = country_totals(min(RELEASES)), country_totals(as_of)
        common = before.index.intersection(now.index)
        assert changes == {
            "revised": int((before[common] != now[common]).sum()),
            "new": len(now.index.difference(before.index)),
            "gone": len(before.index.difference(now.index)),
        }
