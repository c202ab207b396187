"""Getis-Ord and Moran against esda, exact enumeration, published figures, invariances and planted truth."""

import itertools

import esda
import numpy as np
import pytest
from geo_maps import pysal_weights, queen_grid, shipped
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse, special, stats

from geo import conditional
from geo.hotspots import getis_ord, global_moran, local_moran, standardised_rates
from geo.neighbours import contiguity
from geo.pearson_far import incomplete_gamma_tails


@pytest.fixture(scope="module")
def columbus():
    areas = shipped("columbus")
    return areas.CRIME.to_numpy(float), contiguity(areas), areas


def exact_two_sided(values, area, neighbours):
    """Two-sided mid p and half-count bound over every choice of neighbours from the other areas."""
    others = np.delete(values, area)
    sums = np.array([sum(c) for c in itertools.combinations(others, len(neighbours))])
    here = values[neighbours].sum()
    slack = 1e-9 * np.abs(values).max()
    above, below = np.mean(sums >= here - slack), np.mean(sums <= here + slack)
    tie = np.mean(np.abs(sums - here) <= slack)
    return min(1, 2 * min(above - tie / 2, below - tie / 2)), min(1, 2 * min(above, below))


@pytest.mark.parametrize("star", [True, False])
@pytest.mark.parametrize("variable", ["CRIME", "INC", "HOVAL"])
def test_scores_are_those_of_esda(columbus, star, variable):
    _, weights, areas = columbus
    values = areas[variable].to_numpy(float)
    theirs = esda.G_Local(values, pysal_weights(areas), transform="B", star=star, permutations=0)
    np.testing.assert_allclose(getis_ord(values, weights, star=star).z, theirs.Zs, rtol=1e-10)
    np.testing.assert_allclose(getis_ord(values, weights, star=star).p_normal, 2 * theirs.p_norm, rtol=1e-9)


def test_columbus_by_exact_enumeration(columbus):
    """31 neighbourhoods are small enough to enumerate; one tail was within .0085 of them, .003 on average."""
    values, weights, _ = columbus
    result = getis_ord(values, weights, star=False)
    gap = []
    for area in range(len(values)):
        neighbours = weights.indices[weights.indptr[area] : weights.indptr[area + 1]]
        if len(neighbours) <= 4:
            gap.append(abs(result.p[area] - exact_two_sided(values, area, neighbours)[0]))
    assert len(gap) >= 20
    assert max(gap) < 0.018
    assert np.mean(gap) < 0.008


def test_permutations_of_esda_agree_and_the_normal_tail_does_not(columbus):
    areas = shipped("sids2")
    rate = areas.SIDR74.to_numpy(float)
    ours = getis_ord(rate, contiguity(areas), star=False)
    theirs = esda.G_Local(
        rate,
        pysal_weights(areas),
        transform="B",
        star=False,
        permutations=9999,
        seed=1,
        n_jobs=1,
        keep_simulations=False,
    )
    permuted = np.minimum(1, 2 * theirs.p_sim)
    assert np.abs(ours.p - permuted).mean() < 0.012
    assert np.abs(ours.p - permuted).max() < 0.03
    assert np.abs(ours.p_normal - permuted).mean() > 0.035


def exact_distribution(values, size):
    """Chance of each sum of `size` values drawn without replacement from whole numbers: a subset count, by program."""
    top = int(np.sort(values)[::-1][:size].sum())
    ways = np.zeros((size + 1, top + 1))
    ways[0, 0] = 1.0
    for value in values.astype(int):
        for taken in range(size, 0, -1):
            ways[taken, value:] += ways[taken - 1, : top + 1 - value]
    return ways[size] / ways[size].sum()


@pytest.mark.parametrize("mean", [0.3, 1.0, 5.0])
def test_small_counts_by_exact_distribution(mean):
    """Every tail of a 30 x 30 map of counts, centre cells: mid tail and half-count bound against the exact ones."""
    rng = np.random.default_rng(7)
    values = rng.poisson(mean, 900).astype(float)
    weights = queen_grid(30, 30)
    result = getis_ord(values, weights)
    area = 15 * 30 + 15
    neighbours = weights.indices[weights.indptr[area] : weights.indptr[area + 1]]
    chance = exact_distribution(np.delete(values, area), 8)
    upper = np.cumsum(chance[::-1])[::-1]
    checked = 0
    for total in np.flatnonzero((upper > 1e-4) & (np.arange(len(upper)) < 60)):
        moved = values.copy()
        # the same other values, arranged so that the neighbours hold `total`
        if not _arrange(moved, area, neighbours, int(total)):
            continue
        at = getis_ord(moved, weights)
        mid = upper[total] - chance[total] / 2
        exact = min(1.0, 2 * min(mid, 1 - mid))
        bound = min(1.0, 2 * min(upper[total], 1 - upper[total] + chance[total]))
        assert at.p[area] == pytest.approx(exact, rel=0.2, abs=0.013)
        assert at.p_upper_bound[area] == pytest.approx(bound, rel=0.25, abs=0.02)
        assert at.p[area] <= at.p_upper_bound[area]
        checked += 1
    assert checked >= 6
    assert result.assessed.mean() > 0.9


