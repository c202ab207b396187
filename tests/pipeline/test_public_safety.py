"""The public release shows no small count, and nobody can work one out from it.

Two kinds of test: what stands in the files (every count column of every table, chart and page), and an attack by an
outsider who knows nothing but the release (`release_attacker`). The restricted release of the same home is the truth
against which the attack is judged, and only that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import release_attacker as attacker
from command_under_test import manifest, release

pytestmark = pytest.mark.xdist_group("public safety")

ROOT = Path(__file__).resolve().parents[2]
THRESHOLD = 11
# numeric columns that count people, offences, cases or permits; the unit tells money apart
COUNTS = {
    "value",
    "lower",
    "upper",
    "previous_value",
    "previous_lower",
    "previous_upper",
    "difference",
    "difference_certain",
    "difference_lower",
    "difference_upper",
    "residual_lower",
    "residual_upper",
    "total_value",
    "total_lower",
    "total_upper",
    "parts_lower",
    "parts_upper",
    "value_in_period",
    "value_first",
    "value_last",
    "lower_first",
    "upper_first",
    "lower_last",
    "upper_last",
    "total_first",
    "total_last",
    "cases_count",
    "median_count",
    "low_count",
    "high_count",
}
# numeric columns that count nothing of the kind: each is here on purpose, a new column has to be put on one list
OTHERS = {
    "rate_per_100k", "rate_lower_per_100k", "rate_upper_per_100k", "population_count", "expected_count", "ratio", "z", "p", "q",
    "p_upper_bound", "p_normal", "q_bh", "q_by", "s", "tau", "family_count", "limit_lower_95", "limit_upper_95", "limit_lower_998",
    "limit_upper_998", "share", "location_quotient", "residual", "periods_count", "regimes_count", "slope_per_year",
    "slope_lower_per_year", "slope_upper_per_year", "slope_of_median_per_year_share", "change_per_year_share", "change_lower_per_year_share",
    "change_upper_per_year_share", "trend_ratio_per_year", "trend_ratio_lower", "trend_ratio_upper", "step_ratio",
    "step_ratio_lower", "step_ratio_upper", "precedence", "areas_reporting_count", "areas_panel_count", "coverage_share",
    "top_contributor_share", "index_value", "purposes_share", "elements_share", "periods_reported_count",
    "cluster_rank", "relative_risk", "llr", "radius_km", "permutations", "seed",
    # of visible figures only: levels as ratios, rates of change in percent, tests
    "change_point_ratio", "change_points_llr", "change_points_p", "change_points_q_bh", "change_points_family_count", "apc_last", "apc_last_low", "apc_last_high", "aapc", "aapc_low", "aapc_high", "bic", "joinpoints_p", "joinpoints_q_bh", "joinpoints_family_count",
    # mixes of which every part is shown
    "share_first", "share_last", "share_change", "chi_square", "degrees", "cramers_v", "jensen_shannon",
    # concentration over flows that are shown
    "origins_effective_number", "origins_hhi", "origins_top3_share", "destinations_effective_number", "destinations_hhi", "destinations_top3_share",
    "moran_i", "moran_p", "moran_q_bh",
    # verdicts: ratios of visible figures, areas and breaks
    "change_ratio_a_year", "change_low", "change_high", "change_ratio_without_top_two", "change_low_without_top_two",
    "change_high_without_top_two", "level_ratio", "level_q_bh", "breaks_count", "bounds_share", "top_contributor_1_share",
    "top_contributor_2_share", "areas_rose_count", "areas_fell_count", "areas_no_clear_change_count",
    "areas_not_assessed_count",
    # how many areas and members, and shares of visible figures
    "areas_possible_count", "second_contributor_share", "parts_count", "parts_hidden_count", "share_lower", "share_upper",
    "denominator",
    "emerging_q_bh", "limit_upper", "score", "baseline_count", "completeness_share", "reporting_completeness_share",
    "vintages_count", "periods_expected_count", "days_late", "unmapped_count", "gap_lower", "gap_upper", "period", "period_first", "period_last", "year",
}  # fmt: skip
# headings of pages' table columns whose numbers are no counts of people
OTHER_HEADINGS = {
    "Periods", "Slope a year", "Families", "Figures", "Found (q ≤ 0.05)", "Tests in each", "Reported", "Expected", "Areas",
    "Columns", "Rows", "Rate per 100,000", "95 % interval", "q", "q (BH)", "q (BY)", "Change a year", "Days late", "Late by",
    "Gap", "Share", "Effective number", "HHI", "Largest three", "Times expected", "Files", "Regimes", "Coverage",
}  # fmt: skip
PARAMETERS_PAGE = "methods.html"  # its tables list the rules, such as a minimum of 8 periods


@pytest.fixture(scope="module")
def public(demonstration_home) -> Path:
    return release(demonstration_home.path, "public")


@pytest.fixture(scope="module")
def restricted(demonstration_home) -> Path:
    return release(demonstration_home.path, "restricted")


@pytest.fixture(scope="module")
def read(public: Path) -> dict[str, pd.DataFrame]:
    return attacker.tables(public)


def small(values: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(values, errors="coerce").abs()
    return (numbers > 0) & (numbers < THRESHOLD)


# ---- what stands in the files


def of_persons(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The rows that count persons: most of `summary` counts areas, cells and tests, and its seed says which."""
    if name != "summary":
        return table
    statistics = pd.read_csv(ROOT / "dbt_project" / "seeds" / "summary_statistics.csv").set_index("statistic")
    units = table["statistic"].map(statistics["unit"])
    assert units.notna().all()
    return table[units == "persons"]


