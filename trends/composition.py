"""Change of composition: did the shares of forms, sexes, routes or sectors shift over time, and in which cells?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from trends.tests import false_discovery


@dataclass(frozen=True)
class CompositionChange:
    """Result of `composition_change` for tables (..., k, t).

    jensen_shannon (...) divergence in bits between the periods, each with the same weight: 0 for equal shares, log2(t)
    at most; jensen_shannon_step (..., t - 1) the same between neighbouring periods, at most 1; chi_square, degrees, p
    and cramers_v (...) of homogeneity; residuals (..., k, t) adjusted residuals, p_cell their two-sided normal p, q
    (..., k, t) Benjamini-Hochberg over the table; expected (..., k, t) counts under equal shares.
    """

    jensen_shannon: NDArray[np.float64]
    jensen_shannon_step: NDArray[np.float64]
    chi_square: NDArray[np.float64]
    degrees: NDArray[np.float64]
    p: NDArray[np.float64]
    cramers_v: NDArray[np.float64]
    residuals: NDArray[np.float64]
    p_cell: NDArray[np.float64]
    q: NDArray[np.float64]
    expected: NDArray[np.float64]


def composition_change(table: ArrayLike) -> CompositionChange:
    """Compare the composition of t periods over k categories.

    table  (..., k, t) counts, not negative. A period with a missing cell has no known composition and is left out as a
           whole, as is a period without any count; a category without any count does not count as one.

    Jensen-Shannon divergence in bits (Lin 1991), entropy of the mean composition less the mean entropy; Pearson's
    chi-square of homogeneity without continuity correction; Cramer's V = sqrt(chi2 / (n min(k - 1, t - 1))) without
    bias correction; adjusted residuals (observed - expected) / sqrt(expected (1 - row share) (1 - column share))
    (Haberman 1973). Fewer than two periods or two categories with counts leave everything but the residuals' shape NaN.
    The test takes cases as independent: a group found in one operation makes p too small. Raises ValueError for
    negative or infinite counts.
    """
    counts = np.asarray(table, dtype=float)
    if counts.ndim < 2 or 0 in counts.shape[-2:]:
        raise ValueError(f"table needs categories and periods, (..., k, t); its shape is {counts.shape}")
    if (counts < 0).any() or np.isinf(counts).any():
        raise ValueError("counts must be finite and not negative; give NaN for what is missing")
    column_totals = counts.sum(axis=-2)  # NaN where a cell is missing
    used = column_totals > 0
    cells = np.where(used[..., None, :], counts, 0.0)
    rows, columns = cells.sum(axis=-1), cells.sum(axis=-2)
    n = rows.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = rows[..., :, None] * columns[..., None, :] / n[..., None, None]
        compared = expected > 0
        chi_square = np.where(compared, (cells - expected) ** 2 / expected, 0.0).sum(axis=(-2, -1))
        n_rows, n_columns = (rows > 0).sum(axis=-1), used.sum(axis=-1)
        degrees = (n_rows - 1.0) * (n_columns - 1.0)
        comparable = (n_rows > 1) & (n_columns > 1)
        spread = np.sqrt(
            expected * (1 - rows / n[..., None])[..., :, None] * (1 - columns / n[..., None])[..., None, :]
        )
        residuals = np.where(compared & comparable[..., None, None], (cells - expected) / spread, np.nan)
        cramers_v = np.sqrt(chi_square / (n * np.minimum(n_rows - 1, n_columns - 1)))
        shares = np.where(used[..., None, :], cells / columns[..., None, :], 0.0)
        mean = shares.sum(axis=-1) / n_columns[..., None]
        entropies = _entropy(np.moveaxis(shares, -1, -2))
        divergence = _entropy(mean) - np.where(used, entropies, 0.0).sum(axis=-1) / n_columns
        both = used[..., 1:] & used[..., :-1]
        middle = np.moveaxis((shares[..., 1:] + shares[..., :-1]) / 2, -1, -2)
        step = np.where(both, _entropy(middle) - (entropies[..., 1:] + entropies[..., :-1]) / 2, np.nan)
    p_cell = np.minimum(2 * special.ndtr(-np.abs(residuals)), 1.0)
    q = false_discovery(p_cell.reshape(-1, counts.shape[-2] * counts.shape[-1]), axis=-1).reshape(counts.shape)

    def of_table(values, where):
        return np.where(where, values, np.nan)[()]

    return CompositionChange(
        jensen_shannon=of_table(np.maximum(divergence, 0.0), n_columns > 1),
        jensen_shannon_step=np.maximum(step, 0.0),
        chi_square=of_table(chi_square, comparable),
        degrees=of_table(degrees, comparable),
        p=of_table(special.chdtrc(np.where(comparable, degrees, 1.0), chi_square), comparable),
        cramers_v=of_table(cramers_v, comparable),
        residuals=residuals,
        p_cell=p_cell,
        q=q,
        expected=np.where(used[..., None, :], expected, np.nan),
    )


def _entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy in bits along the last axis."""
    return special.entr(shares).sum(axis=-1) / np.log(2)
