"""Linear programmes that are solved again and again with small changes.

HiGHS does the work. Each solve starts from the last optimal corner, which takes some twenty pivots instead of a whole
solve. scipy ships HiGHS with a binding that can do that, though not as public interface; where a scipy version lacks
it, `scipy.optimize.linprog` gives the same optima, slower.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

_highs: Any
try:
    from scipy.optimize._highspy import _core as _highs
except ImportError:  # pragma: no cover - depends on the scipy build
    _highs = None

DUAL, PRIMAL = 1, 4
OPTIMAL, INFEASIBLE, UNBOUNDED = "optimal", "infeasible", "unbounded"


class Programme:
    """min cost·z subject to row_low <= A z <= row_high, low <= z <= high; A is an (m, n) sparse matrix.

    Every row is an equation or has an upper bound only. `simplex` is PRIMAL where only costs change between solves
    and DUAL where bounds change.
    """

    def __init__(
        self,
        matrix: sp.csc_array,
        row_low: np.ndarray,
        row_high: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        cost: np.ndarray,
        simplex: int,
        warm: bool = True,
    ) -> None:
        self.matrix = matrix.tocsc()
        self.row_low, self.row_high = row_low.astype(float), row_high.astype(float)
        self.low, self.high, self.cost = low.astype(float), high.astype(float), cost.astype(float)
        self._solver = self._load(simplex) if warm and _highs is not None else None

    def set_cost(self, column: int, cost: float) -> None:
        self.cost[column] = cost
        if self._solver is not None:
            self._solver.changeColCost(int(column), float(cost))

    def set_bounds(self, column: int, low: float, high: float) -> None:
        self.low[column], self.high[column] = low, high
        if self._solver is not None:
            self._solver.changeColBounds(int(column), float(low), float(high))

    def solve(self) -> tuple[str, np.ndarray]:
        """(status, z); z is only meaningful when the status is OPTIMAL. Raises RuntimeError where HiGHS gives up."""
        if self._solver is None:
            return self._cold()
        self._solver.run()
        status = self._solver.getModelStatus()
        if status == _highs.HighsModelStatus.kOptimal:
            return OPTIMAL, np.asarray(self._solver.getSolution().col_value)
        if status == _highs.HighsModelStatus.kInfeasible:
            return INFEASIBLE, np.empty(0)
        if status == _highs.HighsModelStatus.kUnbounded:
            return UNBOUNDED, np.empty(0)
        self._solver.clearSolver()
        return self._cold()

    def _load(self, simplex: int):
        rows, columns = len(self.row_low), len(self.cost)
        model = _highs.HighsLp()
        model.num_col_, model.num_row_ = columns, rows
        model.col_cost_, model.col_lower_, model.col_upper_ = self.cost, self.low, self.high
        model.row_lower_, model.row_upper_ = self.row_low, self.row_high
        model.a_matrix_.format_ = _highs.MatrixFormat.kColwise
        model.a_matrix_.num_col_, model.a_matrix_.num_row_ = columns, rows
        model.a_matrix_.start_ = self.matrix.indptr
        model.a_matrix_.index_ = self.matrix.indices
        model.a_matrix_.value_ = self.matrix.data
        solver = _highs._Highs()
        for option, setting in (
            ("output_flag", False),
            ("presolve", "off"),
            ("threads", 1),
            ("simplex_scale_strategy", 0),
            ("simplex_strategy", simplex),
        ):
            solver.setOptionValue(option, setting)
        solver.passModel(model)
        return solver

    def _cold(self) -> tuple[str, np.ndarray]:
        rows = self.matrix.tocsr()
        equal = self.row_low == self.row_high
        answer = linprog(
            self.cost,
            A_eq=rows[equal],
            b_eq=self.row_high[equal],
            A_ub=rows[~equal],
            b_ub=self.row_high[~equal],
            bounds=np.column_stack([self.low, self.high]),
            method="highs",
        )
        if answer.status == 0:
            return OPTIMAL, answer.x
        if answer.status == 3:
            return UNBOUNDED, np.empty(0)
        if answer.status == 2:
            return INFEASIBLE, np.empty(0)
        raise RuntimeError(f"linear programme not solved: {answer.message}")


class Polytope:
    """{z : row_low <= A z <= row_high, floor <= z}, not empty; gives the extremes of single coordinates."""

    def __init__(
        self, matrix: sp.csc_array, row_low: np.ndarray, row_high: np.ndarray, floor: np.ndarray, warm: bool = True
    ) -> None:
        width = len(floor)
        self._programme = Programme(
            matrix, row_low, row_high, floor, np.full(width, np.inf), np.zeros(width), PRIMAL, warm
        )
        self._column = -1

    def extreme(self, column: int, sign: int) -> tuple[float, np.ndarray | None]:
        """The largest (sign=1) or smallest (sign=-1) value of one coordinate and a corner that has it.

        (inf, None) where there is no largest value.
        """
        if self._column >= 0:
            self._programme.set_cost(self._column, 0.0)
        self._programme.set_cost(column, -float(sign))
        self._column = column
        status, corner = self._programme.solve()
        if status == OPTIMAL:
            return float(corner[column]), corner
        if status == UNBOUNDED and sign > 0:
            return np.inf, None
        raise RuntimeError(f"bounds of a hidden figure not found: the programme is {status}")
