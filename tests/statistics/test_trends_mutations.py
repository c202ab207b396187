"""A wrong key formula must not survive: each is broken in a copy of its module, and a known truth must notice."""

import importlib
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).resolve().parents[2]
NOISE = np.random.default_rng(1).poisson(9, 40).astype(float)
TREND = np.random.default_rng(2).normal(size=25)


def mutated(module: str, old: str, new: str):
    """The module with one piece of its source exchanged, under a name of its own."""
    source = (ROOT / "trends" / f"{module}.py").read_text()
    assert source.count(old) >= 1, f"the formula {old!r} is no longer in trends/{module}.py: renew this mutation"
    name = f"mutated_{module}"
    spec = importlib.util.spec_from_loader(name, loader=None)
    copy = importlib.util.module_from_spec(spec)
    sys.modules[name] = copy  # dataclasses look their module up
    try:
        exec(compile(source.replace(old, new, 1), name, "exec"), copy.__dict__)
    finally:
        del sys.modules[name]
    return copy


def variance_of_s(module):
    ties = [1.0, 2, 2, 3, 3, 3, 0]
    assert module.mann_kendall(ties).variance == pytest.approx((7 * 6 * 19 - 2 * 9 - 3 * 2 * 11) / 18)


def tau_b(module):
    y = [1.0, 2, 2, 3, 3, 3, 0]
    assert module.mann_kendall(y).tau == pytest.approx(stats.kendalltau(range(7), y).statistic)


def continuity(module):
    assert module.mann_kendall([1.0, 2, 3, 4]).z == pytest.approx(5 / np.sqrt(4 * 3 * 13 / 18))


def slope_limits(module):
    for n in (22, 25):  # an odd and an even number of slopes
        theirs = stats.theilslopes(TREND[:n])
        ours = module.theil_sen(TREND[:n])
        assert (ours.low, ours.slope, ours.high) == (theirs.low_slope, theirs.slope, theirs.high_slope)


def discovery(module):
    p = np.array([0.01, 0.2, 0.011, 0.012, 0.5, 0.04, 0.041])
    for method in ("bh", "by"):
        expected = stats.false_discovery_control(p, method=method)
        np.testing.assert_allclose(module.false_discovery(p, method), expected)
        np.testing.assert_allclose(module.false_discovery(np.array([p, p[::-1]]), method, axis=1)[1], expected[::-1])
        # a test that was not made stays out of its family
        gaps = np.insert(p, 2, np.nan)
        np.testing.assert_allclose(module.false_discovery(gaps, method), np.insert(expected, 2, np.nan))


def dispersion(module):
    import statsmodels.api as sm

    design = np.column_stack([np.ones(40), np.arange(40.0)])
    fit = module.fit_poisson(NOISE[None], design)
    theirs = sm.GLM(NOISE, design, family=sm.families.Poisson()).fit(scale="X2")
    np.testing.assert_allclose(fit.coefficients[0], theirs.params, rtol=1e-7)
    assert fit.dispersion[0] == pytest.approx(theirs.scale)
    np.testing.assert_allclose(fit.leverage[0], theirs.get_hat_matrix_diag(), rtol=1e-6)
    assert fit.deviance[0] == pytest.approx(theirs.deviance)


def known_step(module):
    counts = np.r_[np.full(10, 20.0), np.full(10, 40.0)]
    result = module.step_model(counts * 1.1 ** np.arange(20), 10, 2)
    assert result.effect == pytest.approx(2)
    assert result.trend == pytest.approx(1.1**2)


def annual_change(module):
    result = module.joinpoint(100 * 1.2 ** np.arange(8.0), 1.0, years=np.arange(8) / 2)
    assert result.apc[0] == pytest.approx(44)


def farrington_limit(module):
    import json

    fixture = json.loads((Path(__file__).parent / "fixtures" / "r_surveillance.json").read_text())
    weekly = np.array(fixture["series"]["weekly"][:230], dtype=float)
    ours = module.farrington(weekly, 52)
    theirs = fixture["results"]["flexible_delta"]
    np.testing.assert_allclose(ours.upper[211:230], theirs["upper"][:19], rtol=1e-4)


def ears_limit(module):
    y = np.array([1.0, 3, 2, 4, 3, 2, 1, 9])
    assert module.ears(y).upper[7] == pytest.approx(y[:7].mean() + stats.norm.isf(0.001) * y[:7].std(ddof=1))


def cusum_sum(module):
    result = module.cusum([4.0, 9, 9], expected=np.full(3, 4.0))
    np.testing.assert_allclose(result.score, [0, 2.5 - 1.04, 2 * (2.5 - 1.04)])


def mack(module):
    #  totals 10 14 | 20 31 | 30 ?
    result = module.nowcast([[10.0, 4], [20, 11], [30, np.nan]])
    factor = 45 / 30
    sigma2 = (14 - 15) ** 2 / 10 + (31 - 30) ** 2 / 20
    assert result.expected[2] == pytest.approx(45)
    independent = 30.5 * (1 - 1 / factor) * factor**2
    by_mack = 45**2 * sigma2 / factor**2 * (1 / 30 + 1 / 30)
    assert result.standard_error[2] == pytest.approx(np.sqrt(max(independent, by_mack)))
    many = module.nowcast([[100.0, 140], [200, 110], [300, np.nan]])
    sigma2 = (240 - 550 / 3) ** 2 / 100 + (310 - 1100 / 3) ** 2 / 200
    spread = 550**2 * sigma2 / (550 / 300) ** 2 * (1 / 300 + 1 / 300)
    assert many.standard_error[2] == pytest.approx(np.sqrt(spread))


