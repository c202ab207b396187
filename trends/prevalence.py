"""Hidden population from overlapping lists: multiple systems estimation.

The estimate rests on assumptions that the lists themselves cannot test (see docs/methods/prevalence.md). It is never
shown without the spread over the near-best models, and never without the published criticism.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from trends.poisson_regression import fit_poisson

MOST_LISTS_FOR_ALL_MODELS = 5
# A finite stationary point is the maximum; only coefficients this far out need the linear program to tell.
SUSPICIOUS_COEFFICIENT = 8.0


@dataclass(frozen=True)
class SystemsModel:
    """One log-linear model: pairs of lists taken as dependent; those that no case shares are at minus infinity."""

    pairs: tuple[tuple[str, str], ...]
    empty_pairs: tuple[tuple[str, str], ...]
    estimate: float
    low: float
    high: float
    bic: float


@dataclass(frozen=True)
class MultipleSystems:
    """Result of `multiple_systems`.

    estimate, low, high of the whole population, observed cases included, under the stepwise model; model its pairs;
    models the two-list models within `near` of the best BIC, best first, with their own estimates; spread_low and
    spread_high the least and the largest of their estimates; chao n + f1^2 / (2 f2); observed the cases on any list;
    all_models_compared whether every two-list model was looked at or a search from model to model was made.
    """

    estimate: float
    low: float
    high: float
    model: tuple[tuple[str, str], ...]
    models: tuple[SystemsModel, ...]
    spread_low: float
    spread_high: float
    chao: float
    observed: float
    all_models_compared: bool


def multiple_systems(
    lists: ArrayLike, threshold: float = 0.02, level: float = 0.95, near: float = 10.0
) -> MultipleSystems:
    """Population size from capture histories by a log-linear Poisson model with two-list effects.

    lists      capture histories: a table (frame or array) of h rows, one 0/1 column a list and, last or named "count",
               the number of cases with that history. Histories not shown have count 0; repeated ones are added.
    threshold  a pair enters stepwise while its one-sided Poisson p is below this: its observed overlap against what the
               model so far expects (Chan, Silverman and Vincent 2021). 0 keeps the main effects only.
    level      of the limits, normal for the log of the unseen number: observed + exp(intercept +- z se).
    near       models within this of the best BIC are near-best; BIC = deviance + parameters * log(observed cases), a
               pair at minus infinity counting as one parameter.

    A pair in the model whose lists share no case has the extended maximum likelihood estimate minus infinity: histories
    with both lists leave the fit. Models whose estimate does not exist (Fienberg and Rinaldo 2012) or is not identified
    are passed over. With up to five lists every two-list model is compared; with more, models are followed one pair at
    a time from the stepwise model as long as they stay near-best.

    Chao's bound (1987) holds from below when lists are independent or positively dependent; negative dependence can
    lift it above the estimate. Raises ValueError for fewer than two lists, entries other than 0 and 1, or no case.
    """
    names, histories, counts = _histories(lists)
    if not 0 <= threshold <= 1 or not 0 < level < 1 or not near >= 0:
        raise ValueError("threshold must lie in [0, 1], level in (0, 1) and near must not be negative")
    systems = _Systems(names, histories, counts)
    z = -float(special.ndtri((1 - level) / 2))
    chosen = _stepwise(systems, threshold)
    fits = _every_model(systems) if len(names) <= MOST_LISTS_FOR_ALL_MODELS else _search(systems, chosen, near)
    model = systems.fit([chosen])[0]
    if model is None:
        raise ValueError("the lists do not determine the number of unseen cases: no list overlaps with the others")
    best = min(fit.bic for fit in fits)
    shown = sorted((fit for fit in fits if fit.bic <= best + near), key=lambda fit: (fit.bic, sorted(fit.pairs)))
    models = tuple(systems.described(fit, z) for fit in shown)
    own = systems.described(model, z)
    seen_once = counts[histories.sum(axis=1) == 1].sum()
    seen_twice = counts[histories.sum(axis=1) == 2].sum()
    unseen = seen_once**2 / (2 * seen_twice) if seen_twice > 0 else seen_once * (seen_once - 1) / 2
    return MultipleSystems(
        estimate=own.estimate,
        low=own.low,
        high=own.high,
        model=own.pairs,
        models=models,
        spread_low=min(one.estimate for one in models),
        spread_high=max(one.estimate for one in models),
        chao=float(systems.observed + unseen),
        observed=systems.observed,
        all_models_compared=len(names) <= MOST_LISTS_FOR_ALL_MODELS,
    )


@dataclass(frozen=True)
class _Fit:
    pairs: frozenset[int]
    log_unseen: float
    error: float
    bic: float
    fitted: NDArray[np.float64]  # 0 where a history left the fit


class _Systems:
    """The full table of histories, its main effects and its pairs."""

    def __init__(self, names, histories, counts):
        n_lists = len(names)
        self.names = names
        codes = np.arange(1, 1 << n_lists)
        self.cells = ((codes[:, None] >> np.arange(n_lists)) & 1).astype(float)
        totals = np.bincount(histories.astype(int) @ (1 << np.arange(n_lists)), weights=counts, minlength=1 << n_lists)
        self.counts = totals[1:]
        self.observed = float(self.counts.sum())
        self.pairs = [(i, j) for i in range(n_lists) for j in range(i + 1, n_lists)]
        self.both = np.stack([self.cells[:, i] * self.cells[:, j] for i, j in self.pairs], axis=1)
        self.overlap = self.counts @ self.both
        self.main = np.hstack([np.ones((len(codes), 1)), self.cells])
        self.design = np.hstack([self.main, self.both])

    def fit(self, models) -> list[_Fit | None]:
        """Fit several models (sets of pair numbers) in one call; None where the estimate does not exist."""
        fits: list[_Fit | None] = []
        at_once = max(1, 2_000_000 // max(self.design.shape[0], self.design.shape[1] ** 2))
        for start in range(0, len(models), at_once):
            fits += self._fit_block(models[start : start + at_once])
        return fits

    def _fit_block(self, models):
        inside = np.zeros((len(models), len(self.pairs)), dtype=bool)
        for row, model in enumerate(models):
            inside[row, list(model)] = True
        empty = inside & (self.overlap == 0)
        full = inside & ~empty
        kept = (empty.astype(float) @ self.both.T) == 0
        columns = np.concatenate([np.ones((len(models), self.main.shape[1]), dtype=bool), full], axis=1)
        counts = np.ascontiguousarray(np.broadcast_to(self.counts, kept.shape))
        fit = fit_poisson(counts, self.design, weights=kept.astype(float), columns=columns)
        identified = (fit.aliased == ~columns).all(axis=1)
        suspicious = (np.abs(fit.coefficients[:, 1:]) > SUSPICIOUS_COEFFICIENT).any(axis=1) | ~fit.converged
        parameters = self.main.shape[1] + inside.sum(axis=1)
        bic = fit.deviance + parameters * np.log(self.observed)
        results: list[_Fit | None] = []
        for row, model in enumerate(models):
            if not identified[row]:
                results.append(None)
                continue
            if suspicious[row]:
                design = self.design[kept[row]][:, columns[row]]
                if not _estimate_exists(design, self.counts[kept[row]]):
                    results.append(None)
                    continue
            results.append(
                _Fit(
                    pairs=frozenset(int(pair) for pair in model),
                    log_unseen=float(fit.coefficients[row, 0]),
                    error=float(np.sqrt(fit.covariance[row, 0, 0])),
                    bic=float(bic[row]),
                    fitted=np.nan_to_num(fit.fitted[row]),
                )
            )
        return results

    def described(self, fit: _Fit, z: float) -> SystemsModel:
        def named(pairs):
            return tuple((self.names[self.pairs[pair][0]], self.names[self.pairs[pair][1]]) for pair in sorted(pairs))

        low, middle, high = (
            self.observed + float(np.exp(fit.log_unseen + shift * fit.error)) for shift in (-z, 0.0, z)
        )
        empty = [pair for pair in fit.pairs if self.overlap[pair] == 0]
        return SystemsModel(named(fit.pairs), named(empty), middle, low, high, fit.bic)


def _stepwise(systems: _Systems, threshold: float) -> frozenset[int]:
    """Add the pair with the smallest one-sided Poisson p while it is below the threshold."""
    model: frozenset[int] = frozenset()
    current = systems.fit([model])[0]
    while current is not None and threshold > 0:
        candidates = [pair for pair in range(len(systems.pairs)) if pair not in model]
        expected = current.fitted @ systems.both[:, candidates]
        seen = systems.overlap[candidates]
        with np.errstate(invalid="ignore"):
            at_most = special.pdtr(seen, expected)
            at_least = np.where(seen > 0, special.gammainc(np.maximum(seen, 1), expected), 1.0)
        p = np.minimum(at_most, at_least)
        best = None
        for index in np.argsort(p, kind="stable"):
            if p[index] >= threshold:
                break
            fit = systems.fit([model | {candidates[index]}])[0]
            if fit is not None:
                best = fit
                break
        if best is None:
            break
        model, current = best.pairs, best
    return model


def _every_model(systems: _Systems) -> list[_Fit]:
    n_pairs = len(systems.pairs)
    models = [frozenset(pair for pair in range(n_pairs) if code >> pair & 1) for code in range(1 << n_pairs)]
    return [fit for fit in systems.fit(models) if fit is not None]


def _search(systems: _Systems, start: frozenset[int], near: float) -> list[_Fit]:
    """Near-best models reached by adding or leaving out one pair at a time, round by round."""
    n_pairs = len(systems.pairs)
    known: dict[frozenset[int], _Fit | None] = {}
    wave = [start]
    while wave:
        for model, fit in zip(wave, systems.fit(wave), strict=True):
            known[model] = fit
        fits = [fit for fit in known.values() if fit is not None]
        best = min((fit.bic for fit in fits), default=np.inf)
        expand = [
            fit.pairs for model, fit in known.items() if fit is not None and model in wave and fit.bic <= best + near
        ]
        around = {model ^ {pair} for model in expand for pair in range(n_pairs)}
        wave = sorted((model for model in around if model not in known), key=sorted)
    return [fit for fit in known.values() if fit is not None]


def _estimate_exists(columns: NDArray[np.float64], counts: NDArray[np.float64]) -> bool:
    """Whether some table of positive cells has the same sufficient statistics (Fienberg and Rinaldo 2012)."""
    from scipy.optimize import linprog

    n_cells, n_parameters = columns.shape
    objective = np.r_[np.zeros(n_cells), -1.0]
    equal = np.hstack([columns.T, np.zeros((n_parameters, 1))])
    at_least = np.hstack([-np.eye(n_cells), np.ones((n_cells, 1))])
    found = linprog(
        objective,
        A_ub=at_least,
        b_ub=np.zeros(n_cells),
        A_eq=equal,
        b_eq=columns.T @ counts,
        bounds=[(0, None)] * n_cells + [(None, None)],
        method="highs",
    )
    return bool(found.status == 0 and -found.fun > 1e-9)


def _histories(lists) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    if hasattr(lists, "columns"):
        columns = list(lists.columns)
        count = "count" if "count" in columns else columns[-1]
        names = tuple(str(column) for column in columns if column != count)
        counts = np.asarray(lists[count], dtype=float)
        histories = np.asarray(lists[[column for column in columns if column != count]], dtype=float)
    else:
        table = np.asarray(lists, dtype=float)
        if table.ndim != 2 or table.shape[1] < 3:
            raise ValueError(f"lists needs at least two list columns and a count; its shape is {table.shape}")
        names = tuple(chr(ord("A") + i) if table.shape[1] <= 27 else f"list {i + 1}" for i in range(table.shape[1] - 1))
        histories, counts = table[:, :-1], table[:, -1]
    if len(names) < 2:
        raise ValueError("at least two lists are needed")
    if len(names) > 12:
        raise ValueError(f"{len(names)} lists make a table too large to fit; merge lists to 12 or fewer")
    if not np.isin(histories, (0.0, 1.0)).all():
        raise ValueError("list columns must hold 0 or 1 only")
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueError("counts must be finite and not negative")
    on_none = histories.sum(axis=1) == 0
    if counts[on_none].sum() > 0:
        raise ValueError("a history on no list has a count: unseen cases cannot be observed")
    if counts.sum() == 0:
        raise ValueError("there is no case on any list")
    return names, histories[~on_none], counts[~on_none]