def test_no_table_shows_a_small_count(read: dict[str, pd.DataFrame]) -> None:
    unlisted, looked_at = set(), 0
    for name, table in read.items():
        table = of_persons(name, table)
        for column in table.select_dtypes("number"):
            if column not in COUNTS | OTHERS:
                unlisted.add(f"{name}.{column}")
            if column not in COUNTS:
                continue
            money = table["unit"].str.fullmatch("[A-Z]{3}") if "unit" in table else pd.Series(False, index=table.index)
            looked_at += int((table[column].notna() & ~money).sum())
            assert not table[small(table[column]) & ~money][column].tolist(), f"{name}.{column}"
    assert not unlisted, "put new numeric columns on one of the two lists"
    assert looked_at > 20_000


def test_the_restricted_release_would_fail_this(restricted: Path) -> None:
    """The net is not torn: the same look at what is not protected finds thousands."""
    table = attacker.tables(restricted)["observations"]
    assert small(table["value"]).sum() > 5_000


def test_csv_and_parquet_say_the_same(public: Path) -> None:
    for path in sorted((public / "tables").glob("*.parquet")):
        rows = duckdb.sql(
            f"select (select count(*) from '{path}') - (select count(*) from read_csv('{path.with_suffix('.csv')}', all_varchar=true))"
        ).fetchall()
        assert rows == [(0,)], path.stem
    with_values = public / "tables" / "observations"
    different = duckdb.sql(
        f"select count(*) from (select area_code, period, source, value::decimal(20,4) v from '{with_values}.parquet' except all "
        f"select area_code, period, source, value::decimal(20,4) from read_csv('{with_values}.csv', all_varchar=true, nullstr=''))"
    ).fetchall()
    assert different == [(0,)]


def test_hidden_cells_all_look_alike(read: dict[str, pd.DataFrame], restricted: Path) -> None:
    """Nothing tells a small count from the complement that hides it, and neither keeps a bound or a rate."""
    table = read["observations"]
    hidden = table[table["missing_reason"] == "suppressed"]
    assert len(hidden) > 5_000
    assert set(hidden["obs_status"]) == {"Q"}
    assert set(hidden["conf_status"]) == {"D"}
    figures = ["value", "lower", "upper", "rate_per_100k", "rate_lower_per_100k", "rate_upper_per_100k"]
    assert hidden[figures].isna().all(axis=None)
    assert not (table["conf_status"] == "D").loc[table["missing_reason"] != "suppressed"].any()
    key = [name for name in attacker.KEY if name != "vintage"] + ["table_id"]
    truth = attacker.tables(restricted)["observations"].set_index(key)["value"]
    values = truth.reindex(pd.MultiIndex.from_frame(hidden[key])).to_numpy()
    assert (values >= THRESHOLD).sum() > 500, "complements are among them"


def test_charts_show_no_small_count(public: Path) -> None:
    charts = sorted((public / "charts").glob("*.csv"))
    assert len(charts) >= 12
    for path in charts:
        table = pd.read_csv(path, keep_default_na=False)
        numeric = {
            column
            for column in table
            if pd.to_numeric(table[column].replace("", np.nan), errors="coerce").notna().any()
        }
        assert not numeric - COUNTS - OTHERS, path.name
        for column in numeric & COUNTS:
            assert not table[small(table[column].replace("", np.nan))][column].tolist(), (path.name, column)
        others = {
            float(value)
            for column in numeric - COUNTS
            for value in pd.to_numeric(table[column].replace("", np.nan), errors="coerce").dropna()
        }
        figure = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["figure"]
        whole = {number for number in drawn_numbers(figure) if number == int(number) and 0 < abs(number) < THRESHOLD}
        assert whole <= others, (path.name, sorted(whole - others))