def lawless_share(module):
    result = module.nowcast([[8.0, 2], [12, 4], [10, np.nan]], method="lawless")
    assert result.completeness[2] == pytest.approx(20 / 26)
    share = 20 / 26
    variance = 10 * 11 / share**2 * (6 / 26) / 20 + 10 * (1 - share) / share**2
    assert result.standard_error[2] == pytest.approx(np.sqrt(variance))


def theta_drift(module):
    y = 5 + 2.0 * np.arange(30)
    # a straight line: smoothing with weight near 1 follows it, the drift adds half the slope a step
    result = module.forecast(y, 2, 1)
    assert result.expected[1] - result.expected[0] == pytest.approx(1)
    wide = module.forecast(NOISE, 9, 1)
    half = (wide.high - wide.expected) / (wide.high[0] - wide.expected[0])
    weight = module._smoothing_weight(NOISE[None])[0]
    np.testing.assert_allclose(half, np.sqrt(1 + np.arange(9) * weight**2))


def divergence(module):
    assert module.composition_change(np.diag([4.0, 9])).jensen_shannon == pytest.approx(1)


def adjusted_residual(module):
    result = module.composition_change([[10.0, 20], [30, 5]])
    expected = 40 * 30 / 65
    spread = np.sqrt(expected * (1 - 30 / 65) * (1 - 40 / 65))
    assert result.residuals[0, 0] == pytest.approx((10 - expected) / spread)


def lincoln(module):
    result = module.multiple_systems([[1, 0, 60], [0, 1, 40], [1, 1, 20]])
    assert result.estimate == pytest.approx(240)
    assert result.chao == pytest.approx(120 + 100**2 / 40)
    assert result.high == pytest.approx(120 + 120 * np.exp(1.959964 * np.sqrt(1 / 60 + 1 / 40 + 1 / 20)), rel=1e-6)


def dependent_pair(module):
    histories = [[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]
    counts = [50, 60, 60, 80, 8, 9, 9]
    table = np.column_stack([histories, counts])
    assert module.multiple_systems(table).model == (("A", "B"),)


MUTATIONS = [
    ("tests", "= (n * (n - 1) * (2 * n + 5) - ties) / 18\n            all", "= n\n            all", variance_of_s),
    ("tests", "(tied * (2 * tied + 7))", "(tied * (2 * tied + 5))", variance_of_s),
    ("tests", "all_pairs - tied.sum(axis=1) / 2", "all_pairs", tau_b),
    ("tests", "(s - np.sign(s))", "s", continuity),
    ("tests", "(n - half) / 2) - 1", "(n - half) / 2)", slope_limits),
    ("tests", "(n + half) / 2), 0", "(n + half) / 2) - 1, 0", slope_limits),
    ("tests", "[index, last // 2] +", "[index, np.maximum(last - 1, 0) // 2] +", slope_limits),
    ("tests", "axis=1, method=method)", "axis=1)", discovery),
    ("tests", "families[line, tests], method=method", "families[line, tests]", discovery),
    ("tests", "~whole & made.any(axis=1)", "whole & made.any(axis=1)", discovery),
    ("poisson_regression", "pearson / degrees", "pearson / (degrees + 1)", dispersion),
    ("poisson_regression", "prior * (y - mean)\n", "prior * (y - mean) / mean\n", dispersion),
    ("poisson_regression", "x.quadratic(covariance) * weight", "x.quadratic(covariance)", dispersion),
    ("poisson_regression", "return 2.0 *", "return", dispersion),
    ("breaks", "(index / period)", "(index)", known_step),
    ("breaks", ">= starts", "> starts", known_step),
    ("joinpoints", "100 * np.expm1(log_ratio)", "100 * log_ratio", annual_change),
    ("alerts", "4 / 9 * mean ** (1 / 3)", "4 / 9 * mean", farrington_limit),
    ("alerts", "residual**-2.0", "residual**-1.0", farrington_limit),
    ("alerts", "phi + log_variance * mean", "phi", farrington_limit),
    ("alerts", "ddof=1", "ddof=0", ears_limit),
    ("alerts", "moved[:, now] - k", "moved[:, now]", cusum_sum),
    ("nowcast", "spread * (1 / total + 1 / base", "spread * (1 / total + 0 / base", mack),
    ("nowcast", "0.5) * (1 - share) / share**2", "0.5) * (1 - share)", mack),
    ("nowcast", "hazard / (reported * (1 - hazard))", "hazard / reported", lawless_share),
    ("nowcast", "share[:, delay + 1] * (1 - hazard", "share[:, delay + 1] * (1 - 0.5 * hazard", lawless_share),
    ("season", "0.5 * slope[:, None] * reach", "slope[:, None] * reach", theta_drift),
    ("season", "(ahead - 1) * weight[:, None] ** 2", "(ahead - 1) * weight[:, None]", theta_drift),
    ("composition", "/ np.log(2)", "", divergence),
    ("composition", "(1 - columns / n[..., None])", "(1 - 0 * columns / n[..., None])", adjusted_residual),
    ("prevalence", "seen_once**2 / (2 * seen_twice)", "seen_once / (2 * seen_twice)", lincoln),
    ("prevalence", "np.exp(fit.log_unseen + shift * fit.error)", "np.exp(fit.log_unseen) + shift * fit.error", lincoln),
    ("prevalence", "np.minimum(at_most, at_least)", "at_most", dependent_pair),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "old", "new", "notices"), MUTATIONS, ids=[f"{row[0]}-{index}" for index, row in enumerate(MUTATIONS)]
)
def test_a_broken_formula_is_noticed(module, old, new, notices):
    notices(importlib.import_module(f"trends.{module}"))
    with pytest.raises(AssertionError):
        notices(mutated(module, old, new))
