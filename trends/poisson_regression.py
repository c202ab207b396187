"""Log-linear Poisson and quasi-Poisson regression of many series in one call (iteratively reweighted least squares)."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 50
TOLERANCE = 1e-10
ALIASED = 1e-11  # share of a column's squared length that the columns before it leave over
LINEAR_PREDICTOR_RANGE = (-30.0, 200.0)


@dataclass(frozen=True)
class PoissonFit:
    """Fits of s series with p columns each.

    coefficients (s, p), 0 where the column is aliased; covariance (s, p, p), not yet multiplied by the dispersion;
    fitted (s, t); dispersion (s,) Pearson chi-square over its degrees of freedom, NaN without any; degrees (s,);
    deviance (s,); leverage (s, t), the hat-matrix diagonal; aliased (s, p), columns that the observed periods cannot
    tell from those before them; converged (s,). A series with no count above zero has no fit: its fields are NaN.
    """

    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    fitted: NDArray[np.float64]
    dispersion: NDArray[np.float64]
    degrees: NDArray[np.float64]
    deviance: NDArray[np.float64]
    leverage: NDArray[np.float64]
    aliased: NDArray[np.bool_]
    converged: NDArray[np.bool_]


def fit_poisson(
    counts: NDArray[np.float64],
    design: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
    offset: NDArray[np.float64] | None = None,
    columns: NDArray[np.bool_] | None = None,
) -> PoissonFit:
    """Fit log(mean) = offset + design @ coefficients to each series.

    counts (s, t), NaN left out; design (t, p) or (s, t, p); weights (s, t) prior weights, 0 leaves a period out;
    offset (s, t) or (t,), a period with a non-finite offset is left out; columns (s, p) which columns a series' model
    has, all when left out, the others come back as aliased. McCullagh and Nelder (1989), 2.5 and 6.2.
    Starts and converges as R's glm does (mean = y + 0.1; relative change of the deviance).
    """
    n_series, periods = counts.shape
    if design.shape[-2] != periods or design.ndim not in (2, 3):
        raise ValueError(f"design has shape {design.shape}; expected ({periods}, p) or ({n_series}, {periods}, p)")
    prior = np.ones_like(counts) if weights is None else np.broadcast_to(weights, counts.shape).astype(float)
    shift = np.zeros_like(counts) if offset is None else np.broadcast_to(offset, counts.shape).astype(float)
    used = ~np.isnan(counts) & np.isfinite(shift) & (prior > 0)
    prior = np.where(used, prior, 0.0)
    shift = np.where(used, shift, 0.0)
    y = np.where(used, counts, 0.0)
    x = _Design(design, used, columns)

    mean = y + 0.1
    coefficients = np.zeros((n_series, design.shape[-1]))
    deviance = np.full(n_series, np.inf)
    converged = np.zeros(n_series, dtype=bool)
    rows = np.arange(n_series)
    part = (x, y, prior, shift, mean, np.log(mean), deviance)
    for iteration in range(ITERATIONS):
        part_x, part_y, part_prior, part_shift, part_mean, predictor, old_deviance = part
        weight = part_prior * part_mean
        working = weight * (predictor - part_shift) + part_prior * (part_y - part_mean)
        beta = _solve(part_x.gram(weight), part_x.moment(working)[:, :, None])[:, :, 0]
        predictor = np.clip(part_x.times(beta) + part_shift, *LINEAR_PREDICTOR_RANGE)
        part_mean = np.exp(predictor)
        new_deviance = poisson_deviance(part_y, part_mean, part_prior)
        done = np.abs(new_deviance - old_deviance) / (np.abs(new_deviance) + 0.1) < TOLERANCE
        # a series keeps the values of its own last step, whatever the others in the call still need
        leaving = ~converged[rows] & (done | (iteration == ITERATIONS - 1))
        at = rows[leaving]
        coefficients[at], mean[at], deviance[at] = beta[leaving], part_mean[leaving], new_deviance[leaving]
        converged[rows] |= done
        part = (part_x, part_y, part_prior, part_shift, part_mean, predictor, new_deviance)
        going = ~converged[rows]
        if not going.any():
            break
        if going.sum() <= len(rows) // 2:
            rows = rows[going]
            part = (part_x.of(going), *(values[going] for values in part[1:]))

    aliased = x.aliased
    weight = prior * mean
    gram = x.gram(weight)
    covariance = _solve(gram, np.broadcast_to(np.eye(gram.shape[-1]), gram.shape))
    covariance = np.where(x.crossed, 0.0, covariance)
    leverage = x.quadratic(covariance) * weight
    degrees = (used.sum(axis=1) - (~aliased).sum(axis=1)).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        pearson = (prior * (y - mean) ** 2 / mean).sum(axis=1)
        dispersion = np.where(degrees > 0, pearson / degrees, np.nan)
    empty = ~(y > 0).any(axis=1)
    return PoissonFit(
        coefficients=np.where(empty[:, None], np.nan, coefficients),
        covariance=np.where(empty[:, None, None], np.nan, covariance),
        fitted=np.where(empty[:, None], np.nan, np.where(used, mean, np.nan)),
        dispersion=np.where(empty, np.nan, dispersion),
        degrees=degrees,
        deviance=np.where(empty, np.nan, deviance),
        leverage=np.where(empty[:, None], np.nan, leverage),
        aliased=aliased,
        converged=converged & ~empty,
    )


class _Design:
    """The products a fit needs, with one matrix for all series (through its outer products) or one for each."""

    def __init__(self, design: NDArray[np.float64], used: NDArray[np.bool_], columns: NDArray[np.bool_] | None):
        self.shared = design.ndim == 2
        if self.shared:
            self.x = np.ascontiguousarray(design)
            self.outer = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
        else:
            self.x = np.where(used[:, :, None], design, 0.0)
        gram = self._products(used.astype(float))
        if columns is not None:
            gram = np.where(columns[:, :, None] & columns[:, None, :], gram, 0.0)
        self.aliased = aliased_columns(gram)
        self.identity = np.where(self.aliased[:, :, None], np.eye(design.shape[-1]), 0.0)
        self.crossed = self.aliased[:, :, None] | self.aliased[:, None, :]

    def _products(self, weight):
        if self.shared:
            return (weight @ self.outer).reshape(len(weight), self.x.shape[1], -1)
        return np.matmul(np.swapaxes(self.x * weight[:, :, None], 1, 2), self.x)

    def of(self, series: NDArray[np.bool_]) -> _Design:
        """The same for some of the series."""
        part = copy.copy(self)
        part.aliased, part.identity, part.crossed = self.aliased[series], self.identity[series], self.crossed[series]
        if not self.shared:
            part.x = self.x[series]
        return part

    def gram(self, weight):
        return np.where(self.crossed, self.identity, self._products(weight))

    def moment(self, values):
        moment = values @ self.x if self.shared else np.einsum("stp,st->sp", self.x, values)
        return np.where(self.aliased, 0.0, moment)

    def times(self, coefficients):
        return coefficients @ self.x.T if self.shared else np.einsum("stp,sp->st", self.x, coefficients)

    def quadratic(self, matrix):
        if self.shared:
            return matrix.reshape(len(matrix), -1) @ self.outer.T
        return np.einsum("stp,spq,stq->st", self.x, matrix, self.x, optimize=True)


def poisson_deviance(y: NDArray[np.float64], mean: NDArray[np.float64], weights: NDArray[np.float64]):
    """2 * sum of w [y log(y / mean) - (y - mean)] along the last axis."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0) / mean), 0.0)
    return 2.0 * (weights * (ratio - (y - mean))).sum(axis=-1)


def aliased_columns(gram: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Columns of each Gram matrix (s, p, p) that are combinations of the columns before them, as R's glm drops them."""
    columns = gram.shape[-1]
    scale = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    inverse = np.where(scale > 0, 1 / np.where(scale > 0, scale, 1.0), 0.0)
    left = gram * inverse[:, :, None] * inverse[:, None, :]
    aliased = np.zeros(gram.shape[:2], dtype=bool)
    for column in range(columns):
        rest = left[:, column, column]
        aliased[:, column] = rest <= ALIASED
        share = np.where(aliased[:, column], 0.0, 1 / np.where(rest > 0, rest, 1.0))
        along = left[:, column + 1 :, column]
        left[:, column + 1 :, column + 1 :] -= along[:, :, None] * (along * share[:, None])[:, None, :]
    return aliased


def _solve(gram, right):
    """Batched solve that turns series with a degenerate Gram matrix (weights underflown) into their least-norm fit."""
    try:
        return np.linalg.solve(gram, right)
    except np.linalg.LinAlgError:
        return np.linalg.pinv(gram, hermitian=True) @ right
