"""Multiple systems estimation against published figures, formulas by hand, statsmodels and planted populations."""

import itertools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from trends.prevalence import multiple_systems

ROOT = Path(__file__).resolve().parents[2]


def shared_table(name):
    """A published table of list overlaps; these are read where they lie and are no part of the repository."""
    for folder in (os.environ.get("WAYMARK_SHARED_DATA"), ROOT.parent / "shared" / "data"):
        path = Path(folder) / "methods" / "mse" / f"{name}.csv" if folder else None
        if path and path.exists():
            return pd.read_csv(path)
    print(
        reason := f"{name}.csv of SparseMSE is not here; set WAYMARK_SHARED_DATA to the folder that holds methods/mse"
    )
    pytest.skip(reason)


# Silverman (2014) for the Home Office, as recomputed with SparseMSE 2.0.1: lists, threshold, estimate, limits
PUBLISHED = [
    ("ukdat_5", 0.02, 11313, 9884, 13027),
    ("ukdat", 0.02, 11418, 9977, 13146),
]


@pytest.mark.shared_data
@pytest.mark.parametrize(("name", "threshold", "estimate", "low", "high"), PUBLISHED)
def test_united_kingdom_2013(name, threshold, estimate, low, high):
    result = multiple_systems(shared_table(name), threshold=threshold)
    assert (round(result.estimate), round(result.low), round(result.high)) == (estimate, low, high)
    assert result.spread_low <= result.estimate <= result.spread_high


@pytest.mark.shared_data
def test_a_stricter_threshold_moves_the_estimate():
    assert round(multiple_systems(shared_table("ukdat"), threshold=0.001).estimate) == 13181


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["western", "neworl_5", "ned_5", "ned"])
def test_sparse_tables_have_an_answer(name):
    result = multiple_systems(shared_table(name))
    assert result.observed < result.low < result.estimate < result.high
    assert len(result.models) >= 1
    bics = [model.bic for model in result.models]
    assert bics == sorted(bics)
    assert bics[-1] <= bics[0] + 10


def independent_lists(population, shares, rng):
    """Capture histories of a population in which lists find people independently."""
    caught = (rng.random((population, len(shares))) < shares).astype(int)
    frame = pd.DataFrame(caught, columns=list("ABCDE")[: len(shares)])
    frame = frame[frame.sum(axis=1) > 0]
    return frame.groupby(list(frame.columns)).size().rename("count").reset_index()


def test_two_lists_are_lincoln_petersen():
    result = multiple_systems([[1, 0, 60], [0, 1, 40], [1, 1, 20]])
    assert result.estimate == pytest.approx(80 * 60 / 20)
    # the log of the unseen number has variance 1/n10 + 1/n01 + 1/n11 in the saturated model
    spread = np.exp(1.959964 * np.sqrt(1 / 60 + 1 / 40 + 1 / 20))
    assert result.low == pytest.approx(120 + 120 / spread, rel=1e-6)
    assert result.high == pytest.approx(120 + 120 * spread, rel=1e-6)
    assert result.chao == pytest.approx(120 + 100**2 / 40)


def test_main_effects_agree_with_statsmodels():
    histories = np.array(list(itertools.product([0, 1], repeat=3)))[1:]
    counts = np.array([40, 55, 9, 70, 11, 13, 3])
    result = multiple_systems(np.column_stack([histories, counts]), threshold=0)
    fit = sm.GLM(counts, sm.add_constant(histories), family=sm.families.Poisson()).fit()
    assert result.model == ()
    assert result.estimate == pytest.approx(counts.sum() + np.exp(fit.params[0]), rel=1e-6)
    low, high = fit.conf_int()[0]
    assert result.low == pytest.approx(counts.sum() + np.exp(low), rel=1e-5)
    assert result.high == pytest.approx(counts.sum() + np.exp(high), rel=1e-5)


def test_minus_infinity_pair_is_a_fit_without_its_histories():
    # lists A and B share no case although independence would expect dozens
    histories = np.array(list(itertools.product([0, 1], repeat=3)))[1:]
    counts = np.array([100, 150, 30, 120, 25, 0, 0])
    result = multiple_systems(np.column_stack([histories, counts]))
    assert ("A", "B") in result.model
    chosen = next(model for model in result.models if model.pairs == result.model)
    assert ("A", "B") in chosen.empty_pairs
    kept = histories[:, 0] * histories[:, 1] == 0
    columns = [np.ones(kept.sum()), *histories[kept].T]
    for first, second in result.model:
        if (first, second) != ("A", "B"):
            i, j = "ABC".index(first), "ABC".index(second)
            columns.append(histories[kept][:, i] * histories[kept][:, j])
    fit = sm.GLM(counts[kept], np.column_stack(columns), family=sm.families.Poisson()).fit()
    assert result.estimate == pytest.approx(counts.sum() + np.exp(fit.params[0]), rel=1e-6)


def test_planted_population_is_covered():
    rng = np.random.default_rng(3)
    covered = [
        result.low <= 2000 <= result.high
        for result in (
            multiple_systems(independent_lists(2000, [0.15, 0.2, 0.1, 0.12], rng), threshold=0) for _ in range(60)
        )
    ]
    assert np.mean(covered) > 0.85


def test_planted_dependence_is_chosen():
    rng = np.random.default_rng(4)
    first = rng.random(3000) < 0.2
    lists = np.column_stack(
        [first, np.where(first, rng.random(3000) < 0.5, rng.random(3000) < 0.05), rng.random((3000, 2)) < 0.15]
    ).astype(int)
    frame = pd.DataFrame(lists, columns=list("ABCD"))
    frame = frame[frame.sum(axis=1) > 0]
    frame["count"] = 1
    result = multiple_systems(frame)
    assert ("A", "B") in result.model
    assert result.low < 3000 < result.high
    assert not multiple_systems(frame, threshold=0).high > 3000


def test_order_and_repetition_of_histories_do_not_matter():
    table = independent_lists(1500, [0.2, 0.15, 0.1], np.random.default_rng(5))
    base = multiple_systems(table)
    shuffled = multiple_systems(table.sample(frac=1, random_state=1)[["count", "C", "A", "B"]])
    halves = table.assign(count=table["count"] / 2)
    repeated = multiple_systems(pd.concat([halves, halves]))
    assert shuffled.estimate == pytest.approx(base.estimate, rel=1e-9)
    assert repeated.estimate == pytest.approx(base.estimate, rel=1e-9)
    renamed = multiple_systems(table.rename(columns={"A": "police"}))
    assert renamed.estimate == base.estimate


def test_six_lists_are_searched_not_enumerated():
    table = independent_lists(4000, [0.2, 0.15, 0.1, 0.12, 0.18], np.random.default_rng(6))
    five = multiple_systems(table)
    assert five.all_models_compared
    six = multiple_systems(table.assign(F=(np.arange(len(table)) % 2)))
    assert not six.all_models_compared


def test_clear_errors():
    with pytest.raises(ValueError, match="two list"):
        multiple_systems([[1, 5]])
    with pytest.raises(ValueError, match="0 or 1"):
        multiple_systems([[2, 0, 5]])
    with pytest.raises(ValueError, match="no list"):
        multiple_systems([[0, 0, 5], [1, 0, 3]])
    with pytest.raises(ValueError, match="no case"):
        multiple_systems([[1, 0, 0], [0, 1, 0]])
    with pytest.raises(ValueError, match="do not determine"):
        multiple_systems([[1, 0, 5], [0, 1, 4]])