def drawn_numbers(figure: dict) -> Iterator[float]:
    """Numbers that traces draw or show: data arrays, and the labels and hover texts that stand beside them."""
    is_map = "scaleanchor" in figure["layout"].get("yaxis", {})  # x and y are kilometres
    for trace in figure["data"]:
        if trace.get("type") == "heatmap" and trace.get("texttemplate"):
            # the colour stands for a root of the count, and is absent where the count is
            colours, labels = np.array(trace["z"], dtype=float).ravel(), [text for row in trace["text"] for text in row]
            assert not np.isfinite(colours[[not re.search(r"\d", text or "") for text in labels]]).any()
            yield from (float(text.replace(",", "")) for text in labels if re.fullmatch(r"[\d,]+", text or ""))
            continue
        for name in ("x", "y", "z", "text", "customdata", "hovertext"):
            if is_map and name in ("x", "y"):
                continue
            yield from numbers_in(trace.get(name))


def numbers_in(value: object) -> Iterator[float]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, str):
        for count in re.findall(COUNTED, value):
            yield float(count[0])
    elif isinstance(value, dict):
        for part in value.values():
            yield from numbers_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from numbers_in(part)


UNITS = "persons?|people|victims?|offences?|cases?|permits?|reports?|convicted|prosecuted|detected|assisted"
# a figure with what it counts; "persons a year" is a slope, "3 of 12" an account of areas or periods
COUNTED = rf"(?<![\d.,/–−-])(?<!\d )([1-9]|10) ({UNITS})\b(?! a year| per year)"


