"""The planted effects are really in the written files, counted straight from them."""

import csv
import math

import numpy as np
import pytest
from demonstration_reading import TOTAL, Written, number

from demonstration import geography
from demonstration.generator import CONTRACTS, generate

Values = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("demonstration")
    return Written(folder, generate(folder))


@pytest.fixture(scope="module")
def counted(written: Written) -> Values:
    return written.area_years()


@pytest.fixture(scope="module")
def residents(written: Written) -> Values:
    found = {}
    file = written.inbox / "int_stat_commission" / "residents_20250115.csv"
    with file.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if (row["sex"], row["age"]) == ("all", "all"):
                found.setdefault(row["area"], []).append(int(row["residents"]))
    return {area: np.array(values, dtype=float) for area, values in found.items()}


def pooled_rate(counted: Values, residents: Values, areas: list[str], year: int) -> float:
    events = sum(np.nan_to_num(counted[area][year - 2015]) for area in areas)
    return events / sum(residents[area][year - 2015] for area in areas if not np.isnan(counted[area][year - 2015]))


def plain_areas(written: Written) -> list[str]:
    """Areas with nothing planted: the countries without trend and the rest of the countries with one cluster only."""
    taken = {area for cluster in written.truth["clusters"] for area in cluster["areas"] + cluster["surroundings"]}
    taken |= set(written.truth["jump"]["areas"])
    countries = ("QMA", "QMB", "QME", "QMF", "QMH", "QMJ", "QMK")
    return [area for area in written.truth["areas"] if area.startswith(countries) and area not in taken]


# --- totals ---------------------------------------------------------------------------------------------------------


def test_files_hold_the_area_totals_of_the_truth(written, counted):
    """Everywhere but where something is planted on the figure itself."""
    moved = {(entry["area"], entry["year"]) for entry in written.truth["totals_not_adding_up"]}
    absent = {(entry["area"], entry["year"]) for entry in written.truth["not_reported"]["cells"]}
    compared = 0
    for area, by_year in written.truth["area_totals"].items():
        for year, value in by_year.items():
            shown = counted[area][int(year) - 2015]
            is_late = (area[:3], year) == ("QMF", "2024") or (area[:3] == "QMG" and year > "2021")
            if (area, int(year)) in absent or is_late:
                assert math.isnan(shown)
            elif (area, int(year)) not in moved and (area[:3], year) != ("QMC", "2024"):
                assert shown == value
                compared += 1
    assert compared > 2_300


def test_most_area_totals_may_be_shown_at_a_threshold_of_eleven(counted):
    values = np.concatenate(list(counted.values()))
    values = values[~np.isnan(values)]
    assert 0.02 < np.mean(values < 11) < 0.15
    assert 30 < np.median(values) < 60


def test_quarters_add_up_to_years(written):
    for letter in "ABDEJK":
        quarters = written.quarterly(letter)
        assert len({key[1:] for key in quarters}) == 40
        yearly = {key[:2]: text for key, text in written.yearly(letter).items() if key[2:] == TOTAL and text != ".."}
        for (area, year), text in yearly.items():
            assert sum(quarters[area, year, quarter] for quarter in (1, 2, 3, 4)) == number(text)


# --- clusters, trends, law ------------------------------------------------------------------------------------------


def test_clusters_hang_together(written):
    land = geography.build()
    for cluster in written.truth["clusters"]:
        members = {land.index(area) for area in cluster["areas"]}
        reached, waiting = set(), [min(members)]
        while waiting:
            area = waiting.pop()
            reached.add(area)
            waiting += [other for other in land.neighbours[area] if other in members - reached]
        assert reached == members
        assert {area[:3] for area in cluster["areas"]} == {cluster["country"]}


def test_clusters_have_the_stated_rate_ratio(written, counted, residents):
    plain = plain_areas(written)
    for cluster in written.truth["clusters"]:
        for year, stated in cluster["rate_ratio_by_year"].items():
            base = pooled_rate(counted, residents, plain, int(year))
            shown = pooled_rate(counted, residents, cluster["areas"], int(year)) / base
            assert shown == pytest.approx(stated, rel=0.22), (cluster["name"], year)
            around = pooled_rate(counted, residents, cluster["surroundings"], int(year)) / base
            assert around == pytest.approx(cluster["surrounding_ratio_by_year"][year], rel=0.22), (
                cluster["name"],
                year,
            )


