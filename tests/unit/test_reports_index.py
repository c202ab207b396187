"""The first page counts areas that have figures, and says how many are known."""

import re
import shutil

import duckdb
import pandas as pd
import published_example
import pytest

from reports import release
from reports.pages_overview import areas_with_figures


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return published_example.build(tmp_path_factory.mktemp("published") / "published", districts=4)


def test_areas_without_a_figure_are_not_counted(published, tmp_path):
    folder = tmp_path / "published"
    shutil.copytree(published, folder)
    file = folder / "tables" / "areas.parquet"
    areas = pd.read_parquet(file)
    # areas of the world that nobody reports on
    more = pd.concat([areas.iloc[[-1]].assign(area_code=f"QZZ-{n:03}", area_name=f"Silent {n}") for n in range(300)])
    pd.concat([areas, more], ignore_index=True).to_parquet(file, index=False)
    release.write(folder, tmp_path / "release", browser="/nonexistent/browser")
    page = (tmp_path / "release" / "index.html").read_text(encoding="utf-8")
    with duckdb.connect() as connection:
        ((expected,),) = connection.execute(
            "select count(distinct area_code) from read_parquet(?) where coalesce(value, lower) is not null",
            [str(folder / "tables" / "observations.parquet")],
        ).fetchall()
    assert 0 < expected < len(areas) + 300
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert f"on {expected} areas, brought to common definitions" in text
    assert f"Areas with figures {expected} of {len(areas) + 300} known" in text or (
        f"{expected} Areas with figures of {len(areas) + 300} known" in text
    )


def test_an_interval_is_a_figure_and_a_gap_is_none():
    rows = pd.DataFrame(
        {
            "area_code": ["QMA", "QMA", "QMB", "QMC"],
            "value": [1.0, None, None, None],
            "lower": [1.0, None, 0.0, None],
        }
    )
    assert areas_with_figures(rows) == 2
    assert areas_with_figures(rows.iloc[:0]) == 0
