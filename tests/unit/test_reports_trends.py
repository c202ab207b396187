"""What the pages say of new levels, bends, mixes of forms and concentration: sentences, marks and rows."""

import numpy as np
import pandas as pd
import published_counts
import published_example
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.charts.series import read_series
from reports.charts.site import Site
from reports.pages import composition, corridors, trends
from reports.tables import read
from reports.wording.cells import plain
from reports.wording.series_words import change_sentence, unexplained_changes
from reports.wording.words import Words, period_start
from submissions.vocabulary.fields import labels

NOTHING = {"at": "trends.0", "change_points": None, "change_points_explained": None, "joinpoints": None}


@pytest.fixture
def published(tmp_path):
    return published_example.build(tmp_path / "published", districts=4)


def change(published, name, function):
    path = published / "tables" / f"{name}.parquet"
    table = function(pq.read_table(path).to_pandas() if path.exists() else None)
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path)


def test_a_new_level_is_said_with_its_size_and_its_doubt():
    trend = NOTHING | {"change_points": "2017, 2024-Q1", "change_points_q_bh": 0.004, "change_point_ratio": 2.5}
    assert plain(change_sentence(trend)) == (
        "The level changes in 2017 and 2024 Q1; no known break explains it (q = 0.004). "
        "Since 2024 Q1 it is 2.50 times the level before."
    )


def test_what_a_known_break_explains_is_no_news():
    trend = NOTHING | {"change_points": "2017, 2020", "change_points_explained": "2017", "change_points_q_bh": 1e-9}
    assert unexplained_changes(trend) == ["2020"]
    assert "2017" not in change_sentence(trend | {"change_point_ratio": np.nan})
    assert change_sentence(trend | {"change_points": "2017"}) == ""


def test_a_bend_is_said_with_the_newest_rate():
    trend = NOTHING | {"joinpoints": "2016, 2019", "apc_last": 4.12, "apc_last_low": 1.2, "apc_last_high": 7.0}
    assert plain(change_sentence(trend)) == "The course bends: since 2019 +4.1 % a year (95 % interval +1.2 to +7.0)."


@pytest.mark.parametrize(
    "trend", [None, {}, NOTHING, dict.fromkeys(NOTHING, "")], ids=["none", "empty", "nothing", "blank"]
)
def test_without_a_change_nothing_is_said(trend):
    assert change_sentence(trend) == ""
    assert unexplained_changes(trend) == []


@pytest.mark.parametrize(("period", "place"), [("2023", 2023), ("2023-Q3", 2023.5), ("2023-04", 2023.25)])
def test_a_new_level_is_drawn_where_its_first_period_begins(period, place):
    assert period_start(period) == pytest.approx(place)


def test_new_levels_are_marked_in_the_chart_and_named_in_the_table(published):
    def with_changes(table):
        first = table["area_code"] == "QMA"
        return table.assign(
            change_points=np.where(first, "2019", None), change_points_explained=None, change_points_q_bh=0.01,
            change_point_ratio=1.5, joinpoints=None,
        )  # fmt: skip

    change(published, "trends", with_changes)
    book = read_series(read(published))
    series = next(series for series in book.by_area["QMA"] if series.is_total and series.trend is not None)
    found = [mark for mark in book.marks(series) if mark.is_found]
    assert [mark.position for mark in found] == [2019]
    assert 'class="break found"' in book.chart(series)
    assert plain(trends._trend_row(site(published), series)["level"]) == "2019 (level × 1.50)"
    other = next(series for series in book.by_area["QMB"] if series.is_total and series.trend is not None)
    assert not any(mark.is_found for mark in book.marks(other))


def compositions(**columns):
    rows = []
    for code, direction, first, last in (
        ("LAB", "grew", 0.2, 0.5),
        ("SEX", "shrank", 0.7, 0.4),
        ("OTH", "no_clear_change", 0.1, 0.1),
    ):
        rows.append(
            {
                "area_code": "QMA", "area_name": "Ard", "area_level": "country", "area_role": "detection",
                "measure": "victims_detected", "unit": "persons", "reporter": "_T", "source": "qmz_io_region",
                "dataset": "cases", "comparison": "first_and_newest", "period_first": "2015", "period_last": "2024",
                "exploitation": code, "share_first": first, "share_last": last, "direction": direction, "q_bh": 0.0004,
                "q_by": 0.02, "cramers_v": 0.3, "eligibility": "assessed", "eligibility_reason": None, **columns,
            }
        )  # fmt: skip
    refused = rows[0] | {
        "area_code": "QMB", "area_name": "Bel", "exploitation": "_T", "direction": None, "period_last": None,
        "eligibility": "not_assessed", "eligibility_reason": "fewer than 50 in one of the years",
    }  # fmt: skip
    return pd.DataFrame([*rows, refused])


def with_mixes(summary):
    counts = published_counts.Counts(published_example.AS_OF)
    counts.put("compositions_assessed", 1, 2)
    counts.put("compositions_left_out", 1, word="fewer than 50 in one of the years")
    return pd.concat([summary, counts.frame()], ignore_index=True)


def site(published):
    return Site(read(published), [], [], [])


def test_a_shift_of_forms_is_one_row_with_what_grew_and_what_shrank(published):
    change(published, "compositions", lambda _: compositions())
    change(published, "summary", with_mixes)
    section = composition.compositions(site(published))
    assert section is not None
    (row,) = section["rows"]
    assert (row["name"], row["years"]) == ("Ard", "2015 to 2024")
    assert plain(row["grew"]) == "Forced labour 20 % to 50 %"
    assert plain(row["shrank"]) == "Sexual exploitation 70 % to 40 %"
    assert plain(row["q"]) == "< 0.001"
    (refused,) = section["refused"]
    assert (refused["reason"], plain(refused["count"])) == ("Fewer than 50 in one of the years", "1")
    assert plain(section["summary"]) == (
        "1 of 2 mixes of forms could be compared between two years; the table holds those that shifted."
    )


def test_a_release_without_mixes_has_no_such_section(published):
    assert composition.compositions(site(published)) is None


def test_concentration_stands_by_name_with_its_reason():
    now = pd.DataFrame(
        {
            "area_code": ["QMB", "QMA", "QMB"], "area_name": ["Bel", "Ard", "Bel"],
            "origins_effective_number": [6.8, np.nan, 6.8], "origins_hhi": [0.147, np.nan, 0.147],
            "origins_top3_share": [0.48, np.nan, 0.48],
            "origins_eligibility": ["assessed", "not_assessed", "assessed"],
            "origins_reason": [None, "fewer than 50 persons across a border", None],
            "at": ["corridors.0", "corridors.1", "corridors.2"],
        }
    )  # fmt: skip
    end = corridors._concentration(now, *corridors.ENDS[0], Words(labels()))
    assert end is not None
    assert [row["name"] for row in end["rows"]] == ["Ard", "Bel"]
    assert end["rows"][0]["effective"] == "–"
    assert end["rows"][0]["reason"] == "not assessed: fewer than 50 persons across a border"
    assert [plain(end["rows"][1][name]) for name in ("effective", "hhi", "top3")] == ["6.8", "0.15", "48 %"]
    nothing = now.assign(origins_eligibility="not_assessed")
    assert corridors._concentration(nothing, *corridors.ENDS[0], Words(labels())) is None
