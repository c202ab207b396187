"""Each key formula of geo/ is changed in turn; the same figures that the other tests pin down must notice.

A module's source is loaded once more with one expression replaced (and without compilation, so that a change costs
milliseconds), and its results are compared with those of the module as it is.
"""

import itertools
import sys
import types
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def changed(module: str, old: str, new: str):
    """`geo.<module>` with `old` replaced by `new`; fails when the expression is no longer there."""
    path = ROOT / "geo" / f"{module}.py"
    source = path.read_text()
    assert old in source, f"geo/{module}.py no longer holds {old!r}: bring this list up to date"
    source = source.replace(old, new)
    source = source.replace(
        "from numba import njit", "njit = lambda *a, **k: a[0] if a and callable(a[0]) else lambda f: f"
    )
    copy = types.ModuleType(f"changed_{module}")
    copy.__file__ = str(path)
    sys.modules[copy.__name__] = copy
    exec(compile(source, str(path), "exec"), copy.__dict__)
    return copy


def conditional_figures(module):
    rng = np.random.default_rng(0)
    values, number = rng.gamma(1.5, 2, 7), 7.0
    d = values - values.mean()
    second, third = (d**2).sum(), (d**3).sum()
    weights = [rng.uniform(0.5, 2, k) for k in (1, 2, 3, 4, 2, 3, 5)]
    w1, w2, w3 = (np.array([(w**power).sum() for w in weights]) for power in (1, 2, 3))
    near = rng.normal(size=7)
    per, skew, score, star, mid, bound = (np.empty(7) for _ in range(6))
    module._per_spread(d, w1, w2, number, second, per)
    module._skewness(d, (w1, w2, w3), per, number, second, third, skew)
    module._conditional_score(d, near, w1, per, number, -0.5, score)
    module._star_score(d, near, w1, w2, np.ones(7), number, second, star)
    one, other = np.linspace(-3, 2, 7), np.linspace(-2.4, 2.6, 7)
    module._mid_two_sided(one, other, mid)
    module._half_count_bound(one, other, bound)
    moran = [np.empty(7) for _ in range(3)]
    module._moran_i(d, near, (number - 1) / second, moran[0])
    module._moran_expected(d, w1, False, number, second, moran[1])
    module._moran_variance(d, w1, w2, False, number, second, moran[2])
    total = module.totals(values[None])
    without = module._moments_without(values[None], 0, 2, w1[2], w2[2], w3[2])
    return np.concatenate([per, skew, score, star, mid, bound, *moran, total, without])


def pearson_far_figures(module):
    z, skewness = np.array([1.0, -0.4, 2.0, -0.9, 3.0, 0.6, -1.2]), np.array([0.5, -0.8, 3.0, 2.5, 9.0, -4.0, 1.6])
    return np.concatenate([*module.tails(z, skewness), *module.incomplete_gamma_tails(z, skewness)])


def rates_figures(module):
    events, people = np.array([3.0, 8, 0, 12]), np.array([900.0, 1500, 700, 800])
    direct = module.direct(events, people, [4.0, 3, 2, 1])
    ratio = module.rate_ratio(events, people, events[::-1], people[::-1])
    spread = module.overdispersion(events, [2.0, 5, 1, 6], winsorise=0)
    funnel = module.funnel_limits([4.0, 30])
    parts = [
        module.empirical_bayes(events, people),
        [direct.low, direct.high, direct.gamma_low, direct.gamma_high],
        *module.poisson_interval(events),
        *module.poisson_interval(events, method="byar"),
        *module.proportion_interval(events, people),
        *module.proportion_interval(events, people, method="clopper-pearson"),
        funnel.low.ravel(),
        funnel.high.ravel(),
        [spread.phi, spread.tau2],
        [ratio.low, ratio.p, ratio.p_mid, ratio.p_central],
        # the outcome on the far side is exactly as likely and belongs to p
        module.rate_ratio(3, 1, 12, 1).p,
    ]
    return np.concatenate([np.ravel(part) for part in parts])


def hotspots_figures(module):
    counts, people = np.array([[3.0], [8], [0], [12], [7]]), np.array([[900.0], [1500], [700], [800], [950]])
    from geo_maps import queen_grid

    moments = module._moran_moments(counts[:4], queen_grid(2, 2), "R")
    return np.concatenate([module.standardised_rates(counts, people)[0].ravel(), moments[1:3].ravel()])


