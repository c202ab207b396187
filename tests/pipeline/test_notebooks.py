"""The notebooks run on a finished release, say what its tables and the planted truth say, and carry no outputs in git."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import nbformat
import pytest
from nbclient import NotebookClient

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
# both notebooks are executed once, by one worker
pytestmark = pytest.mark.xdist_group("notebooks")

WHERE_PROBE = """
print(json.dumps({
    "countries": json.loads(countries.to_json(double_precision=15, orient="records", date_format="iso")),
    "inside": json.loads(inside.to_json(double_precision=15, orient="records")),
    "traces": [trace.name for trace in figure.data],
}))
"""
EACH_PROBE = """
print(json.dumps({
    "year": json.loads(year.to_json(double_precision=15, orient="records")), "last_year": last_year, "judged": judged,
    "classes": classes.to_dict(), "ranks": json.loads(ranks.to_json(double_precision=15, orient="index")), "lawful": lawful,
    "step": [float(model.effect[0]), float(model.effect_low[0]), float(model.effect_high[0])],
    "trend": [float(model.trend), float(model.trend_low), float(model.trend_high)], "trend_without": float(without.trend),
    "routes": json.loads(routes.to_json(double_precision=15, orient="records")),
    "clusters": json.loads(clusters.to_json(double_precision=15, orient="records")),
    "levels": {area: [grid.columns[int(p)] for p in row[~np.isnan(row)]] for area, row in zip(grid.index, levels.positions)},
    "alarms": {area: list(row.index[row]) for area, row in alarms.iterrows() if row.any()},
    "filling": json.loads(filling.to_json(double_precision=15, orient="index")), "mixes": json.loads(mixes.to_json(orient="records")),
    "seen": hidden.observed, "estimate": hidden.estimate, "spread": [hidden.spread_low, hidden.spread_high],
}))
"""


@pytest.fixture(scope="module")
def release(demonstration_home) -> Path:
    return demonstration_home.path / "releases" / "restricted" / "latest"


@pytest.fixture(scope="module")
def truth(demonstration_home) -> dict[str, Any]:
    return json.loads((demonstration_home.path / "planted_truth.json").read_text(encoding="utf-8"))


def execute(name: str, release: Path, folder: Path, probe: str) -> tuple[list[Any], dict[str, Any]]:
    """Run a notebook in a folder of its own with one more cell that prints what the test looks at."""
    notebook = nbformat.read(REPOSITORY / "notebooks" / f"{name}.ipynb", as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(probe))
    settings = {"WAYMARK_RELEASE": str(release), "PYTHONPATH": str(REPOSITORY)}
    with mock.patch.dict(os.environ, settings):
        NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return outputs, json.loads(outputs[-1]["text"])


@pytest.fixture(scope="module")
def where(release, tmp_path_factory):
    return execute("where_detections_changed", release, tmp_path_factory.mktemp("notebook"), WHERE_PROBE)


@pytest.fixture(scope="module")
def each(release, tmp_path_factory):
    return execute("each_method_on_one_question", release, tmp_path_factory.mktemp("notebook"), EACH_PROBE)


def rows(release: Path, query: str) -> list[tuple[Any, ...]]:
    names = {file.stem: f"read_parquet('{file}')" for file in (release / "tables").glob("*.parquet")}
    with duckdb.connect() as connection:
        return connection.execute(query.format(**names)).fetchall()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_outputs_are_kept(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell["cell_type"] == "code"]
    assert code
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert {cell["execution_count"] for cell in code} == {None}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_every_notebook_is_tried_here():
    assert [path.stem for path in NOTEBOOKS] == ["each_method_on_one_question", "where_detections_changed"]


def test_nothing_is_fetched(where, each):
    for outputs, _ in (where, each):
        assert not [output for output in outputs if output["output_type"] == "error"]
        kinds = {kind for output in outputs for kind in output.get("data", {})}
        assert "application/vnd.plotly.v1+json" in kinds
        assert "application/javascript" not in kinds
        pages = [text for output in outputs for kind, text in output.get("data", {}).items() if kind == "text/html"]
        assert not [page for page in pages if "<script" in page or "http" in page]


def test_first_notebook_says_what_the_tables_say(where, release):
    _, found = where
    selected = "(select series_id from {series} where is_selected and derivation <> 'chain_linked')"
    published = {
        row[0]: row[1:]
        for row in rows(
            release,
            f"""
            select area_code, direction, trend_ratio_per_year, step_ratio from {{trends}}
            where measure = 'victims_detected' and area_level = 'country' and frequency = 'A' and offence = '_T'
                and exploitation = '_T' and sex = '_T' and age = '_T' and series_id in {selected}
            """,
        )
    }
    assert {each["area_code"] for each in found["countries"]} == set(published)
    for country in found["countries"]:
        direction, ratio, step = published[country["area_code"]]
        assert country["direction"] == direction
        for ours, theirs in ((country["trend_ratio_per_year"], ratio), (country["step_ratio"], step)):
            assert (ours is None) == (theirs is None)
            assert ours is None or ours == pytest.approx(theirs, rel=1e-8)
    assert set(found["traces"]) == {each["area_name"] for each in found["countries"]}
    areas = rows(release, "select count(*) from {areas} where area_level = 'admin1' and area_set = 'invented_region'")
    assert sum(each["areas"] for each in found["inside"]) == areas[0][0]


def test_first_notebook_tells_the_law_from_the_world(where, truth):
    _, found = where
    verdicts = {each["area_code"]: each for each in found["countries"]}
    law, national = truth["law_change"], truth["national_trend"]
    changed = verdicts[law["country"]]
    assert changed["direction"] == "no_clear_change"
    assert changed["step_on"][:10] == law["on"]
    assert changed["step_ratio_lower"] <= law["ratio"] <= changed["step_ratio_upper"]
    assert "that is no trend" in changed["verdict"]
    assert changed["times"] > 1.5  # what a reader of two years would have called a rise
    assert verdicts[national["country"]]["direction"] == national["direction"]
    assert [code for code, each in verdicts.items() if each["step_ratio"] is not None] == [law["country"]]
    for code in truth["countries_without_trend"]:
        assert verdicts[code]["direction"] == "no_clear_change"
    stopped = truth["stopped_partner"]["partner_id"][:3].upper()
    assert verdicts[stopped]["verdict"].startswith("no trend can be told")
    assert "days late" in verdicts[truth["late_partner"]["partner_id"][:3].upper()]["verdict"]


def test_methods_agree_with_the_published_tables(each, release):
    _, found = each
    year = found["last_year"]
    published = {
        row[0]: row[1:]
        for row in rows(
            release,
            f"""
            select area_code, rate_per_100k, rate_lower_per_100k, rate_upper_per_100k, z, p, q_bh, assessment
            from {{hotspots}}
            where method = 'getis_ord_star' and measure = 'victims_detected' and exploitation = '_T' and period = '{year}'
            """,
        )
    }
    assert {area["area_code"] for area in found["year"]} == set(published)
    for area in found["year"]:
        *figures, assessment = published[area["area_code"]]
        for name, figure in zip(("rate", "low", "high", "z", "p", "q"), figures, strict=True):
            if name in ("z", "p", "q") and assessment is None:
                continue
            assert (area[name] is None) == (figure is None), (area["area_code"], name)
            assert figure is None or area[name] == pytest.approx(figure, rel=1e-6, abs=1e-12), (area["area_code"], name)
        words = {None: "not assessed", "hot": "hot", "cold": "cold", "not_significant": "no"}
        assert area["called"] == words[assessment]
    classes = dict(
        rows(
            release,
            """
            select distinct area_code, emerging_category from {hotspots}
            where method = 'getis_ord_star' and measure = 'victims_detected' and exploitation = '_T'
                and length(period) = 4 and emerging_eligibility = 'assessed'
            """,
        )
    )
    assert set(found["classes"]) == set(classes)


def test_trends_agree_with_the_published_table(each, release):
    _, found = each
    published = rows(
        release,
        """
        select area_code, p, slope_per_year, slope_lower_per_year, slope_upper_per_year, step_ratio, step_ratio_lower,
            step_ratio_upper, trend_ratio_per_year, trend_ratio_lower, trend_ratio_upper
        from {trends} where measure = 'victims_detected' and area_level = 'country' and frequency = 'A' and offence = '_T'
            and exploitation = '_T' and sex = '_T' and age = '_T' and eligibility = 'assessed'
            and series_id in (select series_id from {series} where is_selected and derivation <> 'chain_linked')
        """,
    )
    assert {row[0] for row in published} == {code for code, row in found["ranks"].items() if row["p"] is not None}
    for code, p, slope, low, high, *step in published:
        ours = found["ranks"][code]
        assert (ours["p"], ours["persons_a_year"], ours["low"], ours["high"]) == pytest.approx(
            (p, slope, low, high), rel=1e-6
        )
        if code == found["lawful"]:
            assert [*found["step"], *found["trend"]] == pytest.approx(step, rel=1e-6)


def test_corridors_agree_with_the_published_table(each, release, truth):
    _, found = each
    published = {
        (row[0], row[1]): row[2:]
        for row in rows(
            release,
            """
            select counterpart_area, area_code, expected_count, p from {corridors}
            where measure = 'victims_detected' and counterpart_role = 'citizenship' and p is not null
                and period = (select max(period) from {corridors} where measure = 'victims_detected' and p is not null)
            """,
        )
    }
    tested = {(each["origin"], each["destination"]): each for each in found["routes"] if each["p"] is not None}
    assert set(published) <= set(tested)
    for route, (expected, p) in published.items():
        assert (tested[route]["expected"], tested[route]["p"]) == pytest.approx((expected, p), rel=1e-6, abs=1e-12)
    strongest = min(tested, key=lambda route: tested[route]["p"])
    assert strongest == (truth["corridor"]["citizenship"], truth["corridor"]["detected_in"])


def test_each_method_finds_what_was_planted_for_it(each, truth):
    _, found = each
    law = truth["law_change"]
    assert found["lawful"] == law["country"]
    assert found["levels"][law["country"]] == [law["on"][:4]]
    # the model without the step takes the law for a trend
    assert found["trend"][1] <= 1 <= found["trend"][2] < found["trend_without"]
    jump = truth["jump"]
    for area in jump["areas"]:
        assert jump["from"] in found["alarms"][area]
    circle = set(truth["circular_cluster"]["areas"])
    scanned = [set(each["areas"].split(", ")) for each in found["clusters"] if each["p"] <= 0.05]
    assert max(len(circle & areas) / len(circle | areas) for areas in scanned) >= 0.75
    most = max(found["mixes"], key=lambda each: each["jensen_shannon"])
    composition = truth["composition_change"]
    assert (most["area_code"], most["grew_most"]) == (composition["country"], composition["form"])
    assert most["share_last"] == pytest.approx(composition["share_last"], abs=0.05)


def test_nowcast_covers_the_final_figures(each, truth):
    _, found = each
    final = truth["reporting_delays"]["final"]
    newest = list(found["filling"].items())[-4:]
    covered = [row["low"] <= final[period] <= row["high"] for period, row in newest]
    assert len(newest) == 4
    assert sum(covered) >= 3, [(period, row, final[period]) for period, row in newest]
    assert all(row["reported"] < final[period] for period, row in newest[-2:])


def test_hidden_numbers_come_with_their_spread(each):
    _, found = each
    assert found["seen"] < found["spread"][0] <= found["estimate"] <= found["spread"][1]
