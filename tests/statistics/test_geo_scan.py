"""Scans against published SaTScan runs, a scan written out by brute force, planted clusters and the null."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from scipy import stats

from geo.scan import circular, space_time

ROOT = Path(__file__).resolve().parents[2]


def leukaemia():
    """Cases, population and place of 281 census tracts in New York (Waller and others 1994); not in this repository."""
    for folder in (os.environ.get("WAYMARK_SHARED_DATA"), ROOT.parent / "shared" / "data"):
        if not folder:
            continue
        cases, places = (Path(folder) / "methods" / f"nyleukemia_{name}.csv" for name in ("cases", "latlon"))
        if cases.exists() and places.exists():
            return pd.read_csv(cases).merge(pd.read_csv(places), on="id")
    print(
        reason := "nyleukemia_cases.csv (id, cases, population) and nyleukemia_latlon.csv are not here; set "
        "WAYMARK_SHARED_DATA to the folder that holds methods/"
    )
    pytest.skip(reason)


# SaTScan 9.3.1 with latitude and longitude, 9.6 with the same degrees as plane coordinates; at most half the population
SATSCAN = {
    "great_circle": [(52, 31, 106, 62.13, 1.87, 14.780276), (88, 9, 42, 21.24, 2.06, 8.287056)],
    "planar": [(52, 28, 100, 58.28, 1.87, 14.083511), (89, 8, 38, 17.79, 2.22, 9.019716)],
}


@pytest.mark.shared_data
@pytest.mark.parametrize("distance", SATSCAN)
def test_new_york_leukaemia_as_satscan_found_it(distance):
    tracts = leukaemia()
    found = circular(tracts.cases, tracts.population, tracts[["lon", "lat"]], distance=distance, permutations=199)
    for cluster, (centre, size, cases, expected, risk, llr) in zip(found, SATSCAN[distance], strict=False):
        assert tracts.id[cluster.centre] == centre
        assert len(cluster.areas) == size
        assert cluster.cases == cases
        assert round(cluster.expected, 2) == expected
        assert round(cluster.relative_risk, 2) == risk
        assert cluster.llr == pytest.approx(llr, abs=1e-6)
    assert found.p[0] == pytest.approx(1 / 200)
    assert 0.005 < found.p[1] < 0.1
    assert {62, 64, 65, 67} in [set(tracts.id[c.areas]) for c in found]


def test_published_ratio_of_the_kilometre_run():
    """37 tracts with 117 cases for 70.61 expected of 552: relative risk 1.834, ratio 15.0056."""
    found = circular([117, 435], [70.61, 552 - 70.61], [[0, 0], [9, 9]], distance="planar", permutations=9)
    assert found.areas[0].tolist() == [0]
    assert found.relative_risk[0] == pytest.approx(1.834, abs=5e-4)
    assert found.llr[0] == pytest.approx(15.0056, abs=5e-4)


def brute_force(cases, population, far, max_share):
    """Every circle of every centre, by the definition; areas at one distance enter together."""
    total, people = cases.sum(), population.sum()
    best = (0.0, None)
    for centre in range(len(cases)):
        for radius in np.unique(far[centre]):
            inside = np.flatnonzero(far[centre] <= radius * (1 + 1e-9))
            if population[inside].sum() > max_share * people * (1 + 1e-12):
                break
            c, e = cases[inside].sum(), population[inside].sum() * total / people
            if c > e:
                rest = (total - c) * np.log((total - c) / (total - e)) if c < total else 0.0
                llr = c * np.log(c / e) + rest
                if llr > best[0] + 1e-9:
                    best = (llr, frozenset(inside.tolist()))
    return best


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.5, 1.0]), st.booleans())
def test_best_circle_is_the_brute_force_one(seed, max_share, on_grid):
    rng = np.random.default_rng(seed)
    n = 20
    coords = np.array([(i % 5, i // 5) for i in range(n)], float) if on_grid else rng.uniform(0, 10, (n, 2))
    population = rng.uniform(50, 500, n)
    cases = rng.poisson(population / 40).astype(float)
    far = np.sqrt(((coords[:, None] - coords[None]) ** 2).sum(-1))
    llr, _ = brute_force(cases, population, far, max_share)
    found = circular(cases, population, coords, max_share, permutations=0, distance="planar")
    if llr == 0:
        assert len(found) == 0
    else:
        assert found.llr[0] == pytest.approx(llr, rel=1e-9)
        assert np.isnan(found.p[0])
    used = [area for cluster in found for area in cluster.areas]
    assert len(used) == len(set(used))
    assert np.all(np.diff(found.llr) <= 1e-9)


def test_secondary_clusters_are_the_best_of_what_is_left():
    rng = np.random.default_rng(2)
    coords = np.array([(i % 12, i // 12) for i in range(144)], float)
    population = np.full(144, 1000.0)
    rate = np.full(144, 0.01)
    first, second = [13, 14, 25, 26], [117, 118, 129, 130]
    rate[first], rate[second] = 0.05, 0.035
    found = circular(rng.poisson(population * rate), population, coords, distance="planar")
    # a circle of grid cells holds 1, 5 or 9 of them
    assert len(set(found.areas[0]) & set(first)) >= 3
    assert len(found.areas[0]) <= 9
    assert len(set(found.areas[1]) & set(second)) >= 3
    assert found.p[0] == 0.001
    assert found.p[1] < 0.01
    assert np.all(found.p[4:] > 0.05)


def test_great_circle_distance_is_used_and_recorded():
    """Near the pole a degree of longitude is short: the neighbour is across the pole, not along the meridian."""
    coords = np.array([[0.0, 89.0], [180.0, 89.0], [0.0, 80.0], [90.0, 10.0], [-60.0, -30.0]])
    cases, population = np.array([20.0, 20, 1, 2, 2]), np.full(5, 100.0)
    sphere = circular(cases, population, coords, permutations=9)
    assert set(sphere.areas[0]) == {0, 1}
    assert sphere.distance == "great_circle"
    kilometres = Geod(a=6371008.8, b=6371008.8).inv(0, 89, 180, 89)[2] / 1000
    assert sphere.radius[0] == pytest.approx(kilometres, rel=1e-9)
    flat = circular(cases, population, coords, permutations=9, distance="planar")
    assert set(flat.areas[0]) != {0, 1}
    assert flat.distance == "planar"


def test_same_seed_same_result_and_order_of_areas_does_not_matter():
    rng = np.random.default_rng(8)
    coords, population = rng.uniform(0, 10, (80, 2)), rng.uniform(500, 2000, 80)
    cases = rng.poisson(population * 0.01)
    one, again = (circular(cases, population, coords, permutations=99, seed=5, distance="planar") for _ in range(2))
    assert np.array_equal(one.p, again.p)
    assert np.array_equal(one.llr, again.llr)
    order = rng.permutation(80)
    moved = circular(cases[order], population[order], coords[order], permutations=99, seed=5, distance="planar")
    assert set(order[moved.areas[0]]) == set(one.areas[0])
    np.testing.assert_allclose(moved.llr[:3], one.llr[:3], rtol=1e-9)
    # population in another unit, coordinates moved and stretched: the same clusters
    scaled = circular(cases, population * 7, coords * 3 + 100, permutations=99, seed=5, distance="planar")
    assert [set(a) for a in scaled.areas[:3]] == [set(a) for a in one.areas[:3]]
    np.testing.assert_array_equal(scaled.p, one.p)


def test_p_is_uniform_enough_under_the_null():
    rng = np.random.default_rng(11)
    coords, population = rng.uniform(0, 10, (40, 2)), rng.uniform(100, 1000, 40)
    p = []
    for seed in range(120):
        cases = rng.multinomial(200, population / population.sum())
        found = circular(cases, population, coords, permutations=99, seed=seed, distance="planar")
        p.append(found.p[0])
    assert stats.binomtest(int(np.sum(np.array(p) <= 0.05)), 120, 0.05).pvalue > 0.001
    assert stats.binomtest(int(np.sum(np.array(p) <= 0.5)), 120, 0.5).pvalue > 0.001


def test_missing_areas_are_left_out():
    rng = np.random.default_rng(3)
    coords, population = rng.uniform(0, 10, (30, 2)), rng.uniform(100, 1000, 30)
    cases = rng.poisson(population / 50).astype(float)
    cases[[4, 9]], population[12] = np.nan, np.nan
    kept = np.setdiff1d(np.arange(30), [4, 9, 12])
    found = circular(cases, population, coords, permutations=19, distance="planar")
    without = circular(cases[kept], population[kept], coords[kept], permutations=19, distance="planar")
    assert np.array_equal(found.areas[0], kept[without.areas[0]])
    assert np.array_equal(found.p, without.p)
    nothing = circular(np.zeros(30), np.ones(30), coords, distance="planar")
    assert len(nothing) == 0
    assert nothing.p.shape == (0,)
    assert list(nothing) == []


def plain_cylinder(table, coords, max_share, longest, prospective):
    far = np.sqrt(((coords[:, None] - coords[None]) ** 2).sum(-1))
    total, periods = table.sum(), table.shape[1]
    best = (0.0, None, None)
    for centre in range(len(table)):
        for radius in np.unique(far[centre]):
            inside = far[centre] <= radius * (1 + 1e-9)
            if table[inside].sum() > max_share * total * (1 + 1e-12):
                break
            for end in [periods - 1] if prospective else range(periods):
                for start in range(max(0, end - longest + 1), end + 1):
                    c = table[inside, start : end + 1].sum()
                    e = table[inside].sum() * table[:, start : end + 1].sum() / total
                    if c > e:
                        rest = (total - c) * np.log((total - c) / (total - e)) if c < total else 0.0
                        llr = c * np.log(c / e) + rest
                        if llr > best[0] + 1e-9:
                            best = (llr, set(np.flatnonzero(inside)), (start, end))
    return best


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_best_cylinder_is_the_brute_force_one(seed, prospective):
    rng = np.random.default_rng(seed)
    table, coords = rng.poisson(1.5, (14, 8)).astype(float), rng.uniform(0, 10, (14, 2))
    llr, areas, periods = plain_cylinder(table, coords, 0.5, 4, prospective)
    found = space_time(table, coords, prospective=prospective, permutations=0, distance="planar")
    assert found.llr[0] == pytest.approx(llr, rel=1e-9)
    near = found.llr[0]
    cluster = found[0]
    inside = table[cluster.areas, cluster.periods[0] : cluster.periods[1] + 1].sum()
    assert cluster.cases == inside
    assert near > 0
    if (set(cluster.areas), cluster.periods) != (areas, periods):
        # another cylinder with the same ratio
        assert cluster.llr == pytest.approx(llr, rel=1e-9)


@pytest.mark.parametrize("prospective", [True, False])
def test_a_planted_outbreak_is_found_in_place_and_time(prospective):
    rng = np.random.default_rng(6)
    coords = np.array([(i % 10, i // 10) for i in range(100)], float)
    counts = rng.poisson(2 * np.linspace(1, 3, 100)[:, None] * np.ones((1, 16)))
    planted = [44, 45, 54, 55, 43, 46]
    when = slice(13, 16) if prospective else slice(5, 8)
    counts[planted, when] += rng.poisson(5, (6, 3))
    found = space_time(counts, coords, prospective=prospective, permutations=99, distance="planar")
    assert found.p[0] == 0.01
    assert len(set(found.areas[0]) & set(planted)) >= 5
    first, last = found.periods[0]
    assert abs(first - when.start) <= 1
    assert abs(last - (when.stop - 1)) <= 1
    assert found.relative_risk[0] > 1.4
    assert found[0].periods == (first, last)


def test_purely_spatial_and_purely_temporal_differences_are_no_interaction():
    rng = np.random.default_rng(13)
    coords = rng.uniform(0, 10, (30, 2))
    small = 0
    for seed in range(60):
        of_area, of_period = rng.uniform(0.5, 6, (30, 1)), rng.uniform(0.5, 3, (1, 10))
        found = space_time(rng.poisson(of_area * of_period), coords, permutations=39, seed=seed, distance="planar")
        small += found.p[0] <= 0.05
    assert stats.binomtest(int(small), 60, 0.05).pvalue > 0.001


def test_space_time_windows_are_bounded():
    rng = np.random.default_rng(4)
    counts, coords = rng.poisson(3, (20, 12)), rng.uniform(0, 5, (20, 2))
    found = space_time(counts, coords, max_share=0.3, max_periods=2, permutations=9, distance="planar")
    assert np.all(found.periods[:, 1] == 11)
    assert np.all(found.periods[:, 0] >= 10)
    assert all(counts[a].sum() <= 0.3 * counts.sum() for a in found.areas)
    retrospective = space_time(counts, coords, prospective=False, permutations=9, distance="planar")
    assert np.all(np.diff(retrospective.periods, axis=1) < 6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: circular([1, 2], [1, 2, 3], np.zeros((2, 2))), "same shape"),
        (lambda: circular([1, -2], [1, 2], np.zeros((2, 2))), "negative"),
        (lambda: circular([1, 2], [0, 2], np.zeros((2, 2))), "population is zero"),
        (lambda: circular([1, 2], [3, 2], np.zeros((3, 2))), "coords have shape"),
        (lambda: circular([1, 2], [3, 2], [[50, 120], [51, 121]]), "swap the columns"),
        (lambda: circular([1, 2], [3, 2], np.zeros((2, 2)), distance="degrees"), "great_circle"),
        (lambda: circular([1, 2], [3, 2], np.zeros((2, 2)), max_share=0), "max_share"),
        (lambda: space_time([1, 2], np.zeros((2, 2))), "\\(areas, periods\\)"),
        (lambda: space_time([[1.5, 2], [1, 1]], np.zeros((2, 2))), "whole numbers"),
        (lambda: space_time([[1], [2]], np.zeros((2, 2))), "at least 2 periods"),
        (lambda: space_time([[1, 2], [2, 1]], np.zeros((2, 2)), max_periods=2), "max_periods"),
    ],
)
def test_wrong_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