def search_figures(module):
    order = np.array([[0, 1], [1, 0], [2, -1]], np.int32)
    ends = np.ones((3, 2), np.int32)
    cases, expected = np.array([9.0, 4, 5]), np.array([4.0, 4, 10])
    found = module.best_circles(order, ends, cases, expected, 18.0, 5)
    drawn = np.array([[9, 3], [4, 9], [5, 6]], np.int32)
    largest = module.largest_ratios(order, ends, drawn, expected / 18, 18.0)
    runs = np.array([[5.0, 9], [1, 4], [2, 5]])
    cylinder = module.best_cylinders(order, ends, runs, cases, np.array([8.0, 18]), 18.0, 5)
    one = module.largest_cylinder(order, ends, runs.astype(np.float32), cases, np.array([8.0, 18]), 18.0)
    return np.concatenate([np.ravel(part) for part in (*found, largest, *cylinder, [one])]).astype(float)


def corridors_figures(module):
    import pandas as pd

    rng = np.random.default_rng(1)
    flows = pd.DataFrame(
        [(o, d, rng.poisson(8)) for o, d in itertools.permutations("ABCD", 2)],
        columns=["origin", "destination", "count"],
    )
    table = module.statistics(flows)
    spread = module.concentration([5.0, 3, 1, 0, 2])
    figures = [spread.hhi, spread.effective_number, spread.entropy, spread.gini, spread.top3]
    return np.concatenate([table.drop(columns=["origin", "destination"]).to_numpy(float).ravel(), figures])


def emerging_figures(module):
    rng = np.random.default_rng(2)
    z = rng.choice([-3.0, 0, 1.8, 2.2, 3, 3.5, 4], (400, 12), p=[0.03, 0.07, 0.05, 0.2, 0.25, 0.2, 0.2])
    z = np.concatenate([z, rng.choice([-3.0, 0, 3], (400, 12), p=[0.1, 0.6, 0.3]), -z])
    return np.unique(module.emerging(z), return_inverse=True)[1].astype(float)


def completions_figures(module):
    from geo_maps import queen_grid

    rng = np.random.default_rng(3)
    low = rng.integers(0, 6, (16, 8)).astype(float)
    result = module.getis_ord_interval(low, low + rng.choice([0, 0, 0, 0, 3], (16, 8)), queen_grid(4, 4))
    return np.concatenate([result.z_low.ravel(), result.z_high.ravel()])


FIGURES = {
    "conditional": conditional_figures,
    "pearson_far": pearson_far_figures,
    "rates": rates_figures,
    "hotspots": hotspots_figures,
    "scan_search": search_figures,
    "corridors": corridors_figures,
    "emerging": emerging_figures,
    "completions": completions_figures,
}