def _arrange(values, area, neighbours, total):
    """Swap values so that the neighbours of `area` add up to `total`; False if the greedy choice does not reach it."""
    pool = np.sort(np.delete(values, area))[::-1]
    chosen, rest = [], list(pool)
    for left in range(len(neighbours), 0, -1):
        smallest = sorted(rest)[: left - 1]
        room = total - sum(chosen) - sum(smallest)
        best = next((v for v in rest if v <= room), None)
        if best is None:
            return False
        chosen.append(best)
        rest.remove(best)
    if sum(chosen) != total:
        return False
    others = np.setdiff1d(np.arange(len(values)), [area, *neighbours])
    values[neighbours], values[others] = chosen, rest
    return True


def test_published_upper_tail_at_mean_a_third():
    """Counts with mean 0.3, 8 neighbours, 900 cells: .0131 and .0036 by permutation at sums 7 and 8, normal .0021."""
    rng = np.random.default_rng(2)
    values = rng.permutation(np.repeat([0.0, 1, 2, 3], [667, 200, 30, 3]))
    weights = queen_grid(30, 30)
    area = 15 * 30 + 15
    neighbours = weights.indices[weights.indptr[area] : weights.indptr[area + 1]]
    for total, exact_like in ((7, 0.0131), (8, 0.0036)):
        assert _arrange(values, area, neighbours, total)
        result = getis_ord(values, weights, star=False)
        chance = exact_distribution(np.delete(values, area), 8)
        upper = chance[total:].sum()
        assert upper == pytest.approx(exact_like, rel=0.25)
        assert result.p_upper_bound[area] / 2 == pytest.approx(upper, rel=0.35)
        assert result.p_upper[area] == pytest.approx(upper - chance[total] / 2, rel=0.35)
        assert result.p_normal[area] / 2 < upper / 4


def test_conditional_moments_are_exact_for_any_weights():
    """Mean, variance and skewness of a weighted sum over all arrangements of six other values, by hand."""
    values = np.array([2.0, 0.5, 7.0, 1.0, 3.5, 9.0, 4.0])
    row = np.array([0.0, 1.0, 0.25, 3.0, 0.0, 0.0, 0.0])
    sums = np.array([np.dot(row[1:], arranged) for arranged in itertools.permutations(values[1:])])
    data, columns = row[row > 0], np.flatnonzero(row)
    number, mean = 7.0, values.mean()
    d = values - mean
    second, third = (d**2).sum(), (d**3).sum()
    one = np.ones(1)
    w1, w2, w3 = data.sum() * one, (data**2).sum() * one, (data**3).sum() * one
    per_spread, skewness, score = np.empty(1), np.empty(1), np.empty(1)
    conditional._per_spread(d[:1], w1, w2, number, second, per_spread)
    conditional._skewness(d[:1], (w1, w2, w3), per_spread, number, second, third, skewness)
    near = np.array([np.dot(data, d[columns])])
    conditional._conditional_score(d[:1], near, w1, per_spread, number, 0.0, score)
    here = np.dot(data, values[columns])
    assert 1 / per_spread[0] == pytest.approx(sums.std(), rel=1e-12)
    assert skewness[0] == pytest.approx(stats.skew(sums), rel=1e-10)
    assert score[0] == pytest.approx((here - sums.mean()) / sums.std(), rel=1e-10)


def short_tail_kept(z, skewness):
    """Both Pearson III tails; the short one followed to a tenth of the way from its end, then to the normal tail."""
    if 1 + z * skewness / 2 >= 0.1:
        return incomplete_gamma_tails(z, skewness)
    followed = incomplete_gamma_tails(-1.8 / skewness, skewness)
    short = min(followed[int(skewness > 0)], stats.norm.sf(abs(z)))
    short = max(short, incomplete_gamma_tails(z, skewness)[int(skewness > 0)])
    return (1 - short, short) if skewness > 0 else (short, 1 - short)


