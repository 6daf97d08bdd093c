"""Solve the LP or QP of one activation cell directly with HiGHS or Clarabel.

The same mathematics as :mod:`sparseopt.models.cell`, without a modelling layer: an enumeration solves thousands of
cells, and cvxpy would spend ten times the solver's time on each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sparseopt.models.cell import Cell
from sparseopt.models.scalar_fit import ScalarFit

from sparseopt.losses import Loss
from sparseopt.rationals import FloatArray

_QP_TOLERANCES = (1e-9, 1e-8)
"""Degenerate cells now and then miss the tighter one."""


class CellSolver:
    """Minimises the loss of a scalar fit over single cells; keeps the solver between calls."""

    def __init__(self, fit: ScalarFit, weight_limit: float | None = None) -> None:
        self.fit = fit
        self.weight_limit = weight_limit
        self._highs: Any = None

    def solve(self, cell: Cell) -> tuple[float, FloatArray]:
        """(bound, θ): the cell's least scaled loss as the solver proves it, and parameters that reach it.

        Raises
        ------
        ArithmeticError
            If the solver ends without an optimum.
        """
        if self.fit.loss is Loss.L2:
            return self._solve_qp(cell)
        return self._solve_lp(cell)

    def _solve_lp(self, cell: Cell) -> tuple[float, FloatArray]:
        """linf: columns (θ, t); l1: columns (θ, e). Rows: upper and lower errors, then the cone."""
        import highspy
        from scipy import sparse

        fit = self.fit
        count, n = fit.n_points, fit.n_parameters
        uniform = fit.loss is Loss.LINF
        weighted = fit.weights[:, None] * cell.G
        errors = np.ones((count, 1)) if uniform else np.eye(count)
        matrix = np.block(
            [[weighted, -errors], [-weighted, -errors], [-cell.S, np.zeros((len(cell.S), errors.shape[1]))]]
        )
        targets = fit.weights * fit.y
        lp = highspy.HighsLp()
        lp.num_row_, lp.num_col_ = matrix.shape
        lp.col_cost_ = np.concatenate([np.zeros(n), np.ones(errors.shape[1])])
        reach = np.inf if self.weight_limit is None else self.weight_limit
        lp.col_lower_ = np.concatenate([np.full(n, -reach), np.zeros(errors.shape[1])])
        lp.col_upper_ = np.concatenate([np.full(n, reach), np.full(errors.shape[1], np.inf)])
        lp.row_lower_ = np.full(len(matrix), -np.inf)
        lp.row_upper_ = np.concatenate([targets, -targets, np.zeros(len(cell.S))])
        rows = sparse.csr_array(matrix)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = rows.indptr, rows.indices, rows.data
        highs = self._solver()
        highs.passModel(lp)
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise ArithmeticError(f"HiGHS ended a cell's LP with {highs.getModelStatus()}")
        theta = np.array(highs.getSolution().col_value)[:n]
        return float(highs.getInfo().objective_function_value), theta

    def _solver(self) -> Any:
        if self._highs is None:
            import highspy

            self._highs = highspy.Highs()
            self._highs.setOptionValue("output_flag", False)
            self._highs.setOptionValue("presolve", "off")
            self._highs.setOptionValue("threads", 1)
            for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
                self._highs.setOptionValue(name, 1e-9)
        return self._highs

    def _solve_qp(self, cell: Cell) -> tuple[float, FloatArray]:
        """Columns (θ, r): min r² subject to r = √ω (G θ - y), S θ ≥ 0; the bound is the dual objective."""
        import clarabel
        from scipy import sparse

        fit = self.fit
        count, n = fit.n_points, fit.n_parameters
        root = np.sqrt(fit.weights)
        blocks: list[Any] = [np.hstack([root[:, None] * cell.G, -np.eye(count)])]
        sides = [root * fit.y]
        cones: list[Any] = [clarabel.ZeroConeT(count)]
        inequalities = [np.hstack([-cell.S, np.zeros((len(cell.S), count))])]
        limits = [np.zeros(len(cell.S))]
        if self.weight_limit is not None:
            box = np.hstack([np.eye(n), np.zeros((n, count))])
            inequalities += [box, -box]
            limits += [np.full(2 * n, self.weight_limit)]
        if size := sum(map(len, inequalities)):
            cones.append(clarabel.NonnegativeConeT(size))
        P = sparse.csc_matrix(np.diag(np.concatenate([np.zeros(n), np.full(count, 2.0)])))
        A = sparse.csc_matrix(np.vstack(blocks + inequalities))
        b = np.concatenate(sides + limits)
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        for tolerance in _QP_TOLERANCES:
            settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
            answer = clarabel.DefaultSolver(P, np.zeros(n + count), A, b, cones, settings).solve()
            if answer.status == clarabel.SolverStatus.Solved:
                return max(float(answer.obj_val_dual), 0.0), np.array(answer.x)[:n]
        raise ArithmeticError(f"Clarabel ended a cell's QP with {answer.status}")
