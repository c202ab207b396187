"""Funnels on the log scale: tails against direct integration, limits against tails, false discovery on null maps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from geo.funnels import cumulative, log_scatter, multiplicative_funnel
from trends.tests import false_discovery


def integrated(count: float, expected: float, tau: float) -> float:
    """P(X <= count), by quadrature over the normal log ratio."""
    turn = float(np.clip(np.log((count + 1) / expected) / tau, -8.9, 8.9))
    return integrate.quad(
        lambda u: stats.poisson.cdf(count, expected * np.exp(tau * u)) * stats.norm.pdf(u),
        -9, 9, points=[turn], limit=400, epsabs=1e-13,
    )[0]  # fmt: skip


@pytest.mark.parametrize("expected", [1.0, 3.0, 20.0, 300.0])
@pytest.mark.parametrize("tau", [0.3, 0.8, 1.5])
def test_tails_are_those_of_the_mixture(expected: float, tau: float) -> None:
    counts = np.unique(np.floor([0, 1, expected / 4, expected, 3 * expected]))
    found = cumulative(counts, expected, tau)
    assert found == pytest.approx([integrated(count, expected, tau) for count in counts], rel=0.01, abs=2e-6)


def test_without_scatter_the_tails_are_poissons() -> None:
    counts = np.arange(0.0, 30)
    assert cumulative(counts, 10.0, 0.0) == pytest.approx(stats.poisson.cdf(counts, 10.0))


def test_a_ratio_lies_outside_the_limits_where_its_tail_is_rare() -> None:
    random = np.random.default_rng(4)
    expected = np.exp(random.uniform(0, 8, 60))
    observed = random.poisson(expected * np.exp(random.normal(0, 0.8, 60))).astype(float)
    found = multiplicative_funnel(observed, expected)
    tau = np.sqrt(found.tau2)
    for place, level in enumerate(found.levels):
        half = (1 - level) / 2
        seen = found.ratio_low[place] > 0
        assert cumulative(found.ratio_low[place] * expected, expected, tau)[seen] == pytest.approx(half, rel=0.03)
        assert 1 - cumulative(found.ratio_high[place] * expected - 1, expected, tau) == pytest.approx(half, rel=0.03)
        # a lower limit is missing only where a count of 0 is no surprise
        assert (cumulative(0.0, expected, tau)[~seen] >= half * 0.97).all()
        outside = (observed / expected < found.ratio_low[place]) | (observed / expected > found.ratio_high[place])
        clear = np.abs(found.p / (1 - level) - 1) > 0.05
        assert (outside == (found.p <= 1 - level))[clear].all()


def test_low_counts_can_be_seen() -> None:
    """One area of thirty finds a hundredth of what its residents let expect; the others differ by a third."""
    expected = np.full(30, 400.0)
    observed = np.round(expected * np.exp(np.linspace(-0.5, 0.5, 30)))
    observed[7] = 4
    found = multiplicative_funnel(observed, expected)
    assert (found.ratio_low > 0).all()
    q = false_discovery(found.p, method="bh")
    assert np.flatnonzero(q <= 0.05).tolist() == [7]
    assert observed[7] / 400 < found.ratio_low[1, 7]


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.2])
@pytest.mark.parametrize("areas", [8, 40])
def test_false_discovery_holds_on_null_maps(areas: int, tau: float) -> None:
    """300 maps whose areas differ by themselves: no more of them hold a claim than 5 % (99.9 % of such samples)."""
    random = np.random.default_rng(int(100 * tau) + areas)
    maps = 300
    expected = np.exp(random.uniform(0, 7, (maps, areas)))
    observed = random.poisson(expected * np.exp(random.normal(0, tau, (maps, areas)))).astype(float)
    expected *= observed.sum(axis=1, keepdims=True) / expected.sum(axis=1, keepdims=True)
    found = multiplicative_funnel(observed.ravel(), expected.ravel(), groups=np.repeat(np.arange(maps), areas))
    claims = sum((false_discovery(p, method="bh") <= 0.05).any() for p in found.p.reshape(maps, areas))
    print(f"{areas} areas, tau {tau}: {claims} of {maps} maps with a claim")
    assert claims <= stats.binom.ppf(0.999, maps, 0.05)


def test_the_scatter_is_found_and_groups_are_funnels_of_their_own() -> None:
    random = np.random.default_rng(9)
    expected = np.exp(random.uniform(3, 8, 400))
    wide = random.poisson(expected * np.exp(random.normal(0, 0.7, 400))).astype(float)
    assert np.sqrt(log_scatter(wide, expected)) == pytest.approx(0.7, abs=0.07)
    even = random.poisson(expected).astype(float)
    both = multiplicative_funnel(
        np.append(wide, even), np.append(expected, expected), groups=np.repeat(["a", "b"], 400)
    )
    alone = multiplicative_funnel(wide, expected)
    assert both.p[:400] == pytest.approx(alone.p)
    assert both.tau2[500] < 0.01 < both.tau2[0]


def test_what_is_no_funnel_is_refused() -> None:
    with pytest.raises(ValueError, match="two areas"):
        multiplicative_funnel([3.0], [2.0])
    with pytest.raises(ValueError, match="above 0"):
        multiplicative_funnel([3.0, 1.0], [2.0, 0.0])
    with pytest.raises(ValueError, match="same areas"):
        multiplicative_funnel([3.0, 1.0], [2.0])