def plain_getis_ord(values, links, star, half):
    """The definition, one area at a time, with scipy's Pearson III: what the compiled loops must equal."""
    n = len(values)
    z, p, bound = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    reporting = ~np.isnan(values)
    for i in np.flatnonzero(reporting):
        row = links[[i]].toarray().ravel() * reporting
        other = np.flatnonzero(reporting & (np.arange(n) != i))
        w, x = row[other], values[other]
        m = len(other)
        total = np.dot(w, x)
        mean, var = w.sum() * x.mean(), x.var() * m / (m - 1) * ((w**2).sum() - w.sum() ** 2 / m)
        if not var > 1e-12:
            continue
        third = stats.moment(x, 3) * m**2 / ((m - 1) * (m - 2)) * ((w - w.mean()) ** 3).sum()
        tails = [short_tail_kept((total + s - mean) / var**0.5, third / var**1.5) for s in (-half, half)]
        ups, downs = zip(*tails, strict=True)
        p[i] = min(1, 2 * min(np.mean(ups), np.mean(downs)))
        bound[i] = min(1, 2 * min(ups[0], downs[1]))
        z[i] = (total - mean) / var**0.5
        if star:
            own = links[[i]].toarray().max()
            full = row.copy()
            full[i] = own
            known = values[reporting]
            f = full[reporting]
            s2 = known.var()
            spread = s2 * (len(known) * (f**2).sum() - f.sum() ** 2) / (len(known) - 1)
            z[i] = (np.dot(f, known) - f.sum() * known.mean()) / spread**0.5
    return z, p, bound