MUTATIONS = [
    (
        "conditional",
        "to_mean, to_variance = 1.0 / others, others / (others - 1.0)",
        "to_mean, to_variance = 1.0 / others, 1.0",
    ),
    ("conditional", "spread_of_weights = w2[i] - w1[i] * w1[i] * to_mean", "spread_of_weights = w2[i]"),
    (
        "conditional",
        "to_third = others * others / ((others - 1.0) * (others - 2.0))",
        "to_third = others / (others - 1.0)",
    ),
    (
        "conditional",
        "m3 = (third - d[i] * d[i] * d[i]) * to_mean - 3.0 * m * s2",
        "m3 = (third - d[i] * d[i] * d[i]) * to_mean",
    ),
    ("conditional", "w = w3[i] - 3.0 * w1[i] * w2[i] * to_mean", "w = w3[i] - 2.0 * w1[i] * w2[i] * to_mean"),
    ("conditional", "(near[i] + w1[i] * d[i] * to_mean + shift)", "(near[i] + shift)"),
    ("conditional", "+ shift) * per_spread[i]", "- shift) * per_spread[i]"),
    ("conditional", "scale = second / number / (number - 1.0)", "scale = second / (number - 1.0) / (number - 1.0)"),
    ("conditional", "out[i] = min(upper, 1.0) if upper <= lower", "out[i] = min(2.0 * upper, 1.0) if upper <= lower"),
    ("conditional", "lower = 1.0 - tail_beyond if w_beyond[i] >= 0", "lower = 1.0 - tail_at if w_at[i] >= 0"),
    ("conditional", "out[i] = -d[i] * d[i] / second", "out[i] = -d[i] * d[i] / (second * number)"),
    ("conditional", "around = (second - d[i] * d[i]) * to_mean - d[i]", "around = second * to_mean - d[i]"),
    ("pearson_far", "shape = 4 / np.maximum", "shape = 2 / np.maximum"),
    ("pearson_far", "right = skewness > 0", "right = skewness < 0"),
    ("pearson_far", "2 * (SHORTEST - 1) / skewness", "(SHORTEST - 1) / skewness"),
    ("pearson_far", "/ size * temme_h(u) + size * f", "/ size * temme_h(u)"),
    ("conditional", "m3 * to_third * w * per_spread**3", "m3 * w * per_spread**3"),
    ("rates", "mean / (exposed / number)", "mean / exposed"),
    ("rates", "between / (between + mean / people)", "between / (between + mean)"),
    ("rates", "BYAR_FROM = 10", "BYAR_FROM = 100"),
    ("rates", "rate + largest, variance + largest**2", "rate, variance"),
    ("rates", "scale = np.sqrt(variance / total)", "scale = variance / total"),
    ("rates", "special.gammainccinv(count + 1, alpha)", "special.gammainccinv(count, alpha)"),
    ("rates", "z / (3 * np.sqrt(more))", "z / (3 * more)"),
    ("rates", "z**2 / (4 * n**2)", "z**2 / (2 * n**2)"),
    ("rates", "special.betaincinv(successes + 1,", "special.betaincinv(successes + 0.5,"),
    ("rates", "stats.poisson.cdf(r, expected) - p)", "stats.poisson.cdf(r - 1, expected) - p)"),
    ("rates", "number * phi - (number - 1)", "number * phi - number"),
    ("rates", "below + own / 2, above + own / 2", "below + own, above + own / 2"),
    ("rates", "* (1 + 1e-7)", "* (1 - 1e-1)"),
    ("hotspots", "between = spread - overall / (total / number)", "between = spread"),
    ("hotspots", "variance = between + overall / people", "variance = overall / people"),
    ("hotspots", "(n**2 - 3 * n + 3) * s1", "(n**2 - 2 * n + 3) * s1"),
    ("hotspots", "2 * n * s2 + 6 * s0**2", "n * s2 + 6 * s0**2"),
    ("scan_search", "outside * np.log(outside / (total - expected))", "outside * np.log(outside / total)"),
    ("scan_search", "taken[order[top, : size[top]]] = True", "pass"),
    ("scan_search", "expected = cases * of_run[run] / total", "expected = cases / total"),
    ("scan_search", "part += share[area]", "part = share[area]"),
    ("corridors", "reach = left @ open_", "reach = left.sum() * np.ones_like(right)"),
    ("corridors", "np.maximum(np.ceil(count), 1.0), expected", "np.maximum(np.ceil(count), 1.0) + 1, expected"),
    ("corridors", "stats.false_discovery_control(p[possible])", "p[possible]"),
    ("corridors", "(table - expected) / np.sqrt(expected)", "(table - expected) / expected"),
    ("corridors", "2 * rank - number[..., None] - 1", "2 * rank - number[..., None]"),
    ("emerging", "often = 10 * times >= 9 * periods", "often = 10 * times >= 8 * periods"),
    ("emerging", "limit = -special.ndtri(alpha / 2)", "limit = -special.ndtri(alpha)"),
    ("emerging", "(s - np.sign(s)) / np.sqrt(variance)", "s / np.sqrt(variance)"),
    (
        "emerging",
        "(number * (number - 1) * (2 * number + 5) - ties) / 18",
        "number * (number - 1) * (2 * number + 5) / 18",
    ),
    ("emerging", "(runs > 1) & ~often", "(runs > 2) & ~often"),
    ("emerging", "ever_cold = cold.any(axis=1)", "ever_cold = hot.any(axis=1)"),
    ("completions", "sums[at - 1] + 2 * level + 1", "sums[at - 1] + 2 * level"),
    ("completions", "(low + rest) ** 2 - low * low", "rest * (low + high)"),
    ("completions", "excess = number * inside - members * whole", "excess = number * inside - (members + 1) * whole"),
    (
        "completions",
        "factor = (number - 1) / (members * (number - members))",
        "factor = number / (members * (number - members))",
    ),
]


@pytest.fixture(scope="module")
def truth():
    return {
        name: figures(changed(name, "import numpy as np", "import numpy as np")) for name, figures in FIGURES.items()
    }


def test_the_uncompiled_copy_gives_the_compiled_figures(truth):
    import geo.conditional
    import geo.scan_search

    np.testing.assert_allclose(conditional_figures(geo.conditional), truth["conditional"], rtol=1e-12)
    np.testing.assert_allclose(search_figures(geo.scan_search), truth["scan_search"], rtol=1e-12)


@pytest.mark.parametrize(("module", "old", "new"), MUTATIONS, ids=[f"{m}: {new}"[:70] for m, _, new in MUTATIONS])
def test_a_changed_formula_is_noticed(truth, module, old, new):
    with np.errstate(all="ignore"):
        try:
            figures = FIGURES[module](changed(module, old, new))
        except (ArithmeticError, ValueError, IndexError):
            return
    same = figures.shape == truth[module].shape and np.allclose(figures, truth[module], rtol=1e-6, equal_nan=True)
    assert not same