def test_clusters_get_their_category_from_one_map_of_all_countries(written, counted, residents):
    """Getis-Ord on standardised rates, then the emerging classes: most areas of each cluster, and hardly any other."""
    from scipy import sparse

    from geo.hotspots import emerging, getis_ord

    land = geography.build()
    pairs = np.array([(area, other) for area, others in enumerate(land.neighbours) for other in others])
    weights = sparse.csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(land.codes),) * 2)
    values = np.array([counted[code] for code in land.codes])
    people = np.array([residents[code] for code in land.codes])
    rate = np.nansum(values, axis=0) / np.where(np.isnan(values), 0, people).sum(axis=0)
    scores = getis_ord(values, weights, expected=people * rate)
    whole = scores.assessed.all(axis=1)
    kinds = np.full(len(land.codes), "not assessed", dtype=object)
    kinds[whole] = emerging(scores.z[whole])
    raised = set()
    for cluster in written.truth["clusters"]:
        raised |= set(cluster["areas"]) | set(cluster["surroundings"])
        shown = [kinds[land.index(area)] for area in cluster["areas"]]
        assert np.mean([str(kind).lower().startswith(cluster["category"]) for kind in shown]) >= 0.75, cluster["name"]
    elsewhere = [kind for code, kind in zip(land.codes, kinds, strict=True) if code not in raised]
    assert np.mean(["Hot Spot" in str(kind) for kind in elsewhere]) < 0.02


def test_persistent_cluster_is_a_true_circle(written):
    import shapely

    land = geography.build()
    circle = written.truth["circular_cluster"]
    points = np.radians(shapely.get_coordinates(shapely.centroid(land.polygons)))
    centre = points[land.index(circle["centre"])]
    cosine = np.sin(points[:, 1]) * np.sin(centre[1])
    cosine += np.cos(points[:, 1]) * np.cos(centre[1]) * np.cos(points[:, 0] - centre[0])
    distance = 6371.0 * np.arccos(np.clip(cosine, -1, 1))
    assert {land.codes[at] for at in np.flatnonzero(distance <= circle["radius_km"])} == set(circle["areas"])


def slope(values: np.ndarray) -> float:
    return float(np.exp(np.polyfit(np.arange(values.size), np.log(values), 1)[0]))


def test_national_and_regional_trend(written, counted):
    def national(country: str) -> np.ndarray:
        return np.sum([values for area, values in counted.items() if area.startswith(country)], axis=0)

    trend = written.truth["national_trend"]
    assert slope(national(trend["country"])) == pytest.approx(trend["ratio_per_year"], abs=0.02)
    regional = written.truth["regional_trend"]
    steady = [country for country in regional["countries"] if country not in ("QMG", "QMC")]
    for country in steady:
        assert slope(national(country)) == pytest.approx(regional["ratio_per_year"], abs=0.02)
    assert slope(national("QMC")[:9]) == pytest.approx(regional["ratio_per_year"], abs=0.02)
    assert slope(national("QMG")[:7]) == pytest.approx(regional["ratio_per_year"], abs=0.03)
    for country in written.truth["countries_without_trend"]:
        values = national(country)
        assert slope(values[~np.isnan(values)]) == pytest.approx(1.0, abs=0.02)


def test_law_change_doubles_the_count_and_nothing_real(written, counted):
    law = written.truth["law_change"]
    national = np.sum([values for area, values in counted.items() if area.startswith(law["country"])], axis=0)
    change = int(law["on"][:4]) - 2015
    assert national[change:].mean() / national[:change].mean() == pytest.approx(law["ratio"], rel=0.08)
    assert slope(national[:change]) == pytest.approx(1.0, abs=0.06)
    assert slope(national[change:]) == pytest.approx(1.0, abs=0.06)
    file = written.inbox / "qmd_hotline_line" / "linka_20250212.csv"
    rows = list(csv.reader(file.read_text(encoding="utf-8").splitlines(), delimiter=";"))
    calls = np.array([int(row[1]) for row in rows[1:]])
    assert calls[20:].mean() / calls[:20].mean() == pytest.approx(1.0, abs=0.06)


def test_definitions_before_and_after_the_law_differ(written):
    law = written.truth["law_change"]
    with (CONTRACTS / "definitions.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["definition_id"]: row for row in csv.DictReader(stream)}
    before, after = rows[law["definition_before"]], rows[law["definition_after"]]
    assert before["valid_to"] == after["valid_from"] == law["on"]
    for element in ("acts", "means_required_child", "movement_required", "purposes"):
        assert before[element] != after[element]


def test_jump(written):
    jump = written.truth["jump"]
    quarters = written.quarterly("A")
    for area in jump["areas"]:
        before = np.mean([quarters[area, year, quarter] for year in range(2015, 2024) for quarter in (3, 4)])
        after = np.mean([quarters[area, 2024, quarter] for quarter in (3, 4)])
        assert after / before == pytest.approx(jump["ratio"], rel=0.3)