@pytest.mark.parametrize("star", [True, False])
@pytest.mark.parametrize("kind", ["counts", "heavy tail", "normal"])
@pytest.mark.parametrize("weighted", [False, True])
def test_compiled_loops_equal_the_definition(star, kind, weighted):
    rng = np.random.default_rng(21)
    links = queen_grid(7, 8)
    if weighted:
        links.data = rng.uniform(0.2, 3, links.nnz)
    draw = {
        "counts": lambda: rng.poisson(1.5, (56, 4)).astype(float),
        "heavy tail": lambda: np.exp(rng.normal(0, 1.5, (56, 4))),
        "normal": lambda: rng.normal(size=(56, 4)),
    }
    values = draw[kind]()
    values[rng.random(values.shape) < [0, 0.05, 0.3, 0]] = np.nan
    transform = "R" if weighted else "B"
    result = getis_ord(values, links, star=star, transform=transform)
    half = 0.5 if kind == "counts" and not weighted else 0.0
    for column in range(4):
        z, p, bound = plain_getis_ord(values[:, column], links, star, half)
        np.testing.assert_allclose(result.z[:, column], z, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(result.p[:, column], p, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(result.p_upper_bound[:, column], bound, rtol=1e-7, atol=1e-12)


def test_both_transforms_agree_for_equal_weights_and_rows_may_be_scaled(columbus):
    values, weights, _ = columbus
    counts = np.round(values)
    plain = getis_ord(counts, weights)
    scaled = sparse.csr_array(sparse.diags_array(1 / weights.sum(axis=1)) @ weights)
    for other in (getis_ord(counts, weights, transform="R"), getis_ord(counts, scaled, transform="R")):
        np.testing.assert_allclose(other.z, plain.z, rtol=1e-12)
        np.testing.assert_allclose(other.p, plain.p, rtol=1e-12)
        np.testing.assert_allclose(other.p_upper_bound, plain.p_upper_bound, rtol=1e-12)


def test_maps_do_not_depend_on_their_company(columbus):
    values, weights, _ = columbus
    rng = np.random.default_rng(2)
    cube = np.column_stack([values, rng.permutation(values), values**2])
    for function in (getis_ord, local_moran, global_moran):
        together = function(cube, weights)
        for column in range(3):
            alone = function(cube[:, column], weights)
            np.testing.assert_allclose(np.asarray(together.p)[..., column], alone.p, rtol=1e-12)
            assert alone.z.shape == (() if function is global_moran else (49,))


def test_window_all_judges_a_period_against_the_whole_cube():
    rng = np.random.default_rng(6)
    links = queen_grid(6, 6)
    cube = rng.poisson(4, (36, 5)).astype(float)
    cube[:, 4] += 10
    own, whole = getis_ord(cube, links), getis_ord(cube, links, window="all")
    assert (whole.z[:, 4] > 1.96).mean() > 0.9
    assert (own.z[:, 4] > 1.96).mean() < 0.2
    # the whole cube as one big map whose periods are not neighbours
    apart = sparse.csr_array(sparse.block_diag([links] * 5))
    flat = getis_ord(cube.T.ravel(), apart)
    np.testing.assert_allclose(whole.z.T.ravel(), flat.z, rtol=1e-10)
    np.testing.assert_allclose(whole.p.T.ravel(), flat.p, rtol=1e-8)


def test_standardised_rates_are_those_of_esda():
    areas = shipped("sids2")
    events, births = areas.SID74.to_numpy(float), areas.BIR74.to_numpy(float)
    theirs = esda.smoothing.assuncao_rate(events, births)
    rates, even = standardised_rates(events[:, None], births[:, None])
    np.testing.assert_allclose(rates.ravel(), theirs, rtol=1e-10)
    assert even.sum() == pytest.approx(events.sum())
    links = contiguity(areas)
    tested = getis_ord(events, links, expected=births)
    np.testing.assert_allclose(tested.z, getis_ord(theirs, links).z, rtol=1e-8)
    # expected counts and population say the same
    again = getis_ord(events, links, expected=births * events.sum() / births.sum())
    np.testing.assert_allclose(again.p, tested.p, rtol=1e-8)


def test_unequal_populations_alone_make_no_hot_spot():
    """Equal rates, populations a hundredfold larger on one side: raw counts light up, standardised rates do not."""
    rng = np.random.default_rng(9)
    links = queen_grid(20, 20)
    population = np.where(np.arange(400) % 20 < 10, 1e4, 1e6)
    counts = rng.poisson(population * 2e-4).astype(float)
    assert (getis_ord(counts, links).p < 0.05).mean() > 0.5
    assert (getis_ord(counts, links, expected=population).p < 0.05).mean() < 0.12


def test_a_planted_cluster_is_hot_and_its_direction_up():
    rng = np.random.default_rng(10)
    values = rng.poisson(3, 400).astype(float)
    planted = np.array([r * 20 + c for r in range(8, 12) for c in range(8, 12)])
    values[planted] += 6
    result = getis_ord(values, queen_grid(20, 20))
    inner = planted[[5, 6, 9, 10]]
    assert np.all(result.p[inner] < 1e-6)
    assert np.all(result.direction[inner] == 1)
    assert np.all(result.z[inner] > 5)
    cold = getis_ord(values.max() - values, queen_grid(20, 20))
    assert np.all(cold.p[inner] < 1e-6)
    assert np.all(cold.direction[inner] == -1)


FINITE = st.floats(-1e3, 1e3, allow_nan=False, width=32)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(float, 30, elements=st.one_of(st.integers(0, 6).map(float), st.just(np.nan))),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_properties_of_counts(values, star, random):
    links = queen_grid(5, 6)
    result = getis_ord(values, links, star=star)
    for name in ("p", "p_normal", "p_upper_bound", "p_upper"):
        array = getattr(result, name)
        assert np.all((array >= 0) & (array <= 1) | np.isnan(array))
    known = ~np.isnan(result.p)
    assert np.all(result.p[known] <= result.p_upper_bound[known] + 1e-12)
    assert np.array_equal(result.reason == "", result.assessed)
    # areas in another order, the same figures
    order = np.array(random.sample(range(30), 30))
    moved = getis_ord(values[order], links[order][:, order], star=star)
    for name in ("z", "p", "p_normal", "p_upper_bound"):
        np.testing.assert_allclose(getattr(moved, name), getattr(result, name)[order], rtol=1e-7, atol=1e-9)
    assert np.array_equal(moved.reason, result.reason[order])
    # doubling every count changes no score; a copy of the map side by side changes nothing
    np.testing.assert_allclose(getis_ord(2 * values, links, star=star).z, result.z, rtol=1e-9, atol=1e-12)
    twice = getis_ord(np.column_stack([values, values]), links, star=star)
    np.testing.assert_array_equal(twice.p[:, 1], result.p)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(float, 30, elements=FINITE), st.floats(0.01, 100), st.floats(-500, 500))
def test_scores_do_not_depend_on_unit_and_origin(values, scale, shift):
    links = queen_grid(5, 6)
    spread = values.std()
    if spread < 1e-2:
        return
    values = values + 0.12345
    base, moved = getis_ord(values, links), getis_ord(values * scale + shift, links)
    np.testing.assert_allclose(moved.z, base.z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(moved.p, base.p, rtol=1e-4, atol=1e-5)
    mirrored = getis_ord(-values, links)
    np.testing.assert_allclose(mirrored.z, -base.z, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(mirrored.p, base.p, rtol=1e-5, atol=1e-7)
    moran, again = local_moran(values, links), local_moran(values * scale + shift, links)
    np.testing.assert_allclose(again.i, moran.i, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(again.z, moran.z, rtol=1e-4, atol=1e-6)


def test_why_an_area_is_not_assessed():
    links = queen_grid(7, 7).tolil()
    links[48, :] = 0
    links = sparse.csr_array(links)
    values = np.random.default_rng(1).poisson(4, 49).astype(float)
    values[[0, 1, 7]] = np.nan
    reason = getis_ord(values, links).reason
    assert reason[0] == "value missing"
    assert reason[8] == "too little of the neighbourhood reports"
    assert reason[48] == "no neighbours"
    assert reason[24] == ""
    few = getis_ord(np.where(np.arange(49) < 29, 5.0, np.nan) + np.arange(49), links)
    assert set(few.reason[:29]) == {"fewer areas report than needed"}
    assert not few.assessed.any()
    sparse_counts = np.zeros(49)
    sparse_counts[[3, 20]] = 1
    rare = getis_ord(sparse_counts, links)
    assert set(rare.reason) == {"expected count of the neighbourhood too small", "no neighbours"}
    expected = np.full(49, 1.0)
    expected[:14] = 0.001
    given_ = getis_ord(np.random.default_rng(3).poisson(3, 49).astype(float), links, expected=expected)
    assert given_.reason[3] == "expected count of the neighbourhood too small"
    assert given_.reason[30] == ""
    assert set(getis_ord(np.full(49, 2.0), links).reason[:48]) == {"no variation between the areas"}
    # continuous values have no expected count
    assert getis_ord(np.random.default_rng(4).normal(0, 0.01, 49), links).assessed[:48].all()


def test_an_area_without_neighbours_has_a_star_score_but_no_p():
    links = queen_grid(6, 6).tolil()
    links[35, :] = 0
    links[:, 35] = 0
    links = sparse.csr_array(links)
    values = np.random.default_rng(0).normal(size=36)
    star, plain = getis_ord(values, links), getis_ord(values, links, star=False)
    assert star.z[35] == pytest.approx((values[35] - values.mean()) / values.std(), rel=1e-12)
    assert np.isnan(star.p[35])
    assert np.isnan(plain.z[35])
    assert np.isnan(plain.p_normal[35])
    moran = local_moran(values, links)
    assert np.isnan(moran.i[35])
    assert moran.quadrant[35] == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda w: getis_ord(np.zeros((3, 4, 5)), w), "\\(areas, maps\\)"),
        (lambda w: getis_ord(np.zeros(10), w), "must be \\(10, 10\\)"),
        (lambda w: getis_ord(np.zeros(9), w, transform="D"), "transform"),
        (lambda w: getis_ord(np.zeros(9), w, window="year"), "window"),
        (lambda w: getis_ord(-np.ones(9), w, expected=np.ones(9)), "negative"),
        (lambda w: getis_ord(np.ones(9), w, expected=np.zeros(9)), "zero or negative"),
        (lambda w: getis_ord(np.ones(9), w, expected=np.ones(8)), "expected has shape"),
        (lambda w: getis_ord(np.full(9, np.inf), w), "infinite"),
        (lambda w: local_moran(np.zeros(9), w, transform="B1"), "transform"),
        (lambda w: global_moran(np.zeros(8), w), "must be \\(8, 8\\)"),
    ],
)
def test_wrong_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call(queen_grid(3, 3))


@pytest.mark.parametrize("variable", ["CRIME", "INC"])
def test_local_moran_is_that_of_esda(columbus, variable):
    _, weights, areas = columbus
    values = areas[variable].to_numpy(float)
    ours = local_moran(values, weights)
    theirs = esda.Moran_Local(values, pysal_weights(areas), transformation="r", permutations=0)
    np.testing.assert_allclose(ours.i, theirs.Is, rtol=1e-10)
    np.testing.assert_array_equal(ours.quadrant, theirs.q)
    # esda's moments are Sokal's, with divisor n: the score is the same once the statistic has it too
    n = len(values)
    z = (theirs.Is * n / (n - 1) - theirs.EIc) / np.sqrt(theirs.VIc)
    np.testing.assert_allclose(ours.z, z, rtol=1e-9)
    np.testing.assert_allclose(ours.p, 2 * special.ndtr(-np.abs(z)), rtol=1e-9)


def test_local_moran_moments_by_enumeration():
    values = np.array([1.0, 4, 2, 8, 5, 7.5])
    links = sparse.csr_array(
        np.array(
            [
                [0, 1, 1, 0, 0, 0],
                [1, 0, 1, 1, 0, 0],
                [1, 1, 0, 0, 0, 1],
                [0, 1, 0, 0, 1, 0],
                [0, 0, 0, 1, 0, 1],
                [0, 0, 1, 0, 1, 0],
            ],
            float,
        )
    )
    for transform in ("R", "B"):
        ours = local_moran(values, links, transform=transform)
        d = values - values.mean()
        m2 = (d**2).sum() / 5
        for area in range(6):
            row = links[[area]].toarray().ravel()
            row = row / row.sum() if transform == "R" else row
            others = np.delete(np.arange(6), area)
            drawn = [d[area] / m2 * np.dot(row[others], d[list(a)]) for a in itertools.permutations(others)]
            assert ours.expected[area] == pytest.approx(np.mean(drawn), rel=1e-10)
            assert ours.variance[area] == pytest.approx(np.var(drawn), rel=1e-10)
            assert ours.i[area] == pytest.approx(d[area] / m2 * np.dot(row, d), rel=1e-12)


def test_local_moran_leaves_gaps_out(columbus):
    values, weights, _ = columbus
    holed = values.copy()
    holed[[5, 11]] = np.nan
    kept = np.setdiff1d(np.arange(49), [5, 11])
    ours, without = local_moran(holed, weights), local_moran(values[kept], weights[kept][:, kept])
    for name in ("i", "expected", "variance", "z", "p", "quadrant"):
        np.testing.assert_allclose(getattr(ours, name)[kept], getattr(without, name), rtol=1e-9)
    assert np.isnan(ours.i[5])
    assert ours.quadrant[11] == 0


def test_moran_permutations_are_seeded_and_agree_with_the_moments(columbus):
    values, weights, _ = columbus
    one, again = (local_moran(values, weights, permutations=499, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.p_sim, again.p_sim)
    assert np.abs(one.p_sim - one.p).mean() < 0.03
    assert local_moran(values, weights).p_sim is None
    other = local_moran(values, weights, permutations=499, seed=4)
    assert not np.array_equal(one.p_sim, other.p_sim)


@pytest.mark.parametrize("transform", ["R", "B"])
def test_global_moran_is_that_of_esda(columbus, transform):
    _, weights, areas = columbus
    cube = areas[["CRIME", "INC", "HOVAL"]].to_numpy(float)
    ours = global_moran(cube, weights, transform=transform)
    for column in range(3):
        theirs = esda.Moran(cube[:, column], pysal_weights(areas), transformation=transform.lower(), permutations=0)
        assert ours.i[column] == pytest.approx(theirs.I, rel=1e-12)
        assert ours.expected[column] == pytest.approx(theirs.EI, rel=1e-12)
        assert ours.variance[column] == pytest.approx(theirs.VI_rand, rel=1e-10)
        assert ours.p[column] == pytest.approx(theirs.p_rand, rel=1e-9)


def test_global_moran_of_columbus_crime_is_the_published_one(columbus):
    """Anselin (1988) crime in Columbus with queen weights, as in the spdep and esda manuals: I = 0.5001886."""
    values, weights, _ = columbus
    assert float(global_moran(values, weights).i) == pytest.approx(0.5001886, abs=2e-6)


def test_global_moran_leaves_gaps_out(columbus):
    values, weights, _ = columbus
    cube = np.column_stack([values, values])
    cube[[2, 30], 1] = np.nan
    kept = np.setdiff1d(np.arange(49), [2, 30])
    both, without = global_moran(cube, weights), global_moran(values[kept], weights[kept][:, kept])
    assert both.i[1] == pytest.approx(float(without.i), rel=1e-12)
    assert both.p[1] == pytest.approx(float(without.p))
    assert both.i[0] == pytest.approx(float(global_moran(values, weights).i), rel=1e-12)