class Cells(HTMLParser):
    """The cells of a page's tables, each with the heading of its column, and the text of the page outside of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.cells: list[tuple[str, str]] = []
        self.text: list[str] = []
        self._place, self._cell, self._is_heading, self._skipped = 0, None, False, False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.headings = []
        if tag == "tr":
            self._place = 0
        if tag in ("td", "th"):
            self._cell, self._is_heading = "", tag == "th" and dict(attributes).get("scope") == "col"
        self._skipped = tag in ("script", "style") or (self._skipped and tag not in ("p", "div", "main", "table"))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._skipped = False
        if tag in ("td", "th") and self._cell is not None:
            if self._is_heading:
                self.headings.append(self._cell.strip())
            else:
                heading = self.headings[self._place] if self._place < len(self.headings) else ""
                self.cells.append((heading, self._cell.strip()))
            self._place += 1
            self._cell = None

    def handle_data(self, text: str) -> None:
        if self._cell is not None:
            self._cell += text
        if not self._skipped:
            self.text.append(text)


def parsed(path: Path) -> Cells:
    cells = Cells()
    cells.feed(path.read_text(encoding="utf-8"))
    return cells


def test_pages_show_no_small_count(public: Path, restricted: Path) -> None:
    """Cells by the heading of their column, sentences and hover titles by the word after the number."""
    found: dict[str, list] = {}
    for audience, folder in (("public", public), ("restricted", restricted)):
        shown = found.setdefault(audience, [])
        for path in sorted(folder.rglob("*.html")):
            page = parsed(path)
            if path.name != PARAMETERS_PAGE:
                shown += [
                    (path.name, heading, text)
                    for heading, text in page.cells
                    if heading not in OTHER_HEADINGS and re.fullmatch(r"[+−-]?([1-9]|10)", text)
                ]
            shown += [(path.name, "", match[0] + " " + match[1]) for match in re.findall(COUNTED, " ".join(page.text))]
    assert not found["public"], found["public"][:20]
    assert len(found["restricted"]) > 500, "the same look at what is not protected must find them"


def test_the_map_holds_no_small_count(public: Path) -> None:
    page = (public / "hotspots.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json" id="map-data">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    values = [number for view in data["views"] for period in view["value"] for number in period if number is not None]
    assert len(values) > 1_000
    assert not [number for number in values if 0 < number < THRESHOLD]
    for view in data["views"]:
        for value, rate in zip(view["value"], view["rate"], strict=True):
            assert not [pair for pair in zip(value, rate, strict=True) if pair[0] is None and pair[1] is not None]


def test_no_id_and_no_position_of_the_ledger_leaves_the_house(demonstration_home, public: Path) -> None:
    """Ids of submissions are keyed; the ledger position stands once, in the manifest, outside of the core."""
    entries = [
        json.loads(line) for line in (demonstration_home.path / "ledger" / "ledger.jsonl").read_text().splitlines()
    ]
    secrets = {entry[name] for entry in entries for name in ("submission_id", "file_sha256") if entry.get(name)}
    names = {entry["file_name"] for entry in entries if entry.get("file_name")}
    assert len(secrets) > 100
    kept_back = secrets | names
    token = re.compile(r"[\w.-]{12,}")  # what could be an id, a digest or the name of a file
    assert all(token.fullmatch(each) for each in secrets)
    assert {each for each in names if token.fullmatch(each)} > {"harbour_20240201.csv"}
    for path in public.rglob("*"):
        if path.is_file() and path.suffix in (".html", ".csv", ".json", ".jsonld", ".js", ".svg"):
            found = set(token.findall(path.read_text(encoding="utf-8"))) & kept_back
            assert not found, (path.name, found)
        if path.suffix == ".parquet":
            text = [c[0] for c in duckdb.sql(f"describe select * from '{path}'").fetchall() if c[1] == "VARCHAR"]
            for column in text:
                values = duckdb.sql(f"select distinct {column} from '{path}' where {column} is not null").fetchall()
                found = {part for (value,) in values for part in token.findall(value)} & kept_back
                assert not found, (path.name, column, found)
    provenance = manifest(public)["provenance"]
    assert not [each for each in provenance["inputs"] if "ledger_position" in each]
    for path in public.rglob("*.html"):
        assert "ledger position" not in path.read_text(encoding="utf-8").lower(), path.name
    assert not [path for path in public.rglob("*") if str(demonstration_home.path) in path.name]


def test_partners_who_open_no_figure_to_the_public_have_none_there(
    demonstration_home, read: dict[str, pd.DataFrame]
) -> None:
    truth = json.loads((demonstration_home.path / "planted_truth.json").read_text(encoding="utf-8"))
    for partner in truth["restricted_partners"]:
        for name in (
            "observations",
            "series",
            "trends",
            "hotspots",
            "corridors",
            "compositions",
            "changes",
            "reconciliation",
        ):
            assert partner not in set(read[name]["source"]), name
    everyone = set(attacker.tables(release(demonstration_home.path, "restricted"))["observations"]["source"])
    assert everyone - set(read["observations"]["source"]) == set(truth["restricted_partners"])


def test_no_file_of_a_public_release_names_a_partner_whose_figures_are_not_in_it(
    demonstration_home, public: Path
) -> None:
    truth = json.loads((demonstration_home.path / "planted_truth.json").read_text(encoding="utf-8"))
    assert truth["restricted_partners"]
    for path in sorted(public.rglob("*")):
        if path.suffix == ".parquet":
            columns = duckdb.sql(f"describe select * from '{path}'").fetchall()
            texts = [
                str(value)
                for column, kind, *_ in columns
                if kind == "VARCHAR"
                for (value,) in duckdb.sql(f"select distinct \"{column}\" from '{path}'").fetchall()
            ]
        elif path.is_file():
            texts = [path.read_bytes().decode("utf-8", errors="replace")]
        else:
            continue
        for partner in truth["restricted_partners"]:
            assert not [text for text in texts if partner in text], path.name


# ---- the attack


@pytest.fixture(scope="module")
def attack(read: dict[str, pd.DataFrame], restricted: Path) -> pd.DataFrame:
    """Every hidden figure with what the outsider makes of it: low, high, determined; and the truth."""
    return attacked(read, restricted)


def attacked(read: dict[str, pd.DataFrame], restricted: Path) -> pd.DataFrame:
    known = attacker.figures(read)
    system = attacker.equations(read, known)
    low, high, believed = attacker.propagated(known, system)
    result = known.assign(
        low=low,
        high=high,
        determined=attacker.determined(known, system, believed),
        truth=attacker.truth_of(known, attacker.figures(attacker.tables(restricted))),
    )
    result.attrs["equations"] = len(system.families)
    return result[known["value"].isna()]


def recovered(attack: pd.DataFrame) -> pd.DataFrame:
    """Small counts that the outsider knows exactly."""
    is_small = (attack["truth"] > 0) & (attack["truth"] < THRESHOLD)
    pinned = (attack["high"] - attack["low"] < 1e-6) & ((attack["low"] - attack["truth"]).abs() < 1e-6)
    return attack[is_small & (pinned | ((attack["determined"] - attack["truth"]).abs() < 1e-3))]


def narrowed(attack: pd.DataFrame) -> pd.DataFrame:
    """Small counts that the outsider rightly places in a range too narrow to hide them."""
    is_small = (attack["truth"] > 0) & (attack["truth"] < THRESHOLD)
    right = (attack["low"] <= attack["truth"] + 1e-6) & (attack["truth"] <= attack["high"] + 1e-6)
    return attack[is_small & right & (attack["high"] - attack["low"] < THRESHOLD - 1 - 1e-6)]


SHOWN = [
    "vintage",
    "source",
    "exploitation",
    "sex",
    "age",
    "counterpart_area",
    "area_code",
    "period",
    "truth",
    "low",
    "high",
]


def test_no_small_count_can_be_worked_out(attack: pd.DataFrame) -> None:
    is_small = ((attack["truth"] > 0) & (attack["truth"] < THRESHOLD)).sum()
    print(f"attack: {len(attack)} hidden figures, {is_small} small counts, {attack.attrs['equations']} equations")
    assert attack.attrs["equations"] > 10_000
    assert is_small > 5_000
    leaks = recovered(attack)
    assert leaks.empty, f"{len(leaks)} small counts recovered\n{leaks[SHOWN].head(20).to_string()}"


def test_no_small_count_can_be_narrowed_down(attack: pd.DataFrame) -> None:
    """Every hidden small count keeps a range at least as wide as all small counts together."""
    leaks = narrowed(attack)
    assert leaks.empty, f"{len(leaks)} small counts narrowed\n{leaks[SHOWN].head(20).to_string()}"


def test_columns_made_from_a_hidden_count_are_hidden_too(read: dict[str, pd.DataFrame]) -> None:
    leaks = attacker.from_derived_columns(read)
    assert leaks.empty, leaks.groupby(["table", "column"]).size().to_dict()


def test_a_change_is_shown_with_both_of_its_figures_or_not_at_all(read: dict[str, pd.DataFrame]) -> None:
    changes = read["changes"]
    revised = changes[changes["kind"] == "revised"]
    assert len(revised) >= 3
    assert revised[["value", "previous_value", "difference"]].notna().all(axis=None)
    assert changes[changes["difference"].notna()][["value", "previous_value"]].notna().all(axis=None)


def test_sums_over_areas_are_sums_of_what_is_shown(read: dict[str, pd.DataFrame]) -> None:
    """An aggregate that held a hidden cell would give it away: each is added up again from the visible figures."""
    series, areas = read["series"], read["areas"]
    rest = [name for name in attacker.KEY if name not in ("vintage", "area_code")] + ["dataset", "frequency"]
    shown = series[series["derivation"].isin(["published", "sum_of_parts"]) & series["value"].notna()]
    parents = areas.drop_duplicates("area_code").set_index("area_code")["parent_code"]
    above = parents.reindex(shown["area_code"]).to_numpy()
    grand = parents.reindex(above).to_numpy()
    levels = [shown.assign(area_code=above), shown.assign(area_code=grand)]
    sums = pd.concat(levels).dropna(subset=["area_code"]).groupby([*rest, "area_code", "area_level"])["value"].sum()
    reporting = series[series["derivation"] == "sum_of_reporting"]
    assert len(reporting) > 500
    child_level = {"country": "admin1"}
    key = [*rest, "area_code", "area_level"]
    expected = sums.reindex(
        pd.MultiIndex.from_frame(
            reporting.assign(area_level=reporting["area_level"].map(child_level).fillna("country"))[key]
        )
    ).to_numpy()
    compared = ~np.isnan(expected)
    assert compared.mean() > 0.9
    assert np.allclose(expected[compared], reporting["lower"].to_numpy(float)[compared])
    # what is hidden may be more: such a sum is open above and is never told as exact
    is_open = reporting["missing_reason"].eq("suppressed")
    assert is_open.any()
    assert reporting.loc[is_open, ["value", "upper"]].isna().all(axis=None)
    assert not (series["derivation"].isin(["sum_of_reporting", "balanced_panel"]) & series["value"].eq(0)).any()


def test_the_attacker_is_able(read: dict[str, pd.DataFrame], restricted: Path) -> None:
    """With the complements shown (threshold alone, no secondary suppression) the same attack recovers small counts."""
    key = [name for name in attacker.KEY if name != "vintage"] + ["table_id"]
    observed = read["observations"].copy()
    truth = attacker.tables(restricted)["observations"].set_index(key)["value"]
    values = truth.reindex(pd.MultiIndex.from_frame(observed[key])).to_numpy()
    observed["value"] = np.where(observed["value"].isna() & (values >= THRESHOLD), values, observed["value"])
    careless = attacked({**read, "observations": observed}, restricted)
    print(f"attack on a threshold alone: {len(recovered(careless))} small counts recovered")
    assert len(recovered(careless)) > 200
